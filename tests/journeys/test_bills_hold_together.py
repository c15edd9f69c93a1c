"""Bills, and payments over several loans, attacked by raw SQL as the writer; and read by consumers, each their own."""

import secrets
from datetime import date
from uuid import uuid4

import psycopg
import pytest

from tests.journeys.conftest import shop_opened
from tests.journeys.test_billing import account_of, bills, loan, make, pay
from yuefu.billing import queries as bill_book
from yuefu.ids import IdSource
from yuefu.runtime import sql

BILL_DAY, DUE = date(2026, 10, 15), date(2026, 10, 25)
REFUSED = (
    psycopg.errors.CheckViolation,
    psycopg.errors.ForeignKeyViolation,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UniqueViolation,
    psycopg.errors.NotNullViolation,
)

LINE = "INSERT INTO billing_line (loan_id, no, book_id, bill_id, account_id, consumer_id, due_on, amount_minor, paid_minor)"
BILL = (
    "INSERT INTO billing_bill (id, book_id, account_id, consumer_id, no, currency, first_on, bill_on, due_on, covers_until, lines, total_minor,"
    " paid_minor, carried_minor, issued_on, issued_at)"
)
SECOND = (
    BILL + " SELECT %(new)s, book_id, account_id, {owner}, 2, currency, {first_on}, {bill_on}, {due_on}, {due_on} + 30, 1, 500, 0, 0,"
    " issued_on + 30, now() FROM billing_bill WHERE id = %(bill)s"
)
PART = (
    "INSERT INTO payments_collection (id, book_id, reference, money_account_id, consumer_id, loan_id, order_id, funder_id, amount_minor,"
    " currency, channel, instrument, state, attempted_at, fee_minor, refunded_minor, provider_id, failure_code, part_of_id, parts, waits_for)"
)


def a_bill(shop):
    """A bill of two loans with what attacks name, as text."""
    consumer_id, other = shop.consumer(), shop.consumer()
    first, second = loan(shop, consumer_id, "900.00"), loan(shop, consumer_id, "450.00")
    stranger = loan(shop, other, "300.00")
    shop.until(BILL_DAY)
    make(shop)
    return {
        "consumer": consumer_id, "other": other, "first": first.loan_id, "second": second.loan_id, "stranger": stranger.loan_id,
        "bill": bills(shop, consumer_id)[0].id, "account": account_of(shop, consumer_id).id, "book": shop.book_id,
    }  # fmt: skip


def a_payment(shop, billed):
    """The same, with the bill paid before its day: the whole and its two parts wait."""
    outcome = pay(shop, billed["consumer"], bill_id=billed["bill"])
    one, two = sorted(part.collection_id for part in outcome.parts)
    return {**billed, "whole": outcome.collection_id, "one": one, "two": two}


@pytest.fixture
def billed(shop):
    return a_bill(shop)


@pytest.fixture
def paid(shop, billed):
    return a_payment(shop, billed)


@pytest.fixture(scope="module")
def attacked(vault):
    """A bill for all attacks: what they write is never committed."""
    return a_bill(shop_opened(vault, IdSource(secrets.randbits)))


