"""Foreign keys as the migrated database has them: most are composite, and Django knows nothing of those."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from django.db import connections

from tests.structure.ladder import HEIGHT
from tests.structure.test_ladder import points_down

UPWARD = "names what stands above: a plain uuid"
OUTSIDE = "an id that somebody outside gave"
SANDBOX = "the sandbox plays the world outside, which knows no books of ours"
OF_ITS_CLOCK = "in the book of the clock, which is another than that of the row: a key would join two books"
AS_A_SET = "a statement trigger checks it, with book and currency (ADR 0013)"
HOT = "written by each command beside rows whose keys hold the book; a key here would share-lock the row of the book for every write"
RANGE = "an end of a range of ids, which need not be one itself"
OF_ITS_ITEM = "as the item of its capture has it: a trigger compares them"
OF_ITS_SHARE = "as the share has it that a trigger puts at risk"
EITHER = "of either rule version: levelled_id and agreement_id, one of which is empty, have the keys"
FUNDER = "packages of funding do not exist yet; until then own funds, the id of the book"

# table.column -> why it has no foreign key. An entry that is no longer needed fails a test.
WITHOUT_A_KEY = {
    "access_api_key.merchant_id": UPWARD,
    "access_membership.merchant_id": UPWARD,
    "consumers_code.subject_id": UPWARD,
    "ledger_account.owner_id": UPWARD,
    "ledger_account.funder_id": UPWARD,
    "ledger_account.merchant_id": UPWARD,
    "ledger_account.consumer_id": UPWARD,
    "ledger_awaited.entry_id": "written by the trigger of the entry alone, and gone when its transaction ends",
    "ledger_entry.request_id": OUTSIDE,
    "ledger_hold.order_id": UPWARD,
    "ledger_journal.entry_id": "its trigger compares the entry, with its book, with what was approved",
    "ledger_limit.merchant_id": UPWARD,
    "ledger_limit.consumer_id": UPWARD,
    "ledger_line.entry_id": AS_A_SET,
    "ledger_line.book_id": AS_A_SET,
    "ledger_line.account_id": AS_A_SET,
    "ledger_line.order_id": UPWARD,
    "ledger_line.loan_id": UPWARD,
    "ledger_line.merchant_id": UPWARD,
    "ledger_line.funder_id": UPWARD,
    "ledger_line.hold_id": AS_A_SET,
    "ledger_reversal.book_id": AS_A_SET,
    "ledger_reversal.reversed_id": AS_A_SET,
    "ledger_reversal.entry_id": AS_A_SET,
    "ledger_seal.book_id": AS_A_SET,
    "ledger_seal.entry_id": AS_A_SET,
    "ledger_transfer.debit_hold_id": AS_A_SET,
    "ledger_transfer.credit_hold_id": AS_A_SET,
    "loans_agreement.funder_id": FUNDER,
    "loans_fact.source_id": "a capture, a collection, a refund share or a request, by its kind",
    "loans_event.source_id": "a capture, a collection or a refund share, by its kind",
    "loans_instalment.loan_id": AS_A_SET,
    "loans_instalment.book_id": AS_A_SET,
    "loans_instalment.consumer_id": AS_A_SET,
    "loans_loan.funder_id": FUNDER,
    "loans_portfolio.funder_id": FUNDER,
    "aftersales_dispute.refund_id": "the request that shares of a refund have in common; it has no row of its own",
    "aftersales_case.refund_id": "the request that shares of a refund have in common; it has no row of its own",
    "orders_checkout_session.order_id": "its trigger compares the order with the session that it completes",
    "orders_line.order_id": "its trigger looks the order up, with its merchant",
    "orders_pieces.refund_id": "the request that shares of a refund have in common; it has no row of its own",
    "orders_refund.refund_id": "the request that its shares have in common; it has no row of its own",
    "papers_payoff_quote.consumer_id": "a loan from elsewhere may be of somebody who is not registered here; its lines name loans of that consumer",
    "papers_payoff_use.source_id": "a collection or a request, by whoever pays the quote",
    "payments_channel_refund.provider_id": OUTSIDE,
    "payments_collection.funder_id": FUNDER,
    "payments_collection.loan_id": UPWARD,
    "payments_collection.order_id": UPWARD,
    "payments_collection.provider_id": OUTSIDE,
    "payments_contradiction.provider_id": OUTSIDE,
    "payments_debit.loan_id": UPWARD,
    "payments_payout.batch_id": UPWARD,
    "payments_payout_answer.message_id": OUTSIDE,
    "payments_payout_file.message_id": "what we name the file by to the bank; it has its own row",
    "payments_payout.provider_id": OUTSIDE,
    "payments_receipt_return.provider_id": OUTSIDE,
    "payments_sandbox_contract.book_id": SANDBOX,
    "payments_sandbox_flow.book_id": SANDBOX,
    "payments_sandbox_flow.business_id": SANDBOX,
    "payments_sandbox_notice.book_id": SANDBOX,
    "payments_sandbox_trade.book_id": SANDBOX,
    "payments_sandbox_trade.provider_id": SANDBOX,
    "payments_transfer.funder_id": FUNDER,
    "payments_transfer.provider_id": OUTSIDE,
    "reconciliation_break.order_id": "a suggestion of the matcher, found by reference; it may be wrong",
    "reconciliation_fix.entry_id": "entries are partitioned by day; posted by the command that writes this, and never again",
    "reconciliation_item.movement_id": "an entry, a collection or a payout, by its kind",
    "reconciliation_line.provider_id": OUTSIDE,
    "reconciliation_line.business_id": OUTSIDE,
    "risk_decision.order_id": UPWARD,
    "runtime_approval.object_id": UPWARD,
    "runtime_audit.book_id": HOT,
    "runtime_audit.request_id": OUTSIDE,
    "runtime_cursor.row_id": "the last outbox row a reader took; the reader's own bookmark",
    "runtime_key.book_id": HOT,
    "runtime_key.object_id": UPWARD,
    "runtime_key.request_id": OUTSIDE,
    "runtime_outbox.book_id": HOT,
    "notices_event.source_id": "an event of the outbox, which whoever reads it in order has at hand",
    "notices_event.object_id": UPWARD,
    "notices_event.request_id": OUTSIDE,
    "runtime_outbox.object_id": UPWARD,
    "runtime_outbox.request_id": OUTSIDE,
    "sandbox_test_clock.clock_book_id": OF_ITS_CLOCK,
    "sandbox_test_clock.shop_id": OF_ITS_CLOCK,
    "sandbox_test_clock.key_id": OF_ITS_CLOCK,
    "settlement_item.loan_id": EITHER,
    "billing_line.loan_id": EITHER,
    "settlement_item.source_id": "a capture, a refund share or a batch, by its kind",
    "settlement_item.funder_id": FUNDER,
    "settlement_share.source_id": "a capture or a refund share, by its kind",
    "settlement_share.payee_id": "an agent or host, whose key payee_ref is, or a funder",
    "merchants_metadata.object_id": "of any kind, and whose it is was looked at (`journeys.annotating`)",
    "merchants_payee_account.payee_id": "an agent or host, whose key payee_ref is, or a funder",
    "settlement_share_at_risk.capture_id": OF_ITS_SHARE,
    "settlement_share_at_risk.book_id": OF_ITS_SHARE,
    "settlement_share_at_risk.loan_id": OF_ITS_SHARE,
    "settlement_share.merchant_id": OF_ITS_ITEM,
    "settlement_share.order_id": OF_ITS_ITEM,
    "settlement_share.capture_id": OF_ITS_ITEM,
    "settlement_share.loan_id": OF_ITS_ITEM,
    "runtime_run_chunk.first_id": RANGE,
    "runtime_run_chunk.last_id": RANGE,
}

OWN_TWIN = "Django's own key; a composite one over book and id stands beside it"
BY_MERCHANT = "both sides have the merchant, and a merchant is of one book"
BY_ORDER = "both sides have the order, whose merchant is of one book"

# constraint -> why it may leave the book out.
WITHOUT_THE_BOOK = {
    "ledger_limit_account_id_3f8b7be7_fk_ledger_account_id": OWN_TWIN,
    "runtime_setting_approval_id_3c189d39_fk_runtime_approval_id": OWN_TWIN,
    "aftersales_change_capture_id_order_id_fk": BY_ORDER,
    "orders_pieces_capture_id_order_id_fk": BY_ORDER,
    "orders_shipment_capture_id_order_id_fk": BY_ORDER,
    "orders_refund_capture_id_order_id_fk": BY_ORDER,
    "loans_loan_capture_id_order_id_fk": BY_ORDER,
    "loans_agreement_capture_id_order_id_fk": BY_ORDER,
    "reconciliation_item_file_id_line_no_fk": "the key to the file itself has the book",
    "billing_line_levelled_id_no_fk": "the loan itself is checked with its book, account and consumer, as a set",
}


@dataclass(frozen=True)
class Key:
    name: str
    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


@pytest.fixture(scope="module")
def catalogue() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(**connections["owner"].get_connection_params() | {"cursor_factory": psycopg.Cursor}) as opened:
        yield opened


@pytest.fixture(scope="module")
def keys(catalogue: psycopg.Connection[tuple[object, ...]]) -> list[Key]:
    found = catalogue.execute(
        "SELECT k.conname, k.conrelid::regclass::text, k.confrelid::regclass::text,"
        " (SELECT array_agg(a.attname::text ORDER BY n) FROM unnest(k.conkey) WITH ORDINALITY AS c(no, n)"
        "  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.no),"
        " (SELECT array_agg(a.attname::text ORDER BY n) FROM unnest(k.confkey) WITH ORDINALITY AS c(no, n)"
        "  JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.no)"
        " FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 AND k.connamespace = 'public'::regnamespace"
    ).fetchall()
    real = [Key(name, table, tuple(columns), target, tuple(theirs)) for name, table, target, columns, theirs in found]  # type: ignore[arg-type]
    return [*real, *_as_a_set(catalogue)]


def _as_a_set(catalogue: psycopg.Connection[tuple[object, ...]]) -> Iterator[Key]:
    """What a statement trigger checks in the place of keys: its comment says which (`references_as_a_set`)."""
    triggers = catalogue.execute(
        "SELECT t.tgname, t.tgrelid::regclass::text, d.description FROM pg_trigger t"
        " JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_trigger'::regclass WHERE t.tgname LIKE '%\\_refers'"
    ).fetchall()
    assert len(triggers) > 4
    for name, table, told in triggers:
        for n, reference in enumerate(json.loads(str(told))):
            yield Key(f"{name}_{n}", str(table), tuple(reference["columns"]), reference["target"], tuple(reference["target_columns"]))


@pytest.fixture(scope="module")
def columns(catalogue: psycopg.Connection[tuple[object, ...]]) -> set[tuple[str, str]]:
    """(table, column) of our tables; of a partitioned one only the parent."""
    found = catalogue.execute(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    ).fetchall()
    return {(str(table), str(column)) for table, column in found if rung(str(table))}


def rung(table: str) -> str | None:
    return next((package for package in HEIGHT if table.startswith(f"{package}_")), None)


def test_every_foreign_key_points_down_the_ladder(keys: list[Key]) -> None:
    assert len(keys) > 50
    wrong = []
    for key in keys:
        source, target = rung(key.table), rung(key.target)
        if source and (target is None or not points_down(source, target)):
            wrong.append(f"{key.name}: {key.table} -> {key.target}")
    assert wrong == []


def test_every_reference_has_a_foreign_key_or_a_reason(keys: list[Key], columns: set[tuple[str, str]]) -> None:
    held = {f"{key.table}.{column}" for key in keys for column in key.columns}
    free = {f"{table}.{column}" for table, column in columns if column.endswith("_id")} - held
    assert free - WITHOUT_A_KEY.keys() == set(), "give it a key, or say why it has none"
    assert WITHOUT_A_KEY.keys() - free == set(), "it has a key now, or is gone"


def test_no_foreign_key_joins_two_books(keys: list[Key], columns: set[tuple[str, str]]) -> None:
    of_a_book = {table for table, column in columns if column == "book_id"}
    joined = {
        key.name
        for key in keys
        if key.table in of_a_book and key.target in of_a_book
        if ("book_id", "book_id") not in zip(key.columns, key.target_columns, strict=True)
    }
    assert joined - WITHOUT_THE_BOOK.keys() == set(), "put book_id into the key, or say why it need not be there"
    assert WITHOUT_THE_BOOK.keys() - joined == set()


def test_what_is_of_a_book_by_way_of_its_merchant_has_a_key_to_both(keys: list[Key]) -> None:
    """The reasons BY_MERCHANT and BY_ORDER hold only as long as each side says whose book its merchant is of."""
    to_merchant = {key.table for key in keys if key.target == "merchants_merchant" and set(key.columns) == {"book_id", "merchant_id"}}
    assert {"orders_capture", "orders_refund", "risk_decision"} <= to_merchant
    assert any(
        key.table == "orders_order" and key.target == "risk_decision" and {"book_id", "merchant_id"} <= set(key.columns) for key in keys
    )
