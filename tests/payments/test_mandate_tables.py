"""The tables of mandates, debits and contradictions keep what is said of them: attacks by raw SQL, as the writer and as a reader."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors
from stdnum.cn import ric

from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.errors import one
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries, rules
from yuefu.payments.commands import Closing, DebitPlan, NewMandate, Revocation, Take
from yuefu.payments.rules import ChannelResult, Mandate, MandateResult, NoticeResult, Slot, Standing
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

DAY = date(2026, 10, 1)
_numbers = itertools.count(500)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


@pytest.fixture
def other_id(work: UnitOfWork, vault: Vault) -> UUID:
    number = next(_numbers)
    body = "11010519900309" + f"{number:03d}"
    with sql.transacting():
        new = NewConsumer(f"c{number}", f"c-{number}", "李四", "+8613900139000", body + ric.calc_check_digit(body + "0"))
        return one(consumers.register(work=work, vault=vault, consumers=[new]))


@pytest.fixture
def signed(work: UnitOfWork) -> Callable[[UUID], Mandate]:
    def sign(consumer_id: UUID, kind: str = "wallet") -> Mandate:
        with sql.transacting():
            made = one(payments.begin_mandates(work=work, requests=[NewMandate("m", consumer_id, kind, f"{kind}:1", cny(900))], today=DAY))
            return one(payments.settle_mandates(work=work, results=[MandateResult(made.reference, "active", f"n-{made.id}")]))

    return sign


def planned(work: UnitOfWork, mandate: Mandate) -> Standing:
    slot = Slot(DAY, DAY + timedelta(days=1)) if mandate.kind == "wallet" else Slot(None, DAY)
    plan = DebitPlan(mandate, work.ids.new(work.now), DAY + timedelta(days=1), cny(500), slot)
    with sql.transacting():
        (debit,) = payments.plan_debits(work=work, plans=[plan], policy_version=1)
    (found,) = queries.tries_of(book_id=work.book.id, debit_ids=[debit.id])
    return found


def announced(work: UnitOfWork, mandate: Mandate) -> Standing:
    found = planned(work, mandate)
    with sql.transacting():
        assert payments.settle_notices(work=work, results=[NoticeResult(found.latest.reference, "accepted", "n")]) == ["announced"]
        assert payments.settle_notices(work=work, results=[NoticeResult(found.latest.reference, "refused", "", "late")]) == [""]
    return queries.standings(book_id=work.book.id, try_ids=[found.latest.id])[found.latest.id]


def sent(work: UnitOfWork, mandate: Mandate) -> Standing:
    found = announced(work, mandate)
    with sql.transacting():
        payments.begin_tries(work=work, takes=[Take(found, cny(500), None, work.book.id)])
    return queries.standings(book_id=work.book.id, try_ids=[found.latest.id])[found.latest.id]


def refused(opened: psycopg.Connection[Any], statement: str, *given: Any) -> str:
    """Why PostgreSQL refuses a statement; "" where it does not."""
    try:
        opened.execute(statement, given)
    except psycopg.Error as error:
        return f"{type(error).__name__}: {error.diag.constraint_name or error.diag.message_primary}"
    finally:
        opened.rollback()
    return ""


def test_of_one_consumer_one_mandate_is_in_force(work, consumer_id, signed, as_role):
    mandate = signed(consumer_id)
    again = (
        "INSERT INTO payments_mandate (id, book_id, reference, consumer_id, kind, instrument, contract, limit_minor, currency, state, code,"
        " begun_at, seq) SELECT gen_random_uuid(), book_id, 'r2', consumer_id, kind, instrument, '', 1, currency, 'signing', '', begun_at, 1"
        " FROM payments_mandate WHERE id = %s"
    )
    assert "payments_mandate_one_in_force" in refused(as_role("default"), again, mandate.id)
    with sql.transacting():
        payments.revoke_mandates(work=work, revocations=[Revocation(mandate.id, "asked")])
    assert refused(as_role("default"), again, mandate.id) == ""


@pytest.mark.parametrize(
    "change",
    ["limit_minor = 901", "consumer_id = gen_random_uuid()", "instrument = 'w:2'", "valid_until = '2030-01-01'", "kind = 'bank'"],
)
def test_what_was_signed_stays_as_it_was_signed(consumer_id, signed, as_role, change):
    mandate = signed(consumer_id)
    assert refused(as_role("default"), f"UPDATE payments_mandate SET {change} WHERE id = %s", mandate.id).startswith(
        "InsufficientPrivilege"
    )


def test_a_mandate_that_ended_has_ended(work, consumer_id, signed, as_role):
    mandate = signed(consumer_id)
    writer = as_role("default")
    assert "takes no such step" in refused(writer, "UPDATE payments_mandate SET contract = 'other' WHERE id = %s", mandate.id)
    assert "takes no such step" in refused(writer, "UPDATE payments_mandate SET seq = 1 WHERE id = %s", mandate.id)
    with sql.transacting():
        payments.revoke_mandates(work=work, revocations=[Revocation(mandate.id, "asked")])
    for change in ("state = 'active', ended_at = NULL", "ended_at = now()", "code = 'x'"):
        assert "takes no such step" in refused(writer, f"UPDATE payments_mandate SET {change} WHERE id = %s", mandate.id)
    assert refused(writer, "UPDATE payments_mandate SET told_at = now() WHERE id = %s", mandate.id) == "", "the channel is told later"
    for verb in ("DELETE FROM payments_mandate_step", "UPDATE payments_mandate_step SET reason = 'none'", "DELETE FROM payments_debit"):
        assert refused(writer, verb).startswith("InsufficientPrivilege")


def test_a_debit_is_of_its_own_consumer_and_a_try_of_its_own_debit(work, consumer_id, other_id, signed, as_role):
    standing = planned(work, signed(consumer_id))
    writer = as_role("default")
    stolen = (
        "INSERT INTO payments_debit (id, book_id, mandate_id, consumer_id, loan_id, due_on, amount_minor, currency, state, code, policy_version,"
        " planned_at, seq) SELECT gen_random_uuid(), %s, mandate_id, %s, gen_random_uuid(), due_on, 1, currency, 'open', '', 1, planned_at, 1"
        " FROM payments_debit WHERE id = %s"
    )
    assert "ForeignKeyViolation" in refused(writer, stolen, work.book.id, other_id, standing.debit.id)
    assert "ForeignKeyViolation" in refused(writer, stolen, UUID(int=1), consumer_id, standing.debit.id)
    second = (
        "INSERT INTO payments_debit_try (id, book_id, reference, debit_id, consumer_id, no, amount_minor, currency, debit_on, state, code, notice)"
        " SELECT gen_random_uuid(), book_id, 'r2', debit_id, %s, 2, 1, currency, debit_on, 'planned', '', '' FROM payments_debit_try WHERE id = %s"
    )
    assert "payments_debit_try_one_under_way" in refused(writer, second, consumer_id, standing.latest.id)
    again = (
        "INSERT INTO payments_debit (id, book_id, mandate_id, consumer_id, loan_id, due_on, amount_minor, currency, state, code, policy_version,"
        " planned_at, seq) SELECT gen_random_uuid(), book_id, mandate_id, consumer_id, loan_id, due_on, 1, currency, 'open', '', 1, planned_at, 1"
        " FROM payments_debit WHERE id = %s"
    )
    assert "payments_debit_one_an_occasion" in refused(writer, again, standing.debit.id)


def test_what_was_announced_is_taken_as_it_was_announced(work, consumer_id, other_id, signed, as_role):
    wallet, bank = announced(work, signed(consumer_id)), planned(work, signed(other_id, "bank"))
    writer = as_role("default")
    change = "UPDATE payments_debit_try SET amount_minor = %s WHERE id = %s"
    assert "takes no such step" in refused(writer, change, 499, wallet.latest.id)
    assert "takes no such step" in refused(writer, change, 501, bank.latest.id)
    assert refused(writer, change, 499, bank.latest.id) == "", "a bank is told nothing before, so less may be taken"


def test_a_wallet_is_not_debited_without_notice_nor_by_a_mandate_that_ended(work, consumer_id, other_id, signed, as_role):
    unannounced, mandate = planned(work, signed(other_id)), signed(consumer_id)
    ready = announced(work, mandate)
    with sql.transacting():
        (made,) = payments.attempt_collections(
            work=work, attempts=[payments.CollectionAttempt("c", consumer_id, None, None, cny(500), mandate.pays_by)]
        )
        (theirs,) = payments.attempt_collections(
            work=work, attempts=[payments.CollectionAttempt("c", other_id, None, None, cny(500), mandate.pays_by)]
        )
    send = "UPDATE payments_debit_try SET state = 'attempted', collection_id = %s WHERE id = %s"
    writer = as_role("default")
    assert "takes no such step" in refused(writer, send, theirs.id, unannounced.latest.id)
    assert "ForeignKeyViolation" in refused(writer, send, theirs.id, ready.latest.id), "a collection of another consumer"
    assert refused(writer, send, made.id, ready.latest.id) == ""
    with sql.transacting():
        payments.revoke_mandates(work=work, revocations=[Revocation(mandate.id, "asked")])
    dropped = queries.standings(book_id=work.book.id, try_ids=[ready.latest.id])[ready.latest.id]
    assert (dropped.latest.state, dropped.debit.state) == ("dropped", "cancelled")
    assert "takes no such step" in refused(writer, send, made.id, ready.latest.id)


def test_a_try_that_is_still_planned_is_not_sent_after_the_mandate_ended(work, consumer_id, signed, as_role):
    """Even where the commands that drop what was planned were not used."""
    mandate = signed(consumer_id)
    ready = announced(work, mandate)
    with sql.transacting():
        (made,) = payments.attempt_collections(
            work=work, attempts=[payments.CollectionAttempt("c", consumer_id, None, None, cny(500), mandate.pays_by)]
        )
        sql.run("UPDATE payments_mandate SET state = 'revoked', ended_at = now(), seq = seq + 1 WHERE id = %s", [mandate.id])
    send = "UPDATE payments_debit_try SET state = 'attempted', collection_id = %s WHERE id = %s"
    assert "is revoked, nothing is taken by it" in refused(as_role("default"), send, made.id, ready.latest.id)


def test_a_try_ends_as_its_collection_does_and_a_debit_that_is_collected_stays_so(work, consumer_id, signed, as_role):
    standing = sent(work, signed(consumer_id))
    writer = as_role("default")
    for state in ("succeeded", "failed"):
        end = f"UPDATE payments_debit_try SET state = '{state}' WHERE id = %s"
        assert f"has not {state} at the channel" in refused(writer, end, standing.latest.id)
    with sql.transacting():
        payments.settle_collections(
            work=work, results=[ChannelResult(standing.collection_reference, "succeeded", cny(500), cny(3), "n", DAY)]
        )
        assert payments.follow_tries(work=work, try_ids=[standing.latest.id]) == ["succeeded"]
        assert payments.follow_tries(work=work, try_ids=[standing.latest.id]) == [""]
    for change in ("state = 'open', ended_at = NULL", "state = 'given_up'", "code = 'x'", "seq = 1"):
        assert "takes no such step" in refused(writer, f"UPDATE payments_debit SET {change} WHERE id = %s", standing.debit.id)


def test_what_failed_succeeds_only_as_a_person_accepted_it(work, consumer_id, signed, as_role):
    standing = sent(work, signed(consumer_id))
    reference, collection_id = standing.collection_reference, standing.latest.collection_id
    late = ChannelResult(reference, "succeeded", cny(500), cny(3), "n", DAY)
    with sql.transacting():
        payments.settle_collections(work=work, results=[ChannelResult(reference, "failed", cny(500), cny(0), "", None, "no")])
        assert [one_.code for one_ in payments.settle_collections(work=work, results=[late, late])] == ["contradicts"] * 2
    (found,) = queries.contradictions_listed(book_id=work.book.id)
    writer = as_role("default")
    succeed = "UPDATE payments_collection SET state = 'succeeded', fee_minor = %s, settled_on = %s, posted_on = %s WHERE id = %s"
    assert "takes no such step" in refused(writer, succeed, 3, DAY, DAY, collection_id)
    assert refused(writer, "UPDATE payments_contradiction SET said_minor = 1 WHERE id = %s", found.id).startswith("InsufficientPrivilege")
    assert "payments_contradiction_state" in refused(
        writer, "UPDATE payments_contradiction SET state = 'accepted', closed_at = now(), closed_by = 'x' WHERE id = %s", found.id
    ), "nobody closes it without a reason"
    with sql.transacting():
        one(payments.close_contradictions(work=work, closings=[Closing(found.id, True, "in the bill")]))
    assert "takes no such step" in refused(writer, succeed, 4, DAY, DAY, collection_id), "with the very fee and day that were accepted"
    assert refused(writer, succeed, 3, DAY, DAY, collection_id) == ""
    assert "takes no such step" in refused(writer, "UPDATE payments_contradiction SET reason = 'other' WHERE id = %s", found.id)
    other = rules.ChannelResult(reference, "succeeded", cny(500), cny(4), "n", DAY)
    with sql.transacting():
        assert payments.settle_collections(work=work, results=[other])[0].code == "contradicts", "what was accepted is what was said then"
        assert one(payments.settle_collections(work=work, results=[late])).state == "succeeded"


def test_a_consumer_sees_their_own_and_nobody_elses(work, consumer_id, other_id, signed):
    mine, theirs = sent(work, signed(consumer_id)), planned(work, signed(other_id))
    with sql.reading(consumer_id=consumer_id):
        assert [m.id for m in queries.mandates_listed(book_id=work.book.id)] == [mine.mandate.id]
        assert {step.mandate_id for step in queries.mandate_steps(mandate_ids=[mine.mandate.id, theirs.mandate.id])} == {mine.mandate.id}
        assert sql.rows("SELECT id FROM payments_debit") == [(mine.debit.id,)]
        assert sql.rows("SELECT id FROM payments_debit_try") == [(mine.latest.id,)]
        with pytest.raises(errors.InsufficientPrivilege):
            sql.rows("SELECT id FROM payments_contradiction")
    with sql.reading(book_id=UUID(int=1)):
        assert queries.mandates_listed(book_id=work.book.id) == []
    with sql.reading(book_id=work.book.id):
        assert len(queries.debits_listed(book_id=work.book.id)) == 2


ENDS = "ended_at = CASE WHEN %(to)s IN ('signing', 'active', 'open') THEN NULL ELSE coalesce(ended_at, now()) END"
STEP = {
    "payments_mandate": f"state = %(to)s, {ENDS}, signed_at = CASE WHEN %(to)s = 'signing' THEN NULL ELSE coalesce(signed_at, now()) END, told_at = NULL",
    "payments_debit": f"state = %(to)s, {ENDS}",
    "payments_debit_try": "state = %(to)s",
    "payments_contradiction": "state = %(to)s, closed_at = CASE WHEN %(to)s <> 'open' THEN coalesce(closed_at, now()) END,"
    " closed_by = CASE WHEN %(to)s = 'open' THEN '' ELSE 'user:x' END, reason = CASE WHEN %(to)s = 'open' THEN '' ELSE 'r' END",
}
"""A row in a state with all that the checks of the table ask of it, so that only its being no step can refuse it."""
STEPS = {
    "payments_mandate": rules.MANDATE_STEPS,
    "payments_debit": rules.DEBIT_STEPS,
    "payments_debit_try": rules.TRY_STEPS - {("planned", "attempted")},  # of a bank only, and the row below is of a wallet
    "payments_contradiction": rules.CONTRADICTION_STEPS,
}


@pytest.mark.parametrize("table", STEPS)
def test_a_state_moves_as_the_rules_say(work, consumer_id, signed, as_role, table):
    standing = sent(work, signed(consumer_id))
    said = [
        ChannelResult(standing.collection_reference, outcome, cny(500), cny(0), "", on)
        for outcome, on in (("failed", None), ("succeeded", DAY))
    ]
    with sql.transacting():
        payments.settle_collections(work=work, results=said)
    (doubt,) = queries.contradictions_listed(book_id=work.book.id)
    row = {
        "payments_mandate": standing.mandate.id,
        "payments_debit": standing.debit.id,
        "payments_debit_try": standing.latest.id,
        "payments_contradiction": doubt.id,
    }[table]
    states = sorted({state for step in STEPS[table] for state in step} | ({"attempted"} if table == "payments_debit_try" else set()))
    owner = as_role("owner")
    taken = set()
    for begin in states:
        for end in states:
            if begin != end:
                # As the owner, who may lay the triggers aside to make a row of any state; the step itself is taken with them.
                owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                owner.execute(f"UPDATE {table} SET {STEP[table]} WHERE id = %(id)s", {"to": begin, "id": row})
                owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
                try:
                    owner.execute(f"UPDATE {table} SET {STEP[table]} WHERE id = %(id)s", {"to": end, "id": row})
                    taken.add((begin, end))
                except errors.CheckViolation as error:
                    if "takes no such step" not in str(error):
                        taken.add((begin, end))  # a step, but for what the collection or the mandate is just now
                owner.rollback()
    assert taken == STEPS[table]
