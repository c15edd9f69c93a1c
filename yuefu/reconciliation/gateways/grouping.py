"""Bills out of a file that holds several: one for each account and currency in it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from yuefu.reconciliation.rules.bills import Bill, BillLine

Group = tuple[str, ...]


def bills_of(
    *, layout: str, groups: Mapping[Group, Iterable[BillLine]], totals: Mapping[Group, Mapping[str, int]], sha256: str, currency: str | None
) -> list[Bill]:
    """A bill for each group (account, currency, and what else keeps them apart), or one without lines where there is none."""
    given = groups or {("", currency or "CNY"): ()}
    return [_bill(layout, group[0], group[1], tuple(lines), sha256, totals.get(group, {})) for group, lines in given.items()]


def _bill(layout: str, account: str, currency: str, lines: tuple[BillLine, ...], sha256: str, totals: Mapping[str, int]) -> Bill:
    days = [line.occurred_on for line in lines]
    first, last = min(days, default=None), max(days, default=None)
    return Bill(
        layout=layout,
        account=account,
        on=last,
        currency=currency,
        lines=lines,
        sha256=sha256,
        totals=MappingProxyType({"lines": len(lines), **sums_by_kind(lines), **totals}),
        since=first if first != last else None,
    )


# What a total of all lines of one kind is called; a total of money that goes out is printed without its sign.
_NAMES = {
    "payment": ("payments", 1),
    "refund": ("refunds", -1),
    "fee": ("fees", -1),
    "payout": ("payouts", -1),
    "chargeback": ("chargebacks", -1),
    "credit": ("credits", 1),
    "debit": ("debits", -1),
}


def sums_by_kind(lines: Iterable[BillLine]) -> dict[str, int]:
    """Payments, refunds and fees always; other kinds where there are any."""
    sums = {"payments": 0, "refunds": 0, "fees": 0}
    for line in lines:
        name, sign = _NAMES.get(line.kind, (line.kind, 1))
        sums[name] = sums.get(name, 0) + sign * line.amount.minor
        sums["fees"] += line.fee.minor
    return sums
