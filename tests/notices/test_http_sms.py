"""Text messages against a real HTTP server on this machine: signed, each reference once, and asked for where no answer came."""

import socket
import threading
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.notices.servers import KEY, SECRET, Counter, text_provider
from yuefu.notices.gateways.http_sms import HttpTexter, provider_of
from yuefu.notices.gateways.ports import GatewayUnfit
from yuefu.notices.rules.outgoing import Outgoing, Told

NOW = datetime(2026, 10, 12, 2, tzinfo=UTC)


def texter(server, **changes):
    provider = provider_of(f"http://127.0.0.1:{server.server_address[1]}/v1/texts", secret=SECRET)
    return HttpTexter(replace(provider, **changes))


def out(n=1, number="8000", text="【月付】明天到期 🐼"):
    return Outgoing(f"msg_{n}", 1, "sms", "zh", f"+861380013{number}", "王小明", "", text)


def test_a_text_arrives_whole_signed_and_without_the_name_of_the_person():
    with text_provider() as server:
        assert texter(server).text(messages=[out()], now=NOW) == [Told("msg_1", "accepted", "", "sms-1")]
    assert server.sent == {"msg_1": {"reference": "msg_1", "to": "+8613800138000", "text": "【月付】明天到期 🐼", "language": "zh"}}
    assert server.unsigned == []


def test_a_wrong_secret_is_seen_by_the_other_side():
    with text_provider() as server:
        texter(server, secret=b"x" * 32).text(messages=[out()], now=NOW)
    assert server.unsigned == ["/v1/texts"]


def test_the_same_reference_again_is_the_same_message():
    with text_provider() as server:
        told = [texter(server).text(messages=[out()], now=NOW) for _ in range(2)]
    assert told[0] == told[1]
    assert list(server.sent) == ["msg_1"]


@pytest.mark.parametrize(
    ("rule", "outcome", "code"),
    [
        (200, "accepted", ""), (202, "accepted", ""), (422, "refused", "number_unknown"), (404, "refused", "http_404"), (429, "later", "http_429"),
        (503, "later", "http_503"), (500, "unknown", "http_500"), (302, "unknown", "http_302"), ("drop", "unknown", "no_answer"),
    ],
)  # fmt: skip
def test_what_an_answer_means(rule, outcome, code):
    with text_provider(**{"8000": rule}) as server:
        (told,) = texter(server).text(messages=[out()], now=NOW)
    assert (told.outcome, told.code) == (outcome, code)


def test_an_answer_that_never_came_is_asked_for():
    with text_provider(**{"8000": "drop"}) as server:
        carrier = texter(server)
        assert [one.outcome for one in carrier.text(messages=[out(1)], now=NOW)] == ["unknown"]
        asked = carrier.ask(references=["msg_1", "msg_2"], now=NOW)
    assert asked == {"msg_1": Told("msg_1", "accepted", "", "sms-1"), "msg_2": Told("msg_2", "unheard")}
    assert server.unsigned == []
    assert carrier.ask(references=["msg_1", "msg_2"], now=NOW) == {}  # it is down now, and can tell of nothing


@pytest.mark.parametrize("rule", [429, 503, "drop"])
def test_who_cannot_take_one_is_not_asked_a_hundred_times(rule):
    with text_provider(**{"8001": rule}) as server:
        told = texter(server).text(messages=[out(1), out(2, "8001"), *[out(n) for n in range(3, 100)]], now=NOW)
    assert server.calls == ["msg_1", "msg_2"]
    assert [one.code for one in told[2:]] == ["not_tried"] * 97
    assert {one.outcome for one in told[2:]} == {"later"}


def test_where_nobody_listens_nothing_was_sent():
    with text_provider() as server:
        pass
    told = texter(server).text(messages=[out(1), out(2)], now=NOW)
    assert [(one.outcome, one.code) for one in told] == [("later", "not_reached"), ("later", "not_tried")]


def test_a_provider_that_says_nothing_may_have_taken_it():
    listening = socket.create_server(("127.0.0.1", 0))
    opened = []

    def accept():
        with suppress(OSError):
            while True:
                opened.append(listening.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    provider = provider_of(f"http://127.0.0.1:{listening.getsockname()[1]}/x", secret=SECRET)
    (told,) = HttpTexter(replace(provider, seconds=0.2)).text(messages=[out()], now=NOW)
    listening.close()
    for one in opened:
        one.close()
    assert told.outcome == "unknown"


@pytest.mark.parametrize("said", [b"", b"not json", b"[1]", b'{"id": 5}', b'{"id": "' + b"x" * 100_000 + b'"}', "🐼".encode()])
def test_whatever_the_other_side_writes_it_took_the_message(said):
    with text_provider() as server:
        original = Counter.answer
        try:
            Counter.answer = lambda self, status, _: original(self, status, said)
            (told,) = texter(server).text(messages=[out()], now=NOW)
        finally:
            Counter.answer = original
    assert (told.outcome, told.provider_ref) == ("accepted", "")


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://sms.example.com/x", SECRET), ("ftp://sms.example.com", SECRET), ("https://", SECRET), ("https://sms.example.com:99999/x", SECRET),
        ("https://u:p@sms.example.com/x", SECRET), ("https://sms.example.com/x?a=b", SECRET), ("https://sms.example.com/x", "short"),
        ("https://sms.example.com/x", b64encode(b"x" * 23).decode()), ("https://sms.example.com/x", "!" * 40),
    ],
)  # fmt: skip
def test_a_provider_that_cannot_be_meant_or_is_not_safe_is_said_at_the_start(url, secret):
    with pytest.raises(GatewayUnfit):
        provider_of(url, secret=secret)


def test_the_secret_stands_in_no_text():
    provider = provider_of("https://sms.example.com/x/", secret=SECRET)
    assert (provider.path, provider.is_encrypted, provider.secret) == ("/x", True, KEY)
    assert b64decode(SECRET[6:]) == KEY
    assert "secret" not in repr(provider)
