"""Whatever goes wrong is one code and one sentence."""

from __future__ import annotations

import errno
import io
import sys

import psycopg
import pytest
from django.db import OperationalError

from tests.cli.conftest import Command, Town
from yuefu.cli import demo
from yuefu.cli.faults import INTERRUPTED, PIPE_CLOSED, fault_of
from yuefu.cli.main import main
from yuefu.errors import Refused, RefusedError
from yuefu.runtime.cluster import ClusterError
from yuefu.runtime.databases import DatabaseError
from yuefu.runtime.vault import VaultError


def _caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RefusedError(Refused("limit", "too much")), "limit"),
        (ClusterError("disk_full", "The disk is full."), "disk_full"),
        (DatabaseError("cannot connect"), "database_error"),
        (VaultError("there is no key file"), "vault_error"),
        (KeyboardInterrupt(), "interrupted"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "pipe_closed"),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "disk_full"),
        (_caused(OperationalError("could not extend file"), psycopg.errors.DiskFull("could not extend file")), "disk_full"),
        (psycopg.errors.DiskFull("could not extend file"), "disk_full"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "disk_full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "file_error"),
        (psycopg.OperationalError("server closed the connection"), "database_unavailable"),
        (psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"), "busy"),
        (ModuleNotFoundError("No module named 'granian'", name="granian"), "package_missing"),
        (ModuleNotFoundError("No module named 'yuefu.moon'", name="yuefu.moon"), "internal_error"),
        (AssertionError("the books do not balance"), "internal_error"),
        (KeyError("secret"), "internal_error"),
    ],
)
def test_an_exception_becomes_a_code_and_a_sentence(error: BaseException, code: str) -> None:
    fault = fault_of(error, "r1")
    assert fault.code == code
    assert fault.detail
    assert "\n" not in fault.detail
    assert fault.status != 0


def test_what_nobody_expected_says_only_its_request_id() -> None:
    fault = fault_of(KeyError("the secret cause"), "abc123")
    assert "abc123" in fault.detail
    assert "secret cause" not in fault.detail


def test_ctrl_c_ends_a_command_with_its_own_status(raw: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("yuefu.cli.inputs.file_content", interrupted)
    answer = raw("reconcile", "x", "--json")
    assert (answer.status, answer.code) == (INTERRUPTED, "interrupted")


def test_a_bug_is_reported_without_its_traceback(raw: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret cause")

    monkeypatch.setattr("yuefu.cli.inputs.file_content", broken)
    answer = raw("reconcile", "x", "--json")
    assert (answer.status, answer.code) == (1, "internal_error")
    assert "secret cause" not in answer.out + answer.err
    assert "Traceback" not in answer.out + answer.err


def test_the_debug_log_says_where_a_bug_is(raw: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret cause")

    monkeypatch.setenv("YUEFU_LOG", "DEBUG")
    monkeypatch.setattr("yuefu.cli.inputs.file_content", broken)
    answer = raw("reconcile", "x", "--json")
    assert "the secret cause" in answer.err
    assert answer.code == "internal_error"


def test_a_reader_that_goes_away_is_no_crash(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Gone())
    assert main(["ledger", "trial-balance", "--json", "--book", town.book]) == PIPE_CLOSED


@pytest.mark.parametrize(
    ("played", "wrong"),
    [
        ({"proofs": {"a": True, "orders_traced": "3/3"}}, []),
        ({"proofs": {"a": False, "orders_traced": "3/3"}}, ["a"]),
        ({"proofs": {"orders_traced": "2/3"}}, ["orders_traced"]),
        ({"proofs": {"orders_traced": "many"}}, ["orders_traced"]),
        ({"proofs": {"a": "yes"}}, ["a"]),
        ({"proofs": {"a": 1}}, ["a"]),
        ({}, ["proofs"]),
        ({"proofs": {"a": True}, "faults": {"injected": {"x": 1}, "found": {"x": 0}}}, ["faults_found"]),
        ({"proofs": {"a": True}, "faults": {"injected": {"x": 1}, "found": {"x": 1}, "same_references": {"x": False}}}, ["faults_found"]),
        ({"proofs": {"a": True}, "faults": {"injected": {"x": 1}, "found": {"x": 1}, "same_references": {"x": True}}}, []),
    ],
)
def test_a_world_is_proven_only_when_every_proof_holds(played: dict[str, object], wrong: list[str]) -> None:
    assert demo.failed_proofs(played) == wrong
