"""Clients that buy, take and give back without end, and keep what they were told in files outside the database.

An operation has one key for ever. It is acknowledged by an answer that is final: done, declined, or refused for a reason of the business.
That answer is on the disk before the client does anything else. Anything else (no answer, 5xx, 429, a request under way) leaves the
operation open; it is sent again, with the same key, until it is acknowledged.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

from yuefu.proofs.installation import HOST

CLIENT_TIMEOUT_S: Final = 40.0
SECONDS_TO_ACKNOWLEDGE: Final = 90.0
SECONDS_BETWEEN: Final = 0.05
LONG_AGO: Final = 200
"""How many acknowledged operations back a sample to be sent again is taken from."""
WITHOUT_KEY: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"idempotency_key_reused": frozenset({"request_id"}), "quote_outdated": frozenset({"request_id", "detail", "errors"})}
)
"""Refusals that no key keeps, because it stands for something else, or because the price went with its day: they are made anew each time,
with so much of their own moment.
"""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that moves money. `order` is the order it is about, or the reference of the one it would make."""

    verb: str
    key: str
    path: str
    order: str
    body: dict[str, Any]
    shop: int


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0: there was none."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    replayed: bool = False

    @property
    def is_final(self) -> bool:
        return 200 <= self.status < 300 or (400 <= self.status < 500 and not self.body.get("retryable", False))


@dataclass(frozen=True, slots=True)
class Shop:
    secret: str
    consumers: tuple[str, ...]
    poor: tuple[str, ...]
    """Consumers whose limit is too small for anything."""


class Desk(Protocol):
    """Where operations are sent."""

    def send(self, operation: Operation) -> Answer: ...


