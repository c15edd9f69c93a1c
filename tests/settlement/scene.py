"""What tests of settlement have in common: something sold and given back, settled, and what holds of the books meanwhile."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys import statements
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import AccountKey
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries
from yuefu.settlement.commands import CaptureAccrual, RefundAccrual
from yuefu.settlement.queries import Batch
from yuefu.settlement.queries import papers as paper_book
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
        after = None
        while after := settlement.build(work=work, pay_on=on, after=after, limit=100):
            pass
        return queries.batches_on(book_id=work.book.id, pay_on=on)


def books(work: UnitOfWork) -> dict[str, int]:
    rows = ledger.trial_balance(work.book.id)
    assert sum(row.debit.minor - row.credit.minor for row in rows) == 0
    return {row.code: row.debit.minor - row.credit.minor for row in rows if row.code in CODES and row.debit != row.credit}


def available(work: UnitOfWork, merchant_id: UUID) -> int:
    return -ledger.limited(work.book.id, "merchant_available", [merchant_id])[merchant_id].posted.minor


def proofs_hold(work: UnitOfWork, *merchant_ids: UUID) -> bool:
    pending = ledger.balances(work.book.id, [AccountKey("merchant_pending")], "CNY")[AccountKey("merchant_pending")]
    reserve = ledger.balances(work.book.id, [AccountKey("merchant_reserve")], "CNY")[AccountKey("merchant_reserve")]
    frozen = ledger.balances(work.book.id, [AccountKey("merchant_frozen")], "CNY")[AccountKey("merchant_frozen")]
    kept = sum(available(work, m) for m in merchant_ids)
    return (
        queries.frozen(book_id=work.book.id, currency="CNY") == -frozen
        and queries.unsettled(book_id=work.book.id, currency="CNY") == -pending
        and queries.in_reserve(book_id=work.book.id, currency="CNY") == -reserve
        and queries.kept_available(book_id=work.book.id, currency="CNY") == cny(kept)
        and queries.not_adding_up(book_id=work.book.id) == []
    )


def unproven(work: UnitOfWork, merchant_id: UUID | None = None) -> list[Refused]:
    """Why statements of batches would not be given out; there is nothing to say."""
    with sql.reading(book_id=work.book.id):
        batches = paper_book.listed(book_id=work.book.id, merchant_id=merchant_id, state=None, pay_on=None, before=None, limit=1_000)
        found = [statements.of_batch(batch_id=batch.id) for batch in batches]
    outcomes = [statements.prove(book_id=work.book.id, statement=one) for one in found if one]
    return [one for one in outcomes if isinstance(one, Refused)]
