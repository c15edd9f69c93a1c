"""Writes of offers: drafting, publishing and retiring products; keeping what was shown, and to whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.offers import queries
from yuefu.offers.rules import product as rules
from yuefu.offers.rules.caps import cap_fault, dearest
from yuefu.offers.rules.product import Product, ProductTerms
from yuefu.offers.rules.quote import Quote
from yuefu.offers.rules.wording import Language
from yuefu.plans.caps import NO_CAP_KNOWN, cap_in_force
from yuefu.runtime import approvals, audit, keys, outbox, policies, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.outbox import Event
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.values import UnitOfWork

UNKNOWN_PRODUCT: Final = "unknown_product"
NOT_ALLOWED_FROM_STATE: Final = "not_allowed_from_state"
NOT_A_PUBLICATION: Final = "not_a_publication"
CAPS: Final = "offers.caps"
"""The setting with the legal caps: {"CN": [{"from": "2026-01-01", "measure": "compound_irr", "max_pct": "24"}]}."""
PUBLISH: Final = "product.publish"
"""The action of the approval that a publication needs."""


@dataclass(frozen=True, slots=True)
class DraftProduct:
    key: str
    terms: ProductTerms


@dataclass(frozen=True, slots=True)
class Publication:
    """A draft that shall be offered; `reason` is for the second person."""

    product_id: UUID
    reason: str


@dataclass(frozen=True, slots=True)
class Showing:
    """A price that a merchant shows to a consumer, or to nobody in particular, in a language."""

    quote: Quote
    merchant_id: UUID
    consumer_id: UUID | None
    language: Language


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a showing: the record of it, and the cost table that it shares with every equal one."""

    quote_id: UUID
    disclosure_id: UUID


def draft_products(*, work: UnitOfWork, products: Sequence[DraftProduct]) -> list[UUID | Refused]:
    """Drafts product versions: a code that exists gets its next version. Returns the ids. Refused with the codes of `rules.product`; with
    rule_version_changed where the code is lent by another one."""
    new_ids = work.ids.many(work.now, len(products))

    def decide(fresh: list[int]) -> Mapping[int, UUID | Refused]:
        return _draft(work, {i: (new_ids[i], products[i].terms) for i in fresh})

    return keys.answer(
        work=work,
        scope="offers.draft_products",
        requests=products,
        object_ids=new_ids,
        decide=decide,
        recall=lambda known: {product_id: product_id for product_id in known},
    )


def _draft(work: UnitOfWork, given: Mapping[int, tuple[UUID, ProductTerms]]) -> dict[int, UUID | Refused]:
    outcomes: dict[int, UUID | Refused] = {}
    drafts: list[tuple[UUID, int, ProductTerms]] = []
    latest: dict[str, int] = dict(
        sql.rows(
            "SELECT code, max(version) FROM offers_product WHERE book_id = %s AND code = ANY(%s) GROUP BY code",
            [work.book.id, [terms.code for _, terms in given.values()]],
        )
    )
    lent_by = queries.lent_by(book_id=work.book.id, codes=list(latest))
    for i, (product_id, terms) in given.items():
        fault = rules.terms_fault(terms, currency=work.book.currency) or rules.rule_version_fault(terms, lent_by.get(terms.code))
        if fault:
            outcomes[i] = fault
            continue
        latest[terms.code] = latest.get(terms.code, 0) + 1
        drafts.append((product_id, latest[terms.code], terms))
        outcomes[i] = product_id
    _insert(work, drafts)
    audit.record(work=work, action="offers.draft_products", object_kind="product", object_ids=[row[0] for row in drafts])
    return outcomes


def _insert(work: UnitOfWork, drafts: Sequence[tuple[UUID, int, ProductTerms]]) -> None:
    columns = {
        "id": "uuid", "book_id": "uuid", "code": "text", "version": "integer", "name_zh": "text", "name_en": "text", "payer": "text",
        "annual_rate_ppm": "integer", "periods": "jsonb", "currency": "text", "minimum_minor": "bigint", "maximum_minor": "bigint",
        "day_count": "text", "min_gap_days": "smallint", "rule_version": "text", "jurisdiction": "text", "lender_zh": "text",
        "lender_en": "text", "lender_licence": "text", "state": "text", "created_by": "text", "created_at": "timestamptz",
        "late_fee_minor": "bigint", "late_rate_ppm": "integer", "late_grace_days": "smallint", "late_most_ppm": "integer",
    }  # fmt: skip
    rows = [
        (
            row, work.book.id, t.code, version, t.name_zh, t.name_en, t.payer, t.annual_rate.ppm, dumps(t.periods), t.currency,
            t.minimum.minor, t.maximum.minor, t.day_count.value, t.min_gap_days, t.rule_version, t.jurisdiction, t.lender_zh, t.lender_en,
            t.lender_licence, rules.DRAFT, work.by.label, work.now, t.late.fee.minor if t.late.fee else 0, t.late.interest.ppm, t.late.grace_days,
            t.late.cap.ppm if t.late.cap else None,
        )
        for row, version, t in drafts
    ]  # fmt: skip
    sql.insert("offers_product", columns, rows)


