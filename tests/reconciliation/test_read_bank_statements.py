"""Reading bank statements, camt.053 and MT940: each is closed by its balances, and what is hostile in XML is refused."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from yuefu.reconciliation.gateways.reading import read
from yuefu.reconciliation.rules.bills import BillError

BILLS = Path(__file__).parents[1] / "data" / "bills"
CAMT = (BILLS / "bank_camt053_20261001.xml").read_text("utf-8")
MT940 = (BILLS / "bank_mt940_20261001.sta").read_text("utf-8")


def changed(text: str, *pairs: tuple[str, str]) -> bytes:
    for old, new in pairs:
        assert old in text, f"{old} is not in the sample"
        text = text.replace(old, new, 1)
    return text.encode()


LONG = "po_01m4rdf800egrre9m1n93exfh8"


@pytest.mark.parametrize(
    ("line", "details", "reference"),
    [
        ("NTRFNONREF", f"/EREF/{LONG}/REMI/payout", LONG),
        ("NTRFNONREF", f"/EREF/{LONG[:20]}\n{LONG[20:]}/REMI/payout", LONG),  # a line of a statement ends anywhere
        ("NTRFNONREF", f"166?00GUTSCHRIFT?20EREF+{LONG[:22]}?21{LONG[22:]}?22SVWZ+payout", LONG),
        ("NTRFPO-7", "/EREF/NOTPROVIDED/REMI/payout", "PO-7"),
        ("NTRFPO-7", "payout", "PO-7"),
        ("NTRFNONREF", "payout", ""),
    ],
)
def test_a_line_of_mt940_has_our_reference_from_its_details_where_it_is_there(line: str, details: str, reference: str) -> None:
    text = f":20:1\n:25:ACC\n:28C:1/1\n:60F:C261013CNY0,00\n:61:2610131013C1,00{line}//B-2\n:86:{details}\n:62F:C261013CNY1,00\n"
    (bill,) = read(text.encode())
    assert [one.reference for one in bill.lines] == [reference]


def refusal(data: bytes, currency: str | None = None) -> BillError:
    with pytest.raises(BillError) as caught:
        read(data, currency=currency)
    assert caught.value.detail.endswith(".")
    return caught.value


def test_a_camt_statement_is_read_entry_by_entry() -> None:
    (bill,) = read(CAMT.encode())
    assert (bill.layout, bill.account, bill.on, bill.since, bill.currency) == (
        *("bank.camt.053.001.08", "NL91ABNA0417164300", date(2026, 10, 1), None),
        "EUR",
    )
    table = [(x.line_no, x.kind, x.reference, x.provider_id, x.amount.decimal_text()) for x in bill.lines]
    assert table == [
        (1, "credit", "TX1-BATCH-42", "S-1@20261001/B-1", "170.00"),
        (2, "debit", "PO-7", "S-1@20261001/B-2", "-113.04"),
        (3, "debit", "BATCH-9", "S-1@20261001/B-3", "-75.72"),
    ]
    assert dict(bill.totals) == {"lines": 3, "credits": 17000, "debits": 18876, "opening": 50000, "closing": 48124}


@pytest.mark.parametrize(
    "data",
    [
        changed(CAMT, ("camt.053.001.08", "camt.053.001.02")).replace(b"<Sts><Cd>BOOK</Cd></Sts>", b"<Sts>BOOK</Sts>"),
        changed(CAMT, ("camt.053.001.08", "camt.053.001.13")),
        CAMT.replace("<", "<a:").replace("<a:/", "</a:").replace("<a:?", "<?").replace("xmlns=", "xmlns:a=").encode(),
        changed(CAMT, ("OPBD", "PRCD")),
        changed(CAMT, ('encoding="UTF-8"', 'encoding="UTF-16"')).decode().encode("utf-16"),
        changed(CAMT, ("<NtryRef>1</NtryRef>", "<NtryRef>1</NtryRef><!-- a remark --><AddtlNtryInf>&lt;new&gt;</AddtlNtryInf>")),
        gzip.compress(CAMT.encode()),
    ],
)
def test_a_camt_statement_of_any_version_is_the_same(data: bytes) -> None:
    assert read(data)[0].lines == read(CAMT.encode())[0].lines


def test_a_camt_file_with_two_statements_is_two_bills() -> None:
    statement = CAMT[CAMT.index("<Stmt>") : CAMT.index("</Stmt>") + 7]
    twice = changed(CAMT, (statement, statement + statement.replace("NL91ABNA0417164300", "DE02")))
    assert [bill.account for bill in read(twice)] == ["NL91ABNA0417164300", "DE02"]


SECRET = "file:///etc/hostname"


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("truncated", CAMT[:-15].encode()),
        ("truncated", CAMT[: CAMT.index("<Ntry>")].encode()),
        ("truncated", gzip.compress(CAMT.encode())[:-20]),
        ("truncated", changed(CAMT, ("<Id>S-1</Id>", "<Id>&other;</Id>"))),
        (
            "unknown_layout",
            changed(CAMT, ("<Document", f'<!DOCTYPE Document [<!ENTITY other SYSTEM "{SECRET}">]><Document'), ("S-1", "&other;")),
        ),
        ("unknown_layout", changed(CAMT, ("<Document", f'<!DOCTYPE Document SYSTEM "{SECRET}"><Document'))),
        ("unknown_layout", CAMT.replace("camt.053", "camt.052").encode()),
        ("unknown_layout", b'<?xml version="1.0"?><Document/>'),
        ("balance_break", changed(CAMT, ("170.00", "170.01"), ("<Sum>170<", "<Sum>170.01<"))),
        ("balance_break", changed(CAMT, ("481.24", "481.25"))),
        ("summary_mismatch", changed(CAMT, ("170.00", "170.01"))),
        ("summary_mismatch", changed(CAMT, ("<NbOfNtries>3<", "<NbOfNtries>4<"))),
        ("summary_missing", changed(CAMT, ("CLBD", "CLAV"))),
        ("bad_amount", changed(CAMT, ("170.00", "1.7e2"))),
        ("bad_amount", changed(CAMT, ("170.00", "-170.00"))),
        ("bad_amount", changed(CAMT, ("170.00", "170.001"))),
        ("bad_amount", changed(CAMT, ('<Amt Ccy="EUR">170.00</Amt>', ""))),
        ("bad_amount", changed(CAMT, ("170.00</Amt><CdtDbtInd>CRDT", "170.00</Amt><CdtDbtInd>BOTH"))),
        ("other_currency", changed(CAMT, ('"EUR">170.00', '"USD">170.00'))),
        ("unknown_kind", changed(CAMT, ("BOOK", "PDNG"))),
        ("bad_time", changed(CAMT, ("<BookgDt><Dt>2026-10-01</Dt></BookgDt><ValDt>", "<BookgDt><Dt>today</Dt></BookgDt><ValDt>"))),
    ],
)
def test_a_camt_file_that_is_broken_or_hostile_is_refused(code: str, data: bytes) -> None:
    error = refusal(data)
    assert error.code == code, error.detail


def test_pages_of_an_mt940_statement_are_read_line_by_line() -> None:
    first, second = read(MT940.encode())
    assert (first.layout, first.account, first.currency, first.on, first.since) == (
        *("bank.mt940", "NL91ABNA0417164300", "EUR", date(2026, 10, 1)),
        None,
    )
    assert [(x.kind, x.reference, x.provider_id, x.amount.decimal_text()) for x in (*first.lines, *second.lines)] == [
        ("credit", "TX1-BATCH-42", "274/1@20261001/B-1", "170.00"),
        ("debit", "PO-7", "274/1@20261001/B-2", "-113.04"),
        ("debit", "", "274/2@20261001/B-3", "-75.72"),
    ]
    assert dict(second.totals) == {"lines": 1, "credits": 0, "debits": 7572, "opening": 55696, "closing": 48124}


def test_an_mt940_statement_without_envelope_and_with_other_line_ends_is_the_same() -> None:
    plain = MT940.replace(MT940.splitlines(keepends=True)[0], "").replace("-}\n", "-\n").replace("\n", "\r\n")
    assert [bill.lines for bill in read(plain.encode())] == [bill.lines for bill in read(MT940.encode())]
    assert read(MT940.replace("Returned", "Zurück").encode("latin-1"))[1].lines == read(MT940.encode())[1].lines


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("balance_break", changed(MT940, ("C170,00", "C170,01"))),
        ("balance_break", changed(MT940, (":61:2610011001D113,04NTRFPO-7//B-2\n:86:Payout: shop\n", ""))),
        ("balance_break", changed(MT940, (":60M:C261001EUR556,96", ":60M:C261001EUR556,95"), ("EUR481,24", "EUR481,23"))),
        ("balance_break", changed(MT940, ("RC75,72", "C75,72"))),
        ("summary_missing", MT940[: MT940.index(":62F:")].encode()),
        ("summary_missing", changed(MT940, (":60F:", ":60X:"))),
        ("bad_field", changed(MT940, ("2610011001C170,00", "26ab011001C170,00"))),
        ("bad_field", changed(MT940, ("2610011001C170,00", "2613411001C170,00"))),
        ("bad_amount", changed(MT940, ("C170,00", "C170,001"), ("EUR500,00", "EUR499,999"))),
        ("other_currency", changed(MT940, (":62M:C261001EUR", ":62M:C261001USD"))),
        ("unknown_layout", b"{1:F01ABNANL2AXXXX0000000000}"),
        ("bad_field", changed(MT940, (":20:", ":2O:"))),
        ("incomplete", MT940[MT940.rindex("{1:") :].encode()),
        ("incomplete", MT940[: MT940.rindex("{1:")].encode()),
    ],
)
def test_an_mt940_file_that_is_broken_is_refused(code: str, data: bytes) -> None:
    error = refusal(data)
    assert error.code == code, error.detail


def test_what_cannot_be_read_of_a_statement_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert refusal(changed(MT940, ("2610011001C170,00", "26ab011001C170,00"))).code == "bad_field"
    assert caplog.text == ""


def test_the_currency_asked_for_must_be_that_of_the_statement() -> None:
    assert {refusal(text.encode(), "CNY").code for text in (CAMT, MT940)} == {"other_currency"}
