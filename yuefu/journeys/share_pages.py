"""What pages and files show of shares: batches of payees in a list, one with its lines and payouts, and a payee with its accounts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import IO, Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.statement_files import plain
from yuefu.journeys.statement_pages import CURSOR_MALFORMED
from yuefu.journeys.statement_words import Language
from yuefu.journeys.statements import DOES_NOT_ADD_UP, LEDGER_DIFFERS, PAYOUT_DIFFERS
from yuefu.ledger import queries as ledger
from yuefu.merchants import queries as merchants
from yuefu.merchants.queries import payee_accounts, payees
from yuefu.merchants.queries.payee_accounts import PayeeAccount
from yuefu.merchants.rules.payees import Payee
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.payments import queries as payments
from yuefu.payments.rules import Payout
from yuefu.runtime import sql
from yuefu.settlement.queries import shares as share_book
from yuefu.settlement.queries.shares import ShareBatch
from yuefu.settlement.rules.shares import Share

PAGE: Final = 50
LINES: Final = 100
CHUNK: Final = 5_000
STATES: Final = ("due", "scheduled", "paid", "reconciled", "returned", "accrued")
FIGURES: Final = ("earned", "refunded", "defaulted", "opening")
"""Of these comes the net: the first and the last are added, the others taken away."""


@dataclass(frozen=True, slots=True)
class Whose:
    """Who has shares: an agent or host, or a funder, who has no row."""

    party: str
    id: UUID
    public_id: str
    payee: Payee | None

    @property
    def code(self) -> str:
        """What people call it."""
        return self.payee.code if self.payee else self.public_id


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which batches are asked for: of a payee by its code, in a state, of a pay day; "" and None are for all."""

    payee: str = ""
    state: str = ""
    pay_on: date | None = None


@dataclass(frozen=True, slots=True)
class ShareRow:
    """A batch in the list, and whose it is."""

    public_id: str
    batch: ShareBatch
    whose: Whose


@dataclass(frozen=True, slots=True)
class ShareList:
    """A page of batches, the latest pay day first; `next_cursor` is "" on the last. `unknown_payee`: nobody has the code that was asked for."""

    wanted: Wanted
    rows: tuple[ShareRow, ...]
    next_cursor: str
    unknown_payee: bool = False


@dataclass(frozen=True, slots=True)
class ShareLine:
    """A share with the order it is of, and the merchant who sold it."""

    share: Share
    order: str
    reference: str
    merchant: str


