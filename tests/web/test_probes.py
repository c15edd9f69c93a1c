"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import close_old_connections, connections
from django.test import Client, override_settings
from structlog.testing import capture_logs

from yuefu.runtime.databases import django_databases

CHECKS = {"writer", "reader", "staff", "migrations", "keys"}


def failed(response: object) -> set[str]:
    return {name for name, result in response.json()["checks"].items() if not result["ok"]}  # type: ignore[attr-defined]


def test_a_process_that_lives_says_ok() -> None:
    response = Client().get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok")


def test_a_process_is_ready_when_every_check_passes(vault_file: Path) -> None:
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert response.json()["ready"] is True
    assert response.json()["checks"].keys() == CHECKS


def test_without_its_keys_it_is_not_ready_and_only_the_log_says_where_they_should_be(tmp_path: Path) -> None:
    with override_settings(YUEFU_KEYS_FILE=tmp_path / "absent.json"), capture_logs() as lines:
        response = Client().get("/readyz")
    assert response.status_code == 503
    assert failed(response) == {"keys"}
    assert "absent.json" not in response.content.decode()
    assert "absent.json" in str(lines)


@pytest.mark.parametrize(("alias", "check"), [("reader", "reader"), ("staff", "staff"), ("default", "writer")])
def test_a_login_that_cannot_connect_is_named(vault_file: Path, alias: str, check: str) -> None:
    connections[alias].close()
    right = connections[alias].settings_dict["PASSWORD"]
    connections[alias].settings_dict["PASSWORD"] = "wrong"
    try:
        response = Client().get("/readyz")
    finally:
        connections[alias].settings_dict["PASSWORD"] = right
    assert response.status_code == 503
    assert failed(response) == ({"writer", "migrations"} if check == "writer" else {check})
    assert Client().get("/readyz").status_code == 200, "it recovers by itself"
    assert django_databases()[alias]["PASSWORD"] == right


def test_it_recovers_after_the_database_ended_its_connection(vault_file: Path, as_role: object) -> None:
    assert Client().get("/readyz").status_code == 200
    with connections["staff"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    killer = as_role("staff")  # type: ignore[operator]
    killer.execute("SELECT pg_terminate_backend(%s)", [pid])
    close_old_connections()  # what a server does as a request begins, and the test client does not
    assert Client().get("/readyz").status_code == 200


def test_a_missing_migration_is_not_ready(vault_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from yuefu.web import health

    known = health._known_migrations()
    monkeypatch.setattr(health, "_known_migrations", lambda: known | {("ledger", "9999_tomorrow")})
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert failed(response) == {"migrations"}


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, 404),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.9"}, 404),
        ("203.0.113.9", {}, 404),
        ("", {}, 404),
        ("203.0.113.9", {"Authorization": "Bearer right-token"}, 200),
        ("203.0.113.9", {"Authorization": "bearer right-token"}, 200),
        ("203.0.113.9", {"Authorization": "Bearer wrong"}, 404),
        ("203.0.113.9", {"Authorization": "Bearer "}, 404),
        ("203.0.113.9", {"Authorization": "Basic right-token"}, 404),
    ],
)
def test_metrics_are_for_this_machine_or_for_the_token(
    monkeypatch: pytest.MonkeyPatch, address: str, headers: dict[str, str], status: int
) -> None:
    with override_settings(YUEFU_METRICS_TOKEN="right-token"):
        response = Client().get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert response.status_code == status
    assert (b"yuefu_http_requests_total" in response.content) == (status == 200)


@pytest.mark.parametrize("authorization", ["Bearer ", "Bearer", ""])
def test_without_a_token_in_the_settings_an_empty_one_opens_nothing(authorization: str) -> None:
    with override_settings(YUEFU_METRICS_TOKEN=""):
        response = Client().get("/metrics", headers={"Authorization": authorization}, REMOTE_ADDR="203.0.113.9")
    assert response.status_code == 404
