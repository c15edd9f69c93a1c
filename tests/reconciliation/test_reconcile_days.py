"""Days of a source against what we booked: files received, every fault found once by class and reference, every bridge closed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from yuefu.access import commands as access
from yuefu.access.commands import NewUser
from yuefu.errors import Refused, one
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments.commands import CollectionAttempt, RefundAttempt, TransferOrder
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.gateways.wechat_layout import TradeRow, trade_bill
from yuefu.payments.rules import (
    CHANNEL_NUMBER,
    CLIENT_NUMBER,
    OPERATING_NUMBER,
    ChannelRefund,
    ChannelResult,
    Collection,
    CollectOrder,
    MoveOrder,
    RefundOrder,
)
from yuefu.reconciliation import commands as reconciliation
from yuefu.reconciliation import queries
from yuefu.reconciliation.commands import Assignment, DayOutcome, Ending, FileIn, Received
from yuefu.reconciliation.gateways.wechat import read_bill
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

DAY = date(2026, 10, 1)
SAMPLES = Path(__file__).parent.parent / "data" / "bills"
NextDay = Callable[[UnitOfWork], UnitOfWork]


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def collect(work: UnitOfWork, consumer_id: UUID, *amounts: int) -> list[Collection]:
    """Collects amounts through the sandbox and books what it says."""
    channel = SandboxChannel(work.book)
    made = work.ids.many(work.now, len(amounts))
    asked = [CollectionAttempt(str(i), consumer_id, i, i, cny(minor), "sandbox") for i, minor in zip(made, amounts, strict=True)]
    with sql.transacting():
        begun = [c for c in payments.attempt_collections(work=work, attempts=asked) if isinstance(c, Collection)]
    results = channel.collect(orders=[CollectOrder(c.reference, c.instrument, c.amount) for c in begun], now=work.now)
    with sql.transacting():
        return [c for c in payments.settle_collections(work=work, results=results) if isinstance(c, Collection)]


def give_back(work: UnitOfWork, of: Collection, minor: int, key: str = "", *, fails: bool = False) -> ChannelRefund:
    with sql.transacting():
        begun = one(payments.attempt_refunds(work=work, attempts=[RefundAttempt(f"r{of.id}{key}", of.id, cny(minor))]))
    if fails:
        said = ChannelResult(begun.reference, "failed", begun.amount, cny(0), failure_code="closed")
        with sql.transacting():
            return one(payments.settle_refunds(work=work, results=[said]))
    order = RefundOrder(begun.reference, begun.original_reference, begun.amount)
    results = SandboxChannel(work.book).refund(orders=[order], now=work.now)
    with sql.transacting():
        return one(payments.settle_refunds(work=work, results=results))


def transfer(work: UnitOfWork, kind: str, minor: int) -> None:
    funder = work.ids.new(work.now) if kind == "funding" else None
    with sql.transacting():
        made = one(payments.order_transfers(work=work, orders=[TransferOrder(f"{kind}{minor}", kind, cny(minor), funder)]))
    origin, target = {"funding": ("", OPERATING_NUMBER), "withdrawal": (CHANNEL_NUMBER, OPERATING_NUMBER)}.get(
        kind, (OPERATING_NUMBER, CLIENT_NUMBER)
    )
    orders = [MoveOrder(made.reference, made.amount, origin, target)]
    if kind == "funding":
        results = SandboxBank(work.book).receive(orders=orders, payer="f", now=work.now)
    elif kind == "withdrawal":
        results = SandboxChannel(work.book).withdraw(orders=orders, now=work.now)
    else:
        results = SandboxBank(work.book).move(orders=orders, now=work.now)
    with sql.transacting():
        one(payments.settle_transfers(work=work, results=results))


def receive(work: UnitOfWork, *files: FileIn) -> list[Received | Refused]:
    with sql.transacting():
        return reconciliation.receive_files(work=work, files=files, read=read_bill, accounts={"channel_trade": CHANNEL_NUMBER})


def reconcile(work: UnitOfWork, on: date, source: str = "channel_trade") -> DayOutcome:
    with sql.transacting():
        outcome = reconciliation.reconcile_day(work=work, source=source, on=on)
    assert isinstance(outcome, DayOutcome), outcome
    return outcome


def trade_rows(work: UnitOfWork, on: date) -> list[TradeRow]:
    """The rows of the sandbox's trade bill, to be tampered with."""
    lines = read_bill(SandboxChannel(work.book).trade_bill(on=on)).lines
    return [
        TradeRow(
            line.occurred_at,
            CHANNEL_NUMBER,
            line.kind,
            line.provider_id,
            line.reference,
            "",
            "",
            line.amount,
            line.fee,
            "0.60%",
            line.status,
            "",
            "",
        )
        for line in lines
    ]


