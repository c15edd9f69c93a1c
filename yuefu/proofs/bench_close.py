"""`yuefu bench close-of-day`: two days of a book of many loans, as the product closes them.

The book is filled (`loan_book_fill`) as it stands by the end of 28 April 2026. On the 29th, and on the 30th, on which more falls due than on any
other day of the month, those pay who are due and pay on their day; then the day is closed by two workers, with all its postings and proofs. A
book of a tenth of the loans goes before, for what a loan takes in a book of another size.
"""

from __future__ import annotations

import random
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import psutil

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import close_of_day, founding
from yuefu.journeys.close_of_day import Closed
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.founding import Founded, NewBook
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, Line, Posted
from yuefu.loans.commands import living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.queries import keeping
from yuefu.loans.rules import Party
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.rules import CHANNEL
from yuefu.plans.lifecycle.events import Disbursed, Event, Paid
from yuefu.plans.lifecycle.tally import told
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.proofs import loan_book_fill
from yuefu.proofs.loan_book_lives import CURRENCY, NOT_PAYING_ONE_IN
from yuefu.runtime import sql, vault
from yuefu.runtime.beside import Beside
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.values import Book, UnitOfWork, system_actor
from yuefu.runtime.vault import Vault

LOANS: Final = 100_000
BYTES_A_LOAN: Final = 16_000
"""Room that each takes on disk, with its part of the log."""

ORDINARY, MONTH_END = date(2026, 4, 29), date(2026, 4, 30)
WORKERS: Final = 2
PAYERS: Final = 4
"""More than there are processors, as of who serves payments: one computes while another waits for the database or for the disk."""
SMALLER: Final = 10
BATCH: Final = 1_000
EVENTS: Final = 2_400
_ROUNDS: Final = 5
_MONTHS: Final = 3
_FEW: Final = 500
_ZONE: Final = ZoneInfo("Asia/Shanghai")
_SAMPLE_S: Final = 0.2

Say = Callable[[str], None]
Progress = Callable[[int, int], None]
Watch = Callable[[str], AbstractContextManager[Progress]]
"""Shows how far something is that is under way: given its name, a bar."""


def unwatched(name: str) -> AbstractContextManager[Progress]:
    """Nobody watches."""
    del name
    return nullcontext(_unseen)


def _unseen(done: int, total: int) -> None:
    del done, total


