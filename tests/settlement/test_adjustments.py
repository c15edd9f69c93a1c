"""Penalties and subsidies as contracts say, and debts that merchants pay: each by two people, taken up by the next batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.people import person
from tests.settlement.conftest import TERMS
from tests.settlement.scene import accrue, capture, cny, proofs_hold, refund, settle
from yuefu.errors import Refused, RefusedError
from yuefu.journeys import statements
from yuefu.ledger import queries as ledger
from yuefu.merchants import rules as contracts
from yuefu.merchants.rules import terms_from_json, terms_json
from yuefu.merchants.rules.charges import Penalty, Subsidy
from yuefu.payments import commands as payments
from yuefu.payments import queries as receipts
from yuefu.payments.rules import OPERATING_NUMBER, SANDBOX_ACCOUNTS, BankCredit, Receipt
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries
from yuefu.settlement.commands import NewAdjustment

Make = Callable[..., UUID]
CHARGES: dict[str, Any] = {
    "penalties": (Penalty("interest_free_beside_fee", cny(50_00), 800_000), Penalty("late_goods", cny(5_00))),
    "subsidies": (Subsidy("spring", cny(30_00)),),
}


@pytest.fixture
def shop(work: UnitOfWork, make_merchant: Make) -> UUID:
    with sql.transacting():
        payments.open_money_accounts(work=work, accounts=SANDBOX_ACCOUNTS)
    return make_merchant(**CHARGES)


@pytest.fixture
def transfer(work: UnitOfWork, shop: UUID, vault: Vault) -> Receipt:
    """80.00 that somebody transferred to us, by the bank's number BK-9: nobody knows yet what it is for."""
    del shop
    at = datetime.combine(work.day.on, time(9))
    credit = BankCredit("BK-9", OPERATING_NUMBER, cny(80_00), "6222000000000001", "Shop", "debt", at)
    with sql.transacting():
        (taken,) = payments.take_receipts(work=work, vault=vault, came=[credit], heard_by="file")
    assert not isinstance(taken, Refused)
    return taken.receipt


Ask = Callable[..., UUID | Refused]


@pytest.fixture
def ask(work: UnitOfWork, shop: UUID) -> Ask:
    def run(kind: str, minor: int, *, code: str = "", reference: str = "", merchant_id: UUID | None = None) -> UUID | Refused:
        wanted = NewAdjustment(merchant_id or shop, kind, cny(minor), "as agreed", code, reference)
        with sql.transacting():
            return settlement.propose_adjustment(work=work, adjustment=wanted)

    return run


@pytest.fixture
def agree(make_work: Callable[..., UnitOfWork], ask: Ask) -> Callable[..., UUID]:
    def run(*words: Any, **named: Any) -> UUID:
        approval = ask(*words, **named)
        assert isinstance(approval, UUID), approval
        with sql.transacting():
            made = settlement.decide_adjustment(work=make_work(by=person("bob")), approval_id=approval, approve=True, reason="read")
        assert isinstance(made, UUID)
        return made

    return run


def sums(work: UnitOfWork) -> dict[str, int]:
    codes = {"merchant_penalty_income", "merchant_subsidy_expense", "bank_cash", "suspense"}
    found = {row.code: row.credit.minor - row.debit.minor for row in ledger.trial_balance(work.book.id) if row.code in codes}
    return {code: minor for code, minor in found.items() if minor}


