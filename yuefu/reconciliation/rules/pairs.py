"""How two bills that tell of the same money agree."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import Bill, BillError, Effect, effect_of


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


def summary_differences(summary: Bill, detail: Bill) -> Iterator[tuple[str, int, int]]:
    """What Alipay's summary of a day says otherwise than the trades of that day add up to: name, said, computed. Nothing for other bills."""
    if (summary.layout, detail.layout) != ("alipay.summary", "alipay.trade") or summary.account != detail.account:
        return
    if (summary.since, summary.on) != (detail.since, detail.on):
        return
    computed = dict(detail.totals) | {"received": detail.totals["payments"] - detail.totals["refunds"]}
    for name in ("payment_lines", "refund_lines", "orders", "received", "fees"):
        if summary.totals[name] != computed[name]:
            yield name, summary.totals[name], computed[name]
