"""Reads of invoices and of the fees that they are for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.runtime import paging, sql
from yuefu.runtime.paging import Span
from yuefu.settlement.rules.invoices import Fees, Invoice, VersionFees, fees_of, last_of

_INVOICE = (
    "SELECT id, merchant_id, month, title, taxpayer_number, fees_minor, vat_minor, state, version, number, issued_on, red_number, voided_on, reason,"
    " requested_at, requested_by, currency FROM settlement_invoice"
)

Months = Sequence[tuple[UUID, date]]
"""Merchants, each with the first day of a month."""


def _invoice(*row: Any) -> Invoice:
    *head, fees, vat, state, version, number, issued, red, voided, reason, at, by, currency = row
    return Invoice(*[*head, Money(fees, currency), Money(vat, currency), state, version, number, issued, red, voided, reason, at, by])


def fees(*, book_id: UUID, months: Months, currency: str) -> dict[tuple[UUID, date], Fees]:
    """The fees of merchants in months, those without any included; by the day on which they were earned."""
    wanted = sorted(set(months))
    if not wanted:
        return {}
    named, params = sql.unnest(
        {"merchant_id": "uuid", "first": "date", "last": "date"}, [(merchant_id, month, last_of(month)) for merchant_id, month in wanted]
    )
    parts: dict[tuple[UUID, date], list[VersionFees]] = defaultdict(list)
    for merchant_id, month, version, captures, refunds, charged, given_back, vat in sql.rows(
        "SELECT g.merchant_id, g.first, i.contract_version, count(*) FILTER (WHERE i.kind = 'capture'), count(*) FILTER (WHERE i.kind = 'refund'),"
        " coalesce(sum(i.fee_minor) FILTER (WHERE i.kind = 'capture'), 0)::bigint,"
        " coalesce(-sum(i.fee_minor) FILTER (WHERE i.kind = 'refund'), 0)::bigint, sum(i.vat_minor)::bigint"
        f" FROM {named} AS g JOIN settlement_item AS i ON i.merchant_id = g.merchant_id AND i.earned_on BETWEEN g.first AND g.last"
        " WHERE i.book_id = %s AND i.kind IN ('capture', 'refund') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [*params, book_id],
    ):
        amounts = (Money(minor, currency) for minor in (charged, given_back, vat))
        parts[merchant_id, month].append(VersionFees(version, captures, refunds, *amounts))
    return {(merchant_id, month): fees_of(merchant_id, month, parts[merchant_id, month], currency) for merchant_id, month in wanted}


def live(*, book_id: UUID, months: Months) -> dict[tuple[UUID, date], Invoice]:
    """The invoices of merchants for months that were requested or issued, and not voided."""
    if not months:
        return {}
    named, params = sql.unnest({"merchant_id": "uuid", "month": "date"}, sorted(set(months)))
    found = sql.rows_as(
        _invoice,
        f"{_INVOICE} WHERE book_id = %s AND state <> 'voided' AND (merchant_id, month) IN (SELECT merchant_id, month FROM {named} AS g)",
        [book_id, *params],
    )
    return {(one.merchant_id, one.month): one for one in found}


def invoices(*, ids: Sequence[UUID], book_id: UUID | None = None, lock: bool = False) -> dict[UUID, Invoice]:
    """These invoices as far as this scope sees them, or as a book has them."""
    ending = " ORDER BY id FOR UPDATE" if lock else ""
    where = " WHERE id = ANY(%s) AND (%s::uuid IS NULL OR book_id = %s)"
    return {one.id: one for one in sql.rows_as(_invoice, _INVOICE + where + ending, [list(ids), book_id, book_id])}


def numbers_used(*, book_id: UUID, numbers: Sequence[str]) -> dict[str, UUID]:
    """Of numbers those by which an invoice, red or not, was made, and the invoice they stand for."""
    found = sql.rows(
        "SELECT number, id FROM settlement_invoice WHERE book_id = %s AND number = ANY(%s)"
        " UNION ALL SELECT red_number, id FROM settlement_invoice WHERE book_id = %s AND red_number = ANY(%s)",
        [book_id, list(numbers), book_id, list(numbers)],
    )
    return {number: invoice_id for number, invoice_id in found if number}


def listed(
    *,
    book_id: UUID,
    merchant_id: UUID | None = None,
    state: str | None = None,
    month: date | None = None,
    before: UUID | None = None,
    limit: int,
) -> list[Invoice]:
    """Invoices of a book, the latest request first, from behind one on; of one merchant, state or month where given."""
    tests: dict[str, Any] = {"book_id = %s": book_id}
    given = {"merchant_id = %s": merchant_id, "state = %s": state, "month = %s": month, "id < %s": before}
    tests |= {test: value for test, value in given.items() if value is not None}
    return sql.rows_as(_invoice, f"{_INVOICE} WHERE {' AND '.join(tests)} ORDER BY id DESC LIMIT %s", [*tests.values(), limit])


_FILTERS: Final = {"state": "state = %(state)s", "month": "month = %(month)s"}


def page(*, merchant_id: UUID, where: Mapping[str, Any], span: Span) -> list[Invoice] | None:
    """Invoices of a merchant, newest first, in a `state` or for a `month`; None where the span begins at none of them."""
    columns, _, table = _INVOICE.removeprefix("SELECT ").partition(" FROM ")
    return paging.page(
        _invoice, columns=columns, table=table, owner={"merchant_id": merchant_id}, conditions=_FILTERS, where=where, span=span
    )
