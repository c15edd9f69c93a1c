"""Messages on their way: whoever sends, dies or gets no answer, nobody is told twice, nor too often, nor at night."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.notices.conftest import SENDER, Post
from tests.notices.servers import SECRET, Mailbox, mail_server, text_provider
from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys import sending
from yuefu.journeys.desk import open_day
from yuefu.journeys.sending import Carriers, Round
from yuefu.money.amounts import Money
from yuefu.notices import commands as notices
from yuefu.notices import queries as outbound
from yuefu.notices.commands import NewContact, NewMessage, Tried
from yuefu.notices.gateways.http_sms import HttpTexter, provider_of
from yuefu.notices.gateways.smtp import SmtpMailer, server_of
from yuefu.notices.rules.kinds import KINDS
from yuefu.notices.rules.outgoing import Told
from yuefu.notices.rules.policy import DEFAULT_POLICY, is_quiet, policy
from yuefu.notices.rules.policy import SENDER as SENDER_SETTING
from yuefu.notices.rules.timing import ASKED_FOR, LEASE, PAUSES
from yuefu.runtime import policies, sql

AMOUNT = Money(5_00, "CNY")
PHONE = "+8613800138000"
"""Everybody's, in the shop of the tests."""


@pytest.fixture
def town(shop):
    with open_day(shop.desk, shop.now()) as work:
        policies.establish(work=work, name=SENDER_SETTING, value=SENDER, valid_from=work.day.on)
    return shop


def queue(shop, *people, kind="repaid_receipt", occasion="one", expires_at=None):
    params = {"amount": AMOUNT, "paid_on": shop.on} if kind == "repaid_receipt" else {"amount": AMOUNT, "loans": 1, "days": 2}
    with open_day(shop.desk, shop.now()) as work:
        new = [NewMessage(person, kind, occasion, params, shop.now(), expires_at) for person in people]
        outcomes = notices.queue(work=work, messages=new)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Refused)], outcomes
    return [outcome.id for outcome in outcomes]


def send(shop, mailer, texter=None, *, at=None):
    sent = sending.send(desk=shop.desk, carriers=Carriers(mailer, texter or mailer), now=at or shop.now(12))
    assert isinstance(sent, Round), sent
    return dict(sent.became)


def message(shop, message_id):
    return outbound.messages(book_id=shop.book_id, message_ids=[message_id])[message_id]


def history(message_id):
    return [(step.no, step.step) for step in outbound.steps([message_id])[message_id]]


def dies(_):
    raise KeyboardInterrupt


def test_a_message_is_handed_over_once_and_what_was_said_is_kept(town):
    (sent,) = queue(town, town.consumer())
    post = Post()
    assert send(town, post) == {"sent": 1}
    assert send(town, post) == {}
    assert (len(post.sent), history(sent)) == (1, [(1, "begun"), (1, "accepted")])
    stored = message(town, sent)
    assert (stored.state, stored.channel, stored.language, stored.tries) == ("sent", "sms", "zh", 1)
    assert stored.counted_at == stored.ended_at == town.now(12)
    (step,) = [step for step in outbound.steps([sent])[sent] if step.step == "begun"]
    assert step.parts == 1


def test_two_who_send_at_once_send_each_message_once(town, monkeypatch):
    monkeypatch.setattr(sending, "CHUNK", 3)
    people = [town.consumer() for _ in range(12)]
    queue(town, *people)
    queue(town, *people, kind="overdue")
    post = Post()
    outcomes = town.at_once(*[lambda: send(town, post)] * 3)
    assert not [outcome for outcome in outcomes if isinstance(outcome, BaseException)], outcomes
    assert sum(outcome.get("sent", 0) for outcome in outcomes) == 24
    assert Counter(Counter(one.reference for one in post.sent).values()) == {1: 24}


