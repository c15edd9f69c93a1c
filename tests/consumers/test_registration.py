"""Registering people, their consents, and what of them may be seen."""

from dataclasses import replace
from datetime import date
from hashlib import blake2b

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import ric

from tests.people import person
from yuefu.consumers import commands as consumers
from yuefu.consumers import queries, rules
from yuefu.consumers.commands import ConsentAct, NewConsumer
from yuefu.consumers.rules import Consent
from yuefu.errors import Refused, one
from yuefu.runtime import sql

TEXT = "0" * 64
CREDIT = Consent("credit", "v1", TEXT)


def id_number(birth="19900307", seq=1, region="110101"):
    body = f"{region}{birth}{seq:03d}"
    return body + ric.calc_check_digit(body + "0")


def new(number=1, **changes):
    person = NewConsumer(f"k{number}", f"c-{number}", "王小明", f"1380000{number:04d}", id_number(seq=number), consents=(CREDIT,))
    return replace(person, **changes)


def register(work, vault, *people):
    with sql.transacting():
        return consumers.register(work=work, vault=vault, consumers=list(people))


def sent(work, vault, sender, *people):
    with sql.transacting():
        return consumers.register(work=work, vault=vault, consumers=list(people), sender=sender)


def act(work, *acts):
    with sql.transacting():
        return consumers.record_consents(work=work, acts=list(acts))


def codes(outcomes):
    return [outcome.code if isinstance(outcome, Refused) else "ok" for outcome in outcomes]


def test_a_registered_person_is_shown_masked(work, vault):
    consumer = one(register(work, vault, new(name="王 小明")))
    shown = queries.shown(ids=[consumer], vault=vault)[consumer]
    assert (shown.name_masked, shown.phone_masked, shown.id_number_masked) == (
        "王***",
        "138****0001",
        "110*************" + id_number()[-2:],
    )


def test_the_same_key_of_two_senders_is_two_keys_and_a_twin_is_answered_as_the_first(work, vault, ids):
    mine, theirs = ids.new(work.now), ids.new(work.now)
    people = [new(n, key="k") for n in (1, 2, 3)]
    made = {sender: one(sent(work, vault, sender, one_of)) for sender, one_of in zip((None, mine, theirs), people, strict=True)}
    assert len(set(made.values())) == 3
    for sender, one_of in zip((None, mine, theirs), people, strict=True):
        assert sent(work, vault, sender, one_of, one_of) == [made[sender]] * 2
    (reused,) = sent(work, vault, mine, new(4, key="k"))
    assert (reused.code, reused.field) == ("key_reused", "external_ref")


def test_a_stranger_learns_nothing_from_the_key_of_another_and_registers_nobody_twice(work, vault, ids):
    mine, theirs = ids.new(work.now), ids.new(work.now)
    one(sent(work, vault, mine, new(1, key="k")))
    assert codes(sent(work, vault, theirs, new(1, key="k"))) == ["external_ref_taken"]
    assert codes(sent(work, vault, None, new(1, key="k", external_ref="other"))) == ["id_number_known"]


def test_a_colleague_repeats_what_a_colleague_of_the_operator_began(make_work, vault):
    alice, bob = (make_work(by=person(name)) for name in ("alice", "bob"))
    assert register(bob, vault, new()) == register(alice, vault, new())


def test_nothing_personal_stands_in_the_clear_in_any_table(work, vault):
    number = id_number(birth="19731129", seq=7)
    one(register(work, vault, new(7, name="欧阳无双", phone="13912345678", id_number=number)))
    secrets = ["欧阳无双", "13912345678", number, "1973-11-29"]
    for table in ("consumers_consumer", "consumers_consent", "runtime_key", "runtime_outbox", "runtime_audit"):
        stored = " ".join(row[0] for row in sql.rows(f"SELECT row_to_json(t)::text FROM {table} t WHERE book_id = %s", [work.book.id]))
        assert [secret for secret in secrets if secret in stored or secret.encode().hex() in stored] == [], table
    assert [secret for secret in secrets if secret in repr(new(7, name=secrets[0], phone=secrets[1], id_number=number))] == []


