"""Payouts by file: pain.001 to the bank, pain.002 back, and what must never happen with either."""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from lxml import etree

import yuefu
from yuefu.errors import Refused
from yuefu.journeys import payout_files, settlement
from yuefu.journeys.desk import open_day
from yuefu.ledger import queries as ledger
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments import rules
from yuefu.runtime import policies, sql
from yuefu.settlement import queries as batches

BY_FILE = {"by": "file", "debtor": "示例小额贷款有限公司", "debtor_bank": "102100099996"}
SCHEMAS = Path(yuefu.__file__).parent / "payments" / "gateways" / "schemas"


@pytest.fixture
def filed(shop):
    """Two merchants that are paid by file, with a batch each."""
    with open_day(shop.desk, shop.now()) as work:
        policies.establish(work=work, name=rules.PAYOUTS, value=BY_FILE, valid_from=work.day.on)
    shop.bought("600.00", merchant=0)
    shop.bought("300.00", merchant=1)
    shop.next_day()
    shop.settle()
    return shop


def export(shop, **changes):
    return payout_files.export(desk=shop.desk, now=shop.now(11), **changes)


def states(shop):
    found = batches.batches_on(book_id=shop.book_id, pay_on=shop.on)
    of = payments.payouts_of_batches(batch_ids=[batch.id for batch in found])
    return {str(batch.totals.payout): (batch.state, [p.state for p in of.get(batch.id, [])]) for batch in found}


def answer(made, told, *, number="A1", group="", sums=True):
    """The bank's answer to a file: `told` are (reference, status, reason, amount)."""
    count = f"<OrgnlNbOfTxs>{made.count}</OrgnlNbOfTxs><OrgnlCtrlSum>{made.total.decimal_text()}</OrgnlCtrlSum>" if sums else ""
    lines = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{reference}</OrgnlEndToEndId><TxSts>{status}</TxSts>"
        + (f"<StsRsnInf><Rsn><Cd>{reason}</Cd></Rsn></StsRsnInf>" if reason else "")
        + (f'<OrgnlTxRef><Amt><InstdAmt Ccy="CNY">{amount}</InstdAmt></Amt></OrgnlTxRef>' if amount else "")
        + "</TxInfAndSts>"
        for reference, status, reason, amount in told
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>{number}</MsgId><CreDtTm>2026-10-13T15:00:00+08:00</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{made.message_id}</OrgnlMsgId><OrgnlMsgNmId>{made.layout}</OrgnlMsgNmId>{count}"
        f"{f'<GrpSts>{group}</GrpSts>' if group else ''}</OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>{made.message_id}</OrgnlPmtInfId>{lines}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()


def take(shop, data):
    return payout_files.take_answer(desk=shop.desk, now=shop.now(15), data=data)


def references(content):
    return [found.text for found in etree.fromstring(content).iterfind(".//{*}EndToEndId")]


@pytest.mark.parametrize("layout", rules.FORMATS)
def test_a_file_has_all_that_waits_once_and_is_what_iso_says(filed, layout):
    made, content = export(filed, layout=layout)
    schema = etree.XMLSchema(etree.parse(SCHEMAS / f"{layout}.xsd"))
    assert schema.validate(etree.fromstring(content)), schema.error_log
    assert (made.count, made.total, made.sha256) == (2, Money.parse("878.40", "CNY"), sha256(content).hexdigest())
    names = {found.text for found in etree.fromstring(content).iterfind(".//{*}Cdtr/{*}Nm")}
    assert names == {one.name_zh for one in merchants.merchants(book_id=filed.book_id) if one.id in filed.merchants[:2]}
    assert export(filed).code == "nothing_to_export"
    assert states(filed) == {"585.60 CNY": ("scheduled", ["sent"]), "292.80 CNY": ("scheduled", ["sent"])}
    assert payout_files.again(desk=filed.desk, file_id=made.id) == (made, content)
    filed.prove()


def test_what_is_in_a_file_is_sent_by_nobody_else(filed):
    export(filed)
    filed.settle()
    filed.poll_payouts()
    filed.next_day()
    filed.settle()
    filed.poll_payouts()
    assert sql.rows("SELECT count(*) FROM payments_sandbox_trade WHERE book_id = %s AND kind = 'payout'", [filed.book_id]) == [(0,)]
    filed.prove()


