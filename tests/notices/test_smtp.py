"""E-mail against a real mail server on this machine: what arrives, and what is known where the server or the wire fails."""

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import AuthResult

from tests.notices.servers import Mailbox, mail_server
from yuefu.notices.gateways.ports import GatewayUnfit
from yuefu.notices.gateways.smtp import SmtpMailer, server_of
from yuefu.notices.rules.outgoing import Outgoing, Told

NOW = datetime(2026, 10, 12, 2, tzinfo=UTC)


def mailer(port, *, login=""):
    return SmtpMailer(server_of(f"smtp://{login}127.0.0.1:{port}", sender="notices@yuefu.example", sender_name="月付 Yuefu"))


def out(n=1, to="wang@example.com", **changes):
    given = {
        "reference": f"msg_{n}",
        "no": 1,
        "channel": "email",
        "language": "zh",
        "to": to,
        "name": "王小明",
        "subject": "月付：明天到期",
        "text": "您好：\n\n¥1.00",
    }
    return Outgoing(**given | changes)


def read(content):
    return message_from_bytes(content, policy=policy.default)


def test_a_message_arrives_as_it_was_written_and_its_server_names_it():
    box = Mailbox()
    with mail_server(box) as port:
        told = mailer(port).mail(messages=[out()], now=NOW)
    assert told == [Told("msg_1", "accepted", "", "4F2A9")]
    ((sender, to, content),) = box.arrived
    mail = read(content)
    assert (sender, to) == ("notices@yuefu.example", ["wang@example.com"])
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "月付 Yuefu <notices@yuefu.example>",
        "王小明 <wang@example.com>",
        "月付：明天到期",
    )
    assert (mail["Message-ID"], mail["Auto-Submitted"], mail["Content-Language"]) == ("<msg_1@yuefu.example>", "auto-generated", "zh-CN")
    assert mail["Date"].datetime == NOW
    assert mail.get_content().replace("\r\n", "\n").strip() == "您好：\n\n¥1.00"


@pytest.mark.parametrize(
    "name",
    ["王小明", "🐼 Panda", "Bob\r\nBcc: evil@example.com", "Bob\nSubject: won", 'A "quoted", <b@c.de>; name', "", "x" * 5_000, "\ud83d"],
)
def test_a_name_stays_within_its_header_whatever_it_holds(name):
    box = Mailbox()
    with mail_server(box) as port:
        (told,) = mailer(port).mail(messages=[out(name=name, subject=f"due for {name}")], now=NOW)
    assert told.outcome == "accepted"
    ((_, to, content),) = box.arrived
    mail = read(content)
    assert to == ["wang@example.com"]
    assert [address.addr_spec for address in mail["To"].addresses] == ["wang@example.com"]
    assert mail["Bcc"] is None
    assert len(mail.get_all("Subject")) == 1
    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Content-Language", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip


@pytest.mark.parametrize(
    "to", ["a@b.de\r\nBcc: evil@example.com", "a@b.de>\r\nRCPT TO:<evil@example.com", "王@example.com", "", "no address"]
)
def test_an_address_that_is_none_never_reaches_the_wire_and_keeps_nobody_else_back(to):
    box = Mailbox()
    with mail_server(box) as port:
        told = mailer(port).mail(messages=[out(1, to=to), out(2)], now=NOW)
    assert [(one.outcome, one.code) for one in told] == [("refused", "unfit"), ("accepted", "")]
    assert [to for _, to, _ in box.arrived] == [["wang@example.com"]]


def test_each_is_told_by_the_numbers_of_its_own_reply_and_no_word_names_the_address():
    box = Mailbox()
    with mail_server(box) as port:
        told = mailer(port).mail(
            messages=[out(1, to="nobody@example.com"), out(2, to="full@example.com"), out(3, to="spam@example.com"), out(4)], now=NOW
        )
    assert [(one.outcome, one.code) for one in told] == [
        ("refused", "550 5.1.1"), ("later", "452 4.2.2"), ("refused", "554 5.7.1"), ("accepted", ""),
    ]  # fmt: skip
    assert "example" not in repr(told)
    assert [to for _, to, _ in box.arrived] == [["wang@example.com"]]


def test_a_server_that_took_it_and_went_away_leaves_it_unknown_and_the_rest_for_later():
    box = Mailbox(break_after_data=True)
    with mail_server(box) as port:
        told = mailer(port).mail(messages=[out(1), out(2)], now=NOW)
    assert [(one.outcome, one.code) for one in told] == [("unknown", "no_answer"), ("later", "not_tried")]
    assert len(box.arrived) == 1
    assert mailer(port).ask(references=["msg_1"], now=NOW) is None


def test_where_nobody_listens_nothing_was_sent_and_one_call_is_enough_to_know():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = mailer(port).mail(messages=[out(n) for n in range(100)], now=NOW)
    assert {(one.outcome, one.code) for one in told} == {("later", "no_answer")}
    assert mailer(port).mail(messages=[], now=NOW) == []


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_its_seconds():
    with silent_server() as port:
        patient = SmtpMailer(replace(server_of(f"smtp://127.0.0.1:{port}", sender="a@b.de", sender_name="x"), seconds=0.2))
        told = patient.mail(messages=[out(1), out(2)], now=NOW)
    assert [one.outcome for one in told] == ["later", "later"]


@contextmanager
def silent_server():
    listening = socket.create_server(("127.0.0.1", 0))
    opened = []

    def accept():
        with suppress(OSError):
            while True:
                opened.append(listening.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()
        for one in opened:
            one.close()


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_login_is_used_and_a_wrong_one_is_ours_to_mend():
    def authenticate(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"yuefu", b"p@ss"), handled=False)

    box = Mailbox()
    with mail_server(box, authenticator=authenticate, auth_require_tls=False, auth_required=True) as port:
        right, wrong = (mailer(port, login=f"yuefu:{word}@").mail(messages=[out()], now=NOW) for word in ("p%40ss", "nope"))
    assert [one.outcome for one in right] == ["accepted"]
    assert [(one.outcome, one.code) for one in wrong] == [("later", "login_refused")]


def test_a_server_elsewhere_is_spoken_to_in_the_clear_by_nobody():
    assert server_of("smtp://mail.example.com", sender="a@b.de", sender_name="x").security == "starttls"
    assert server_of("smtps://mail.example.com", sender="a@b.de", sender_name="x").port == 465
    assert server_of("smtp://localhost:25", sender="a@b.de", sender_name="x").security == "none"
    with mail_server(Mailbox()) as port:
        server = server_of(f"smtp://u:secret-word@127.0.0.1:{port}", sender="a@b.de", sender_name="x")
        told = SmtpMailer(replace(server, security="starttls")).mail(messages=[out()], now=NOW)
    assert [(one.outcome, one.code) for one in told] == [("later", "not_encrypted")]
    assert "secret-word" not in repr(server)


@pytest.mark.parametrize("url", ["", "http://mail.example.com", "smtp://", "smtp://mail.example.com:99999", "mail.example.com"])
def test_a_mail_server_that_cannot_be_meant_is_said_at_the_start(url):
    with pytest.raises(GatewayUnfit):
        server_of(url, sender="a@b.de", sender_name="x")
    with pytest.raises(GatewayUnfit):
        server_of("smtps://mail.example.com", sender="nobody", sender_name="x")
