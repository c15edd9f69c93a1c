"""Why a command failed, as a stable code, one sentence and an exit status."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import typer

FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

# Typer brings its own click since 0.26; BadParameter is what both have in public, and every mistake of a command line is a kin of it.
CommandLineError: Final[type[Exception]] = typer.BadParameter.__mro__[2]


@dataclass(frozen=True, slots=True)
class Fault:
    code: str
    detail: str
    status: int = FAILED


class CommandError(Exception):
    """A command cannot be done; `code` is stable, `detail` one sentence that says what to do."""

    def __init__(self, code: str, detail: str, status: int = FAILED) -> None:
        super().__init__(detail)
        self.fault = Fault(code, detail, status)


def fail(code: str, detail: str) -> NoReturn:
    """Ends a command with a code and a sentence."""
    raise CommandError(code, detail)


DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
DISK_FULL_STATE: Final = "53100"

# By name, because importing these classes would load the database driver for a command as small as `--help`.
_NAMED: Final = {
    "yuefu.runtime.databases.DatabaseError": "database_error",
    "yuefu.runtime.vault.VaultError": "vault_error",
    "yuefu.runtime.policies.MissingSetting": "missing_setting",
    "yuefu.notices.gateways.ports.GatewayUnfit": "badly_configured",
    "yuefu.ids.BadId": "bad_id",
    "yuefu.plans.faults.PlanError": "plan_error",
    "yuefu.sim.shifts.ProofFailed": "proof_failed",
    "yuefu.proofs.bench.UnknownBenchmark": "unknown_benchmark",
    "yuefu.sim.purchases.LogMissing": "log_missing",
    "psycopg.errors.LockNotAvailable": "busy",
    "psycopg.OperationalError": "database_unavailable",
    "psycopg.InterfaceError": "database_unavailable",
    "django.db.utils.OperationalError": "database_unavailable",
    "django.db.utils.InterfaceError": "database_unavailable",
    "django.core.exceptions.ImproperlyConfigured": "badly_configured",
}
_SENTENCES: Final = {
    "busy": "Somebody else is working on the same objects; try again in a moment.",
    "disk_full": "The disk of the database is full; make room, then try again.",
    "database_unavailable": "The database does not answer: {0}",
}


def fault_of(error: BaseException, request_id: str = "") -> Fault:
    """What to tell the caller about an exception. One that nobody expected is internal_error and says only its request id."""
    if isinstance(error, CommandError):
        return error.fault
    if isinstance(error, KeyboardInterrupt):
        return Fault("interrupted", "Interrupted; what was not finished was undone.", INTERRUPTED)
    if isinstance(error, CommandLineError | typer.Abort):
        return Fault("usage", _usage(error), USAGE)
    return _ours(error) or _full_disk(error) or _named(error) or _of_system(error) or _unexpected(request_id)


def _usage(error: BaseException) -> str:
    if type(error).__name__ == "NoArgsIsHelpError":
        return "a command is missing; `yuefu --help` lists them"
    said = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(str(said).split()) or "the command was aborted"


def _ours(error: BaseException) -> Fault | None:
    """An exception of this project that carries its own code, or a refusal that was raised."""
    refused: Any = getattr(error, "refused", None)
    told = refused if refused is not None else error
    code, detail = getattr(told, "code", None), getattr(told, "detail", None)
    if type(error).__module__.startswith("yuefu.") and isinstance(code, str) and isinstance(detail, str):
        line = getattr(error, "line_no", None)
        return Fault(code, f"line {line}: {detail}" if line else detail or code)
    return None


def _full_disk(error: BaseException) -> Fault | None:
    """A database tells of its full disk by a state of SQL, and Django keeps that in the cause of its own error."""
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "sqlstate", None) == DISK_FULL_STATE:
            return Fault("disk_full", _SENTENCES["disk_full"])
        cause = cause.__cause__
    return None


def _named(error: BaseException) -> Fault | None:
    for kind in type(error).__mro__:
        code = _NAMED.get(f"{kind.__module__}.{kind.__qualname__}")
        if code:
            said = " ".join(str(error).split()) or code
            return Fault(code, _SENTENCES.get(code, "{0}").format(said))
    return None


def _of_system(error: BaseException) -> Fault | None:
    if isinstance(error, BrokenPipeError):
        return Fault("pipe_closed", "Nobody reads the output any more.", PIPE_CLOSED)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return Fault("disk_full", f"The disk is full{_where(error)}; make room, then try again.")
    if isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        return Fault(
            "disk_full", "No temporary file can be written anywhere; make room in /tmp, or set TMPDIR to a directory on another disk."
        )
    if isinstance(error, PermissionError | FileNotFoundError | IsADirectoryError | NotADirectoryError) and error.filename:
        return Fault("file_error", f"{error.filename}: {error.strerror}")
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("yuefu"):
        return Fault("package_missing", f"The Python package {error.name} is missing; run `make install`.")
    if isinstance(error, MemoryError):
        return Fault("out_of_memory", "There is not enough memory for this.")
    return None


def _where(error: OSError) -> str:
    return f" ({error.filename})" if error.filename else ""


def _unexpected(request_id: str) -> Fault:
    return Fault("internal_error", f"Something went wrong that should not; request {request_id} (YUEFU_LOG=DEBUG logs where).")
