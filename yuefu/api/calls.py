"""One request and its answer, as a handler sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar, cast
from urllib.parse import parse_qsl
from uuid import UUID

from pydantic import BaseModel

from yuefu import ids
from yuefu.access.rules import versions
from yuefu.api.auth import actor_of
from yuefu.api.bodies import Part
from yuefu.api.counter import Answered, Counter, Holder, Verb, outcome_of
from yuefu.api.problems import Problem, of_refusal
from yuefu.errors import Refused
from yuefu.money.amounts import Money
from yuefu.runtime.books import now_in
from yuefu.runtime.values import Actor

T = TypeVar("T")

EXPAND: Final = "expand[]"


@dataclass(slots=True)
class Call:
    """`version` is that in whose form the answer is given. `first` is set where the answer is that of an
    earlier request with the same key: then it is that one's id.
    """

    request_id: str
    path: str
    query: bytes
    params: Mapping[str, str]
    counter: Counter
    holder: Holder
    key: str
    body: BaseModel
    version: str = versions.CURRENT
    expandable: bool = False
    first: str | None = field(default=None)

    @property
    def merchant_id(self) -> UUID:
        return self.holder.key.merchant_id

    @property
    def once(self) -> str:
        """The key of what may be sent without one: then each request is another, and has its own."""
        return self.key or self.request_id

    @property
    def now(self) -> datetime:
        """The moment in the book of the key."""
        return now_in(self.holder.book)

    @property
    def by(self) -> Actor:
        return actor_of(self.holder, self.request_id)

    def object_id(self, kind: str) -> UUID:
        """The id in the path; a text that cannot be one names nothing."""
        try:
            return ids.parse(kind, self.params[f"{kind}_id"])
        except ids.BadId as error:
            raise Problem(f"unknown_{kind}") from error

    def expansions(self) -> list[str]:
        """What is to be shown in the answer, as it was asked for."""
        return [value for name, value in self._pairs() if name == EXPAND]

    def _pairs(self) -> list[tuple[str, str]]:
        try:
            return parse_qsl(
                self.query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(self.query), errors="strict", max_num_fields=40
            )
        except ValueError as error:
            raise Problem("invalid_parameter", "The part of the address behind ? cannot be read.") from error

    def query_of(self, *known: str) -> dict[str, str]:
        """The parameters of the address, each known and given once."""
        pairs = self._pairs()
        given: dict[str, str] = {}
        for name, value in pairs:
            if name == EXPAND and self.expandable:
                continue
            if name not in known:
                told = f"The parameters are {', '.join(known)}." if known else "This address takes no parameters."
                raise Problem("invalid_parameter", told)
            if name in given:
                raise Problem("invalid_parameter", f"The parameter {name} was given more than once.")
            given[name] = value
        return given

    def part(self) -> Money | None:
        """The amount in the body, in the currency of the book unless another is named; None where all is meant."""
        body = cast("Part", self.body)
        return None if body.amount is None else Money(body.amount, body.currency or self.holder.book.currency)

    async def look(self, read: Callable[[], T]) -> T:
        """Reads as the merchant: PostgreSQL shows its rows and no others."""
        return await self.counter.look(self.holder, read)

    async def shown(self, kind: str, read: Callable[[list[UUID]], Mapping[UUID, dict[str, Any]]]) -> dict[str, Any]:
        """The object in the path, as `read` shows it."""
        self.query_of()
        named = self.object_id(kind)
        found = await self.counter.find(self.holder, read, named)
        if found is None:
            raise Problem(f"unknown_{kind}")
        return found

    async def ask(self, verb: Verb, request: Any) -> Any:
        """Carries a request out at the counter; a refusal is raised as the problem that it is."""
        answered: Answered = await self.counter.ask(verb, request, holder=self.holder)
        self.first = answered.first
        outcome = outcome_of(answered)
        if isinstance(outcome, Refused):
            raise of_refusal(outcome, list(type(self.body).model_fields))
        return outcome
