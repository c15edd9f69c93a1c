"""From a capture to a merchant's money: accrual, the batch of a pay day, its payout and what may go wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.errors import Refused
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import AccountKey
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_queries
from yuefu.payments.rules import PayResult
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries, rules
from yuefu.settlement.commands import CaptureAccrual, RefundAccrual
from yuefu.settlement.queries import Batch
from yuefu.settlement.rules import Item

# 2026-10-01 to 10-07 is the National Day holiday; 10-10 is a make-up Saturday.
DAY = date(2026, 10, 1)
PAY_DAY = date(2026, 10, 8)
CODES = ["purchase_clearing", "fee_income", "unearned_discount", "merchant_pending", "payouts_in_transit"]


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def capture(work: UnitOfWork, merchant_id: UUID, *, minor: int = 199_900, periods: int | None = 3) -> CaptureAccrual:
    made = work.ids.many(work.now, 3)
    return CaptureAccrual(made[0], made[1], merchant_id, made[2], None, "free", cny(minor), periods, DAY)


def refund(work: UnitOfWork, of: CaptureAccrual, minor: int) -> RefundAccrual:
    return RefundAccrual(work.ids.new(work.now), of.capture_id, cny(minor), DAY)


def accrue(work: UnitOfWork, *items: CaptureAccrual | RefundAccrual) -> list[Item | Refused]:
    with sql.transacting():
        for item in items:
            if isinstance(item, CaptureAccrual) and item.gross.minor > 0:
                sell(work, item)
        return settlement.accrue(work=work, items=items)


def sell(work: UnitOfWork, item: CaptureAccrual) -> None:
    """The order, capture and loan that an item of a known merchant comes from; once."""
    if not sql.value(
        "SELECT EXISTS (SELECT FROM merchants_merchant WHERE id = %s) AND NOT EXISTS (SELECT FROM orders_order WHERE id = %s)",
        [item.merchant_id, item.order_id],
    ):
        return
    consumer, account, product, paper, decision, quote = work.ids.many(work.now, 6)
    known = {
        "book": work.book.id, "merchant": item.merchant_id, "order": item.order_id, "capture": item.capture_id, "loan": item.loan_id,
        "minor": item.gross.minor, "consumer": consumer, "account": account, "product": product, "paper": paper, "decision": decision, "quote": quote,
    }  # fmt: skip
    for statement in SOLD:
        sql.run(statement, known)


SOLD = (
    "INSERT INTO consumers_consumer (id, book_id, external_ref, name_sealed, phone_sealed, phone_index, id_number_sealed, id_number_index,"
    " birth_on_sealed, is_student, state, created_at)"
    " VALUES (%(consumer)s, %(book)s, %(consumer)s, '', '', '', '', uuid_send(%(consumer)s), '', false, 'active', now())",
    "INSERT INTO credit_account (id, book_id, consumer_id, currency, limit_minor, bill_day, repayment_day, cycle_from, next_bill_on, state, policy_version,"
    " opened_at, revision, state_revision) VALUES (%(account)s, %(book)s, %(consumer)s, 'CNY', %(minor)s, 1, 10, '2026-10-01', '2026-11-01', 'active',"
    " 1, now(), 1, 1)",
    "INSERT INTO offers_product (id, book_id, code, version, name_zh, name_en, payer, annual_rate_ppm, periods, currency, minimum_minor,"
    " maximum_minor, day_count, min_gap_days, rule_version, jurisdiction, lender_zh, lender_en, lender_licence, state, created_by, created_at)"
    " VALUES (%(product)s, %(book)s, %(product)s, 1, '', '', 'merchant', 0, '[3]', 'CNY', 1, 1, 'act_365', 10, '1', 'CN', '', '', '', 'draft',"
    " '', now())",
    "INSERT INTO offers_disclosure (id, book_id, product_id, hash, content, template_version, first_shown_at) SELECT %(paper)s, %(book)s,"
    " %(product)s, sha256(convert_to(c, 'UTF8')), c, '1', now() FROM (SELECT format('{\"id\": \"%%s\"}', %(paper)s) AS c) AS written",
    "INSERT INTO risk_decision (id, book_id, order_id, consumer_id, merchant_id, outcome, reasons, features, policy_version, decided_at)"
    " VALUES (%(decision)s, %(book)s, %(order)s, %(consumer)s, %(merchant)s, 'approved', '[]', '{}', 1, now())",
    "INSERT INTO offers_quote (id, book_id, disclosure_id, merchant_id, consumer_id, language, shown_at, shown_on)"
    " VALUES (%(quote)s, %(book)s, %(paper)s, %(merchant)s, %(consumer)s, 'zh', now(), '2026-10-01')",
    "INSERT INTO orders_order (id, book_id, merchant_id, consumer_id, credit_account_id, merchant_reference, product_id, product, channel,"
    " currency, amount_minor, authorised_minor, captured_minor, released_minor, refunded_minor, periods, state, created_at, created_on,"
    " expires_at, due_day, annual_rate_ppm, day_count, rule_version, shown_total_minor, shown_instalment_minor, disclosure_id, quote_id,"
    " quote_shown_to, decision_id, seq)"
    " VALUES (%(order)s, %(book)s, %(merchant)s, %(consumer)s, %(account)s, %(order)s, %(product)s, 'free', 'online', 'CNY', %(minor)s,"
    " %(minor)s, 0, 0, 0, 3, 'authorised', now(), '2026-10-01', now(), 1, 0, 'act_365', '1', 0, 0, %(paper)s, %(quote)s,"
    " %(consumer)s, %(decision)s, 1)",
    "INSERT INTO orders_capture (id, book_id, order_id, merchant_id, number, amount_minor, refunded_minor, captured_on, captured_at)"
    " VALUES (%(capture)s, %(book)s, %(order)s, %(merchant)s, 1, %(minor)s, 0, '2026-10-01', now())",
    "INSERT INTO loans_loan (id, book_id, capture_id, order_id, merchant_id, consumer_id, credit_account_id, funder_id, product, currency,"
    " principal_minor, periods, annual_rate_ppm, day_count, disbursed_on, first_due_on, due_day, rule_version, booked_at, state,"
    " refunded_principal_minor, excess_minor, last_event_on, seq, discount_minor, discount_earned_minor) VALUES (%(loan)s, %(book)s,"
    " %(capture)s, %(order)s, %(merchant)s, %(consumer)s, %(account)s, %(book)s, 'free', 'CNY', %(minor)s, 3, 0, 'act_365', '2026-10-01',"
    " '2026-11-01', 1, '1', now(), 'active', 0, 0, '2026-10-01', 1, 0, 0)",
)


def settle(work: UnitOfWork, on: date = PAY_DAY) -> list[Batch]:
    with sql.transacting():
        assert settlement.build(work=work, pay_on=on, after=None, limit=100) is None
        return queries.batches_on(book_id=work.book.id, pay_on=on)


def books(work: UnitOfWork) -> dict[str, int]:
    rows = ledger.trial_balance(work.book.id)
    assert sum(row.debit.minor - row.credit.minor for row in rows) == 0
    return {row.code: row.debit.minor - row.credit.minor for row in rows if row.code in CODES and row.debit != row.credit}


def available(work: UnitOfWork, merchant_id: UUID) -> int:
    return -ledger.limited(work.book.id, "merchant_available", [merchant_id])[merchant_id].posted.minor


def proofs_hold(work: UnitOfWork, *merchant_ids: UUID) -> bool:
    pending = ledger.balances(work.book.id, [AccountKey("merchant_pending")], "CNY")[AccountKey("merchant_pending")]
    kept = sum(available(work, m) for m in merchant_ids)
    return (
        queries.unsettled(book_id=work.book.id, currency="CNY") == -pending
        and queries.kept_available(book_id=work.book.id, currency="CNY") == cny(kept)
        and queries.not_adding_up(book_id=work.book.id) == []
    )


def test_a_capture_is_owed_net_of_fee_and_discount_and_settles_after_the_holidays(work: UnitOfWork, merchant_id: UUID) -> None:
    (item,) = accrue(work, capture(work, merchant_id))
    assert isinstance(item, Item)
    assert (item.fee, item.discount, item.net, item.settles_on) == (cny(1_199), cny(3_598), cny(195_103), PAY_DAY)
    assert books(work) == {"purchase_clearing": 199_900, "fee_income": -1_199, "unearned_discount": -3_598, "merchant_pending": -195_103}
    assert proofs_hold(work, merchant_id)


def test_a_plan_the_consumer_pays_for_costs_the_merchant_no_discount(work: UnitOfWork, merchant_id: UUID) -> None:
    (item,) = accrue(work, capture(work, merchant_id, periods=None))
    assert isinstance(item, Item)
    assert item.discount == cny(0)
    assert "unearned_discount" not in books(work)


def test_what_was_accrued_before_returns_its_item_and_posts_once(work: UnitOfWork, merchant_id: UUID) -> None:
    asked = capture(work, merchant_id)
    back = refund(work, asked, 100)
    first, second, twin = accrue(work, asked, back, asked)
    assert accrue(work, asked, back) == [first, second]
    assert twin == first
    other = CaptureAccrual(asked.capture_id, asked.order_id, merchant_id, None, None, "free", cny(1), 3, DAY)
    (refused,) = accrue(work, other)
    assert isinstance(refused, Refused)
    assert refused.code == "source_reused"
    assert books(work)["purchase_clearing"] == 199_800


def test_what_cannot_be_accrued_is_refused_and_disturbs_nobody(work: UnitOfWork, merchant_id: UUID) -> None:
    good = capture(work, merchant_id, minor=1_000)
    items = [
        capture(work, work.ids.new(work.now)),
        capture(work, merchant_id, periods=12),
        capture(work, merchant_id, minor=0),
        RefundAccrual(work.ids.new(work.now), work.ids.new(work.now), cny(1), DAY),
        good,
        refund(work, good, 600),
        refund(work, good, 401),
        refund(work, good, 400),
    ]
    outcomes = accrue(work, *items)
    codes = [o.code if isinstance(o, Refused) else o.kind for o in outcomes]
    assert codes == [
        *(rules.NO_CONTRACT, rules.NO_SUCH_PLAN, rules.AMOUNT_NOT_POSITIVE, rules.UNKNOWN_CAPTURE),
        *("capture", "refund", rules.REFUND_EXCEEDS_CAPTURE, "refund"),
    ]
    assert books(work) == {}
    assert proofs_hold(work, merchant_id)


def test_a_contract_that_keeps_the_fee_gives_nothing_of_it_back(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(fee_on_refund="kept")
    asked = capture(work, merchant_id)
    accrue(work, asked)
    (back,) = accrue(work, refund(work, asked, 199_900))
    assert isinstance(back, Item)
    assert (back.fee, back.discount, back.net) == (cny(0), cny(0), cny(-199_900))
    assert books(work) == {"fee_income": -1_199, "unearned_discount": -3_598, "merchant_pending": 4_797}


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=8), st.integers(0, 200_000), st.integers(0, 300_000))
def test_refunds_that_add_up_to_a_capture_give_all_of_its_fee_and_discount_back(parts: list[int], fee_ppm: int, discount_ppm: int) -> None:
    gross = cny(sum(parts))
    share = rules.capture_share(gross, fee_rate=Rate(fee_ppm), discount_rate=Rate(discount_ppm))
    ids = [UUID(int=n) for n in range(4)]
    of = Item(
        *(ids[0], ids[1], "capture", None, ids[2], ids[2], None, None, "free", gross),
        *(share.fee, share.discount, share.net, 1, "returned", DAY, DAY),
    )
    before, shares = cny(0), []
    for part in parts:
        shares.append(rules.refund_share(of, refunded_before=before, amount=cny(part)))
        before += cny(part)
    assert sum(s.fee.minor for s in shares) == share.fee.minor
    assert sum(s.discount.minor for s in shares) == share.discount.minor
    assert sum(s.net.minor for s in shares) == share.net.minor


def test_a_pay_day_makes_one_batch_a_merchant_whose_lines_add_up_to_its_payout_str_bt_02(
    work: UnitOfWork, make_merchant: Callable[..., UUID]
) -> None:
    first, second, slow = make_merchant(), make_merchant(), make_merchant(settlement_days=3)
    asked = capture(work, first)
    accrue(work, asked, refund(work, asked, 99_900), capture(work, first, minor=5_000), capture(work, second), capture(work, slow))
    batches = settle(work)
    assert [b.merchant_id for b in batches] == sorted([first, second])
    mine = next(b for b in batches if b.merchant_id == first)
    assert (mine.line_count, mine.state, mine.totals.captures, mine.totals.opening) == (3, "scheduled", cny(204_900), cny(0))
    assert mine.totals.net == mine.totals.payout == cny(195_103 - 97_503 + 4_880)
    statement = queries.statement(batch_id=mine.id)
    assert statement is not None
    assert statement.adds_up
    assert [item.kind for item in statement.items] == ["capture", "capture", "refund"]
    (payout,) = payment_queries.payouts_of_batches(batch_ids=[mine.id])[mine.id]
    assert (payout.id, payout.amount) == (mine.payout_id, mine.totals.payout)
    assert sum(item.net.minor for item in statement.items) == payout.amount.minor
    assert books(work)["payouts_in_transit"] == -sum(b.totals.payout.minor for b in batches)
    assert proofs_hold(work, first, second, slow)
    settled = queries.of_orders(order_ids=[asked.order_id])[asked.order_id]
    assert {(s.item.kind, s.batch_id, s.payout_id) for s in settled} == {("capture", mine.id, payout.id), ("refund", mine.id, payout.id)}


def test_a_pay_day_run_again_finds_what_it_built(work: UnitOfWork, merchant_id: UUID) -> None:
    accrue(work, capture(work, merchant_id))
    first = settle(work)
    accrue(work, capture(work, merchant_id))
    assert settle(work) == first
    assert len(settle(work, date(2026, 10, 9))) == 1
    assert queries.batch_count(book_id=work.book.id) == 2
    assert [b.pay_on for b in queries.batches(merchant_id=merchant_id, limit=5)] == [date(2026, 10, 9), PAY_DAY]
    assert proofs_hold(work, merchant_id)


def test_a_negative_balance_is_carried_until_sales_cover_it(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    merchant_id = make_merchant(fee_on_refund="kept")
    asked = capture(work, merchant_id, minor=10_000, periods=None)
    accrue(work, asked)
    settle(work)
    accrue(work, refund(work, asked, 10_000))
    (negative,) = settle(work, date(2026, 10, 9))
    assert (negative.state, negative.totals.net, negative.totals.payout) == ("accrued", cny(-10_000), cny(0))
    assert (negative.totals.carried, negative.payout_id) == (cny(-10_000), None)
    assert settle(work, date(2026, 10, 10)) == []
    accrue(work, capture(work, merchant_id, minor=20_000, periods=None))
    (covered,) = settle(work, date(2026, 10, 12))
    assert (covered.totals.opening, covered.totals.payout) == (cny(-10_000), cny(19_880 - 10_000))
    statement = queries.statement(batch_id=covered.id)
    assert statement is not None
    assert statement.adds_up
    assert proofs_hold(work, merchant_id)


def test_what_becomes_available_names_the_funder_of_each_share(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    """Funder A sold 10,000, of which 4,000 came back to it; funder B had only a refund of an older sale; a sale of own funds beside them."""
    merchant_id = make_merchant(fee_on_refund="kept")
    a, b = work.ids.many(work.now, 2)
    of_b = replace(capture(work, merchant_id, minor=3_000, periods=None), funder_id=b)
    of_a = replace(capture(work, merchant_id, minor=10_000, periods=None), funder_id=a)
    accrue(work, of_b)
    settle(work)
    accrue(work, of_a, capture(work, merchant_id, minor=5_000, periods=None), refund(work, of_a, 4_000), refund(work, of_b, 1_000))
    (batch,) = settle(work, date(2026, 10, 9))
    shares = {(funder, code): minor for funder, code, minor in sql.rows(SHARES, [work.book.id, str(batch.id)])}
    net = {a: 10_000 - 60 - 4_000, b: -1_000, work.book.id: 5_000 - 30}
    assert shares == {(funder, "merchant_pending"): minor for funder, minor in net.items()} | {
        (funder, "merchant_available"): -minor for funder, minor in net.items()
    }
    assert sum(net.values()) == batch.totals.payout.minor
    assert proofs_hold(work, merchant_id)


def test_a_carried_balance_is_of_own_funds(work: UnitOfWork) -> None:
    funder, merchant = work.ids.many(work.now, 2)
    items = [
        Item(*work.ids.many(work.now, 1), merchant, kind, None, merchant, None, None, of, "", *[cny(minor)] * 4, 1, "", DAY, DAY)  # type: ignore[arg-type]
        for kind, of, minor in [("capture", funder, 900), ("carried", None, -200), ("refund", funder, -100)]
    ]
    assert rules.shares_of_funders(items, own_funds=work.book.id) == {funder: cny(800), work.book.id: cny(-200)}


SHARES = (
    "SELECT l.funder_id, a.code, l.amount_minor FROM ledger_line l JOIN ledger_account a ON a.id = l.account_id"
    " JOIN runtime_key k ON k.book_id = l.book_id AND k.object_id = l.entry_id WHERE l.book_id = %s AND k.key = 'settlement:batch:' || %s"
)


def test_a_batch_follows_its_payout_and_a_returned_one_is_paid_again(work: UnitOfWork, merchant_id: UUID) -> None:
    accrue(work, capture(work, merchant_id))
    (batch,) = settle(work)

    def follow(outcome: str) -> list[Batch | Refused]:
        (payout, *_) = [p for p in payment_queries.payouts_of_batches(batch_ids=[batch.id])[batch.id] if p.state != "returned"]
        with sql.transacting():
            results = [PayResult(payout.reference, outcome, payout.amount, "n", work.day.on)]  # type: ignore[arg-type]
            settled = [p for p in payments.settle_payouts(work=work, results=results) if not isinstance(p, Refused)]
            return settlement.mark_payouts(work=work, payouts=[*settled, *settled])

    assert [o.state for o in follow("paid") if isinstance(o, Batch)] == ["paid", "paid"]
    assert [o.state for o in follow("returned") if isinstance(o, Batch)] == ["returned", "returned"]
    assert (available(work, merchant_id), proofs_hold(work, merchant_id)) == (batch.totals.payout.minor, True)
    with sql.transacting():
        (again,) = settlement.schedule(work=work, batch_ids=[batch.id])
    assert isinstance(again, Batch)
    assert (again.state, again.payout_id != batch.payout_id) == ("scheduled", True)
    assert (available(work, merchant_id), proofs_hold(work, merchant_id)) == (0, True)
    follow("paid")
    with sql.transacting():
        reconciled, unknown = settlement.mark_reconciled(work=work, batch_ids=[batch.id, work.ids.new(work.now)])
        (refused,) = settlement.schedule(work=work, batch_ids=[batch.id])
    assert isinstance(reconciled, Batch)
    assert (reconciled.state, reconciled.version) == ("reconciled", 6)
    assert isinstance(unknown, Refused)
    assert isinstance(refused, Refused)


def test_the_batch_of_a_suspended_merchant_is_held_and_can_be_released(as_role, work: UnitOfWork, merchant_id: UUID) -> None:  # type: ignore[no-untyped-def]
    accrue(work, capture(work, merchant_id))
    with sql.transacting():
        sql.run("UPDATE merchants_merchant SET state = 'suspended' WHERE id = %s", [merchant_id])
    (batch,) = settle(work)
    assert (batch.state, batch.payout_id, available(work, merchant_id)) == ("held", None, batch.totals.payout.minor)
    assert proofs_hold(work, merchant_id)
    with sql.transacting():
        (released,) = settlement.schedule(work=work, batch_ids=[batch.id])
    assert isinstance(released, Batch)
    assert released.state == "scheduled"
    assert proofs_hold(work, merchant_id)


BATCH = (
    "INSERT INTO settlement_batch (id, book_id, merchant_id, pay_on, currency, line_count, captures_minor, fees_minor, discounts_minor,"
    " refunds_minor, opening_minor, net_minor, payout_minor, carried_minor, state, version, payout_id, built_at) SELECT gen_random_uuid(),"
    " book_id, merchant_id, '2026-11-01', currency, 1, {figures}, 'held', 1, NULL, now() FROM settlement_batch WHERE id = %(id)s"
)


@pytest.mark.parametrize(
    "attack",
    [
        BATCH.format(figures="10, 0, 0, 0, 0, 9, 9, 0"),  # figures that do not add up
        BATCH.format(figures="10, 0, 0, 0, 0, 10, 10, 0"),  # figures without lines
        "INSERT INTO settlement_batch_line (item_id, book_id, merchant_id, batch_id) SELECT i.id, i.book_id, i.merchant_id, %(id)s"
        " FROM settlement_item i WHERE i.id NOT IN (SELECT item_id FROM settlement_batch_line) AND i.merchant_id ="
        " (SELECT merchant_id FROM settlement_batch WHERE id = %(id)s)",  # another line
        "INSERT INTO settlement_item SELECT gen_random_uuid(), book_id, merchant_id, 'refund', order_id, gen_random_uuid(), capture_id,"
        " loan_id, funder_id, product, -gross_minor - 1, -fee_minor, -discount_minor, -net_minor - 1, currency, contract_version,"
        " fee_on_refund, earned_on, settles_on, recorded_at FROM settlement_item WHERE id = %(item)s",  # more back than was captured
        "UPDATE settlement_batch SET state = 'accrued' WHERE id = %(id)s",  # a payout that vanishes
    ],
)
def test_the_database_refuses_a_statement_that_does_not_add_up(as_role, work: UnitOfWork, merchant_id: UUID, attack: str) -> None:  # type: ignore[no-untyped-def]
    (item,) = accrue(work, capture(work, merchant_id))
    (batch,) = settle(work)
    accrue(work, capture(work, merchant_id))
    assert isinstance(item, Item)
    connection = as_role("default")
    # A batch without lines is only seen when its transaction ends; the others fail at once.
    with pytest.raises(psycopg.errors.IntegrityError), connection.transaction():
        connection.execute(attack, {"id": batch.id, "item": item.id})


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE settlement_item SET net_minor = 0",
        "UPDATE settlement_batch SET payout_minor = 0",
        "UPDATE settlement_batch_line SET batch_id = gen_random_uuid()",
        "DELETE FROM settlement_item",
        "DELETE FROM settlement_batch",
        "DELETE FROM settlement_batch_line",
    ],
)
def test_figures_of_settlement_cannot_be_changed_by_the_writer(as_role, attack: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("default").execute(attack)


def test_a_merchant_sees_own_statements_only(work: UnitOfWork, make_merchant: Callable[..., UUID]) -> None:
    mine, other = make_merchant(), make_merchant()
    accrue(work, capture(work, mine), capture(work, other))
    by_merchant = {batch.merchant_id: batch.id for batch in settle(work)}
    with sql.reading(merchant_id=mine):
        assert queries.statement(batch_id=by_merchant[other]) is None
        own = queries.statement(batch_id=by_merchant[mine])
        assert own is not None
        assert own.adds_up


def test_two_refunds_of_one_capture_cannot_pass_each_other_by_an_old_snapshot(as_role, work: UnitOfWork, merchant_id: UUID) -> None:  # type: ignore[no-untyped-def]
    (item,) = accrue(work, capture(work, merchant_id))
    assert isinstance(item, Item)
    connection = as_role("default")
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    with pytest.raises(psycopg.errors.CheckViolation, match="read committed"):
        connection.execute(
            "INSERT INTO settlement_item SELECT gen_random_uuid(), book_id, merchant_id, 'refund', order_id, gen_random_uuid(), capture_id,"
            " loan_id, funder_id, product, -gross_minor, -fee_minor, -discount_minor, -net_minor, currency, contract_version,"
            " fee_on_refund, earned_on, settles_on, recorded_at FROM settlement_item WHERE id = %s",
            [item.id],
        )
