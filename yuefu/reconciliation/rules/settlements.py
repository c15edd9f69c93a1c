"""Settlements of channels abroad (Klarna, Affirm, Adyen) and accounts at Alipay, told as the lines of our account of money at a channel. Pure.

In the books a payment, its fee, what goes back and what leaves for the bank are movements of their own; a settlement has fees beside amounts, several
of one payment, or its sums only. It is of several days: each of its lines counts on the day on which it happened, or where that day has a bill already
(a batch ends in the middle of a day) on the next one of the file that has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from yuefu import ids
from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine
from yuefu.reconciliation.rules.pairs import PairKind, verify_payouts

LAYOUTS: Final = ("klarna.", "affirm.", "adyen.")
PAYOUTS: Final = "klarna.payouts"
MOST_DAYS: Final = 366
"""No settlement is of more days; of one that is, a day is wrong."""

_OURS: Final = ("collection", "channel_refund", "transfer")


NO_PART: Final = frozenset({"withdrawal", "debt"})
"""What is not part of a payout but what became of it."""


_IN_UTC: Final = ("klarna.", "affirm.")

Part = tuple[str, str, str, datetime, int, str]
"""What tells a line of a payout from the others, also where a later file has it again: kind, reference, number, moment and amount; where it has
neither reference nor number, which line it is.
"""


def part_of(line: BillLine, place: str) -> Part:
    alone = "" if line.reference or line.provider_id else place
    return line.kind, line.reference, line.provider_id, line.occurred_at, line.amount.minor, alone


def is_settlement(layout: str) -> bool:
    return layout.startswith(LAYOUTS)


def is_klarna(layout: str) -> bool:
    return layout.startswith("klarna.")


def joined(bills: Sequence[Bill]) -> Sequence[Bill]:
    """Klarna's transactions and payouts of one file as one bill: what was settled, and what of it was paid out. All others as they are.

    Raises BillError where the totals of a payout are not what its transactions make.
    """
    if sorted(bill.layout for bill in bills) != ["klarna.payouts", "klarna.transactions"] or len({bill.currency for bill in bills}) > 1:
        return bills
    payouts, transactions = sorted(bills, key=lambda bill: bill.layout)
    for one in verify_payouts(transactions, payouts):
        if one.kind is not PairKind.TIMING:
            detail = f"The payout {one.provider_id[:40]} and its transactions differ in {one.line_kind}: fetch both again."
            raise BillError("summary_mismatch", detail)
    lines = (*transactions.lines, *(line for line in payouts.lines if line.kind in ("payout", "debt")))
    days = [line.occurred_on for line in lines]
    return [
        replace(
            payouts,
            layout="klarna.settlement",
            lines=lines,
            on=max(days, default=None),
            since=min(days) if len(set(days)) > 1 else None,
            totals={"lines": len(lines)},
        )
    ]


def in_zone(bill: Bill, zone: ZoneInfo) -> Bill:
    """The bill with its moments, where its layout states them in UTC, as those of a time zone, and its lines on the days there. One at midnight sharp is
    only a day, and stays.
    """
    if not bill.layout.startswith(_IN_UTC) or not bill.lines:
        return bill
    lines = tuple(_in_zone(line, zone) for line in bill.lines)
    first, last = min(line.occurred_on for line in lines), max(line.occurred_on for line in lines)
    return replace(bill, lines=lines, on=last, since=first if first != last else None)


def _in_zone(line: BillLine, zone: ZoneInfo) -> BillLine:
    if line.occurred_at.time() == time.min:
        return line
    at = line.occurred_at.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
    return replace(line, occurred_at=at, occurred_on=at.date())


def told(bill: Bill) -> Bill:
    """The bill with its lines as those of an account of money, numbered from 1: gross amounts, and fees and taxes as lines of their own with the
    reference of their payment, added up where one has several. What leaves for the bank is a withdrawal. Of an account of Alipay a fee that is given
    back is in what goes back.
    """
    if bill.layout == "alipay.account":
        return replace(bill, lines=tuple(_with_fees_given_back(bill.lines)))
    if not is_settlement(bill.layout):
        return bill
    payments = {line.provider_id: line for line in bill.lines if line.kind == "payment" and line.provider_id}
    lines = _added_up(line for given in bill.lines for line in _parts(given, payments))
    numbered = tuple(replace(line, line_no=number) for number, line in enumerate(lines, start=1))
    return replace(bill, lines=numbered)


def _parts(line: BillLine, payments: Mapping[str, BillLine]) -> Iterator[BillLine]:
    """What a line of a settlement is on an account of money."""
    paid = payments.get(line.provider_id.rpartition("/")[0]) if line.kind == "fee" else None
    reference = _reference(paid or line)
    nothing, number = Money(0, line.fee.currency), f"{line.kind}/{line.provider_id}" if line.provider_id else ""
    plain = replace(line, reference=reference, provider_id=number, fee=nothing)
    if line.kind == "fee":  # what stands beside a fee is its tax
        yield replace(plain, provider_id="" if paid else number)
        rest = replace(plain, kind="tax", provider_id="", amount=-line.fee)
    elif line.kind == "refund" and line.fee.minor < 0:  # a fee that is given back is in what goes back, as in our books
        yield replace(plain, amount=line.amount - line.fee)
        return
    else:
        yield replace(plain, kind="withdrawal" if line.kind == "payout" else line.kind)
        rest = replace(plain, kind="fee", provider_id="", amount=-line.fee)
    if rest.amount:
        yield rest


def _with_fees_given_back(lines: Sequence[BillLine]) -> list[BillLine]:
    """Each fee that came back taken into what went back of its trade at the same moment; the balance after both is the later one's."""
    kept: list[BillLine] = []
    refunds: dict[tuple[str, str, datetime], int] = {}
    for line in lines:
        key = (line.business_id, line.reference, line.occurred_at)
        at = refunds.get(key) if line.kind == "fee" and line.amount.minor > 0 else None
        if at is not None:
            kept[at] = replace(kept[at], amount=kept[at].amount + line.amount, line_no=line.line_no, balance=line.balance)
            continue
        if line.kind == "refund":
            refunds[key] = len(kept)
        kept.append(line)
    return sorted(kept, key=lambda one: one.line_no)


