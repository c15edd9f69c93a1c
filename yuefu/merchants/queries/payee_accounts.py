"""Reads of the accounts that agents, hosts and funders are paid to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class PayeeAccount:
    """A version of the account that somebody with shares is paid to. `fault`: why a bank sent money back from it, on `flagged_on`; "" where it is good."""

    id: UUID
    party: str
    payee_id: UUID
    version: int
    kind: str
    holder: str
    bank_code: str
    masked: str
    valid_from: date
    flagged_on: date | None
    fault: str


_ACCOUNT: Final = "id, party, payee_id, version, kind, holder, bank_code, number_masked, valid_from, flagged_on, fault"


def in_force(*, book_id: UUID, payee_ids: Sequence[UUID]) -> dict[UUID, PayeeAccount]:
    """The account that each is paid to now: the latest version. A funder may have none."""
    found = sql.rows_as(
        PayeeAccount,
        f"SELECT DISTINCT ON (payee_id) {_ACCOUNT} FROM merchants_payee_account WHERE book_id = %s AND payee_id = ANY(%s)"
        " ORDER BY payee_id, version DESC",
        [book_id, list(payee_ids)],
    )
    return {account.payee_id: account for account in found}


def versions(*, book_id: UUID, payee_id: UUID) -> list[PayeeAccount]:
    """Every account that somebody was paid to, the first one first."""
    return sql.rows_as(
        PayeeAccount,
        f"SELECT {_ACCOUNT} FROM merchants_payee_account WHERE book_id = %s AND payee_id = %s ORDER BY version",
        [book_id, payee_id],
    )


def flagged(*, book_id: UUID) -> list[UUID]:
    """Those whose account a bank sent money back from, in the order of ids: they are paid nothing until they have another."""
    found = sql.rows(
        "SELECT a.payee_id FROM merchants_payee_account AS a WHERE a.book_id = %s AND a.flagged_on IS NOT NULL AND NOT EXISTS ("
        "SELECT FROM merchants_payee_account AS later WHERE later.book_id = a.book_id AND later.payee_id = a.payee_id"
        " AND later.version > a.version) ORDER BY 1",
        [book_id],
    )
    return [row[0] for row in found]


def is_of_a_merchant(*, book_id: UUID, index: bytes) -> bool:
    """Whether an account, by its keyed hash, is or was one that a merchant of the book is paid to."""
    found: bool = sql.value("SELECT EXISTS (SELECT FROM merchants_account WHERE book_id = %s AND number_index = %s)", [book_id, index])
    return found
