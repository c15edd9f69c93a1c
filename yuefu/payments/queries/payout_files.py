"""Reads of files of payouts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.payments.queries.payouts import payouts_where
from yuefu.payments.rules import Payout, PayoutFile
from yuefu.runtime import sql
from yuefu.runtime.vault import Vault

_FILE = (
    "SELECT f.id, f.money_account_id, f.message_id, f.layout, f.execute_on, f.count, f.total_minor, f.sha256, f.state, f.made_by, f.made_at,"
    " f.cancelled_by, f.cancelled_at, f.reason, f.pays, f.currency FROM payments_payout_file AS f"
)


def _file(*row: Any) -> PayoutFile:
    *head, total, digest, state, by, at, cancelled_by, cancelled_at, reason, pays, currency = row
    return PayoutFile(*[*head, Money(total, currency), digest, state, by, at, cancelled_by, cancelled_at, reason, pays])


def payout_file(*, book_id: UUID, file_id: UUID | None = None, message_id: str | None = None, lock: bool = False) -> PayoutFile | None:
    """A file by its id or by the number that the bank answers to."""
    found = sql.rows_as(
        _file,
        _FILE + " WHERE f.book_id = %s AND (f.id = %s OR f.message_id = %s)" + (" FOR UPDATE" if lock else ""),
        [book_id, file_id, message_id],
    )
    return found[0] if found else None


def payout_file_content(*, file_id: UUID, vault: Vault) -> bytes:
    """The very bytes that were made."""
    sealed = sql.value("SELECT content FROM payments_payout_file WHERE id = %s", [file_id])
    return vault.open(bytes(sealed), table="payments_payout_file", column="content", row=file_id).encode()


@dataclass(frozen=True, slots=True)
class FileListed:
    """A file with how its payouts stand, by state, and when the bank answered last."""

    file: PayoutFile
    states: dict[str, int]
    answered_at: datetime | None


def payout_files(*, book_id: UUID, limit: int) -> list[FileListed]:
    """Files, the newest first."""
    files = sql.rows_as(_file, _FILE + " WHERE f.book_id = %s ORDER BY f.made_at DESC, f.id DESC LIMIT %s", [book_id, limit])
    wanted = [file.id for file in files]
    states: dict[UUID, dict[str, int]] = {}
    for file_id, state, count in sql.rows(
        "SELECT p.file_id, p.state, count(*) FROM payments_payout AS p WHERE p.file_id = ANY(%s) GROUP BY 1, 2 ORDER BY 2", [wanted]
    ):
        states.setdefault(file_id, {})[state] = count
    answered = dict(sql.rows("SELECT file_id, max(taken_at) FROM payments_payout_answer WHERE file_id = ANY(%s) GROUP BY 1", [wanted]))
    return [FileListed(file, states.get(file.id, {}), answered.get(file.id)) for file in files]


def payouts_of_file(*, book_id: UUID, file_id: UUID, lock: bool = False) -> list[Payout]:
    """What is in a file that holds, in the order of ids."""
    return payouts_where("p.file_id = %s", [file_id], book_id=book_id, lock=lock)


def answer_taken(*, book_id: UUID, sha256: str, message_id: str) -> str | None:
    """Who booked an answer of these bytes or this number of the bank before."""
    found = sql.rows(
        "SELECT taken_by FROM payments_payout_answer WHERE book_id = %s AND (sha256 = %s OR message_id = %s)", [book_id, sha256, message_id]
    )
    return found[0][0] if found else None