def test_a_book_that_pays_by_its_bank_at_once_leaves_nothing_for_a_file(shop):
    shop.bought("600.00")
    shop.next_day()
    shop.settle()
    assert export(shop).code == "debtor_unknown"


def test_what_the_bank_answers_is_booked_once(filed):
    made, content = export(filed)
    one, two = references(content)
    data = answer(made, [(one, "ACSC", "", ""), (two, "RJCT", "AC04", "292.80")])
    done = take(filed, data)
    assert (done.paid, done.rejected, done.pending) == (1, 1, 0)
    assert states(filed) == {"585.60 CNY": ("paid", ["paid"]), "292.80 CNY": ("returned", ["returned"])}
    filed.prove()
    taken = take(filed, data)
    assert (taken.code, "nothing to do" in taken.detail) == ("answer_taken", True)
    assert take(filed, data + b"\n").code == "answer_taken"
    assert sum(ledger.totals(filed.book_id, ["client_cash"]).values()) == 292_80


def test_accepted_is_not_paid_and_the_rest_may_come_later(filed):
    made, content = export(filed)
    one, _ = references(content)
    assert take(filed, answer(made, [(one, "ACSC", "", "")], number="A1", group="ACCP")).pending == 1
    assert sorted(states(filed).values()) == [("paid", ["paid"]), ("scheduled", ["sent"])]
    assert take(filed, answer(made, [], number="A2", group="ACSC")).paid == 2
    assert set(map(str, states(filed).values())) == {"('paid', ['paid'])"}
    filed.prove()


def test_a_whole_file_that_is_refused_is_available_again(filed):
    made, _ = export(filed)
    assert take(filed, answer(made, [], group="RJCT")).rejected == 2
    assert set(map(str, states(filed).values())) == {"('returned', ['returned'])"}
    filed.prove()


def wrongs(made, content):
    one, two = references(content)
    good = answer(made, [(one, "ACSC", "", "")])
    return {
        "cut_off": [b"", good[: len(good) // 2], good.replace(b"<CreDtTm>2026-10-13T15:00:00+08:00</CreDtTm>", b""), answer(made, [])],
        "not_an_answer": [
            content,
            b"<html/>",
            good.replace(b"ACSC", b"WHAT"),
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ACSC">]>' + good.partition(b"?>")[2].replace(b">ACSC<", b">&b;<"),
        ],
        "answer_foreign": [good.replace(made.message_id.encode(), b"SOMEBODY-ELSES")],
        "answer_differs": [
            answer(made, [("po_nobody", "ACSC", "", "")]),
            answer(made, [(one, "ACSC", "", ""), (one, "RJCT", "", "")]),
            answer(made, [(one, "ACSC", "", ""), (two, "ACSC", "", "1.00")]),
            good.replace(b"<OrgnlNbOfTxs>2<", b"<OrgnlNbOfTxs>3<"),
            good.replace(b"878.40", b"878.41"),
        ],
    }


def test_what_is_no_answer_to_this_file_changes_nothing_and_says_what_to_do(filed):
    made, content = export(filed)
    before = states(filed)
    for code, files in wrongs(made, content).items():
        for data in files:
            refused = take(filed, data)
            assert isinstance(refused, Refused), (code, data[:400])
            assert refused.code == code, (refused, data[-400:])
    assert states(filed) == before
    filed.prove()


def test_a_bank_that_takes_its_word_back_is_not_believed(filed):
    made, content = export(filed)
    one, two = references(content)
    assert take(filed, answer(made, [(one, "ACSC", "", "")], number="A1")).paid == 1
    refused = take(filed, answer(made, [(two, "ACSC", "", ""), (one, "RJCT", "AC04", "")], number="A2"))
    assert refused.code == "contradicts"
    assert sorted(states(filed).values()) == [("paid", ["paid"]), ("scheduled", ["sent"])]
    assert take(filed, answer(made, [(two, "ACSC", "", "")], number="A2")).paid == 1


def test_a_cancelled_file_waits_again_under_the_same_references(filed):
    made, content = export(filed)
    cancelled = payout_files.cancel(desk=filed.desk, now=filed.now(12), file_id=made.id, reason="the bank never got it")
    assert (cancelled.state, cancelled.reason) == ("cancelled", "the bank never got it")
    assert take(filed, answer(made, [], group="ACSC")).code == "file_cancelled"
    assert payout_files.again(desk=filed.desk, file_id=made.id).code == "file_cancelled"
    second, once_more = export(filed)
    assert (sorted(references(once_more)), second.message_id != made.message_id) == (sorted(references(content)), True)
    assert take(filed, answer(second, [], group="ACSC")).paid == 2
    assert payout_files.cancel(desk=filed.desk, now=filed.now(12), file_id=second.id, reason="too late").code == "file_answered"
    filed.prove()


def test_what_is_stopped_or_not_there_is_in_no_file(filed):
    first, _ = filed.merchants[0], filed.merchants[1]
    sql.run("UPDATE merchants_merchant SET state = 'suspended' WHERE id = %s", [first])
    made, _ = export(filed, pay_on=filed.on)
    assert made.total == Money.parse("292.80", "CNY")
    assert export(filed, pay_on=filed.on - timedelta(days=1)).code == "nothing_to_export"
    assert export(filed, layout="pain.001.001.99").code == "unknown_format"


def test_two_who_export_at_once_make_one_file(filed):
    found = filed.at_once(*[lambda: export(filed)] * 2)
    codes = [one.code if isinstance(one, Refused) else one[0].count for one in found]
    assert sorted(codes, key=str) == [2, "nothing_to_export"]


def test_the_database_keeps_a_payout_in_one_file(as_role, filed):
    made, _ = export(filed)
    attacks = (
        "INSERT INTO payments_payout_file_line (id, book_id, file_id, payout_id, no) SELECT gen_random_uuid(), book_id, file_id, payout_id, no + 9"
        " FROM payments_payout_file_line WHERE file_id = %s",
        "UPDATE payments_payout SET file_id = NULL, state = 'scheduled' WHERE file_id = %s",
        "UPDATE payments_payout SET file_id = NULL WHERE file_id = %s",
        "UPDATE payments_payout_file SET state = 'cancelled' WHERE id = %s",
        "UPDATE payments_payout_file SET content = '' WHERE id = %s",
    )
    for attack in attacks:
        with as_role("default") as connection, pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.InsufficientPrivilege)):
            connection.execute(attack, [made.id])


