"""Values of another kind are refused, by the name of the field."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tests.plans.lifecycle.small_loans import FEB, LENT, MAR, after, fen, terms
from yuefu.money.amounts import Money
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import LoanError, Undone
from yuefu.plans.lifecycle.fold import apply, as_of
from yuefu.plans.lifecycle.terms import Part, TermsError


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: terms(fees=(t.Fee("x", t.FeeWhen.UPFRONT, amount=Money(5, "USD")),)), "fees"),
        (lambda: terms(fees=(t.Fee("x", t.FeeWhen.UPFRONT, amount=fen(1)),) * 2), "fees"),
        (lambda: terms(fees=t.Fee("x", t.FeeWhen.UPFRONT, amount=fen(1))), "fees"),
        (lambda: t.Fee("x", "foo", amount=fen(1)), "fees.when"),  # type: ignore[arg-type]
        (lambda: t.Fee("x", t.FeeWhen.UPFRONT, amount=5.0), "fees.amount"),  # type: ignore[arg-type]
        (lambda: terms(late=t.LateTerms(fee=Money(700, "JPY"))), "late.fee"),
        (lambda: t.LateTerms(fee=fen(-5)), "late.fee"),
        (lambda: t.LateTerms(grace_days=-5), "late.grace_days"),
        (lambda: t.LateTerms(cap=0.36), "late.cap"),  # type: ignore[arg-type]
        (lambda: terms(late=None), "late"),
        (lambda: terms(arrears=None), "arrears"),
        (lambda: t.ArrearsTerms(buckets=(("M1", 5, 2),)), "arrears.buckets"),
        (lambda: terms(waterfall=None), "waterfall"),
        (lambda: terms(waterfalls=((1, 2),)), "waterfalls"),
        (lambda: terms(chargeback_order=("x",)), "chargeback_order"),
        (lambda: terms(chargeback_order=(Part.FEE, Part.FEE)), "chargeback_order"),
        (lambda: terms(recalculate="no"), "recalculate"),
        (lambda: terms(multiple=100), "multiple"),
        (lambda: terms(multiple=fen(5000_00)), "multiple"),
        (lambda: terms(balloon=5), "balloon"),
        (lambda: terms(down_payment=True), "down_payment"),
        (lambda: terms(first_due_on="2025-02-01"), "first_due_on"),
        (lambda: terms(due_days=("a", "b", "c")), "due_days"),
        (lambda: terms(due_day=15, frequency=t.Frequency.WEEKS), "due_day"),
        (lambda: terms(rule_version=[]), "rule_version"),
    ],
)
def test_terms_of_another_kind_are_refused_by_the_name_of_the_field(make: Any, field: str) -> None:
    with pytest.raises(TermsError) as refused:
        make()
    assert refused.value.field == field
    assert refused.value.detail.endswith(".")


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: e.Charged(FEB, "x", "fee", fen(1), FEB), "part"),  # type: ignore[arg-type]
        (lambda: e.Paid(FEB, fen(1), excess="x"), "excess"),  # type: ignore[arg-type]
        (lambda: e.Paid(FEB, fen(1), by="x"), "by"),  # type: ignore[arg-type]
        (lambda: e.ChargedOff(FEB, stops_interest="no"), "stops_interest"),  # type: ignore[arg-type]
        (lambda: e.Rescheduled(FEB, FEB, grace_principal=-5), "grace_principal"),
        (lambda: e.Rescheduled(FEB, FEB, extra_periods=5000), "extra_periods"),
        (lambda: e.Rescheduled(FEB, FEB, extra_periods=1.5), "extra_periods"),  # type: ignore[arg-type]
        (lambda: e.Rescheduled(FEB, FEB, LENT), "new_due_on"),
        (lambda: e.Rescheduled(FEB, FEB, annual_rate=0.1), "annual_rate"),  # type: ignore[arg-type]
        (lambda: e.Reaged(FEB, MAR, True), "periods"),
        (lambda: e.Reaged(FEB, MAR, 3, every=1.5), "every"),  # type: ignore[arg-type]
        (lambda: e.Waived(FEB, "x", fen(1)), "part"),  # type: ignore[arg-type]
        (lambda: e.ChargedEachInstalment(FEB, "x", 0.1), "rate"),  # type: ignore[arg-type]
        (lambda: Undone("2"), "entry"),  # type: ignore[arg-type]
        (lambda: apply(after(terms()), Undone(1)), "event"),  # type: ignore[arg-type]
        (lambda: as_of(after(terms()), "2025-02-01"), "day"),  # type: ignore[arg-type]
        (lambda: apply(after(terms()), e.Reaged(FEB, date(9999, 12, 1), 3)), "periods"),
        (lambda: after(terms(principal=fen(10**15)), e.Charged(FEB, "x", Part.FEE, fen(10**15), MAR)), "amount"),
    ],
)
def test_events_of_another_kind_are_refused_by_the_name_of_the_field(make: Any, field: str) -> None:
    with pytest.raises((LoanError, TermsError)) as refused:
        make()
    assert refused.value.field == field
    assert refused.value.detail