def test_the_next_batch_takes_up_what_two_people_agreed(work: UnitOfWork, shop: UUID, agree: Callable[..., UUID]) -> None:
    accrue(work, capture(work, shop, minor=100_00, periods=None))  # 99.40 net
    agree("penalty", 20_00, code="interest_free_beside_fee")
    agree("subsidy", 10_00, code="spring")
    (batch,) = settle(work)
    assert (batch.totals.adjusted, batch.totals.net, batch.totals.payout) == (cny(-10_00), cny(89_40), cny(89_40))
    assert sums(work) == {"merchant_penalty_income": 20_00, "merchant_subsidy_expense": -10_00}
    shown = queries.statement(batch_id=batch.id)
    assert shown is not None
    assert shown.adds_up
    with sql.transacting():
        found = statements.of_batch(batch_id=batch.id)
        assert found is not None
        assert isinstance(statements.prove(book_id=work.book.id, statement=found), statements.Proven)
    assert proofs_hold(work, shop)


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        (("fine", 1), "unknown_adjustment", "kind"),
        (("penalty", 0), "amount_not_positive", "amount"),
        (("penalty", 1), "not_in_contract", "code"),
        (("subsidy", 30_01, "spring"), "more_than_agreed", "amount"),
        (("penalty", 5_01, "late_goods"), "more_than_agreed", "amount"),
        (("penalty", 50_01, "interest_free_beside_fee"), "more_than_agreed", "amount"),  # nothing was sold this month
        (("subsidy", 1, "late_goods"), "not_in_contract", "code"),
        (("collected", 1), "unknown_receipt", "reference"),
        (("collected", 1, "", "BK-1"), "unknown_receipt", "reference"),
        (("collected", 1, "", "BK-9"), "nothing_owed", "amount"),
        (("collected", 80_01, "", "BK-9"), "more_than_left", "amount"),
    ],
)
@pytest.mark.usefixtures("transfer")
def test_nobody_is_charged_or_given_more_than_the_contract_says(ask: Ask, given: tuple[Any, ...], code: str, field: str) -> None:
    kind, minor, *names = given
    refused = ask(kind, minor, **dict(zip(("code", "reference"), names, strict=False)))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == (code, field)


def test_a_penalty_may_take_a_part_of_what_the_month_brings(work: UnitOfWork, shop: UUID, ask: Ask) -> None:
    of = capture(work, shop, minor=200_00, periods=None)
    accrue(work, of, refund(work, of, 100_00))  # 99.40 net: 50.00 + 80 % of it is 129.52
    assert isinstance(ask("penalty", 129_53, code="interest_free_beside_fee"), Refused)
    assert isinstance(ask("penalty", 129_52, code="interest_free_beside_fee"), UUID)


def test_subsidies_of_a_campaign_end_when_it_is_spent(work: UnitOfWork, ask: Ask, agree: Callable[..., UUID], make_work: Any) -> None:
    agree("subsidy", 20_00, code="spring")
    first, second = ask("subsidy", 10_00, code="spring"), ask("subsidy", 10_00, code="spring")
    assert isinstance(ask("subsidy", 10_01, code="spring"), Refused)
    other = make_work(by=person("bob"))
    for approval, good in ((first, True), (second, False)):  # what was asked for twice is given once
        assert isinstance(approval, UUID)
        if good:
            with sql.transacting():
                settlement.decide_adjustment(work=other, approval_id=approval, approve=True, reason="read")
        else:
            with pytest.raises(RefusedError), sql.transacting():
                settlement.decide_adjustment(work=other, approval_id=approval, approve=True, reason="read")
    assert sums(work) == {"merchant_subsidy_expense": -30_00}