@pytest.fixture(scope="module")
def attacked_paid(vault):
    shop = shop_opened(vault, IdSource(secrets.randbits))
    return a_payment(shop, a_bill(shop))


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        ("UPDATE billing_bill SET total_minor = 1 WHERE id = %(bill)s", "permission denied"),
        ("DELETE FROM billing_line WHERE bill_id = %(bill)s", "permission denied"),
        (f"{LINE} VALUES (%(first)s, 2, %(book)s, %(bill)s, %(account)s, %(consumer)s, '2026-10-25', 1, 0)", "not what it asks"),
        (
            f"{LINE} VALUES (%(first)s, 9, %(book)s, %(bill)s, %(account)s, %(consumer)s, '2026-10-25', 1, 0)",
            "billing_line_levelled_id_no_fk",
        ),
        (f"{LINE} VALUES (%(first)s, 1, %(book)s, %(bill)s, %(account)s, %(consumer)s, '2026-10-25', 1, 0)", "billing_line_pkey"),
        (f"{SECOND.format(first_on='first_on', bill_on='bill_on + 1', due_on='due_on', owner='consumer_id')}", "billing_bill_begins_once"),
        (f"{SECOND.format(first_on='bill_on + 9', bill_on='bill_on + 3', due_on='due_on', owner='consumer_id')}", "billing_bill_days"),
        (f"{SECOND.format(first_on='bill_on', bill_on='bill_on + 30', due_on='bill_on + 30', owner='consumer_id')}", "billing_bill_days"),
        (
            f"{SECOND.format(first_on='bill_on', bill_on='bill_on + 30', due_on='bill_on + 40', owner='%(other)s')}",
            "account_id_consumer_id_fk",
        ),
    ],
)
def test_a_bill_is_one_a_cycle_whole_and_never_changed(attacked, as_role, attack, why):
    with pytest.raises(REFUSED, match=why):
        as_role("default").execute(attack, attacked | {"new": uuid4()})


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("%(stranger)s, 2, %(book)s, %(new)s, %(account)s, %(consumer)s, '2026-11-25', 500, 0", "not its own"),
        ("%(first)s, 2, %(book)s, %(new)s, %(account)s, %(consumer)s, '2026-12-31', 500, 0", "for a later one"),
        ("%(first)s, 2, %(book)s, %(new)s, %(account)s, %(other)s, '2026-11-25', 500, 0", "billing_line_book_id_bill_id"),
        ("%(first)s, 2, %(book)s, %(new)s, %(account)s, %(consumer)s, '2026-11-25', 0, 0", "billing_line_amount"),
    ],
)
def test_a_line_is_of_an_instalment_of_the_account_that_the_bill_covers(attacked, as_role, line, why):
    known, writer = attacked | {"new": uuid4()}, as_role("default")
    writer.execute(SECOND.format(first_on="bill_on", bill_on="bill_on + 30", due_on="bill_on + 40", owner="consumer_id"), known)
    with pytest.raises(REFUSED, match=why):
        writer.execute(f"{LINE} VALUES ({line})", known)


def test_a_bill_whose_lines_are_not_its_total_is_refused_and_one_without_any_fails_its_proof(shop, billed, as_role):
    new = {**billed, "new": uuid4()}
    made = SECOND.format(first_on="bill_on", bill_on="bill_on + 30", due_on="bill_on + 40", owner="consumer_id")
    writer = as_role("default")
    writer.execute(made, new)
    with pytest.raises(psycopg.errors.CheckViolation, match="not what it asks"):
        writer.execute(f"{LINE} VALUES (%(first)s, 2, %(book)s, %(new)s, %(account)s, %(consumer)s, '2026-11-25', 499, 0)", new)
    writer.rollback()
    writer.execute(made, new)
    writer.commit()
    assert bill_book.not_adding_up(book_id=shop.book_id, since=None) == [new["new"]]


def test_a_consumer_reads_the_own_bills_only(shop, billed):
    def read():
        return sql.value("SELECT count(*) FROM billing_bill"), sql.value("SELECT count(*) FROM billing_line")

    with sql.reading(consumer_id=billed["consumer"]):
        assert read() == (1, 2)
    with sql.reading(consumer_id=billed["other"]):
        assert read() == (1, 1)
    with sql.reading(consumer_id=uuid4()):
        assert read() == (0, 0)


COPY = (
    f"{PART} SELECT gen_random_uuid(), book_id, {{reference}}, money_account_id, {{consumer}}, {{loan}}, {{loan}}, funder_id, {{amount}}, currency,"
    " channel, instrument, 'attempted', attempted_at, 0, 0, '', '', {part_of}, {parts}, {waits_for} FROM payments_collection WHERE id = %(whole)s"
)
DEFAULTS = {
    "reference": "'new'", "consumer": "consumer_id", "loan": "NULL::uuid", "amount": "1", "part_of": "NULL::uuid", "parts": "0", "waits_for": "NULL::date",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"reference": "reference", "loan": "%(first)s", "part_of": "id"}, "are not the whole"),
        ({"parts": "2"}, "are not the whole"),
        ({"parts": "1", "loan": "%(first)s"}, "whole_is_of_no_loan"),
        ({"part_of": "id"}, "part_is_of_a_loan"),
        ({"part_of": "id", "loan": "%(first)s", "consumer": "%(other)s"}, "part_of_id_consumer_id"),
        ({"part_of": "gen_random_uuid()", "loan": "%(first)s"}, "part_of_id_consumer_id"),
        ({"waits_for": "'2027-01-01'", "loan": "%(first)s"}, "part_is_of_a_loan"),
        ({"reference": "reference"}, "payments_collection_reference"),
    ],
)
def test_the_parts_are_the_whole(attacked_paid, as_role, change, why):
    with pytest.raises(REFUSED, match=why):
        as_role("default").execute(COPY.format(**DEFAULTS | change), attacked_paid)


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        ("UPDATE payments_collection SET provider_id = 'x' WHERE id = %(one)s", "no such step"),
        ("UPDATE payments_collection SET released_on = '2026-10-15' WHERE id = %(whole)s", "released_if_it_came"),
        ("UPDATE payments_collection SET waits_for = NULL WHERE id = %(one)s", "permission denied"),
        *(
            (
                "INSERT INTO payments_channel_refund (id, book_id, reference, money_account_id, collection_id, consumer_id, amount_minor,"
                " fee_returned_minor, currency, provider_id, state, failure_code, attempted_at) SELECT gen_random_uuid(), book_id, 'back',"
                f" money_account_id, id, consumer_id, 1, 0, currency, '', 'attempted', '', now() FROM payments_collection WHERE id = %({which})s",
                why,
            )
            for which, why in (("whole", "whole_is_of_no_loan"), ("one", "waiting_is_whole"))
        ),
    ],
)
def test_what_waits_is_whole_and_goes_back_by_no_other_way(attacked_paid, as_role, attack, why):
    with pytest.raises(REFUSED, match=why):
        as_role("default").execute(attack, attacked_paid)


