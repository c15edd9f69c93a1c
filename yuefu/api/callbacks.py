"""Where payment channels tell us what happened: kept, acknowledged, and then booked."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from yuefu.api.problems import Problem
from yuefu.errors import Refused
from yuefu.journeys import callbacks
from yuefu.journeys.jobs import callback_readers, desk_of
from yuefu.payments.gateways.callbacks import NotTrusted
from yuefu.runtime import books, vault
from yuefu.runtime.batch import is_outage
from yuefu.runtime.clock import system_now
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import CALLBACKS

LARGEST: Final = 64 * 1024
_KEPT_HEADERS: Final = 50

log = logger(__name__)


@csrf_exempt
@require_POST
def receive(request: HttpRequest, channel: str) -> HttpResponse:
    """POST /callbacks/CHANNEL. What is acknowledged is kept; whatever is not is sent again by the channel."""
    try:
        return _received(request, channel)
    except Problem as problem:
        CALLBACKS.labels(outcome=problem.code).inc()
        body = problem.body(request_id="", instance=request.path[:200])
        return JsonResponse(body, status=problem.kind.status, content_type="application/problem+json", headers=problem.all_headers())


def _received(request: HttpRequest, channel: str) -> HttpResponse:
    readers = callback_readers(vault.load(settings.YUEFU_KEYS_FILE))
    reader = readers.get(channel)
    if reader is None:
        raise Problem("unknown_callback_channel")
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise Problem("body_too_large")
    headers = {name.lower(): value for name, value in list(request.headers.items())[:_KEPT_HEADERS]}
    try:
        said = reader.read(headers=headers, body=body, now=system_now())
    except NotTrusted as error:
        log.warning("callback not trusted", channel=channel, code=error.code)
        raise Problem("callback_not_trusted") from error
    book = books.by_id(said.book_id)
    if book is None:
        raise Problem("callback_not_trusted")
    desk, now = desk_of(book, "callbacks"), books.now_in(book)
    kept = callbacks.receive(desk=desk, now=now, channel=channel, number=said.number, headers=headers, body=body)
    if isinstance(kept, Refused):
        raise Problem("no_open_day")
    CALLBACKS.labels(outcome="again" if kept.again else "kept").inc()
    if not kept.again:
        try:
            callbacks.handle(desk=desk, now=now, readers=readers, ids=[kept.id])
        except Exception as error:  # noqa: BLE001 - it is kept, and handled by the next round
            log.warning("callback waits", channel=channel, error=type(error).__name__, outage=is_outage(error))
    return JsonResponse({"received": True})
