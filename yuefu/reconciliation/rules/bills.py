"""What a bill is once it has been read: its lines, its totals, the errors of reading one, and how two bills of a day agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from yuefu.money.amounts import Money


class BillError(Exception):
    """A bill that cannot be used. `code` is stable, `detail` is one sentence, `line_no` counts from 1 (None: the file as a whole).

    Codes of reading: bad_encoding, unknown_layout, missing_column, row_width, bad_amount, bad_time, other_currency, summary_missing,
    summary_mismatch, balance_break, several_accounts, several_days, after_summary, too_large, truncated, no_bill, checksum_mismatch.
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
    "payout_returned", "funding", "receipt" and "other". `reference` is our number, `provider_id` the channel's number of this line (unique in
    its file), `business_id` the channel's number of the business a fund-flow line belongs to ("" in a trade bill).
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
    """A whole bill that passed every check of its layout: all lines on one day, of one account and currency, summary equal to lines.

    `layout` is "wechat.trade.ALL|SUCCESS|REFUND" (with ".legacy" or ".older" for the earlier column names) or "wechat.fundflow.BASIC";
    a fund-flow file does not say which account type it is of, so the layout carries the default's name for all of them.
    `account` is the merchant number, "" where no line states one. `on` is the lines' day, None for a bill without lines.
    `sha256` is over the decompressed bytes, in hexadecimal. `totals` are sums over the lines: counts, or amounts in minor units.
    """

    layout: str
    account: str
    on: date | None
    currency: str
    lines: tuple[BillLine, ...]
    sha256: str
    totals: Mapping[str, int]


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


class PairKind(StrEnum):
    """How a trade bill and the fund flow of its day differ. TIMING is expected: the refund is accepted, its cash comes later."""

    TIMING = "timing"
    MISSING_IN_FUND = "missing_in_fund"
    MISSING_IN_TRADE = "missing_in_trade"
    AMOUNT_DIFFERS = "amount_differs"
    FEE_DIFFERS = "fee_differs"


@dataclass(frozen=True, slots=True)
class PairDifference:
    """One difference between the two bills. `trade` is the signed cash the trade bill leads to expect, `fund` what the flow shows."""

    kind: PairKind
    line_kind: str
    reference: str
    provider_id: str
    trade: Money | None
    fund: Money | None


@dataclass(slots=True)
class _Cash:
    """Signed minor units of one (kind, channel number), added up over one bill."""

    reference: str
    minor: int = 0
    pending: bool = False


_CashKey = tuple[str, str]


def verify_pair(trade: Bill, fund: Bill) -> list[PairDifference]:
    """Compare a trade bill with the fund flow of the same day; an empty list means that they agree to the cent.

    Each successful payment has a payment line of its amount and a fee line of its fee (none for a fee of 0); each successful refund
    has a refund line net of the fee given back. A refund still in process has no cash yet: a TIMING difference, unless its cash is
    there. Rows that moved no money expect no cash. Joined by the channel's number, else by our reference; lines with the same number
    are added up. Withdrawals and other fund-flow lines have no counterpart and are left out. Order: trade bill first, then fund flow.
    Raises BillError not_a_pair for other layouts, days or currencies.
    """
    _require_pair(trade, fund)
    expected, actual = _expected_cash(trade), _actual_cash(fund)
    keys = [*expected, *(key for key in actual if key not in expected)]
    found = (_compare(key, expected.get(key), actual.get(key), trade.currency) for key in keys)
    return [difference for difference in found if difference is not None]


def _require_pair(trade: Bill, fund: Bill) -> None:
    if not trade.layout.startswith("wechat.trade.") or not fund.layout.startswith("wechat.fundflow."):
        raise BillError("not_a_pair", f"A trade bill and a fund flow are compared, not {trade.layout} and {fund.layout}.")
    if trade.currency != fund.currency:
        raise BillError("not_a_pair", f"The trade bill is in {trade.currency}, the fund flow in {fund.currency}.")
    if trade.on is not None and fund.on is not None and trade.on != fund.on:
        raise BillError("not_a_pair", f"The trade bill is of {trade.on}, the fund flow of {fund.on}.")


def _expected_cash(trade: Bill) -> dict[_CashKey, _Cash]:
    cash: dict[_CashKey, _Cash] = {}
    for line in trade.lines:
        effect = effect_of(line.status)
        number = line.provider_id or line.reference
        if effect is Effect.NOT_MOVED or (effect is Effect.PENDING and line.kind == "payment"):
            continue
        if line.kind == "payment":
            _add(cash, ("payment", number), line.reference, line.amount.minor)
            _add(cash, ("fee", number), line.reference, -line.fee.minor)
        else:
            _add(cash, ("refund", number), line.reference, line.amount.minor - line.fee.minor, pending=effect is Effect.PENDING)
    return cash


def _actual_cash(fund: Bill) -> dict[_CashKey, _Cash]:
    cash: dict[_CashKey, _Cash] = {}
    for line in fund.lines:
        if line.kind in ("payment", "fee", "refund"):
            _add(cash, (line.kind, line.business_id or line.reference), line.reference, line.amount.minor)
    return cash


def _add(cash: dict[_CashKey, _Cash], key: _CashKey, reference: str, minor: int, *, pending: bool = False) -> None:
    entry = cash.setdefault(key, _Cash(reference))
    entry.minor += minor
    entry.pending = entry.pending or pending


def _compare(key: _CashKey, expected: _Cash | None, actual: _Cash | None, currency: str) -> PairDifference | None:
    if (expected.minor if expected else 0) == (actual.minor if actual else 0) and (
        actual is not None or not expected or not expected.minor
    ):
        return None
    if expected is None:
        kind = PairKind.MISSING_IN_TRADE
    elif actual is None:
        kind = PairKind.TIMING if expected.pending else PairKind.MISSING_IN_FUND
    else:
        kind = PairKind.FEE_DIFFERS if key[0] == "fee" else PairKind.AMOUNT_DIFFERS
    return PairDifference(
        kind=kind,
        line_kind=key[0],
        reference=(expected or actual or _Cash("")).reference,
        provider_id=key[1],
        trade=None if expected is None else Money(expected.minor, currency),
        fund=None if actual is None else Money(actual.minor, currency),
    )
