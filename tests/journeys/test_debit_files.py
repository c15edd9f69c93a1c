"""Return files of a bank: results that arrive again, late, against what the channel said, that are not ours or cannot be read."""

from datetime import date, timedelta

import pytest

from tests.journeys.conftest import LATE_DAY, shop_opened
from yuefu.errors import Refused
from yuefu.journeys import debits, mandates, repayment
from yuefu.loans import queries as loan_book
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.commands import Closing, NewMandate
from yuefu.payments.gateways.debit_file import read_debits
from yuefu.payments.rules import ChannelResult
from yuefu.runtime import sql

DUE = date(2026, 10, 25)
HEAD = "批次号,序号,商户流水号,签约协议号,户名,交易金额,币种,处理状态,返回码,返回信息,处理日期,银行流水号,手续费"


def line(reference, state="成功", amount="300.00", *, code="00", said="", on="2026-10-26", fee="1.80", number="88012026"):
    return f"B1,1,{reference},P1,张三,{amount},CNY,{state},{code},{said},{on},\t{number},{fee}"


def file_of(*lines, encoding="utf-8"):
    return "\r\n".join([HEAD, *lines]).encode(encoding)


def take(shop, *lines, hour=20, encoding="utf-8"):
    return debits.take_file(desk=shop.desk, now=shop.now(hour), data=file_of(*lines, encoding=encoding))


def told(lines):
    return [(one.no, one.outcome, one.code) for one in lines]


def sent(shop, rule):
    """A debit by a bank mandate that was sent on its day: its loan, and our reference of its collection."""
    consumer_id = shop.consumer()
    loan_id = shop.capture(shop.buy(consumer_id, "900.00").order_id).loan_id
    new = NewMandate(f"m-{rule}", consumer_id, "bank", f"bank:1:{rule}", Money(100_000, "CNY"))
    mandates.sign(desk=shop.desk, now=shop.now(), requests=[new])
    while shop.on <= DUE + timedelta(days=3):
        debits.run(desk=shop.desk, now=shop.now(10))
        found = payments.collections_by_reference(book_id=shop.book_id, references=references(shop, loan_id))
        if found:
            return loan_id, next(iter(found))
        shop.next_day()
    raise AssertionError("nothing was sent")


@pytest.fixture
def shop(vault, ids):
    return shop_opened(vault, ids, LATE_DAY)


def references(shop, loan_id):
    query = "SELECT reference FROM payments_collection WHERE book_id = %s AND loan_id = %s"
    return [reference for (reference,) in sql.rows(query, [shop.book_id, loan_id])]


def state(shop, reference):
    return payments.collections_by_reference(book_id=shop.book_id, references=[reference])[reference].state


def unpaid(shop, loan_id):
    return loan_book.loans([loan_id])[loan_id].state.rows[0].unpaid


def test_a_result_that_nobody_told_yet_is_booked_and_again_is_nothing_new(shop):
    loan_id, reference = sent(shop, "unknown_then_success")
    assert state(shop, reference) == "unknown"
    on = shop.on.isoformat()
    first = take(shop, line(reference, on=on), line(reference, on=on), encoding="gb18030")
    assert told(first) == [(2, "booked", ""), (3, "nothing_new", "")]
    assert (state(shop, reference), unpaid(shop, loan_id)) == ("succeeded", 0)
    (debit,) = payments.debits_listed(book_id=shop.book_id, consumer_id=None, loan_id=loan_id, states=(), limit=9)
    assert debit.debit.state == "collected"
    assert told(take(shop, line(reference, on=on))) == [(2, "nothing_new", "")]
    repayment.poll(desk=shop.desk, now=shop.now(21))
    shop.prove()


def test_a_result_that_comes_days_late_is_booked_as_of_the_bank_s_day(shop):
    loan_id, reference = sent(shop, "unknown_then_success")
    on = shop.on
    shop.next_day()
    assert told(take(shop, line(reference, on=f"{on:%Y%m%d}"))) == [(2, "booked", "")]
    (event,) = [e for group in loan_book.recorded(orders(shop, loan_id)).values() for e in group if e.kind == "repaid"]
    assert event.effective_on == on
    shop.prove()


def orders(shop, loan_id):
    return [loan_book.loans([loan_id])[loan_id].dims.order_id]


def test_what_failed_is_booked_with_the_reason_that_the_policy_knows(shop):
    _, reference = sent(shop, "unknown_then_failure")
    assert told(take(shop, line(reference, "失败", code="51", said="余额不足", fee=""))) == [(2, "booked", "insufficient_funds")]
    assert state(shop, reference) == "failed"
    debits.run(desk=shop.desk, now=shop.now(21))
    (debit,) = payments.debits_listed(book_id=shop.book_id, consumer_id=None, loan_id=None, states=(), limit=9)
    assert (debit.debit.state, debit.latest.no) == ("open", 2), "it is tried again by the policy"


@pytest.mark.parametrize(("rule", "said"), [("ok", "失败"), ("insufficient_funds", "成功")])
def test_what_contradicts_the_channel_is_kept_once_for_a_person(shop, rule, said):
    loan_id, reference = sent(shop, rule)
    before = state(shop, reference)
    on = shop.on.isoformat()
    for _ in range(2):
        assert told(take(shop, line(reference, said, on=on))) == [(2, "contradiction", "contradicts")]
    assert state(shop, reference) == before
    (kept,) = payments.contradictions_listed(book_id=shop.book_id, states=("open",), limit=9)
    assert (kept.reference, kept.stood) == (reference, before)
    if said == "成功":
        debits.close(desk=shop.desk, now=shop.now(21), closings=[Closing(kept.id, True, "seen in the statement")])
        assert (state(shop, reference), unpaid(shop, loan_id)) == ("succeeded", 0)


