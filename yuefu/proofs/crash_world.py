"""The world of the crash proof: shops with API keys, people with money and without, and loans of which a part is due today."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from yuefu.proofs.shoppers import Shop
from yuefu.proofs.victim import DUE, FIRST_DAY, REPAYMENT_DAY, ZONE
from yuefu.runtime import provision

RICH, POOR, LOANS = 40, 2, 60
SCOPES: Final = ("order.authorise", "order.capture", "order.read", "order.refund", "order.void")


@dataclass(frozen=True, slots=True)
class Made:
    book: Any
    shops: tuple[Shop, ...]
    loans: tuple[str, ...]


def _silent(_text: str) -> None:
    return None


def prepare(database_url: str, *, random_bytes: Callable[[int], bytes]) -> Made:
    """Migrates the database of `database_url`, sets Django up for it, and makes the world, whose clock stands at noon of the due day."""
    provision.migrate(database_url, say=_silent)
    import django

    django.setup()
    from yuefu import ids
    from yuefu.access import commands as access
    from yuefu.journeys.desk import open_day
    from yuefu.runtime import books, logs, vault
    from yuefu.runtime.values import UnitOfWork
    from yuefu.sim import world

    logs.configure(level="ERROR")
    sealed = vault.create(Path(os.environ["YUEFU_KEYS_FILE"]))
    made = world.found(first_day=FIRST_DAY, seed=1, vault=sealed, months=2, code="prove", people=False)
    noon = datetime.combine(FIRST_DAY, time(12), ZONE)
    people = _people(made.desk, noon, LOANS + len(made.shops) * (RICH + POOR))
    loans = _lend(made, noon, people[:LOANS])
    desk = world.at(made.desk, datetime.combine(DUE, time(0, 10), ZONE))
    _close_until_due(desk)
    now = datetime.combine(DUE, time(12), ZONE)
    desk = world.at(desk, now)
    with open_day(desk, now) as work:
        assert isinstance(work, UnitOfWork)
        new = [access.NewApiKey(shop, SCOPES) for shop in made.shops]
        issued = access.issue_api_keys(work=work, api_keys=new, random_bytes=random_bytes)
    shops = []
    for n, key in enumerate(issued):
        assert isinstance(key, access.IssuedKey), key
        first = LOANS + n * (RICH + POOR)
        mine = [ids.text("consumer", one) for one in people[first : first + RICH + POOR]]
        shops.append(Shop(key.secret, tuple(mine[:RICH]), tuple(mine[RICH:])))
    book = books.by_id(desk.book.id)
    assert book is not None
    return Made(book, tuple(shops), tuple(str(loan) for loan in loans))


def _people(desk: Any, now: datetime, count: int) -> list[UUID]:
    """Consumers with a credit account; the last of each shop's have a limit that is enough for nothing."""
    from yuefu.consumers import commands as consumers
    from yuefu.credit import commands as credit
    from yuefu.credit.commands import OpenAccount
    from yuefu.journeys.desk import open_day
    from yuefu.money.amounts import Money
    from yuefu.runtime.values import UnitOfWork
    from yuefu.sim import people

    adults = [people.customer(number=f"{n:05d}", seed=1, as_of=FIRST_DAY) for n in range(1, count + 1)]
    with open_day(desk, now) as work:
        assert isinstance(work, UnitOfWork)
        made = consumers.register(work=work, vault=desk.vault, consumers=[adult.new for adult in adults])
        ids = [one for one in made if isinstance(one, UUID)]
        assert len(ids) == count, "each of them is a new one"
        poor = {n for n in range(LOANS, count) if (n - LOANS) % (RICH + POOR) >= RICH}
        lines = [
            OpenAccount(f"prove:{i}", i, Money(1_00 if n in poor else 90_000_000_00, "CNY"), REPAYMENT_DAY, REPAYMENT_DAY, 1)
            for n, i in enumerate(ids)
        ]
        credit.open_accounts(work=work, accounts=lines)
    return ids


def _lend(made: Any, now: datetime, people: Sequence[UUID]) -> list[UUID]:
    """A captured purchase for each."""
    from yuefu.journeys import checkout
    from yuefu.journeys.checkout import Authorised, Captured, Purchase, Quoted, Wish
    from yuefu.money.amounts import Money
    from yuefu.orders.commands import CaptureRequest

    wishes = [Wish(made.shops[n % 3], one, "flex" if n % 2 else "free", Money(3_000_00, "CNY"), 3) for n, one in enumerate(people)]
    shown = [q for q in checkout.quote(desk=made.desk, now=now, wishes=wishes) if isinstance(q, Quoted)]
    assert len(shown) == len(people), "every wish has its price"
    purchases = [
        Purchase(f"base:{n}", w.merchant_id, f"B{n}", one, q.quote_id)
        for n, (w, one, q) in enumerate(zip(wishes, people, shown, strict=True))
    ]
    orders = [o for o in checkout.authorise(desk=made.desk, now=now, purchases=purchases) if isinstance(o, Authorised)]
    captures = [CaptureRequest(f"base:{n}", w.merchant_id, o.order_id) for n, (w, o) in enumerate(zip(wishes, orders, strict=True))]
    taken = [c for c in checkout.capture(desk=made.desk, now=now, requests=captures) if isinstance(c, Captured)]
    assert len(taken) == len(people), "every order is captured"
    return [c.loan_id for c in taken]


def _close_until_due(desk: Any) -> None:
    from yuefu.journeys import close_of_day
    from yuefu.journeys.close_of_day import Closed

    on = FIRST_DAY
    while on < DUE:
        on += timedelta(days=1)
        closed = close_of_day.close_day(desk=desk, now=datetime.combine(on, time(0, 10), ZONE))
        assert isinstance(closed, Closed), closed


def give_jobs() -> None:
    """Something for the worker to do; what waits already need not wait twice."""
    from procrastinate.exceptions import AlreadyEnqueued

    from yuefu.journeys import jobs

    given: list[Any] = [jobs.close_days, jobs.poll_gateways, jobs.expire_authorisations, jobs.keep_ledger]
    for job in given:
        with contextlib.suppress(AlreadyEnqueued):
            job.defer(timestamp=0)


def a_minute_later(book: Any) -> None:
    """Moves the clock of the book on."""
    from yuefu.runtime import books, sql

    with sql.transacting():
        books.move_clock(book=book, to=books.now_in(books.by_id(book.id) or book) + timedelta(minutes=1))


def end_the_day(book: Any) -> None:
    """Moves the clock of the book past the cut-off of its open day: whoever closes days has one to close."""
    from yuefu.runtime import books, days, sql

    opened = days.open_date(book.id)
    assert opened is not None
    with sql.transacting():
        books.move_clock(book=book, to=datetime.combine(opened + timedelta(days=1), book.cut_off, book.tz) + timedelta(minutes=10))


def days_closed(book: Any) -> int:
    """How many days have closed since the world was made."""
    from yuefu.runtime import days

    return sum(days.state_of(book.id, on) == "closed" for on in days.past(book_id=book.id, since=DUE))


def forget_connections() -> None:
    """Connections of before a restart of the database."""
    from django.db import connections

    connections.close_all()