def test_a_debt_is_carried_offset_or_paid_and_never_more_than_there_is(
    work: UnitOfWork, shop: UUID, transfer: Receipt, ask: Ask, agree: Callable[..., UUID]
) -> None:
    agree("penalty", 50_00, code="interest_free_beside_fee")
    (batch,) = settle(work)
    assert (batch.totals.payout, batch.totals.carried) == (cny(0), cny(-50_00))
    assert isinstance(ask("collected", 50_01, reference="BK-9"), Refused)
    assert sums(work) == {"merchant_penalty_income": 50_00, "bank_cash": -80_00, "suspense": 80_00}
    agree("collected", 30_00, reference="BK-9")
    for minor, code in ((20_01, "nothing_owed"), (50_01, "more_than_left")):
        again = ask("collected", minor, reference="BK-9")
        assert isinstance(again, Refused)
        assert again.code == code
    assert isinstance(ask("collected", 20_00, reference="BK-9"), UUID), "one transfer may pay twice of what is owed"
    assert sums(work) == {"merchant_penalty_income": 50_00, "bank_cash": -80_00, "suspense": 50_00}, "the transfer was booked once"
    book_id, asked = work.book.id, [transfer.id]
    assert receipts.receipts(book_id=book_id, ids=asked)[transfer.id].left == cny(50_00)
    ((paid,),) = receipts.debts_paid_by(book_id=book_id, receipt_ids=asked).values()
    assert (paid.merchant_id, paid.amount, paid.actor) == (shop, cny(30_00), person("bob").label)
    assert receipts.unexplained(book_id=book_id) == {"CNY": 50_00}
    assert receipts.left_counted_wrong(book_id=book_id, limit=9) == []
    accrue(work, capture(work, shop, minor=100_00, periods=None))
    (later,) = settle(work, date(2026, 10, 9))
    assert (later.totals.opening, later.totals.adjusted, later.totals.payout) == (cny(-50_00), cny(30_00), cny(79_40))
    assert proofs_hold(work, shop)


def test_what_was_given_back_meanwhile_pays_no_debt(
    work: UnitOfWork, make_work: Any, transfer: Receipt, ask: Ask, agree: Callable[..., UUID]
) -> None:
    agree("penalty", 50_00, code="interest_free_beside_fee")
    approval = ask("collected", 50_00, reference="BK-9")
    assert isinstance(approval, UUID)
    with sql.transacting():
        (back,) = payments.order_returns(work=work, orders=[payments.ReturnOrder("k", transfer.id, cny(30_01), "not ours")])
    assert not isinstance(back, Refused)
    with pytest.raises(RefusedError, match="more_than_left"), sql.transacting():
        settlement.decide_adjustment(work=make_work(by=person("bob")), approval_id=approval, approve=True, reason="read")
    assert sums(work) == {"merchant_penalty_income": 50_00, "bank_cash": -80_00, "suspense": 80_00}


def test_no_adjustment_is_written_without_a_second_person(
    work: UnitOfWork, shop: UUID, ask: Ask, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    approval = ask("subsidy", 10_00, code="spring")
    accrue(work, capture(work, shop, minor=100_00, periods=None))
    with pytest.raises(psycopg.errors.CheckViolation, match="not approved"):
        as_role("default").execute(
            "INSERT INTO settlement_item (id, book_id, merchant_id, kind, source_id, product, gross_minor, fee_minor, discount_minor, net_minor, currency,"
            " contract_version, fee_on_refund, earned_on, settles_on, recorded_at) SELECT gen_random_uuid(), book_id, merchant_id, 'subsidy', %s, 'spring',"
            " 1000, 0, 0, 1000, 'CNY', 0, '', earned_on, settles_on, now() FROM settlement_item WHERE merchant_id = %s LIMIT 1",
            [approval, shop],
        )


def test_an_approval_keeps_what_may_be_charged() -> None:
    terms = replace(TERMS, **CHARGES)
    assert terms_from_json(terms_json(terms)) == terms
    assert contracts.terms_fault(terms, currency="CNY") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"penalties": (Penalty("a", cny(1)),)},
        {"penalties": (Penalty("aa", cny(1)), Penalty("aa", cny(2)))},
        {"penalties": (Penalty("aa", cny(-1)),)},
        {"penalties": (Penalty("aa", cny(1), 1_000_001),)},
        {"subsidies": (Subsidy("aa", replace(cny(1), currency="EUR")),)},
    ],
)
def test_a_contract_that_charges_otherwise_is_refused(wrong: dict[str, Any]) -> None:
    refused = contracts.terms_fault(replace(TERMS, **wrong), currency="CNY")
    assert refused is not None
    assert refused.code == "charges_invalid"
