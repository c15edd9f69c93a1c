"""A merchant's program from beginning to end: it knows an address and a key of a test book, and has the client and nothing else.

`python -m yuefu.proofs.merchant.program DIRECTORY` reads one line, `{"url", "secret", "orders", "days", "seed", "late"}`, and tells what it did
and what its books say, as one line of JSON at its end. Its receiver is a process beside it, which it has answer 500, answer too late, and
which it kills while messages are in its hands.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from yuefu.proofs.merchant import books, receiver
from yuefu.proofs.merchant.acts import FATES, Sale, Seller
from yuefu.proofs.merchant.books import Books
from yuefu_client import Yuefu, id_of

FIRST_SALE: Final = date(2026, 10, 13)
_ZONE: Final = timezone(timedelta(hours=8))
CARRIED: Final = "carry_over"
"""What a settlement left over and the next one begins with: it was in the transactions of the one before already."""
A_CONSUMER: Final = 6
"""Orders of one consumer."""
SECONDS: Final = 120.0
SECONDS_OF_PATIENCE: Final = 8.0
"""As long as the second try of a message takes to come, and a little; the third comes after minutes."""


class Receiver:
    """The receiver and its moods."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.deaths = 0
        with socket.socket() as probe:
            probe.bind((receiver.HOST, 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "yuefu.proofs.merchant.receiver", str(self.directory), str(self.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        until("the receiver listens", self._listens)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((receiver.HOST, self.port)) == 0

    def be(self, mode: str) -> None:
        (self.directory / "mode.new").write_text(mode, encoding="utf-8")
        (self.directory / "mode.new").replace(self.directory / receiver.MODE)

    def die(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.deaths += 1

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def said(self, word: str) -> int:
        return receiver.answers(self.directory).count(word)

    def received(self) -> list[dict[str, Any]]:
        return receiver.received(self.directory)


def until(what: str, holds: Callable[[], bool], *, seconds: float = SECONDS) -> None:
    """Waits until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"it never came to this: {what}")
        time.sleep(0.05)


class Merchant:
    """The program with its clock, its receiver, and what it sold."""

    def __init__(self, given: dict[str, Any], directory: Path) -> None:
        self._given, self._url = given, given["url"]
        self._dice = random.Random(f"merchant:{given['seed']}")
        self._owner = Yuefu(given["secret"], self._url)
        self._at = datetime.combine(FIRST_SALE, datetime.min.time(), _ZONE) + timedelta(hours=12)
        clock = self._owner.test_helpers.test_clocks.create(frozen_time=self._at, name="a merchant")
        self.clock, self.merchant = clock.id, clock.merchant
        self.client = Yuefu(clock.key.secret, self._url)
        self.seller = Seller(self.client)
        self.hook = Receiver(directory)
        made = self.client.webhook_endpoints.create(url=f"http://{receiver.HOST}:{self.hook.port}/hooks", enabled_events=["*"])
        self.endpoint = made.id
        (directory / receiver.SECRET).write_text(made.secret, encoding="utf-8")
        self.hook.be(receiver.FAIL)
        self.hook.start()
        self._held = 0
        self._sales = self._planned()

    def _planned(self) -> list[Sale]:
        """Every fate in turn, in an order by chance; a consumer buys a few times."""
        fates = [list(FATES)[n % len(FATES)] for n in range(self._given["orders"])]
        self._dice.shuffle(fates)
        bought: Counter[str] = Counter()
        sales, latest = [], {}
        for number, fate in enumerate(fates):
            behaviour = FATES[fate][0]
            if bought[behaviour] % A_CONSUMER == 0:
                email = f"consumer+{behaviour}+m{number}@test.example"
                latest[behaviour] = self.client.test_helpers.consumers.create(email=email).id
            bought[behaviour] += 1
            sales.append(Sale(f"M-{number:04d}", fate, latest[behaviour], self._dice.randrange(200_00, 900_00)))
        return sales

    # ------------------------------------------------------------------------------------------------------------------------ the days

    def live(self) -> None:
        """Days of sales, then days on which what was sold settles and is contested."""
        days = self._given["days"]
        for day in range(days):
            self._day(day, self._sales[day::days])
        for forward in self._given["then"]:
            self._go_on(forward)
            self._evening()

    def _day(self, day: int, sales: list[Sale]) -> None:
        for number, sale in enumerate(sales):
            self._trouble(day, number, len(sales))
            self.seller.sell(sale)
        self._go_on(1)
        self._evening()

    def _trouble(self, day: int, number: int, count: int) -> None:
        """500 over the first orders of all; later in each day the receiver dies with messages in its hands; of other days some are answered late."""
        if day == 0 and number == min(2, count - 1):
            until("a message is answered with 500", lambda: self.hook.said(receiver.FAILED) > 0)
            self.hook.be(receiver.OK)
        if number == count // 2:
            self._held = self.hook.said(receiver.HOLD)
            self.hook.be(receiver.HOLD)
        if number == count // 2 + 1:
            until("a message is held", lambda: self.hook.said(receiver.HOLD) > self._held)
            self.hook.die()
        if number == count // 2 + 2:
            self.hook.be(receiver.LATE if self._given["late"] and day % 2 else receiver.OK)
            self.hook.start()
        if number == count // 2 + 4:
            self.hook.be(receiver.OK)

    def _go_on(self, days: int) -> None:
        """Takes the clock forward."""
        self._at += timedelta(days=days)
        clocks = self._owner.test_helpers.test_clocks
        clocks.advance(self.clock, frozen_time=self._at)
        until("the clock stands where it was asked to", lambda: clocks.retrieve(self.clock).status != "advancing")
        clock = clocks.retrieve(self.clock)
        assert clock.status == "ready", clock

    def _evening(self) -> None:
        """What is done a day later, and about disputes."""
        for sale in self._sales:
            if sale.id:
                self.seller.next_day(sale)
        self.seller.answer({sale.id: sale.fate for sale in self._sales})
        self.seller.appeal()

    # ----------------------------------------------------------------------------------------------------------------------- the books

    def caught_up(self) -> list[str]:
        """The ids of all events, once each of them has come. What came in vain is asked for again, as whoever was down for long does."""
        last = self.client.webhook_endpoints.test(self.endpoint).event
        until("an event that follows all others has come", lambda: last in self._here())
        events = [event.id for event in self.client.events.list(limit=100)]
        try:
            until("nothing waits to be delivered", self._nothing_waits, seconds=SECONDS_OF_PATIENCE)
        except TimeoutError:
            first = datetime.combine(FIRST_SALE, datetime.min.time(), _ZONE)
            self.client.webhook_endpoints.replay(
                self.endpoint, created_from=first, created_before=self._at + timedelta(days=1), only_failed=True
            )
            self.seller.done["replay"] += 1
            until("nothing waits to be delivered after a replay", self._nothing_waits)
        return events

    def _nothing_waits(self) -> bool:
        return not self.client.webhook_endpoints.list_deliveries(self.endpoint, state="waiting", limit=1).data

    def _here(self) -> set[str]:
        return {event["id"] for event in self.hook.received()}

    def of_lists(self) -> Books:
        """What it reads from the lists, page by page; what is listed is what is shown alone."""
        client, found = self.client, books.blank()
        found[books.ORDERS] = {one.id: books.order(one.raw) for one in client.orders.list(limit=7)}
        found[books.CAPTURES] = {
            one.id: {"order": id_of(one.order), "amount": one.amount, "amount_refunded": one.amount_refunded}
            for one in client.captures.list(limit=11)
        }
        for refund in client.refunds.list(limit=5):
            page = found[books.REFUNDS].setdefault(id_of(refund.order), {"count": 0, "amount": 0})
            page["count"] += 1
            page["amount"] += refund.amount
        found[books.LOANS] = {one.id: {"state": one.state, "order": one.order, "amount": one.amount} for one in client.loans.list(limit=13)}
        found[books.DISPUTES] = {one.id: books.dispute(one.raw) for one in client.disputes.list(limit=3)}
        found[books.PAYOUTS] = {one.id: books.payout(one.raw) for one in client.payouts.list(limit=2)}
        found[books.SESSIONS] = {one.id: books.session(one.raw) for one in client.checkout_sessions.list(limit=3) if one.state != "open"}
        return found

    def money(self) -> tuple[dict[str, int], list[str]]:
        """Where its money is, and what of it does not add up."""
        client, wrong = self.client, []
        entries = list(client.balance_transactions.list(limit=17))
        payouts = list(client.payouts.list(limit=100))
        for payout in payouts:
            net = sum(one.net for one in client.balance_transactions.list(payout=payout.id, limit=9))
            if net != payout.amount:
                wrong.append(f"payout {payout.id}: {payout.amount}, its balance transactions {net}")
        balance = client.balance.retrieve()
        here = {name: sum(one.amount for one in getattr(balance, name)) for name in ("pending", "available", "in_transit", "held")}
        paid = sum(one.amount for one in payouts if one.state == "paid")
        net = sum(one.net for one in entries if one.reporting_category != CARRIED)
        if net != sum(here.values()) + paid:
            wrong.append(f"balance transactions come to {net}, the balance {here} and what was paid {paid}")
        for month in client.statements.list():
            statement = client.statements.retrieve(month.id)
            listed = [one for one in client.settlements.list(limit=50) if one.pay_on.strftime("%Y-%m") == statement.month]
            told = sum(one.figures.net for one in listed)
            if statement.figures.net - statement.figures.carried_in != told - sum(one.figures.carried_in for one in listed):
                wrong.append(f"statement {month.id}: {statement.figures.net}, its settlements {told}")
            client.statements.download(month.id, "csv")
            self.seller.done["statement"] += 1
        return {**here, "paid": paid, "payouts": len(payouts), "transactions": len(entries)}, wrong

    def told(self) -> dict[str, Any]:
        """All of it, for whoever compares."""
        events = self.caught_up()
        received = self.hook.received()
        money, wrong = self.money()
        here = self._here()
        return {
            "merchant": self.merchant,
            "actions": dict(sorted(self.seller.done.items())),
            "events": len(events),
            "delivered": sum(one in here for one in events),
            "duplicates": self.hook.said(receiver.TWICE),
            "answered_late": self.hook.said(receiver.LATE),
            "forged": self.hook.said(receiver.FORGED),
            "receiver_deaths": self.hook.deaths,
            "money": money,
            "wrong": wrong + self.seller.differing,
            "of_events": books.of_events(received),
            "of_lists": self.of_lists(),
        }

    def failed_tries(self) -> int:
        """Tries of messages that were not taken, as the log of deliveries tells them."""
        deliveries = self.client.webhook_endpoints.list_deliveries(self.endpoint, limit=100)
        return sum(one.outcome != "delivered" for delivery in deliveries for one in delivery.tries)


def main() -> None:
    given = json.loads(sys.stdin.readline())
    merchant = Merchant(given, Path(sys.argv[1]))
    try:
        merchant.live()
        found = merchant.told()
        sys.stdout.write(json.dumps({**found, "failed_tries": merchant.failed_tries()}) + "\n")
    finally:
        merchant.hook.end()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