def trade(rows: Sequence[TradeRow], on: date) -> FileIn:
    return FileIn("channel_trade", trade_bill(rows), on)


def test_the_files_of_an_honest_day_reconcile_in_all_sources(work: UnitOfWork, consumer_id: UUID, next_day: NextDay) -> None:
    taken = collect(work, consumer_id, 66_634, 66_633, 1, 129_900)
    give_back(work, taken[3], 29_900)
    transfer(work, "funding", 5_000_000)
    transfer(work, "withdrawal", 200_000)
    transfer(work, "safeguarding", 70_000)
    following = next_day(work)
    channel, bank = SandboxChannel(work.book), SandboxBank(work.book)
    files = [
        FileIn("channel_trade", channel.trade_bill(on=DAY), DAY),
        FileIn("channel_fund", channel.fund_flow(on=DAY), DAY),
        FileIn("bank", bank.statement(account=OPERATING_NUMBER, on=DAY), DAY),
        FileIn("bank_client", bank.statement(account=CLIENT_NUMBER, on=DAY), DAY),
    ]
    received = receive(following, *files)
    assert [r.again for r in received if isinstance(r, Received)] == [False] * 4
    for source, lines in (("channel_trade", 5), ("channel_fund", 9), ("bank", 3), ("bank_client", 1)):
        outcome = reconcile(following, DAY, source)
        assert (outcome.opened, outcome.bridge.state, outcome.bridge.residual) == (0, "done", cny(0))
        assert (outcome.bridge.line_count, outcome.bridge.movement_count, outcome.bridge.differences) == (lines, lines, {})
        assert outcome.bridge.bill_total == outcome.bridge.ledger_total
    assert queries.found_by_class(book_id=work.book.id) == {}
    assert queries.unclassified(book_id=work.book.id, through=DAY) == (0, 0)
    order_id = taken[3].order_id
    assert order_id is not None
    lines_of = queries.lines_of_orders(book_id=work.book.id, order_ids=[order_id])[order_id]
    assert sorted((line.source, line.kind) for line in lines_of) == [
        *(("channel_fund", "fee"), ("channel_fund", "payment"), ("channel_fund", "refund")),
        *(("channel_trade", "payment"), ("channel_trade", "refund")),
    ]


