"""The double entries of settlement, for an accountant to read. Pure; debit +, credit −; a line that would move nothing is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from yuefu.ledger.rules import AccountKey, Entry, Line
from yuefu.money.amounts import Money
from yuefu.settlement.rules import Item
from yuefu.settlement.rules.shares import Share

VAT = AccountKey("vat_payable")
PENDING = AccountKey("merchant_pending")
RESERVE = AccountKey("merchant_reserve")
FROZEN = AccountKey("merchant_frozen")


def accrued(item: Item) -> Entry:
    """Capture: Dr purchase clearing gross, Cr service fee and the tax in it, Cr discount not yet earned, Cr owed to merchant net. Refund: the reverse.

    Item figures are signed, negative in a refund, so that both are one entry.
    """
    fee = AccountKey("fee_income", funder_id=item.funder_id, product=item.product)
    unearned = AccountKey("unearned_discount", funder_id=item.funder_id, product=item.product)
    discount = AccountKey("purchase_clearing") if item.lived else unearned  # a loan of 2026-2 takes from there what it is to earn
    lines = [
        _line(AccountKey("purchase_clearing"), item.gross, item),
        _line(fee, item.vat - item.fee, item),
        _line(VAT, -item.vat, item),
        _line(discount, -item.discount, item),
        _line(PENDING, -item.net, item),
    ]
    key = f"settlement:{item.kind}:{item.source_id}"
    moved = tuple(x for x in lines if x.amount)
    return Entry(key=key, kind=f"settlement_{item.kind}", lines=moved, effective_on=item.earned_on, cause=item.source_id)


def made_available(batch_id: UUID, merchant_id: UUID, shares: Mapping[UUID, Money]) -> Entry:
    """On the pay day: Dr owed to merchant, Cr available to merchant; a pair for the share of each funder.

    The shares sum to the net of the batch; that of a funder whose refunds outweigh its captures is negative.
    """
    available = AccountKey("merchant_available", owner_id=merchant_id)
    lines = [
        Line(account, amount, merchant_id=merchant_id, funder_id=funder_id)
        for funder_id, net in sorted(shares.items(), key=lambda share: share[0])
        for account, amount in ((PENDING, net), (available, -net))
        if net
    ]
    return Entry(key=f"settlement:batch:{batch_id}", kind="settlement_batch", lines=tuple(lines))


def penalised(item: Item) -> Entry:
    """Dr owed to merchant, Cr penalties of merchants."""
    return _adjusted("settlement_penalty", item, Line(AccountKey("merchant_penalty_income"), item.net, merchant_id=item.merchant_id))


def subsidised(item: Item) -> Entry:
    """Dr subsidies to merchants, Cr owed to merchant."""
    return _adjusted("settlement_subsidy", item, Line(AccountKey("merchant_subsidy_expense"), item.net, merchant_id=item.merchant_id))


def debt_paid(item: Item) -> Entry:
    """What a merchant paid of its debt by a transfer that was booked when it came: Dr suspense, Cr owed to merchant."""
    return _adjusted("settlement_collected", item, Line(AccountKey("suspense"), item.net))


def _adjusted(kind: str, item: Item, against: Line) -> Entry:
    lines = (against, _line(PENDING, -item.net, item))
    return Entry(key=f"settlement:{item.kind}:{item.source_id}", kind=kind, lines=lines, effective_on=item.earned_on, cause=item.source_id)


def reserved(batch_id: UUID, merchant_id: UUID, *, kept: Money, released: Money, funder_id: UUID) -> Entry:
    """What a batch keeps back: Dr owed to merchant, Cr reserve. What it releases of earlier ones: the reverse."""
    lines = [
        Line(account, amount, merchant_id=merchant_id, funder_id=funder_id)
        for part in (kept, -released)
        for account, amount in ((PENDING, part), (RESERVE, -part))
        if part
    ]
    return Entry(key=f"settlement:reserve:{batch_id}", kind="settlement_reserve", lines=tuple(lines))


def _line(account: AccountKey, amount: Money, item: Item) -> Line:
    return Line(account, amount, order_id=item.order_id, loan_id=item.loan_id, merchant_id=item.merchant_id, funder_id=item.funder_id)


SHARES = {party: AccountKey(f"{party}_share") for party in ("funder", "agent", "host")}
"""Where the shares of a party are owed."""


def shared(shares: Sequence[Share], funder_id: UUID | None, product: str) -> Entry:
    """The shares of one capture, refund or default, all of one source: Dr service fee, Cr each party its own. What goes back: the reverse, for the
    platform has it then."""
    first = shares[0]
    whole = sum((share.amount for share in shares[1:]), first.amount)
    fee = AccountKey("fee_income", funder_id=funder_id, product=product)
    lines = [(fee, whole), *((SHARES[share.party], -share.amount) for share in shares)]
    return Entry(
        key=f"settlement:shares:{first.kind}:{first.source_id}",
        kind="settlement_shares",
        lines=tuple(
            Line(account, amount, order_id=first.order_id, loan_id=first.loan_id, merchant_id=first.merchant_id, funder_id=funder_id)
            for account, amount in lines
        ),
        effective_on=first.earned_on,
        cause=first.source_id,
    )


def shares_withheld(batch_id: UUID, party: str, amount: Money) -> Entry:
    """The tax of a payee who is a person, as its batch is built: Dr what it is owed, Cr tax withheld, which is owed to the tax office."""
    lines = (Line(SHARES[party], amount), Line(AccountKey("tax_withheld"), -amount))
    return Entry(key=f"settlement:shares_withheld:{batch_id}", kind="settlement_shares_withheld", lines=lines)


def shares_paid(batch_id: UUID, party: str, amount: Money, bank: AccountKey, reference: str) -> Entry:
    """What a payee got: Dr what it is owed, Cr our bank account, as the bank's statement will show it."""
    lines = (Line(SHARES[party], amount), Line(bank, -amount, movement="payout", reference=reference))
    return Entry(key=f"settlement:shares_paid:{batch_id}", kind="settlement_shares_paid", lines=lines)


def frozen(batch_id: UUID, merchant_id: UUID, amount: Money, *, funder_id: UUID) -> Entry:
    """What a freeze keeps of a batch that is built: Dr owed to merchant, Cr frozen."""
    return _moved(f"settlement:frozen:{batch_id}", "settlement_frozen", (PENDING, FROZEN), merchant_id, amount, funder_id)


def withheld(part_id: UUID, merchant_id: UUID, amount: Money, *, funder_id: UUID) -> Entry:
    """What a freeze keeps of a batch that was built before: Dr available to merchant, Cr frozen."""
    available = AccountKey("merchant_available", owner_id=merchant_id)
    return _moved(f"settlement:withheld:{part_id}", "settlement_withheld", (available, FROZEN), merchant_id, amount, funder_id)


def thawed(batch_id: UUID, merchant_id: UUID, amount: Money, *, funder_id: UUID) -> Entry:
    """What freezes kept that have ended, as a batch takes it: Dr frozen, Cr owed to merchant."""
    return _moved(f"settlement:thawed:{batch_id}", "settlement_thawed", (FROZEN, PENDING), merchant_id, amount, funder_id)


def _moved(key: str, kind: str, accounts: tuple[AccountKey, AccountKey], merchant_id: UUID, amount: Money, funder_id: UUID) -> Entry:
    lines = [
        Line(account, minor, merchant_id=merchant_id, funder_id=funder_id)
        for account, minor in zip(accounts, (amount, -amount), strict=True)
    ]
    return Entry(key=key, kind=kind, lines=tuple(lines))
