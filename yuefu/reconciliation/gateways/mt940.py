"""Reads bank statements in SWIFT MT940; the fields are taken apart by the library `mt-940` (ADR 0039).

The library leaves out what it does not understand, and adds nothing up: here the lines are counted, and each statement's opening balance
and lines make its closing balance.
"""

import logging
import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

import mt940

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.cells import AMOUNT_LIMIT, places_of_stated
from yuefu.reconciliation.gateways.grouping import Statement, bill_of_statement
from yuefu.reconciliation.gateways.streams import BOM, Source
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine

_START = re.compile(rb"(\{1:|:20:|:940:)")
_STATEMENT = re.compile(r"^(?=:20:)", re.MULTILINE)
_PART = re.compile(r"^:(6[0-5]|25|86)[A-Z]?:", re.MULTILINE)
_LINE = re.compile(r"^:61:", re.MULTILINE)
_EREF = re.compile(r"/EREF/([^/]{1,35})")
_NO_REFERENCE: Final = frozenset({"", "NONREF", "NOTPROVIDED"})
_SIZE_LIMIT = 128 << 20
# What the library raises for a field that is not as it should be.
_FAULTS: Final = (RuntimeError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError)
# The library logs what it cannot read, and that is a bank statement.
logging.getLogger("mt940").setLevel(logging.CRITICAL + 1)


def is_statement(start: bytes) -> bool:
    return _START.match(start) is not None


def read_source(source: Source, currency: str | None) -> list[Bill]:
    """A bill for each statement in the file; one that goes on over pages must go on where the page before ended."""
    text = _decoded(source)
    before, *blocks = _STATEMENT.split(text) if not text.startswith(":20:") else ["", *filter(None, _STATEMENT.split(text))]
    if not blocks:
        raise BillError("unknown_layout", "The file begins like a SWIFT message but holds no statement (:20:).")
    if _PART.search(before):
        raise BillError("bad_field", "The file has lines before its first statement (:20:): fetch it again.")
    bills: list[Bill] = []
    ends: dict[str, tuple[int, bool]] = {}
    for number, block in enumerate(blocks, start=1):
        statement = _statement(block, number, currency)
        begins, ends_here = ":60M:" not in block, ":62M:" not in block
        before_it = ends.get(statement.account, (statement.opening, True))
        if before_it[0] != statement.opening:
            raise BillError("balance_break", f"Statement {number} does not begin with the balance that the one before it ended with.")
        if before_it[1] != begins:
            raise BillError(
                "incomplete", f"Statement {number} is a page of several, and the one before it is not there: put all into one file."
            )
        ends[statement.account] = statement.closing, ends_here
        bills.append(bill_of_statement(statement, source.sha256()))
    if not all(ended for _, ended in ends.values()):
        raise BillError("incomplete", "The last page of a statement is not there: put all pages into one file.")
    return bills


def _decoded(source: Source) -> str:
    pieces, size = [], 0
    while piece := source.read(1 << 20):
        pieces.append(piece)
        size += len(piece)
        if size > _SIZE_LIMIT:
            raise BillError("too_large", f"The statement is larger than {_SIZE_LIMIT >> 20} MiB: fetch it in parts by date.")
    data = b"".join(pieces).removeprefix(BOM)
    for encoding in ("utf-8", "gb18030"):
        try:
            return data.decode(encoding).replace("\r\n", "\n")
        except UnicodeDecodeError:
            continue
    # Banks of Europe write their accents in one byte each.
    return data.decode("latin-1").replace("\r\n", "\n")


def _statement(block: str, number: int, wanted: str | None) -> Statement:
    try:
        found = mt940.models.Transactions(options=mt940.Options.all())
        found.parse(block)
        opening, closing = (_balance(found.data, name, number) for name in ("opening", "closing"))
        currency = str(opening.amount.currency)
        places = _places(currency, wanted, number)
        first, last = (_minor(balance.amount.amount, places, number) for balance in (opening, closing))
        lines = [_line(transaction.data, place, currency, places) for place, transaction in enumerate(found.transactions, start=1)]
        ended_on = _day(closing.date, number)
    except _FAULTS as error:
        raise BillError("bad_field", f"Statement {number} has a field that is not as MT940 has it: fetch it again.") from error
    if str(closing.amount.currency) != currency:
        raise BillError("other_currency", f"Statement {number} opens in {currency} and closes in {str(closing.amount.currency)[:40]}.")
    if len(_LINE.findall(block)) != len(lines):
        raise BillError("bad_field", f"Statement {number} has {len(_LINE.findall(block))} lines (:61:), of which {len(lines)} can be read.")
    account = str(found.data.get("account_identification") or "").strip()
    name = "/".join(text for part in ("statement_number", "sequence_number") if (text := str(found.data.get(part) or "").strip()))
    return Statement("bank.mt940", account, currency, first, last, ended_on, lines, name)


def _balance(data: Any, name: str, number: int) -> Any:
    """The balance of a name: that of the statement, or that of a page."""
    for kind in ("final", "intermediate"):
        if f"{kind}_{name}_balance" in data:
            return data[f"{kind}_{name}_balance"]
    raise BillError("summary_missing", f"Statement {number} lacks its {name} balance: fetch it again.")


def _places(currency: str, wanted: str | None, number: int) -> int:
    if wanted not in (None, currency):
        raise BillError("other_currency", f"Statement {number} is in {currency[:40]}, the file is read in {wanted}.")
    return places_of_stated(currency)


def _minor(amount: Decimal, places: int, number: int) -> int:
    scaled = amount.scaleb(places)
    if scaled != scaled.to_integral_value() or abs(scaled) > AMOUNT_LIMIT:
        raise BillError("bad_amount", f"Statement {number} has an amount that its currency does not have: {amount}.")
    return int(scaled)


def _day(found: Any, number: int) -> date:
    if not isinstance(found, date):
        raise BillError("bad_time", f"Statement {number} has a day that is none.")
    return date(found.year, found.month, found.day)


def _end_to_end(data: Any) -> str:
    """Our reference: as the details have it, where it may be as long as ours are, else that of the line, which has 16 characters."""
    details = _EREF.search(str(data.get("transaction_details") or "").replace("\n", ""))
    named = (data.get("end_to_end_reference"), details and details[1], data.get("customer_reference"))
    return next((text for one in named if (text := str(one or "").strip()) not in _NO_REFERENCE), "")


def _line(data: Any, number: int, currency: str, places: int) -> BillLine:
    minor = _minor(data["amount"].amount, places, number)
    on = _day(data.get("entry_date") or data["date"], number)
    ours, theirs = _end_to_end(data), str(data.get("bank_reference") or "").strip()
    return BillLine(
        line_no=number,
        kind="credit" if minor >= 0 else "debit",
        reference=ours,
        provider_id=theirs,
        business_id="",
        occurred_at=datetime.combine(on, time.min),
        occurred_on=on,
        amount=Money(minor, currency),
        fee=Money(0, currency),
        status="",
        balance=None,
    )
