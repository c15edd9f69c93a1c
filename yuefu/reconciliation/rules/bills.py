"""What a bill is once it has been read: its lines, its totals, the errors of reading one, and how two bills of a day agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from yuefu.money.amounts import Money

UNEXPLAINED = "unexplained"
"""Of the totals of a bill, where it is there: so much do amounts in its rows differ that should make each other."""


class BillError(Exception):
    """A bill that cannot be used. `code` is stable, `detail` is one sentence, `line_no` counts from 1 (None: the file as a whole).

    Codes of reading: bad_encoding, unknown_layout, missing_column, row_width, bad_amount, bad_time, other_currency, summary_missing,
    summary_mismatch, balance_break, several_accounts, several_days, after_summary, too_large, truncated, no_bill, checksum_mismatch,
    unknown_kind, bad_text, bad_field, incomplete (a page of several), doubled_line.
    Codes of comparing two bills: not_a_pair.
    """

    def __init__(self, code: str, detail: str, line_no: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.line_no = line_no


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of a bill.

    `kind`: a trade bill has "payment" and "refund"; a fund flow has "payment", "fee", "refund", "withdrawal", "payout",
    "payout_returned", "funding", "receipt", "share" and "other". `reference` is our number, `provider_id` the channel's number of this line
    (its own for ever: a bank's with its statement; "" where it has none), `business_id` the channel's number of the business that a line
    belongs to: the trade, in Klarna's the payout ("" in a trade bill of WeChat Pay). Channels abroad have other kinds besides: "chargeback",
    "tax", "reserve", "debt", "balance_transfer"; a bank statement has "credit" and "debit".
    `occurred_at` is naive, in the channel's local time. `amount` is signed: + came in, − went out. `fee` is as printed, rounded to
    minor units: + we pay it, − it is given back (0 in a fund flow). `status` is the channel's word, "" where the layout has none.
    `balance` is the account's balance after the line (fund flow only).
    """

    line_no: int
    kind: str
    reference: str
    provider_id: str
    business_id: str
    occurred_at: datetime
    occurred_on: date
    amount: Money
    fee: Money
    status: str
    balance: Money | None


@dataclass(frozen=True, slots=True)
class Bill:
    """A whole bill that passed every check of its layout: all lines of one account and currency, summary equal to lines.

    `layout` is "wechat.trade.ALL|SUCCESS|REFUND" (with ".legacy" or ".older" for the earlier column names), "wechat.trade.GLOBAL" (what is
    settled outside of the mainland) or "wechat.fundflow.BASIC";
    a fund-flow file does not say which account type it is of, so the layout carries the default's name for all of them. Alipay's are
    "alipay.trade", "alipay.account" and "alipay.summary", which has no lines. "klarna.transactions", "klarna.payouts", "affirm.events" and
    "adyen.batch" are those of channels abroad, "bank.camt.053.001.08" (of any version) and "bank.mt940" those of banks.
    `account` is the merchant number, "" where nothing states one. `on` is the day, the last one where it is of several, and then `since`
    the first; None for a bill that has no lines and does not state its day.
    `sha256` is over the decompressed bytes, in hexadecimal. `totals` are sums over the lines: counts, or amounts in minor units.
    """

    layout: str
    account: str
    on: date | None
    currency: str
    lines: tuple[BillLine, ...]
    sha256: str
    totals: Mapping[str, int]
    since: date | None = None


class Effect(StrEnum):
    """What a status says about the money."""

    MOVED = "moved"
    PENDING = "pending"
    NOT_MOVED = "not_moved"
    UNSTATED = "unstated"
    UNKNOWN = "unknown"


# The words of the channel (WeChat Pay trade_state and refund status) and our own words, upper case. A refund row of an old layout
# leaves its refund status empty and is then read with the trade status REFUND: the money has gone back.
# "Returned" is left out on purpose: a payout may be returned after its money moved or before.
_EFFECTS: Mapping[str, Effect] = {
    "": Effect.UNSTATED,
    "SUCCESS": Effect.MOVED,
    "REFUND": Effect.MOVED,
    "SUCCEEDED": Effect.MOVED,
    "PAID": Effect.MOVED,
    "SETTLED": Effect.MOVED,
    "DONE": Effect.MOVED,
    "PROCESSING": Effect.PENDING,
    "USERPAYING": Effect.PENDING,
    "NOTPAY": Effect.PENDING,
    "ACCEPT": Effect.PENDING,
    "PENDING": Effect.PENDING,
    "ATTEMPTED": Effect.PENDING,
    "UNKNOWN": Effect.PENDING,
    "SCHEDULED": Effect.PENDING,
    "ORDERED": Effect.PENDING,
    "SENT": Effect.PENDING,
    "FAIL": Effect.NOT_MOVED,
    "CHANGE": Effect.NOT_MOVED,
    "ABNORMAL": Effect.NOT_MOVED,
    "REVOKED": Effect.NOT_MOVED,
    "CLOSED": Effect.NOT_MOVED,
    "PAYERROR": Effect.NOT_MOVED,
    "FAILED": Effect.NOT_MOVED,
    "REJECTED": Effect.NOT_MOVED,
    "CANCELLED": Effect.NOT_MOVED,
}


def effect_of(status: str) -> Effect:
    """What `status`, a word of the channel or our own in any case, says about the money; UNKNOWN for a word not in the table."""
    return _EFFECTS.get(status.upper(), Effect.UNKNOWN)


def words_of(effect: Effect) -> list[str]:
    """The words that say so, in upper case."""
    return [word for word, said in _EFFECTS.items() if said is effect]
