"""Bills out of what was read: one for each account and currency in a file, one for each bank statement."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from yuefu.reconciliation.gateways.cells import places_of, plain_text
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine

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
        totals=MappingProxyType({"lines": len(lines), **_sums_by_kind(lines), **totals}),
        since=first if first != last else None,
    )


@dataclass(frozen=True, slots=True)
class Statement:
    """A bank statement as it was read: balances in minor units, `ended_on` the day of the closing one, `name` what the bank calls it, which may be
    the same every day.
    """

    layout: str
    account: str
    currency: str
    opening: int
    closing: int
    ended_on: date
    lines: Sequence[BillLine]
    name: str


def bill_of_statement(statement: Statement, sha256: str) -> Bill:
    """The bill of a statement whose opening balance and lines make its closing balance, or BillError balance_break."""
    amounts = [line.amount.minor for line in statement.lines]
    computed = statement.opening + sum(amounts)
    if computed != statement.closing:
        places = places_of(statement.currency)
        printed, made = plain_text(statement.closing, places), plain_text(computed, places)
        raise BillError("balance_break", f"The statement prints the closing balance {printed}, its opening balance and lines make {made}.")
    days = [statement.ended_on, *(line.occurred_on for line in statement.lines)]
    totals = {
        "lines": len(amounts),
        "credits": sum(minor for minor in amounts if minor > 0),
        "debits": -sum(minor for minor in amounts if minor < 0),
        "opening": statement.opening,
        "closing": statement.closing,
    }
    return Bill(
        layout=statement.layout,
        account=statement.account,
        on=max(days),
        currency=statement.currency,
        lines=tuple(_numbered(statement)),
        sha256=sha256,
        totals=MappingProxyType(totals),
        since=min(days) if min(days) != max(days) else None,
    )


def _numbered(statement: Statement) -> Iterator[BillLine]:
    """The lines, each under a number that is its own for ever: many banks count the lines of a statement from 1, or give all parts of a collected
    payment one number.
    """
    named = f"{statement.name}@{statement.ended_on:%Y%m%d}" if statement.name else f"{statement.ended_on:%Y%m%d}"
    of_number: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for line in statement.lines:
        of_number[line.provider_id].add((line.reference, line.amount.minor))
    for line in statement.lines:
        shared = len(of_number[line.provider_id]) > 1
        number = f"{line.provider_id}/{line.line_no}" if shared else line.provider_id
        yield replace(line, provider_id=f"{named}/{number}" if line.provider_id else "")


# What a total of all lines of one kind is called; a total of money that goes out is printed without its sign.
_NAMES = {
    "payment": ("payments", 1),
    "refund": ("refunds", -1),
    "fee": ("fees", -1),
    "tax": ("taxes", -1),
    "payout": ("payouts", -1),
    "chargeback": ("chargebacks", -1),
}


def _sums_by_kind(lines: Iterable[BillLine]) -> dict[str, int]:
    """Payments, refunds and fees always; other kinds where there are any."""
    sums = {"payments": 0, "refunds": 0, "fees": 0}
    for line in lines:
        name, sign = _NAMES.get(line.kind, (line.kind, 1))
        sums[name] = sums.get(name, 0) + sign * line.amount.minor
        sums["fees"] += line.fee.minor
    return sums