def test_the_facts_for_a_decision_count_completed_years(work, vault):
    consumer = one(register(work, vault, new(id_number=id_number(birth="20081002"), is_student=True)))
    ages = {on: queries.facts(ids=[consumer], on=on, vault=vault)[consumer].age_years for on in (date(2026, 10, 1), date(2026, 10, 2))}
    assert ages == {date(2026, 10, 1): 17, date(2026, 10, 2): 18}
    assert queries.facts(ids=[consumer], on=date(2026, 10, 1), vault=vault)[consumer].is_student


def test_each_unfit_person_is_refused_for_a_reason_of_its_own(work, vault):
    good = id_number(seq=99)
    wrong_check = good[:-1] + ("1" if good[-1] != "1" else "2")
    outcomes = register(
        work,
        vault,
        new(1, external_ref="has space"),
        new(2, name="  "),
        new(3, phone="12345"),
        new(4, id_number=wrong_check),
        new(5, id_number="110101199002300014"),
        new(6, consents=(Consent("credit", "v1", "not a hash"),)),
        new(7, consents=(CREDIT, CREDIT)),
        new(8),
    )
    assert codes(outcomes) == [
        "external_ref_invalid", "name_invalid", "phone_invalid", "id_number_invalid", "id_number_invalid", "consent_invalid",
        "consent_invalid", "ok",
    ]  # fmt: skip


def test_a_reference_and_a_person_exist_once_in_a_book(work, vault):
    one(register(work, vault, new(1)))
    outcomes = register(
        work,
        vault,
        new(2, external_ref="c-1"),
        new(3, id_number=id_number(seq=1).lower()),
        new(4),
        new(5, external_ref="c-4"),
        new(6, id_number=id_number(seq=4)),
        new(7, phone="13800000001"),
    )
    assert codes(outcomes) == ["external_ref_taken", "id_number_known", "ok", "external_ref_taken", "id_number_known", "ok"]
    assert sorted(queries.by_external_refs(book_id=work.book.id, external_refs=["c-1", "c-4", "c-9"])) == ["c-1", "c-4"]


def test_the_same_key_registers_once_and_other_content_is_refused_by_field(work, vault):
    first = one(register(work, vault, new(1)))
    assert register(work, vault, new(1), new(1)) == [first, first]
    assert [(o.code, o.field) for o in register(work, vault, new(1, phone="13800009999"))] == [("key_reused", "phone")]
    assert sql.value("SELECT count(*) FROM consumers_consumer WHERE book_id = %s", [work.book.id]) == 1


def test_a_key_remembers_personal_data_only_by_keyed_hash(work, vault):
    person = new(1)
    one(register(work, vault, person))
    remembered = bytes(sql.value("SELECT fingerprint FROM runtime_key WHERE book_id = %s AND key = 'k1'", [work.book.id]))
    for value in (person.name, person.phone, person.id_number):
        for guessed in (repr(value), repr(value.encode()), value):
            assert blake2b(guessed.encode(), digest_size=8).digest() not in remembered


def test_a_refusal_is_sticky_for_its_key(work, vault):
    unfit = new(1, phone="1")
    assert codes(register(work, vault, unfit)) == codes(register(work, vault, unfit)) == ["phone_invalid"]


def test_a_phone_is_found_however_it_is_written(work, vault):
    consumer = one(register(work, vault, new(1, phone="138 0000 0001")))
    for written in ("13800000001", "+86 138-0000-0001"):
        assert queries.by_phone(book_id=work.book.id, phone=written, vault=vault) == [consumer]
    assert queries.by_phone(book_id=work.book.id, phone="not a phone", vault=vault) == []


def test_consents_are_acts_and_the_latest_of_a_purpose_counts(work, vault):
    consumer = one(register(work, vault, new(1)))
    marketing = Consent("marketing", "v3", TEXT)
    states = []
    for number, (kind, consent) in enumerate([("given", marketing), ("withdrawn", CREDIT), ("given", replace(CREDIT, version="v2"))]):
        one(act(work, ConsentAct(f"a{number}", consumer, kind, consent)))
        states.append(queries.consents_in_force(consumer_ids=[consumer])[consumer])
    assert states == [{"credit": "v1", "marketing": "v3"}, {"marketing": "v3"}, {"credit": "v2", "marketing": "v3"}]


