"""Reads of offers; every answer is a frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from yuefu.dates.daycount import DayCount
from yuefu.frozen import made_quickly
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers.rules.disclosure import Disclosure
from yuefu.offers.rules.product import DRAFT, Product, ProductTerms
from yuefu.plans.lifecycle.choices import LateTerms
from yuefu.runtime import sql

_PRODUCT = (
    "id, version, state, code, name_zh, name_en, payer, annual_rate_ppm, periods, currency, minimum_minor, maximum_minor, day_count,"
    " min_gap_days, rule_version, jurisdiction, lender_zh, lender_en, lender_licence, late_fee_minor, late_rate_ppm, late_grace_days, late_most_ppm"
)


@dataclass(frozen=True, slots=True)
class StoredDisclosure:
    """A cost table as it was shown first."""

    id: UUID
    product_id: UUID
    disclosure: Disclosure
    first_shown_at: datetime


@dataclass(frozen=True, slots=True)
class StoredQuote:
    """One showing of a cost table. `consumer_id` is None where it was shown to nobody in particular; `shown_to` is then all zeros."""

    id: UUID
    disclosure_id: UUID
    merchant_id: UUID
    consumer_id: UUID | None
    shown_to: UUID
    language: str
    shown_at: datetime
    shown_on: date


@made_quickly
@dataclass(frozen=True, slots=True)
class AgreedQuote:
    """Of a showing, what an order that agrees to it must name, and which cost table it was by its hash."""

    id: UUID
    disclosure_id: UUID
    merchant_id: UUID
    consumer_id: UUID | None
    shown_to: UUID
    shown_on: date
    product_id: UUID
    table_hash: bytes


def products(*, ids: Sequence[UUID]) -> dict[UUID, Product]:
    """These product versions; unknown ids are left out."""
    found = sql.rows_as(_product, f"SELECT {_PRODUCT} FROM offers_product WHERE id = ANY(%s)", [list(ids)])
    return {product.id: product for product in found}


def published(*, book_id: UUID, codes: Sequence[str]) -> dict[str, Product]:
    """Code → the latest published version; a code without one is left out."""
    found = sql.rows_as(
        _product,
        f"SELECT DISTINCT ON (code) {_PRODUCT} FROM offers_product WHERE book_id = %s AND code = ANY(%s) AND state = 'published'"
        " ORDER BY code, version DESC",
        [book_id, list(codes)],
    )
    return {product.terms.code: product for product in found}


def on_offer(*, book_id: UUID) -> dict[str, Product]:
    """Every product that is offered, its latest published version by code, in the order of codes."""
    found = sql.rows_as(
        _product,
        f"SELECT DISTINCT ON (code) {_PRODUCT} FROM offers_product WHERE book_id = %s AND state = 'published' ORDER BY code, version DESC",
        [book_id],
    )
    return {product.terms.code: product for product in found}


def versions(*, book_id: UUID) -> list[Product]:
    """Every version of every product of a book, by code and version."""
    return sql.rows_as(_product, f"SELECT {_PRODUCT} FROM offers_product WHERE book_id = %s ORDER BY code, version", [book_id])


def drafts_held(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Product]:
    """These product versions of a book, locked in order of id until the transaction ends."""
    found = sql.rows_as(
        _product,
        f"SELECT {_PRODUCT} FROM offers_product WHERE book_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
        [book_id, sorted(set(ids))],
    )
    return {product.id: product for product in found}


def lent_by(*, book_id: UUID, codes: Sequence[str] = (), of_ids: Sequence[UUID] = ()) -> dict[str, str]:
    """The rule version by which products of a book are lent, or were: that of the versions of a code that were ever on offer. Products are named
    by code, or by a version of theirs.

    All versions of these products are locked in order of id until the transaction ends, so that no two go on offer at once that differ in
    it: ask this before any of them is locked by itself.
    """
    found = sql.rows(
        "SELECT code, rule_version, state FROM offers_product WHERE book_id = %(book)s AND (code = ANY(%(codes)s)"
        " OR code IN (SELECT code FROM offers_product WHERE book_id = %(book)s AND id = ANY(%(ids)s))) ORDER BY id FOR NO KEY UPDATE",
        {"book": book_id, "codes": sorted(set(codes)), "ids": sorted(set(of_ids))},
    )
    return {code: rule_version for code, rule_version, state in found if state != DRAFT}


def disclosures(*, ids: Sequence[UUID], book_id: UUID | None = None) -> dict[UUID, StoredDisclosure]:
    """Cost tables as shown, of one book where it is named; unknown ids are left out."""
    found = sql.rows(
        "SELECT id, product_id, content, hash, template_version, first_shown_at FROM offers_disclosure"
        " WHERE id = ANY(%(ids)s) AND (%(book)s::uuid IS NULL OR book_id = %(book)s)",
        {"ids": list(ids), "book": book_id},
    )
    return {
        row_id: StoredDisclosure(row_id, product_id, Disclosure(text, bytes(digest), template), at)
        for row_id, product_id, text, digest, template, at in found
    }


def quotes(*, ids: Sequence[UUID], book_id: UUID) -> dict[UUID, StoredQuote]:
    """What was shown, of one book; unknown ids are left out."""
    found = sql.rows_as(
        StoredQuote,
        "SELECT id, disclosure_id, merchant_id, consumer_id, shown_to, language, shown_at, shown_on FROM offers_quote"
        " WHERE book_id = %s AND id = ANY(%s)",
        [book_id, list(ids)],
    )
    return {quote.id: quote for quote in found}


def agreed(*, ids: Sequence[UUID], book_id: UUID) -> dict[UUID, AgreedQuote]:
    """What was shown, of one book, as far as an order names it; unknown ids are left out."""
    found = sql.rows_as(
        AgreedQuote,
        # One way into each key, whatever the statistics say.
        "SELECT q.id, q.disclosure_id, q.merchant_id, q.consumer_id, q.shown_to, q.shown_on, q.product_id, q.hash FROM unnest(%s::uuid[]) AS g (id)"
        " CROSS JOIN LATERAL (SELECT q.*, d.product_id, d.hash FROM offers_quote q JOIN offers_disclosure d ON d.id = q.disclosure_id"
        " WHERE q.id = g.id AND q.book_id = %s OFFSET 0) AS q",
        [list(ids), book_id],
    )
    return {quote.id: quote for quote in found}


def _product(
    product_id: UUID,
    version: int,
    state: str,
    code: str,
    name_zh: str,
    name_en: str,
    payer: str,
    annual_rate_ppm: int,
    periods: list[int],
    currency: str,
    minimum_minor: int,
    maximum_minor: int,
    day_count: str,
    min_gap_days: int,
    rule_version: str,
    jurisdiction: str,
    lender_zh: str,
    lender_en: str,
    lender_licence: str,
    late_fee_minor: int,
    late_rate_ppm: int,
    late_grace_days: int,
    late_most_ppm: int | None,
) -> Product:
    fee = Money(late_fee_minor, currency) if late_fee_minor else None
    most = Rate(late_most_ppm) if late_most_ppm is not None else None
    terms = ProductTerms(
        code=code,
        name_zh=name_zh,
        name_en=name_en,
        payer=payer,
        annual_rate=Rate(annual_rate_ppm),
        periods=tuple(periods),
        minimum=Money(minimum_minor, currency),
        maximum=Money(maximum_minor, currency),
        day_count=DayCount(day_count),
        min_gap_days=min_gap_days,
        rule_version=rule_version,
        jurisdiction=jurisdiction,
        lender_zh=lender_zh,
        lender_en=lender_en,
        lender_licence=lender_licence,
        late=LateTerms(fee=fee, interest=Rate(late_rate_ppm), grace_days=late_grace_days, cap=most),
    )
    return Product(product_id, version, state, terms)