def test_two_at_once_do_not_tell_a_person_more_than_the_week_allows(town):
    people = [town.consumer() for _ in range(4)]
    for n in range(6):
        queue(town, *people, kind="overdue", occasion=f"n-{n}")
    post = Post()
    town.at_once(*[lambda: send(town, post)] * 4)
    told = Counter(message.consumer_id for message in outbound.listed(book_id=town.book_id, state="sent", limit=100))
    assert told == dict.fromkeys(people, 3)
    assert len(post.taken) == 12


def test_killed_before_the_call_it_is_sent_once_after_somebody_asked(town):
    (sent,) = queue(town, town.consumer())
    post = Post(before=dies)
    with pytest.raises(KeyboardInterrupt):
        send(town, post)
    assert message(town, sent).state == "sending"
    post.before = None
    assert send(town, post, at=town.now(12) + LEASE - timedelta(seconds=1)) == {}
    assert send(town, post, at=town.now(12) + LEASE) == {"queued": 1}
    assert send(town, post, at=town.now(12) + LEASE + PAUSES[0]) == {"sent": 1}
    assert len(post.sent) == 1
    assert history(sent) == [(1, "begun"), (1, "unheard"), (2, "begun"), (2, "accepted")]


def test_killed_after_the_call_it_is_asked_for_and_not_sent_again(town):
    (sent,) = queue(town, town.consumer())
    post = Post(after=dies)
    with pytest.raises(KeyboardInterrupt):
        send(town, post)
    post.after = None
    assert send(town, post, at=town.now(12) + LEASE) == {"sent": 1}
    assert len(post.sent) == 1
    assert history(sent) == [(1, "begun"), (1, "accepted")]


@pytest.mark.parametrize("where", ["before", "after"])
def test_where_nobody_can_be_asked_one_message_too_few_is_told(town, where):
    (sent,) = queue(town, town.consumer(), kind="overdue")
    post = Post(can_be_asked=False)
    setattr(post, where, dies)
    with pytest.raises(KeyboardInterrupt):
        send(town, post)
    setattr(post, where, None)
    assert send(town, post, at=town.now(12) + LEASE) == {"failed": 1}
    assert send(town, post, at=town.now(12) + LEASE + timedelta(days=1)) == {}
    stored = message(town, sent)
    assert (stored.state, stored.reason) == ("failed", "outcome_unknown")
    assert stored.counted_at is not None, "it may have arrived, and counts"
    assert len(post.sent) == (where == "after")


def test_an_answer_that_never_came_is_asked_for_where_it_can_be(town):
    (sent,) = queue(town, town.consumer())
    post = Post(answers={PHONE: "unknown"})
    assert send(town, post) == {"sending": 1}
    assert send(town, post, at=town.now(12) + LEASE) == {"sent": 1}
    assert history(sent) == [(1, "begun"), (1, "unknown"), (1, "accepted")]
    assert len(post.sent) == 1