def test_every_kind_of_fault_is_found_once_by_class_and_reference(work: UnitOfWork, consumer_id: UUID, next_day: NextDay) -> None:
    first = collect(work, consumer_id, *range(1_000, 1_008))
    second_work = next_day(work)
    collect(second_work, consumer_id, 2_000, 2_001)
    third_work = next_day(second_work)

    today, tomorrow = {r.reference: r for r in trade_rows(work, DAY)}, trade_rows(work, DAY + timedelta(days=1))
    missing_there, amount, status, late, twice, again, renumbered = (c.reference for c in first[:7])
    gone = today.pop(missing_there)
    today[amount] = replace(today[amount], amount=cny(1_111))
    today[status] = replace(today[status], status="REVOKED")
    moved = replace(today.pop(late), at=tomorrow[0].at)
    foreign = replace(gone, reference="pay_nobody", provider_id="42000000000000000000000000zz")
    rows = [*today.values(), foreign, today[twice]]
    tomorrow += [moved, replace(today[again], at=tomorrow[0].at)]
    tomorrow.append(replace(today[renumbered], at=tomorrow[0].at, provider_id="4200000000000000000000000099"))

    receive(third_work, trade(rows, DAY), trade(tomorrow, DAY + timedelta(days=1)))
    day_one = reconcile(third_work, DAY)
    assert day_one.bridge.residual == cny(0)
    before = queries.found_by_class(book_id=work.book.id)
    assert before["missing_there"] == sorted([missing_there, late])
    day_two = reconcile(third_work, DAY + timedelta(days=1))
    assert (day_two.bridge.residual, day_two.resolved) == (cny(0), 1)
    assert queries.found_by_class(book_id=work.book.id) == {
        "missing_there": [missing_there],
        "missing_here": ["pay_nobody"],
        "amount_differs": [amount],
        "status_differs": [status],
        "duplicate": sorted([twice, again, renumbered]),
        "other_day": [late],
    }
    # Nobody sent the fund flows: payments and fees on the channel's account wait for them.
    assert queries.unclassified(book_id=work.book.id, through=third_work.day.on) == (0, 20)
    for bridge in queries.day_bridges(book_id=work.book.id):
        assert bridge.bill_total is not None
        assert bridge.ledger_total is not None
        assert bridge.bill_total.minor == bridge.ledger_total.minor + sum(bridge.differences.values())

    by_reference = {b.reference: b for b in queries.breaks(book_id=work.book.id, state=None)}
    explained = by_reference[late]
    assert (explained.state, explained.reason, explained.closed_on) == ("explained", "came_on_another_day", DAY + timedelta(days=1))
    assert explained.line == explained.movement == cny(1_003)
    assert (by_reference[amount].line, by_reference[amount].movement) == (cny(1_111), cny(1_001))
    assert by_reference[amount].order_id == first[1].order_id
    assert by_reference["pay_nobody"].order_id is None
    assert by_reference[amount].age_days(DAY + timedelta(days=30)) == 30


def test_a_day_run_again_gives_the_same_outcome_and_writes_nothing(work: UnitOfWork, consumer_id: UUID, next_day: NextDay) -> None:
    collect(work, consumer_id, 100, 200)
    following = next_day(work)
    receive(following, trade(trade_rows(work, DAY)[1:], DAY))
    first = reconcile(following, DAY)
    again = reconcile(following, DAY)
    assert (again.bridge, again.opened, again.again) == (first.bridge, 0, True)
    assert len(queries.breaks(book_id=work.book.id)) == 1


def test_a_success_heard_of_after_its_bill_resolves_the_break(work: UnitOfWork, consumer_id: UUID, next_day: NextDay) -> None:
    channel = SandboxChannel(work.book)
    asked = CollectionAttempt("k", consumer_id, None, None, cny(500), "sandbox:unknown_then_success")
    with sql.transacting():
        begun = one(payments.attempt_collections(work=work, attempts=[asked]))
    channel.collect(orders=[CollectOrder(begun.reference, begun.instrument, begun.amount)], now=work.now)
    second = next_day(work)
    receive(second, FileIn("channel_trade", channel.trade_bill(on=DAY), DAY))
    reconcile(second, DAY)
    assert queries.found_by_class(book_id=work.book.id) == {"missing_here": [begun.reference]}
    answers = list(channel.query(references=[begun.reference], now=second.now).values())
    with sql.transacting():
        payments.settle_collections(work=second, results=answers)
    third = next_day(second)
    receive(third, FileIn("channel_trade", channel.trade_bill(on=second.day.on), second.day.on))
    assert reconcile(third, second.day.on).resolved == 1
    assert queries.found_by_class(book_id=work.book.id) == {"other_day": [begun.reference]}
    assert queries.breaks(book_id=work.book.id) == []


def test_a_day_waits_for_its_file_its_end_and_the_days_before_it(work: UnitOfWork, next_day: NextDay) -> None:
    def refusal(within: UnitOfWork, on: date) -> str:
        with sql.transacting():
            outcome = reconciliation.reconcile_day(work=within, source="channel_trade", on=on)
        assert isinstance(outcome, Refused)
        return outcome.code

    assert refusal(work, DAY) == "no_file"
    receive(work, trade([], DAY))
    assert refusal(work, DAY) == "day_still_open"
    third = next_day(next_day(work))
    receive(third, trade([], DAY + timedelta(days=1)))
    assert refusal(third, DAY + timedelta(days=1)) == "earlier_day_waits"
    with sql.transacting():
        reconciliation.fail_day(work=third, source="channel_trade", on=DAY, reason="tried")
    assert [d.state for d in queries.day_bridges(book_id=work.book.id)] == ["failed", "waiting"]
    assert reconcile(third, DAY).bridge.state == "done"
    assert reconcile(third, DAY + timedelta(days=1)).bridge.state == "done"


