"""Making a test clock: noted in the merchant's test book, then a book of its own is founded for it. What broke off is made whole by asking again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

from yuefu.access import commands as access
from yuefu.access import queries as keys
from yuefu.access import rules as secrets
from yuefu.access.commands import NewApiKey
from yuefu.errors import Refused
from yuefu.journeys import founding, settlement
from yuefu.journeys.checkout import NO_CONTRACT
from yuefu.journeys.desk import Desk, in_batches, on_open_day, open_day
from yuefu.journeys.founding import NewBook
from yuefu.merchants import commands as merchants
from yuefu.merchants import queries as sellers
from yuefu.merchants.commands import NewMerchant
from yuefu.money.amounts import Money
from yuefu.offers import commands as offers
from yuefu.offers import queries as products
from yuefu.offers.commands import CAPS, PUBLISH, DraftProduct, Publication
from yuefu.offers.rules.caps import cap_fault
from yuefu.offers.rules.product import PUBLISHED, Product
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.plans.caps import cap_in_force
from yuefu.runtime import approvals, days, policies
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Actor, Book, UnitOfWork, system_actor
from yuefu.sandbox import commands as sandbox
from yuefu.sandbox import queries as practice
from yuefu.sandbox.commands import Made, NewClock
from yuefu.sandbox.rules.clocks import CLOCK_DELETED, FROZEN_TIME_INVALID, TestClock

T = TypeVar("T")

FUNDS_MINOR: Final = 100_000_000_00
"""What a clock's book can lend, in minor units."""
NAME: Final = "test_clock"
_PURPOSE: Final = "test_clock.secret"
_MOST_APPROVALS: Final = 10_000


@dataclass(frozen=True, slots=True)
class ClockMade:
    """A clock that is there, with the API key of its book. The secret is made from the clock and from a key outside of the database, so the same
    request is answered the same; it is kept nowhere, and nothing else tells it.
    """

    clock: TestClock
    shop_id: UUID
    key_id: UUID
    secret: str = field(repr=False)


def create(*, desk: Desk, now: datetime, requests: Sequence[NewClock]) -> list[ClockMade | Refused | Quarantined]:
    """Makes clocks, each with its book. One outcome a request, in order; a known key has its clock, made whole where that broke off.

    Refused as `sandbox.create_clocks` refuses, with no_contract, or with frozen_time_invalid where a product of the merchant's book could not be
    offered at that time.
    """
    noted = in_batches(desk, now, "test_clock.create", requests, lambda batch: on_open_day(desk, now, batch, _note))
    return [_made_whole(desk, now, one) if isinstance(one, TestClock) else one for one in noted]


def finish(*, desk: Desk, now: datetime, clock_id: UUID) -> None:
    """Makes a clock whole whose making broke off."""
    clock = practice.clocks(ids=[clock_id], book_id=desk.book.id)[clock_id]
    _made_whole(desk, now, clock)


def _note(work: UnitOfWork, requests: Sequence[NewClock]) -> list[TestClock | Refused]:
    return sandbox.create_clocks(work=work, requests=requests, unfit=_unfit(work, requests))


def _unfit(work: UnitOfWork, requests: Sequence[NewClock]) -> dict[int, Refused]:
    """Why some cannot be made: without a contract, or at a time at which a product could not be offered."""
    if work.book.mode != "test":
        return {}  # The command says so.
    on_offer = _on_offer(work.book)
    contracts = sellers.contracts_in_force(merchant_ids=[request.merchant_id for request in requests], on=work.day.on)
    faults = [_fault(work, request, on_offer) if request.merchant_id in contracts else _no_contract() for request in requests]
    return {i: fault for i, fault in enumerate(faults) if fault}


def _no_contract() -> Refused:
    return Refused(NO_CONTRACT, "the merchant has no contract in force", "merchant_id")


def _fault(work: UnitOfWork, request: NewClock, on_offer: Sequence[Product]) -> Refused | None:
    on = work.book.day_of(request.frozen_at)
    _, table = policies.in_force(book_id=work.book.id, name=CAPS, on=work.day.on)
    for product in on_offer:
        cap = cap_in_force(table, jurisdiction=product.terms.jurisdiction, on=on)
        fault = cap if isinstance(cap, Refused) else cap_fault(product, cap=cap, on=on)
        if fault:
            return Refused(FROZEN_TIME_INVALID, f"{product.terms.code} could not be offered on {on}: {fault.detail}", "frozen_time")
    return None


def _on_offer(book: Book) -> list[Product]:
    """Of each product the version that is offered."""
    latest = {one.terms.code: one for one in products.versions(book_id=book.id) if one.state == PUBLISHED}
    return list(latest.values())


def _secret_of(desk: Desk, clock: TestClock, shop: UUID) -> str:
    """As it was issued: made again from what it was made from."""
    noise = desk.vault.index(str(clock.id), purpose=_PURPOSE)
    return secrets.make_secret(mode="test", noise=noise, kind=_key_like(clock, shop).kind)


def desk_in(desk: Desk, book: Book) -> Desk:
    """The desk of a clock's own book."""
    return replace(
        desk, book=book, by=system_actor(NAME, desk.by.request_id), channel=SandboxChannel(book), bank=SandboxBank(book), again=None
    )


