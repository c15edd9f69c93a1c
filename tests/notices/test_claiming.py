"""Which of the messages that wait go now: decided for each person at once."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from tests.notices.conftest import SENDER
from tests.notices.test_queueing import DUE, message, person, queue
from yuefu.consumers import queries as consumers
from yuefu.notices import commands as notices
from yuefu.notices import queries
from yuefu.notices.commands import Found
from yuefu.notices.rules.kinds import CHANNELS
from yuefu.notices.rules.policy import DEFAULT_POLICY, policy, sender
from yuefu.runtime import sql


@pytest.fixture
def consumer(work, vault):
    return person(work, vault)


def claim(work, vault, most=3):
    rules = replace(policy(DEFAULT_POLICY), most_a_week={"reminder": most, "arrears": most})
    with sql.transacting():
        people = queries.people_waiting(book_id=work.book.id, now=work.now, after=None, limit=100)
        contacts = queries.lock_free(book_id=work.book.id, consumer_ids=people, vault=vault)
        waiting = queries.waiting(book_id=work.book.id, consumer_ids=people, now=work.now)
        reach = consumers.reachable(book_id=work.book.id, ids=people, vault=vault)
        return notices.claim(
            work=work, vault=vault, policy=rules, sender=sender(SENDER), found=Found(contacts, waiting, reach, frozenset(CHANNELS), {})
        )


def test_a_full_week_keeps_the_least_urgent_back(work, vault, consumer):
    for kind in ("due_today", "due_in_3_days", "due_tomorrow"):
        queue(work, message(work, consumer, kind=kind))
    assert dict(claim(work, vault, most=2).decided) == {"sending": 2, "weekly_cap": 1}
    (kept_back,) = queries.listed(book_id=work.book.id, state="suppressed")
    assert kept_back.kind == "due_in_3_days"


def test_a_week_that_allows_none_tells_none(work, vault, consumer):
    queue(work, message(work, consumer))
    assert dict(claim(work, vault, most=0).decided) == {"weekly_cap": 1}


def test_what_is_not_yet_to_go_is_not_looked_at(work, vault, consumer):
    queue(work, message(work, consumer, not_before=work.now + timedelta(seconds=1)))
    assert claim(work, vault).decided == {}


def test_at_night_a_message_that_lasts_is_put_off_to_the_morning_of_its_own_zone(make_work, vault, consumer):
    night = make_work(at=time(22))
    overdue = {"amount": DUE["amount"], "loans": 1, "days": 3}
    (queued,) = queue(night, message(night, consumer, kind="overdue", params=overdue, expires_at=None))
    assert dict(claim(night, vault).decided) == {"queued": 1}
    stored = queries.messages(book_id=night.book.id, message_ids=[queued.id])[queued.id]
    assert stored.not_before == make_work(on=date(2026, 10, 2), at=time(8)).now
    assert (stored.state, stored.tries) == ("queued", 0)


def test_names_of_every_kind_reach_a_mail_whole(work, vault):
    names = ["王小明", "🐼🐼", "Ŝtefan O’Neill-Łukasz", "阿卜杜拉·买买提", "x" * 60]
    for n, name in enumerate(names, start=10):
        one = person(work, vault, n, name=name)
        with sql.transacting():
            notices.set_contacts(work=work, vault=vault, contacts=[notices.NewContact(one, "zh", "email", None, f"n{n}@example.com")])
        queue(work, message(work, one))
    claimed = claim(work, vault)
    assert sorted(out.name for out in claimed.outgoing) == sorted(names)
    assert all(out.text.startswith(f"{out.name}，您好") for out in claimed.outgoing)
    assert not [out for out in claimed.outgoing if out.to in repr(out) or out.name in repr(out)]
