"""What came into a loan and went out of it, added up over its events: what a state does not tell, for no figure of the loan depends on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Final

from yuefu.frozen import made_quickly
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import in_order, run, start
from yuefu.plans.lifecycle.quotes import earned
from yuefu.plans.lifecycle.terms import LoanTerms, PaidBy
from yuefu.plans.lifecycle.work import LoanState, Outcome


@made_quickly
@dataclass(frozen=True, slots=True)
class Tally:
    """Sums in minor units.

    What came in, by who gave it: `repaid` by the consumer (down payments among it), `refunded` by the merchant, `payout_refunded` because a
    payout came back, `goodwill` and `interest_refunded` by the lender, `recovered` after a write-off, less what of that was taken back, of which
    `recovered_of_merchant` came from the merchant; `bought_down` is what the merchant paid for a lower rate. What went out: `lent`, `paid_back`,
    `charged_back`, `credit_refunded`. `…_again`: interest, fees and penalties that a charge-back made owed again. `…_waived`: given up by a
    waiver. `…_lost`: what the write-off gave up of what the loan had brought by its day, and what went out after it.
    """

    lent: int = 0
    repaid: int = 0
    refunded: int = 0
    payout_refunded: int = 0
    goodwill: int = 0
    interest_refunded: int = 0
    recovered: int = 0
    recovered_of_merchant: int = 0
    bought_down: int = 0
    paid_back: int = 0
    charged_back: int = 0
    credit_refunded: int = 0
    interest_again: int = 0
    fees_again: int = 0
    penalties_again: int = 0
    interest_waived: int = 0
    fees_waived: int = 0
    penalties_waived: int = 0
    principal_lost: int = 0
    interest_lost: int = 0
    fees_lost: int = 0
    penalties_lost: int = 0

    @property
    def given_up(self) -> int:
        """All that a write-off gave up of what the loan had brought by its day, and what went out of it since, the principal first."""
        return self.principal_lost + self.interest_lost + self.fees_lost + self.penalties_lost

    def plus(self, **more: int) -> Tally:
        """With so much more of some sums."""
        sums = list(_sums_of(self))
        for name, minor in more.items():
            sums[_PLACE[name]] += minor
        return Tally(*sums)

    def told(self) -> dict[str, int]:
        """The sums that are not nothing, by name."""
        return {name: minor for name, minor in zip(Tally.__slots__, _sums_of(self), strict=True) if minor}


_sums_of: Final = attrgetter(*Tally.__slots__)
_PLACE: Final = {name: place for place, name in enumerate(Tally.__slots__)}

_BY: Final[Mapping[PaidBy, str]] = {
    PaidBy.REPAYMENT: "repaid",
    PaidBy.DOWN_PAYMENT: "repaid",
    PaidBy.GOODWILL: "goodwill",
    PaidBy.MERCHANT_REFUND: "refunded",
    PaidBy.PAYOUT_REFUND: "payout_refunded",
    PaidBy.INTEREST_REFUND: "interest_refunded",
}


def counted(tally: Tally, event: Event, outcome: Outcome, before: LoanState | None, after: LoanState | None) -> Tally:
    """The sums after one more event and what became of it. Of a write-off the loan as it was before and is after it is looked at."""
    match event:
        case e.Disbursed():  # a down payment is paid at once by the disbursement itself
            return tally.plus(lent=event.amount.minor, repaid=_came_in(outcome))
        case e.Recovered() if outcome.recovered is not None:
            of_merchant, beyond = event.by is PaidBy.MERCHANT_REFUND, event.amount.minor - outcome.recovered
            more = {"recovered_of_merchant": outcome.recovered} if of_merchant else {}
            return tally.plus(recovered=outcome.recovered, **{_BY[event.by]: beyond}, **more)
        case e.Paid() | e.Recovered():
            refund = outcome.interest_refund
            paid = tally.plus(**{_BY[event.by]: event.amount.minor})
            return paid.plus(interest_refunded=_came_in(refund)) if refund else paid
        case e.PaidInstalment():
            return tally.plus(repaid=event.amount.minor)
        case e.PaidOff():
            return tally.plus(repaid=_came_in(outcome))
        case e.PaidBack():
            return tally.plus(paid_back=event.amount.minor)
        case e.ChargedBack() | e.CreditRefunded():
            out = "charged_back" if isinstance(event, e.ChargedBack) else "credit_refunded"
            if outcome.recovered is not None:
                again = {"recovered": outcome.recovered, "principal_lost": outcome.principal.minor}
                return tally.plus(**{out: event.amount.minor + outcome.recovered}, **again)
            again = {f"{name}_again": getattr(outcome, name).minor for name in ("interest", "fees", "penalties")}
            return tally.plus(**{out: event.amount.minor}, **again)
        case e.Waived():
            return tally.plus(**{f"{name}_waived": getattr(outcome, name).minor for name in ("interest", "fees", "penalties")})
        case e.WrittenOff():
            assert before is not None and after is not None, "of a write-off the states are known"  # noqa: PT018
            return tally.plus(principal_lost=outcome.principal.minor, **_lost(before, after, event.on))
        case e.BoughtDown():
            return tally.plus(bought_down=event.amount.minor)
    return tally


def told(terms: LoanTerms, entries: Sequence[Event | Undone]) -> tuple[LoanState, Tally]:
    """The state after all entries, as `fold.replay` has it, with the sums of those that count."""
    tally = Tally()

    def heard(event: Event, outcome: Outcome, before: LoanState | None, after: LoanState | None) -> None:
        nonlocal tally
        tally = counted(tally, event, outcome, before, after)

    return run(start(terms), [event for _, event in in_order(entries)], heard), tally


def _lost(before: LoanState, after: LoanState, on: date) -> dict[str, int]:
    """What a loan had brought by a day and nobody had settled, its credit balance included: interest to come, which a write-off ends too, was
    never income."""
    brought, off, paid = earned(before, on), before.rows(), after.rows()
    return {
        "interest_lost": brought.interest - sum(paid.interest_paid) - sum(off.interest_off),
        "fees_lost": brought.fees - sum(paid.fees_paid) - sum(off.fees_off),
        "penalties_lost": brought.penalties - sum(paid.penalties_paid) - sum(off.penalties_off),
    }


def _came_in(outcome: Outcome) -> int:
    """Money that came from outside: all that it paid, less what the credit balance did."""
    parts = outcome.principal.minor + outcome.interest.minor + outcome.fees.minor + outcome.penalties.minor
    return parts + outcome.credit.minor