def test_a_part_never_ends_otherwise_than_its_whole(shop, billed, as_role):
    outcome = pay(shop, billed["consumer"], card="card:1:unknown_then_success", bill_id=billed["bill"])
    ended = "UPDATE payments_collection SET state = 'failed' WHERE id = %s"
    for one in (outcome.collection_id, outcome.parts[0].collection_id):
        with pytest.raises(psycopg.errors.CheckViolation, match="are not the whole"):
            as_role("default").execute(ended, [one])


LATE = (
    "UPDATE payments_collection SET state = 'succeeded', settled_on = %(on)s, posted_on = %(on)s, failure_code = ''"
    " WHERE %(whole)s IN (id, part_of_id)"
)


def test_a_whole_that_failed_succeeds_with_its_parts_only_as_a_person_accepted(shop, billed, as_role):
    outcome = pay(shop, billed["consumer"], card="card:1:failed_then_success", bill_id=billed["bill"])
    known = {"whole": outcome.collection_id, "on": BILL_DAY}
    with pytest.raises(psycopg.errors.CheckViolation, match="no such step"):
        as_role("default").execute(LATE, known)
    kept = (
        "INSERT INTO payments_contradiction (id, book_id, collection_id, consumer_id, currency, code, stood, said, said_minor, said_fee_minor,"
        " said_currency, provider_id, said_code, said_on, heard_at, state, closed_by, reason) SELECT gen_random_uuid(), book_id, id, consumer_id,"
        " currency, 'contradicts', 'failed', 'succeeded', amount_minor, 0, currency, '', '', %(on)s, now(), 'open', '', ''"
        " FROM payments_collection WHERE id = %(whole)s"
    )
    accepted = (
        "UPDATE payments_contradiction SET state = 'accepted', closed_at = now(), closed_by = 'u', reason = 'seen'"
        " WHERE collection_id = %(whole)s"
    )
    writer = as_role("default")
    writer.execute(kept, known)
    with pytest.raises(psycopg.errors.CheckViolation, match="no such step"):
        writer.execute(LATE, known)
    writer.rollback()
    writer.execute(kept, known)
    writer.execute(accepted, known)
    with pytest.raises(psycopg.errors.CheckViolation, match="no such step"):
        writer.execute(LATE, {**known, "on": DUE})
    writer.rollback()
    writer.execute(kept, known)
    writer.execute(accepted, known)
    assert writer.execute(LATE, known).rowcount == 3


def test_a_part_that_was_released_stays_so(shop, paid, as_role):
    shop.until(DUE)
    shop.next_day()
    released = sql.rows("SELECT count(*) FROM payments_collection WHERE part_of_id = %s AND released_on IS NOT NULL", [paid["whole"]])
    assert released == [(2,)]
    with pytest.raises(psycopg.errors.CheckViolation):
        as_role("default").execute("UPDATE payments_collection SET released_on = NULL WHERE id = %(one)s", paid)


def test_money_that_waits_past_its_day_fails_the_proof_of_that_day(shop, paid):
    from yuefu.journeys import proving

    def lacking(since):
        with sql.snapshot():
            return proving.prove(book=shop.desk.book, since=since)["nothing_unposted"].detail

    assert lacking(shop.on) == {}
    assert len(lacking(DUE)["waiting_past_its_day"]) == 2
    with sql.owning():
        sql.run("UPDATE payments_collection SET waits_for = waits_for + 1, released_on = '2026-10-26' WHERE id = %s", [paid["one"]])
    assert "consumer_balance" in lacking(shop.on), "what no longer waits and was not applied is missed"
