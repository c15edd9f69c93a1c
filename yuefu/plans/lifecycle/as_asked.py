"""A payment of just what an instalment asks, on its due day, of a loan that owes nothing older: what most payments are.

Nothing else of the loan changes by it, neither what later instalments ask nor their interest, for the plan took it as paid then. So the columns
need not be opened: `paid_as_asked` writes the few that change, and is `fold.apply` in a fifth of the time. Of any other payment it knows nothing.
"""

from __future__ import annotations

from typing import Final

from yuefu.money.amounts import Money
from yuefu.plans.lifecycle.events import Event, Paid
from yuefu.plans.lifecycle.fold import rank
from yuefu.plans.lifecycle.rows import COLUMNS, NORMAL, Interest, Rows, close
from yuefu.plans.lifecycle.terms import LoanTerms, Method, PaidBy
from yuefu.plans.lifecycle.work import LoanState, Outcome

_PLACE: Final = {name: place for place, name in enumerate(COLUMNS)}
_KIND, _START, _DUE, _PPM, _GRACE, _FULL, _EMI, _CLOSED, _PRINCIPAL, _INTEREST, _SETTLED = (
    _PLACE[name] for name in ("kind", "start", "due", "ppm", "grace", "full", "emi", "closed", "principal", "interest", "settled_on")
)
_PARTS: Final = tuple(
    (_PLACE[part], _PLACE[f"{part}_paid"], _PLACE[f"{part}_off"]) for part in ("principal", "interest", "fees", "penalties")
)
_OPEN: Final = -1


def paid_as_asked(state: LoanState, event: Event) -> tuple[LoanState, Outcome] | None:
    """The state after `event` and what became of it, as `fold.apply` has them; None where it is another payment, or anything that this does not tell."""
    on, place = event.on.toordinal(), rank(event)
    if type(event) is not Paid or event.by is not PaidBy.REPAYMENT or _is_special(state) or (on, place) < (state.last_on, state.last_rank):
        return None
    columns, terms, amount = state.columns, state.terms, event.amount.minor
    k = _asked_on(columns, on)
    if k < 0 or not _as_planned(terms, columns, k) or event.amount.currency != terms.currency:
        return None
    if amount >= state.balance and k + 1 < len(columns[_DUE]):
        return None  # it may end the loan early
    unpaid = [columns[asked][k] - columns[paid][k] - columns[off][k] for asked, paid, off in _PARTS]
    principal, interest, fees, penalties = unpaid
    if sum(unpaid) != amount or penalties:
        return None
    new = list(columns)
    for (_, paid, _), minor in zip(_PARTS, unpaid, strict=True):
        if minor:
            new[paid] = _with(new[paid], k, new[paid][k] + minor)
    new[_SETTLED] = _with(new[_SETTLED], k, on)
    balance, since, moves = state.balance - principal, state.since, state.moves
    if principal:
        moves = (*moves, (on, balance))
        if terms.recalculate:
            new[_CLOSED] = _closed(state, k, on)
            since = on
    after = LoanState(
        terms=terms, columns=tuple(new), seq=state.seq + 1, last_on=on, last_rank=place, lent=state.lent, lent_again=state.lent_again,
        balance=balance, since=since, late_charged=state.late_charged, bought_down=state.bought_down, moves=moves, refunds=state.refunds,
        charges=state.charges, rates=state.rates, payments=(*state.payments, (on, principal, interest, fees, penalties)),
    )  # fmt: skip
    return after, _outcome(terms, principal, interest, fees, balance)


def _is_special(state: LoanState) -> bool:
    """Whether a payment of such a loan may do more than pay what is asked."""
    terms = state.terms
    return bool(
        state.overpaid
        or state.charged_off_on
        or state.written_off_on
        or state.pauses
        or state.arrears_pauses
        or state.seen_on
        or not terms.interest_on_overdue
        or terms.overdue_to_due_day
    )


def _asked_on(columns: tuple[tuple[int, ...], ...], on: int) -> int:
    """The oldest row that is not settled, where it is an instalment due `on` and nothing else is due by then; else -1."""
    settled, due = columns[_SETTLED], columns[_DUE]
    if _OPEN not in settled:
        return -1
    k = settled.index(_OPEN)
    if due[k] != on or columns[_KIND][k] != NORMAL or (k + 1 < len(due) and min(due[k + 1 :]) <= on):
        return -1
    return k


def _as_planned(terms: LoanTerms, columns: tuple[tuple[int, ...], ...], k: int) -> bool:
    """Whether the instalment that takes what is left is the last row, and stays so when row `k` is paid: the first payment of a loan may set its
    target anew, and once it is paid itself, one before that was never paid its target would take its place. Of a loan with grace nothing is said."""
    principal, target = columns[_PRINCIPAL], columns[_EMI]
    interest = (0,) * len(target) if terms.method is Method.EQUAL_PRINCIPAL else columns[_INTEREST]
    if columns[_KIND][-1] != NORMAL or columns[_SETTLED][-1] != _OPEN or target[-1] != principal[-1] + interest[-1] or any(columns[_GRACE]):
        return False
    return k + 1 < len(target) or all(p + i >= t for p, i, t in zip(principal, interest, target, strict=True))


def _closed(state: LoanState, k: int, on: int) -> tuple[int, ...]:
    """The column of interest found, with that of the days so far: of row `k` and those before it that were not over when the balance last changed."""
    columns, due = state.columns, state.columns[_DUE]
    first = k
    while first and due[first - 1] > state.since:
        first -= 1
    rows, which = object.__new__(Rows), slice(first, k + 1)
    rows.kind, rows.start, rows.due = list(columns[_KIND][which]), list(columns[_START][which]), list(due[which])
    rows.ppm, rows.full, rows.closed = list(columns[_PPM][which]), list(columns[_FULL][which]), list(columns[_CLOSED][which])
    close(rows, Interest(state.terms, (), state.lent), balance=state.balance, since=state.since, on=on)
    return (*columns[_CLOSED][:first], *rows.closed, *columns[_CLOSED][k + 1 :])


def _with(column: tuple[int, ...], k: int, value: int) -> tuple[int, ...]:
    return (*column[:k], value, *column[k + 1 :])


def _outcome(terms: LoanTerms, principal: int, interest: int, fees: int, balance: int) -> Outcome:
    currency = terms.currency
    nothing = Money.zero(currency)
    paid, bearing, charged = [Money(minor, currency) if minor else nothing for minor in (principal, interest, fees)]
    return Outcome(paid, bearing, charged, nothing, nothing, Money(balance, currency))
