"""A mail server and a provider of text messages on this machine, real ones, that answer as an address asks for."""

import asyncio
import json
import socket
import threading
from base64 import b64encode
from contextlib import contextmanager
from hashlib import sha256
from hmac import new as hmac_new
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.smtp import SMTP

KEY = bytes(range(32))
SECRET = "whsec_" + b64encode(KEY).decode()


class Mailbox:
    """Takes mail, or answers as an address asks for."""

    def __init__(self, break_after_data=False):
        self.arrived = []
        self.break_after_data = break_after_data

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - the name the server calls
        if address.startswith("nobody"):
            return "550 5.1.1 <nobody@example.com> no such user"
        if address.startswith("full"):
            return "452 4.2.2 mailbox full"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if envelope.rcpt_tos[0].startswith("spam"):
            return "554 5.7.1 no"
        self.arrived.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        if self.break_after_data:
            server.transport.abort()  # taken, and the word for it is never said
        return "250 2.0.0 Ok: queued as 4F2A9"


@contextmanager
def mail_server(mailbox, **options):
    """The server on a port that the system chooses, in a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = loop.create_server(lambda: SMTP(mailbox, loop=loop, **options), "127.0.0.1", 0)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def end(server):
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Provider(ThreadingHTTPServer):
    """Takes each reference once; `answers` says what it does about a number: a status, or "drop" (taken, and no answer)."""

    daemon_threads = True

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), Counter)
        self.answers, self.sent, self.calls, self.unsigned = answers, {}, [], []


class Counter(BaseHTTPRequestHandler):
    def do_POST(self):
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

    def do_GET(self):
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
def text_provider(**answers):
    server = Provider({f"+861380013{number}": rule for number, rule in answers.items()})
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
