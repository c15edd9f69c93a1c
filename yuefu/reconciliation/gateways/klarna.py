"""Reads Klarna's settlements: the transactions and the payouts of its Settlements API.

Source: the public OpenAPI document. Amounts are minor units. Their signs are not documented: a file with negative amounts is taken as
signed, in one without any the type says what goes out.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from yuefu.reconciliation.gateways.grouping import Group, bills_of
from yuefu.reconciliation.gateways.json_files import currency_of, minor_of, moment_of, money_of, objects, text_of
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine

# What each type is, and whether it goes out. "" as a kind is the type itself, in small letters.
_TYPES: Final[Mapping[str, tuple[str, int]]] = {
    "SALE": ("payment", 1),
    "RETURN": ("refund", -1),
    "REVERSAL": ("refund", -1),
    "FEE": ("fee", -1),
    "COMMISSION": ("fee", -1),
    "FEE_REFUND": ("fee", 1),
    "TAX": ("tax", -1),
    "CORRECTION": ("correction", 1),
    "REVERSAL_MERCHANT_PROTECTION": ("correction", 1),
    "CHARGE": ("correction", -1),
    "CREDIT": ("correction", 1),
    "HOLDBACK": ("reserve", -1),
    "RELEASE": ("reserve", 1),
}
# The totals of a payout, the same way. All of them and the debt that was there make what is paid and the debt that stays.
_TOTALS: Final[Mapping[str, tuple[str, int]]] = {
    "sale_amount": ("payment", 1),
    "return_amount": ("refund", -1),
    "reversal_amount": ("refund", -1),
    "fee_amount": ("fee", -1),
    "commission_amount": ("fee", -1),
    "fee_refund_amount": ("fee", 1),
    "tax_amount": ("tax", -1),
    "tax_refund_amount": ("tax", 1),
    "fee_correction_amount": ("correction", 1),
    "charge_amount": ("correction", -1),
    "credit_amount": ("correction", 1),
    "holdback_amount": ("reserve", -1),
    "release_amount": ("reserve", 1),
    "repay_amount": ("debt", 1),
    "deposit_amount": ("debt", 1),
}
# The names in a transaction, as they are documented; of these the first are in every list.
_IN_EVERY_LIST: Final = ("payment_reference", "sale_date", "capture_date", "merchant_reference1", "capture_id")
_NAMES: Final = frozenset(
    (
        *_IN_EVERY_LIST,
        *("type", "detailed_type", "amount", "currency_code", "order_id", "short_order_id", "refund_id", "merchant_reference2"),
        *("merchant_capture_reference", "merchant_refund_reference", "purchase_country", "shipping_country", "vat_rate", "vat_amount"),
        *("tax_in_currency_of_registration_country", "currency_code_of_registration_country", "initial_payment_method_type"),
        *(
            "initial_number_of_installments",
            "initial_payment_method_monthly_downpayments",
            "payout",
            "klarna_comment",
            "reversal_reference",
        ),
    )
)
_NEEDED: Final = ("sale_amount", "return_amount", "fee_amount", "settlement_amount")


def read_transactions(document: Mapping[str, Any], currency: str | None, sha256: str) -> list[Bill]:
    """A bill for each currency. `business_id` of a line is the payout it was paid in, "" while there is none; `fee` is the tax on a fee."""
    found = objects(document, "transactions")
    _require_whole(document, len(found))
    _require_names(found)
    signed = any(minor_of(one, "amount", number) < 0 for number, one in enumerate(found, start=1))
    groups: dict[Group, list[BillLine]] = defaultdict(list)
    for number, one in enumerate(found, start=1):
        line = _transaction(one, number, currency, signed)
        groups["", line.amount.currency].append(line)
    return bills_of(layout="klarna.transactions", groups=groups, totals={}, sha256=sha256, currency=currency)


def _require_names(found: Sequence[Mapping[str, Any]]) -> None:
    """A name that no transaction has while some have one that is not known is a name that was changed; new names alone are not looked at."""
    names = {name for one in found for name in one}
    returned = any(one.get("type") == "RETURN" for one in found)
    absent = [name for name in (*_IN_EVERY_LIST, *(["refund_id"] if returned else [])) if name not in names]
    unknown = sorted(names - _NAMES)
    if absent and unknown:
        raise BillError(
            "missing_column", f"The transactions lack '{absent[0]}' and have '{unknown[0][:40]}': what a name means is not guessed."
        )


def _transaction(one: Mapping[str, Any], number: int, wanted: str | None, signed: bool) -> BillLine:
    currency = currency_of(one, "currency_code", number, wanted)
    kind, sign = _type(text_of(one, "type", number, needed=True), number)
    printed = minor_of(one, "amount", number)
    minor = printed if signed else sign * printed
    if kind == "payment" and minor < 0:
        raise BillError("bad_amount", f"Entry {number} is a sale of less than nothing, {printed}.", number)
    tax = minor_of(one, "vat_amount", number, needed=False) if kind == "fee" else 0
    at = moment_of(one, "capture_date" if one.get("capture_date") else "sale_date", number)
    order, capture, refund = (text_of(one, name, number) for name in ("merchant_reference1", "capture_id", "refund_id"))
    ours = {"payment": "merchant_capture_reference", "refund": "merchant_refund_reference"}.get(kind, "")
    return BillLine(
        line_no=number,
        kind=kind,
        reference=(text_of(one, ours, number) if ours else "") or order,
        provider_id={"payment": capture, "refund": refund, "fee": capture and f"{capture}/{number}"}.get(kind, ""),
        business_id=text_of(one, "payment_reference", number),
        occurred_at=at,
        occurred_on=at.date(),
        amount=money_of(minor, currency, number),
        fee=money_of(-tax if signed else -sign * tax, currency, number),
        status="",
        balance=None,
    )


def _type(name: str, number: int) -> tuple[str, int]:
    found = _TYPES.get(name)
    if found is None:
        raise BillError("unknown_kind", f"Entry {number} is of the type '{name[:40]}', which is not known.", number)
    return found


def _require_whole(document: Mapping[str, Any], count: int) -> None:
    """The list is all of what there is: a page of several would be a bill that lacks lines."""
    pages = document.get("pagination")
    if pages is None:
        return
    if not isinstance(pages, dict):
        raise BillError("unknown_layout", "'pagination' in the JSON file is not an object.")
    said = [pages.get(name, default) for name, default in (("count", count), ("total", count), ("offset", 0))]
    if said != [count, count, 0]:
        raise BillError("incomplete", f"The file holds {count} entries of {said[1]} from place {said[2]}: put all pages into one file.")


def read_payouts(document: Mapping[str, Any], currency: str | None, sha256: str) -> list[Bill]:
    """A bill for each merchant and currency. A payout has a line for each of its totals and one for what was paid. Where fees are taken off
    (NET) its lines add up to 0; of the gross ways to settle it is not documented what is taken off, so their payment is not checked.
    """
    found = objects(document, "payouts")
    _require_whole(document, len(found))
    groups: dict[Group, list[BillLine]] = defaultdict(list)
    debts: dict[Group, dict[str, int]] = {}
    numbered = sorted(enumerate(found, start=1), key=lambda pair: moment_of(pair[1], "payout_date", pair[0]))
    seen: set[str] = set()
    for number, one in numbered:
        group: Group = (text_of(one, "merchant_id", number), currency_of(one, "currency_code", number, currency))
        name = text_of(one, "payment_reference", number, needed=True)
        if name in seen:
            raise BillError("doubled_line", f"The payout {name[:40]} stands in the file twice.", number)
        seen.add(name)
        lines, opening, closing = _payout(one, number, group[1])
        earlier = debts.setdefault(group, {"opening_debt": opening, "closing_debt": opening})
        if earlier["closing_debt"] != opening:
            text = f"Entry {number} begins with a debt of {opening}, the payout before it ended with {earlier['closing_debt']}."
            raise BillError("balance_break", text, number)
        earlier["closing_debt"] = closing
        groups[group] += lines
    return bills_of(layout="klarna.payouts", groups=groups, totals=debts, sha256=sha256, currency=currency)


def _payout(one: Mapping[str, Any], number: int, currency: str) -> tuple[Sequence[BillLine], int, int]:
    """The lines of a payout, and its debts at the beginning and at the end as sizes."""
    totals = one.get("totals")
    if not isinstance(totals, dict):
        raise BillError("missing_column", f"Entry {number} has no 'totals'.", number)
    unknown = [name for name in totals if name not in _TOTALS and not name.startswith(("opening_debt", "closing_debt", "settlement"))]
    missing = [name for name in _NEEDED if name not in totals]
    if missing or unknown:
        what = f"has no {', '.join(missing)}" if missing else f"has totals that are not known: {', '.join(unknown)[:80]}"
        raise BillError("missing_column", f"Entry {number} {what}.", number)
    printed = {name: minor_of(totals, name, number, needed=False) for name in _TOTALS}
    signed = any(value < 0 for value in printed.values())
    opening, closing = (abs(minor_of(totals, f"{name}_debt_balance_amount", number, needed=False)) for name in ("opening", "closing"))
    settled = minor_of(totals, "settlement_amount", number)
    parts = [(kind, value if signed else sign * value) for name, (kind, sign) in _TOTALS.items() for value in [printed[name]] if value]
    parts += [("debt", minor) for minor in (-opening, closing) if minor]
    if text_of(one, "merchant_settlement_type", number) in ("", "NET"):
        _require_sum(parts, settled, number)
    return _lines(one, number, currency, [*parts, ("payout", -settled)]), opening, closing


def _require_sum(parts: Iterable[tuple[str, int]], settled: int, number: int) -> None:
    computed = sum(minor for _, minor in parts)
    if computed != settled:
        raise BillError("summary_mismatch", f"Entry {number} prints a settlement of {settled}, its totals make {computed}.", number)


def _lines(one: Mapping[str, Any], number: int, currency: str, parts: Iterable[tuple[str, int]]) -> list[BillLine]:
    at, name = moment_of(one, "payout_date", number), text_of(one, "payment_reference", number)
    return [
        BillLine(
            line_no=number,
            kind=kind,
            reference=name,
            provider_id=name if kind == "payout" else "",
            business_id=name,
            occurred_at=at,
            occurred_on=at.date(),
            amount=money_of(minor, currency, number),
            fee=money_of(0, currency, number),
            status="",
            balance=None,
        )
        for kind, minor in parts
    ]
