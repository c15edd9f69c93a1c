"""Text messages against a real HTTP server on this machine: signed, each reference once, and asked for where no answer came."""

import json
import socket
import threading
from base64 import b64decode, b64encode
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from hmac import new as hmac_new
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from yuefu.notices.gateways.http_sms import HttpTexter, provider_of
from yuefu.notices.gateways.ports import GatewayUnfit
from yuefu.notices.rules.outgoing import Outgoing, Told

NOW = datetime(2026, 10, 12, 2, tzinfo=UTC)
KEY = bytes(range(32))
SECRET = "whsec_" + b64encode(KEY).decode()


class Provider(ThreadingHTTPServer):
    """Takes each reference once; `answers` says what it does about a number: a status, or "drop" (taken, and no answer)."""

    daemon_threads = True

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), Counter)
        self.answers, self.sent, self.calls, self.unsigned = answers, {}, [], []


class Counter(BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802 - the name the server calls
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.check(content)
        given = json.loads(content)
        self.server.calls.append(given["reference"])
        rule = self.server.answers.get(given["to"], 200)
        if rule in (200, "drop", 500):
            self.server.sent.setdefault(given["reference"], given)
        if rule == "drop":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        said = {"code": "number_unknown"} if rule == 422 else {"id": "sms-1"}
        self.answer(rule, said)

    def do_GET(self):  # noqa: N802
        self.check(b"")
        reference = self.path.rpartition("/")[2]
        known = self.server.sent.get(reference)
        self.answer(200, {"status": "accepted", "id": "sms-1"}) if known else self.answer(404, {})

    def check(self, content):
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + content
        expected = "v1," + b64encode(hmac_new(KEY, signed, sha256).digest()).decode()
        if self.headers["webhook-signature"] != expected:
            self.server.unsigned.append(self.path)

    def answer(self, status, said):
        body = json.dumps(said).encode() if isinstance(said, dict) else said
        self.send_response(status)
        if status in (301, 302):
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def serving(**answers):
    server = Provider({f"+861380013{number}": rule for number, rule in answers.items()})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def texter(server, **changes):
    provider = provider_of(f"http://127.0.0.1:{server.server_address[1]}/v1/texts", secret=SECRET)
    return HttpTexter(replace(provider, **changes))


def out(n=1, number="8000", text="【月付】明天到期 🐼"):
    return Outgoing(f"msg_{n}", 1, "sms", "zh", f"+861380013{number}", "王小明", "", text)


def test_a_text_arrives_whole_signed_and_without_the_name_of_the_person():
    with serving() as server:
        assert texter(server).text(messages=[out()], now=NOW) == [Told("msg_1", "accepted", "", "sms-1")]
    assert server.sent == {"msg_1": {"reference": "msg_1", "to": "+8613800138000", "text": "【月付】明天到期 🐼", "language": "zh"}}
    assert server.unsigned == []


def test_a_wrong_secret_is_seen_by_the_other_side():
    with serving() as server:
        texter(server, secret=b"x" * 32).text(messages=[out()], now=NOW)
    assert server.unsigned == ["/v1/texts"]


def test_the_same_reference_again_is_the_same_message():
    with serving() as server:
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
    with serving(**{"8000": rule}) as server:
        (told,) = texter(server).text(messages=[out()], now=NOW)
    assert (told.outcome, told.code) == (outcome, code)


def test_an_answer_that_never_came_is_asked_for():
    with serving(**{"8000": "drop"}) as server:
        carrier = texter(server)
        assert [one.outcome for one in carrier.text(messages=[out(1)], now=NOW)] == ["unknown"]
        asked = carrier.ask(references=["msg_1", "msg_2"], now=NOW)
    assert asked == {"msg_1": Told("msg_1", "accepted", "", "sms-1"), "msg_2": Told("msg_2", "unheard")}
    assert server.unsigned == []
    assert carrier.ask(references=["msg_1", "msg_2"], now=NOW) == {}  # it is down now, and can tell of nothing


@pytest.mark.parametrize("rule", [429, 503, "drop"])
def test_who_cannot_take_one_is_not_asked_a_hundred_times(rule):
    with serving(**{"8001": rule}) as server:
        told = texter(server).text(messages=[out(1), out(2, "8001"), *[out(n) for n in range(3, 100)]], now=NOW)
    assert server.calls == ["msg_1", "msg_2"]
    assert [one.code for one in told[2:]] == ["not_tried"] * 97
    assert {one.outcome for one in told[2:]} == {"later"}


def test_where_nobody_listens_nothing_was_sent():
    with serving() as server:
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
    with serving() as server:
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