def test_an_answer_that_never_came_is_final_where_it_cannot_be_asked_for_until_it_comes_late(town):
    (sent,) = queue(town, town.consumer())
    post = Post(answers={PHONE: "unknown"}, can_be_asked=False)
    assert send(town, post) == {"failed": 1}
    settle(town, sent, "later")
    assert message(town, sent).state == "failed"
    settle(town, sent, "accepted")
    assert (message(town, sent).state, message(town, sent).reason) == ("sent", "")
    told = sql.rows("SELECT type, seq FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [sent])
    assert told == [("message.queued", 1), ("message.failed", 2), ("message.sent", 3)]


def settle(shop, message_id, outcome, *, no=1, at=None):
    with open_day(shop.desk, at or shop.now(13)) as work:
        return notices.settle(work=work, tried=[Tried(message_id, no, Told(ids.text("message", message_id), outcome))])


def test_words_said_twice_late_or_about_an_earlier_try_change_nothing(town):
    (sent,) = queue(town, town.consumer())
    post = Post(answers={PHONE: "later"})
    send(town, post)
    assert settle(town, sent, "refused") == ["queued"]
    post.answers.clear()
    assert send(town, post, at=town.now(12) + PAUSES[0]) == {"sent": 1}
    for outcome in ("accepted", "refused", "later", "unknown", "unheard"):
        assert settle(town, sent, outcome, no=1) == ["sent"]
        assert settle(town, sent, outcome, no=2) == ["sent"]
    assert sql.value("SELECT count(*) FROM runtime_outbox WHERE object_id = %s", [sent]) == 2


def test_a_late_word_about_an_earlier_try_does_not_end_the_one_under_way(town):
    (sent,) = queue(town, town.consumer())
    post = Post(answers={PHONE: "later"})
    send(town, post)
    post.answers[PHONE] = "unknown"
    assert send(town, post, at=town.now(12) + PAUSES[0]) == {"sending": 1}
    for outcome in ("refused", "unheard", "unknown"):
        assert settle(town, sent, outcome, no=1) == ["sending"]
    assert settle(town, sent, "accepted", no=1) == ["sent"], "that it arrived is true whichever try it was"


def test_a_provider_that_is_down_is_tried_again_later_and_a_bounded_number_of_times(town):
    (sent,) = queue(town, town.consumer(), kind="overdue")
    post = Post(answers={PHONE: "later"})
    at = town.now(11)
    became = []
    for pause in (*PAUSES, None):
        became.append(send(town, post, at=at))
        assert send(town, post, at=at) == {}, "not before its pause is over"
        at += pause or timedelta(0)
    assert became == [{"queued": 1}] * len(PAUSES) + [{"failed": 1}]
    stored = message(town, sent)
    assert (stored.state, stored.reason, stored.tries, stored.counted_at) == ("failed", "unreachable", 5, None)
    assert not post.taken


def test_what_would_be_tried_again_too_late_is_given_up(town):
    (sent,) = queue(town, town.consumer(), expires_at=town.now(12) + PAUSES[0])
    assert send(town, Post(answers={PHONE: "later"})) == {"failed": 1}
    assert message(town, sent).reason == "unreachable"


def test_an_address_that_is_refused_is_given_up_and_does_not_count(town):
    (sent,) = queue(town, town.consumer(), kind="overdue")
    assert send(town, Post(answers={PHONE: "refused"})) == {"failed": 1}
    stored = message(town, sent)
    assert (stored.reason, stored.counted_at) == ("address_refused", None)


def test_a_carrier_that_breaks_keeps_the_other_channel_from_nothing(town):
    by_mail, by_text = town.consumer(), town.consumer()
    with open_day(town.desk, town.now()) as work:
        notices.set_contacts(work=work, vault=town.desk.vault, contacts=[NewContact(by_mail, "zh", "email", None, "a@b.de")])
    queue(town, by_mail, by_text)

    class Broken(Post):
        def mail(self, *, messages, now):
            raise RuntimeError("a fault of ours")

    post = Broken()
    sent = sending.send(desk=town.desk, carriers=Carriers(post, post), now=town.now(12))
    assert (dict(sent.became), sent.is_down) == ({"sent": 1}, True)
    whole = Post()
    assert send(town, whole, at=town.now(12) + LEASE) == {"queued": 1}
    assert send(town, whole, at=town.now(12) + LEASE + PAUSES[0]) == {"sent": 1}


def test_a_message_that_cannot_be_put_into_words_keeps_nobody_else_back(town):
    strange, plain = town.consumer(), town.consumer()
    (broken, _) = queue(town, strange, plain)
    sql.run('UPDATE notices_message SET params = \'{"amount": {"minor": -1, "currency": "XXX"}}\' WHERE id = %s', [broken])
    post = Post()
    assert send(town, post) == {"sent": 1, "not_rendered": 1}
    assert (message(town, broken).state, len(post.sent)) == ("failed", 1)


def test_a_person_whose_data_cannot_be_opened_keeps_nobody_else_back_and_waits(town):
    people = [town.consumer() for _ in range(5)]
    queued = queue(town, *people)
    sql.run("UPDATE consumers_consumer SET phone_sealed = %s WHERE id = %s", [b"no sealed value at all", people[2]])
    post = Post()
    assert send(town, post) == {"sent": 4, "broken": 1}
    assert Counter(message(town, one).state for one in queued) == {"sent": 4, "queued": 1}
    assert message(town, queued[2]).state == "queued"


KILLED = """
import json, os, signal, sys
from datetime import datetime
import django
django.setup()
from yuefu.ids import IdSource
from yuefu.journeys import sending
from yuefu.journeys.desk import Desk
from yuefu.runtime import books
from yuefu.runtime.values import system_actor
from yuefu.runtime.vault import Vault

given = json.loads(sys.stdin.read())
vault = Vault(1, {1: bytes.fromhex(given["key"])}, bytes.fromhex(given["index"]))

class Deadly:
    def text(self, *, messages, now):
        os.kill(os.getpid(), signal.SIGKILL)

desk = Desk(books.by_code(given["book"]), system_actor("dying"), IdSource(lambda bits: int.from_bytes(os.urandom(16)) >> (128 - bits)), vault, None, None)
sending.send(desk=desk, carriers=sending.Carriers(None, Deadly()), now=datetime.fromisoformat(given["at"]))
"""


def test_a_process_killed_between_store_and_call_loses_nothing_and_doubles_nothing(town):
    (sent,) = queue(town, town.consumer())
    vault = town.desk.vault
    given = {"book": town.desk.book.code, "at": town.now(12).isoformat(), "key": vault.keys[1].hex(), "index": vault.index_key.hex()}
    ended = subprocess.run([sys.executable, "-c", KILLED], input=json.dumps(given), text=True, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert (message(town, sent).state, history(sent)) == ("sending", [(1, "begun")])
    post = Post()
    assert send(town, post, at=town.now(12) + LEASE) == {"queued": 1}
    assert send(town, post, at=town.now(12) + LEASE + PAUSES[0]) == {"sent": 1}
    assert len(post.sent) == 1


def test_what_a_carrier_never_tells_of_is_given_up_after_a_day(town):
    (sent,) = queue(town, town.consumer())

    class Dumb(Post):
        def ask(self, *, references, now):
            return {}

    post = Dumb(answers={PHONE: "unknown"})
    send(town, post)
    assert send(town, post, at=town.now(12) + ASKED_FOR - timedelta(seconds=1)) == {}
    assert message(town, sent).state == "sending"
    assert send(town, post, at=town.now(12) + ASKED_FOR) == {"failed": 1}
    assert message(town, sent).reason == "outcome_unknown"


class Town:
    """Moves the clock in any direction, queues, sends, dies, and gets any answer."""

    def __init__(self, shop, seed):
        self.shop, self.dice, self.post = shop, random.Random(seed), Post(can_be_asked=seed % 2 == 0)
        before = {told.consumer_id for told in outbound.listed(book_id=shop.book_id, limit=10_000)}
        with open_day(shop.desk, shop.now()) as work:  # what an earlier example left behind is told to nobody
            notices.forget(work=work, consumer_ids=sorted(before))
        self.people = [shop.consumer() for _ in range(2)]
        self.now = shop.now(9)
        self.asked = defaultdict(int)

    def step(self):
        act = self.dice.choice([self.queue, self.queue, self.send, self.send, self.send, self.wait, self.wait])
        act()

    def queue(self):
        person, kind = self.dice.choice(self.people), self.dice.choice(["overdue", "overdue", "repaid_receipt"])
        occasion = f"n-{self.dice.randrange(8)}"
        queue(self.shop, person, kind=kind, occasion=occasion)

    def send(self):
        self.post.answers = {PHONE: self.dice.choice(["accepted", "accepted", "later", "unknown", "refused"])}
        self.post.before = self.dice.choice([None, None, None, dies])
        self.post.after = self.dice.choice([None, None, None, dies])
        with suppress(KeyboardInterrupt):
            sending.send(desk=self.shop.desk, carriers=Carriers(self.post, self.post), now=self.now)

    def wait(self):
        self.now += self.dice.choice(
            [timedelta(minutes=6), timedelta(hours=1), timedelta(hours=7), timedelta(days=1), timedelta(days=3), -timedelta(hours=2)]
        )


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), steps=st.integers(10, 40))
def test_in_any_order_nobody_is_told_twice_of_an_occasion_too_often_or_at_night(town, seed, steps):
    world = Town(town, seed)
    for _ in range(steps):
        world.step()
    rules = policy(DEFAULT_POLICY)
    stored = {ids.text("message", m.id): m for m in outbound.listed(book_id=town.book_id, limit=10_000)}
    arrived = defaultdict(list)
    for reference, (_, at) in world.post.taken.items():
        told = stored[reference]
        assert not is_quiet(at.astimezone(town.desk.book.tz).time(), rules.quiet)
        if KINDS[told.kind].group:
            arrived[told.consumer_id].append(at)
    occasions = Counter((m.consumer_id, m.kind, m.occasion) for r, m in stored.items() if r in world.post.taken)
    assert not occasions or max(occasions.values()) == 1
    for moments in arrived.values():
        for begins in moments:
            assert sum(begins <= at < begins + timedelta(days=7) for at in moments) <= rules.most_a_week["arrears"]
    assert not world.post.reached or max(world.post.reached.values()) == 1
    assert max(Counter(one.reference for one in world.post.sent).values(), default=0) <= len(PAUSES) + 1
    mine = {reference: m for reference, m in stored.items() if m.consumer_id in world.people}
    assert {reference for reference, m in mine.items() if m.state == "sent"} <= world.post.taken.keys()
    assert {reference for reference in world.post.taken if mine[reference].state not in {"sent", "sending"}} <= {
        reference for reference, m in mine.items() if m.reason == "outcome_unknown"
    }