def test_a_file_sent_again_is_known_and_another_one_for_the_day_is_refused(work: UnitOfWork, consumer_id: UUID) -> None:
    collect(work, consumer_id, 100, 200)
    whole, part = trade(trade_rows(work, DAY), DAY), trade(trade_rows(work, DAY)[1:], DAY)
    (first,) = receive(work, whole)
    again, other, twin = receive(work, replace(whole, on=None), part, whole)
    assert isinstance(first, Received)
    assert isinstance(again, Received)
    assert isinstance(other, Refused)
    assert again == twin
    assert (again.again, again.file.id, again.file.line_count) == (True, first.file.id, 2)
    assert other.code == "day_already_has_a_file"
    assert len(queries.lines_of_file(file_id=first.file.id)) == 2


def test_the_file_of_another_merchant_is_refused_and_leaves_nothing(work: UnitOfWork, consumer_id: UUID) -> None:
    collect(work, consumer_id, 100)
    rows = [replace(row, account="1900000999") for row in trade_rows(work, DAY)]
    (outcome,) = receive(work, trade(rows, DAY))
    assert isinstance(outcome, Refused)
    assert outcome.code == "foreign_account"
    assert queries.day_bridges(book_id=work.book.id) == []


@pytest.mark.parametrize(
    ("name", "on", "source", "code"),
    [
        ("wechat_v2_no_bill.xml", DAY, "channel_trade", "no_bill"),
        ("wechat_tradebill_ALL_empty.csv", None, "channel_trade", "day_unknown"),
        ("wechat_tradebill_ALL_20261001.csv", date(2026, 10, 2), "channel_trade", "other_day"),
        ("wechat_tradebill_ALL_20261001.csv", DAY, "bank", "wrong_source"),
        ("wechat_fundflow_BASIC_20261001.csv", DAY, "channel_trade", "wrong_source"),
        ("wechat_tradebill_ALL_20261001.csv", DAY, "post", "unknown_source"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_beside_a_good_one(
    work: UnitOfWork, name: str, on: date | None, source: str, code: str
) -> None:
    good = FileIn("channel_trade", (SAMPLES / "wechat_tradebill_ALL_20261001.csv.gz").read_bytes(), DAY)
    refused, received = receive(work, FileIn(source, (SAMPLES / name).read_bytes(), on), good)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert isinstance(received, Received)
    assert len(queries.day_bridges(book_id=work.book.id)) == 1


def test_a_damaged_file_is_refused_with_what_is_wrong(work: UnitOfWork) -> None:
    data = (SAMPLES / "wechat_tradebill_ALL_20261001.csv").read_bytes().replace(b"`1299.00,`0.00,`0,", b"`1298.00,`0.00,`0,", 1)
    (outcome,) = receive(work, FileIn("channel_trade", data, DAY))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.field) == ("summary_mismatch", "data")


def test_empty_days_are_days_with_a_file_each(work: UnitOfWork, next_day: NextDay) -> None:
    third = next_day(next_day(work))
    days = [DAY, DAY + timedelta(days=1)]
    assert all(isinstance(r, Received) and not r.again for r in receive(third, *(trade([], on) for on in days)))
    assert [reconcile(third, on).bridge.bill_total for on in days] == [cny(0), cny(0)]


def test_a_file_can_be_read_again_from_what_was_kept(work: UnitOfWork) -> None:
    data = (SAMPLES / "wechat_tradebill_ALL_20261001.csv").read_bytes()
    (received,) = receive(work, FileIn("channel_trade", data, DAY))
    assert isinstance(received, Received)
    kept = queries.content(file_id=received.file.id)
    assert kept is not None
    assert read_bill(bytes(kept)) == read_bill(data)
    assert tuple(queries.lines_of_file(file_id=received.file.id)) == read_bill(data).lines


def test_a_break_is_assigned_explained_and_closed_with_a_reason(work: UnitOfWork, consumer_id: UUID, next_day: NextDay) -> None:
    collect(work, consumer_id, 100)
    following = next_day(work)
    receive(following, trade([], DAY))
    reconcile(following, DAY)
    (found,) = queries.breaks(book_id=work.book.id)
    assert (found.cls, found.state, found.owner_role) == ("missing_there", "open", "finance")
    nobody = work.ids.new(work.now)
    with sql.transacting():
        person = one(access.create_users(work=work, users=[NewUser(f"u-{nobody}", "Ma Li", "a long password of hers")]))
    steps = [("explained", ""), ("explained", "channel_confirmed"), ("corrected", "x"), ("closed", "checked"), ("corrected", "x")]
    with sql.transacting():
        (assigned,) = reconciliation.assign_breaks(work=following, assignments=[Assignment(found.id, "operator", person)])
        outcomes = reconciliation.resolve_breaks(work=following, endings=[Ending(found.id, state, reason) for state, reason in steps])
        (late,) = reconciliation.assign_breaks(work=following, assignments=[Assignment(found.id, "finance")])
        (unknown,) = reconciliation.resolve_breaks(work=following, endings=[Ending(person, "closed", "x")])
    assert not isinstance(assigned, Refused)
    assert (assigned.owner_role, assigned.owner_id) == ("operator", person)
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="reconciliation_break_owner_id_fk"), sql.transacting():
        sql.run("UPDATE reconciliation_break SET owner_id = %s WHERE id = %s", [nobody, found.id])
    assert [o.code if isinstance(o, Refused) else o.state for o in outcomes] == [
        *("reason_missing", "explained", "not_possible", "closed", "not_possible")
    ]
    assert isinstance(late, Refused)
    assert isinstance(unknown, Refused)
    (ended,) = queries.breaks(book_id=work.book.id, state="closed")
    assert (ended.reason, ended.closed_on) == ("checked", following.day.on)


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE reconciliation_day SET residual_minor = 1 WHERE book_id = %(book)s",
        "UPDATE reconciliation_day SET residual_minor = NULL WHERE book_id = %(book)s",
        "UPDATE reconciliation_break SET state = 'closed', closed_on = '2026-10-02', reason = '' WHERE book_id = %(book)s",
        "INSERT INTO reconciliation_item SELECT gen_random_uuid(), book_id, source, on_date, day_id, 99, outcome, kind, reference, file_id,"
        " line_no, movement_id, line_minor, movement_minor, movement_status, difference_minor, currency FROM reconciliation_item"
        " WHERE book_id = %(book)s AND outcome = 'matched'",
    ],
)
def test_the_database_refuses_a_day_that_is_done_with_a_residual_or_counted_twice(  # type: ignore[no-untyped-def]
    as_role, work: UnitOfWork, consumer_id: UUID, next_day: NextDay, attack: str
) -> None:
    collect(work, consumer_id, 100, 200)
    following = next_day(work)
    receive(following, trade(trade_rows(work, DAY)[1:], DAY))
    reconcile(following, DAY)
    with pytest.raises(psycopg.errors.IntegrityError):
        as_role("default").execute(attack, {"book": work.book.id})


@pytest.mark.parametrize("table", ["file", "line", "item"])
@pytest.mark.parametrize("verb", ["DELETE FROM reconciliation_{}", "UPDATE reconciliation_{} SET book_id = book_id"])
def test_what_came_and_what_was_found_cannot_be_changed(as_role, table: str, verb: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role("default").execute(verb.format(table))


def test_the_bill_of_a_day_to_come_is_refused_and_leaves_nothing(work: UnitOfWork) -> None:
    ahead = work.day.on + timedelta(days=1)
    (outcome,) = receive(work, trade([], ahead))
    assert isinstance(outcome, Refused)
    assert outcome.code == "day_not_begun"
    for table in ("reconciliation_file", "reconciliation_day", "reconciliation_line"):
        assert sql.value(f"SELECT count(*) FROM {table} WHERE book_id = %s", [work.book.id]) == 0
