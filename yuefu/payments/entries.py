"""The double entries of payments, for an accountant to read. Pure; debit +, credit −; a line that would move nothing is left out."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from yuefu.ledger.rules import AccountKey, Entry, Line
from yuefu.money.amounts import Money
from yuefu.payments.rules import BANK, ChannelRefund, Collection, Payout, Receipt, Return, Transfer

COMPONENTS = {("channel", "own"): "channel_cash", ("bank", "own"): "bank_cash", ("bank", "client"): "client_cash"}
"""The component that an account of money has in the ledger, by its kind and purpose; its owner there is the account itself."""

_TRANSIT = AccountKey("payouts_in_transit")
_SUSPENSE = AccountKey("suspense")
_ENDS = {
    "withdrawal": ("channel_cash", "bank_cash"),
    "funding": ("funder_capital", "bank_cash"),
    "safeguarding": ("bank_cash", "client_cash"),
    "release": ("client_cash", "bank_cash"),
}


def collection_succeeded(collection: Collection) -> Entry:
    """Dr channel cash gross, Dr channel fees, Cr channel cash fee, Cr collections to be applied gross."""
    c = collection
    dims = _Dimensions(c.order_id, c.loan_id, c.funder_id)
    channel = AccountKey("channel_cash", c.money_account_id)
    lines = [
        dims.line(channel, c.amount, movement="payment", reference=c.reference),
        dims.line(AccountKey("channel_fee_expense"), c.fee),
        dims.line(channel, -c.fee, movement="fee", reference=c.reference),
        dims.line(AccountKey("collections_clearing"), -c.amount),
    ]
    return _entry(f"collection:{c.id}:succeeded", "collection", lines, c)


def shared_succeeded(whole: Collection, parts: Sequence[Collection]) -> Entry:
    """One payment over several loans. Of each part: Dr channel cash, Cr collections to be applied or, while it waits for its day, consumer
    balance; of the whole: Dr channel fees, Cr channel cash fee. The lines of channel cash are one movement to the outside. What came by bank
    transfer was booked when it came: Dr suspense instead of channel cash, and no fee.
    """
    assert sum(part.amount.minor for part in parts) == whole.amount.minor, "the parts are the whole"
    channel, lines = _source(whole), []
    for part in parts:
        dims = _Dimensions(part.order_id, part.loan_id, part.funder_id)
        lines.append(dims.line(channel, part.amount, movement="payment", reference=whole.reference))
        lines.append(dims.line(AccountKey("consumer_balance" if part.is_waiting else "collections_clearing"), -part.amount))
    nothing = _Dimensions(None, None, whole.funder_id)
    lines.append(nothing.line(AccountKey("channel_fee_expense"), whole.fee))
    lines.append(nothing.line(channel, -whole.fee, movement="fee", reference=whole.reference))
    return _entry(f"collection:{whole.id}:succeeded", "collection", lines, whole)


def part_released(part: Collection) -> Entry:
    """A part whose day has come: Dr consumer balance, Cr collections to be applied."""
    dims = _Dimensions(part.order_id, part.loan_id, part.funder_id)
    lines = (dims.line(AccountKey("consumer_balance"), part.amount), dims.line(AccountKey("collections_clearing"), -part.amount))
    return Entry(key=f"collection:{part.id}:released", kind="collection_released", lines=lines)


def refund_succeeded(refund: ChannelRefund) -> Entry:
    """Dr consumer balance, Cr channel cash net of the fee that comes back, Cr channel fees. Of what came by bank transfer: Cr suspense, where a
    person gives it back."""
    r = refund
    dims = _Dimensions(r.order_id, r.loan_id, r.funder_id)
    channel = _source(r)
    lines = [
        dims.line(AccountKey("consumer_balance"), r.amount),
        dims.line(channel, r.fee - r.amount, movement="refund", reference=r.reference),
        dims.line(AccountKey("channel_fee_expense"), -r.fee),
    ]
    return _entry(f"channel_refund:{r.id}:succeeded", "channel_refund", lines, r)


def receipt_came(receipt: Receipt) -> Entry:
    """Somebody transferred money to us. Dr own money at the bank, Cr suspense: nobody has said yet what it is for."""
    bank = AccountKey("bank_cash", receipt.money_account_id)
    lines = (Line(bank, receipt.amount, movement="receipt", reference=receipt.number), Line(_SUSPENSE, -receipt.amount))
    return Entry(key=f"receipt:{receipt.id}:came", kind="receipt", lines=lines, effective_on=receipt.came_on)


def return_paid(back: Return) -> Entry:
    """What nobody explained goes back to who paid it: Dr suspense, Cr own money at the bank."""
    bank = AccountKey("bank_cash", back.money_account_id)
    lines = (Line(_SUSPENSE, back.amount), Line(bank, -back.amount, movement="payout", reference=back.reference))
    return Entry(key=f"return:{back.id}:paid", kind="receipt_return", lines=lines, effective_on=back.paid_on)


def return_came_back(back: Return) -> Entry:
    """The bank of who paid it does not take it: Dr own money at the bank, Cr suspense."""
    bank = AccountKey("bank_cash", back.money_account_id)
    lines = (Line(bank, back.amount, movement="payout_returned", reference=back.reference), Line(_SUSPENSE, -back.amount))
    return Entry(key=f"return:{back.id}:returned", kind="receipt_return_refused", lines=lines, effective_on=back.returned_on)


def payout_ordered(payout: Payout) -> Entry:
    """To a merchant: Dr available to merchant, Cr payouts on their way. What payees are owed stays owed to them until it has left."""
    lines = [_merchant(_available(payout), payout.amount, payout), _merchant(_TRANSIT, -payout.amount, payout)]
    return Entry(key=f"payout:{payout.id}:ordered", kind="payout_ordered", lines=tuple(lines))


def payout_paid(payout: Payout) -> Entry:
    """Dr payouts on their way, Cr client money at the bank; to a payee: Dr what it is owed of fees, Cr own money at the bank."""
    owed = _TRANSIT if payout.merchant_id else _available(payout)
    lines = [_merchant(owed, payout.amount, payout), _merchant(_bank(payout), -payout.amount, payout, movement="payout")]
    return Entry(key=f"payout:{payout.id}:paid", kind="payout_paid", lines=tuple(lines), effective_on=payout.paid_on)


def payout_returned(payout: Payout) -> Entry:
    """After it was paid: Dr client money at the bank, Cr available to merchant; from a payee: Dr own money there, Cr what it is owed of fees."""
    lines = [
        _merchant(_bank(payout), payout.amount, payout, movement="payout_returned"),
        _merchant(_available(payout), -payout.amount, payout),
    ]
    return Entry(key=f"payout:{payout.id}:returned", kind="payout_returned", lines=tuple(lines), effective_on=payout.returned_on)


def payout_rejected(payout: Payout) -> Entry:
    """Before any money moved: Dr payouts on their way, Cr available to merchant."""
    lines = [_merchant(_TRANSIT, payout.amount, payout), _merchant(_available(payout), -payout.amount, payout)]
    return Entry(key=f"payout:{payout.id}:rejected", kind="payout_rejected", lines=tuple(lines), effective_on=payout.returned_on)


def transfer_done(transfer: Transfer) -> Entry:
    """Dr the account it goes to, Cr the account it comes from; both sides show it. Withdrawal: own money at the bank, channel cash.
    Safeguarding: client money at the bank, own money there; release: the reverse. Funding: Dr own money at the bank, Cr funds of the funder.
    """
    t = transfer
    origin, target = _ENDS[t.kind]
    into = Line(AccountKey(target, t.to_account_id), t.amount, funder_id=t.funder_id, movement=t.kind, reference=t.reference)
    if t.kind == "funding":
        source = Line(AccountKey(origin, funder_id=t.funder_id), -t.amount, funder_id=t.funder_id)
    else:
        source = Line(AccountKey(origin, t.from_account_id), -t.amount, movement=t.kind, reference=t.reference)
    return Entry(key=f"transfer:{t.id}:done", kind=t.kind, lines=(into, source), effective_on=t.moved_on)


def _source(moved: Collection | ChannelRefund) -> AccountKey:
    """Where a payment comes from: the channel's account, or what came by bank transfer and is not explained yet."""
    return _SUSPENSE if moved.channel == BANK else AccountKey("channel_cash", moved.money_account_id)