@dataclass(frozen=True, slots=True)
class LinePage:
    """Some shares of a batch; `next_cursor` is "" on the last page."""

    lines: tuple[ShareLine, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class BatchShown:
    """A batch of a payee with the payouts that were ordered for it, the oldest first."""

    row: ShareRow
    payouts: tuple[Payout, ...]


@dataclass(frozen=True, slots=True)
class PayeeShown:
    """Who has shares, every account that it was paid to, what it is owed of batches and its latest batches."""

    whose: Whose
    accounts: tuple[PayeeAccount, ...]
    owed: Money
    rows: tuple[ShareRow, ...]


def listed(*, book_id: UUID, wanted: Wanted, cursor: str = "", limit: int | None = None) -> ShareList | Refused:
    """Batches of payees from behind `cursor` on. Refused with cursor_malformed."""
    most, place = limit or PAGE, _place(book_id, cursor)
    if isinstance(place, Refused):
        return place
    payee_id = _payee_id(book_id, wanted.payee) if wanted.payee else None
    if wanted.payee and payee_id is None:
        return ShareList(wanted, (), "", unknown_payee=True)
    found = share_book.batches(
        book_id=book_id, payee_id=payee_id, after=place, state=wanted.state or None, pay_on=wanted.pay_on, limit=most + 1
    )
    rows = _rows(found[:most])
    return ShareList(wanted, rows, rows[-1].public_id if len(found) > most else "")


def of_batch(*, book_id: UUID, batch_id: UUID) -> BatchShown | None:
    """One batch, or None where this book has none of this id."""
    found = share_book.batches_by_id(book_id=book_id, ids=[batch_id]).get(batch_id)
    if found is None:
        return None
    paid = payments.payouts_of_batches(batch_ids=[batch_id]).get(batch_id, [])
    return BatchShown(_rows([found])[0], tuple(paid))


def of_payee(*, book_id: UUID, party: str, payee_id: UUID, currency: str) -> PayeeShown | None:
    """An agent, host or funder; None where the book knows nothing of it."""
    found = share_book.batches(book_id=book_id, payee_id=payee_id, limit=PAGE)
    known = payees.by_id(ids=[payee_id]).get(payee_id) if party == "payee" else None
    accounts = payee_accounts.versions(book_id=book_id, payee_id=payee_id)
    if known is None and (party == "payee" or not (found or accounts)):
        return None
    owed = sum(share_book.owed_to(book_id=book_id, payee_id=payee_id, currency=currency).values())
    whose = _whose(known.kind if known else "funder", payee_id, {payee_id: known} if known else {})
    return PayeeShown(whose, tuple(accounts), Money(owed, currency), _rows(found))


def page(*, batch_id: UUID, cursor: str = "", limit: int | None = None) -> LinePage | Refused:
    """The shares of a batch from behind `cursor` on. Refused with cursor_malformed."""
    most = limit or LINES
    try:
        after = UUID(hex=cursor) if cursor else None
    except ValueError:
        return _malformed()
    found = share_book.lines(batch_id=batch_id, after=after, limit=most + 1)
    return LinePage(tuple(_named(found[:most])), found[most - 1].id.hex if len(found) > most else "")


def _named(found: Sequence[Share]) -> list[ShareLine]:
    known = orders.orders(sorted({share.order_id for share in found}))
    sellers = merchants.shown(ids=sorted({share.merchant_id for share in found}))
    return [
        ShareLine(
            share,
            ids.text("order", share.order_id),
            known[share.order_id].merchant_reference if share.order_id in known else "",
            sellers[share.merchant_id].code if share.merchant_id in sellers else "",
        )
        for share in found
    ]


def _rows(found: Sequence[ShareBatch]) -> tuple[ShareRow, ...]:
    known = payees.by_id(ids=sorted({one.payee_id for one in found}))
    return tuple(ShareRow(ids.text("share_batch", one.id), one, _whose(one.party, one.payee_id, known)) for one in found)


def _whose(party: str, payee_id: UUID, known: Mapping[UUID, Payee]) -> Whose:
    return Whose(party, payee_id, ids.text("funder" if party == "funder" else "payee", payee_id), known.get(payee_id))


def _payee_id(book_id: UUID, code: str) -> UUID | None:
    try:
        return ids.parse("funder", code)
    except ids.BadId:
        found = payees.by_code(book_id=book_id, codes=[code]).get(code)
        return found.id if found else None


def _place(book_id: UUID, cursor: str) -> UUID | Refused | None:
    if not cursor:
        return None
    try:
        batch_id = ids.parse("share_batch", cursor)
    except ids.BadId:
        return _malformed()
    return batch_id if batch_id in share_book.batches_by_id(book_id=book_id, ids=[batch_id]) else _malformed()


def _malformed() -> Refused:
    return Refused(CURSOR_MALFORMED, "this is not a place in the list", "after")


# --------------------------------------------------------------------------------------------------------------- files


@dataclass(frozen=True, slots=True)
class Proven:
    """A batch that is right, and may be given out."""

    shown: BatchShown


def prove(*, book_id: UUID, shown: BatchShown) -> Proven | Refused:
    """A batch, if its lines come to what it pays and carries, the ledger has the same, and its payout is of it.

    Refused with DOES_NOT_ADD_UP, LEDGER_DIFFERS or PAYOUT_DIFFERS.
    """
    with sql.reading(book_id=book_id):
        return _fault(book_id, shown) or Proven(shown)


def _fault(book_id: UUID, shown: BatchShown) -> Refused | None:
    batch, number = shown.row.batch, shown.row.public_id
    said, sums, count = batch.totals, dict[str, int](), 0
    for chunk in _chunks(batch.id):
        count += len(chunk)
        for share in chunk:
            sums[share.kind] = sums.get(share.kind, 0) + share.amount.minor
        if (wrong := _not_posted(book_id, batch.party, chunk)) is not None:
            return Refused(
                LEDGER_DIFFERS, f"the ledger does not have a share of {number}: {wrong.kind} {wrong.amount}, {wrong.id}", "batch"
            )
    told = (said.earned.minor, -said.refunded.minor, -said.defaulted.minor, batch.line_count)
    if told != (sums.get("earned", 0), sums.get("refunded", 0), sums.get("defaulted", 0), count) or said.net != said.due + said.carried:
        return Refused(DOES_NOT_ADD_UP, f"the lines of {number} do not come to what it says is paid and carried", "batch")
    if said.net != said.earned - said.refunded - said.defaulted + said.opening:
        return Refused(DOES_NOT_ADD_UP, f"the figures of {number} do not come to its net", "batch")
    ordered = [(one.amount, one.state == "paid") for one in shown.payouts if one.id == batch.payout_id]
    if batch.payout_id and ordered != [(said.pays, batch.state in ("paid", "reconciled"))]:
        return Refused(PAYOUT_DIFFERS, f"the payout of {number} is not {said.pays}", "batch")
    key = f"settlement:shares_withheld:{batch.id}"
    if ledger.moved_by(book_id, [key], "tax_withheld").get(key, 0) != -said.withheld.minor:
        return Refused(LEDGER_DIFFERS, f"the ledger does not have the {said.withheld} that {number} withholds", "batch")
    if batch.reference and not batch.payout_id:
        key = f"settlement:shares_paid:{batch.id}"
        if ledger.moved_by(book_id, [key], f"{batch.party}_share").get(key, 0) != said.pays.minor:
            return Refused(LEDGER_DIFFERS, f"the ledger does not have the {said.pays} that {number} paid", "batch")
    return None


def _not_posted(book_id: UUID, party: str, chunk: Sequence[Share]) -> Share | None:
    """The first share of which the ledger says something else. An entry is of all shares of one source, so all of the party are compared."""
    together: dict[str, int] = {}
    for group in share_book.of_captures(capture_ids=sorted({share.capture_id for share in chunk})).values():
        for share in group:
            if share.party == party:
                together[_key(share)] = together.get(_key(share), 0) + share.amount.minor
    moved = ledger.moved_by(book_id, sorted({_key(share) for share in chunk}), f"{party}_share")
    return next((share for share in chunk if moved.get(_key(share), 0) != -together[_key(share)]), None)


def _key(share: Share) -> str:
    return f"settlement:shares:{share.kind}:{share.source_id}"


def _chunks(batch_id: UUID) -> Iterator[list[Share]]:
    after: UUID | None = None
    while found := share_book.lines(batch_id=batch_id, after=after, limit=CHUNK):
        after = found[-1].id
        yield found


COLUMNS: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": ("pay_on", "batch", "payee", "date", "kind", "order", "reference", "merchant", "level", "amount", "currency"),
    "zh": ("结算日", "批次", "收款方", "日期", "类型", "订单", "商户订单号", "商户", "层级", "金额", "币种"),
}
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "earned": ("分润", "Earned"),
    "refunded": ("退款退回", "Given back with goods"),
    "defaulted": ("早期违约追回", "Taken back, early default"),
    "opening": ("上期结转", "Carried in"),
    "withheld": ("代扣税款", "Tax withheld"),
    "due": ("应付", "Paid out"),
    "carried": ("结转下期", "Carried on"),
}