def _reference(line: BillLine) -> str:
    """Our reference is of one payment or refund; a provider's own may be of several, which its number tells apart."""
    if not line.reference or not line.provider_id or line.provider_id == line.reference or _is_ours(line.reference):
        return line.reference
    return f"{line.reference}/{line.provider_id}"


def _is_ours(reference: str) -> bool:
    for kind in _OURS:
        try:
            ids.parse(kind, reference)
        except ids.BadId:
            continue
        return True
    return False


def _added_up(lines: Iterable[BillLine]) -> list[BillLine]:
    """Fees of one payment, and sums of one payout, as one line a kind and day; those that come to nothing are left out."""
    found: dict[tuple[object, ...], BillLine] = {}
    for place, line in enumerate(lines):
        key = (line.kind, line.reference, line.occurred_on) if line.reference and not line.provider_id else (place,)
        found[key] = replace(found[key], amount=found[key].amount + line.amount) if key in found else line
    return [line for key, line in found.items() if line.amount or len(key) == 1]


def placed(bill: Bill, taken: Collection[date]) -> dict[date, tuple[BillLine, ...]]:
    """The lines of a bill by the day on which they count: its days without those `taken`, each, also where it has none. Empty where a line finds no
    day.
    """
    assert bill.on is not None, "a bill without lines is of the day that is said"
    first = bill.since or bill.on
    days = [day for n in range((bill.on - first).days + 1) if (day := first + timedelta(days=n)) not in taken]
    by_day: dict[date, list[BillLine]] = {day: [] for day in days}
    at = 0
    for line in sorted(bill.lines, key=lambda one: one.occurred_on):
        while at < len(days) and days[at] < line.occurred_on:
            at += 1
        if at == len(days):
            return {}
        by_day[days[at]].append(replace(line, occurred_on=days[at]))
    return {day: tuple(lines) for day, lines in by_day.items()}


def paid_out(bill: Bill) -> dict[str, int]:
    """What the transactions of each payout in a told list of payouts must make, in minor units: what was paid, and what of debts was taken or stays."""
    sums: dict[str, int] = defaultdict(int)
    for line in bill.lines:
        if line.kind in NO_PART:
            sums[line.business_id] -= line.amount.minor
    return dict(sums)


def without_totals(bill: Bill, payouts: Collection[str]) -> Bill:
    """A told list of payouts without the totals of those whose transactions are there."""
    kept = tuple(line for line in bill.lines if line.business_id not in payouts or line.kind in NO_PART)
    return replace(bill, lines=kept)
