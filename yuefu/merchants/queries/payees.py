"""Reads of agents and hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from yuefu.merchants.rules.payees import Payee
from yuefu.runtime import sql

_IN_FORCE: Final = "FROM merchants_payee_account AS a WHERE a.book_id = p.book_id AND a.payee_id = p.id ORDER BY a.version DESC LIMIT 1"
_PAYEE: Final = f"p.id, p.code, p.kind, p.form, p.name_zh, p.name_en, p.parent_id, p.state, (SELECT a.number_masked {_IN_FORCE})"


def payees(*, book_id: UUID) -> list[Payee]:
    """All agents and hosts of a book, by code."""
    return sql.rows_as(Payee, f"SELECT {_PAYEE} FROM merchants_payee AS p WHERE book_id = %s ORDER BY code", [book_id])


def by_code(*, book_id: UUID, codes: Sequence[str] | None = None) -> dict[str, Payee]:
    """Agents and hosts by code, these or all; unknown codes are left out."""
    named = None if codes is None else list(codes)
    found = sql.rows_as(
        Payee,
        f"SELECT {_PAYEE} FROM merchants_payee AS p WHERE book_id = %s AND (%s::text[] IS NULL OR code = ANY(%s))",
        [book_id, named, named],
    )
    return {one.code: one for one in found}


def by_id(*, ids: Sequence[UUID]) -> dict[UUID, Payee]:
    """These agents and hosts; unknown ids are left out."""
    found = sql.rows_as(Payee, f"SELECT {_PAYEE} FROM merchants_payee AS p WHERE id = ANY(%s)", [list(ids)])
    return {one.id: one for one in found}


def lines(*, agent_ids: Sequence[UUID], book_id: UUID) -> dict[UUID, list[Payee]]:
    """Each agent of a book with those above it, itself first; unknown ids are left out."""
    if not agent_ids:
        return {}
    found = sql.rows(
        f"WITH RECURSIVE line AS (SELECT p.id AS of, 1 AS level, {_PAYEE} FROM merchants_payee AS p WHERE p.id = ANY(%s) AND p.book_id = %s"
        f" UNION ALL SELECT line.of, line.level + 1, {_PAYEE} FROM line JOIN merchants_payee AS p ON p.id = line.parent_id)"
        " SELECT * FROM line ORDER BY of, level",
        [list(agent_ids), book_id],
    )
    by_agent: dict[UUID, list[Payee]] = {}
    for of, _, *row in found:
        by_agent.setdefault(of, []).append(Payee(*row))
    return by_agent


def accounts(*, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """The keyed hashes of the accounts they are paid to, comparable with those of merchants."""
    found = sql.rows(f"SELECT p.id, (SELECT a.number_index {_IN_FORCE}) FROM merchants_payee AS p WHERE p.id = ANY(%s)", [list(ids)])
    return {row: bytes(index) for row, index in found}
