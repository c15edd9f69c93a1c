"""What is in suspense, for whoever looks at it on a page. Reads only, inside the caller's `sql.reading(book_id=…)`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.billing import queries as bill_book
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys.overview import CURSOR_MALFORMED
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import Shown
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.rules import Match, Receipt, Return
from yuefu.payments.rules.references import nearly
from yuefu.runtime import days
from yuefu.runtime.vault import Vault, mask

PAGE: Final = 50
SUGGESTED: Final = 5
BILLS_OF_DAYS: Final = 62


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Whose a receipt may be: `why` is near_reference, same_payer or amount_of_bill."""

    consumer_id: UUID
    why: str
    bill_id: UUID | None = None


def suggestions(*, book_id: UUID, vault: Vault, receipt: Receipt, on: date) -> list[Suggestion]:
    """Whom a receipt may be from, the likeliest first; nothing is done with it. One consumer may be named for several reasons."""
    text = payments.payer(receipt, vault=vault).text
    near = payments.payers_of_references(book_id=book_id, numbers=nearly(text))
    found = [Suggestion(one, "near_reference") for one in dict.fromkeys(near.values())]
    paid = payments.paid_before(book_id=book_id, payer_index=receipt.payer_index, limit=SUGGESTED)
    found += [Suggestion(one, "same_payer") for one in paid]
    asking = bill_book.asking(book_id=book_id, minor=receipt.left.minor, since=on - timedelta(days=BILLS_OF_DAYS), limit=2 * SUGGESTED)
    found += [Suggestion(bill.consumer_id, "amount_of_bill", bill.id) for bill in asking if bill.to_pay][:SUGGESTED]
    return found


@dataclass(frozen=True, slots=True)
class Whose:
    """A consumer by reference and masked name."""

    reference: str
    name: str


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A receipt in a list: since when it waits, what is left of it, why, and whom its reference names."""

    public_id: str
    number: str
    amount: Money
    left: Money
    code: str
    whose: Whose | None
    came_on: date
    age_days: int


@dataclass(frozen=True, slots=True)
class MatchView:
    public_id: str
    whose: Whose
    amount: Money
    back: Money
    actor: str
    reason: str
    matched_at: datetime

    @property
    def can_be_undone(self) -> bool:
        return self.back != self.amount


@dataclass(frozen=True, slots=True)
class DebtView:
    """What a merchant paid of its debt."""

    merchant: Shown
    amount: Money
    actor: str
    reason: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class SuggestionView:
    """Whose it may be and why; `target` is what a person would type."""

    whose: Whose
    why: str
    target: str


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A receipt whole: who paid, what they wrote, what became of it, whose it may be."""

    row: ReceiptRow
    heard_at: datetime
    heard_by: str
    payer_name: str
    payer_account: str
    text: str
    matches: tuple[MatchView, ...]
    debts: tuple[DebtView, ...]
    returns: tuple[Return, ...]
    suggestions: tuple[SuggestionView, ...]


@dataclass(frozen=True, slots=True)
class SuspenseView:
    """A page of what is in suspense, the oldest first; `next_cursor` is "" on the last."""

    rows: tuple[ReceiptRow, ...]
    next_cursor: str


def listed(*, book_id: UUID, vault: Vault, on: date, cursor: str = "") -> SuspenseView | Refused:
    """What is in suspense from behind `cursor` on. Refused with cursor_malformed."""
    try:
        after = ids.parse("receipt", cursor) if cursor else None
    except ids.BadId:
        return Refused(CURSOR_MALFORMED, "this is not a place in the list", "after")
    found = payments.in_suspense(book_id=book_id, after=after, limit=PAGE + 1)
    whose = _whose(vault, [one.consumer_id for one in found])
    rows = tuple(_row(one, whose, on) for one in found[:PAGE])
    return SuspenseView(rows, rows[-1].public_id if len(found) > PAGE else "")


def seen(*, book_id: UUID, vault: Vault, receipt_id: UUID, on: date) -> ReceiptView | None:
    """One receipt; None where there is none in this book."""
    receipt = payments.receipts(book_id=book_id, ids=[receipt_id]).get(receipt_id)
    if receipt is None:
        return None
    matches = payments.matches_of(book_id=book_id, receipt_ids=[receipt_id]).get(receipt_id, [])
    near = suggestions(book_id=book_id, vault=vault, receipt=receipt, on=on) if receipt.left else []
    whose = _whose(vault, [receipt.consumer_id, *(m.consumer_id for m in matches), *(s.consumer_id for s in near)])
    payer = payments.payer(receipt, vault=vault)
    return ReceiptView(
        row=_row(receipt, whose, on),
        heard_at=receipt.heard_at,
        heard_by=receipt.heard_by,
        payer_name=payer.name,
        payer_account=mask(payer.account, head=4, tail=4),
        text=payer.text,
        matches=tuple(_match(one, whose) for one in matches),
        debts=debts_paid(book_id=book_id, receipt_id=receipt_id),
        returns=tuple(payments.returns_of(book_id=book_id, receipt_ids=[receipt_id]).get(receipt_id, [])),
        suggestions=tuple(
            SuggestionView(whose[s.consumer_id], s.why, ids.text("bill", s.bill_id) if s.bill_id else whose[s.consumer_id].reference)
            for s in near
        ),
    )


def debts_paid(*, book_id: UUID, receipt_id: UUID) -> tuple[DebtView, ...]:
    """What of a receipt merchants paid of their debts, oldest first."""
    found = payments.debts_paid_by(book_id=book_id, receipt_ids=[receipt_id]).get(receipt_id, [])
    names = merchants.shown(ids=[one.merchant_id for one in found])
    return tuple(DebtView(names[one.merchant_id], one.amount, one.actor, one.reason, one.taken_at) for one in found)


def today(book_id: UUID, otherwise: date) -> date:
    """The day that ages are counted to."""
    return days.open_date(book_id) or otherwise


def target(*, book_id: UUID, text: str) -> dict[str, UUID] | None:
    """What a person typed as the one a receipt is for: a bill, a loan, or a consumer's reference; as the fields of a MatchRequest. None where it is
    none of them.
    """
    for kind in ("bill", "loan"):
        if text.startswith(f"{ids.PREFIXES[kind]}_"):
            try:
                return {f"{kind}_id": ids.parse(kind, text)}
            except ids.BadId:
                return None
    found = consumers.by_external_refs(book_id=book_id, external_refs=[text]).get(text)
    return {"consumer_id": found} if found else None


def _whose(vault: Vault, wanted: Iterable[UUID | None]) -> dict[UUID, Whose]:
    shown = consumers.shown(ids=sorted({one for one in wanted if one}), vault=vault)
    return {one: Whose(known.external_ref, known.name_masked) for one, known in shown.items()}


def _row(receipt: Receipt, whose: Mapping[UUID, Whose], on: date) -> ReceiptRow:
    return ReceiptRow(
        public_id=ids.text("receipt", receipt.id),
        number=receipt.number,
        amount=receipt.amount,
        left=receipt.left,
        code=receipt.code,
        whose=whose.get(receipt.consumer_id) if receipt.consumer_id else None,
        came_on=receipt.came_on,
        age_days=max((on - receipt.came_on).days, 0),
    )


def _match(match: Match, whose: Mapping[UUID, Whose]) -> MatchView:
    return MatchView(
        ids.text("match", match.id), whose[match.consumer_id], match.amount, match.back, match.actor, match.reason, match.matched_at
    )
