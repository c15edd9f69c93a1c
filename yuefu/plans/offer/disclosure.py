"""The table of all costs 综合融资成本明示表 of an offer, made from its schedule alone; codes and figures, `wording` has the texts.

Fields: principal, what of it is received, term, each instalment with its parts; each cost item with payee, payer, way of charging, basis, amount
and annualised value; the all-in annual cost (compound, and the simple one labelled as such); what being late or paying early would cost; the
statement that nothing else is charged; the versions of rules and template. An item's annualised value is the annual cost that the loan would
have if that item were its only one. What the merchant or a campaign pays is shown, and is no cost of the consumer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from yuefu.money.amounts import Money
from yuefu.money.rates import divide
from yuefu.plans.annual_cost import DatedFlow, annual_cost
from yuefu.plans.lifecycle.levelling import fee_minor
from yuefu.plans.lifecycle.schedule import ScheduleRow
from yuefu.plans.lifecycle.terms import Fee, FeeWhen, LateTerms, LoanTerms, Payer
from yuefu.plans.offer.offered import Offer, OfferError, interest_of_others

TEMPLATE: Final = "cost-table-2"
INTEREST: Final = "interest"
ABOVE_CASH_PRICE: Final = "above_cash_price"
LENDER: Final = "lender"
NOTHING_ELSE: Final = "nothing_else_is_charged"

ONCE: Final = "once"
EACH_PERIOD: Final = "each_period"
ON_EVENT: Final = "on_event"

FEE_CODE_TAKEN: Final = "fee_code_taken"
PARTY_TWICE: Final = "party_twice"


@dataclass(frozen=True, slots=True)
class Party:
    """Who stands behind a payee's code: the lender, who guarantees, the platform; with the number of the licence where there is one."""

    code: str
    name_zh: str
    name_en: str
    licence: str = ""


@dataclass(frozen=True, slots=True)
class CostTable:
    """A cost table: its canonical JSON (names sorted, no blanks, UTF-8) and the SHA-256 of that text."""

    text: str
    hash: bytes

    @property
    def content(self) -> dict[str, Any]:
        """The table as data."""
        content: dict[str, Any] = json.loads(self.text)
        return content


