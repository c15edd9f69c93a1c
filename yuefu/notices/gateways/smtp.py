"""E-mail by SMTP (RFC 5321), with the standard library.

A server that took a message says so after its last line; where the connection ends before that word, nobody can tell or be asked whether
it was taken. Such a message is `unknown` and never sent again: one message too few, for two of one debt frighten people (ADR 0032).
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from yuefu.notices.gateways.ports import GatewayUnfit
from yuefu.notices.rules.addresses import email_form
from yuefu.notices.rules.outgoing import DOWN, Outgoing, Told

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS: Final = {"smtp": 587, "smtps": 465}
_TEMPORARY: Final = range(400, 500)
_LONGEST_NAME: Final = 60
_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_QUEUED = re.compile(r"queued as ([A-Za-z0-9]{1,64})\b")

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server, and as whom we write. `none` is for a server on this machine only."""

    host: str
    port: int
    security: Security
    sender: str
    sender_name: str
    user: str = ""
    password: str = field(default="", repr=False)
    seconds: float = 10.0


def server_of(url: str, *, sender: str, sender_name: str) -> SmtpServer:
    """The server of an address like `smtps://user:password@mail.example.com` (TLS from the start) or `smtp://…:587` (STARTTLS, which is
    demanded but of a server on this machine). Raises GatewayUnfit.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError as error:
        raise GatewayUnfit("the port of the mail server is no number up to 65535") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise GatewayUnfit("the address of a mail server begins with smtp:// or smtps:// and names a host")
    if email_form(sender) is None:
        raise GatewayUnfit("the address that we write from is no e-mail address")
    security: Security = "tls" if parts.scheme == "smtps" else "none" if parts.hostname in LOOPBACK else "starttls"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return SmtpServer(parts.hostname, port or _PORTS[parts.scheme], security, sender, sender_name, user, password)


class SmtpMailer:
    """Hands e-mail to one server, one connection a batch."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    def mail(self, *, messages: Sequence[Outgoing], now: datetime) -> list[Told]:
        """One word a message, in order."""
        if not messages:
            return []
        try:
            connection = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            return [Told(one.reference, "later", _code(error)) for one in messages]
        told: list[Told] = []
        try:
            for one in messages:
                told.append(_handed_over(connection, self._server, one, now) if _is_up(told) else Told(one.reference, "later", "not_tried"))
        finally:
            with suppress(smtplib.SMTPException, OSError):  # all words are in: how the server says goodbye changes none
                connection.quit()
            connection.close()
        return told

    def ask(self, *, references: Sequence[str], now: datetime) -> Mapping[str, Told] | None:
        """Never: SMTP has no question for it."""
        del references, now
        return None

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context()
        if server.security == "tls":
            opened: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=server.seconds, context=context)
        else:
            opened = smtplib.SMTP(server.host, server.port, timeout=server.seconds)
        try:
            if server.security == "starttls":
                opened.starttls(context=context)
            if server.user:
                opened.login(server.user, server.password)
        except BaseException:
            opened.close()
            raise
        return opened


def _is_up(told: Sequence[Told]) -> bool:
    return not told or told[-1].code not in DOWN


def _handed_over(connection: smtplib.SMTP, server: SmtpServer, one: Outgoing, now: datetime) -> Told:
    """MAIL, RCPT and DATA one by one, because what a broken connection means depends on how far it came."""
    if email_form(one.to) != one.to:  # nothing of what is no address may reach the wire
        return Told(one.reference, "refused", "unfit")
    content = composed(server, one, now).as_bytes()
    try:
        connection.ehlo_or_helo_if_needed()
        code, said = connection.mail(server.sender)
        if code != 250:  # whom we write as is ours to mend, whatever the server thinks of it now
            connection.rset()
            return Told(one.reference, "later", _status(code, said))
        code, said = connection.rcpt(one.to)
        if code not in (250, 251):
            connection.rset()
            return _not_taken(one, code, said)
    except (smtplib.SMTPException, OSError):
        return Told(one.reference, "later", "no_answer")
    try:
        code, said = connection.data(content)
    except smtplib.SMTPDataError as error:  # it would not even begin
        return _not_taken(one, error.smtp_code, error.smtp_error)
    except (smtplib.SMTPException, OSError):
        return Told(one.reference, "unknown", "no_answer")
    return Told(one.reference, "accepted", provider_ref=_queue_id(said)) if code == 250 else _not_taken(one, code, said)


def _not_taken(one: Outgoing, code: int, said: bytes | str) -> Told:
    return Told(one.reference, "later" if code in _TEMPORARY else "refused", _status(code, said))


def composed(server: SmtpServer, one: Outgoing, now: datetime) -> EmailMessage:
    """The message as it goes over the wire. Whatever a name holds, it stays within its header."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(_one_line(server.sender_name), addr_spec=server.sender)
    mail["To"] = Address(_one_line(one.name)[:_LONGEST_NAME], addr_spec=one.to)
    mail["Subject"] = _one_line(one.subject)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{one.reference}@{server.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is to answer it
    mail.set_content(one.text, charset="utf-8")
    mail["Content-Language"] = "zh-CN" if one.language == "zh" else "en"
    return mail


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _status(code: int, said: bytes | str) -> str:
    """The numbers of a reply, "550 5.1.1". Its words are not kept: they name the address more often than not."""
    enhanced = _ENHANCED.match(_text(said))
    return f"{code} {enhanced[0]}" if enhanced else str(code)


def _queue_id(said: bytes | str) -> str:
    """Under which name the server has the message, where it says so in the way that most do."""
    named = _QUEUED.search(_text(said))
    return named[1] if named else ""


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _code(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "login_refused"
    return "not_encrypted" if isinstance(error, smtplib.SMTPNotSupportedError) else "no_answer"
