"""Batches and statements as the journeys would make them, for tests of how pages show them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from tests.web.samples import AS_OF, LONG_MERCHANT, MERCHANT, at, yuan
from yuefu import ids
from yuefu.journeys.statement_pages import BatchList, BatchRow, LinePage, Wanted
from yuefu.journeys.statements import FIGURES, Line, Part, Statement
from yuefu.merchants.queries import Shown
from yuefu.money.amounts import Money
from yuefu.payments.rules import Payout
from yuefu.settlement.queries import Batch
from yuefu.settlement.rules import Item, Totals

_DAY = timedelta(days=1)
_FIGURES = dict.fromkeys(FIGURES, yuan("0.00"))
NORMAL = Totals(
    **_FIGURES
    | {"captures": yuan("1234567.89"), "fees": yuan("7407.41"), "discounts": yuan("22222.22"), "refunds": yuan("1990.00"), "opening": yuan("-55.20"),
       "reserved": yuan("12345.68"), "released": yuan("800.00"), "net": yuan("1191347.38"), "payout": yuan("1191347.38")}
)  # fmt: skip
NEGATIVE = Totals(**_FIGURES | {"refunds": yuan("55.20"), "net": yuan("-55.20"), "carried": yuan("-55.20")})


def merchant(number: int, names: tuple[str, str]) -> Shown:
    return Shown(UUID(int=number), f"harbour-{number}", names[1], names[0], "active", "media", "91110000600037341L", "622202******4455")


OURS, LONG = merchant(1, MERCHANT), merchant(2, LONG_MERCHANT)


def batch(number: int, who: Shown, on: date, state: str, totals: Totals = NORMAL) -> Batch:
    payout = UUID(int=number) if totals.payout and state != "held" else None
    return Batch(UUID(int=number), who.id, on, 12_345 if number == 1 else 3, totals, state, 1, payout, at(on, 15))


def batches(merchant: str = "", state: str = "") -> BatchList:
    """One of each state."""
    shown = [
        (batch(1, OURS, AS_OF, "scheduled"), OURS),
        (batch(2, LONG, AS_OF, "held"), LONG),
        (batch(3, OURS, AS_OF - _DAY, "returned"), OURS),
        (batch(4, OURS, AS_OF - 2 * _DAY, "accrued", NEGATIVE), OURS),
        (batch(5, OURS, AS_OF - 3 * _DAY, "paid"), OURS),
        (batch(6, LONG, date(2025, 12, 31), "reconciled"), LONG),
    ]
    rows = tuple(BatchRow(ids.text("batch", one.id), one, who) for one, who in shown)
    return BatchList(Wanted(merchant, state), rows, rows[-1].public_id, undated=yuan("1288.00"))


def no_batch() -> BatchList:
    return BatchList(Wanted(), (), "")


def a_batch() -> Statement:
    """Its first payout came back, the second one is on its way."""
    of = batch(1, OURS, AS_OF, "scheduled")
    first = Payout(
        UUID(int=7),
        "P20261031000007",
        UUID(int=8),
        OURS.id,
        of.id,
        NORMAL.payout,
        "9",
        "returned",
        "account_closed",
        at(AS_OF, 15),
        AS_OF,
        AS_OF,
    )
    second = replace(first, id=UUID(int=1), reference="P20261031000008", state="sent", failure_code="", paid_on=None, returned_on=None)
    return Statement(OURS, None, (Part(of, (first, second), adds_up=True),), NORMAL)


def a_month() -> Statement:
    """A batch that pays, and one before it that carries what it does not."""
    parts = (
        Part(batch(4, LONG, AS_OF - _DAY, "accrued", NEGATIVE), (), adds_up=True),
        Part(batch(1, LONG, AS_OF, "paid"), (), adds_up=True),
    )
    sums = [sum(getattr(part.batch.totals, name).minor for part in parts) for name in FIGURES]
    return Statement(LONG, AS_OF.replace(day=1), parts, Totals(*(Money(minor, "CNY") for minor in sums)), yuan("1288.00"))


def lines() -> LinePage:
    """One of each kind."""
    given = (
        ("capture", "1234567.89", "7407.41", "22222.22", "CDNOW-19980630-000431"),
        ("refund", "-1999.00", "-9.00", "0.00", "A-VERY-LONG-REFERENCE-OF-A-MERCHANT-WHO-NUMBERS-ORDERS-IN-WORDS-0000000000001"),
        ("carried", "-55.20", "0.00", "0.00", ""),
        ("reserved", "-12345.68", "0.00", "0.00", ""),
        ("released", "800.00", "0.00", "0.00", ""),
    )
    return LinePage(tuple(_line(number, *one) for number, one in enumerate(given, 1)), UUID(int=9).hex)


def _line(number: int, kind: str, gross: str, fee: str, discount: str, reference: str) -> Line:
    order = UUID(int=number) if reference else None
    amounts = (yuan(gross), yuan(fee), yuan(discount), yuan(gross) - yuan(fee) - yuan(discount))
    item = Item(
        UUID(int=number),
        OURS.id,
        kind,
        order,
        UUID(int=number),
        order,
        order,
        None,
        "free",
        *amounts,
        yuan("0.00"),
        1,
        "returned",
        AS_OF - _DAY,
        AS_OF,
    )
    return Line(item, reference)