def measure(say: Say, *, loans: int = LOANS, watch: Watch = unwatched, events: int = EVENTS) -> dict[str, Any]:
    """All figures, `events` of the one long loan; `detail` has what each is made of. Raises AssertionError for a close that is refused, by a proof or else."""
    with TemporaryDirectory() as directory:
        keys = vault.create(Path(directory) / "keys.json")
        small = _Days(keys, loans // SMALLER, watch)
        say(f"a book of {small.loans:,} loans")
        small.day(ORDINARY)
        large = _Days(keys, loans, watch)
        say(f"a book of {large.loans:,} loans")
        large.day(ORDINARY)
        say("the end of the month")
        large.day(MONTH_END)
        say(f"a loan of {events:,} events")
        told_anew = reproject(keys, events)
    ordinary, month_end = large.closes[ORDINARY], large.closes[MONTH_END]
    each = [of.closes[ORDINARY]["seconds"] / of.loans for of in (large, small)]
    paid = list(large.paid.values())
    return {
        "ordinary_day_s": round(ordinary["seconds"], 2),
        "month_end_s": round(month_end["seconds"], 2),
        "python_peak_mb": max(ordinary["python_peak_mb"], month_end["python_peak_mb"]),
        "generate_s": round(large.generated["seconds"], 1),
        "repayments_per_s": round(sum(day["repayments"] for day in paid) / sum(day["seconds"] for day in paid), 1),
        "reproject_2400_events_s": told_anew["entered_s"],
        "per_loan_ratio_1m_100k": round(each[0] / each[1], 2),
        "detail": {"loans": loans, "reproject": told_anew, "book": large.told(), "smaller_book": small.told()},
    }


class _Days:
    """A filled book and its days, each with what was measured of it."""

    def __init__(self, keys: Vault, loans: int, watch: Watch) -> None:
        self.loans = loans
        self.generated: dict[str, Any] = {}
        self.paid: dict[date, dict[str, Any]] = {}
        self.closes: dict[date, dict[str, Any]] = {}
        self._watch, self._keys = watch, keys
        self._desk = new_desk(keys, ORDINARY, f"close-{loans}")
        self._generate()

    def told(self) -> dict[str, Any]:
        """All that was measured."""
        days = {str(on): {"paid": self.paid[on], "close": self.closes[on]} for on in self.closes}
        return {"loans": self.loans, "generate": self.generated, **days}

    def _generate(self) -> None:
        with open_day(self._desk, noon(ORDINARY)) as work:
            assert isinstance(work, UnitOfWork), work
        began = stopwatch()
        with self._watch("loans") as progress, peak_of_python() as peak:
            loan_book_fill.fill(work=work, loans=self.loans, progress=progress)
        seconds, began = stopwatch() - began, stopwatch()
        loan_book_fill.settle()
        self.generated = {"seconds": round(seconds, 2), "vacuum_s": round(stopwatch() - began, 2), "python_peak_mb": peak()}

    def day(self, on: date) -> None:
        """Those pay who are due, then the day is closed."""
        self._pay(on)
        self._close(on)

    def _pay(self, on: date) -> None:
        due = paying_on(self._desk.book, on)
        with ExitStack() as stack, self._watch("repayments") as progress, peak_of_python() as peak:
            given = (self._desk.book, self._keys, on)
            payers = [stack.enter_context(Beside("yuefu.proofs.bench_close:Payer", given)) for _ in range(PAYERS)]
            for number, payer in enumerate(payers):
                payer.call("take", due[number::PAYERS])
            warm = sum(payer.call("warm_up") for payer in payers)
            began, log = stopwatch(), _log_written()
            for payer in payers:
                payer.tell("pay")
            count = sum(payer.answer() for payer in payers)
            seconds = stopwatch() - began
            progress(warm + count, max(len(due), 1))
        assert warm + count == len(due), "whoever is due can pay"
        found = {"repayments": count, "seconds": round(seconds, 3), "batch": BATCH, "python_peak_mb": peak()}
        self.paid[on] = {**found, "log_mb": _log_written() - log}

    def _close(self, on: date) -> None:
        began, log, at = stopwatch(), _log_written(), {"": 0.0}
        with self._watch("chunks of loans") as progress, peak_of_python() as peak:

            def tell(step: str, done: int, total: int) -> None:
                at[step] = stopwatch() - began
                progress(done, total)

            closed = close_of_day.close_day(desk=self._desk, now=midnight_after(on), on=on, workers=WORKERS, tell=tell)
            seconds = stopwatch() - began
        assert isinstance(closed, Closed), closed
        steps = {f"until_{step}_s": round(moment, 2) for step, moment in at.items() if step}
        found = {"seconds": round(seconds, 3), **steps, "python_peak_mb": peak(), "log_mb": _log_written() - log}
        self.closes[on] = {**found, **_counts(self._desk.book, on)}


def _log_written() -> int:
    """Megabytes of write-ahead log that the server has written since it was made."""
    return int(sql.value("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') / 1024 / 1024"))


def _counts(book: Book, on: date) -> dict[str, Any]:
    """What the close of a day did, so that it can be seen that it did it."""
    (loans,) = sql.rows('SELECT sum(loans)::bigint FROM loans_stand WHERE book_id = %s AND "on" = %s', [book.id, on])[0]
    opened, late, stuck = sql.rows(
        "SELECT count(*) FILTER (WHERE since = %s), count(*) FILTER (WHERE late_since IS NOT NULL), count(*) FILTER (WHERE stuck)"
        " FROM loans_stretch WHERE book_id = %s AND replaced_on = %s",
        [on, book.id, keeping.NEVER],
    )[0]
    brought = sql.rows(
        'SELECT kind, sum(minor)::bigint FROM loans_brought WHERE book_id = %s AND "on" = %s GROUP BY kind ORDER BY kind', [book.id, on]
    )
    return {"loans": loans, "opened": opened, "late": late, "stuck": stuck, "brought_minor": dict(brought)}


# --------------------------------------------------------------------------------------------------------------------- what it works in


def new_desk(keys: Vault, on: date, code: str) -> Desk:
    """A book of its own at noon of a day."""
    ids, by = IdSource(secrets.randbits), system_actor("bench")
    new = NewBook(f"{code}-{secrets.token_hex(4)}", "Bench", "test", on)
    made = founding.found(new=new, now=noon(on), by=by, ids=ids, months=_MONTHS)
    assert isinstance(made, Founded), made
    return Desk(made.book, by, ids, keys, SandboxChannel(made.book), SandboxBank(made.book))


def noon(on: date) -> datetime:
    return datetime.combine(on, time(12), _ZONE)


def midnight_after(on: date) -> datetime:
    return datetime.combine(on + timedelta(days=1), time(0, 0, 1), _ZONE)


@contextmanager
def peak_of_python() -> Iterator[Callable[[], int]]:
    """How many megabytes this process and the ones that it started for itself had at most meanwhile, together; asked for at the end."""
    done, most, ours = threading.Event(), [0], psutil.Process()

    def watch() -> None:
        while True:
            most[0] = max(most[0], sum(map(_resident, [ours, *_started(ours)])))
            if done.wait(_SAMPLE_S):
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield lambda: round(most[0] / 2**20)
    finally:
        done.set()
        watching.join()


def _started(ours: psutil.Process) -> list[psutil.Process]:
    """Processes of Python below ours; the database that was started for it is none."""
    return [one for one in ours.children(recursive=True) if _name(one).startswith("python")]


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:  # it has ended meanwhile
        return ""


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


# ----------------------------------------------------------------------------------------------------------------------------- repayments


@dataclass(frozen=True, slots=True)
class Due:
    """What a loan asks on a day."""

    loan_id: UUID
    amount: Money


def paying_on(book: Book, on: date) -> list[Due]:
    """Loans that are not late and have something due on a day, but for a few who do not pay, in an order of nobody's choice."""
    unsettled = " + ".join(f"d.{part}_minor - d.{part}_settled_minor" for part in ("principal", "interest", "fees", "penalties"))
    found = sql.rows(
        f"SELECT d.loan_id, sum({unsettled})::bigint FROM loans_due d JOIN loans_stretch s ON s.loan_id = d.loan_id AND s.replaced_on = %s"
        f" WHERE d.book_id = %s AND d.due_on = %s AND s.late_since IS NULL AND {unsettled} > 0 GROUP BY d.loan_id ORDER BY d.loan_id",
        [keeping.NEVER, book.id, on],
    )
    dice = random.Random(on.toordinal())
    due = [Due(loan_id, Money(minor, CURRENCY)) for loan_id, minor in found if dice.randrange(NOT_PAYING_ONE_IN)]
    dice.shuffle(due)
    return due


class Payer:
    """One of the processes that take repayments: each batch one transaction, with the money as it came in and what it did to the loans."""

    def __init__(self, given: tuple[Book, Vault, date]) -> None:
        book, keys, self._on = given
        self._desk = Desk(book, system_actor("bench"), IdSource(secrets.randbits), keys, SandboxChannel(book), SandboxBank(book))
        self._cash = AccountKey("channel_cash", payments.money_accounts(book_id=book.id)[CHANNEL].id)
        self._due: Sequence[Due] = ()

    def take(self, due: Sequence[Due]) -> None:
        """Is given what will be paid: that way is none of what is measured."""
        self._due = due

    def warm_up(self) -> int:
        """Takes some of them, as a process that serves has done for hours: what it does first is to plan. Returns how many were entered."""
        count = min(_FEW, len(self._due) // 4)
        few, self._due = self._due[:count], self._due[count:]
        return self._batch(few) if few else 0

    def pay(self) -> int:
        """Takes all of it, in batches. Returns how many repayments were entered."""
        return sum(self._batch(self._due[start : start + BATCH]) for start in range(0, len(self._due), BATCH))

    def _batch(self, due: Sequence[Due]) -> int:
        with open_day(self._desk, noon(self._on), by_keys=True) as work:
            assert isinstance(work, UnitOfWork), work
            sources = work.ids.many(work.now, len(due))
            money = [_came_in(self._cash, source, one.loan_id, one.amount) for source, one in zip(sources, due, strict=True)]
            posted = ledger.post_once(work=work, entries=money)  # as the result of a collection is posted
            assert all(isinstance(one, Posted) for one in posted), posted
            facts = [NewFact(source, one.loan_id, Paid(self._on, one.amount)) for source, one in zip(sources, due, strict=True)]
            outcomes = living.enter(work=work, facts=facts)
        return sum(isinstance(outcome, Entered) for outcome in outcomes)


def _came_in(cash: AccountKey, source: UUID, loan_id: UUID, amount: Money) -> Entry:
    """As `payments.entries.collection_succeeded`, of a channel that takes no fee."""
    lines = (
        Line(cash, amount, loan_id=loan_id, movement="payment", reference=source.hex),
        Line(AccountKey("collections_clearing"), -amount, loan_id=loan_id),
    )
    return Entry(f"bench:{source}", "collection", lines, cause=source)


# --------------------------------------------------------------------------------------------------------------- a loan of many events


def reproject(keys: Vault, events: int) -> dict[str, Any]:
    """Seconds for a payment that is older than all others of a loan of so many, entered with all that it changes, and for the fold of all of them by
    itself: medians of some rounds."""
    lent = date(2025, 12, 1)
    desk = new_desk(keys, ORDINARY, "long")
    terms = LoanTerms(principal=Money(20_000_00, CURRENCY), periods=12, annual_rate=Rate(149_900), disbursed_on=lent)
    facts: list[Event] = [Disbursed(lent, terms.principal)]
    paid = [Paid(lent + timedelta(days=10 + n * 130 // events), Money(5_00, CURRENCY)) for n in range(events - 1)]
    with open_day(desk, noon(ORDINARY)) as work:
        assert isinstance(work, UnitOfWork), work
        loan_id, consumer = work.ids.many(work.now, 2)
        party = Party(loan_id, None, None, consumer, None, work.book.id, "long", CURRENCY, loan_book_fill.ORIGIN)
        assert living.agree(work=work, agreements=[(party, terms)]) == [None]
        _enter(work, loan_id, [*facts, *paid])
    entered, folded = [], []
    for n in range(_ROUNDS):
        late = Paid(lent + timedelta(days=9 - n), Money(5_00, CURRENCY))
        began = stopwatch()
        with open_day(desk, noon(ORDINARY), by_keys=True) as work:
            assert isinstance(work, UnitOfWork), work
            _enter(work, loan_id, [late])
        entered.append(stopwatch() - began)
        known = keeping.facts([loan_id])[loan_id]
        began = stopwatch()
        told(terms, known)
        folded.append(stopwatch() - began)
    return {"events": events, "entered_s": round(median(entered), 3), "fold_s": round(median(folded), 3), "rounds": _ROUNDS}


def _enter(work: UnitOfWork, loan_id: UUID, facts: Sequence[Event]) -> None:
    sources = work.ids.many(work.now, len(facts))
    outcomes = living.enter(work=work, facts=[NewFact(source, loan_id, fact) for source, fact in zip(sources, facts, strict=True)])
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert not refused, refused[0]