def test_a_file_that_is_made_on_a_sunday_is_carried_out_on_monday(filed):
    filed.until(date(2026, 10, 18))
    made, _ = export(filed)
    assert made.execute_on == date(2026, 10, 19)


def test_a_payout_that_came_back_after_it_was_paid_is_booked_from_the_statement(filed):
    made, content = export(filed)
    take(filed, answer(made, [], group="ACSC"))
    reference = references(content)[0]
    (payout,) = payments.payouts_by_reference(book_id=filed.book_id, references=[reference]).values()

    def back(amount, later=0):
        return payout_files.came_back(
            desk=filed.desk,
            now=filed.now(16),
            reference=reference,
            amount=amount,
            on=filed.on + timedelta(days=later),
            code="account_closed",
        )

    assert back(payout.amount + Money(1, "CNY")).code == "amount_differs"
    assert back(payout.amount, later=1).code == "returned_on_invalid"
    assert (back(payout.amount).state, back(payout.amount).state) == ("returned", "returned")
    assert sum(ledger.totals(filed.book_id, ["client_cash"]).values()) == payout.amount.minor
    filed.prove()


def test_settlement_that_comes_too_late_for_a_file_pays_nothing_twice(filed, monkeypatch):
    """A book that goes over to files while a run of settlement is on its way: what the file took first, the run leaves."""
    waiting = settlement.payouts_waiting(desk=filed.desk, limit=10, stopped=[])
    export(filed)
    monkeypatch.setattr(settlement, "how_paid", lambda **_: rules.how_paid({"by": "bank", "debtor": "", "debtor_bank": ""}))
    monkeypatch.setattr(settlement, "payouts_waiting", lambda **_: waiting)
    assert settlement.send_payouts(desk=filed.desk, now=filed.now(12)) == []
    assert sql.rows("SELECT count(*) FROM payments_sandbox_trade WHERE book_id = %s AND kind = 'payout'", [filed.book_id]) == [(0,)]
