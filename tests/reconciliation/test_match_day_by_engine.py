"""A day matched by the expression: every engine says of each line and movement what the definition in plain Python says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import narwhals as nw
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.reconciliation.matching import book
from yuefu.reconciliation.matching.engines.opening import Choice, Engine, opened
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.matching import DayResult, Key, Movement, OpenItem, Outcome, Seen, match_day
from yuefu.reconciliation.rules.naming import named

ON = date(2026, 10, 5)
WINDOW = 3
TYPES = {nw.String: pl.String, nw.Int64: pl.Int64, nw.Boolean: pl.Boolean}
Rows = list[tuple[object, ...]]
Told = list[tuple[object, ...]]


@pytest.fixture(scope="module", params=["duckdb", "polars"])
def engine(request: pytest.FixtureRequest):
    with opened(Choice(request.param, memory_mb=512)) as ready:
        yield ready


class Day:
    """What a day is made of. Numbers of lines and of movements are their places."""

    def __init__(
        self, lines: Sequence[BillLine], movements: Sequence[Movement], waiting: Sequence[OpenItem], seen: Sequence[tuple[str, str, str]]
    ) -> None:
        self.lines, self.movements, self.waiting, self.seen = lines, movements, waiting, seen

    def plainly(self) -> Told:
        """As the book does it in this process."""
        by_key: dict[Key, Seen] = {}
        for kind, reference, number in self.seen:
            key = (kind, reference)
            by_key[key if reference and key not in by_key else (kind, f"\0{number}")] = Seen(ON - timedelta(days=1), number)
        lines, seen = named(self.lines, self.movements, self.waiting, by_key)
        found = match_day(on=ON, lines=lines, movements=self.movements, open_items=self.waiting, seen=seen, window_days=WINDOW)
        return sorted(told(found), key=repr)

    def by(self, engine: Engine) -> Told:
        with TemporaryDirectory() as made:
            at = Path(made)
            for name, rows in self.files().items():
                schema = {column: TYPES[kind] for column, kind in book.COLUMNS[name].items()}
                pl.DataFrame(rows, schema=schema, orient="row").write_parquet(at / f"{name}.parquet")
            found = pl.read_parquet(book.match(engine, at, unnamed=any(line.kind in ("credit", "debit") for line in self.lines)))
        return sorted((item_of(*row) for row in found.iter_rows()), key=repr)

    def files(self) -> dict[str, Rows]:
        return {
            "lines": [(x.line_no, x.kind, x.reference or None, x.amount.minor, x.status, x.provider_id or None) for x in self.lines],
            "movements": [
                (place, x.kind, x.reference or None, x.amount.minor, x.status, str(x.movement_id)) for place, x in enumerate(self.movements)
            ],
            "waiting": [waiting_row(no, item) for no, item in enumerate(self.waiting)],
            "seen": [(kind, reference or None, number or None) for kind, reference, number in self.seen],
        }


def waiting_row(no: int, item: OpenItem) -> tuple[object, ...]:
    thing = item.line or item.movement
    assert thing is not None
    number = item.line.provider_id or None if item.line else None
    in_window = item.awaited or (ON - item.on).days <= WINDOW
    return (
        no,
        thing.kind,
        thing.reference or None,
        thing.amount.minor,
        thing.status,
        number,
        str(item.item_id),
        bool(item.line),
        in_window,
    )


def told(found: DayResult) -> Told:
    resolved = {id(one.counterpart): str(one.open_item_id) for one in found.resolutions}
    return [
        (
            *(x.line.line_no if x.line else None, str(x.outcome), x.kind, x.reference, x.line.amount.minor if x.line else None),
            *((str(x.movement.movement_id), x.movement.amount.minor, x.movement.status) if x.movement else (None, None, None)),
            resolved.get(id(x)),
        )
        for x in found.items
    ]


def item_of(line_no, place, outcome, kind, reference, line_minor, movement_id, movement_minor, status, item_id):
    del place
    return (line_no, outcome, kind, reference or "", line_minor, movement_id, movement_minor, status, item_id)


# ------------------------------------------------------------------------------------------------------------------------- any day

REFERENCES = ["", *"ABCDE"]
STATUSES = ["", "SUCCESS", "succeeded", "PROCESSING", "pending", "REVOKED", "NEW", "new", "=NEW", "moved"]


def a_day(dice: random.Random, size: int, references: Sequence[str], kinds: Sequence[str], here: Sequence[str]) -> Day:
    """As crowded as one likes: what has one reference meets in all ways there are."""
    amounts = [100, 100, 200, -100, 0]

    def line(number: int, on: date) -> BillLine:
        provider = dice.choice(["", f"W{dice.randrange(size)}", f"W{dice.randrange(10 * size)}"])
        status, at = dice.choice(STATUSES), datetime(on.year, on.month, on.day, 12)
        amount = Money(dice.choice(amounts), "CNY")
        return BillLine(number, dice.choice(kinds), dice.choice(references), provider, "", at, on, amount, Money(0, "CNY"), status, None)

    def movement(number: int, on: date) -> Movement:
        kind, amount = dice.choice(here), Money(dice.choice(amounts), "CNY")
        return Movement(UUID(int=number), dice.choice(references), kind, amount, dice.choice(STATUSES), on)

    def waits(number: int) -> OpenItem:
        on, awaited = ON - timedelta(days=dice.randint(1, 5)), dice.random() < 0.2
        if dice.random() < 0.5:
            kept = line(number, on)
            return OpenItem(UUID(int=9_000 + number), on, Outcome.MISSING_HERE, kept, None, awaited)
        return OpenItem(UUID(int=9_000 + number), on, Outcome.MISSING_THERE, None, movement(5_000 + number, on), awaited)

    seen = {(x.kind, x.reference, x.provider_id) for x in (line(0, ON) for _ in range(dice.randrange(size // 4 + 1)))}
    return Day(
        [line(number, ON) for number in range(dice.randrange(size + 1))],
        [movement(number, ON) for number in range(dice.randrange(size + 1))],
        [waits(number) for number in range(dice.randrange(size // 2 + 1))],
        sorted(seen),
    )


KINDS = ["payment", "refund"]
OF_BANK = ["credit", "debit", "payment"]


@given(seed=st.integers(0, 2**32), size=st.integers(1, 16), of_bank=st.booleans())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_small_day_is_matched_as_the_definition_says(engine: Engine, seed: int, size: int, of_bank: bool):
    day = a_day(random.Random(seed), size, REFERENCES, OF_BANK if of_bank else KINDS, ["payment", "refund", "payout"])
    assert day.by(engine) == day.plainly()


@pytest.mark.parametrize("of_bank", [False, True], ids=["a trade bill", "a bank statement"])
def test_a_day_by_chance_is_matched_as_the_definition_says(engine: Engine, of_bank: bool):
    """Three lines to two references, so that every way in which they can repeat comes often."""
    references = ["", *(f"R{n}" for n in range(1_500))]
    day = a_day(random.Random(6), 2_500, references, OF_BANK if of_bank else KINDS, ["payment", "refund", "payout"])
    assert day.by(engine) == day.plainly()
