"""The matrix of amounts and terms over HTTP: each combination as a merchant's program carries it out, and every figure held against another.

Asked directly, or through the merchant's own integration: a POST to its address with `{"run", "no", "do": "sell", "product", "periods", "amount", "currency",
"consumer"}`, which quotes, orders and captures and answers `{"order": "ord_…"}`; then `{"run", "no", "do": "refund", "order", "amount"}`, the amount null
for all that is left, which it answers with any JSON object. It may be sent again: run, number and amount say what was done before. What came of it is read
from the API. Each request has a key of its run and combination, so a run that broke off goes on without buying twice.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from yuefu.sandbox.rules import matrix as rules
from yuefu.sandbox.rules.matrix import CELLS_A_CONSUMER, Cell, Outcome

_TRIES: Final = 12
_PATIENCE_S: Final = 30
_LONGEST_FAULT: Final = 500


class NotReached(Exception):
    """Nobody answers at an address; the run can go on later."""


class _Fault(Exception):
    """An answer that should have been another."""


@dataclass(slots=True)
class Program:
    """A merchant's program with its key. `wait` is told how many seconds to wait before a request is sent again."""

    url: str
    secret: str
    run: str
    through: str = ""
    wait: Callable[[float], None] = time.sleep
    _consumers: dict[int, str] = field(default_factory=dict)

    def carry_out(self, cell: Cell) -> Outcome:
        """One combination from quote to refund. Raises NotReached."""
        order = ""
        try:
            order, quote = self._sold(cell)
            figures, faults = self._looked_at(cell, order, quote)
        except (_Fault, KeyError, TypeError, ValueError) as error:
            said = str(error) if isinstance(error, _Fault) else f"an answer could not be read: {error!r}"
            return Outcome(said[:_LONGEST_FAULT], order)
        return Outcome("; ".join(faults)[:_LONGEST_FAULT], order, figures)

    def _sold(self, cell: Cell) -> tuple[str, Mapping[str, Any] | None]:
        consumer = self._consumer(cell.no // CELLS_A_CONSUMER)
        if self.through:
            wish = {"do": "sell", "product": cell.product, "periods": cell.periods, "amount": cell.amount_minor, "currency": cell.currency}
            return str(self._integration(cell, {**wish, "consumer": consumer})["order"]), None
        quote = self._post(
            "/v1/quotes",
            {
                "product": cell.product,
                "periods": cell.periods,
                "amount": cell.amount_minor,
                "currency": cell.currency,
                "consumer": consumer,
            },
        )
        reference = f"{self.run}-{cell.no}"
        before = [one for one in self._get(f"/v1/orders?merchant_reference={reference}")["data"] if one["state"] != "declined"]
        body = {"quote": quote["id"], "consumer": consumer, "merchant_reference": reference}
        order = before[0] if before else self._post("/v1/orders", body, key=self._key(cell, f"order:{quote['id']}"))
        self._post(f"/v1/orders/{order['id']}/capture", {}, key=self._key(cell, "capture"))
        return str(order["id"]), quote

    def _looked_at(self, cell: Cell, order: str, quote: Mapping[str, Any] | None) -> tuple[dict[str, Any], list[str]]:
        """What is asked after the sale, and again after each refund; with what does not hold."""
        faults = list(rules.quote_faults(cell, quote)) if quote is not None else []
        so_far = self._faults_of_order(cell, order, faults, of=(0, cell.part_minor, cell.amount_minor))
        loans = self._get(f"/v1/loans?order={order}")["data"]
        faults += [] if len(loans) == 1 else [f"loans: there are {len(loans)}, not 1"]
        for loan in loans[:1]:
            faults += rules.loan_faults(cell, loan, quote)
        faults += rules.books_faults(cell, self._books(order), refunded=so_far)
        for part in ([cell.part_minor] if cell.part_minor < cell.amount_minor else []) + [None]:
            self._refund(cell, order, part)
            of = (cell.amount_minor,) if part is None else (cell.part_minor, cell.amount_minor)
            so_far = self._faults_of_order(cell, order, faults, of=of)
            faults += rules.books_faults(cell, self._books(order), refunded=so_far)
        rows = loans[0]["instalments"] if loans else []
        return {"instalments": [row["total"] for row in rows], "due": [row["due_on"] for row in rows]}, faults

    def _faults_of_order(self, cell: Cell, order: str, faults: list[str], *, of: Sequence[int]) -> int:
        """Looks at the order, of which one of a few amounts was refunded: more than the first only where this was done before. Returns which."""
        shown = self._get(f"/v1/orders/{order}")
        so_far = shown["amount_refunded"] if shown["amount_refunded"] in of else of[0]
        consumer = self._consumer(cell.no // CELLS_A_CONSUMER)
        state = "refunded" if so_far == cell.amount_minor else "part_refunded" if so_far else "captured"
        faults += rules.order_faults(cell, shown, consumer=consumer, state=state, captured=cell.amount_minor, refunded=so_far)
        return int(so_far)

    def _refund(self, cell: Cell, order: str, minor: int | None) -> None:
        if self.through:
            self._integration(cell, {"do": "refund", "order": order, "amount": minor})
            return
        body = {} if minor is None else {"amount": minor, "currency": cell.currency}
        self._post(f"/v1/orders/{order}/refund", body, key=self._key(cell, "rest" if minor is None else "part"))

    def _books(self, order: str) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self._get(f"/v1/balance_transactions?order={order}&limit=100")["data"]
        return found

    def _consumer(self, no: int) -> str:
        if no not in self._consumers:
            made = self._post("/v1/test_helpers/consumers", {"email": f"consumer+approved+{self.run[-12:]}-{no}@test.example"})
            self._consumers[no] = str(made["id"])
        return self._consumers[no]

    def _key(self, cell: Cell, verb: str) -> str:
        return f"{self.run}:{cell.no}:{verb}"

    def _integration(self, cell: Cell, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._asked(self.through, "POST", "", {"run": self.run, "no": cell.no, **body}, {})

    def _post(self, path: str, body: Mapping[str, Any], *, key: str = "") -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {self.secret}", **({"Idempotency-Key": key} if key else {})}
        return self._asked(self.url, "POST", path, body, headers)

    def _get(self, path: str) -> Mapping[str, Any]:
        return self._asked(self.url, "GET", path, None, {"Authorization": f"Bearer {self.secret}"})

    def _asked(self, url: str, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Mapping[str, Any]:
        """What a request is answered, sent again where that may help. Raises _Fault for what is no answer to it."""
        for _ in range(_TRIES):
            status, given, told = _sent(url, method, path, body, headers)
            if 200 <= status < 300:
                return told
            if not (told.get("retryable") or status in (429, 503)):
                break
            self.wait(min(float(given.get("retry-after", "1")), _PATIENCE_S))
        said = f"{told.get('code', status)}: {told.get('detail', '')}"
        reasons = told.get("reasons")
        raise _Fault(f"{method} {path or url} was answered {status} {said}{f' ({reasons})' if reasons else ''}")


def _sent(
    url: str, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], Mapping[str, Any]]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    payload = None if body is None else json.dumps(body).encode()
    connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE_S)
    try:
        target = (parts.path.rstrip("/") + path) or "/"
        more = {} if payload is None else {"Content-Type": "application/json"}
        connection.request(method, target + (f"?{parts.query}" if parts.query else ""), payload, {**headers, **more})
        answer = connection.getresponse()
        raw = answer.read()
        given = {name.lower(): value for name, value in answer.getheaders()}
    except (OSError, http.client.HTTPException) as error:
        raise NotReached(f"{parts.hostname}:{parts.port or ''} does not answer: {error}") from error
    finally:
        connection.close()
    try:
        told = json.loads(raw)
    except ValueError:
        told = None
    return answer.status, given, told if isinstance(told, dict) else {"code": "no_json", "detail": raw[:100].decode("utf-8", "replace")}


def carried_out(program: Program, waiting: Sequence[Cell]) -> Iterator[tuple[Cell, Outcome]]:
    """Each combination that waits, one after the other, with its outcome."""
    for cell in waiting:
        yield cell, program.carry_out(cell)
