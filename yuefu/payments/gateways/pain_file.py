"""The file of payouts that a bank is given: ISO 20022 pain.001, of version .09 or .03 (ADR 0043).

What is written is held against the schema of ISO, and read again: count and sum are what they should be, or nothing is handed out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Final

from lxml import etree

from yuefu.money.amounts import Money
from yuefu.payments.rules.payout_files import HowPaid, Line

_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"
_SCHEMAS: Final = Path(__file__).parent / "schemas"
_NEW: Final = "pain.001.001.09"
_CNAPS_DIGITS: Final = 12


def write(
    *, layout: str, message_id: str, made_at: datetime, execute_on: date, account: str, payer: HowPaid, lines: Sequence[Line], text: str
) -> bytes:
    """The file of these payouts, all out of one account of ours; the same bytes for the same payouts. Each is named by our reference, and says `text`
    to whom it goes. Raises ValueError where the result is no such file."""
    total = _sum([line.payout.amount for line in lines])
    made = _Maker(layout)
    root = made.element(None, "Document")
    asked = made.element(root, "CstmrCdtTrfInitn")
    head = made.element(asked, "GrpHdr")
    made.text(head, "MsgId", message_id)
    made.text(head, "CreDtTm", made_at.isoformat(timespec="seconds"))
    made.text(head, "NbOfTxs", str(len(lines)))
    made.text(head, "CtrlSum", total.decimal_text())
    made.text(made.element(head, "InitgPty"), "Nm", payer.debtor)
    together = made.element(asked, "PmtInf")
    made.text(together, "PmtInfId", message_id)
    made.text(together, "PmtMtd", "TRF")
    made.text(together, "BtchBookg", "false")
    made.text(together, "NbOfTxs", str(len(lines)))
    made.text(together, "CtrlSum", total.decimal_text())
    made.day(together, "ReqdExctnDt", execute_on)
    made.text(made.element(together, "Dbtr"), "Nm", payer.debtor)
    made.account(together, "DbtrAcct", account, total.currency)
    made.bank(together, "DbtrAgt", payer.debtor_bank or "NOTPROVIDED")
    made.text(together, "ChrgBr", "DEBT")
    for line in lines:
        made.payment(together, line, text)
    data = bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
    _check(layout, data, lines, total)
    return data


class _Maker:
    """Puts elements of one version together."""

    def __init__(self, layout: str) -> None:
        self._new = layout == _NEW
        self._space = f"{_NAMESPACE}{layout}"

    def element(self, parent: etree._Element | None, name: str) -> etree._Element:
        tag = f"{{{self._space}}}{name}"
        return etree.Element(tag, nsmap={None: self._space}) if parent is None else etree.SubElement(parent, tag)

    def text(self, parent: etree._Element, name: str, value: str) -> etree._Element:
        made = self.element(parent, name)
        made.text = value
        return made

    def day(self, parent: etree._Element, name: str, on: date) -> None:
        if self._new:
            self.text(self.element(parent, name), "Dt", on.isoformat())
        else:
            self.text(parent, name, on.isoformat())

    def account(self, parent: etree._Element, name: str, number: str, currency: str = "") -> None:
        made = self.element(parent, name)
        self.text(self.element(self.element(made, "Id"), "Othr"), "Id", number)
        if currency:
            self.text(made, "Ccy", currency)

    def bank(self, parent: etree._Element, name: str, code: str) -> None:
        """By CNAPS number, by BIC, or as not given."""
        institution = self.element(self.element(parent, name), "FinInstnId")
        if len(code) == _CNAPS_DIGITS and code.isdigit():
            member = self.element(institution, "ClrSysMmbId")
            self.text(self.element(member, "ClrSysId"), "Cd", "CNAPS")
            self.text(member, "MmbId", code)
        elif code == "NOTPROVIDED":
            self.text(self.element(institution, "Othr"), "Id", code)
        else:
            self.text(institution, "BICFI" if self._new else "BIC", code)

    def payment(self, parent: etree._Element, line: Line, text: str) -> None:
        payout, made = line.payout, self.element(parent, "CdtTrfTxInf")
        named = self.element(made, "PmtId")
        self.text(named, "InstrId", payout.reference)
        self.text(named, "EndToEndId", payout.reference)
        amount = self.text(self.element(made, "Amt"), "InstdAmt", payout.amount.decimal_text())
        amount.set("Ccy", payout.amount.currency)
        if line.bank_code:
            self.bank(made, "CdtrAgt", line.bank_code)
        self.text(self.element(made, "Cdtr"), "Nm", line.holder)
        self.account(made, "CdtrAcct", line.number)
        self.text(self.element(made, "RmtInf"), "Ustrd", text)


def _check(layout: str, data: bytes, lines: Sequence[Line], total: Money) -> None:
    """What stands in the file is what was meant, by another way than it was written."""
    tree = etree.fromstring(data, _parser())
    schema = _schema(layout)
    if not schema.validate(tree):
        raise ValueError(f"this is no {layout}: {str(schema.error_log.last_error)[:300]}")
    space = {"p": f"{_NAMESPACE}{layout}"}
    amounts = [Money.parse(str(found.text), str(found.get("Ccy"))) for found in tree.iterfind(".//p:InstdAmt", space)]
    references = [str(found.text) for found in tree.iterfind(".//p:EndToEndId", space)]
    if _sum(amounts) != total or references != [line.payout.reference for line in lines] or len(set(references)) != len(references):
        raise ValueError("the file does not say what was meant")
    said = {(str(found.getparent().find("p:CtrlSum", space).text), str(found.text)) for found in tree.iterfind(".//p:NbOfTxs", space)}
    if said != {(total.decimal_text(), str(len(lines)))}:
        raise ValueError("the file says another count or sum of itself")


def _sum(amounts: Sequence[Money]) -> Money:
    return Money(sum(amount.minor for amount in amounts), amounts[0].currency)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


@cache
def _schema(layout: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(_SCHEMAS / f"{layout}.xsd", _parser()))