def test_a_reminder_goes_through_a_real_mail_server_and_a_real_provider(town):
    by_mail, by_text, nobody = (town.consumer() for _ in range(3))
    with open_day(town.desk, town.now()) as work:
        new = [NewContact(by_mail, "en", "email", None, "wang@example.com"), NewContact(nobody, "en", "email", None, "nobody@example.com")]
        notices.set_contacts(work=work, vault=town.desk.vault, contacts=new)
    ids_of = queue(town, by_mail, by_text, nobody)
    box = Mailbox()
    with mail_server(box) as port, text_provider(**{"8000": "drop"}) as provider:
        mailer = SmtpMailer(server_of(f"smtp://127.0.0.1:{port}", sender="notices@yuefu.example", sender_name="Yuefu"))
        texter = HttpTexter(provider_of(f"http://127.0.0.1:{provider.server_address[1]}/v1", secret=SECRET))
        assert send(town, mailer, texter) == {"sent": 1, "sending": 1, "failed": 1}
        assert send(town, mailer, texter, at=town.now(12) + LEASE) == {"sent": 1}
    assert [message(town, one).state for one in ids_of] == ["sent", "sent", "failed"]
    assert [to for _, to, _ in box.arrived] == [["wang@example.com"]]
    assert [given["to"] for given in provider.sent.values()] == [PHONE]
    (refused,) = [step for step in outbound.steps([ids_of[2]])[ids_of[2]] if step.step == "refused"]
    assert refused.code == "550 5.1.1"
    kept = " ".join(str(row) for row in sql.rows("SELECT row_to_json(t)::text FROM notices_attempt t WHERE book_id = %s", [town.book_id]))
    assert not [word for word in ("example.com", "138001", "张三") if word in kept]
