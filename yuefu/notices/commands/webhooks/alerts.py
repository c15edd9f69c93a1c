"""Words to a merchant about an endpoint that fails: made once a day, and kept with what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from yuefu.notices.queries import webhooks as queries
from yuefu.notices.rules.outgoing import Told, code_of
from yuefu.notices.rules.webhooks.endpoints import Endpoint
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork

Kind = Literal["failing", "disabled"]
MOST_TRIES: Final = 20
"""Rounds in which the mail server may be down; then the word is given up."""

_ALERT: Final = {
    "id": "uuid", "merchant_id": "uuid", "endpoint_id": "uuid", "state": "text", "failing_since": "timestamptz", "said": "text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Worded:
    """An alert that waits to be sent: since when nothing has reached the endpoint, and what it said last, a status or a code."""

    id: UUID
    endpoint_id: UUID
    kind: Kind
    failing_since: datetime
    said: str


def alert(*, work: UnitOfWork, kind: Kind, endpoints: Sequence[Endpoint], on: date) -> int:
    """Makes an alert of each endpoint, unless there is one of that kind and day, by the calendar of the world; one without an address is kept as
    such. Returns how many were made."""
    said = queries.last_said([one.id for one in endpoints])
    rows = [
        (i, one.merchant_id, one.id, "waiting" if one.has_email else "no_address", one.failing_since, said.get(one.id, ""))
        for i, one in zip(work.ids.many(work.now, len(endpoints)), endpoints, strict=True)
    ]
    same = {"book_id": ("uuid", work.book.id), "made_at": ("timestamptz", work.now), "kind": ("text", kind), "on_date": ("date", on)}
    same |= {"tries": ("smallint", 0), "code": ("text", "")}
    return sql.insert("notices_alert", _ALERT, rows, same=same, suffix="ON CONFLICT (endpoint_id, kind, on_date) DO NOTHING")


def waiting(*, book_id: UUID, limit: int) -> list[Worded]:
    """Alerts that are to be sent, locked until the transaction ends; those that somebody else has in hand are left to them."""
    return sql.rows_as(
        Worded,
        "SELECT id, endpoint_id, kind, failing_since, said FROM notices_alert WHERE book_id = %s AND state = 'waiting' ORDER BY id LIMIT %s"
        " FOR NO KEY UPDATE SKIP LOCKED",
        [book_id, limit],
    )


def alerts_settled(*, work: UnitOfWork, told: Sequence[tuple[UUID, Told]]) -> None:
    """What the mail server said. Where nobody knows it counts as sent: told twice is worse here than told late, and tomorrow there is another."""
    states = {"accepted": "sent", "unknown": "sent", "refused": "failed"}
    rows = [(i, states.get(said.outcome, "waiting"), code_of(said.code)) for i, said in told]
    if not rows:
        return
    source, params = sql.unnest({"id": "uuid", "state": "text", "code": "text"}, rows)
    sql.run(
        "UPDATE notices_alert AS t SET tries = t.tries + 1, code = g.code,"
        f" state = CASE WHEN g.state = 'waiting' AND t.tries + 1 >= {MOST_TRIES} THEN 'failed' ELSE g.state END,"
        f" ended_at = CASE WHEN g.state = 'waiting' AND t.tries + 1 < {MOST_TRIES} THEN NULL ELSE %s END FROM {source} AS g WHERE t.id = g.id",
        [work.now, *params],
    )