class _Dimensions:
    """What every line of one entry is about."""

    __slots__ = ("_funder_id", "_loan_id", "_order_id")

    def __init__(self, order_id: UUID | None, loan_id: UUID | None, funder_id: UUID) -> None:
        self._order_id = order_id
        self._loan_id = loan_id
        self._funder_id = funder_id

    def line(self, account: AccountKey, amount: Money, *, movement: str = "", reference: str = "") -> Line:
        owned = {"order_id": self._order_id, "loan_id": self._loan_id, "funder_id": self._funder_id}
        return Line(account, amount, **owned, movement=movement, reference=reference)


def _entry(key: str, kind: str, lines: list[Line], settled: Collection | ChannelRefund) -> Entry:
    return Entry(key=key, kind=kind, lines=tuple(line for line in lines if line.amount), effective_on=settled.settled_on)


def _bank(payout: Payout) -> AccountKey:
    return AccountKey("client_cash" if payout.merchant_id else "bank_cash", owner_id=payout.money_account_id)


def _available(payout: Payout) -> AccountKey:
    """Where it is owed before it leaves."""
    if payout.merchant_id:
        return AccountKey("merchant_available", owner_id=payout.merchant_id)
    return AccountKey(f"{payout.party}_share")


def _merchant(account: AccountKey, amount: Money, payout: Payout, *, movement: str = "") -> Line:
    reference = payout.reference if movement else ""
    return Line(account, amount, merchant_id=payout.merchant_id, movement=movement, reference=reference)