def test_acts_of_one_moment_count_in_their_order(work, vault):
    consumer = one(register(work, vault, new(1)))
    acts = [ConsentAct(f"a{n}", consumer, kind, CREDIT) for n, kind in enumerate(["withdrawn", "given", "withdrawn", "withdrawn"])]
    assert codes(act(work, *acts)) == ["ok", "ok", "ok", "nothing_to_withdraw"]
    assert queries.consents_in_force(consumer_ids=[consumer])[consumer] == {}


def test_the_same_key_of_two_consumers_records_the_consents_of_both(work, vault):
    people = register(work, vault, new(1), new(2))
    acts = [ConsentAct("a", consumer, "given", replace(CREDIT, version="v2")) for consumer in people]
    recorded = act(work, *acts)
    assert codes(recorded) == ["ok", "ok"]
    assert act(work, *acts) == recorded
    assert len(set(recorded)) == 2


def test_a_consent_of_a_stranger_is_refused(work, vault, ids):
    assert codes(act(work, ConsentAct("a", ids.new(work.now), "given", CREDIT))) == ["unknown_consumer"]


def test_a_consumer_closes_once(work, vault, ids):
    consumer = one(register(work, vault, new(1)))
    with sql.transacting():
        outcomes = consumers.close(work=work, consumer_ids=[consumer, consumer, ids.new(work.now)])
    assert codes(outcomes) == ["ok", "consumer_closed", "unknown_consumer"]
    assert queries.shown(ids=[consumer], vault=vault)[consumer].state == "closed"


def test_a_sealed_value_moved_to_another_row_does_not_open(work, vault):
    one_id, other_id = register(work, vault, new(1), new(2))
    with sql.owning():
        sql.run(
            "UPDATE consumers_consumer SET name_sealed = (SELECT name_sealed FROM consumers_consumer WHERE id = %s) WHERE id = %s",
            [one_id, other_id],
        )
    with pytest.raises(Exception, match="does not belong"):
        queries.shown(ids=[other_id], vault=vault)


def test_consents_are_append_only_and_stay_in_their_book(work, vault, as_role, ids):
    consumer = one(register(work, vault, new(1)))
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role("default") as writer:
        writer.execute("UPDATE consumers_consent SET kind = 'withdrawn' WHERE consumer_id = %s", [consumer])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role("default") as writer:
        writer.execute("DELETE FROM consumers_consent WHERE consumer_id = %s", [consumer])
    with pytest.raises(psycopg.errors.ForeignKeyViolation), as_role("default") as writer:
        writer.execute(
            "INSERT INTO consumers_consent (id, book_id, consumer_id, kind, purpose, seq, version, text_hash, recorded_at)"
            " VALUES (%s, %s, %s, 'given', 'x', 1, 'v1', %s, now())",
            [ids.new(work.now), ids.new(work.now), consumer, TEXT],
        )


def test_a_consumer_reads_only_the_own_row(work, vault):
    mine, other = register(work, vault, new(1), new(2))
    with sql.reading(consumer_id=mine):
        assert [row[0] for row in sql.rows("SELECT id FROM consumers_consumer WHERE id = ANY(%s)", [[mine, other]])] == [mine]
        assert {row[0] for row in sql.rows("SELECT consumer_id FROM consumers_consent")} == {mine}


@settings(max_examples=60)
@given(birth=st.dates(date(1930, 1, 1), date(2020, 12, 31)), on=st.dates(date(2021, 1, 1), date(2060, 12, 31)))
def test_an_age_is_the_number_of_birthdays_since_birth(birth, on):
    birthdays = sum((year, birth.month, birth.day) <= (on.year, on.month, on.day) for year in range(birth.year + 1, on.year + 1))
    assert rules.age_years(birth, on) == birthdays
