"""A bank's own statement (camt.053, MT940) is received in a book as the bank's file of a day, and says the same as any other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from uuid import uuid4

import pytest

from tests.journeys.conftest import FIRST_DAY, Shop
from yuefu.errors import Refused
from yuefu.journeys import reconciliation, settlement
from yuefu.money.amounts import Money
from yuefu.payments.rules import CLIENT_NUMBER, OPERATING_NUMBER
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.commands import DayOutcome, FileIn, Received
from yuefu.reconciliation.gateways import grouping
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.matching import Movement, OpenItem, Outcome, Seen
from yuefu.reconciliation.rules.naming import named
from yuefu.settlement import queries as statements

DAY = date(2026, 10, 13)


def text(minor: int) -> str:
    return f"{abs(minor) // 100}.{abs(minor) % 100:02d}"


def camt(account: str, on: date, lines: Sequence[tuple[str, int]], opening: int = 0) -> bytes:
    """A statement of an account: so many entries, each a reference and a signed amount."""

    def balance(code: str, minor: int) -> str:
        side = "CRDT" if minor >= 0 else "DBIT"
        return (
            f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{text(minor)}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
            f"<Dt><Dt>{on}</Dt></Dt></Bal>"
        )

    entries = "".join(
        f'<Ntry><Amt Ccy="CNY">{text(minor)}</Amt><CdtDbtInd>{"CRDT" if minor >= 0 else "DBIT"}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>{on}</Dt></BookgDt><AcctSvcrRef>B{uuid4().hex[:12]}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>{reference}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>"
        for reference, minor in lines
    )
    closing = opening + sum(minor for _, minor in lines)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>1'
        f"</MsgId></GrpHdr><Stmt><Id>1</Id><Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>"
        f"{balance('OPBD', opening)}{balance('CLBD', closing)}{entries}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def mt940(account: str, on: date, lines: Sequence[tuple[str, int]], opening: int = 0) -> bytes:
    """The same in the older form, our references in the details: they are longer than a line has room for."""

    def balance(tag: str, minor: int) -> str:
        return f":{tag}:{'C' if minor >= 0 else 'D'}{on:%y%m%d}CNY{text(minor).replace('.', ',')}"

    told = [
        f":61:{on:%y%m%d}{on:%m%d}{'C' if minor >= 0 else 'D'}{text(minor).replace('.', ',')}NTRFNONREF//B{uuid4().hex[:12]}\n:86:/EREF/{reference}/REMI/payout"
        for reference, minor in lines
    ]
    closing = opening + sum(minor for _, minor in lines)
    head = [":20:1", f":25:{account}", ":28C:1/1", balance("60F", opening)]
    return "\n".join([*head, *told, balance("62F", closing), ""]).encode()


Form = Callable[[str, date, Sequence[tuple[str, int]]], bytes]


@pytest.fixture
def paid(shop: Shop) -> Shop:
    """The day after a pay day: money of a funder came on the first, two merchants were paid on the second."""
    shop.bought("600.00", merchant=0)
    shop.bought("200.00", merchant=1)
    shop.next_day()
    assert not isinstance(settlement.settle(desk=shop.desk, now=shop.now(9)), Refused)
    shop.next_day()
    return shop


def as_told(shop: Shop, source: str, account: str, on: date, spoilt: Sequence[tuple[str, int]] = (), *, form: Form = camt) -> FileIn:
    """The file of a source and day as the bank itself would tell it, and some lines more."""
    lines = [(line.reference, line.amount.minor) for line in read_bill(reconciliation.fetch(desk=shop.desk, on=on)[source]).lines]
    return FileIn(source, form(account, on, [*lines, *spoilt]))


def reconcile(shop: Shop, *files: FileIn) -> list[reconciliation.Reconciled]:
    return reconciliation.reconcile(desk=shop.desk, now=shop.now(8), files=files)


@pytest.mark.parametrize("form", [camt, mt940])
def test_a_statement_of_the_bank_closes_the_day_and_reconciles_its_payouts(paid: Shop, form: Form) -> None:
    accounts = (("bank", OPERATING_NUMBER), ("bank_client", CLIENT_NUMBER))
    first, second = ([as_told(paid, source, number, on, form=form) for source, number in accounts] for on in (FIRST_DAY, DAY))
    for outcome in reconcile(paid, *first, *second):
        assert isinstance(outcome.outcome, DayOutcome), outcome
        assert (outcome.outcome.opened, outcome.outcome.bridge.residual) == (0, Money(0, "CNY"))
    assert {batch.state for batch in statements.batches_on(book_id=paid.book_id, pay_on=DAY)} <= {"reconciled", "paid", "returned"}
    assert "reconciled" in {batch.state for batch in statements.batches_on(book_id=paid.book_id, pay_on=DAY)}
    again = reconcile(paid, second[0])[0]
    assert not isinstance(again.received, Refused)
    assert again.received.again


def test_what_the_bank_alone_knows_is_a_break_of_its_direction(paid: Shop) -> None:
    reconcile(paid, as_told(paid, "bank", OPERATING_NUMBER, FIRST_DAY))
    file = as_told(paid, "bank", OPERATING_NUMBER, DAY, [("WHO-1", 12_34), ("WHAT-2", -5_00)])
    (outcome,) = reconcile(paid, file)
    assert isinstance(outcome.outcome, DayOutcome)
    assert (outcome.outcome.opened, outcome.outcome.bridge.residual) == (2, Money(0, "CNY"))
    assert found.found_by_class(book_id=paid.book_id) == {"missing_here": ["WHAT-2", "WHO-1"]}


@pytest.mark.parametrize(
    ("source", "account", "code"),
    [
        ("bank", CLIENT_NUMBER, "foreign_account"),
        ("bank_client", OPERATING_NUMBER, "foreign_account"),
        ("channel_fund", OPERATING_NUMBER, "wrong_source"),
        ("channel_trade", OPERATING_NUMBER, "wrong_source"),
    ],
)
def test_a_statement_of_another_account_is_refused(paid: Shop, source: str, account: str, code: str) -> None:
    (outcome,) = reconcile(paid, FileIn(source, camt(account, DAY, [("A", 1)])))
    assert isinstance(outcome.received, Refused)
    assert outcome.received.code == code


def test_a_statement_of_several_days_or_accounts_is_refused(paid: Shop) -> None:
    two_days = camt(OPERATING_NUMBER, DAY, [("A", 1), ("B", 2)]).replace(b"<BookgDt><Dt>2026-10-13", b"<BookgDt><Dt>2026-10-12", 1)
    body = camt(OPERATING_NUMBER, DAY, [("A", 1)])
    statement = body[body.index(b"<Stmt>") : body.index(b"</BkToCstmrStmt>")]
    two_accounts = body.replace(b"</BkToCstmrStmt>", statement.replace(OPERATING_NUMBER.encode(), b"other") + b"</BkToCstmrStmt>")
    for data, code in ((two_days, "several_days"), (two_accounts, "several_accounts")):
        (outcome,) = reconcile(paid, FileIn("bank", data))
        assert isinstance(outcome.received, Refused)
        assert outcome.received.code == code


def numbered(on: date, lines: Sequence[tuple[str, int]], *, form: Form, opening: int = 0, message: str = "1") -> bytes:
    """A statement of a bank that counts its lines from 1 every day, and calls every statement the same."""
    data = form(OPERATING_NUMBER, on, lines, opening)
    for number, word in enumerate(re.findall(rb"B[0-9a-f]{12}", data), start=1):
        data = data.replace(word, f"{number:04d}".encode(), 1)
    return data.replace(b"<MsgId>1<", f"<MsgId>{message}<".encode())


@pytest.mark.parametrize("form", [camt, mt940])
def test_a_bank_that_counts_its_lines_anew_every_day_has_none_of_them_twice(paid: Shop, form: Form) -> None:
    days = [FIRST_DAY, DAY]
    known = [
        [(one.reference, one.amount.minor) for one in read_bill(reconciliation.fetch(desk=paid.desk, on=on)["bank"]).lines] for on in days
    ]
    opening = 0
    for on, lines in zip(days, known, strict=True):
        (outcome,) = reconcile(paid, FileIn("bank", numbered(on, [*lines, ("", 7_00 + on.day)], form=form, opening=opening)))
        opening += sum(minor for _, minor in lines) + 7_00 + on.day
        assert isinstance(outcome.outcome, DayOutcome), outcome
        assert (outcome.outcome.opened, outcome.outcome.bridge.residual) == (1, Money(0, "CNY"))
    assert {(b.kind, b.cls) for b in found.breaks(book_id=paid.book_id)} == {("receipt", "missing_here")}


def test_the_same_statement_is_known_again_in_another_message_and_another_one_is_not(paid: Shop) -> None:
    given = [("A", 100), ("B", 200), ("", -50)]
    (first,) = reconcile(paid, FileIn("bank", numbered(FIRST_DAY, given, form=camt)))
    again, twin, other, more = reconcile(
        paid,
        FileIn("bank", numbered(FIRST_DAY, given, form=camt, message="2")),
        FileIn("bank", numbered(FIRST_DAY, given, form=camt, message="3")),
        FileIn("bank", numbered(FIRST_DAY, given, form=camt, opening=1)),
        FileIn("bank", numbered(FIRST_DAY, [*given[:2], ("", -51)], form=camt)),
    )
    for one in (again, twin):
        assert isinstance(one.received, Received)
        assert isinstance(first.received, Received)
        assert (one.received.again, one.received.file.id) == (True, first.received.file.id)
    for one in (other, more):
        assert isinstance(one.received, Refused)
        assert one.received.code == "day_already_has_a_file"


def test_a_statement_whose_lines_were_stored_by_bare_numbers_is_known_again(paid: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = (
        FileIn("bank", numbered(FIRST_DAY, [("A", 5), ("B", -3)], form=camt, message=message), FIRST_DAY) for message in ("1", "2")
    )
    with monkeypatch.context() as patched:  # as they were stored once
        patched.setattr(grouping, "_numbered", lambda statement: statement.lines)
        (stored,) = reconcile(paid, first)
    (known,) = reconcile(paid, again)
    assert isinstance(stored.received, Received)
    assert known.received == Received((stored.received.file,), True)


def test_parts_of_a_collected_payment_have_one_number_and_are_no_duplicates(paid: Shop) -> None:
    data = re.sub(rb"<AcctSvcrRef>0+[0-9]", b"<AcctSvcrRef>0001", numbered(FIRST_DAY, [("A", 100), ("B", 200), ("B", 200)], form=camt))
    reconcile(paid, FileIn("bank", data))
    classes = sorted((b.reference, b.cls) for b in found.breaks(book_id=paid.book_id) if b.reference in ("A", "B"))
    assert classes == [("A", "missing_here"), ("B", "duplicate"), ("B", "missing_here")], "of one reference only one is right"


def line(kind: str, reference: str, minor: int) -> BillLine:
    at, none = datetime(2026, 10, 13), Money(0, "CNY")
    return BillLine(1, kind, reference, "", "", at, at.date(), Money(minor, "CNY"), none, "", None)


def movement(kind: str, reference: str, minor: int) -> Movement:
    return Movement(uuid4(), reference, kind, Money(minor, "CNY"), "", DAY)


def test_a_line_is_what_we_know_of_its_reference_in_its_direction() -> None:
    waiting = OpenItem(uuid4(), FIRST_DAY, Outcome.MISSING_THERE, None, movement("payout", "po-2", -5))
    known = [movement("payout", "po-1", -7), movement("payout_returned", "po-1", 7), movement("fee", "x", -1), movement("payout", "x", -9)]
    given = [
        line("debit", "po-1", -7), line("credit", "po-1", 7), line("debit", "po-2", -6), line("debit", "x", -1), line("debit", "x", -9),
        line("debit", "po-9", -1), line("credit", "", 1), line("payout", "po-9", -1),
    ]  # fmt: skip
    told, seen = named(given, known, [waiting], {("debit", "po-1"): Seen(FIRST_DAY, "B1"), ("payout", "z"): Seen(FIRST_DAY, "B2")})
    assert [one.kind for one in told] == ["payout", "payout_returned", "payout", "fee", "payout", "other", "receipt", "payout"]
    assert seen == {("payout", "po-1"): Seen(FIRST_DAY, "B1"), ("payout", "z"): Seen(FIRST_DAY, "B2")}