def propose_publications(*, work: UnitOfWork, publications: Sequence[Publication]) -> list[UUID | Refused]:
    """Asks for publications; nothing is offered until a second person decides with `decide_publication`. Returns the approvals.

    Refused with UNKNOWN_PRODUCT, NOT_ALLOWED_FROM_STATE, RULE_VERSION_CHANGED, NO_CAP_KNOWN or ABOVE_CAP.
    """
    wanted = [publication.product_id for publication in publications]
    lent_by = queries.lent_by(book_id=work.book.id, of_ids=wanted)
    held = queries.drafts_held(book_id=work.book.id, ids=wanted)
    outcomes: list[UUID | Refused] = []
    for publication in publications:
        product = held.get(publication.product_id)
        fault = _publication_fault(work, product, lent_by)
        if fault or product is None:
            outcomes.append(fault or _unknown())
        else:
            outcomes.append(_request(work, product, publication.reason))
    return outcomes


def _unknown() -> Refused:
    return Refused(UNKNOWN_PRODUCT, "there is no such product in this book", "product_id")


def _publication_fault(work: UnitOfWork, product: Product | None, lent_by: Mapping[str, str]) -> Refused | None:
    if product is None:
        return _unknown()
    if (product.state, rules.PUBLISHED) not in rules.TRANSITIONS:
        return Refused(NOT_ALLOWED_FROM_STATE, f"a {product.state} product is not published", "product_id")
    if changed := rules.rule_version_fault(product.terms, lent_by.get(product.terms.code)):
        return changed
    try:
        _, table = policies.in_force(book_id=work.book.id, name=CAPS, on=work.day.on)
    except MissingSetting as error:
        return Refused(NO_CAP_KNOWN, str(error), "product_id")
    cap = cap_in_force(table, jurisdiction=product.terms.jurisdiction, on=work.day.on)
    return cap if isinstance(cap, Refused) else cap_fault(product, cap=cap, on=work.day.on)


def _request(work: UnitOfWork, product: Product, reason: str) -> UUID:
    """What the second person reads: the product, and what its dearest plan costs."""
    _, table = policies.in_force(book_id=work.book.id, name=CAPS, on=work.day.on)
    cap = cap_in_force(table, jurisdiction=product.terms.jurisdiction, on=work.day.on)
    assert not isinstance(cap, Refused), "the cap was found a moment ago"
    worst = dearest(product.terms, cap=cap, on=work.day.on)
    content = {"product": product, "cap": cap, "worst_cost": worst.cost}
    return approvals.request(work=work, action=PUBLISH, object_kind="product", object_id=product.id, content=content, reason=reason)


def decide_publication(*, work: UnitOfWork, approval_id: UUID, approve: bool, reason: str) -> UUID | Refused | None:
    """Approves a publication, which puts the draft on offer, or rejects it. Returns the product; None after a rejection.

    Refused as `approvals.decide`. Raises RefusedError where the approval is of something else (NOT_A_PUBLICATION) or the product may no
    longer be published, the cap in force today included: the transaction rolls back and the request goes on waiting.
    """
    decided = approvals.decide(work=work, approval_id=approval_id, approve=approve, reason=reason)
    if isinstance(decided, Refused):
        return decided
    if decided.action != PUBLISH or decided.object_id is None:
        raise RefusedError(Refused(NOT_A_PUBLICATION, f"this approval is about {decided.action}", "approval_id"))
    return _publish(work, decided.object_id, approval_id) if approve else None


