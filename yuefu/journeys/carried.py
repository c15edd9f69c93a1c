"""The statements of a day of reconciliation, source by source, with one verdict; and candidates for a break. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules.chart import CHART
from yuefu.money.amounts import Money
from yuefu.reconciliation import queries as reconciliation
from yuefu.reconciliation.queries import Balances, DayBridge
from yuefu.reconciliation.rules.balances import Check, Term, balance
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.carrying import Statement, statement
from yuefu.reconciliation.rules.checks import Checked, SetCheck, evaluate
from yuefu.reconciliation.rules.criteria import Suggestion, suggest
from yuefu.reconciliation.rules.judgement import Verdict, together
from yuefu.reconciliation.rules.matching import SOURCES, Movement
from yuefu.reconciliation.rules.policy import DEFAULT_POLICY, POLICY, Policy, policy
from yuefu.reconciliation.rules.references import Grace, fold
from yuefu.runtime import books, policies

UNKNOWN_BREAK: Final = "unknown_break"
NO_FILES: Final = "no_files"  # no bill of any day was ever received
NOT_WAITING: Final = "not_waiting"  # both halves of the break are known, or it is not open: there is nothing to look for

MISSING: Final = "missing"
"""The state of a source of which there is no file."""
_MOST_CANDIDATES: Final = 2_000
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class SourceDay:
    """One source: `state` is that of its day, or missing. Without a statement there is no verdict but incomplete.

    `before` is whether the bill begins with what the last one before it ended with, as the account's balances are printed; a warning
    where it does not: lines are missing in one of the two, or a bill between them.
    """

    source: str
    state: str
    verdict: Verdict
    statement: Statement | None = None
    balances: Balances | None = None
    before: Check | None = None


@dataclass(frozen=True, slots=True)
class DayStatements:
    """All sources of a day, in their order, and the checks that the book has set; the verdict is that of the worst of them."""

    on: date
    verdict: Verdict
    sources: tuple[SourceDay, ...]
    checks: tuple[Checked, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the other half of a break may be: `breaks` are those that would be explained by it, one for each movement or line."""

    rule: str
    breaks: tuple[UUID, ...]
    references: tuple[str, ...]
    off: Money
    apart_days: int


def day(*, book_id: UUID, on: date | None = None) -> DayStatements | Refused:
    """The statements of a day, of the last one with a file unless given. Refused with no_files where there is none at all."""
    on = on or reconciliation.last_day(book_id=book_id)
    if on is None:
        return Refused(NO_FILES, "no bill has been received yet", "on")
    kept = _policy(book_id, on)
    bridges = {bridge.source: bridge for bridge in reconciliation.day_bridges(book_id=book_id, since=on, until=on)}
    sources = tuple(_source(book_id, source, on, bridges.get(source), kept.grace) for source in SOURCES)
    checks = _checked(book_id, on, kept.checks) if kept.checks else ()
    worst = together([*(source.verdict for source in sources), *(check.verdict for check in checks)])
    return DayStatements(on, worst, sources, checks)


def of_source(*, book_id: UUID, source: str, on: date) -> SourceDay:
    """The statement of one source and day."""
    bridges = reconciliation.day_bridges(book_id=book_id, since=on, until=on)
    bridge = next((one for one in bridges if one.source == source), None)
    return _source(book_id, source, on, bridge, _policy(book_id, on).grace)


def _checked(book_id: UUID, on: date, checks: Sequence[SetCheck]) -> tuple[Checked, ...]:
    """The checks by the end of a day: balances of the ledger as it was posted until then, and what the bills of the day print."""
    book = books.by_id(book_id)
    assert book is not None, "its settings were read"
    figures = {f"ledger:{code}": Money.zero(book.currency) for code in CHART}
    figures |= {f"bill:{source}": amount for source, amount in reconciliation.printed_balances(book_id=book_id, on=on).items()}
    for row in ledger.trial_balance(book_id, posted_until=on):
        name = f"ledger:{row.code}"
        figures[f"{name}/{row.balance.currency}"] = row.balance
        if row.balance.currency == book.currency:
            figures[name] = row.balance
    return tuple(evaluate(check, figures, book.currency) for check in checks)


