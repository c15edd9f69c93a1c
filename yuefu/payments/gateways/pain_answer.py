"""What a bank answers to a file of payouts: ISO 20022 pain.002, of any version; elements are told by their local names (ADR 0043).

A status holds for the payment it stands at, or for all that are not named: of the group, where the whole file was taken or refused. Accepted is not
paid: only what was settled is. Entities, document types and the network are off.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final

from lxml import etree

from yuefu.errors import Refused
from yuefu.money.amounts import Money, MoneyError
from yuefu.payments.rules.payout_files import CUT_OFF, NOT_AN_ANSWER, Answer, Said, Told

LARGEST: Final = 64 << 20

_SAID: Final[dict[str, Said]] = {
    "ACSC": "paid", "ACCC": "paid",
    "RCVD": "sent", "PDNG": "sent", "ACTC": "sent", "ACCP": "sent", "ACSP": "sent", "ACWC": "sent", "ACFC": "sent", "ACWP": "sent", "PATC": "sent",
    "RJCT": "rejected", "CANC": "rejected",
}  # fmt: skip
_OF_PARTS: Final = "PART"
_REPORT: Final = "CstmrPmtStsRpt"


class _Wrong(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.refused = Refused(code, detail, "file")


def read(data: bytes) -> Answer | Refused:
    """The answer in a file. Refused with NOT_AN_ANSWER, or CUT_OFF where it is damaged or incomplete, which says what to do."""
    try:
        return _read(data)
    except etree.XMLSyntaxError as error:
        return Refused(CUT_OFF, f"the file is cut short or damaged ({str(error)[:120]}): get it from the bank again", "file")
    except _Wrong as wrong:
        return wrong.refused


def _read(data: bytes) -> Answer:
    if not data.strip():
        raise _Wrong(CUT_OFF, "the file is empty: get it from the bank again")
    if len(data) > LARGEST:
        raise _Wrong(NOT_AN_ANSWER, f"no answer is larger than {LARGEST} bytes")
    root = etree.fromstring(
        data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True)
    )
    if root.getroottree().docinfo.internalDTD is not None:
        raise _Wrong(NOT_AN_ANSWER, "the file has a document type of its own, which no answer of a bank has")
    report = _child(root, _REPORT)
    if report is None:
        raise _Wrong(
            NOT_AN_ANSWER,
            f"the file is no pain.002 but {etree.QName(root).namespace or etree.QName(root).localname:.80}: give the bank's answer",
        )
    head, group = _child(report, "GrpHdr"), _child(report, "OrgnlGrpInfAndSts")
    if head is None or group is None:
        raise _Wrong(CUT_OFF, "the file does not say which file it answers: get it from the bank again")
    made_on = _day(_text(head, "CreDtTm"))
    told = [*_parts(report, made_on), *_rest(group, made_on)]
    if not told:
        raise _Wrong(CUT_OFF, "the file says nothing of any payment: get it from the bank again")
    count = _text(group, "OrgnlNbOfTxs")
    return Answer(
        message_id=_needed(head, "MsgId"),
        answers_to=_needed(group, "OrgnlMsgId"),
        told=tuple(told),
        stated_count=int(count) if count.isdecimal() else None,
        stated_total=_text(group, "OrgnlCtrlSum") or None,
    )


def _parts(report: etree._Element, made_on: date) -> Iterator[Told]:
    """What is said of payments by name, and of the rest of their part of the file; we send one part only."""
    parts = [one for one in report if _name(one) == "OrgnlPmtInfAndSts"]
    for part in parts:
        for payment in (one for one in part if _name(one) == "TxInfAndSts"):
            reference = _text(payment, "OrgnlEndToEndId") or _text(payment, "OrgnlInstrId")
            if not reference:
                raise _Wrong(CUT_OFF, "a payment in the file has no reference: get it from the bank again")
            yield _told(payment, "TxSts", reference, made_on)
        if _text(part, "PmtInfSts") not in ("", _OF_PARTS):
            yield _told(part, "PmtInfSts", None, made_on)
    if len(parts) > 1:
        raise _Wrong(CUT_OFF, "the file answers several parts, and ours have one: ask the bank for the answer to it")


def _rest(group: etree._Element, made_on: date) -> Iterator[Told]:
    if _text(group, "GrpSts") not in ("", _OF_PARTS):
        yield _told(group, "GrpSts", None, made_on)


def _told(found: etree._Element, status: str, reference: str | None, made_on: date) -> Told:
    said = _SAID.get(_text(found, status))
    if said is None:
        raise _Wrong(NOT_AN_ANSWER, f"{status} {_text(found, status)[:20]!r} is no status that we know: ask the bank what it means")
    accepted = _text(found, "AccptncDtTm")
    on = _day(accepted) if accepted else made_on
    return Told(reference, said, _amount(found), on, _why(found) if said == "rejected" else "")


def _why(found: etree._Element) -> str:
    reasons = [
        _text(reason, "Cd") or _text(reason, "Prtry")
        for one in found
        if _name(one) == "StsRsnInf"
        for reason in one
        if _name(reason) == "Rsn"
    ]
    code = "".join(character for character in (reasons[0] if reasons else "") if character.isascii() and character.isalnum())
    return f"bank_{code.lower()[:40]}" if code else "bank_refused"


def _amount(found: etree._Element) -> Money | None:
    original = _child(found, "OrgnlTxRef")
    amount = _child(original, "Amt") if original is not None else None
    stated = _child(amount, "InstdAmt") if amount is not None else None
    if stated is None:
        return None
    try:
        return Money.parse(str(stated.text or "").strip(), str(stated.get("Ccy", "")))
    except MoneyError as error:
        raise _Wrong(CUT_OFF, f"an amount in the file cannot be read ({error}): get it from the bank again") from error


def _day(text: str) -> date:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise _Wrong(CUT_OFF, f"a moment in the file cannot be read ({text[:40]!r}): get it from the bank again") from None


def _needed(found: etree._Element, name: str) -> str:
    text = _text(found, name)
    if not text:
        raise _Wrong(CUT_OFF, f"the file has no {name}: get it from the bank again")
    return text


def _text(found: etree._Element, name: str) -> str:
    child = _child(found, name)
    return str(child.text or "").strip() if child is not None else ""


def _child(found: etree._Element, name: str) -> etree._Element | None:
    return next((one for one in found if _name(one) == name), None)


def _name(found: etree._Element) -> str:
    return str(etree.QName(found).localname) if isinstance(found.tag, str) else ""
