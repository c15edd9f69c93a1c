"""Plays days of the purchase log through the journeys: people arrive, buy, return, repay or do not; banks write files; days close.

One day: bills in the morning, purchases at noon, captures and voids, refunds, repayments in the evening, the withdrawal at night, and after
cut-off all that its close posts. Meanwhile the night before (see `shifts`) proves and reconciles yesterday, and settles with the merchants,
and the reception (see `reception`) registers who will buy for the first time tomorrow. Each act is a handful of batches, whatever the day
holds.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys import billing, checkout, close_of_day, refund, repayment, settlement, trace
from yuefu.journeys.checkout import Authorised, Purchase, Quoted, Wish
from yuefu.journeys.desk import Desk
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.ledger import queries as entries
from yuefu.loans import queries as loans
from yuefu.loans.queries import Due
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.orders.commands import CaptureRequest, RefundRequest, VoidRequest
from yuefu.payments import queries as payments
from yuefu.reconciliation import queries as bills
from yuefu.runtime import sql
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.beside import Beside
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.vault import Vault
from yuefu.settlement import queries as statements
from yuefu.sim import people, purchases, world
from yuefu.sim.faults import CLASSES
from yuefu.sim.people import Customer
from yuefu.sim.purchases import LoggedPurchase
from yuefu.sim.shifts import Place
from yuefu.sim.world import World

BATCH: Final = 500

UNHEARD_EVERY: Final = 20
"""In a world with faults a payment in so many days is one of which the channel says that it failed, and its bills that it was paid."""
_ANALYSED: Final = (1, 5, 15)
"""After which days the planner's statistics are renewed: a world that grows from nothing would else be planned as empty. Later the
database does so itself."""


@dataclass(slots=True)
class _Plans:
    """What will be done with orders on later days."""

    capture: dict[date, list[CaptureRequest]] = field(default_factory=dict)
    refund: dict[date, list[RefundRequest]] = field(default_factory=dict)

    @staticmethod
    def add(plan: dict[date, list[Any]], on: date, request: object) -> None:
        plan.setdefault(on, []).append(request)


class Play:
    """A world being lived in, day by day."""

    def __init__(self, *, made: World, seed: int, as_of: date, night: Beside, reception: Beside, faults: bool) -> None:
        self.desk = made.desk
        self._night = night
        self._reception = reception
        self._shops = made.shops
        self._as_of = as_of
        self._dice = random.Random(f"{seed}:play")
        self._people: dict[str, Customer] = {}
        self._ids: dict[str, UUID] = {}
        self._by_id: dict[UUID, Customer] = {}
        self._expected: set[str] = set()
        self._plans = _Plans()
        self._faults = faults
        self._unheard_on = date.min
        self._unheard: list[UUID] = []

    # ------------------------------------------------------------------------------------------------------------------- one day

    def expect(self, *, on: date, buying: Sequence[LoggedPurchase]) -> None:
        """Has the reception register, in the morning of a day, those among the buyers who are new; `meet` waits for it."""
        fresh = sorted({p.customer for p in buying} - self._expected)
        self._expected.update(fresh)
        self._reception.tell("welcome", fresh, on)

    def meet(self) -> None:
        """Those who were expected are known from now on."""
        for one, consumer_id in self._reception.answer():
            self._people[one.number], self._ids[one.number], self._by_id[consumer_id] = one, consumer_id, one

    def day(self, *, on: date, bought: Sequence[LoggedPurchase], tomorrow: Sequence[LoggedPurchase], close: bool) -> None:
        """Everything that happens on one day; with `close` also its end. Those who buy have been met, those of tomorrow will have been."""
        self.expect(on=on, buying=tomorrow)
        billing.make(desk=self.desk, now=self._at(on, time(9)))
        approved = self._buy(bought, self._at(on, time(12)))
        self._deliver(on, approved, self._at(on, time(15)))
        self._take_back(on, self._at(on, time(17)))
        self._collect(on)
        self._night.answer()
        self.meet()
        self._withdraw(on, self._at(on, time(23)))
        if close:
            self._close(on)

    def _close(self, on: date) -> None:
        """The end of a day: the roll-over and all that is posted to it; its night begins."""
        night = self._at(on + timedelta(days=1), time(0, 10))
        refused = close_of_day.post_day(desk=self.desk, now=night, on=on)
        assert refused is None, refused
        told = payments.collections(book_id=self.desk.book.id, ids=self._unheard)
        self._night.tell("work", on, on < self._as_of, [told[one].reference for one in self._unheard])
        self._unheard = []

    def _at(self, on: date, at: time) -> datetime:
        now = datetime.combine(on, at, self.desk.book.tz)
        self.desk = world.at(self.desk, now)
        return now

    # -------------------------------------------------------------------------------------------------------------------- its acts

    def _buy(self, bought: Sequence[LoggedPurchase], now: datetime) -> list[tuple[LoggedPurchase, Authorised]]:
        """Quotes, then authorises in batches. One in a hundred merchants' calls is sent twice, as calls are."""
        wishes = [Wish(self._shop_of(p), self._ids[p.customer], _product(p), p.amount, p.periods) for p in bought]
        quoted = checkout.quote(desk=self.desk, now=now, wishes=wishes)
        sent = [
            Purchase(
                key=f"cdnow:{p.number}",
                merchant_id=wish.merchant_id,
                merchant_reference=f"CD{p.number:06d}",
                consumer_id=self._ids[p.customer],
                quote_id=q.quote_id,
                channel=world.channel_of(self._people[p.customer].shop),
            )
            for p, wish, q in zip(bought, wishes, quoted, strict=True)
            if isinstance(q, Quoted)
        ]
        assert len(sent) == len(bought), [q for q in quoted if isinstance(q, Refused)]
        approved = []
        for start in range(0, len(sent), BATCH):
            batch = sent[start : start + BATCH]
            again = batch[:: max(len(batch) // 3, 1)][:2]
            outcomes = checkout.authorise(desk=self.desk, now=now, purchases=[*batch, *again])
            for purchase, outcome in zip(bought[start : start + BATCH], outcomes, strict=False):
                assert isinstance(outcome, Authorised), outcome
                if outcome.approved:
                    approved.append((purchase, outcome))
        return approved

    def _deliver(self, on: date, approved: Sequence[tuple[LoggedPurchase, Authorised]], now: datetime) -> None:
        """Most goods leave at once; some later or in two parts, some orders are cancelled, some are forgotten and expire."""
        today, voids = list(self._plans.capture.pop(on, [])), []
        for purchase, order in approved:
            fate = self._dice.random()
            key, shop = f"cdnow:{purchase.number}", self._shop_of(purchase)
            if fate < 0.95:
                today.append(CaptureRequest(key, shop, order.order_id))
            elif fate < 0.97 and order.amount.minor >= 10 * purchase.periods:
                half = Money(order.amount.minor // 2, order.amount.currency)
                today.append(CaptureRequest(f"{key}:1", shop, order.order_id, half))
                self._plans.add(self._plans.capture, on + timedelta(days=2), CaptureRequest(f"{key}:2", shop, order.order_id))
            elif fate < 0.985:
                self._plans.add(self._plans.capture, on + timedelta(days=3), CaptureRequest(key, shop, order.order_id))
            elif fate < 0.995:
                voids.append(VoidRequest(key, shop, order.order_id))
            if fate < 0.95 and self._dice.random() < 0.03:
                part = None if self._dice.random() < 0.5 else Money(max(order.amount.minor // 3, 1), order.amount.currency)
                back = on + timedelta(days=self._dice.randint(1, 45))
                self._plans.add(self._plans.refund, back, RefundRequest(key, shop, order.order_id, part))
        _sure(checkout.capture(desk=self.desk, now=now, requests=today))
        _sure(checkout.void(desk=self.desk, now=now, requests=voids))

    def _shop_of(self, purchase: LoggedPurchase) -> UUID:
        return self._shops[self._people[purchase.customer].shop]

    def _take_back(self, on: date, now: datetime) -> None:
        _sure(refund.refund(desk=self.desk, now=now, requests=self._plans.refund.pop(on, [])))

    def _collect(self, on: date) -> None:
        """People pay what is due, each in their own way; what the channel did not answer is asked for an hour later."""
        for attempt, at in ((1, time(19)), (2, time(20, 30))):
            now = self._at(on, at)
            due = loans.due(self.desk.book.id, on)
            requests = self._told_wrongly(
                on, [r for d in due if (r := self._payment(d, on, attempt))], {d.loan_id: d.consumer_id for d in due}
            )
            for start in range(0, len(requests), 4 * BATCH):
                batch = requests[start : start + 4 * BATCH]
                for request, outcome in zip(batch, repayment.repay(desk=self.desk, now=now, requests=batch), strict=True):
                    assert isinstance(outcome, Repaid), outcome
                    if people.is_told_wrongly(request.instrument):
                        self._unheard.append(outcome.collection_id)
            repayment.poll(desk=self.desk, now=self._at(on, (datetime.combine(on, at) + timedelta(hours=1)).time()))

    def _told_wrongly(self, on: date, requests: list[RepayRequest], payers: Mapping[UUID, UUID]) -> list[RepayRequest]:
        """Now and then one of the payments is by a card of which the channel does not say the truth; not when nobody would look at its bill in time."""
        chosen = next((n for n, request in enumerate(requests) if request.instrument.endswith(":ok")), None)
        if (
            not self._faults
            or chosen is None
            or on - self._unheard_on < timedelta(days=UNHEARD_EVERY)
            or on >= self._as_of - timedelta(days=1)
        ):
            return requests
        self._unheard_on = on
        one = self._by_id[payers[requests[chosen].loan_id]]
        return [*requests[:chosen], replace(requests[chosen], instrument=people.told_wrongly(one)), *requests[chosen + 1 :]]

    def _payment(self, due: Due, on: date, attempt: int) -> RepayRequest | None:
        one = self._by_id[due.consumer_id]
        late = (on - due.oldest_due_on).days
        if one.habit == "never" or (one.habit == "late" and late < one.lag_days):
            return None
        if attempt == 2 and one.habit != "short_of_money":
            return None
        amount: Money | None = None  # all that is due, with what being late has cost by today
        if one.habit == "partial" and late < 3:
            if late:
                return None
            amount = Money(max(due.amount.minor // 2, 1), due.amount.currency)
        if one.habit == "generous":
            amount = due.amount + Money(5_00, due.amount.currency)
        return RepayRequest(f"{due.loan_id}:{on}:{attempt}", due.loan_id, amount, people.instrument(one, attempt))

    def _withdraw(self, on: date, now: datetime) -> None:
        moved = settlement.withdraw(desk=self.desk, now=now, key=f"withdrawal:{on}")
        assert not isinstance(moved, Refused), moved


def _product(purchase: LoggedPurchase) -> str:
    """Small purchases are interest-free, the largest bear interest, half of those between."""
    if purchase.periods == 3:
        return "free"
    return "flex" if purchase.periods == 12 or purchase.number % 2 else "free"


def _sure(outcomes: Sequence[object]) -> None:
    wrong = [o for o in outcomes if isinstance(o, Refused | Quarantined)]
    assert not wrong, wrong[:3]


# ---------------------------------------------------------------------------------------------------------------------------- the whole


def play(
    *,
    days: int,
    seed: int,
    as_of: date,
    faults: float,
    vault: Vault,
    out: Path | None = None,
    close_last: bool = True,
    progress: Callable[[int, int, int], None] | None = None,
    spoil_a_file_every: int = 0,
) -> dict[str, Any]:
    """Plays `days` days ending with `as_of` on the present database and proves the result. `out` is where the truth is written and what was found
    of it; a whole file is spoilt every so many days.

    Returns figures, proofs and faults, ready to be printed as JSON, and `logins` for whoever serves the world. With `close_last`
    false the last day stays open, so that there is a today to look at. `progress` hears after each day how many are done, of how
    many, and how many orders were placed by then.
    """
    began = stopwatch()
    log = purchases.load(days=days, as_of=as_of)
    first = as_of - timedelta(days=days - 1)
    made = world.found(first_day=first, seed=seed, vault=vault, months=days // 28 + 2)
    place = Place(made.desk.book.id, vault, seed, as_of, faults, spoil_a_file_every)
    with Beside("yuefu.sim.shifts:Shifts", place) as night, Beside("yuefu.sim.reception:Reception", place) as reception:
        player = Play(made=made, seed=seed, as_of=as_of, night=night, reception=reception, faults=faults > 0)
        player.expect(on=first, buying=log.purchases.get(first, []))
        player.meet()
        placed = 0
        for number in range(days):
            on = first + timedelta(days=number)
            bought, tomorrow = (log.purchases.get(day, []) for day in (on, on + timedelta(days=1)))
            player.day(on=on, bought=bought, tomorrow=tomorrow, close=close_last or on < as_of)
            placed += len(bought)
            if number in _ANALYSED:
                _analyse()
            if progress:
                progress(number + 1, days, placed)
        night.answer()
        injected = night.call("truth")
        expected, spoilt, said, unchained = night.call("faults")
        night.tell("verified")
        proven_until = as_of if close_last else as_of - timedelta(days=1)
        figures = _figures(player.desk)
        proofs = _proofs(player.desk, proven_until) | {"ledger_verified": night.answer()}
        found = _found(player.desk)
    if out is not None:
        _write(out / "truth.json", injected)
        _write(out / "found.json", found)
        lists = {"breaks": expected, "files": spoilt, "said": said}
        _write(out / "faults.json", {name: list(map(asdict, told)) for name, told in lists.items()} | {"unchained": unchained})
    seconds = stopwatch() - began
    return {
        "book": made.desk.book.code,
        "days": days,
        "seed": seed,
        "as_of": as_of.isoformat(),
        "skipped_zero_rows": log.skipped_zero_rows,
        **figures,
        "seconds": round(seconds, 2),
        "orders_per_second": round(figures["orders"] / seconds, 1),
        "proofs": proofs,
        "faults": {
            "injected": {cls: len(injected.get(cls, [])) for cls in CLASSES},
            "found": {cls: len(found.get(cls, [])) for cls in CLASSES},
            "same_references": {cls: sorted(injected.get(cls, [])) == sorted(found.get(cls, [])) for cls in CLASSES},
        },
        "logins": [{"role": x.role, "login": x.login, "password": x.password} for x in made.logins],
    }


def _write(path: Path, told: Mapping[str, Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1, default=str), encoding="utf-8")


def holds(result: Mapping[str, Any]) -> bool:
    """Whether every proof of a result holds and the faults found are those injected."""
    proofs = result["proofs"]
    done, _, total = proofs["orders_traced"].partition("/")
    others = all(value for name, value in proofs.items() if name != "orders_traced")
    return others and done == total and all(result["faults"]["same_references"].values())


def _analyse() -> None:
    """Fresh statistics for the planner."""
    with sql.owning():
        sql.run("ANALYZE")


def _figures(desk: Desk) -> dict[str, int]:
    counted = orders.totals(desk.book.id)
    loan_count, _, _, repaid, _ = loans.totals(desk.book.id)
    return {
        "orders": counted["orders"],
        "approved": counted["approved"],
        "declined": counted["declined"],
        "captured": counted["captured"],
        "refunds": counted["refunds"],
        "loans": loan_count,
        "repayments": repaid,
        "settlements": statements.batch_count(book_id=desk.book.id),
        "entries": entries.entries_posted(desk.book.id),
    }


def _proofs(desk: Desk, until: date) -> dict[str, Any]:
    """The proofs of the whole world, by the same code that proves a day."""
    from yuefu.journeys import proving

    with sql.snapshot():
        proven = proving.prove(book=desk.book)
        traced = trace.traced_orders(book_id=desk.book.id, as_of=until)
        bridges = [b for b in bills.day_bridges(book_id=desk.book.id) if b.on <= until]
        lines, movements = bills.unclassified(book_id=desk.book.id, through=until)
    closed = all(b.state == "done" and b.residual is not None and b.residual.minor == 0 for b in bridges)
    return {
        "trial_balance_zero": proven["trial_balance_zero"].holds,
        "subledgers_equal_control": proven["subledgers_equal_control"].holds,
        "nothing_unposted": proven["nothing_unposted"].holds,
        "orders_traced": f"{traced.complete}/{traced.total}",
        "statements_add_up": proven["statements_add_up"].holds,
        "client_money": proven["client_money"].holds and not proven["client_money"].detail["shortfall"],
        "bills_reconciled": bool(bridges) and closed and lines == 0 and movements == 0,
    }


def _found(desk: Desk) -> dict[str, list[str]]:
    return bills.found_by_class(book_id=desk.book.id)