def _source(book_id: UUID, source: str, on: date, bridge: DayBridge | None, grace: Grace) -> SourceDay:
    if bridge is None:
        return SourceDay(source, MISSING, Verdict.INCOMPLETE)
    if bridge.bill_total is None or bridge.ledger_total is None:
        return SourceDay(source, bridge.state, Verdict.INCOMPLETE)
    told = reconciliation.told(book_id=book_id, source=source, on=on)
    found = statement(
        on=on,
        before=fold(told.said, through=on - timedelta(days=1)),
        after=fold(told.said, through=on),
        bill=bridge.bill_total,
        books=bridge.ledger_total,
        grace=grace,
        ended=told.ended,
        reopened=told.reopened,
    )
    balances = reconciliation.balances(book_id=book_id, source=source, on=on)
    before = _begins_where_it_ended(balances)
    warnings = int(before is not None and not before.passed)
    return SourceDay(source, bridge.state, found.verdict(warnings=warnings), found, balances, before)


def _begins_where_it_ended(balances: Balances | None) -> Check | None:
    """None where there is nothing to compare: a bill without balances or lines, or the first one."""
    if balances is None or balances.before is None:
        return None
    return balance([Term("before", balances.before, 1), Term("opening", balances.opening, -1)], Money.zero(balances.opening.currency))


def candidates(*, book_id: UUID, break_id: UUID, on: date) -> tuple[Candidate, ...] | Refused:
    """What the other half of an open break of one half may be, the best first: halves of other open breaks of its source.

    A line is looked for by whoever has a movement, and the other way round. Refused with unknown_break or not_waiting.
    """
    known = reconciliation.breaks_by_id(book_id=book_id, ids=[break_id]).get(break_id)
    if known is None:
        return Refused(UNKNOWN_BREAK, "there is no such break in this book", "break_id")
    halves = reconciliation.open_halves(book_id=book_id, source=known.source, break_id=break_id, most=_MOST_CANDIDATES)
    mine = next((half for one, half in halves if one == break_id), None)
    if mine is None:
        return Refused(NOT_WAITING, "this break does not wait for another half", "break_id")
    rules = _policy(book_id, on).rules
    others = [(one, half) for one, half in halves if one != break_id]
    if isinstance(mine, BillLine):
        breaks = {_key(movement): one for one, movement in others if isinstance(movement, Movement)}
        found = suggest(mine, [movement for _, movement in others if isinstance(movement, Movement)], rules)
        return tuple(_of_line(suggestion, breaks) for suggestion in found[:_SHOWN])
    # A movement has no other movements beside it: each line is asked whether it would have this one suggested.
    alone = [replace(rule, together=False) for rule in rules]
    asked = [(one, line, suggestion) for one, line in others if isinstance(line, BillLine) for suggestion in suggest(line, [mine], alone)]
    places = {rule.name: place for place, rule in enumerate(alone)}
    asked.sort(key=lambda found: (places[found[2].rule], abs(found[2].off), found[2].apart_days))
    return tuple(
        Candidate(found.rule, (one,), (line.reference,), Money(found.off, line.amount.currency), found.apart_days)
        for one, line, found in asked[:_SHOWN]
    )


def _key(movement: Movement) -> tuple[UUID, str]:
    """Lines of one entry differ in kind, as a payment and its fee do."""
    return movement.movement_id, movement.kind


def _of_line(found: Suggestion, breaks: dict[tuple[UUID, str], UUID]) -> Candidate:
    references = tuple(movement.reference for movement in found.movements)
    ids = tuple(breaks[_key(movement)] for movement in found.movements)
    return Candidate(found.rule, ids, references, Money(found.off, found.movements[0].amount.currency), found.apart_days)


def _policy(book_id: UUID, on: date) -> Policy:
    """That of a book on a day; as by default where it has none."""
    try:
        return policy(policies.in_force(book_id=book_id, name=POLICY, on=on)[1])
    except policies.MissingSetting:
        return policy(DEFAULT_POLICY)
