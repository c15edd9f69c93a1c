"""The file of payouts: whatever names, banks, currencies and amounts, it is what ISO says, and what it says is what was meant."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from yuefu import ids
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.payments import rules
from yuefu.payments.gateways import pain_answer, pain_file
from yuefu.payments.rules import HowPaid, Line, Payout

NOW = datetime(2026, 10, 8, 9, 30, tzinfo=UTC)
BANKS = ["", "102100099996", "ICBKCNBJ", "ICBKCNBJSHH"]
NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=120)


def line(no: int, amount: Money, *, holder: str = "唱片店", bank: str = "") -> Line:
    payout_id = UUID(int=uuid4().int)
    payout = Payout(payout_id, ids.text("payout", payout_id), uuid4(), uuid4(), uuid4(), amount, "", "sent", "", NOW, None, None)
    return Line(no, payout, holder, bank, "6222020200112233445")


def written(layout: str, lines: list[Line], payer: HowPaid) -> bytes:
    return pain_file.write(
        layout=layout,
        message_id="pof_1",
        made_at=NOW,
        execute_on=date(2026, 10, 8),
        account="6100000000000002",
        payer=payer,
        lines=lines,
        text="x",
    )


@settings(max_examples=30)
@example(names=["<&>'\"", "]]>", "商店（北京）&公司"], minor=10**14, bank="", debtor="")
@given(
    names=st.lists(NAMES, min_size=1, max_size=3), minor=st.integers(1, 10**14), bank=st.sampled_from(BANKS), debtor=st.sampled_from(BANKS)
)
@pytest.mark.parametrize("layout", rules.FORMATS)
@pytest.mark.parametrize("currency", ["CNY", "JPY"])
def test_a_file_says_what_was_meant(layout: str, currency: str, names: list[str], minor: int, bank: str, debtor: str) -> None:
    lines = [line(no, Money(minor + no, currency), holder=name, bank=bank) for no, name in enumerate(names)]
    data = written(layout, lines, HowPaid("file", "示例小额贷款 & Co", debtor))
    tree = etree.fromstring(data)
    assert [found.text for found in tree.iterfind(".//{*}Cdtr/{*}Nm")] == names
    assert [(found.text, found.get("Ccy")) for found in tree.iterfind(".//{*}InstdAmt")] == [
        (one.payout.amount.decimal_text(), currency) for one in lines
    ]
    assert data == written(layout, lines, HowPaid("file", "示例小额贷款 & Co", debtor))


def test_what_would_be_no_such_file_is_not_made() -> None:
    same = line(1, Money(100, "CNY"))
    with pytest.raises(ValueError, match="what was meant"):
        written(rules.FORMATS[0], [same, same], HowPaid("file", "A", ""))
    with pytest.raises(ValueError, match=r"this is no pain\.001"):
        written(rules.FORMATS[0], [same], HowPaid("file", "", ""))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"<a",
        b"<a/>",
        b"<?xml version='1.0' encoding='UTF-16'?><a/>",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">' + b"".join(b'<!ENTITY b%d "&b;&b;">' % n for n in range(20)) + b"]><a>&b19;</a>",
    ],
)
def test_nothing_that_is_no_answer_is_read_as_one(data: bytes) -> None:
    found = pain_answer.read(data)
    assert isinstance(found, Refused)
    assert found.code in {rules.CUT_OFF, rules.NOT_AN_ANSWER}


@settings(max_examples=60)
@given(data=st.binary(max_size=200), at=st.integers(0, 600))
def test_a_damaged_answer_is_refused_or_read_but_never_breaks(data: bytes, at: int) -> None:
    whole = (
        b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt><GrpHdr><MsgId>B</MsgId>'
        b"<CreDtTm>2026-10-08T09:00:00</CreDtTm></GrpHdr><OrgnlGrpInfAndSts><OrgnlMsgId>pof_1</OrgnlMsgId><GrpSts>ACSC</GrpSts>"
        b"</OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>"
    )
    found = pain_answer.read(whole[:at] + data + whole[at + len(data) :])
    assert isinstance(found, Refused | rules.Answer)
