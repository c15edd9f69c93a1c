"""What merchants do with their endpoints, and what they ask to be sent again. Each verb takes many, in one transaction on the open day."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, on_open_day
from yuefu.notices.commands import webhooks as notices
from yuefu.notices.commands.webhooks import (
    Changed,
    ChangeEndpoint,
    Created,
    CreateEndpoint,
    DeleteEndpoint,
    Replay,
    Replayed,
    Resend,
    Resent,
    Rolled,
    RollSecret,
    Tested,
    TestEvent,
)
from yuefu.runtime.clock import system_now

Request = CreateEndpoint | ChangeEndpoint | DeleteEndpoint | RollSecret | TestEvent | Resend | Replay


def carry_out(*, desk: Desk, now: datetime, requests: Sequence[Request]) -> list[Any]:
    """Carries out requests of any kind, one outcome each, in order: those of one kind that stand together in one transaction."""
    outcomes: list[Any] = []
    for kind, group in groupby(requests, type):
        act: Callable[..., list[Any]] = _ACTS[kind]
        outcomes += act(desk=desk, now=now, requests=list(group))
    return outcomes


def create(*, desk: Desk, now: datetime, requests: Sequence[CreateEndpoint]) -> list[Created | Refused]:
    """Makes endpoints."""
    return on_open_day(
        desk,
        now,
        requests,
        lambda work, given: notices.create_endpoints(work=work, vault=desk.vault, requests=given, random_bytes=secrets.token_bytes),
    )


def change(*, desk: Desk, now: datetime, requests: Sequence[ChangeEndpoint]) -> list[Changed | Refused]:
    """Changes endpoints, and enables or disables them."""
    return on_open_day(desk, now, requests, lambda work, given: notices.change_endpoints(work=work, vault=desk.vault, requests=given))


def delete(*, desk: Desk, now: datetime, requests: Sequence[DeleteEndpoint]) -> list[UUID | Refused]:
    """Deletes endpoints."""
    return on_open_day(desk, now, requests, lambda work, given: notices.delete_endpoints(work=work, requests=given))


def roll(*, desk: Desk, now: datetime, requests: Sequence[RollSecret]) -> list[Rolled | Refused]:
    """Gives endpoints new secrets. When the old ones end is told by the clock of the world, which receivers have."""
    return on_open_day(
        desk,
        now,
        requests,
        lambda work, given: notices.roll_secrets(
            work=work, vault=desk.vault, requests=given, random_bytes=secrets.token_bytes, now=system_now()
        ),
    )


def test(*, desk: Desk, now: datetime, requests: Sequence[TestEvent]) -> list[Tested | Refused]:
    """Sends events that tell nothing."""
    return on_open_day(desk, now, requests, lambda work, given: notices.test_events(work=work, requests=given))


def resend(*, desk: Desk, now: datetime, requests: Sequence[Resend]) -> list[Resent | Refused]:
    """Sends events again."""
    return on_open_day(desk, now, requests, lambda work, given: notices.resend(work=work, requests=given, now=system_now()))


def replay(*, desk: Desk, now: datetime, requests: Sequence[Replay]) -> list[Replayed | Refused]:
    """Sends the events of ranges again."""
    return on_open_day(desk, now, requests, lambda work, given: notices.replay(work=work, requests=given, now=system_now()))


_ACTS: Final[Mapping[type, Callable[..., list[Any]]]] = {
    CreateEndpoint: create,
    ChangeEndpoint: change,
    DeleteEndpoint: delete,
    RollSecret: roll,
    TestEvent: test,
    Resend: resend,
    Replay: replay,
}