def _made_whole(desk: Desk, now: datetime, clock: TestClock) -> ClockMade | Refused:
    if clock.state == "making":
        made = _founded(desk, now, clock)
        with open_day(desk, now) as work:
            assert isinstance(work, UnitOfWork), "the book of the merchant is open: the clock was noted there"
            sandbox.clocks_made(work=work, made=[made])
        clock = practice.clocks(ids=[clock.id])[clock.id]
    if clock.shop_id is None or clock.key_id is None:
        return Refused(CLOCK_DELETED, "this test clock was deleted before it was made; make another")
    return ClockMade(clock, clock.shop_id, clock.key_id, _secret_of(desk, clock, clock.shop_id))


def _founded(desk: Desk, now: datetime, clock: TestClock) -> Made:
    """The clock's book with everything in it. Each of its steps finds what it did before."""
    ours = desk.book
    new = NewBook(
        *(
            clock.code,
            ours.legal_entity,
            "test",
            days.business_date(ours, clock.frozen_at),
            ours.currency,
            ours.zone,
            ours.calendar,
            ours.cut_off,
        ),
        of_clock=True,
    )
    with_ours = {one.name: one.value for one in policies.listed(book_id=ours.id, on=ours.day_of(now))}
    by = system_actor(NAME, desk.by.request_id)
    founded = founding.found(new=new, now=clock.frozen_at, by=by, ids=desk.ids, settings={**founding.CHINA, **with_ours})
    assert not isinstance(founded, Refused), founded
    theirs = desk_in(desk, founded.book)
    approvers = _approvers(ours)
    with open_day(theirs, clock.frozen_at) as work:
        assert isinstance(work, UnitOfWork), "a book that was just founded has an open day"
        made = _furnished(desk, work, clock, now, approvers)
    funded = settlement.fund(desk=theirs, now=clock.frozen_at, key="test_clock", amount=Money(FUNDS_MINOR, ours.currency))
    assert not isinstance(funded, Refused), funded
    return made


def _approvers(book: Book) -> Mapping[UUID, Actor]:
    """Who approved the publication of each product of a book."""
    found = approvals.listed(book_id=book.id, state="approved", action=PUBLISH, limit=_MOST_APPROVALS)
    return {
        one.object_id: Actor("user", one.decided_by.partition(":")[2], one.decided_by_user)
        for one in found
        if one.object_id and one.decided_by and one.decided_by_user
    }


def _furnished(desk: Desk, work: UnitOfWork, clock: TestClock, now: datetime, approvers: Mapping[UUID, Actor]) -> Made:
    """Merchant, products and key, in one transaction: all of it is there, or nothing."""
    shop = _sure(merchants.onboard(work=work, vault=desk.vault, merchants=[_seller(desk, work, clock, now)]))
    if issued_before := keys.api_keys(book_id=work.book.id, merchant_ids=[shop]):
        return Made(clock.id, work.book.id, shop, issued_before[-1].id)
    _publish(work, _on_offer(desk.book), approvers)
    secret = desk.vault.index(str(clock.id), purpose=_PURPOSE)
    issued = _sure(access.issue_api_keys(work=work, api_keys=[_key_like(clock, shop)], random_bytes=lambda _: secret))
    return Made(clock.id, work.book.id, shop, issued.id)


def _key_like(clock: TestClock, shop: UUID) -> NewApiKey:
    """A key that may do what the one may that asked for the clock."""
    asker = next((key for key in keys.api_keys(book_id=clock.book_id, merchant_ids=[clock.merchant_id]) if key.id == clock.asker_id), None)
    if asker is None:
        return NewApiKey(shop, tuple(sorted(secrets.KEY_SCOPES)))
    return NewApiKey(shop, asker.scopes, kind=secrets.kind_of(asker.prefix), api_version=asker.api_version, networks=asker.networks)


def _seller(desk: Desk, work: UnitOfWork, clock: TestClock, now: datetime) -> NewMerchant:
    """The merchant as it is in its own book. Those who share in its fees are not in the clock's book, so nobody does there."""
    ours = sellers.shown(ids=[clock.merchant_id])[clock.merchant_id]
    account = sellers.accounts_in_force(merchant_ids=[clock.merchant_id])[clock.merchant_id]
    paid_to = sellers.beneficiaries(account_ids=[account.id], vault=desk.vault)[account.id]
    contract = sellers.contracts_in_force(merchant_ids=[clock.merchant_id], on=desk.book.day_of(now))[clock.merchant_id]
    return NewMerchant(
        key=NAME,
        code=ours.code,
        name_zh=ours.name_zh,
        name_en=ours.name_en,
        uscc=ours.uscc,
        industry=ours.industry,
        settlement_account=paid_to.number,
        settlement_account_kind=account.kind,
        contract=replace(contract.terms, valid_from=work.day.on, sharing=None),
        settlement_account_holder=account.holder,
        settlement_bank_code=account.bank_code,
    )


def _publish(work: UnitOfWork, on_offer: Sequence[Product], approvers: Mapping[UUID, Actor]) -> None:
    """The products of the merchant's book, offered here because the same people approved them there."""
    drafts = [DraftProduct(f"{NAME}:{one.terms.code}", one.terms) for one in on_offer]
    for one, draft in zip(on_offer, offers.draft_products(work=work, products=drafts), strict=True):
        approver = approvers[one.id]
        reason = f"as version {one.version} of the book of the merchant"
        asked = _sure(offers.propose_publications(work=work, publications=[Publication(_sure([draft]), reason)]))
        decided = offers.decide_publication(work=replace(work, by=approver), approval_id=asked, approve=True, reason=reason)
        assert isinstance(decided, UUID), decided


def _sure(outcomes: Sequence[T | Refused]) -> T:
    (outcome,) = outcomes
    assert not isinstance(outcome, Refused), outcome
    return outcome