def sealed(content: Mapping[str, Any]) -> CostTable:
    """A table with the hash of its canonical text: content that differs in anything differs in its hash."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return CostTable(text, sha256(text.encode()).digest())


def cost_table(found: Offer, *, parties: Sequence[Party] = ()) -> CostTable:
    """The cost table of an offer. Raises OfferError for two fees of one code, a fee that is called like another item, a party named twice."""
    terms = found.terms
    _check_names(terms, parties)
    fees, shown = [fee for fee in terms.fees if fee.payer is Payer.CONSUMER], [_row(terms, row) for row in found.rows]
    items = [_interest(found), *(_fee(found, fee) for fee in fees), *_excess(found)]
    content = {
        "template": TEMPLATE,
        "rule_version": terms.rule_version,
        "parties": [{"code": one.code, "name_zh": one.name_zh, "name_en": one.name_en, "licence": one.licence} for one in parties],
        "currency": terms.currency,
        "principal_minor": terms.principal.minor,
        "cash_price_minor": None if found.cash_price is None else found.cash_price.minor,
        "net_received_minor": (terms.principal - found.excess - found.paid_at_start).minor,
        "drawn_on": terms.disbursed_on.isoformat(),
        "rounding": {"mode": terms.rounding.value, "unit_minor": terms.unit},
        "term": {
            "periods": terms.periods,
            "first_due_on": found.instalments[0].due_on.isoformat(),
            "last_due_on": found.instalments[-1].due_on.isoformat(),
            **({} if found.provisional_after is None else {"provisional_after": found.provisional_after}),
        },
        "instalments": shown,
        "items": items,
        "items_total_minor": sum(item["amount_minor"] for item in items),
        "paid_by_others": _paid_by_others(found),
        "paid_total_minor": found.paid.minor,
        "annual_cost": {"compound_pct": found.cost.compound_text(), "simple_pct": found.cost.simple_text()},
        "contingent": [*_late(terms, terms.late), _early(terms)],
        "statement": NOTHING_ELSE,
    }
    return sealed(content)


def _check_names(terms: LoanTerms, parties: Sequence[Party]) -> None:
    taken = {INTEREST, ABOVE_CASH_PRICE}
    for fee in terms.fees:
        if fee.code in taken:
            raise OfferError(FEE_CODE_TAKEN, f"Another cost is called {fee.code!r} already: each has a code of its own.", "fees")
        taken.add(fee.code)
    if len({one.code for one in parties}) < len(parties):
        raise OfferError(PARTY_TWICE, "Each party is named once.", "parties")


def _row(terms: LoanTerms, row: ScheduleRow) -> dict[str, Any]:
    when = FeeWhen.EACH_PERIOD if row.no else FeeWhen.UPFRONT
    asked = [fee for fee in terms.fees if fee.when is when and fee.payer is Payer.CONSUMER]
    fees = {fee.code: fee_minor(terms, fee, terms.principal.minor) for fee in asked}
    assert sum(fees.values()) == row.fees.minor
    return {
        "no": row.no,
        "due_on": row.due_on.isoformat(),
        "principal_minor": row.principal.minor,
        "interest_minor": row.interest.minor,
        "fees_minor": fees,
        "total_minor": row.total.minor,
    }


def _interest(found: Offer) -> dict[str, Any]:
    amounts = [row.interest.minor for row in found.rows]
    paid = found.terms.interest_payer is Payer.CONSUMER
    basis = _interest_basis(found.terms) if paid else {"code": "paid_by_another"}
    return {
        "code": INTEREST,
        "payer": Payer.CONSUMER.value,
        "payee": LENDER,
        "charged": EACH_PERIOD,
        "basis": basis,
        "amount_minor": sum(amounts),
        "annualised_pct": _alone(found, amounts),
    }


def _interest_basis(terms: LoanTerms) -> dict[str, Any]:
    return {
        "code": "annual_rate",
        "rate_ppm": terms.annual_rate.ppm,
        "method": terms.method.value,
        "interest_by": terms.interest_by.value,
        "month": terms.day_count.month.value,
        "year": terms.day_count.year.value,
        "leap_years": terms.day_count.leap_years.value,
        "interest_free": terms.interest_free,
    }


def _fee(found: Offer, fee: Fee) -> dict[str, Any]:
    terms, once = found.terms, fee.when is FeeWhen.UPFRONT
    each = fee_minor(terms, fee, terms.principal.minor)
    times = 1 if once else terms.periods
    share = {"code": "fixed"} if fee.rate is None else {"code": "share_of_principal", "rate_ppm": fee.rate.ppm}
    charged = [each if (not row.no) == once else 0 for row in found.rows]
    return {
        "code": fee.code,
        "payer": fee.payer.value,
        "payee": fee.payee,
        "charged": ONCE if once else EACH_PERIOD,
        "basis": {**share, "each_minor": each, "times": times},
        "amount_minor": each * times,
        "annualised_pct": _alone(found, charged) if fee.payer is Payer.CONSUMER else None,
    }


def _excess(found: Offer) -> list[dict[str, Any]]:
    if not found.excess or found.cash_price is None:
        return []
    item = {
        "code": ABOVE_CASH_PRICE,
        "payer": Payer.CONSUMER.value,
        "payee": Payer.MERCHANT.value,
        "charged": EACH_PERIOD,
        "basis": {"code": "cash_price", "cash_price_minor": found.cash_price.minor},
        "amount_minor": found.excess.minor,
        "annualised_pct": _alone(found, [0] * len(found.rows), received=found.terms.principal - found.excess),
    }
    return [item]


def _paid_by_others(found: Offer) -> list[dict[str, Any]]:
    terms = found.terms
    items = [_fee(found, fee) for fee in terms.fees if fee.payer is not Payer.CONSUMER]
    if terms.interest_payer is Payer.CONSUMER:
        return items
    interest = {
        "code": INTEREST,
        "payer": terms.interest_payer.value,
        "payee": LENDER,
        "charged": EACH_PERIOD,
        "basis": _interest_basis(terms),
        "amount_minor": interest_of_others(found).minor,
        "annualised_pct": None,
    }
    return [interest, *items]


def _alone(found: Offer, charged: Sequence[int], *, received: Money | None = None) -> str:
    """The annual cost at two decimals if, beside the principal, nothing were paid but `charged` with each row."""
    currency = found.terms.currency
    flows = [(row.due_on, row.principal.minor + extra) for row, extra in zip(found.rows, charged, strict=True)]
    payments = [DatedFlow(on, Money(minor, currency)) for on, minor in flows if minor]
    draws = [DatedFlow(found.terms.disbursed_on, received or found.terms.principal)]
    return annual_cost(draws=draws, payments=payments).compound_text()


def _contingent(code: str, payee: str, basis: Mapping[str, Any]) -> dict[str, Any]:
    return {"code": code, "payee": payee, "charged": ON_EVENT, "basis": dict(basis)}


def _late(terms: LoanTerms, late: LateTerms) -> list[dict[str, Any]]:
    """What being late would cost: a fee once an instalment, interest on what is overdue, and the most that both together may come to."""
    costs, after = [], {"grace_days": late.grace_days}
    if late.fee is not None:
        costs.append(_contingent("late_fee", LENDER, {"code": "fixed_once_an_instalment", "amount_minor": late.fee.minor, **after}))
    elif late.fee_rate.ppm:
        share = {"rate_ppm": late.fee_rate.ppm, "of": [part.value for part in late.fee_on], **after}
        costs.append(_contingent("late_fee", LENDER, {"code": "share_of_overdue", **share}))
    if late.interest.ppm:
        basis = {"code": "annual_rate_on_overdue_principal", "rate_ppm": late.interest.ppm, **after}
        costs.append(_contingent("penalty_interest", LENDER, basis))
    if costs and late.cap is not None:
        most = divide(terms.principal.minor * late.cap.ppm, 1_000_000, terms.rounding)
        costs.append(_contingent("late_cap", LENDER, {"code": "share_of_principal", "rate_ppm": late.cap.ppm, "amount_minor": most}))
    return costs or [_contingent("being_late", LENDER, {"code": "no_late_charge"})]


def _early(terms: LoanTerms) -> dict[str, Any]:
    """Paying early costs nothing beyond the interest so far (to the day, to the next due day, or as scheduled) and the fees of
    periods begun."""
    until = "next_due_day" if terms.payoff_to_rest_date else "day_of_payment"
    later = any(fee.when is FeeWhen.EACH_PERIOD and fee.payer is Payer.CONSUMER for fee in terms.fees)
    basis = {
        "code": "no_charge",
        "interest_until": until if terms.recalculate else "as_scheduled",
        "later_fees": "not_asked" if later else "none",
    }
    return _contingent("early_repayment", LENDER, basis)
