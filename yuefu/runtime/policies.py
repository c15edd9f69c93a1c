"""Versioned settings: the numbers of the business, kept as rows in force from a date, changed only with a second approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused
from yuefu.runtime import approvals, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

UNKNOWN_SETTING = "unknown_setting"
VALID_FROM_PASSED = "valid_from_passed"  # what was decided by a version stays decided: a new one begins today at the earliest
ACTION: Final = "setting.change"


class MissingSetting(LookupError):
    """A setting that this book was never given."""


def in_force(*, book_id: UUID, name: str, on: date) -> tuple[int, Any]:
    """Version and value in force on a date; raises MissingSetting."""
    found = sql.rows(
        "SELECT version, value FROM runtime_setting WHERE book_id = %s AND name = %s AND valid_from <= %s ORDER BY version DESC LIMIT 1",
        [book_id, name, on],
    )
    if not found:
        raise MissingSetting(f"setting {name} has no version in force on {on}")
    return found[0][0], found[0][1]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a setting, in force from `valid_from` until the next one is."""

    name: str
    version: int
    value: Any
    valid_from: date


def listed(*, book_id: UUID, on: date) -> list[Version]:
    """Every setting of a book with its version in force on a date, by name."""
    return sql.rows_as(
        Version,
        "SELECT DISTINCT ON (name) name, version, value, valid_from FROM runtime_setting WHERE book_id = %s AND valid_from <= %s"
        " ORDER BY name, version DESC",
        [book_id, on],
    )


def is_known(*, book_id: UUID, name: str) -> bool:
    """Whether a book was ever given this setting."""
    return bool(sql.rows("SELECT 1 FROM runtime_setting WHERE book_id = %s AND name = %s LIMIT 1", [book_id, name]))


def establish(*, work: UnitOfWork, name: str, value: Any, valid_from: date) -> None:
    """The first version of a setting, given when a book is made. Later ones need `propose` and `decide`."""
    _write(work, name, 1, value, valid_from, None)


def propose(*, work: UnitOfWork, name: str, value: Any, valid_from: date, reason: str) -> UUID | Refused:
    """Asks for a new version; nothing changes until a second person approves."""
    if not is_known(book_id=work.book.id, name=name):
        return Refused(UNKNOWN_SETTING, f"this book has no setting {name}", "name")
    if valid_from < work.day.on:
        return Refused(VALID_FROM_PASSED, f"a version begins on {work.day.on} at the earliest", "valid_from")
    content = {"name": name, "value": value, "valid_from": valid_from}
    return approvals.request(work=work, action=ACTION, object_kind="setting", object_id=None, content=content, reason=reason)


def decide(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> int | Refused:
    """Approves or rejects a proposal. Returns the latest version, in force from its day (unchanged after a rejection).

    Refused as `approvals.decide` refuses, and with valid_from_passed where it comes too late to approve: reject it and ask anew.
    """
    asked = approvals.by_id(book_id=work.book.id, approval_id=approval_id)
    if approve and asked is not None and asked.action == ACTION and asked.state == "waiting" and _passed(asked.content, work.day.on):
        return Refused(VALID_FROM_PASSED, f"it was to begin on {asked.content['valid_from']}; reject it and ask anew", "valid_from")
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason, action=ACTION)
    if isinstance(decided, Refused):
        return decided
    name = decided.content["name"]
    latest: int = sql.value("SELECT max(version) FROM runtime_setting WHERE book_id = %s AND name = %s", [work.book.id, name])
    if not approve:
        return latest
    _write(work, name, latest + 1, decided.content["value"], date.fromisoformat(decided.content["valid_from"]), approval_id)
    return latest + 1


def _passed(content: Mapping[str, Any], on: date) -> bool:
    return date.fromisoformat(content["valid_from"]) < on


def _write(work: UnitOfWork, name: str, version: int, value: Any, valid_from: date, approval_id: UUID | None) -> None:
    sql.run(
        "INSERT INTO runtime_setting (id, book_id, name, version, value, valid_from, approval_id, recorded_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [work.ids.new(work.now), work.book.id, name, version, dumps(value), valid_from, approval_id, work.now],
    )
