"""Webhooks from what happens to what arrives: told in commit order, signed, filtered at the producer, tried again, and left in peace."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from tests.journeys.hooked import WHERE, Hooked, delivering, hooked
from tests.notices.conftest import Post
from tests.notices.receivers import Receiver
from yuefu import ids as names
from yuefu.errors import Refused
from yuefu.journeys import checkout
from yuefu.journeys.sending import Carriers
from yuefu.journeys.webhooks import alerting, changing
from yuefu.notices.commands.webhooks import Created, CreateEndpoint, DeleteEndpoint, Replay, Resend, Rolled, RollSecret, Tested, TestEvent
from yuefu.notices.queries import webhooks
from yuefu.notices.rules.webhooks import signing
from yuefu.notices.rules.webhooks.events import TYPES, render
from yuefu.notices.rules.webhooks.signing import NotSigned
from yuefu.orders.commands import ReleaseRequest
from yuefu.runtime import sql

__all__ = ["hooked"]


def types(hooked: Hooked, merchant: int = 0) -> list[str]:
    """Of the events of a merchant, oldest first."""
    return [event.type for event in hooked.events(merchant)][::-1]


def test_a_sale_is_told_to_its_merchant_alone_step_by_step(hooked: Hooked) -> None:
    shop = hooked.shop
    order = shop.buy(shop.consumer(), "3000.00", periods=3).order_id
    shop.capture(order, "1000.00")
    shop.capture(order, "500.00")
    shop.void(order)
    shop.refund(order, "200.00")
    shop.buy(shop.consumer(limit="10.00"), "3000.00")
    assert types(hooked) == [
        "payment.authorized", "credit.decision.approved", "payment.partially_captured", "loan.activated", "payment.partially_captured",
        "loan.activated", "payment.voided", "refund.created", "loan.refunded", "credit.decision.declined", "payment.failed",
    ]  # fmt: skip
    assert types(hooked, merchant=1) == []
    assert set(types(hooked)) <= TYPES
    with sql.reading(merchant_id=shop.merchants[1]):  # by the database, whatever is asked
        assert sql.value("SELECT count(*) FROM notices_event WHERE merchant_id = %s", [shop.merchants[0]]) == 0
    with sql.reading(merchant_id=shop.merchants[0]):
        assert sql.value("SELECT count(*) FROM notices_event") == 11


def test_that_the_rest_of_an_order_is_released_is_told_with_what_it_is_then(hooked: Hooked) -> None:
    shop = hooked.shop
    order = shop.buy(shop.consumer(), "3000.00", periods=3).order_id
    shop.capture(order, "1000.00")
    release = ReleaseRequest(f"release-{order}", shop.merchants[0], order)
    assert isinstance(checkout.release(desk=shop.desk, now=shop.now(), requests=[release])[0], checkout.Released)
    told = [render(event, "2026-11-28", is_live=False)["data"]["object"] for event in hooked.events() if event.type == "payment.voided"]
    assert [(it["state"], it["amount_captured"], it["amount_released"]) for it in told] == [("captured", 100_000, 200_000)]


def test_an_event_has_the_form_of_the_api_and_nothing_that_is_not_the_merchants(hooked: Hooked) -> None:
    shop = hooked.shop
    order = shop.buy(shop.consumer(), "3000.00", periods=3).order_id
    shop.capture(order, "1000.00")
    captured = next(event for event in hooked.events() if event.type == "payment.partially_captured")
    told = render(captured, "2026-11-28", is_live=False)
    assert told["id"] == names.text("event", captured.id)
    assert (told["object"], told["api_version"], told["livemode"], told["created"]) == (
        "event",
        "2026-11-28",
        False,
        "2026-10-12T03:00:00.000Z",
    )
    it = told["data"]["object"]
    assert (it["object"], it["id"], it["state"]) == ("order", names.text("order", order), "part_captured")
    assert (it["amount"], it["amount_captured"], it["currency"]) == (300_000, 100_000, "CNY")
    assert it["captures"][0]["amount"] == 100_000
    assert it["captures"][0]["id"].startswith("cap_")
    assert told["data"]["previous_attributes"] == {"state": "authorised", "amount_captured": 0}
    text = json.dumps(told)
    for secret in ("merchant_id", "funder", "decision", "category", str(order), str(shop.merchants[0])):
        assert secret not in text
    old = render(captured, "2026-09-01", is_live=False)["data"]["object"]
    assert old["consumer_id"] == it["consumer"]
    assert "consumer" not in old


def test_what_no_request_led_to_has_none_idem_stripe_007(hooked: Hooked) -> None:
    """`tests/api` shows the other half: the request and its key."""
    hooked.shop.bought()
    assert [render(event, "2026-11-28", is_live=True)["request"] for event in hooked.events()] == [
        {"id": None, "idempotency_key": None}
    ] * 4


def test_it_arrives_signed_by_both_at_each_endpoint_that_asked_for_it(hooked: Hooked) -> None:
    made: dict[str, Created] = {}

    def sell(receiver: Receiver):
        made["all"] = hooked.endpoint(receiver.url("/all"), "*")
        made["thin"] = hooked.endpoint(receiver.url("/thin"), "payment.*", payload="thin")
        made["none"] = hooked.endpoint(receiver.url("/none"), "payout.paid")
        hooked.endpoint(receiver.url("/neighbour"), "*", merchant=1)
        hooked.shop.bought()
        return lambda: hooked.settled(made["all"].id, 4)() and hooked.settled(made["thin"].id, 2)()

    seen = hooked.deliver(Receiver, sell).seen
    assert sorted(one.path for one in seen) == ["/all"] * 4 + ["/thin"] * 2
    for one in seen:
        secret = made[one.path[1:]].secret
        told = Webhook(secret.secret).verify(one.body, one.headers)
        assert told["id"] == one.headers["webhook-id"]
        assert signing.verify(one.headers, body=one.body, now=hooked.now, public=secret.public) == told["id"]
        assert one.headers["content-type"] == "application/json"
    thin = sorted(json.loads(one.body)["type"] for one in seen if one.path == "/thin")
    assert thin == ["payment.authorized", "payment.captured"]
    one = next(json.loads(one.body) for one in seen if one.path == "/thin")
    assert one.keys() == {"id", "type", "timestamp", "data"}
    assert one["data"].keys() == {"object", "id"}
    with sql.reading(merchant_id=hooked.shop.merchants[0]):
        first = hooked.deliveries(made["all"].id)[0]
        (tried,) = webhooks.tries([first.id])[first.id]
    assert (first.state, tried.outcome, tried.status, tried.answer) == ("delivered", "delivered", 200, "said 200")


def test_what_fails_is_tried_again_by_the_schedule_with_its_id_and_a_fresh_timestamp(hooked: Hooked) -> None:
    made: list[Created] = []

    def sell(receiver: Receiver):
        made.append(hooked.endpoint(receiver.url(), "payment.authorized"))
        hooked.shop.buy(hooked.shop.consumer())

        def done() -> bool:
            tries = sum(one.tries for one in hooked.deliveries(made[0].id))
            if tries == 1 and hooked.now == began:
                hooked.later(seconds=5)
            elif tries == 2 and hooked.now < began + timedelta(seconds=300):
                hooked.later(seconds=300)
            return tries == 3

        return done

    began = hooked.now
    receiver = hooked.deliver(lambda: Receiver(answers=[500, 302]), sell)
    assert len({one.headers["webhook-id"] for one in receiver.seen}) == 1
    stamps = [int(one.headers["webhook-timestamp"]) - int(began.timestamp()) for one in receiver.seen]
    assert stamps == [0, 5, 305]
    (delivery,) = hooked.deliveries(made[0].id)
    tries = webhooks.tries([delivery.id])[delivery.id]
    assert [(one.no, one.outcome, one.status, one.code) for one in tries] == [
        (1, "retry", 500, ""),
        (2, "retry", 302, "redirect"),
        (3, "delivered", 200, ""),
    ]
    assert (delivery.state, hooked.state(made[0].id).failing_since) == ("delivered", None)


def test_what_goes_on_for_ever_is_cut_and_what_hangs_is_given_up(hooked: Hooked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yuefu.notices.gateways.webhooks._BODY_WITHIN_S", 0.3)
    monkeypatch.setattr(delivering, "WebhookSender", lambda networks: Sender(networks, timeout_s=1.0))
    from yuefu.notices.gateways.webhooks import WebhookSender as Sender

    paths = ("/stream", "/drip", "/hang", "/reset")
    made: dict[str, Created] = {}

    def sell(receiver: Receiver):
        for path in paths:
            made[path] = hooked.endpoint(receiver.url(path), "payment.authorized")
        hooked.shop.buy(hooked.shop.consumer())
        return lambda: all(hooked.settled(one.id, 1)() for one in made.values())

    hooked.deliver(Receiver, sell)
    tried = {path: webhooks.tries([d.id])[d.id][0] for path in paths for d in hooked.deliveries(made[path].id)}
    assert {path: (one.outcome, one.status, one.code) for path, one in tried.items()} == {
        "/stream": ("delivered", 200, ""),
        "/drip": ("delivered", 200, ""),
        "/hang": ("retry", None, "timeout"),
        "/reset": ("retry", None, "connection_reset"),
    }
    assert tried["/stream"].answer == "x" * 1_000
    assert all(one.took_ms < 5_000 for one in tried.values())


def test_410_disables_and_429_leaves_in_peace(hooked: Hooked) -> None:
    made: list[Created] = []

    def sell(receiver: Receiver):
        made.append(hooked.endpoint(receiver.url(), "payment.authorized"))
        hooked.shop.buy(hooked.shop.consumer())
        return hooked.settled(made[0].id, 1)

    hooked.deliver(lambda: Receiver(answers=[429], headers={"Retry-After": "90"}), sell)
    it = hooked.state(made[0].id)
    assert (it.strikes, it.rest_until, it.state) == (1, hooked.now + timedelta(seconds=90), "enabled")
    hooked.shop.buy(hooked.shop.consumer())
    hooked.tell()
    assert delivering.claim(now=hooked.now, vault=hooked.shop.desk.vault, networks=(), most=10, under_way=delivering.Counter()) == []
    hooked.later(seconds=91)
    claimed = delivering.claim(now=hooked.now, vault=hooked.shop.desk.vault, networks=(), most=10, under_way=delivering.Counter())
    assert len(claimed) == 1, "one at a time, until it takes something"
    gone = delivering.Tried(claimed[0].delivery.id, hooked.now, delivering.Answer(410), 0)
    delivering.settle([gone], now=hooked.now, ids=hooked.ids)
    assert (hooked.state(made[0].id).state, hooked.state(made[0].id).reason) == ("disabled", "gone")
    assert sorted(one.state for one in hooked.deliveries(made[0].id)) == ["cancelled", "failed"]


def test_what_a_worker_died_with_is_anybodys_again_when_its_lease_ends(hooked: Hooked) -> None:
    made = hooked.endpoint("http://127.0.0.2:9/", "payment.authorized")
    hooked.shop.buy(hooked.shop.consumer())
    hooked.tell()

    def claimed() -> int:
        found = delivering.claim(now=hooked.now, vault=hooked.shop.desk.vault, networks=(), most=10, under_way=delivering.Counter())
        return len([one for one in found if one.delivery.endpoint_id == made.id])

    assert [claimed(), claimed()] == [1, 0]
    hooked.later(seconds=60)
    assert claimed() == 1
    late = hooked.deliveries(made.id)
    for status in (200, 500):  # both who had it settle it: it is delivered, and both tries are in the log
        delivering.settle([delivering.Tried(late[0].id, hooked.now, delivering.Answer(status), 0)], now=hooked.now, ids=hooked.ids)
    (delivery,) = hooked.deliveries(made.id)
    assert (delivery.state, delivery.tries) == ("delivered", 2)


def test_an_old_secret_goes_on_until_its_overlap_ends(hooked: Hooked) -> None:
    shop, made = hooked.shop, hooked.endpoint("http://127.0.0.2:9/", "*")
    roll = RollSecret("roll", shop.merchants[0], made.id, 24)
    (first,) = changing.roll(desk=shop.desk, now=shop.now(), requests=[roll])
    (again,) = changing.roll(desk=shop.desk, now=shop.now(), requests=[roll])
    assert isinstance(first, Rolled)
    assert first == again
    assert hooked.state(made.id).public_key == first.secret.public

    def signs(hours: float) -> list[bool]:
        now = datetime.now(UTC) + timedelta(hours=hours)
        secrets = webhooks.in_force([made.id], now=now, vault=shop.desk.vault)[made.id]
        headers = signing.headers(secrets, name="evt", at=now, body=b"x")
        return [holds(headers, now, one.secret) for one in (made.secret, first.secret)]

    def holds(headers: dict[str, str], now: datetime, secret: str) -> bool:
        try:
            return bool(signing.verify(headers, body=b"x", now=now, secret=secret))
        except NotSigned:
            return False

    assert signs(23.9) == [True, True]
    assert signs(24.1) == [False, True]


def test_a_test_event_comes_to_its_endpoint_alone(hooked: Hooked) -> None:
    shop, made = hooked.shop, hooked.endpoint("http://127.0.0.2:9/", "payout.paid")
    other = hooked.endpoint("http://127.0.0.2:9/", "*")
    asked = TestEvent("t", shop.merchants[0], made.id)
    (first,), (again,) = (changing.test(desk=shop.desk, now=shop.now(), requests=[asked]) for _ in range(2))
    assert isinstance(first, Tested)
    assert first == again
    hooked.tell()
    (delivery,) = hooked.deliveries(made.id)
    assert (delivery.event_id, delivery.event_type) == (first.event_id, "webhook.test")
    assert hooked.deliveries(other.id) == []


def test_one_event_or_a_range_is_sent_again(hooked: Hooked) -> None:
    shop, made = hooked.shop, hooked.endpoint("http://127.0.0.2:9/", "payment.*")
    shop.bought()
    newest = hooked.events()[0]
    assert [one.event_type for one in hooked.deliveries(made.id)] == ["payment.captured", "payment.authorized"]
    for one, status in zip(hooked.deliveries(made.id), (410, 200), strict=True):
        if status == 200:
            delivering.settle([delivering.Tried(one.id, hooked.now, delivering.Answer(status), 0)], now=hooked.now, ids=hooked.ids)
    hooked.change(made.id, disabled=True)
    assert [one.state for one in hooked.deliveries(made.id)] == ["cancelled", "delivered"]
    refused = changing.resend(desk=shop.desk, now=shop.now(), requests=[Resend("r", shop.merchants[0], made.id, newest.id)])[0]
    assert isinstance(refused, Refused)
    assert refused.code == "webhook_endpoint_not_enabled"
    hooked.change(made.id, disabled=False)
    day = shop.now(0)
    failed = Replay("p", shop.merchants[0], made.id, day, day + timedelta(days=1), (), True)
    assert not isinstance(changing.replay(desk=shop.desk, now=shop.now(), requests=[failed])[0], Refused)
    assert [one.state for one in hooked.deliveries(made.id)] == ["waiting", "delivered"]
    everything = Replay("q", shop.merchants[0], made.id, day, day + timedelta(days=1), ("*",), False)
    assert not isinstance(changing.replay(desk=shop.desk, now=shop.now(), requests=[everything])[0], Refused)
    assert sorted(one.event_type for one in hooked.deliveries(made.id)) == [
        "credit.decision.approved",
        "loan.activated",
        "payment.authorized",
        "payment.captured",
    ]
    outside = Replay("o", shop.merchants[1], made.id, day, day + timedelta(days=1), ("*",), False)
    (stranger,) = changing.replay(desk=shop.desk, now=shop.now(), requests=[outside])
    assert isinstance(stranger, Refused)
    assert stranger.code == "unknown_webhook_endpoint"


def test_an_endpoint_is_made_once_a_key_and_a_merchant_has_sixteen_at_most(hooked: Hooked) -> None:
    shop = hooked.shop
    given = {
        "enabled_events": ("*",),
        "description": "",
        "api_version": "2026-11-28",
        "payload": "full",
        "metadata": (),
        "alert_email": None,
    }

    def ask(*keys: str, url: str = "https://93.184.216.34/", **more: object) -> list[Created | Refused]:
        requests = [CreateEndpoint(key=key, merchant_id=shop.merchants[0], url=url, where=WHERE, **(given | more)) for key in keys]  # type: ignore[arg-type]
        return changing.create(desk=shop.desk, now=shop.now(), requests=requests)

    first, twin, other = ask("a", "a", "b")
    assert isinstance(first, Created)
    assert first == twin == ask("a")[0] != other
    (reused,) = ask("a", url="https://93.184.216.35/")
    assert isinstance(reused, Refused)
    assert (reused.code, reused.field) == ("key_reused", "url")
    rest = ask(*(f"k{n}" for n in range(20)))
    assert [type(one).__name__ for one in rest] == ["Created"] * 14 + ["Refused"] * 6
    assert {one.code for one in rest if isinstance(one, Refused)} == {"too_many_webhook_endpoints"}
    gone = DeleteEndpoint(shop.merchants[0], first.id)
    assert changing.delete(desk=shop.desk, now=shop.now(), requests=[gone, gone]) == [first.id, first.id]
    assert isinstance(ask("k19")[0], Created), "what can be mended keeps no key"
    codes = {}
    for name, more in {
        "types": {"enabled_events": ("payments",)},
        "email": {"alert_email": "nobody"},
        "metadata": {"metadata": (("a", "\n"),)},
    }.items():
        (refused,) = ask(f"bad-{name}", **more)
        assert isinstance(refused, Refused)
        codes[name] = refused.code
    assert codes == {"types": "unknown_event_type", "email": "email_invalid", "metadata": "metadata_invalid"}


def test_whoever_gave_an_address_hears_of_an_endpoint_that_fails_once_a_day_and_of_its_end(hooked: Hooked) -> None:
    shop, post = hooked.shop, Post()
    made = hooked.endpoint("http://127.0.0.2:9/", "payment.authorized", alert_email="it@shop.example")
    silent = hooked.endpoint("http://127.0.0.2:9/", "payment.authorized")
    shop.buy(shop.consumer())
    hooked.tell()
    for one in [*hooked.deliveries(made.id), *hooked.deliveries(silent.id)]:
        delivering.settle([delivering.Tried(one.id, hooked.now, delivering.Answer(503), 0)], now=hooked.now, ids=hooked.ids)

    def rounds() -> int:
        carriers = Carriers(post, None)
        return sum(alerting.alert(desk=shop.desk, carriers=carriers, now=shop.now(), world=hooked.now) for _ in range(2))

    hooked.later(hours=23)
    assert rounds() == 0
    hooked.later(hours=2)
    assert rounds() == 1
    (word,) = post.sent
    assert (word.to, word.channel) == ("it@shop.example", "email")
    for text in ("http://127.0.0.2:9/", "503", "回调地址", "endpoint"):
        assert text in word.text + word.subject
    hooked.later(days=1)
    assert rounds() == 1
    hooked.later(days=3)
    assert rounds() == 1
    assert "disabled" in post.sent[-1].text
    assert [(hooked.state(one.id).state, hooked.state(one.id).reason) for one in (made, silent)] == [("disabled", "failing")] * 2
    hooked.later(days=1)
    assert rounds() == 0
    kept = sql.rows("SELECT kind, state, count(*) FROM notices_alert WHERE book_id = %s GROUP BY 1, 2 ORDER BY 1, 2", [shop.book_id])
    assert kept == [("disabled", "no_address", 1), ("disabled", "sent", 1), ("failing", "no_address", 2), ("failing", "sent", 2)]


def test_an_endpoint_whose_secrets_cannot_be_opened_is_not_sent_to_and_holds_up_no_other(hooked: Hooked) -> None:
    made: list[Created] = []

    def sell(receiver: Receiver):
        made.extend(hooked.endpoint(receiver.url(path), "payment.authorized") for path in ("/broken", "/sound"))
        with sql.owning():
            sql.run("ALTER TABLE notices_endpoint_secret DISABLE TRIGGER notices_endpoint_secret_stays")
            sql.run("UPDATE notices_endpoint_secret SET secret_sealed = private_sealed WHERE endpoint_id = %s", [made[0].id])
            sql.run("ALTER TABLE notices_endpoint_secret ENABLE TRIGGER notices_endpoint_secret_stays")
        hooked.shop.buy(hooked.shop.consumer())
        return lambda: all(hooked.settled(one.id, 1)() for one in made)

    assert [one.path for one in hooked.deliver(Receiver, sell).seen] == ["/sound"]
    assert [(one.state, one.last_code) for one in hooked.deliveries(made[0].id)] == [("waiting", "not_sent")]
