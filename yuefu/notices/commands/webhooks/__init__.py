"""Writes of webhooks, over many: endpoints, events as merchants are told them, deliveries and what became of each try."""

from yuefu.notices.commands.webhooks.alerts import Worded, alert, alerts_settled, waiting
from yuefu.notices.commands.webhooks.deliveries import Claimed, Tried, claim, settle
from yuefu.notices.commands.webhooks.endpoints import (
    Changed,
    ChangeEndpoint,
    Created,
    CreateEndpoint,
    DeleteEndpoint,
    Rolled,
    RollSecret,
    change_endpoints,
    create_endpoints,
    delete_endpoints,
    disable,
    roll_secrets,
)
from yuefu.notices.commands.webhooks.sending_again import (
    Replay,
    Replayed,
    Resend,
    Resent,
    Tested,
    TestEvent,
    replay,
    resend,
    test_events,
)
from yuefu.notices.commands.webhooks.telling import NewEvent, tell

__all__ = [
    "ChangeEndpoint",
    "Changed",
    "Claimed",
    "CreateEndpoint",
    "Created",
    "DeleteEndpoint",
    "NewEvent",
    "Replay",
    "Replayed",
    "Resend",
    "Resent",
    "RollSecret",
    "Rolled",
    "TestEvent",
    "Tested",
    "Tried",
    "Worded",
    "alert",
    "alerts_settled",
    "change_endpoints",
    "claim",
    "create_endpoints",
    "delete_endpoints",
    "disable",
    "replay",
    "resend",
    "roll_secrets",
    "settle",
    "tell",
    "test_events",
    "waiting",
]
