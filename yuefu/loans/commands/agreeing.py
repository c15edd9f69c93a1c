"""What was agreed of loans of rule version 2026-2: terms on sheets that many loans share, and the portfolio of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.loans.rules import Party
from yuefu.plans.lifecycle.plain import sheet_texts
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import locks, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import UnitOfWork

_PARTY_COLUMNS: Final = tuple(field.name for field in fields(Party))
AGREEMENT: Final = {
    "id": "uuid",
    "order_id": "uuid",
    "merchant_id": "uuid",
    "consumer_id": "uuid",
    "credit_account_id": "uuid",
    "funder_id": "uuid",
    "product": "text",
    "currency": "text",
    "origin": "text",
    "principal_minor": "bigint",
    "disbursed_on": "date",
    "first_due_on": "date",
    "due_days": "date[]",
    "sheet_id": "uuid",
}


def insert_agreements(work: UnitOfWork, agreed: Sequence[tuple[Party, LoanTerms]]) -> None:
    """Agreements as (party, terms), on sheets that may be there already."""
    sql.insert("loans_agreement", AGREEMENT, agreement_rows(work, agreed), same=agreed_now(work))


def agreement_rows(work: UnitOfWork, agreed: Sequence[tuple[Party, LoanTerms]]) -> list[tuple[Any, ...]]:
    """The columns of `AGREEMENT`, of (party, terms)."""
    texts = sheet_texts([terms for _, terms in agreed], dumps)
    sheets = sheets_of(work, set(texts))
    return [(*party_values(party), *own_values(terms), sheets[text]) for (party, terms), text in zip(agreed, texts, strict=True)]


def agreed_now(work: UnitOfWork) -> dict[str, tuple[str, Any]]:
    """What agreements of one command have in common."""
    return {"book_id": ("uuid", work.book.id)} | {"agreed_at": ("timestamptz", work.now), "agreed_on": ("date", work.day.on)}


def party_values(party: Party) -> tuple[Any, ...]:
    """Whose a loan is, as columns of its agreement."""
    return tuple(getattr(party, name) for name in _PARTY_COLUMNS)


def own_values(terms: LoanTerms) -> tuple[Any, ...]:
    """What of its terms is a loan's own, as columns of its agreement."""
    return terms.principal.minor, terms.disbursed_on, terms.first_due_on, _days_text(terms.due_days)


def _days_text(days: tuple[date, ...] | None) -> str | None:
    return None if days is None else sql.array([day.isoformat() for day in days], "date")


def sheets_of(work: UnitOfWork, texts: set[str]) -> dict[str, UUID]:
    """The sheets that have these texts, made where there is none."""
    digests = {hashlib.sha256(text.encode()).hexdigest(): text for text in sorted(texts)}
    rows = [(new, digest, text) for new, (digest, text) in zip(work.ids.many(work.now, len(digests)), sorted(digests.items()), strict=True)]
    columns = {"id": "uuid", "digest": "text", "terms": "json"}
    sql.insert("loans_sheet", columns, rows, same={"book_id": ("uuid", work.book.id)}, suffix="ON CONFLICT DO NOTHING")
    found = sql.rows("SELECT digest, id FROM loans_sheet WHERE book_id = %s AND digest = ANY(%s)", [work.book.id, sorted(digests)])
    return {digests[digest]: sheet_id for digest, sheet_id in found}


def portfolios(work: UnitOfWork, wanted: Iterable[tuple[UUID, str, str]]) -> dict[tuple[UUID, str, str], int]:
    """The numbers of portfolios by funder, product and currency, made where there is none."""
    keys = sorted(set(wanted))
    found = _portfolios(work.book.id, keys)
    missing = [key for key in keys if key not in found]
    if missing:
        locks.wait(locks.PORTFOLIOS, work.book.id)
        last: int = sql.value("SELECT coalesce(max(no), 0) FROM loans_portfolio WHERE book_id = %s", [work.book.id])
        columns = {"no": "integer", "funder_id": "uuid", "product": "text", "currency": "text"}
        rows = [(last + n, *key) for n, key in enumerate(missing, start=1)]
        sql.insert("loans_portfolio", columns, rows, same={"book_id": ("uuid", work.book.id)}, suffix="ON CONFLICT DO NOTHING")
        found = _portfolios(work.book.id, keys)
    return found


def _portfolios(book_id: UUID, keys: Sequence[tuple[UUID, str, str]]) -> dict[tuple[UUID, str, str], int]:
    if not keys:
        return {}
    source, params = sql.unnest({"funder_id": "uuid", "product": "text", "currency": "text"}, keys)
    return {
        (funder_id, product, currency): no
        for funder_id, product, currency, no in sql.rows(
            f"SELECT p.funder_id, p.product, p.currency, p.no FROM loans_portfolio p JOIN {source} AS given"
            " ON (p.funder_id, p.product, p.currency) = (given.funder_id, given.product, given.currency) WHERE p.book_id = %s",
            [*params, book_id],
        )
    }
