"""What was ordered stays, what ended has ended, and refunds are counted by the table: attacks by raw SQL, as the writer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from yuefu.errors import one
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, Line
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries, rules
from yuefu.payments.commands import CollectionAttempt, PayoutOrder, RefundAttempt, TransferOrder
from yuefu.payments.rules import ChannelRefund, ChannelResult, Collection, Payout, PayResult, Transfer, TransferResult
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

DAY = date(2026, 10, 1)
Connect = Callable[[str], psycopg.Connection[Any]]
Writer = psycopg.Connection[Any]

WRITTEN = {
    "collection": {"state", "fee_minor", "provider_id", "failure_code", "settled_on", "posted_on", "released_on"},
    "channel_refund": {"state", "fee_returned_minor", "provider_id", "failure_code", "settled_on", "posted_on"},
    "payout": {"state", "provider_id", "failure_code", "paid_on", "returned_on", "account_id", "file_id"},
    "transfer": {"state", "provider_id", "failure_code", "moved_on"},
}
"""The columns that a gateway's word is written to, and when a part was released to its loan; no others are the writer's to change."""

_ANSWERED = (
    "state = %(to)s, {fee} = CASE WHEN %(to)s = 'succeeded' THEN {fee} ELSE 0 END,"
    " settled_on = CASE WHEN %(to)s = 'succeeded' THEN coalesce(settled_on, '2026-10-01') END,"
    " posted_on = CASE WHEN %(to)s = 'succeeded' THEN coalesce(posted_on, '2026-10-01') END"
)
STEP = {
    "collection": _ANSWERED.format(fee="fee_minor"),
    "channel_refund": _ANSWERED.format(fee="fee_returned_minor"),
    "payout": "state = %(to)s, paid_on = CASE WHEN %(to)s IN ('paid', 'returned') THEN coalesce(paid_on, '2026-10-01') END,"
    " returned_on = CASE WHEN %(to)s = 'returned' THEN coalesce(returned_on, '2026-10-01') END,"
    " account_id = coalesce(account_id, (SELECT a.id FROM merchants_account AS a WHERE a.merchant_id = payments_payout.merchant_id))",
    "transfer": "state = %(to)s, moved_on = CASE WHEN %(to)s = 'done' THEN coalesce(moved_on, '2026-10-01') END",
}
"""A step to a state with the days that the checks of the table ask of it, so that only its being no step can refuse it."""

STEPS = {
    "collection": rules.COLLECTION_STEPS,
    "channel_refund": rules.COLLECTION_STEPS,
    "payout": rules.PAYOUT_STEPS,
    "transfer": rules.TRANSFER_STEPS,
}
STATES = {table: sorted({state for step in steps for state in step}) for table, steps in STEPS.items()}


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


@pytest.fixture
def writer(as_role: Connect) -> Writer:
    return as_role("default")


def collection(work: UnitOfWork, consumer_id: UUID, state: str, *, key: str = "c", minor: int = 1_000) -> Collection:
    with sql.transacting():
        made = one(
            payments.attempt_collections(work=work, attempts=[CollectionAttempt(key, consumer_id, None, None, cny(minor), "sandbox")])
        )
        if state == "attempted":
            return made
        return one(payments.settle_collections(work=work, results=[answer(made, state)]))


def refund(work: UnitOfWork, consumer_id: UUID, state: str) -> ChannelRefund:
    of = collection(work, consumer_id, "succeeded")
    with sql.transacting():
        made = one(payments.attempt_refunds(work=work, attempts=[RefundAttempt("r", of.id, cny(400))]))
        return made if state == "attempted" else one(payments.settle_refunds(work=work, results=[answer(made, state)]))


def answer(made: Collection | ChannelRefund, state: Any) -> ChannelResult:
    return ChannelResult(made.reference, state, made.amount, cny(5 if state == "succeeded" else 0), "n-1", DAY)


def payout(work: UnitOfWork, merchant_id: UUID, state: Any) -> Payout:
    lines = (Line(AccountKey("merchant_pending"), cny(900)), Line(AccountKey("merchant_available", owner_id=merchant_id), cny(-900)))
    funds = [TransferOrder("f", "funding", cny(900), work.book.id), TransferOrder("s", "safeguarding", cny(900))]
    with sql.transacting():
        one(ledger.post(work=work, entries=[Entry("earn", "test", lines)]))
        moved = [one([t]) for t in payments.order_transfers(work=work, orders=funds)]
        payments.settle_transfers(work=work, results=[TransferResult(t.reference, "done", t.amount, "n", DAY) for t in moved])
        made = one(payments.order_payouts(work=work, orders=[PayoutOrder("p", merchant_id, work.ids.new(work.now), cny(900))]))
        for said in {"scheduled": (), "returned": ("paid", "returned")}.get(state, (state,)):
            made = one(payments.settle_payouts(work=work, results=[PayResult(made.reference, said, made.amount, "n-1", DAY)]))
    return made


def transfer(work: UnitOfWork, state: Any) -> Transfer:
    with sql.transacting():
        made = one(payments.order_transfers(work=work, orders=[TransferOrder("t", "funding", cny(700), work.book.id)]))
        if state == "ordered":
            return made
        return one(payments.settle_transfers(work=work, results=[TransferResult(made.reference, state, made.amount, "n-1", DAY)]))


Make = Callable[[str, str], UUID]


@pytest.fixture
def make(work: UnitOfWork, consumer_id: UUID, merchant_id: UUID) -> Make:
    """A row of a table in a state, made by commands."""

    def made(table: str, state: str) -> UUID:
        found: Collection | ChannelRefund | Payout | Transfer
        match table:
            case "collection":
                found = collection(work, consumer_id, state)
            case "channel_refund":
                found = refund(work, consumer_id, state)
            case "payout":
                found = payout(work, merchant_id, state)
            case _:
                found = transfer(work, state)
        assert found.state == state
        return found.id

    return made


def tried(writer: Writer, statement: str, **given: object) -> str:
    """ "" where it passes, otherwise what refuses it. Nothing of it stays."""
    try:
        with writer.transaction(force_rollback=True):
            assert writer.execute(statement, given).rowcount == 1
    except (errors.CheckViolation, errors.InsufficientPrivilege) as refused:
        return str(refused).splitlines()[0]
    return ""


@pytest.mark.parametrize("table", WRITTEN)
def test_the_writer_changes_what_a_gateway_says_and_nothing_else(writer: Writer, table: str) -> None:
    columns = writer.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'", [f"payments_{table}"]
    ).fetchall()
    allowed = set()
    for (column,) in columns:
        try:
            with writer.transaction(force_rollback=True):
                writer.execute(f"UPDATE payments_{table} SET {column} = {column} WHERE false")
        except errors.InsufficientPrivilege:
            continue
        allowed.add(column)
    assert len(columns) > len(allowed)
    assert allowed == WRITTEN[table]


@pytest.mark.parametrize(("table", "state"), [(table, state) for table, states in STATES.items() for state in states])
def test_a_state_moves_as_the_rules_say(writer: Writer, make: Make, table: str, state: str) -> None:
    made = make(table, state)
    found = {to: tried(writer, f"UPDATE payments_{table} SET {STEP[table]} WHERE id = %(id)s", id=made, to=to) for to in STATES[table]}
    refused = f"payments_{table} {made} takes no such step"
    assert found == {to: "" if to == state or (state, to) in STEPS[table] else refused for to in STATES[table]}


@pytest.mark.parametrize(
    ("table", "state", "change"),
    [
        *(
            (table, state, change)
            for table, fee in (("collection", "fee_minor"), ("channel_refund", "fee_returned_minor"))
            for state, changes in (
                (
                    "succeeded",
                    (f"{fee} = 0", "settled_on = '2020-01-01'", "posted_on = '2020-01-01'", "provider_id = ''", "failure_code = 'x'"),
                ),
                ("failed", ("provider_id = 'x'", "failure_code = 'x'")),
            )
            for change in changes
        ),
        ("payout", "paid", "paid_on = '2020-01-01'"),
        ("payout", "paid", "provider_id = 'x'"),
        ("payout", "paid", "failure_code = 'x'"),
        ("payout", "paid", "state = 'returned', returned_on = '2026-10-01', paid_on = NULL"),
        ("payout", "paid", "state = 'returned', returned_on = '2026-10-01', paid_on = '2020-01-01'"),
        ("payout", "returned", "paid_on = NULL"),
        ("payout", "returned", "returned_on = '2020-01-01'"),
        ("payout", "returned", "provider_id = 'x'"),
        ("payout", "returned", "failure_code = 'x'"),
        ("transfer", "done", "moved_on = '2020-01-01'"),
        ("transfer", "done", "provider_id = 'x'"),
        ("transfer", "failed", "failure_code = 'x'"),
    ],
)
def test_what_ended_keeps_its_days_and_figures(writer: Writer, make: Make, table: str, state: str, change: str) -> None:
    found = tried(writer, f"UPDATE payments_{table} SET {change} WHERE id = %(id)s", id=make(table, state))
    assert "takes no such step" in found


@pytest.mark.parametrize("table", WRITTEN)
def test_nothing_is_born_ended(writer: Writer, make: Make, table: str) -> None:
    begins = {"payout": "scheduled", "transfer": "ordered"}.get(table, "attempted")
    made = make(table, begins)
    columns = writer.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'", [f"payments_{table}"]
    ).fetchall()
    own = {"id": "gen_random_uuid()", "reference": "'twin'", "state": "%(to)s", "batch_id": "gen_random_uuid()"}
    days = {"succeeded": ("settled_on", "posted_on"), "paid": ("paid_on",), "returned": ("returned_on",), "done": ("moved_on",)}
    found = {}
    for to in STATES[table]:
        values = own | dict.fromkeys(days.get(to, ()), "date '2026-10-01'")
        names = [name for (name,) in columns]
        statement = f"INSERT INTO payments_{table} ({', '.join(names)}) SELECT {', '.join(values.get(n, n) for n in names)}"
        found[to] = tried(writer, f"{statement} FROM payments_{table} WHERE id = %(id)s", id=made, to=to)
    assert {to for to, refused in found.items() if not refused} == {begins}
    assert all("takes no such step" in refused for to, refused in found.items() if to != begins)


REFUND = (
    "INSERT INTO payments_channel_refund (id, book_id, reference, money_account_id, collection_id, consumer_id, amount_minor,"
    " fee_returned_minor, currency, provider_id, state, failure_code, attempted_at)"
    " SELECT gen_random_uuid(), c.book_id, g.key, c.money_account_id, c.id, c.consumer_id, g.minor, 0, c.currency, '', 'attempted', '', now()"
    " FROM payments_collection AS c JOIN unnest(%(of)s::uuid[], %(keys)s::text[], %(minors)s::bigint[]) AS g (id, key, minor) ON g.id = c.id"
)


def counted(writer: Writer, *of: Collection) -> list[int]:
    query = "SELECT refunded_minor FROM payments_collection WHERE id = %s"
    return [row[0] for c in of for row in writer.execute(query, [c.id]).fetchall()]


def test_a_collection_counts_its_refunds_whoever_writes_them(writer: Writer, work: UnitOfWork, consumer_id: UUID) -> None:
    one_, two, three = (collection(work, consumer_id, "succeeded", key=key) for key in "abc")
    writer.execute(REFUND, {"of": [one_.id, two.id, one_.id], "keys": ["r1", "r2", "r3"], "minors": [100, 250, 300]})
    assert counted(writer, one_, two, three) == [400, 250, 0]
    change = "UPDATE payments_channel_refund SET state = %s WHERE book_id = %s AND reference = ANY (%s)"
    writer.execute(change, ["unknown", work.book.id, ["r1", "r2", "r3"]])
    assert counted(writer, one_, two, three) == [400, 250, 0]
    writer.execute(change, ["failed", work.book.id, ["r1", "r2"]])
    writer.execute(change, ["failed", work.book.id, ["r1", "r2"]])
    writer.execute(change, ["failed", work.book.id, []])
    assert counted(writer, one_, two, three) == [300, 0, 0]


def test_refunds_of_one_statement_are_bounded_together(writer: Writer, work: UnitOfWork, consumer_id: UUID) -> None:
    made = collection(work, consumer_id, "succeeded")
    with pytest.raises(errors.CheckViolation, match="payments_collection_refunded"):
        writer.execute(REFUND, {"of": [made.id] * 2, "keys": ["r1", "r2"], "minors": [600, 401]})


@pytest.mark.parametrize("state", ["attempted", "unknown", "failed"])
def test_what_was_not_collected_is_not_refunded(writer: Writer, work: UnitOfWork, consumer_id: UUID, state: str) -> None:
    made = collection(work, consumer_id, state)
    with pytest.raises(errors.CheckViolation, match="payments_collection_settled_if_succeeded"):
        writer.execute(REFUND, {"of": [made.id], "keys": ["r1"], "minors": [1]})


def test_commands_count_each_refund_once(work: UnitOfWork, consumer_id: UUID) -> None:
    made = collection(work, consumer_id, "succeeded")
    attempts = [RefundAttempt("a", made.id, cny(300)), RefundAttempt("b", made.id, cny(500))]
    with sql.transacting():
        begun = [one([r]) for r in payments.attempt_refunds(work=work, attempts=attempts)]
    with sql.transacting():
        payments.settle_refunds(work=work, results=[answer(begun[0], "failed"), answer(begun[1], "succeeded")])
    assert queries.collections(book_id=work.book.id, ids=[made.id])[made.id].refunded == cny(500)


def test_nobody_can_attach_what_moves_the_counters_to_another_table(writer: Writer) -> None:
    functions = writer.execute(
        "SELECT proname, has_function_privilege('public', oid, 'EXECUTE') OR has_function_privilege(oid, 'EXECUTE') FROM pg_proc"
        " WHERE proname LIKE 'payments%%' AND prosecdef ORDER BY 1",
        [],
    ).fetchall()
    names = ("follow_begun", "follow_failed", "receipt_goes_back", "receipt_left_again", "receipt_matched", "receipt_stayed")
    assert functions == [(f"payments_{name}", False) for name in names]
