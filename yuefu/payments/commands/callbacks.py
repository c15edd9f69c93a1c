"""Callbacks kept as they came, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from yuefu.payments.queries.callbacks import TABLE
from yuefu.runtime import audit, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

_COLUMNS: Final = {"id": "uuid", "channel": "text", "number": "text", "content_sealed": "bytea", "sha256": "text"}


@dataclass(frozen=True, slots=True)
class NewCallback:
    """A message whose signature holds, in its bytes."""

    channel: str
    number: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def keep_callbacks(*, work: UnitOfWork, vault: Vault, callbacks: Sequence[NewCallback]) -> list[tuple[UUID, bool]]:
    """Keeps callbacks; of each its id, and whether one of that channel and number was there already: then that one stays as it is."""
    new = work.ids.many(work.now, len(callbacks))
    rows = [
        (i, one.channel, one.number, _sealed(vault, i, one), sha256(one.body).hexdigest()) for i, one in zip(new, callbacks, strict=True)
    ]
    same = {"book_id": ("uuid", work.book.id), "received_at": ("timestamptz", work.now), "state": ("text", "waiting")}
    same |= {"outcome": ("text", ""), "tries": ("integer", 0)}
    sql.insert(TABLE, _COLUMNS, rows, same=same, suffix="ON CONFLICT (book_id, channel, number) DO NOTHING")
    source, params = sql.unnest({"channel": "text", "number": "text"}, [(one.channel, one.number) for one in callbacks])
    found = {
        (channel, number): i
        for channel, number, i in sql.rows(
            f"SELECT g.channel, g.number, c.id FROM {source} AS g JOIN payments_callback AS c"
            " ON c.book_id = %s AND c.channel = g.channel AND c.number = g.number",
            [*params, work.book.id],
        )
    }
    return [((kept := found[one.channel, one.number]), kept != i) for i, one in zip(new, callbacks, strict=True)]


def _sealed(vault: Vault, row: UUID, one: NewCallback) -> bytes:
    plain = dumps({"headers": dict(one.headers), "body": one.body.decode("latin-1")})
    return vault.seal(plain, table=TABLE, column="content", row=row)


def settle_callbacks(*, work: UnitOfWork, outcomes: Sequence[tuple[UUID, str, bool]]) -> None:
    """What became of callbacks, by id; those that are not done wait on, and are handled again."""
    rows = [(i, outcome, "handled" if done else "waiting", work.now if done else None) for i, outcome, done in outcomes]
    source, params = sql.unnest({"id": "uuid", "outcome": "text", "state": "text", "at": "timestamptz"}, rows)
    sql.run(
        f"UPDATE payments_callback AS t SET outcome = g.outcome, state = g.state, tries = t.tries + 1, handled_at = g.at FROM {source} AS g"
        " WHERE t.id = g.id",
        params,
    )
    audit.record(work=work, action="payments.handle_callbacks", object_kind="callback", object_ids=[i for i, *_ in outcomes])
