"""What becomes of a fee, and of the tax in it, by the way that goods or money come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.settlement.conftest import TERMS
from tests.settlement.scene import DAY, PAY_DAY, accrue, capture, cny, proofs_hold, refund, settle
from yuefu.errors import Refused
from yuefu.ledger import queries as ledger
from yuefu.merchants import rules as contracts
from yuefu.merchants.rules import terms_from_json, terms_json
from yuefu.money.rates import Rate
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import rules
from yuefu.settlement.commands import accrual
from yuefu.settlement.rules import GivenBack, Item

EARLIER = DAY - timedelta(days=7)


def _fees(items: list[Item | Refused]) -> list[tuple[str, str, int]]:
    return [(item.event, item.fee_on_refund, item.fee.minor) for item in items if isinstance(item, Item)]


def test_a_contract_says_for_each_way_back_what_becomes_of_the_fee(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(fee_on_refund="returned", fee_on=(("charge_back", "kept"), ("rejection", "whole"), ("reversal", "whole")))
    of = capture(work, merchant_id, minor=100_00, periods=None)  # costs 60
    other = capture(work, merchant_id, minor=100_00, periods=None)
    accrue(work, of, other)
    back = accrue(
        work,
        refund(work, of, 10_00),
        replace(refund(work, of, 20_00), event="charge_back"),
        replace(refund(work, of, 1_00), event="rejection"),  # all that is left of the fee
        refund(work, of, 69_00),
        refund(work, other, 100_00),
    )
    assert _fees(back) == [
        ("refund", "returned", -6),
        ("charge_back", "kept", 0),
        ("rejection", "whole", -54),
        ("refund", "returned", 0),
        ("reversal", "whole", -60),
    ]
    settle(work)
    assert proofs_hold(work, merchant_id)


def test_what_comes_back_whole_on_another_day_is_no_reversal(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(fee_on_refund="kept", fee_on=(("reversal", "whole"),), valid_from=EARLIER)
    of = replace(capture(work, merchant_id, minor=100_00, periods=None), earned_on=EARLIER)
    accrue(work, of)
    assert _fees(accrue(work, refund(work, of, 100_00))) == [("refund", "kept", 0)]


def test_the_contract_of_the_capture_decides_not_that_of_the_day(
    work: UnitOfWork, make_merchant: Callable[..., UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant_id = make_merchant(fee_on_refund="kept", fee_on=(("rejection", "whole"),))
    of = capture(work, merchant_id, minor=100_00, periods=None)
    accrue(work, of)
    monkeypatch.setattr(accrual.merchants, "contracts_in_force", lambda **asked: {})  # it has another one by now
    assert _fees(accrue(work, replace(refund(work, of, 10_00), event="rejection"))) == [("rejection", "whole", -60)]


def test_the_tax_in_a_fee_is_owed_apart_and_goes_back_with_it(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(vat_ppm=60_000)
    of = capture(work, merchant_id, minor=199_900, periods=None)  # costs 1,199: 1,131 and 6 % of it
    (item,) = accrue(work, of)
    assert isinstance(item, Item)
    assert (item.fee.minor, item.vat.minor, item.net.minor) == (1_199, 68, 198_701)

    def booked() -> dict[str, int]:
        rows = ledger.trial_balance(work.book.id)
        return {row.code: row.credit.minor - row.debit.minor for row in rows if row.code in {"fee_income", "vat_payable"}}

    assert booked() == {"fee_income": 1_131, "vat_payable": 68}
    back = accrue(work, refund(work, of, 100_000), refund(work, of, 99_900))
    assert sum(one.vat.minor for one in back if isinstance(one, Item)) == -68
    assert booked() == {"fee_income": 0, "vat_payable": 0}
    settle(work, PAY_DAY)
    assert proofs_hold(work, merchant_id)


TREATMENTS = st.sampled_from(["kept", "returned", "whole"])


@given(st.lists(st.tuples(st.integers(1, 5_000), TREATMENTS), min_size=1, max_size=8), st.integers(0, 200_000), st.integers(0, 300_000))
def test_however_it_comes_back_no_more_of_fee_tax_and_discount_goes_back_than_there_was(
    parts: list[tuple[int, str]], fee_ppm: int, vat_ppm: int
) -> None:
    gross = cny(sum(part for part, _ in parts))
    share = rules.capture_share(gross, fee_rate=Rate(fee_ppm), fixed=cny(3), discount_rate=Rate(20_000))
    vat = rules.vat_of(share.fee, Rate(vat_ppm))
    ids = [UUID(int=n) for n in range(4)]
    of = Item(
        *(ids[0], ids[1], "capture", None, ids[2], ids[2], None, None, "free", gross),
        *(share.fee, share.discount, share.net, vat, 1, "returned", DAY, DAY),
    )
    before, backs = GivenBack.nothing("CNY"), []
    for part, treatment in parts:
        back = rules.refund_share(of, before=before, amount=cny(part), treatment=treatment)
        assert back.fee.minor >= back.vat.minor >= 0 <= back.discount.minor
        assert back.net + back.fee + back.discount == cny(part)
        before = GivenBack(before.gross + cny(part), before.fee + back.fee, before.discount + back.discount)
        backs.append(back)
    vat_back = sum(back.vat.minor for back in backs)
    assert before.fee <= of.fee
    assert before.discount <= of.discount
    assert 0 <= vat_back <= vat.minor
    if before.fee == of.fee:
        assert vat_back == vat.minor


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"fee_on": (("gift", "kept"),)}, contracts.FEE_ON_REFUND_INVALID),
        ({"fee_on": (("rejection", "half"),)}, contracts.FEE_ON_REFUND_INVALID),
        ({"fee_on": (("rejection", "kept"), ("charge_back", "kept"))}, contracts.FEE_ON_REFUND_INVALID),
        ({"fee_on_refund": "half"}, contracts.FEE_ON_REFUND_INVALID),
        ({"vat_ppm": -1}, contracts.VAT_INVALID),
        ({"vat_ppm": 1_000_000}, contracts.VAT_INVALID),
    ],
)
def test_a_contract_that_says_something_else_is_refused(wrong: dict[str, object], code: str) -> None:
    refused = contracts.terms_fault(replace(TERMS, **wrong), currency="CNY")  # type: ignore[arg-type]
    assert refused is not None
    assert refused.code == code


def test_an_approval_keeps_all_that_a_contract_says() -> None:
    terms = replace(TERMS, vat_ppm=60_000, fee_on=(("charge_back", "kept"), ("rejection", "whole")))
    assert terms_from_json(terms_json(terms)) == terms
    assert contracts.terms_fault(terms, currency="CNY") is None
