"""Reads bank statements in ISO 20022 camt.053, of any version: elements are told by their local names (ADR 0039).

An entry stands in memory only while it is read. Entities, document types and the network are off.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Final

from lxml import etree

from yuefu.money.amounts import Money
from yuefu.reconciliation.gateways.cells import agree, places_of_stated, read_count, read_minor, read_total
from yuefu.reconciliation.gateways.grouping import Statement, bill_of_statement
from yuefu.reconciliation.gateways.streams import Source
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine

_VERSION = re.compile(r"camt\.053\.001\.[0-9]{2}$")
_OPENING: Final = ("OPBD", "PRCD", "ITBD")
_CLOSING: Final = ("CLBD", "ITBD")
_PARTS: Final = ("Id", "Acct", "Bal", "TxsSummry", "Ntry")
_OF_ONE: Final = tuple(
    f"NtryDtls/TxDtls/{path}" for path in ("Refs/EndToEndId", "Refs/InstrId", "Refs/PmtInfId", "RmtInf/Strd/CdtrRefInf/Ref")
)
_NO_REFERENCE: Final = frozenset({"", "NOTPROVIDED", "NONREF"})


@dataclass(slots=True)
class _Statement:
    """A statement in reading. `balances` are by code, in order of the file."""

    wanted: str | None
    name: str = ""
    account: str = ""
    currency: str = ""
    places: int = 0
    balances: list[tuple[str, int, date]] = field(default_factory=list)
    lines: list[BillLine] = field(default_factory=list)
    said: list[tuple[str, str, str]] = field(default_factory=list)


def read_source(source: Source, currency: str | None) -> list[Bill]:
    """A bill for each statement in the file: the opening balance and all entries make the closing balance, and the counts are right."""
    statements: list[_Statement] = []
    layout = ""
    try:
        for event, element in _elements(source):
            name = _name(element)
            if event == "start":
                layout = layout or _layout(element.getroottree())
                if name == "Stmt":
                    statements.append(_Statement(currency))
            elif statements and name in _PARTS and _name(element.getparent()) == "Stmt":
                _take(statements[-1], name, element)
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise BillError("truncated", f"The XML file is cut short or damaged: {str(error)[:120]}.") from error
    if not statements:
        raise BillError("unknown_layout", "The XML file is no bank statement of camt.053: it holds no statement.")
    return [_bill(statement, layout, source.sha256()) for statement in statements]


def _elements(source: Source) -> Iterator[tuple[str, Any]]:
    safe = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
    wanted = [f"{{*}}{name}" for name in ("Document", "Stmt", *_PARTS)]
    yield from etree.iterparse(source, events=("start", "end"), tag=wanted, remove_comments=True, remove_pis=True, **safe)


def _layout(tree: Any) -> str:
    if tree.docinfo.internalDTD is not None:
        raise BillError("unknown_layout", "The XML file has a document type of its own, which no bank statement has.")
    namespace = str(tree.getroot().tag).rpartition("}")[0]
    if "camt." in namespace and "camt.053." not in namespace:
        raise BillError("unknown_layout", f"The XML file is {namespace[-40:]}, not a statement (camt.053).")
    version = _VERSION.search(namespace)
    return f"bank.{version[0]}" if version else "bank.camt.053"


def _name(element: Any) -> str:
    # Not etree.QName: it refuses some names that the parser lets pass.
    return element.tag.rpartition("}")[2] if element is not None and isinstance(element.tag, str) else ""


def _texts(element: Any, above: str = "", found: dict[str, str] | None = None) -> dict[str, str]:
    """The text of the first element on each path below, such as "Dt/DtTm", and under "Amt@Ccy" the currency of an amount."""
    found = {} if found is None else found
    for child in element:
        path = above + _name(child)
        found.setdefault(path, (child.text or "").strip())
        if child.get("Ccy"):
            found.setdefault(f"{path}@Ccy", child.get("Ccy"))
        if len(child):
            _texts(child, f"{path}/", found)
    return found


def _take(statement: _Statement, name: str, element: Any) -> None:
    texts = _texts(element)
    if name == "Id":
        statement.name = (element.text or "").strip()
    elif name == "Acct":
        statement.account = texts.get("Id/IBAN") or texts.get("Id/Othr/Id", "")
        if texts.get("Ccy"):
            _require_currency(statement, texts["Ccy"], 0)
    elif name == "Bal":
        code = texts.get("Tp/CdOrPrtry/Cd", "")
        if code in (*_OPENING, *_CLOSING):
            statement.balances.append((code, _signed(statement, texts, 0), _day(texts, 0, "Dt")[0]))
    elif name == "TxsSummry":
        for part in ("TtlNtries", "TtlCdtNtries", "TtlDbtNtries"):
            total = "" if part == "TtlNtries" else texts.get(f"{part}/Sum", "")
            statement.said.append((part, texts.get(f"{part}/NbOfNtries", ""), total))
    else:
        parts = sum(_name(part) == "TxDtls" for details in element if _name(details) == "NtryDtls" for part in details)
        statement.lines.append(_entry(statement, texts, parts, len(statement.lines) + 1))


def _require_currency(statement: _Statement, currency: str, number: int) -> None:
    if not statement.currency:
        statement.currency, statement.places = currency, places_of_stated(currency)
    if currency != statement.currency or statement.wanted not in (None, currency):
        wanted = statement.wanted or statement.currency
        raise BillError(
            "other_currency", f"Entry {number} is in {currency[:40] or 'no currency'}, the statement is read in {wanted}.", number or None
        )


def _signed(statement: _Statement, texts: Mapping[str, str], number: int) -> int:
    amount, direction = texts.get("Amt"), texts.get("CdtDbtInd")
    if amount is None or direction not in ("CRDT", "DBIT"):
        raise BillError("bad_amount", f"Entry {number} has no amount, or neither CRDT nor DBIT.", number)
    _require_currency(statement, texts.get("Amt@Ccy", ""), number)
    minor = read_minor(amount, statement.places, number)
    if minor < 0:
        raise BillError("bad_amount", f"Entry {number} has a negative amount; CdtDbtInd gives it the sign.", number)
    return minor if direction == "CRDT" else -minor


def _day(texts: Mapping[str, str], number: int, *names: str) -> tuple[date, datetime]:
    """The first of the days that are named, and the moment where the bank says it."""
    for name in names:
        text = texts.get(f"{name}/Dt") or texts.get(f"{name}/DtTm")
        if text:
            try:
                at = datetime.fromisoformat(text) if "T" in text else datetime.combine(date.fromisoformat(text[:10]), time.min)
            except ValueError as error:
                raise BillError("bad_time", f"Entry {number} has a day that is none: '{text[:40]}'.", number) from error
            return at.date(), at.replace(tzinfo=None)
    raise BillError("bad_time", f"Entry {number} has no day.", number)


def _entry(statement: _Statement, texts: Mapping[str, str], parts: int, number: int) -> BillLine:
    status = texts.get("Sts/Cd") or texts.get("Sts", "")
    if status != "BOOK":
        detail = f"Entry {number} is not booked but {status[:20] or 'without status'}; a statement has booked ones."
        raise BillError("unknown_kind", detail, number)
    minor = _signed(statement, texts, number)
    on, at = _day(texts, number, "BookgDt", "ValDt")
    return BillLine(
        line_no=number,
        kind="credit" if minor >= 0 else "debit",
        reference=_reference(texts, parts),
        provider_id=texts.get("AcctSvcrRef", ""),
        business_id="",
        occurred_at=at,
        occurred_on=on,
        amount=Money(minor, statement.currency),
        fee=Money(0, statement.currency),
        status="",
        balance=None,
    )


def _reference(texts: Mapping[str, str], parts: int) -> str:
    """Our reference: of the one payment in the entry, or of the batch that it is."""
    paths = [*(_OF_ONE if parts == 1 else ()), "NtryDtls/Btch/PmtInfId", "NtryRef"]
    return next((texts[path] for path in paths if texts.get(path, "") not in _NO_REFERENCE), "")


def _bill(statement: _Statement, layout: str, sha256: str) -> Bill:
    opening, closing = _balances(statement)
    _require_counts(statement)
    given = (layout, statement.account, statement.currency, opening[1], closing[1], closing[2], statement.lines, statement.name)
    return bill_of_statement(Statement(*given), sha256)


def _balances(statement: _Statement) -> tuple[tuple[str, int, date], tuple[str, int, date]]:
    """The opening and the closing balance; on one page of several they are interim ones."""
    opening = next((balance for code in _OPENING for balance in statement.balances if balance[0] == code), None)
    closing = next((balance for code in _CLOSING for balance in reversed(statement.balances) if balance[0] == code), None)
    if opening is None or closing is None or opening is closing:
        raise BillError("summary_missing", "The statement lacks its opening or closing balance: fetch it again.")
    return opening, closing


def _require_counts(statement: _Statement) -> None:
    """The summary of entries, where there is one, says what they are."""
    for part, count, total in statement.said:
        sign = {"TtlCdtNtries": 1, "TtlDbtNtries": -1}.get(part, 0)
        chosen = [
            line.amount.minor
            for line in statement.lines
            if not sign or sign * line.amount.minor > 0 or (sign > 0 and not line.amount.minor)
        ]
        if count:
            agree(part, count, read_count(count, 0), len(chosen), 0, 0)
        if total:
            agree(part, total, read_total(total, statement.places, 0), abs(sum(chosen)), statement.places, 0)
