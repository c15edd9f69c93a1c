"""A loan while one event is applied to it: the columns, opened, and the few sums beside them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from yuefu.frozen import made_quickly
from yuefu.money.amounts import LARGEST_MINOR, Money
from yuefu.plans.lifecycle.due_days import due_days
from yuefu.plans.lifecycle.events import AMOUNT_TOO_LARGE, LoanError
from yuefu.plans.lifecycle.levelling import rounded
from yuefu.plans.lifecycle.rows import COLUMNS, EXTRA, NORMAL, Interest, Rows, close, project
from yuefu.plans.lifecycle.terms import LoanTerms, Part

_A_YEAR: Final = 365 * 1_000_000
_NOTHING: Final = dict.fromkeys(Part, 0)
_ASKED: Final = tuple(COLUMNS.index(name) for name in ("principal", "interest", "fees", "penalties"))
_SETTLED: Final = tuple(
    COLUMNS.index(f"{name}_{how}") for how in ("paid", "off") for name in ("principal", "interest", "fees", "penalties")
)
_PENDING, _ACTIVE, _OVERPAID, _CLOSED, _WRITTEN_OFF = "pending", "active", "overpaid", "closed", "written_off"


@made_quickly
@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event, in the loan's currency. The parts are what was paid (or given up, or lent again) of each; `credit` went to
    the credit balance (or came from it); `balance` is the principal owed afterwards. `interest_refund` is what became of the interest that a
    refund gave back, None where it gave none back. `recovered` is how much more of what was given up has come in, below 0 where that went out
    again; None of a loan that was not written off."""

    principal: Money
    interest: Money
    fees: Money
    penalties: Money
    credit: Money
    balance: Money
    interest_refund: Outcome | None = None
    recovered: int | None = None


@made_quickly
@dataclass(frozen=True, slots=True)
class LoanState:
    """The loan after its first `seq` events, a checkpoint from which `apply` resumes; days are ordinals throughout.

    The last event was on `last_on`, of rank `last_rank` within the day. `columns` are those of `rows.COLUMNS`; `lent` is all that was
    disbursed, `lent_again` what was charged back or went out of a credit balance that had not been there; `balance` the principal owed,
    unchanged since `since`; `given_up` what the loan had brought and a write-off gave up, with what went out since, of which `recovered` has
    come in; `moves` the days on which the balance changed with what it was from then on; `refunds` the days and amounts of refunds that
    gave interest back, and how much of it; `charges` each charge with its day; `rates` the days from which another rate holds, with it;
    `overpaid` the credit balance. `pauses` are half-open stretches without interest, `late_charged` all late fees and penalty interest so
    far, `payments` the day and the parts of each repayment, less what of them was charged back. A state with `seen_on` is a view of the
    loan on a later day, not to be gone on from.
    """

    terms: LoanTerms
    columns: tuple[tuple[int, ...], ...] = ((),) * len(COLUMNS)
    seq: int = 0
    last_on: int = 0
    last_rank: int = 0
    lent: int = 0
    lent_again: int = 0
    balance: int = 0
    since: int = 0
    overpaid: int = 0
    late_charged: int = 0
    given_up: int = 0
    recovered: int = 0
    bought_down: int = 0
    charged_off_on: int = 0
    written_off_on: int = 0
    moves: tuple[tuple[int, int], ...] = ()
    refunds: tuple[tuple[int, int, int], ...] = ()
    charges: tuple[tuple[int, Part, int], ...] = ()
    rates: tuple[tuple[int, int], ...] = ()
    pauses: tuple[tuple[int, int], ...] = ()
    arrears_pauses: tuple[tuple[int, int], ...] = ()
    payments: tuple[tuple[int, int, int, int, int], ...] = ()
    seen_on: int = 0

    @property
    def status(self) -> str:
        """pending (nothing lent yet), active, overpaid, closed (nothing owed), written_off."""
        if not self.lent:
            return _PENDING
        if self.written_off_on:
            return _WRITTEN_OFF
        columns = self.columns
        # No row is paid more than it asks, so the sums tell of each.
        if sum([sum(columns[k]) for k in _ASKED]) != sum([sum(columns[k]) for k in _SETTLED]):
            return _ACTIVE
        return _OVERPAID if self.overpaid else _CLOSED

    def rows(self) -> Rows:
        """The columns, opened."""
        return Rows(self.columns)

    @property
    def outstanding(self) -> Money:
        """All that is neither paid nor given up, of whatever part, due or not."""
        return Money(sum(self.rows().all_unpaid()), self.terms.currency)

    @property
    def credit_balance(self) -> Money:
        """What was paid beyond all that was owed."""
        return Money(self.overpaid, self.terms.currency)


_nothing_of = cache(Money.zero)