def test_another_amount_is_a_contradiction_and_books_nothing(shop):
    loan_id, reference = sent(shop, "unknown_then_success")
    assert told(take(shop, line(reference, amount="299.00"))) == [(2, "contradiction", "amount_differs")]
    assert (state(shop, reference), unpaid(shop, loan_id)) == ("unknown", 300_00)


def test_a_file_that_contradicts_itself_books_the_first_word_and_keeps_the_second(shop):
    _, reference = sent(shop, "unknown_then_success")
    on = shop.on.isoformat()
    assert told(take(shop, line(reference, on=on), line(reference, "失败"), line(reference, "处理中"))) == [
        (2, "booked", ""), (3, "contradiction", "contradicts"), (4, "nothing_new", ""),
    ]  # fmt: skip
    assert state(shop, reference) == "succeeded"


def test_bad_lines_are_kept_with_number_and_reason_and_lose_no_other(shop):
    loan_id, reference = sent(shop, "unknown_then_success")
    paid = shop.repay(shop.bought("600.00").loan_id, "1.00")
    other = payments.collections(book_id=shop.book_id, ids=[paid.collection_id])[paid.collection_id].reference
    on = shop.on.isoformat()
    lines = [
        line("pay_nobody"),
        line(other, amount="1.00", fee=""),
        line(reference, "也许"),
        line(reference, amount="three"),
        line(reference, on="yesterday"),
        line(reference, fee="301.00"),
        "half a line",
        "",
        line("", on=on),
        line(reference, on=on),
        "合计,9,1,999.00",
    ]
    found = take(shop, *lines)
    assert told(found) == [
        (2, "kept", "unknown_reference"), (3, "kept", "not_a_debit"), (4, "kept", "bad_line"), (5, "kept", "bad_line"),
        (6, "kept", "bad_line"), (7, "kept", "bad_line"), (8, "kept", "bad_line"), (10, "kept", "bad_line"), (11, "booked", ""),
        (12, "kept", "summary_differs"),
    ]  # fmt: skip
    assert unpaid(shop, loan_id) == 0
    kept = payments.bad_lines(book_id=shop.book_id, with_mended=False, limit=99)
    assert [(one.no, one.code) for one in kept] == [(one.no, one.code) for one in found if one.outcome == "kept"]
    text = shop.desk.vault.open(kept[0].sealed, table="payments_debit_line", column="text", row=kept[0].id)
    assert text == lines[0]
    assert "张三" not in sql.value("SELECT string_agg(l::text, '') FROM payments_debit_line AS l WHERE book_id = %s", [shop.book_id])
    assert take(shop, *lines)[8].outcome == "nothing_new"
    assert len(payments.bad_lines(book_id=shop.book_id, with_mended=True, limit=99)) == len(kept), "kept once however often it comes"
    shop.prove()


def test_a_line_with_a_character_that_no_table_takes_loses_no_other(shop):
    loan_id, reference = sent(shop, "unknown_then_success")
    found = take(shop, line(f"{reference}\0"), line(reference, on=shop.on.isoformat()))
    assert told(found) == [(2, "kept", "bad_line"), (3, "booked", "")]
    assert unpaid(shop, loan_id) == 0
    shop.prove()


def test_a_line_that_can_be_booked_when_the_file_comes_again_is_mended(shop):
    """It came before we had stored what it is about: here the very first character of its reference is put right in our books."""
    _, reference = sent(shop, "unknown_then_success")
    lines = (line(reference, on=shop.on.isoformat()),)
    with sql.owning():
        sql.run(
            "UPDATE payments_collection SET reference = 'x' || reference WHERE book_id = %s AND reference = %s", [shop.book_id, reference]
        )
    assert told(take(shop, *lines)) == [(2, "kept", "unknown_reference")]
    with sql.owning():
        sql.run(
            "UPDATE payments_collection SET reference = %s WHERE book_id = %s AND reference = %s",
            [reference, shop.book_id, "x" + reference],
        )
    assert told(take(shop, *lines)) == [(2, "booked", "")]
    assert payments.bad_lines(book_id=shop.book_id, with_mended=False, limit=9) == []
    (mended,) = payments.bad_lines(book_id=shop.book_id, with_mended=True, limit=9)
    assert mended.mended_at is not None


def test_a_summary_that_agrees_is_no_line_of_its_own_and_an_empty_file_is_none():
    good = read_debits(file_of(line("pay_1"), line("pay_2", "失败"), '合计,2,1,"300.00"'))
    assert [type(one.result) for one in good] == [ChannelResult, ChannelResult]
    for data in (b"", b"\xff\xfe\xff", "商户流水号,交易金额\r\n1,2".encode()):
        refused = read_debits(data)
        assert isinstance(refused, Refused)
        assert refused.code == "bad_file"


def test_in_a_book_without_an_open_day_nothing_of_a_file_is_booked_or_kept(shop):
    sql.run("UPDATE runtime_business_day SET state = 'closing' WHERE book_id = %s AND state = 'open'", [shop.book_id])
    found = take(shop, line("pay_1"))
    assert isinstance(found, Refused)
    assert found.code == "no_open_day"
    assert payments.bad_lines(book_id=shop.book_id, with_mended=True, limit=9) == []