def write_csv(*, proven: Proven, language: Language, to: IO[bytes]) -> None:
    """A row a share, then what was carried in, and with the sign turned round what is paid and what is carried on: the amounts are nothing in sum.
    With the mark by which programs for tables know UTF-8."""
    row, batch = proven.shown.row, proven.shown.row.batch
    head, language_no = (str(batch.pay_on), row.public_id, row.whose.code), ("zh", "en").index(language)
    to.write(b"\xef\xbb\xbf")
    wrapped = io.TextIOWrapper(to, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(wrapped, lineterminator="\r\n")
    rows.writerow(COLUMNS[language])
    for chunk in _chunks(batch.id):
        for line in _named(chunk):
            share = line.share
            told = (share.earned_on, KINDS[share.kind][language_no], line.order, line.reference, line.merchant, share.level)
            rows.writerow([plain(cell) for cell in (*head, *told, share.amount, share.amount.currency)])
    said = batch.totals
    for code, amount in (("opening", said.opening), ("withheld", -said.withheld), ("due", -said.pays), ("carried", -said.carried)):
        if amount:
            told_of = (batch.pay_on, KINDS[code][language_no], "", batch.reference if code == "due" else "", "", None)
            rows.writerow([plain(cell) for cell in (*head, *told_of, amount, amount.currency)])
    wrapped.detach()