class Work:
    """`LoanState`, opened for one event on day `on`."""

    __slots__ = (
        *("terms", "rows", "interest", "on", "lent", "lent_again", "balance", "since", "overpaid", "late_charged"),
        *("given_up", "recovered", "recovery"),
        *(
            "bought_down",
            "charged_off_on",
            "written_off_on",
            "moves",
            "refunds",
            "charges",
            "rates",
            "pauses",
            "arrears_pauses",
            "payments",
            "parts",
            "credit",
            "linked",
            "unpaid",
            "left",
        ),
    )

    def __init__(self, state: LoanState, on: int) -> None:
        self.terms, self.on = state.terms, on
        self.rows, self.interest = Rows(state.columns), Interest(state.terms, state.pauses, state.lent)
        self.lent, self.lent_again, self.balance, self.since = state.lent, state.lent_again, state.balance, state.since
        self.overpaid, self.late_charged = state.overpaid, state.late_charged
        self.given_up, self.recovered = state.given_up, state.recovered
        self.bought_down, self.charged_off_on, self.written_off_on = state.bought_down, state.charged_off_on, state.written_off_on
        self.refunds, self.charges, self.rates = state.refunds, state.charges, state.rates
        self.pauses, self.arrears_pauses = state.pauses, state.arrears_pauses
        self.moves, self.payments = list(state.moves), list(state.payments)  # which grow with nearly each event
        self.left: list[int] | None = None
        self._nothing_yet()

    def turn(self, on: int) -> None:
        """Goes on to the next event, as if the loan had been kept and opened again."""
        self._settle()
        self.on = on
        self.begin()
        self.advance()

    def begin(self) -> None:
        """As if the loan had been opened anew."""
        self.interest = Interest(self.terms, self.pauses, self.lent)
        self._nothing_yet()

    def _nothing_yet(self) -> None:
        self.parts = dict(_NOTHING)
        self.credit = 0
        self.recovery: int | None = None
        self.unpaid: list[int] | None = None
        self.linked: Outcome | None = None

    def kept(self, seq: int, rank: int, *, seen: bool = False) -> LoanState:
        """The state after the event."""
        self._settle()
        return LoanState(
            self.terms, self.rows.frozen(), seq, self.on, rank, self.lent, self.lent_again, self.balance, self.since, self.overpaid,
            self.late_charged, self.given_up, self.recovered, self.bought_down, self.charged_off_on, self.written_off_on, tuple(self.moves), self.refunds,
            self.charges, self.rates, self.pauses, self.arrears_pauses, tuple(self.payments), self.on if seen else 0,
        )  # fmt: skip

    def outcome(self) -> Outcome:
        """What became of the event."""
        currency = self.terms.currency
        nothing = _nothing_of(currency)  # as most of them are
        principal, interest, fees, penalties = [Money(amount, currency) if amount else nothing for amount in self.parts.values()]
        credit = Money(self.credit, currency) if self.credit else nothing
        return Outcome(principal, interest, fees, penalties, credit, Money(self.balance, currency), self.linked, self.recovery)

    # --- looking on ---

    def advance(self) -> None:
        """Brings late fees, penalty interest and what each row asks up to the day of the event."""
        self.left = None
        if not self.lent:
            return
        if self.terms.overdue_to_due_day or self._behind():
            self.refresh()  # first: a late fee is of what a row asks in the end
        else:
            self.note_unpaid()
        late = self.terms.late
        if late.fee is not None or late.fee_rate.ppm or late.interest.ppm:
            self._charge_late()

    def all_unpaid(self) -> list[int]:
        """`unpaid` of every row, of a loan that is looked at."""
        return self.rows.all_unpaid() if self.left is None else self.left

    def _behind(self) -> bool:
        """Whether principal was unpaid when a later period had begun: else what rows ask is the same, from whatever day it is seen."""
        rows, on, behind = self.rows, self.on, False
        for asked, got, off, begin in zip(rows.principal, rows.principal_paid, rows.principal_off, rows.start, strict=True):
            if behind and begin < on:
                return True
            behind = behind or asked != got + off
        return False

    def refresh(self) -> None:
        """What each row asks, from the balance as it is now. Where interest is not recalculated, rows stay as they were planned."""
        if self.terms.recalculate:
            on = self._rest_day() if self.terms.overdue_to_due_day else self.on
            project(self.rows, self.interest, balance=self.balance, since=self.since, on=on)
            self.note_unpaid()

    def _rest_day(self) -> int:
        """The end of the running period: until then what is overdue is taken to stay so."""
        rows = self.rows
        running = (rows.due[k] for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.start[k] < self.on <= rows.due[k])
        return next(running, self.on)

    def note_unpaid(self) -> None:
        if not self.terms.interest_on_overdue:
            self.unpaid = [self.rows.unpaid_principal(k) for k in range(len(self.rows))]

    def move_balance(self, change: int) -> None:
        """Adds to the principal owed: the interest of the days so far is written into its rows first."""
        if not change:
            return
        self.settle_interest()
        self.balance += change
        self.moves.append((self.on, self.balance))

    def renew_interest(self) -> None:
        """Interest as it is from now on, after pauses or what was lent have changed."""
        self.interest = Interest(self.terms, self.pauses, self.lent)

    def settle_interest(self) -> None:
        """Writes the interest of the days so far into the rows they belong to: before the balance, or the plan for it, changes."""
        if self.terms.recalculate:
            close(self.rows, self.interest, balance=self.balance, since=self.since, on=self.on, unpaid=self.unpaid)
            self.since = self.on

    def is_free(self, k: int) -> bool:
        """Whether row `k` is one of the first periods, which bear no interest."""
        terms, rows = self.terms, self.rows
        return terms.interest_free > 0 and not rows.ppm[k] and rows.start[k] < due_days(terms)[terms.interest_free - 1].toordinal()

    # --- finding rows ---

    def first_after(self, day: int) -> int:
        """The first instalment due after `day`; the number of rows where there is none."""
        rows = self.rows
        return next((k for k in range(len(rows)) if rows.kind[k] == NORMAL and rows.due[k] > day), len(rows))

    def row_of(self, day: int) -> int:
        """The instalment in whose period `day` lies (its due day is in, its first day is not, but for the very first); a row of its own,
        made or prolonged, after the last one."""
        rows = self.rows
        for k in range(len(rows)):
            if rows.kind[k] == NORMAL and rows.due[k] >= day:
                return k
        if rows.kind[-1] == EXTRA and (rows.due[-1] >= self.on or not rows.unpaid(len(rows) - 1)):  # what is overdue stays so
            rows.due[-1] = max(rows.due[-1], day)
            return len(rows) - 1
        rows.insert(len(rows), kind=EXTRA, start=rows.due[-1], due=max(day, rows.due[-1]))
        if self.unpaid is not None:
            self.unpaid.append(0)
        return len(rows) - 1

    # --- being late ---

    def _charge_late(self) -> None:
        late, rows, last = self.terms.late, self.rows, self.on - self.terms.late.grace_days
        if not rows.due or min(rows.due) >= last:
            return
        unpaid_at = rows.all_unpaid()
        for k, due in enumerate(rows.due):
            if due >= last or not unpaid_at[k]:
                continue
            if not rows.late_fee[k] and (late.fee is not None or late.fee_rate.ppm) and (unpaid := self._late_on(k)):
                rows.late_fee[k] = 1
                rows.penalties[k] += self._within_cap(self._late_fee(unpaid))
            if late.interest.ppm and rows.unpaid_principal(k) > 0:
                self._charge_penalty_interest(k)

    def _charge_penalty_interest(self, k: int) -> None:
        """For the nights since it was last charged; only the sum of all of it is rounded, so that it does not matter how often that was."""
        rows, terms = self.rows, self.terms
        nights = sum(until - begin for begin, until in self.interest.running(max(rows.due[k], rows.late_to[k]), self.on))
        exact = rows.late_rest[k] + rows.unpaid_principal(k) * terms.late.interest.ppm * nights
        owed = rounded(max(exact, 0), _A_YEAR, terms.unit, terms.rounding)
        rows.late_rest[k], rows.late_to[k] = exact - owed * _A_YEAR, self.on
        rows.penalties[k] += self._within_cap(owed)

    def _late_on(self, k: int) -> int:
        """What of a row is unpaid of the parts that a late fee is counted on."""
        rows = self.rows
        unpaid = {
            Part.PRINCIPAL: rows.unpaid_principal(k),
            Part.INTEREST: rows.interest[k] - rows.interest_paid[k] - rows.interest_off[k],
            Part.FEE: rows.fees[k] - rows.fees_paid[k] - rows.fees_off[k],
            Part.PENALTY: 0,
        }
        return sum(unpaid[part] for part in self.terms.late.fee_on)

    def _late_fee(self, unpaid: int) -> int:
        late = self.terms.late
        if late.fee is not None:
            return late.fee.minor
        return rounded(unpaid * late.fee_rate.ppm, 1_000_000, self.terms.unit, self.terms.rounding)

    def _within_cap(self, amount: int) -> int:
        cap = self.terms.late.cap
        if cap is not None:
            most = self.lent * cap.ppm // 1_000_000
            amount = max(min(amount, most - self.late_charged), 0)
        self.late_charged += amount
        return amount

    # --- keeping ---

    def _settle(self) -> None:
        """Since when nothing of a row is open, and what must hold after every event."""
        rows = self.rows
        self.left = all_unpaid = rows.all_unpaid()
        assert not all_unpaid or min(all_unpaid) >= 0, "a row is paid no more than it asks"
        for k, (unpaid, settled_on) in enumerate(zip(all_unpaid, rows.settled_on, strict=True)):
            if unpaid:
                rows.settled_on[k] = -1
            elif settled_on <= 0 and (settled_on or rows.held(k) or rows.fees_paid[k] or rows.penalties_paid[k]):
                rows.settled_on[k] = self.on
        principal = sum(rows.principal)
        asked = principal + sum(rows.interest) + sum(rows.fees) + sum(rows.penalties)
        if asked + self.overpaid > LARGEST_MINOR:
            raise LoanError(AMOUNT_TOO_LARGE, "The loan would ask more than an amount can be.", "amount")
        assert principal == self.lent + self.lent_again, "the principals add up to what was lent"
        assert self.balance == self.lent + self.lent_again - sum(rows.principal_paid) - sum(rows.principal_off)
