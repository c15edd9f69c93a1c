"""Attacks by raw SQL on what one package says of another: each names the very promise that refuses it.

Where a promise is taken away, another one may refuse the attack or none: in both cases the name is another one, and the test fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from yuefu.orders import queries as order_book
from yuefu.runtime import sql

Connect = Callable[[str], psycopg.Connection[Any]]
Row = dict[str, Any]


@dataclass(frozen=True)
class Sale:
    """What became of one purchase, each row as the writer reads it."""

    order: Row
    decision: Row
    capture: Row
    loan: Row
    item: Row


@dataclass
class Attacker:
    """The writer with psql in hand. What it gets through is rolled back."""

    connection: psycopg.Connection[Any]

    def one(self, query: str, *params: object) -> Any:
        found = self.connection.execute(query, params).fetchone()  # type: ignore[call-overload]
        return found and found[0]

    def row(self, table: str, column: str, value: UUID) -> Row:
        found: Row = json.loads(self.one(f"SELECT to_jsonb(t)::text FROM {table} t WHERE {column} = %s LIMIT 1", value))
        return found

    def sale(self, order_id: UUID) -> Sale:
        tables = [("orders_order", "id"), ("risk_decision", "order_id"), ("orders_capture", "order_id"), ("loans_loan", "order_id")]
        return Sale(*[self.row(table, column, order_id) for table, column in [*tables, ("settlement_item", "order_id")]])

    def refusal(self, *steps: tuple[str, tuple[object, ...]]) -> str:
        """The constraint or the words that refuse the last of some statements; the others are sound."""
        try:
            with self.connection.transaction(force_rollback=True):
                for statement, params in steps[:-1]:
                    self.connection.execute(statement, params)  # type: ignore[call-overload]
                try:
                    with self.connection.transaction():
                        self.connection.execute(steps[-1][0], steps[-1][1])  # type: ignore[call-overload]
                        self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
                except psycopg.errors.IntegrityError as error:
                    return error.diag.constraint_name or str(error).splitlines()[0]
        finally:
            self.connection.rollback()
        return "taken"


GENERATED = {"levelled_id", "agreement_id"}
"""Columns that PostgreSQL writes by itself."""


def copy(table: str, row: Row, **changed: object) -> tuple[str, tuple[object, ...]]:
    """Another row like one that is there, under a new id."""
    changes = {"id": uuid4(), **changed}
    values = {name: value for name, value in {**row, **changes}.items() if name not in GENERATED}
    columns = ", ".join(f'"{name}"' for name in values)
    query = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, %s)"
    return query, (json.dumps(values, default=str),)


def declined(sale: Sale, **changed: object) -> tuple[tuple[str, tuple[object, ...]], tuple[str, tuple[object, ...]]]:
    """A decision and its order, both like those of a sale but newly placed."""
    order, decision = uuid4(), uuid4()
    sums = {"captured_minor": 0, "released_minor": 0, "refunded_minor": 0, "seq": 1, "state": "authorised"}
    fresh = {**sums, "id": order, "decision_id": decision, "merchant_reference": str(order)}
    about = {name: changed[name] for name in ("consumer_id", "merchant_id", "book_id") if name in changed and "decision_of" not in changed}
    changed.pop("decision_of", None)
    return copy("risk_decision", sale.decision, id=decision, order_id=order, **about), copy("orders_order", sale.order, **fresh | changed)


@pytest.fixture
def attacker(as_role: Connect) -> Attacker:
    return Attacker(as_role("default"))


@pytest.fixture
def sales(shop: Any, attacker: Attacker) -> tuple[Sale, Sale]:
    """Two consumers bought the same kind of thing at two merchants."""
    return attacker.sale(shop.bought().order_id), attacker.sale(shop.bought(merchant=1, product="flex").order_id)


def test_an_order_has_its_own_decision_account_and_paper(attacker: Attacker, sales: tuple[Sale, Sale]) -> None:
    mine, theirs = sales
    nobody = uuid4()
    seen = {
        name: attacker.refusal(*declined(mine, **changes))
        for name, changes in {
            "sound": {},
            "account of another consumer": {"credit_account_id": theirs.order["credit_account_id"]},
            "account of nobody": {"credit_account_id": nobody},
            "no account": {"credit_account_id": None},
            "no paper": {"disclosure_id": None},
            "paper of another product": {"product_id": theirs.order["product_id"]},
            "paper that was never shown": {"disclosure_id": nobody},
            "decision about another order": {"decision_id": theirs.order["decision_id"]},
            "decision about another merchant": {"decision_of": mine, "merchant_id": theirs.order["merchant_id"]},
            "quote to another consumer": {"quote_id": theirs.order["quote_id"]},
            "consent of another consumer": {"quote_shown_to": theirs.order["consumer_id"]},
            "decision about another consumer": {
                "decision_of": mine, "consumer_id": theirs.order["consumer_id"], "credit_account_id": theirs.order["credit_account_id"],
                "quote_shown_to": theirs.order["consumer_id"],
            },
            "another book": {"book_id": nobody, "decision_of": mine},
            "begun in the middle": {"captured_minor": 1, "state": "part_captured"},
        }.items()
    }  # fmt: skip
    decision, account = "orders_order_names_risk_decision", "orders_order_names_credit_account"
    paper, quote = "orders_order_names_offers_disclosure", "orders_order_names_offers_quote"
    seen["no paper"] = seen["no paper"].partition(f"{mine.order['id']} ")[2] or seen["no paper"].split(" ", 2)[2]
    begun = seen.pop("begun in the middle")
    assert begun.endswith("cannot be rewritten")
    assert seen == {
        "sound": "taken",
        "account of another consumer": account,
        "account of nobody": account,
        "no account": "orders_order_agreed",
        "no paper": "is placed on a quote and its cost table, and stays on them",
        "paper of another product": paper,
        "paper that was never shown": paper,
        "decision about another order": decision,
        "decision about another merchant": decision,
        "quote to another consumer": quote,
        "consent of another consumer": "orders_order_consents_itself",
        "decision about another consumer": decision,
        "another book": decision,
    }


def test_what_was_agreed_in_an_order_or_capture_is_never_rewritten(attacker: Attacker, sales: tuple[Sale, Sale]) -> None:
    mine, theirs = sales
    moving = {"captured_minor", "released_minor", "refunded_minor", "state", "seq"}
    for table, row, other in (("orders_order", mine.order, theirs.order), ("orders_capture", mine.capture, theirs.capture)):
        kept = [name for name in row if name not in moving]
        assert len(kept) >= 8
        for name in kept:
            value = f"{name} + 1" if isinstance(row[name], int) else f"{name} + interval '1 day'" if name.endswith(("_on", "_at")) else None
            value = value or (f"'{other[name]}'" if name.endswith("_id") and other[name] != row[name] else None)
            value = value or ("gen_random_uuid()" if name == "id" or name.endswith(("_id", "_to")) else f"{name} || 'x'")
            refused = attacker.refusal((f"UPDATE {table} SET {name} = {value} WHERE id = %s", (row["id"],)))
            how = "stays on them" if name == "quote_shown_to" else "cannot be rewritten"
            assert refused == f"{table} {row['id']} {how}" or (name in ("id", "quote_shown_to") and refused.endswith(how)), name


@pytest.mark.parametrize(
    ("attack", "by"),
    [
        ("refunded_minor = 0, state = 'captured'", "rewritten"),
        ("captured_minor = captured_minor - 1, state = 'part_refunded'", "rewritten"),
        ("seq = seq - 1", "rewritten"),
        ("refunded_minor = captured_minor", "orders_order_state_of_amounts"),
        ("state = 'authorised'", "orders_order_state_of_amounts"),
        ("state = 'voided'", "orders_order_state_of_amounts"),
        ("state = 'declined'", "orders_order_declined_has_nothing"),
        ("refunded_minor = captured_minor, state = 'refunded', seq = seq + 1", "taken"),
    ],
)
def test_sums_of_an_order_only_rise_and_its_state_says_what_they_say(shop: Any, attacker: Attacker, attack: str, by: str) -> None:
    order_id = shop.bought().order_id
    shop.refund(order_id, "100.00")
    assert attacker.refusal((f"UPDATE orders_order SET {attack} WHERE id = %s", (order_id,))).endswith(by)


def test_a_share_given_back_is_not_taken_away_again(shop: Any, attacker: Attacker) -> None:
    order_id = shop.bought().order_id
    shop.refund(order_id, "100.00")
    assert attacker.refusal(("UPDATE orders_capture SET refunded_minor = 0 WHERE order_id = %s", (order_id,))).endswith("rewritten")


def test_what_has_ended_never_begins_again(shop: Any, attacker: Attacker) -> None:
    voided, refunded = shop.buy(shop.consumer()).order_id, shop.bought().order_id
    shop.void(voided)
    shop.refund(refunded)
    for order_id, change in ((voided, "state = 'expired'"), (refunded, "seq = seq + 1"), (voided, "seq = seq + 1")):
        assert attacker.refusal((f"UPDATE orders_order SET {change} WHERE id = %s", (order_id,))).endswith("cannot be rewritten")


def test_what_is_left_is_given_back_as_a_whole(shop: Any, attacker: Attacker) -> None:
    order_id = shop.buy(shop.consumer()).order_id
    for change in ("released_minor = 1", "captured_minor = 500, released_minor = 1, state = 'part_captured'"):
        assert attacker.refusal((f"UPDATE orders_order SET {change} WHERE id = %s", (order_id,))).startswith("orders_order_")


def test_captures_and_refunds_are_of_the_book_and_merchant_of_their_order(shop: Any, attacker: Attacker, sales: tuple[Sale, Sale]) -> None:
    mine, theirs = sales
    nobody = uuid4()
    assert attacker.refusal(copy("orders_capture", mine.capture, number=2)) == "taken"
    assert attacker.refusal(copy("orders_capture", mine.capture, number=2, book_id=nobody)) == "orders_capture_book_id_merchant_id_fk"
    wrong = copy("orders_capture", mine.capture, number=2, merchant_id=theirs.order["merchant_id"])
    assert attacker.refusal(wrong) == "orders_capture_names_orders_order"
    assert attacker.refusal(copy("orders_capture", mine.capture, number=2, refunded_minor=1)).endswith("cannot be rewritten")
    shop.refund(UUID(mine.order["id"]), "100.00")
    share = attacker.row("orders_refund", "order_id", UUID(mine.order["id"]))
    assert attacker.refusal(copy("orders_refund", share, refund_id=nobody)) == "taken"
    assert attacker.refusal(copy("orders_refund", share, refund_id=nobody, book_id=nobody)) == "orders_refund_book_id_merchant_id_fk"


def test_a_loan_of_an_order_without_an_account_is_on_nobodys_account(shop: Any, attacker: Attacker, sales: tuple[Sale, Sale]) -> None:
    """What is empty on the other side equals nothing."""
    mine, _ = sales
    decision, order = declined(mine, state="declined", authorised_minor=0, credit_account_id=None)
    new = json.loads(order[1][0])["id"]
    capture, loan = uuid4(), uuid4()
    captured = copy("orders_capture", mine.capture, id=capture, order_id=new)
    assert attacker.refusal(decision, order) == "taken"
    lent = copy("loans_loan", mine.loan, id=loan, capture_id=capture, order_id=new)
    assert attacker.refusal(decision, order, captured, lent) == "loans_loan_names_orders_order"


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("credit_account", "consumer_id"), ("credit_account", "book_id"), ("credit_account", "currency"), ("consumers_consumer", "book_id"),
        ("merchants_merchant", "book_id"), ("offers_quote", "merchant_id"), ("offers_disclosure", "product_id"), ("risk_decision", "order_id"),
        ("orders_order", "merchant_id"),
    ],
)  # fmt: skip
def test_what_others_name_never_changes_and_is_never_gone(attacker: Attacker, sales: tuple[Sale, Sale], table: str, column: str) -> None:
    """There is no foreign key that would keep it (ADR 0021)."""
    value = "'USD'" if column == "currency" else "gen_random_uuid()"
    for statement in (f"UPDATE {table} SET {column} = {value}", f"UPDATE {table} SET id = gen_random_uuid()", f"DELETE FROM {table}"):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)):
            attacker.connection.execute(statement)
        attacker.connection.rollback()


def test_a_loan_is_owed_by_whoever_placed_its_order(attacker: Attacker, sales: tuple[Sale, Sale]) -> None:
    mine, theirs = sales
    capture = uuid4()
    again = copy("orders_capture", mine.capture, id=capture, number=2)
    key = "loans_loan_names_orders_order"
    assert attacker.refusal(again, copy("loans_loan", mine.loan, capture_id=capture)) == "taken"
    for name in ("consumer_id", "credit_account_id", "merchant_id"):
        assert attacker.refusal(again, copy("loans_loan", mine.loan, capture_id=capture, **{name: theirs.loan[name]})).startswith(key), name
    assert attacker.refusal(again, copy("loans_loan", mine.loan, capture_id=capture, book_id=uuid4())).startswith(key)


@pytest.mark.parametrize(
    ("attack", "by"),
    [
        ("discount_earned_minor = discount_minor + 1", "loans_loan_discount_earned"),
        ("discount_minor = discount_minor + 1", "cannot change"),
        ("seq = seq - 1", "cannot change"),
        ("last_event_on = last_event_on - 1", "cannot change"),
        ("id = gen_random_uuid()", "cannot change"),
        ("booked_at = booked_at + interval '1 day'", "cannot change"),
        ("book_id = gen_random_uuid()", "cannot change"),
        ("ceilings = array_fill(1, ARRAY[periods])", "cannot change"),
        ("state = 'closed', closed_on = '2026-10-12'", "cannot be closed"),
        ("seq = seq + 1", "taken"),
    ],
)
def test_a_loan_moves_forward_and_closes_when_it_is_paid(attacker: Attacker, sales: tuple[Sale, Sale], attack: str, by: str) -> None:
    assert attacker.refusal((f"UPDATE loans_loan SET {attack} WHERE id = %s", (sales[0].loan["id"],))).endswith(by)


def test_instalments_are_of_their_loan_and_its_consumer_and_stay_where_they_are(attacker: Attacker, sales: tuple[Sale, Sale]) -> None:
    mine, theirs = sales
    row = attacker.row("loans_instalment", "loan_id", UUID(mine.loan["id"]))
    row.pop("id", None)

    def another(**changed: object) -> str:
        content = json.dumps({**row, "no": 30, **changed}, default=str)
        return attacker.refusal(
            ("INSERT INTO loans_instalment SELECT * FROM jsonb_populate_record(NULL::loans_instalment, %s)", (content,))
        )

    assert another() == "taken"
    for changed in ({"consumer_id": theirs.loan["consumer_id"]}, {"loan_id": uuid4()}, {"book_id": uuid4()}):
        assert another(**changed).endswith("is not of this book and consumer"), changed
    for change in ("due_on = due_on + 1", "start_on = start_on - 1", "no = 31", f"consumer_id = '{theirs.loan['consumer_id']}'"):
        refused = attacker.refusal((f"UPDATE loans_instalment SET {change} WHERE loan_id = %s AND no = 1", (mine.loan["id"],)))
        assert refused.endswith("stays where it was agreed"), change


def test_a_reversal_names_a_repayment_of_its_own_loan_and_only_once(shop: Any, attacker: Attacker) -> None:
    mine, theirs = shop.bought("600.00"), shop.bought("600.00")
    shop.until(date(2026, 10, 25))
    paid, _ = shop.repay(mine.loan_id, "10.00"), shop.repay(theirs.loan_id)
    shop.refund(mine.order_id, "1.00")
    event = attacker.row("loans_event", "source_id", paid.collection_id)
    no, last = event["no"], attacker.one("SELECT max(no) FROM loans_event WHERE loan_id = %s", mine.loan_id)

    def reversal(number: int = 1, **changed: object) -> tuple[str, tuple[object, ...]]:
        parts = {"principal_minor": -10_00, "interest_minor": 0, "excess_minor": 10_00}
        made = {"kind": "reversed", "no": last + number, "source_id": uuid4(), "reverses_no": no, **parts}
        return copy("loans_event", event, **made | changed)

    assert attacker.refusal(reversal()) == "taken"
    assert attacker.refusal(reversal(), reversal(2)) == "loans_event_reversed_once"
    assert attacker.refusal(reversal(reverses_no=None)) == "loans_event_names_what_it_reverses"
    assert attacker.refusal(reversal(kind="repaid", excess_minor=20_00)) == "loans_event_names_what_it_reverses"
    assert attacker.refusal(reversal(excess_minor=9_00)) == "loans_event_parts_add_up"
    stranger = attacker.one("SELECT no FROM loans_event WHERE loan_id = %s AND kind = 'repaid'", theirs.loan_id)
    assert attacker.refusal(reversal(amount_minor=200_00)).endswith("could be reversed"), "another amount"
    for other in (1, last, stranger + 100):  # the disbursement, the refund, nothing
        assert attacker.refusal(reversal(reverses_no=other)).endswith("could be reversed"), other


def test_what_a_merchant_is_owed_comes_from_its_own_capture(attacker: Attacker, sales: tuple[Sale, Sale]) -> None:
    mine, theirs = sales
    order, capture, loan = uuid4(), uuid4(), uuid4()
    sold = copy("orders_capture", mine.capture, id=capture, number=2), copy("loans_loan", mine.loan, id=loan, capture_id=capture)
    real = {"source_id": capture, "capture_id": capture, "loan_id": loan}
    assert attacker.refusal(*sold, copy("settlement_item", mine.item, **real)) == "taken"
    wrong: list[dict[str, object]] = [
        {"source_id": order, "capture_id": order},
        {"order_id": theirs.order["id"]},
        {"merchant_id": theirs.order["merchant_id"]},
        {"loan_id": theirs.loan["id"]},
        {"loan_id": uuid4()},
    ]
    for change in wrong:
        assert attacker.refusal(*sold, copy("settlement_item", mine.item, **real | change)) == "settlement_item_of_its_loan", change
    for name in ("loan_id", "order_id"):
        assert attacker.refusal(*sold, copy("settlement_item", mine.item, **{**real, name: None})) == "settlement_item_has_its_loan"


def test_a_batch_is_paid_by_a_payout_of_its_own_merchant(shop: Any, attacker: Attacker, sales: tuple[Sale, Sale]) -> None:
    for _ in range(2):
        shop.next_day()
    shop.settle()
    batches = attacker.connection.execute(
        "SELECT id, payout_id FROM settlement_batch WHERE book_id = %s AND payout_id IS NOT NULL", [shop.book_id]
    ).fetchall()
    assert len(batches) == 2
    for stranger in (batches[1][1], uuid4()):
        refused = attacker.refusal(("UPDATE settlement_batch SET payout_id = %s WHERE id = %s", (stranger, batches[0][0])))
        assert refused == "settlement_batch_book_id_payout_id_merchant_id_fk"


# ------------------------------------------------------------------------------------------------------------------ who reads

READ_BY_CONSUMER = {
    "orders_capture": "order_id",
    "orders_refund": "order_id",
    "loans_event": "(SELECT order_id FROM loans_loan l WHERE l.id = t.loan_id)",
    "offers_disclosure": "(SELECT o.id FROM orders_order o WHERE o.disclosure_id = t.id)",
}


@pytest.mark.parametrize("table", READ_BY_CONSUMER)
def test_a_consumer_reads_what_became_of_the_own_order_and_nobody_else_does(shop: Any, as_role: Connect, table: str) -> None:
    mine, theirs = shop.bought(), shop.bought(product="flex")
    shop.refund(mine.order_id, "100.00")
    shop.refund(theirs.order_id, "100.00")
    found = order_book.orders([mine.order_id, theirs.order_id])
    reader = as_role("reader")
    owners = f"SELECT DISTINCT {READ_BY_CONSUMER[table]} FROM {table} t"
    for setting, value, expected in (
        ("yuefu.consumer", found[mine.order_id].consumer_id, [(mine.order_id,)]),
        ("yuefu.consumer", found[theirs.order_id].consumer_id, [(theirs.order_id,)]),
        ("yuefu.consumer", uuid4(), []),
        ("yuefu.consumer", "", []),
        ("yuefu.merchant", uuid4(), []),
    ):
        with reader.transaction():
            reader.execute("SELECT set_config(%s, %s, true)", [setting, str(value)])
            assert reader.execute(owners).fetchall() == expected, (setting, value)
            assert bool(reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) is bool(expected)  # type: ignore[index]
    assert reader.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_a_merchant_reads_neither_papers_nor_loan_events(shop: Any) -> None:
    shop.bought()
    with sql.reading(merchant_id=shop.merchants[0]):
        assert sql.value("SELECT count(*) FROM orders_capture") == 1
        assert sql.value("SELECT count(*) FROM offers_disclosure") == 0
        assert sql.value("SELECT count(*) FROM loans_event") == 0
