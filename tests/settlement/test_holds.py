"""Money that waits longer than the settlement days: for evidence of delivery, and by the tier of risk."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from tests.settlement.conftest import TERMS, MakeMerchant
from tests.settlement.scene import DAY, PAY_DAY, accrue, capture, cny, proofs_hold, refund, settle
from yuefu.errors import Refused
from yuefu.merchants.rules import terms_fault, terms_from_json, terms_json
from yuefu.merchants.rules.holds import Holds
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import rules
from yuefu.settlement.commands import CaptureAccrual, NewEvidence, Proven
from yuefu.settlement.rules import Item

WAITS = Holds(evidence_days=14, tier="high", more_days=1)
DUE = PAY_DAY + timedelta(days=1)  # T+1, and a business day more
LATEST = DUE + timedelta(days=14)


def prove(work: UnitOfWork, of: CaptureAccrual, **changes: Any) -> Proven | Refused:
    given = {"kind": "delivered", "reference": "SF1234", "proven_on": DAY, **changes}
    with sql.transacting():
        return settlement.record_evidence(work=work, given=[NewEvidence(of.order_id, of.merchant_id, **given)])[0]


def lines(work: UnitOfWork, on: date) -> int:
    return sum(batch.line_count for batch in settle(work, on))


def test_a_capture_waits_for_evidence_and_is_due_at_once_when_it_is_there(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    merchant = make_merchant(holds=WAITS)
    one, other = capture(work, merchant), capture(work, merchant)
    first, _ = accrue(work, one, other)
    assert isinstance(first, Item)
    assert (first.due_on, first.settles_on) == (DUE, LATEST)
    assert settle(work, DUE) == []
    assert prove(work, one) == Proven(one.order_id, 1, first.net)
    assert prove(work, one) == Proven(one.order_id, 1, first.net, again=True)
    other_one = prove(work, one, reference="SF9999")
    assert isinstance(other_one, Refused)
    assert other_one.code == rules.EVIDENCE_DIFFERS
    (batch,) = settle(work, DUE)
    assert (batch.line_count, batch.totals.payout) == (1, first.net)
    assert (lines(work, LATEST - timedelta(days=1)), lines(work, LATEST)) == (0, 1)
    assert proofs_hold(work, merchant)


def test_what_goes_back_while_a_capture_waits_is_deducted_from_it_and_from_nothing_else(
    work: UnitOfWork, make_merchant: MakeMerchant
) -> None:
    merchant = make_merchant(holds=Holds(evidence_days=14))
    sold, other = capture(work, merchant), capture(work, merchant)
    item, _, back = accrue(work, sold, other, refund(work, sold, 100_000))
    assert isinstance(item, Item)
    assert isinstance(back, Item)
    assert (back.due_on, back.settles_on) == (PAY_DAY, item.settles_on)
    prove(work, other)
    (batch,) = settle(work, PAY_DAY)
    assert (batch.line_count, batch.totals.refunds) == (1, cny(0))
    assert prove(work, sold) == Proven(sold.order_id, 2, item.net + back.net)
    (late,) = accrue(work, refund(work, sold, 100))
    assert isinstance(late, Item)
    assert late.due_on is None
    (batch,) = settle(work, PAY_DAY + timedelta(days=1))
    assert (batch.line_count, batch.totals.payout) == (3, item.net + back.net + late.net)
    assert proofs_hold(work, merchant)


def test_what_waits_in_vain_settles_on_a_business_day_and_what_went_back_of_it_never_before_it(
    work: UnitOfWork, make_merchant: MakeMerchant
) -> None:
    sold = capture(work, make_merchant(holds=Holds(evidence_days=2, tier="high", more_days=1)))
    item, back = accrue(work, sold, refund(work, sold, 100))
    assert isinstance(item, Item)
    assert isinstance(back, Item)
    sunday = DUE + timedelta(days=2)
    assert (sunday.isoweekday(), item.settles_on) == (7, sunday + timedelta(days=1))
    assert (back.due_on, back.settles_on) == (item.due_on, item.settles_on)


def test_evidence_before_the_day_lets_it_settle_on_its_day_and_not_before(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    sold = capture(work, make_merchant(holds=WAITS))
    accrue(work, sold)
    prove(work, sold)
    assert (lines(work, PAY_DAY), lines(work, DUE)) == (0, 1)


def test_a_tier_of_risk_is_held_its_days_more_and_a_refund_is_not(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    merchant = make_merchant(holds=Holds(tier="middle", more_days=3))
    sold = capture(work, merchant)
    item, back = accrue(work, sold, refund(work, sold, 100))
    assert isinstance(item, Item)
    assert isinstance(back, Item)
    assert (item.due_on, item.settles_on, back.settles_on) == (None, date(2026, 10, 12), PAY_DAY)  # 10-10 is a make-up Saturday


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "promised"}, rules.EVIDENCE_INVALID),
        ({"reference": ""}, rules.EVIDENCE_INVALID),
        ({"proven_on": DAY + timedelta(days=1)}, rules.EVIDENCE_INVALID),
    ],
)
def test_what_is_no_evidence_changes_nothing(work: UnitOfWork, make_merchant: MakeMerchant, changes: Any, code: str) -> None:
    sold = capture(work, make_merchant(holds=WAITS))
    accrue(work, sold)
    refused = prove(work, sold, **changes)
    assert isinstance(refused, Refused)
    assert (refused.code, lines(work, DUE)) == (code, 0)


def test_where_none_is_waited_for_none_is_taken(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    sold = capture(work, make_merchant())
    accrue(work, sold)
    for of in (sold, capture(work, sold.merchant_id)):
        refused = prove(work, of)
        assert isinstance(refused, Refused)
        assert refused.code == rules.NO_EVIDENCE_NEEDED


def test_the_database_puts_nothing_into_a_batch_that_waits_for_evidence(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    accrue(work, capture(work, make_merchant(holds=WAITS)))
    sql.run("UPDATE settlement_waiting SET settles_on = %s WHERE book_id = %s", [PAY_DAY, work.book.id])
    with pytest.raises(psycopg.errors.CheckViolation, match="without evidence"):
        settle(work, PAY_DAY)


@pytest.mark.parametrize(
    "holds",
    [
        Holds(evidence_days=-1),
        Holds(evidence_days=181),
        Holds(more_days=3),
        Holds(tier="high", more_days=61),
        Holds(tier="High risk"),
    ],
)
def test_holds_that_no_contract_can_have(holds: Holds) -> None:
    fault = terms_fault(replace(TERMS, holds=holds), currency="CNY")
    assert fault is not None
    assert fault.code == "holds_invalid"


def test_holds_are_kept_as_they_were_agreed() -> None:
    for holds in (Holds(), WAITS):
        assert terms_from_json(terms_json(replace(TERMS, holds=holds))).holds == holds
    before = {name: value for name, value in terms_json(TERMS).items() if name != "holds"}
    assert terms_from_json(before) == TERMS
