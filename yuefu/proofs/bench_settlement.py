"""`yuefu bench settlement`: one pay day of very many orders, as the product settles it.

Each merchant sells once through the journeys, with its loan and postings. What it sold besides are copies of that, written as the owner of the
tables; the ledger is given what is owed for all of them. Some were returned in part. Then the pay day is run: batches are built, what became owed
is moved to the client account, and every merchant is paid.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql as pgsql

from yuefu.errors import Refused
from yuefu.journeys import settlement
from yuefu.journeys.desk import open_day
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, Line, Posted
from yuefu.money.amounts import Money
from yuefu.orders.commands import CaptureRequest
from yuefu.proofs import bench_world
from yuefu.proofs.bench_close import Watch, peak_of_python, unwatched
from yuefu.proofs.bench_world import DAY, NOON, Stage
from yuefu.runtime import sql
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import entries, queries

ORDERS: Final = 100_000
MERCHANTS: Final = 1_000
BYTES_AN_ORDER: Final = 8_000
"""Room that each takes on disk, with its part of the log."""
MOST_OF_A_MERCHANT: Final = 10_000
RETURNED_ONE_IN: Final = 40
_POSTED_AT_ONCE: Final = 5_000
_PIECE: Final = 10

# Ids as `ids.IdSource` makes them: a moment, version 7, and a number in the place of chance. `kind` keeps those of one order apart.
_ID: Final = """
CREATE FUNCTION pg_temp.filled(kind bigint, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(int8send(%s::bigint << 16 | 28672) || int8send(-9223372036854775808 + (kind << 48) + n), 'hex')::uuid
$$
"""
_SOLD: Final = """
CREATE TEMPORARY TABLE sold AS
    SELECT i.*, o.decision_id, row_number() OVER (ORDER BY i.id) - 1 AS place FROM settlement_item i JOIN orders_order o ON o.id = i.order_id
    WHERE i.book_id = %s AND i.kind = 'capture'
"""
_COPIES: Final = "sold CROSS JOIN LATERAL (SELECT place * {most} + g AS n FROM generate_series({first}, {last}) AS g) AS copy"
_CAPTURED: Final = {"id": "pg_temp.filled(2, n)", "order_id": "pg_temp.filled(1, n)"}
_COPIED: Final[Sequence[tuple[str, str, Mapping[str, str]]]] = (
    ("risk_decision", "t.id = sold.decision_id", {"id": "pg_temp.filled(3, n)", "order_id": "pg_temp.filled(1, n)"}),
    (
        "orders_order",
        "t.id = sold.order_id",
        {"id": "pg_temp.filled(1, n)", "merchant_reference": "'FILL-' || n", "decision_id": "pg_temp.filled(3, n)"},
    ),
    ("orders_capture", "t.id = sold.capture_id", _CAPTURED),
    (
        "loans_agreement",
        "t.id = sold.loan_id",
        {"id": "pg_temp.filled(4, n)", "capture_id": "pg_temp.filled(2, n)", "order_id": "pg_temp.filled(1, n)"},
    ),
    (
        "settlement_item",
        "t.id = sold.id",
        {
            "id": "pg_temp.filled(5, n)",
            "source_id": "pg_temp.filled(2, n)",
            "capture_id": "pg_temp.filled(2, n)",
            "order_id": "pg_temp.filled(1, n)",
            "loan_id": "pg_temp.filled(4, n)",
        },
    ),
)
# A tenth of what was sold comes back, with its part of fee and discount, rounded down here: whatever they are, they add up.
_RETURNED: Final = {
    "id": "pg_temp.filled(6, n)",
    "kind": "'refund'",
    "source_id": "pg_temp.filled(7, n)",
    "capture_id": "pg_temp.filled(2, n)",
    "order_id": "pg_temp.filled(1, n)",
    "loan_id": "pg_temp.filled(4, n)",
    "gross_minor": "-(t.gross_minor / 10)",
    "fee_minor": "-(t.fee_minor / 10)",
    "discount_minor": "-(t.discount_minor / 10)",
    "net_minor": "-(t.gross_minor / 10 - t.fee_minor / 10 - t.discount_minor / 10)",
}
# As the trigger of items has it, which is off meanwhile.
_WAITING: Final = """
INSERT INTO settlement_waiting (item_id, book_id, merchant_id, settles_on)
    SELECT id, book_id, merchant_id, settles_on FROM settlement_item WHERE book_id = %s ORDER BY id
"""


def measure(say: Callable[[str], None], *, orders: int = ORDERS, merchants: int = MERCHANTS, watch: Watch = unwatched) -> dict[str, Any]:
    """Seconds of the pay day of so many orders, of as many merchants but for those whose first customer is declined.

    Raises AssertionError where a batch does not add up, or somebody is not paid what is owed.
    """
    assert merchants <= orders <= merchants * MOST_OF_A_MERCHANT, f"a merchant sells 1 to {MOST_OF_A_MERCHANT:,} orders here"
    with bench_world.opened() as made:
        began = stopwatch()
        say(f"{merchants:,} merchants sell")
        shops = _sell(made, merchants)
        say(f"{orders:,} orders of theirs")
        before = _nets(made.desk.book.id)
        with watch("orders") as progress:
            _fill(made.desk.book.id, orders // shops, progress)
        owed = _post(made, before)
        generated = stopwatch() - began
        say("the pay day")
        desk = made.desk
        funded = settlement.fund(desk=desk, now=NOON, key="bench:settle", amount=owed)
        assert not isinstance(funded, Refused), funded
        with peak_of_python() as peak:
            began = stopwatch()
            batches = settlement.settle(desk=desk, now=NOON)
            seconds = stopwatch() - began
        assert not isinstance(batches, Refused), batches
        book_id = desk.book.id
        after = queries.batches_on(book_id=book_id, pay_on=DAY)
        paid = sum(batch.totals.payout.minor for batch in after if batch.state == "paid")
        assert len(after) == shops, f"{len(after)} batches"
        assert paid == owed.minor, f"{paid} paid of {owed.minor}"
        assert not queries.not_adding_up(book_id=book_id), "every statement adds up"
        assert not queries.unsettled(book_id=book_id, currency=owed.currency), "nothing is left"
    lines = sum(batch.line_count for batch in after)
    return {
        "settlement_s": round(seconds, 2),
        "settlement_orders_per_s": round(orders // shops * shops / seconds, 1),
        "settlement": {
            "orders": orders // shops * shops,
            "merchants": shops,
            "lines": lines,
            "paid_minor": paid,
            "python_peak_mb": peak(),
            "generate_s": round(generated, 1),
        },
    }


def _sell(made: Stage, count: int) -> int:
    """Each merchant sells once, through the journeys; but for those whose customer is declined. Returns how many did."""
    shops = bench_world.shops(made, count)
    people = bench_world.shoppers(made, count)
    bought = bench_world.purchases(made, people, shops, count, "settle")
    with bench_world.tills(made) as both:
        placed, _ = bench_world.at_both(both, "authorise", bench_world.halves(bought))
        in_order = [purchase for half in bench_world.halves(bought) for purchase in half]
        wanted = [
            CaptureRequest(f"bench:{done.order_id}", purchase.merchant_id, done.order_id)
            for purchase, done in zip(in_order, placed, strict=True)
            if done.approved
        ]
        assert len(wanted) > 0.9 * count, "the benchmark is of approved orders"
        half = len(wanted) // 2
        bench_world.at_both(both, "capture", (wanted[:half], wanted[half:]))
    return len(wanted)


@contextmanager
def _owner(book_id: UUID) -> Iterator[psycopg.Connection[Any]]:
    """The owner of the tables, whose rows are copies of what was checked when it was written: no trigger looks at them again."""
    tables = [*(table for table, _, _ in _COPIED), "settlement_waiting"]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as owner:
        owner.execute("SELECT set_config('yuefu.book', %s, false)", [str(book_id)])
        for table in tables:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER, NO FORCE ROW LEVEL SECURITY")
        try:
            yield owner
        finally:
            for table in tables:
                owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER, FORCE ROW LEVEL SECURITY")
            owner.execute(f"VACUUM (ANALYZE) {', '.join(tables)}")
            with suppress(psycopg.errors.InsufficientPrivilege):
                owner.execute("CHECKPOINT")


def _fill(book_id: UUID, each: int, progress: Callable[[int, int], None]) -> None:
    """So many orders of each merchant, the one that is there included; all of them are paid today."""
    with _owner(book_id) as owner:
        owner.execute(_ID % int(NOON.timestamp() * 1000))
        owner.execute(_SOLD, [book_id])
        (count,) = owner.execute("SELECT count(*) FROM sold").fetchone() or (0,)
        for first in range(1, each, _PIECE):
            last = min(first + _PIECE - 1, each - 1)
            with owner.transaction():
                for table, of, changed in _COPIED:
                    _copy(owner, table, of, changed, first, last)
                _copy(owner, "settlement_item", "t.id = sold.id", _RETURNED, first, last, f"n % {RETURNED_ONE_IN} = 0")
            progress((last + 1) * count, each * count)
        owner.execute("UPDATE settlement_item SET settles_on = %s WHERE book_id = %s", [DAY, book_id])
        owner.execute("DELETE FROM settlement_waiting WHERE book_id = %s", [book_id])
        owner.execute(_WAITING, [book_id])


def _copy(
    owner: psycopg.Connection[Any], table: str, of: str, changed: Mapping[str, str], first: int, last: int, where: str = "true"
) -> None:
    """Copies the row of each sold order, but for what is `changed`, as expressions over `t` and `n`."""
    found = owner.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        [table],
    )
    names = [row[0] for row in found]
    listed = ", ".join(f'"{name}"' for name in names)
    values = ", ".join(changed.get(name, f't."{name}"') for name in names)
    copies = _COPIES.format(most=MOST_OF_A_MERCHANT, first=first, last=last)
    # Nothing of it is given from outside.
    owner.execute(pgsql.SQL(f"INSERT INTO {table} ({listed}) SELECT {values} FROM {copies} JOIN {table} t ON {of} WHERE {where}"))


def _nets(book_id: UUID) -> dict[tuple[UUID, UUID | None], int]:
    """What merchants are owed by their items, by merchant and funder."""
    found = sql.rows(
        "SELECT merchant_id, funder_id, sum(net_minor)::bigint FROM settlement_item WHERE book_id = %s GROUP BY 1, 2 ORDER BY 1, 2",
        [book_id],
    )
    return {(merchant_id, funder_id): minor for merchant_id, funder_id, minor in found}


def _post(made: Stage, before: Mapping[tuple[UUID, UUID | None], int]) -> Money:
    """Posts what is owed for the copies, a sum a merchant, and returns what is owed in all. `before`: what was posted with what they sold."""
    book, after = made.desk.book, _nets(made.desk.book.id)
    owed = [
        Entry(f"fill:{merchant_id}:{funder_id}", "settlement_capture", _lines(merchant_id, funder_id, Money(more, book.currency)))
        for (merchant_id, funder_id), minor in after.items()
        if (more := minor - before.get((merchant_id, funder_id), 0))
    ]
    for start in range(0, len(owed), _POSTED_AT_ONCE):
        with open_day(made.desk, NOON) as work:
            assert isinstance(work, UnitOfWork), work
            posted = ledger.post(work=work, entries=owed[start : start + _POSTED_AT_ONCE])
            assert all(isinstance(one, Posted) for one in posted), posted[0]
    return Money(sum(after.values()), book.currency)


def _lines(merchant_id: UUID, funder_id: UUID | None, net: Money) -> tuple[Line, Line]:
    return (
        Line(AccountKey("purchase_clearing"), net, merchant_id=merchant_id, funder_id=funder_id),
        Line(entries.PENDING, -net, merchant_id=merchant_id, funder_id=funder_id),
    )