class Web:
    """One connection to the server, made again when it broke."""

    def __init__(self, port: int, shops: Sequence[Shop]) -> None:
        self._port, self._shops = port, shops
        self._connection: http.client.HTTPConnection | None = None

    def send(self, operation: Operation) -> Answer:
        return self.post(operation.shop, operation.path, operation.body, {"Idempotency-Key": operation.key})

    def post(self, shop: int, path: str, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        """The answer; status 0 where the connection broke before there was one."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection(HOST, self._port, timeout=CLIENT_TIMEOUT_S)
        sent = {"Authorization": f"Bearer {self._shops[shop].secret}", "Content-Type": "application/json", **headers}
        try:
            self._connection.request("POST", path, json.dumps(body), sent)
            response = self._connection.getresponse()
            told = json.loads(response.read())
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            self._connection.close()
            self._connection = None
            return Answer(0)
        if response.status == 503 and not response.getheader("Retry-After"):
            return Answer(599, told)  # It does not say when to come back: no answer that a client can do anything with.
        return Answer(response.status, told, response.getheader("Idempotent-Replayed") == "true")


class Client(ABC):
    """One sender: its operations, which of them are open, and its file. `fresh_keys` is how the proof is proven: whoever sends
    an operation again under another key makes it twice.
    """

    def __init__(self, name: str, directory: Path, desk: Desk, *, fresh_keys: bool = False) -> None:
        self.name = name
        self.desk = desk
        self.path = directory / f"{name}.acks"
        self.open: list[Operation] = []
        self.begun = 0
        self.sent_again = 0
        self.statuses: Counter[int] = Counter()
        self.differing: list[str] = []
        self._acknowledged: list[tuple[Operation, Answer]] = []
        self._fresh_keys = fresh_keys

    def do(self, operation: Operation) -> Answer | None:
        """Sends it once. Its answer where that is final; else it stays open and None is returned."""
        self.begun += 1
        answer = self._sent(operation)
        if answer.is_final:
            self._acknowledge(operation, answer)
            return answer
        self.open.append(operation)
        return None

    def settle(self) -> None:
        """Sends what is open again until it is acknowledged; every other one twice at the same time, as impatient clients do. What is not
        acknowledged in time stays open, which nothing may.
        """
        until = time.monotonic() + SECONDS_TO_ACKNOWLEDGE
        waiting, self.open = self.open, []
        for position, operation in enumerate(waiting):
            again = replace(operation, key=f"{operation.key}:again") if self._fresh_keys else operation
            while not self._settled(again, twice=position % 2 == 1):
                if time.monotonic() > until:
                    self.open.append(operation)
                    break
                time.sleep(SECONDS_BETWEEN)

    def _settled(self, operation: Operation, *, twice: bool) -> bool:
        self.sent_again += 1
        if twice:
            with ThreadPoolExecutor(2) as pool:
                answers = list(pool.map(lambda desk: desk.send(operation), [self.desk, self.another_desk()]))
            self.statuses.update(answer.status for answer in answers)
        else:
            answers = [self._sent(operation)]
        final = [answer for answer in answers if answer.is_final]
        if final:
            self._acknowledge(operation, final[0])
        for other in final[1:]:
            self._compare(operation, final[0], other)
        return bool(final)

    def another_desk(self) -> Desk:
        """A second way to the same place, for whoever sends twice at once."""
        return self.desk

    @abstractmethod
    def play(self, over: threading.Event) -> None:
        """Does one operation after the other until it is over. What breaks off is left open, and the next begins a moment later."""

    def ask_again(self, dice: random.Random, count: int) -> int:
        """Sends some of what was acknowledged again: it must be told the same. Returns how many were told so."""
        lately = self._acknowledged[-LONG_AGO:]
        told = 0
        for operation, before in dice.sample(lately, min(count, len(lately))):
            now = self._insisted(operation)
            told += 1
            self._compare(operation, before, now)
            if before.body.get("code") not in WITHOUT_KEY and not now.replayed:
                self.differing.append(f"{operation.verb} {operation.key}: not told as a replay")
        return told

    def _insisted(self, operation: Operation) -> Answer:
        """Its final answer; the last one where there is none in time. What was broken may be noticed only now: "later" is no answer."""
        until = time.monotonic() + SECONDS_TO_ACKNOWLEDGE
        while not (answer := self._sent(operation)).is_final and time.monotonic() < until:
            time.sleep(SECONDS_BETWEEN)
        return answer

    def _sent(self, operation: Operation) -> Answer:
        answer = self.desk.send(operation)
        self.statuses[answer.status] += 1
        return answer

    def _acknowledge(self, operation: Operation, answer: Answer) -> None:
        line = {**asdict(operation), "status": answer.status, "answer": answer.body}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._acknowledged.append((operation, answer))

    def _compare(self, operation: Operation, before: Answer, now: Answer) -> None:
        if (before.status, _told(before)) != (now.status, _told(now)):
            self.differing.append(f"{operation.verb} {operation.key}: {before.status} {before.body}, then {now.status} {now.body}")


def _told(answer: Answer) -> dict[str, Any]:
    """What of an answer is the same for ever."""
    of_its_moment = WITHOUT_KEY.get(answer.body.get("code", ""), frozenset())
    return {name: value for name, value in answer.body.items() if name not in of_its_moment}


class Shopper(Client):
    """Buys at the shops over HTTP."""

    def __init__(self, name: str, directory: Path, *, port: int, shops: Sequence[Shop], seed: int, fresh_keys: bool = False) -> None:
        self._web = Web(port, shops)
        super().__init__(name, directory, self._web, fresh_keys=fresh_keys)
        self._port, self._shops = port, shops
        self._dice = random.Random(f"{seed}:{name}")
        self._number = 0

    def another_desk(self) -> Desk:
        return Web(self._port, self._shops)

    def play(self, over: threading.Event) -> None:
        while not over.is_set():
            if not self._purchase():
                over.wait(SECONDS_BETWEEN)

    def _purchase(self) -> bool:
        """A purchase and what becomes of it. False where it broke off."""
        shop, dice = self._dice.randrange(len(self._shops)), self._dice
        poor = dice.random() < 0.05
        consumer = dice.choice(self._shops[shop].poor if poor else self._shops[shop].consumers)
        amount = dice.randrange(100_00, 1_000_00)
        wish = {
            "consumer": consumer,
            "product": dice.choice(("free", "flex")),
            "amount": amount,
            "currency": "CNY",
            "periods": dice.choice((3, 6, 12)),
        }
        quoted = self._web.post(shop, "/v1/quotes", wish, {})
        self.statuses[quoted.status] += 1
        if quoted.status != 201:
            return False
        self._number += 1
        reference = f"{self.name}-{self._number}"
        body = {"quote": quoted.body["id"], "consumer": consumer, "merchant_reference": reference}
        placed = self._act("order", shop, "/v1/orders", reference, body)
        if placed is None or placed.status != 201:
            return placed is not None
        return self._fate(shop, placed.body["id"], amount)

    def _fate(self, shop: int, order: str, amount: int) -> bool:
        """What is done with an order, all of it in order; nothing more after what broke off."""
        dice, part = self._dice, self._dice.randrange(20_00, amount - 50_00)
        fates: list[list[tuple[str, int | None]]] = [
            [("capture", None), ("refund", part)],
            [("capture", None), ("refund", part), ("refund", None)],
            [("capture", part), ("capture", None), ("refund", amount)],
            [("capture", part), ("void", None), ("refund", part // 2)],
            [("capture", part), ("capture", amount)],  # more than is left
            [("capture", None), ("refund", amount + 1)],  # more than there was
            [("void", None), ("capture", None)],  # nothing is left
            [("capture", None)],
        ]
        for number, (verb, minor) in enumerate(dice.choice(fates)):
            body = {} if minor is None else {"amount": minor}
            done = self._act(verb, shop, f"/v1/orders/{order}/{verb}", order, body, number)
            if done is None:
                return False
        if verb != "void" and dice.random() < 0.05:  # the last key once more, for something else
            self._act("reuse", shop, f"/v1/orders/{order}/{verb}", order, {"amount": 1}, number)
        return True

    def _act(self, verb: str, shop: int, path: str, order: str, body: dict[str, Any], number: int = 0) -> Answer | None:
        return self.do(Operation(verb, f"{self.name}:{self._number}:{number}", path, order, body, shop))


class Payers:
    """Where repayments are sent: through the pipe of a process that is there to be killed."""

    def __init__(self, ask: Any, book: str) -> None:
        self._ask, self._book = ask, book
        self._one_at_a_time = threading.Lock()

    def send(self, operation: Operation) -> Answer:
        try:
            with self._one_at_a_time:
                told = self._ask({"book": self._book, "key": operation.key, **operation.body})
        except (OSError, ValueError, KeyError):
            return Answer(0)
        if "outcome" in told:
            return Answer(201, _lasting(told["outcome"]), replayed=True)
        return Answer(422, {"code": told["refused"]}, replayed=True) if "refused" in told else Answer(503 if "error" in told else 500, told)


def _lasting(outcome: dict[str, Any]) -> dict[str, Any]:
    """What of a repayment is the same whenever it is told: one whose outcome is not known yet is told more of later."""
    return {name: outcome[name] for name in ("collection_id", "loan_id", "amount")}


class Repayer(Client):
    """Repays loans bit by bit, by cards of all kinds; each card is used once, so that a debit says whose it is."""

    def __init__(self, name: str, directory: Path, desk: Payers, *, loans: Sequence[str], seed: int) -> None:
        super().__init__(name, directory, desk)
        self._loans = loans
        self._dice = random.Random(f"{seed}:{name}")
        self._number = 0

    def play(self, over: threading.Event) -> None:
        while not over.is_set():
            self._number += 1
            kind = self._dice.choice(("ok", "ok", "ok", "insufficient_funds", "unknown_then_success", "unknown_then_failure"))
            card = f"card:{self.name}-{self._number}:{kind}"
            body = {"loan": self._dice.choice(self._loans), "amount": self._dice.randrange(1_00, 9_00), "card": card}
            if self.do(Operation("repay", f"{self.name}:{self._number}", "", card, body, 0)) is None:
                over.wait(SECONDS_BETWEEN)
