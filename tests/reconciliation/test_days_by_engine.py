"""Days of a book that an engine matches: the same items, breaks and bridge as those matched in this process, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.reconciliation.test_reconcile_days import DAY, NextDay, cny, collect, give_back, receive, trade, trade_rows
from yuefu.errors import one
from yuefu.payments import commands as payments
from yuefu.payments.commands import TransferOrder
from yuefu.payments.gateways.sandbox import SandboxBank
from yuefu.payments.gateways.wechat_layout import TradeRow
from yuefu.payments.rules import OPERATING_NUMBER, MoveOrder
from yuefu.reconciliation import commands as reconciliation
from yuefu.reconciliation.commands import DayOutcome, FileIn
from yuefu.reconciliation.commands.days import DayDoesNotAddUp
from yuefu.reconciliation.rules.engines import Choice, Matching
from yuefu.runtime import parquet, sql
from yuefu.runtime.values import UnitOfWork

PLAINLY = Matching(from_rows=1_000)
BY_ENGINE = Matching(Choice(memory_mb=512), from_rows=0)
Kept = dict[str, list[tuple[Any, ...]]]

SHOWN = {
    "item": "SELECT place, outcome, kind, reference, line_no, movement_id, line_minor, movement_minor, movement_status, difference_minor,"
    " file_id, currency FROM reconciliation_item AS i WHERE book_id = %s ORDER BY on_date, place",
    "break": "SELECT cls, b.kind, b.reference, b.line_minor, b.movement_minor, order_id, owner_role, state, reason, opened_on, due_on,"
    " closed_on, i.place, other.place FROM reconciliation_break AS b JOIN reconciliation_item AS i ON i.id = b.item_id"
    " LEFT JOIN reconciliation_item AS other ON other.id = b.resolved_by_item_id WHERE b.book_id = %s ORDER BY i.on_date, i.place",
    "day": "SELECT on_date, state, bill_total_minor, ledger_total_minor, differences, residual_minor, line_count, movement_count"
    " FROM reconciliation_day WHERE book_id = %s ORDER BY on_date",
}


def kept(work: UnitOfWork) -> Kept:
    return {name: sql.rows(query, [work.book.id]) for name, query in SHOWN.items()}


def run(work: UnitOfWork, on: date, matching: Matching, source: str = "channel_trade") -> tuple[int, int]:
    outcome = reconciliation.reconcile_day(work=work, source=source, on=on, matching=matching)
    assert isinstance(outcome, DayOutcome), outcome
    return outcome.opened, outcome.resolved


def same_both_ways(work: UnitOfWork, on: date, source: str = "channel_trade") -> Kept:
    """The day matched in this process and undone, then by the engine."""
    with sql.transacting():
        with sql.undone():
            counts, plainly = run(work, on, PLAINLY, source), kept(work)
        assert run(work, on, BY_ENGINE, source) == counts
        assert kept(work) == plainly
    return plainly


@pytest.fixture
def two_days(work: UnitOfWork, consumer_id, next_day: NextDay) -> UnitOfWork:
    """Two days with a fault of every kind, received and not run; it is the third."""
    first = collect(work, consumer_id, *range(1_000, 1_010))
    refund = give_back(work, first[8], 300)
    second_work = next_day(work)
    collect(second_work, consumer_id, 2_000, 2_001)
    third_work = next_day(second_work)
    today, tomorrow = {r.reference: r for r in trade_rows(work, DAY)}, trade_rows(work, DAY + timedelta(days=1))
    missing_there, amount, status, late, twice, again, renumbered, other = (c.reference for c in first[:8])
    gone = today.pop(missing_there)
    today[amount] = replace(today[amount], amount=cny(1_111))
    today[status] = replace(today[status], status="REVOKED")
    given = today[refund.reference]
    today[refund.reference] = replace(given, reference=refund.original_reference, amount=-given.amount)  # as Alipay does
    moved = replace(today.pop(late), at=tomorrow[0].at)
    foreign = replace(gone, reference="pay_nobody", provider_id="42000000000000000000000000zz")
    unlike = replace(today[other], amount=cny(5), provider_id="42000000000000000000000000yy")
    rows: list[TradeRow] = [*today.values(), foreign, today[twice], unlike]
    tomorrow += [moved, replace(today[again], at=tomorrow[0].at)]
    tomorrow.append(replace(today[renumbered], at=tomorrow[0].at, provider_id="4200000000000000000000000099"))
    receive(third_work, trade(rows, DAY), trade(tomorrow, DAY + timedelta(days=1)))
    return third_work


def test_an_engine_finds_of_every_fault_what_this_process_finds(two_days: UnitOfWork) -> None:
    first = same_both_ways(two_days, DAY)
    assert {row[0] for row in first["break"]} == {"missing_here", "missing_there", "amount_differs", "status_differs", "duplicate"}
    assert [(row[1], row[2]) for row in first["item"] if row[2] == "refund"] == [("matched", "refund")]
    second = same_both_ways(two_days, DAY + timedelta(days=1))
    assert [row[0] for row in second["break"] if row[7] == "explained"] == ["other_day"]
    assert [row[5] for row in second["day"]] == [0, 0]


def as_alipay(work: UnitOfWork, on: date, payment: str) -> FileIn:
    """The trade bill of a day, what went back under the reference of its payment."""
    return trade([replace(r, reference=payment, amount=-r.amount) if r.kind == "refund" else r for r in trade_rows(work, on)], on)


def refunds(found: Kept) -> list[tuple[Any, ...]]:
    return [(row[1], row[3]) for row in found["item"] if row[2] == "refund"]


def test_of_two_refunds_alike_each_has_the_line_of_its_day(work: UnitOfWork, consumer_id, next_day: NextDay) -> None:
    (paid,) = collect(work, consumer_id, 1_000)
    first = give_back(work, paid, 300)
    second_work = next_day(work)
    second = give_back(second_work, paid, 300, "second")
    third = next_day(second_work)
    receive(third, *(as_alipay(third, on, paid.reference) for on in (DAY, second_work.day.on)))
    assert refunds(same_both_ways(third, DAY)) == [("matched", first.reference)]
    assert refunds(same_both_ways(third, second_work.day.on))[1:] == [("matched", second.reference)]


def test_a_refund_that_failed_has_no_line_but_the_one_that_was_tried_after_it(work: UnitOfWork, consumer_id, next_day: NextDay) -> None:
    (paid,) = collect(work, consumer_id, 1_000)
    assert give_back(work, paid, 300, fails=True).state == "failed"
    again = give_back(work, paid, 300, "again")
    second = next_day(work)
    receive(second, as_alipay(second, DAY, paid.reference))
    assert refunds(same_both_ways(second, DAY)) == [("matched", again.reference)]


def test_a_bank_that_only_says_credit_and_debit_is_named_alike(work: UnitOfWork, next_day: NextDay) -> None:
    """A credit that we book on the day after is what we book then; the old rule left it a credit for good, and the movement missing there."""
    with sql.transacting():
        made = one(payments.order_transfers(work=work, orders=[TransferOrder("f", "funding", cny(500), work.ids.new(work.now))]))
    second = next_day(work)
    move = MoveOrder(made.reference, made.amount, "", OPERATING_NUMBER)
    results = SandboxBank(work.book).receive(orders=[move], payer="f", now=second.now)
    with sql.transacting():
        one(payments.settle_transfers(work=second, results=results))
    third = next_day(second)
    statement(third, DAY, [("credit", 'A "1",\n\\.', 5), ("debit", "", -7), ("debit", "", -7), ("credit", made.reference, 500)])
    statement(third, second.day.on, [])
    first = same_both_ways(third, DAY, "bank")
    assert [(row[1], row[2], row[3]) for row in first["item"]] == [
        ("missing_here", "receipt", 'A "1",\n\\.'),
        *[("missing_here", "other", "")] * 2,
        ("missing_here", "receipt", made.reference),
    ]
    then = same_both_ways(third, second.day.on, "bank")
    assert [(row[1], row[2]) for row in then["item"][4:]] == [("other_day", "funding")]


def statement(work: UnitOfWork, on: date, lines: list[tuple[str, str, int]]) -> None:
    """Of a bank, with texts that no format likes."""
    file_id, day_id = work.ids.many(work.now, 2)
    book_id = work.book.id
    with sql.transacting():
        sql.run(
            "INSERT INTO reconciliation_file (id, book_id, source, on_date, sha256, layout, account, currency, line_count, totals, content,"
            " received_at) VALUES (%s, %s, 'bank', %s, %s, 'bank.mt940', '', 'CNY', %s, '{}', '', now())",
            [file_id, book_id, on, str(on), len(lines)],
        )
        columns = {"line_no": "integer", "kind": "text", "reference": "text", "amount_minor": "bigint"}
        same = {"file_id": ("uuid", file_id), "book_id": ("uuid", book_id), "source": ("text", "bank"), "on_date": ("date", on)}
        same |= {"occurred_at": ("timestamptz", work.now), "fee_minor": ("bigint", 0), "currency": ("text", "CNY")}
        same |= dict.fromkeys(["provider_id", "business_id", "status"], ("text", ""))
        sql.insert("reconciliation_line", columns, [(n, *line) for n, line in enumerate(lines, 2)], same=same)
        sql.run(
            "INSERT INTO reconciliation_day (id, book_id, source, on_date, state, file_id, differences, line_count, movement_count)"
            " VALUES (%s, %s, 'bank', %s, 'waiting', %s, '{}', %s, 0)",
            [day_id, book_id, on, file_id, len(lines)],
        )


def test_a_day_is_large_by_its_lines_its_movements_and_what_waits(two_days: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    """12 lines and 11 movements on the first day; then 5 lines, 2 movements, and 3 that wait."""
    asked: list[date] = []

    def engine(*args: Any, on: date, **given: Any) -> Iterator[Any]:
        asked.append(on)
        raise Went

    class Went(Exception):
        pass

    monkeypatch.setattr("yuefu.reconciliation.commands.by_engine.matched", engine)
    for on, most in ((DAY, 23), (DAY + timedelta(days=1), 10)):
        for from_rows in (1, most):
            with pytest.raises(Went), sql.transacting():
                run(two_days, on, Matching(from_rows=from_rows))
        with sql.transacting():
            run(two_days, on, Matching(from_rows=most + 1))
    assert asked == [DAY, DAY, DAY + timedelta(days=1), DAY + timedelta(days=1)]


# ------------------------------------------------------------------------------------------------------------------------- all or nothing


def test_a_matching_that_ends_in_between_leaves_the_day_as_it_was_and_run_again_it_is_whole(
    two_days: UnitOfWork, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before, whole = kept(two_days), parquet.chunks
    dir_of = Matching(replace(BY_ENGINE.engine, directory=str(tmp_path)), from_rows=0)

    def cut_off(*args: Any, **given: Any) -> Iterator[Any]:
        (rows,) = whole(*args, **given)
        yield rows[:5]
        raise ConnectionError

    monkeypatch.setattr(parquet, "chunks", cut_off)
    with pytest.raises(ConnectionError), sql.transacting():
        run(two_days, DAY, dir_of)
    assert kept(two_days) == before
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(parquet, "chunks", whole)
    same_both_ways(two_days, DAY)
    with sql.transacting():
        assert run(two_days, DAY, BY_ENGINE) == (0, 0)


def test_an_engine_that_loses_a_row_is_not_believed(two_days: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    before, whole = kept(two_days), parquet.chunks
    monkeypatch.setattr(parquet, "chunks", lambda *args, **given: (rows[1:] for rows in whole(*args, **given)))
    with pytest.raises(DayDoesNotAddUp), sql.transacting():
        run(two_days, DAY, BY_ENGINE)
    assert kept(two_days) == before


def test_rows_come_back_from_parquet_as_they_were(tmp_path: Path) -> None:
    rows = [(1, "", None, 2**63 - 1, True), (2, 'a "b", c\r\n\\.\t', "银行 \u2028", -(2**63), False), (3, "\\N", "NULL", None, None)]
    query = "SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::boolean[])"
    columns = {"n": "BIGINT", "a": "VARCHAR", "b": "VARCHAR", "m": "BIGINT", "t": "BOOLEAN"}
    parquet.write(tmp_path / "it's.parquet", query, [list(column) for column in zip(*rows, strict=True)], columns)
    assert list(parquet.chunks(tmp_path / "it's.parquet", list(columns), order="n DESC")) == [rows[::-1]]
    assert [path.name for path in tmp_path.iterdir()] == ["it's.parquet"]


def test_a_file_without_rows_is_a_file(tmp_path: Path) -> None:
    parquet.write(tmp_path / "none.parquet", "SELECT 1 WHERE false", [], {"n": "BIGINT"})
    assert list(parquet.chunks(tmp_path / "none.parquet", ["n"], order="n")) == []
