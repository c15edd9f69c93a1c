"""Who hears that an endpoint fails: an e-mail to the address that came with it, once a day; after some days it is disabled, and that is told too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.sending import Carriers
from yuefu.notices.commands import webhooks as notices
from yuefu.notices.commands.webhooks import Worded
from yuefu.notices.queries import webhooks
from yuefu.notices.rules.outgoing import Outgoing, Told
from yuefu.notices.rules.webhooks.trying import DISABLED_AFTER_DAYS, FAILING_AFTER
from yuefu.runtime import policies
from yuefu.runtime.logs import logger
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.values import UnitOfWork

POLICY: Final = "webhooks.policy"
"""The setting: {disabled_after_days}, 1 to 30, of a book that wants another number than ours."""
CHUNK: Final = 100

_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    "failing": (
        "回调地址送达失败 · Webhook endpoint failing",
        "自 {since} 起，我们无法将事件送达 {url}（最近一次：{last}）。我们会继续按计划重试；{days} 天内仍无法送达的，将停用该地址。"
        "停用前后的事件都可在事件列表中查到并补发。",
        "Since {since} no event has reached {url} (last answer: {last}). We go on trying; after {days} days without success the endpoint is disabled."
        " All events stay in the list of events and can be sent again.",
    ),
    "disabled": (
        "回调地址已停用 · Webhook endpoint disabled",
        "我们已停用 {url}：自 {since} 起没有一个事件送达（最近一次：{last}）。修复后请重新启用，并补发错过的事件。",
        "We have disabled {url}: since {since} no event has reached it (last answer: {last}). Enable it once it is repaired, and replay what was missed.",
    ),
}

log = logger(__name__)


def alert(*, desk: Desk, carriers: Carriers, now: datetime, world: datetime) -> int:
    """One round in a book: makes the alerts of the day, disables what has failed for long, and sends what waits. Returns how many were sent.

    `world` is the moment by the clock of the world, by which endpoints fail. Nothing is sent where nobody carries e-mail; it waits.
    """
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return 0
        days = _days(work)
        failing = webhooks.failing(book_id=desk.book.id, since=world - FAILING_AFTER)
        over = [one for one in failing if one.failing_since is not None and one.failing_since <= world - timedelta(days=days)]
        notices.alert(work=work, kind="failing", endpoints=[one for one in failing if one not in over], on=world.date())
        if over:
            notices.alert(work=work, kind="disabled", endpoints=over, on=world.date())
            notices.disable(endpoint_ids=[one.id for one in over], reason="failing", now=world)
            log.warning("endpoints disabled", book=desk.book.code, endpoints=[ids.text("webhook_endpoint", one.id) for one in over])
    return _send(desk, carriers, now, days) if carriers.mailer else 0


def _days(work: UnitOfWork) -> int:
    try:
        _, value = policies.in_force(book_id=work.book.id, name=POLICY, on=work.day.on)
    except MissingSetting:
        return DISABLED_AFTER_DAYS
    days = value.get("disabled_after_days")
    return days if type(days) is int and 1 <= days <= 30 else DISABLED_AFTER_DAYS


def _send(desk: Desk, carriers: Carriers, now: datetime, days: int) -> int:
    """The words go out with no transaction open; said twice after a crash is better than not at all."""
    assert carriers.mailer, "there is somebody who carries e-mail"
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return 0
        waiting = notices.waiting(book_id=desk.book.id, limit=CHUNK)
        endpoints = webhooks.endpoints({one.endpoint_id for one in waiting})
        outgoing = {one.id: _outgoing(desk, one, endpoints[one.endpoint_id].url, days) for one in waiting}
    sending = {i: one for i, one in outgoing.items() if one is not None}
    said = carriers.mailer.mail(messages=list(sending.values()), now=now) if sending else []
    told = {**{i: Told("", "refused", "no_address") for i in outgoing if i not in sending}, **dict(zip(sending, said, strict=True))}
    with open_day(desk, now, though_read_only=True) as work:
        assert not isinstance(work, Refused), "it had an open day a moment ago"
        notices.alerts_settled(work=work, told=list(told.items()))
    return Counter(one.outcome for one in told.values())["accepted"]


def _outgoing(desk: Desk, one: Worded, url: str, days: int) -> Outgoing | None:
    to = webhooks.email_of(one.endpoint_id, vault=desk.vault)
    if to is None:
        return None
    subject, zh, en = _WORDS[one.kind]
    since = one.failing_since.astimezone(desk.book.tz).strftime("%Y-%m-%d %H:%M")
    words = {"since": since, "url": url, "last": one.said or "-", "days": days}
    text = "\n\n".join([zh.format(**words), en.format(**words)])
    return Outgoing(f"alert_{one.id.hex}", 1, "email", "zh", to, "", subject, text)
