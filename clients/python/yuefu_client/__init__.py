"""The API of Yuefu for merchants.

    client = Yuefu("sk_test_…", base_url="https://pay.example")
    order = client.orders.create(quote=quote.id, consumer=consumer, merchant_reference="A-1001")

Amounts are whole numbers of minor units; days and moments are `date` and `datetime`.
"""

from __future__ import annotations

from yuefu_client import webhooks
from yuefu_client.answers import Download
from yuefu_client.client import AsyncYuefu, Yuefu
from yuefu_client.decoding import Answer, Model, id_of
from yuefu_client.errors import (
    AuthenticationError,
    Conflict,
    ConnectionFailed,
    Declined,
    Fault,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProblemError,
    RateLimited,
    ServerError,
    YuefuError,
)
from yuefu_client.pages import AsyncPage, Page
from yuefu_client.retrying import Retrying
from yuefu_client.version import __version__

__all__ = [
    "Answer",
    "AsyncPage",
    "AsyncYuefu",
    "AuthenticationError",
    "Conflict",
    "ConnectionFailed",
    "Declined",
    "Download",
    "Fault",
    "InvalidRequest",
    "Model",
    "NotFound",
    "Page",
    "PermissionDenied",
    "ProblemError",
    "RateLimited",
    "Retrying",
    "ServerError",
    "Yuefu",
    "YuefuError",
    "__version__",
    "id_of",
    "webhooks",
]
