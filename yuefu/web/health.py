"""Probes: is the process alive, can it serve, and its metrics."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from yuefu.runtime import metrics as measured
from yuefu.runtime import vault
from yuefu.runtime.clock import stopwatch
from yuefu.runtime.databases import ROLES
from yuefu.runtime.logs import logger

_log = logger(__name__)
_FORWARDED: Final = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")


class NotReady(Exception):
    """A check failed, for a reason that is safe to say in the log."""


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process is alive. Touches nothing else, so that a database that is down restarts nobody."""
    del request
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 if this process can serve, else 503; each check with its time. Why one failed stands in the log, not in the answer."""
    del request
    checks = {name: _checked(name, check) for name, check in _checks().items()}
    ready = all(result["ok"] for result in checks.values())
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


def _checks() -> dict[str, Callable[[], None]]:
    logins = {role.removeprefix("yuefu_"): alias for alias, role in ROLES.items()}
    found: dict[str, Callable[[], None]] = {name: _login_check(alias) for name, alias in logins.items()}
    return {**found, "migrations": _migrations_applied, "keys": _keys_readable}


def _checked(name: str, check: Callable[[], None]) -> dict[str, bool | int]:
    began = stopwatch()
    try:
        check()
        ok = True
    except Exception as error:  # noqa: BLE001 - whatever it is, this process is not ready, and the log says why
        ok = False
        _log.warning("not ready", check=name, error=f"{type(error).__name__}: {error}".splitlines()[0])
    return {"ok": ok, "ms": round((stopwatch() - began) * 1000)}


def _login_check(alias: str) -> Callable[[], None]:
    def reachable() -> None:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")

    return reachable


def _migrations_applied() -> None:
    missing = _known_migrations() - set(MigrationRecorder(connections["default"]).applied_migrations())
    if missing:
        raise NotReady(f"{len(missing)} migrations are not applied; run `yuefu migrate`")


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """The migrations of the code that runs; they do not change while it does."""
    return frozenset(MigrationLoader(None).graph.nodes)


def _keys_readable() -> None:
    vault.load(Path(settings.YUEFU_KEYS_FILE))


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The metrics of the installation, for a caller on this machine or with the token; for anybody else there is no such page."""
    if not (_is_local(request) or _has_token(request)):
        return HttpResponse("Not found.", status=404, content_type="text/plain; charset=utf-8")
    body, content_type = measured.exposition(shared="PROMETHEUS_MULTIPROC_DIR" in os.environ)
    return HttpResponse(body, content_type=content_type)


def _is_local(request: HttpRequest) -> bool:
    """A request that a proxy on this machine hands on comes from 127.0.0.1 as well; it is not local."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _has_token(request: HttpRequest) -> bool:
    token = str(getattr(settings, "YUEFU_METRICS_TOKEN", os.environ.get("YUEFU_METRICS_TOKEN", "")))
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
