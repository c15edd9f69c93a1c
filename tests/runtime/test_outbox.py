from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from yuefu.runtime import audit, outbox, sql
from yuefu.runtime.values import Actor, Cause, UnitOfWork


def emit(work: UnitOfWork, *events: outbox.Event) -> None:
    with sql.transacting():
        outbox.emit(work=work, events=events)


def test_an_event_keeps_its_snapshot_and_what_changed(work: UnitOfWork) -> None:
    thing = uuid4()
    emit(work, outbox.Event("thing.made", "thing", thing, 1, {"名": "x", "day": work.day.on, "id": thing}, changed={"a": 1}))
    found = sql.rows("SELECT snapshot, changed, key, recorded_at FROM runtime_outbox WHERE object_id = %s", [thing])
    assert found == [({"名": "x", "day": "2026-10-01", "id": str(thing)}, {"a": 1}, "", work.now)]


def test_an_event_has_the_key_of_the_request_that_led_to_it(work: UnitOfWork) -> None:
    thing, other, cause = uuid4(), uuid4(), uuid4()
    shop = Actor("api_key", "key_of_a_shop", request_id="req_of_the_shop")
    work.claimed.update({thing: Cause("of the thing", work.by), cause: Cause("of its cause", shop)})
    emit(work, outbox.Event("t", "thing", thing, 1, {}), outbox.Event("t", "thing", thing, 2, {}, cause=cause))
    emit(work, outbox.Event("t", "thing", other, 1, {}))
    found = sql.rows(
        "SELECT key, request_id FROM runtime_outbox WHERE object_id = ANY(%s) ORDER BY object_id = %s, seq", [[thing, other], other]
    )
    own = work.by.request_id
    assert found == [("of the thing", own), ("of its cause", "req_of_the_shop"), ("", own)]


def test_the_trail_says_who_sent_each_request_of_a_batch(work: UnitOfWork) -> None:
    first, second, cause = uuid4(), uuid4(), uuid4()
    work.claimed[cause] = Cause("k", Actor("api_key", "key_of_a_shop", request_id="req_1"))
    with sql.transacting():
        audit.record(work=work, action="a", object_kind="o", object_ids=[first, second], causes=[first, cause])
        audit.record(work=work, action="alone", object_kind="o", object_ids=[first])
    said = dict(sql.rows("SELECT action, detail FROM runtime_audit WHERE book_id = %s", [work.book.id]))
    assert said["a"] == {"by": [[work.by.label, work.by.request_id], ["api_key:key_of_a_shop", "req_1"]]}
    assert said["alone"] == {}


def test_an_object_counts_its_events_once_each(work: UnitOfWork) -> None:
    event = outbox.Event("thing.made", "thing", uuid4(), 1, {})
    emit(work, event)
    with pytest.raises(psycopg.errors.UniqueViolation):
        emit(work, event)


def test_nothing_to_tell_is_nothing_written(work: UnitOfWork) -> None:
    emit(work)
    with sql.transacting():
        audit.record(work=work, action="a", object_kind="o", object_ids=[])
    assert sql.value("SELECT count(*) FROM runtime_audit WHERE book_id = %s AND action = 'a'", [work.book.id]) == 0


def test_an_event_that_is_rolled_back_was_never_told(work: UnitOfWork) -> None:
    with pytest.raises(ZeroDivisionError), sql.transacting():  # noqa: PT012 - the rollback of what went before is the point
        outbox.emit(work=work, events=[outbox.Event("t", "thing", uuid4(), 1, {})])
        raise ZeroDivisionError
    assert sql.value("SELECT count(*) FROM runtime_outbox WHERE book_id = %s", [work.book.id]) == 0


def test_the_dispatcher_is_woken_once_a_transaction(work: UnitOfWork, as_role: Any) -> None:
    listener: psycopg.Connection[Any] = as_role("default")
    listener.autocommit = True
    listener.execute(f"LISTEN {outbox.CHANNEL}")
    with sql.transacting():
        for _ in range(3):
            outbox.emit(work=work, events=[outbox.Event("t", "thing", uuid4(), n, {}) for n in (1, 2)])
    assert len(list(listener.notifies(timeout=5, stop_after=1))) == 1
    assert list(listener.notifies(timeout=0.2)) == []


def test_a_taker_whose_work_fails_takes_the_same_again(work: UnitOfWork) -> None:
    reader = f"test-{uuid4().hex}"
    emit(work, outbox.Event("t", "thing", uuid4(), 1, {}))

    def take() -> list[UUID]:
        return [event.id for event in outbox.take(reader=reader, limit=5, now=work.now)]

    seen: list[UUID] = []
    with pytest.raises(ZeroDivisionError), sql.transacting():  # noqa: PT012 - the rollback of what went before is the point
        seen = take()
        raise ZeroDivisionError
    with sql.transacting():
        assert take()[: len(seen)] == seen


def test_events_are_taken_by_the_number_of_their_transaction_and_not_by_its_text(work: UnitOfWork, as_role: Any) -> None:
    """As texts they would be in another order, and a reader that takes few at a time would leave some out for ever."""
    owner, reader = as_role("owner"), f"test-{uuid4().hex}"
    ids = {xid: uuid4() for xid in (9, 10, 99, 100, 101)}
    for xid, event in ids.items():
        owner.execute(
            "INSERT INTO runtime_outbox (id, book_id, type, object_kind, object_id, seq, schema_version, snapshot, changed, request_id, key,"
            " recorded_at, xid) VALUES (%s, %s, 't', 'thing', %s, 1, 1, '{}', '{}', '', '', now(), %s::text::xid8)",
            [event, work.book.id, event, xid],
        )
    owner.commit()
    taken: list[UUID] = []
    for _ in range(3):
        with sql.transacting():
            taken += [one.id for one in outbox.take(reader=reader, limit=2, now=work.now)]
    owner.execute("DELETE FROM runtime_outbox WHERE id = ANY(%s)", [list(ids.values())])
    owner.commit()
    assert taken[:5] == list(ids.values())
