"""Reads Affirm's settlement events. Amounts are minor units; what went back is negative or not, the type says it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from yuefu.reconciliation.gateways.grouping import Group, bills_of
from yuefu.reconciliation.gateways.json_files import currency_of, minor_of, moment_of, money_of, objects, text_of
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine

_KINDS: Final[Mapping[str, str]] = {
    "capture": "payment",
    "refund": "refund",
    "chargeback": "chargeback",
    "dispute": "chargeback",
    "fee": "fee",
}


def read_events(document: Mapping[str, Any], currency: str | None, sha256: str) -> list[Bill]:
    """A bill for each currency. A page that is not the last is refused as incomplete."""
    if "next_cursor" not in document:
        raise BillError(
            "incomplete", "The file does not say whether it is all there is: it has no next_cursor, which is null on the last page."
        )
    if document["next_cursor"] is not None:
        raise BillError("incomplete", "The file is a page of several (its next_cursor is not null): put all pages into one file.")
    groups: dict[Group, list[BillLine]] = defaultdict(list)
    for number, one in enumerate(objects(document, "data"), start=1):
        line = _event(one, number, currency)
        groups["", line.amount.currency].append(line)
    return bills_of(layout="affirm.events", groups=groups, totals={}, sha256=sha256, currency=currency)


def _event(one: Mapping[str, Any], number: int, wanted: str | None) -> BillLine:
    currency = currency_of(one, "currency", number, wanted)
    type_ = text_of(one, "type", number, needed=True)
    kind = _KINDS.get(type_, "other")
    minor = minor_of(one, "amount", number)
    if kind == "payment" and minor < 0:
        raise BillError("bad_amount", f"Entry {number} is a capture of less than nothing, {minor}.", number)
    at = moment_of(one, "created", number)
    return BillLine(
        line_no=number,
        kind=kind,
        reference=text_of(one, "transaction_id", number, needed=True),
        provider_id=text_of(one, "id", number, needed=True),
        business_id=text_of(one, "transaction_event_id", number),
        occurred_at=at,
        occurred_on=at.date(),
        amount=money_of(-abs(minor) if kind in ("refund", "chargeback", "fee") else minor, currency, number),
        fee=money_of(minor_of(one, "fee", number, needed=False), currency, number),
        status="",
        balance=None,
    )