def _publish(work: UnitOfWork, product_id: UUID, approval_id: UUID) -> UUID:
    lent_by = queries.lent_by(book_id=work.book.id, of_ids=[product_id])
    product = queries.drafts_held(book_id=work.book.id, ids=[product_id]).get(product_id)
    fault = _publication_fault(work, product, lent_by)
    if fault or product is None:
        raise RefusedError(fault or _unknown())
    sql.run(
        "UPDATE offers_product SET state = 'published', approval_id = %s, published_at = %s WHERE id = %s",
        [approval_id, work.now, product_id],
    )
    outbox.emit(work=work, events=[Event("product.published", "product", product_id, 1, _snapshot(product, rules.PUBLISHED))])
    audit.record(work=work, action="offers.publish", object_kind="product", object_ids=[product_id], detail={"approval": approval_id})
    return product_id


def _snapshot(product: Product, state: str) -> dict[str, Any]:
    return {"id": product.id, "code": product.terms.code, "version": product.version, "state": state}


def retire(*, work: UnitOfWork, product_ids: Sequence[UUID]) -> list[UUID | Refused]:
    """published → retired: not offered any more; loans made under it go on. Refused with UNKNOWN_PRODUCT or NOT_ALLOWED_FROM_STATE."""
    held = queries.drafts_held(book_id=work.book.id, ids=product_ids)
    outcomes: list[UUID | Refused] = []
    retiring: dict[UUID, Product] = {}
    for product_id in product_ids:
        product = held.get(product_id)
        if product is None:
            outcomes.append(_unknown())
        elif (product.state, rules.RETIRED) not in rules.TRANSITIONS or product_id in retiring:
            outcomes.append(Refused(NOT_ALLOWED_FROM_STATE, "only a published product is retired, and once", "product_id"))
        else:
            retiring[product_id] = product
            outcomes.append(product_id)
    sql.run("UPDATE offers_product SET state = 'retired', retired_at = %s WHERE id = ANY(%s)", [work.now, list(retiring)])
    outbox.emit(work=work, events=[Event("product.retired", "product", i, 2, _snapshot(p, rules.RETIRED)) for i, p in retiring.items()])
    audit.record(work=work, action="offers.retire", object_kind="product", object_ids=list(retiring))
    return outcomes


def store_disclosures(*, work: UnitOfWork, quotes: Sequence[Quote]) -> list[UUID]:
    """Keeps the cost tables of quotes that are being shown; equal ones are kept once. Returns the ids, in order."""
    if not quotes:
        return []
    distinct = {quote.disclosure.hash: quote for quote in quotes}
    columns = {
        "id": "uuid", "book_id": "uuid", "product_id": "uuid", "hash": "bytea", "content": "text", "template_version": "text",
        "first_shown_at": "timestamptz",
    }  # fmt: skip
    new_ids = work.ids.many(work.now, len(distinct))
    rows = [
        (row, work.book.id, quote.product.id, digest, quote.disclosure.text, quote.disclosure.template_version, work.now)
        for row, (digest, quote) in zip(new_ids, sorted(distinct.items()), strict=True)
    ]
    # Sorted by hash: two batches that show the same tables wait for each other in one order.
    sql.insert("offers_disclosure", columns, rows, suffix="ON CONFLICT (book_id, hash) DO NOTHING")
    stored = sql.rows("SELECT hash, id FROM offers_disclosure WHERE book_id = %s AND hash = ANY(%s)", [work.book.id, list(distinct)])
    ids = {bytes(digest): row for digest, row in stored}
    return [ids[quote.disclosure.hash] for quote in quotes]


def show(*, work: UnitOfWork, showings: Sequence[Showing], ids: Sequence[UUID] | None = None) -> list[Kept]:
    """Records what is being shown, when, to whom and in which language: one quote a showing, in order. Equal cost tables are kept once.
    `ids` are those of the quotes, where the caller has them already.

    Merchants and consumers are of the book; the database refuses others.
    """
    disclosures = store_disclosures(work=work, quotes=[showing.quote for showing in showings])
    columns = {
        "id": "uuid", "book_id": "uuid", "disclosure_id": "uuid", "merchant_id": "uuid", "consumer_id": "uuid", "language": "text",
        "shown_at": "timestamptz", "shown_on": "date",
    }  # fmt: skip
    kept = [Kept(*pair) for pair in zip(ids or work.ids.many(work.now, len(showings)), disclosures, strict=True)]
    rows = [
        (k.quote_id, work.book.id, k.disclosure_id, showing.merchant_id, showing.consumer_id, showing.language, work.now, work.day.on)
        for k, showing in zip(kept, showings, strict=True)
    ]
    sql.insert("offers_quote", columns, rows)
    return kept
