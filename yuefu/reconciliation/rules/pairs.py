"""How two bills that tell of the same money agree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import Bill, BillError, Effect, effect_of


class PairKind(StrEnum):
    """How a trade bill and the fund flow of its day differ. TIMING is expected: the refund is accepted, its cash comes later.

    DUPLICATE: one of the two has the same line several times, the other once.
    """

    TIMING = "timing"
    MISSING_IN_FUND = "missing_in_fund"
    MISSING_IN_TRADE = "missing_in_trade"
    AMOUNT_DIFFERS = "amount_differs"
    FEE_DIFFERS = "fee_differs"
    DUPLICATE = "duplicate"


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
    lines: int = 0


_CashKey = tuple[str, str]


def verify_pair(trade: Bill, fund: Bill) -> list[PairDifference]:
    """Compare a trade bill with the fund flow of the same day, of WeChat Pay or of Alipay; an empty list means that they agree to the cent.

    Each successful payment has a payment line of its amount and a fee line of its fee (none for a fee of 0). Each successful refund has a
    refund line: at WeChat Pay net of the fee given back, at Alipay whole, and the fee comes back as a line of its own. A refund still in
    process has no cash yet: a TIMING difference, unless its cash is there. Rows that moved no money expect no cash. Joined by the channel's
    number, else by our reference; lines with the same number are added up. Withdrawals and other fund-flow lines have no counterpart and
    are left out. Order: trade bill first, then fund flow. Raises BillError not_a_pair for other layouts, days or currencies.
    """
    _require_pair(trade, fund)
    expected, actual = _expected_cash(trade), _actual_cash(fund)
    keys = [*expected, *(key for key in actual if key not in expected)]
    found = (_compare(key, expected.get(key), actual.get(key), trade.currency) for key in keys)
    return [difference for difference in found if difference is not None]


def _require_pair(trade: Bill, fund: Bill) -> None:
    of_wechat = trade.layout.startswith("wechat.trade.") and fund.layout.startswith("wechat.fundflow.")
    if not of_wechat and (trade.layout, fund.layout) != ("alipay.trade", "alipay.account"):
        raise BillError("not_a_pair", f"A trade bill and a fund flow are compared, not {trade.layout} and {fund.layout}.")
    if trade.currency != fund.currency:
        raise BillError("not_a_pair", f"The trade bill is in {trade.currency}, the fund flow in {fund.currency}.")
    if trade.on is not None and fund.on is not None and trade.on != fund.on:
        raise BillError("not_a_pair", f"The trade bill is of {trade.on}, the fund flow of {fund.on}.")


def _expected_cash(trade: Bill) -> dict[_CashKey, _Cash]:
    cash: dict[_CashKey, _Cash] = {}
    net_of_fee = trade.layout.startswith("wechat.")
    for line in trade.lines:
        effect = effect_of(line.status)
        number = line.business_id or line.provider_id or line.reference
        pending = effect is Effect.PENDING
        if effect is Effect.NOT_MOVED or (pending and line.kind == "payment"):
            continue
        if line.kind == "refund" and net_of_fee:
            _add(cash, ("refund", number), line.reference, line.amount.minor - line.fee.minor, pending=pending)
        else:
            _add(cash, (line.kind, number), line.reference, line.amount.minor, pending=pending)
            _add(cash, ("fee", number), line.reference, -line.fee.minor)
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
    entry.lines += 1
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
    elif key[0] != "fee" and expected.lines != actual.lines and expected.minor * actual.lines == actual.minor * expected.lines:
        kind = PairKind.DUPLICATE
    else:
        kind = PairKind.FEE_DIFFERS if key[0] in ("fee", "tax") else PairKind.AMOUNT_DIFFERS
    return PairDifference(
        kind=kind,
        line_kind=key[0],
        reference=(expected or actual or _Cash("")).reference,
        provider_id=key[1],
        trade=None if expected is None else Money(expected.minor, currency),
        fund=None if actual is None else Money(actual.minor, currency),
    )


def verify_payouts(transactions: Bill, payouts: Bill) -> list[PairDifference]:
    """Compare Klarna's transactions with the payouts they are in: each total of a payout is the sum of its transactions.

    A payout that one side does not know is one difference, of all that is in it. A transaction that is in no payout yet is TIMING.
    """
    expected, actual = _parts_of_transactions(transactions), _parts_of_payouts(payouts)
    here, there = _sums_by_payout(expected), _sums_by_payout(actual)
    currency = transactions.currency
    found = [
        PairDifference(PairKind.TIMING, line.kind, line.reference, line.provider_id, line.amount, None)
        for line in transactions.lines
        if not line.business_id
    ]
    for name in [*here, *(name for name in there if name not in here)]:
        if name not in there:
            found.append(PairDifference(PairKind.MISSING_IN_FUND, "payout", name, name, Money(here[name], currency), None))
        elif name not in here:
            found.append(PairDifference(PairKind.MISSING_IN_TRADE, "payout", name, name, None, Money(there[name], currency)))
    common = [key for key in dict.fromkeys([*expected, *actual]) if key[1] in here and key[1] in there]
    compared = (_compare(key, expected.get(key, _Cash(key[1])), actual.get(key, _Cash(key[1])), currency) for key in common)
    return [*found, *(difference for difference in compared if difference is not None)]


def _parts_of_transactions(transactions: Bill) -> dict[_CashKey, _Cash]:
    cash: dict[_CashKey, _Cash] = {}
    # The tax on fees stands in lines of its own, or else with the fees.
    with_tax_lines = {line.business_id for line in transactions.lines if line.kind == "tax"}
    for line in transactions.lines:
        if line.business_id:
            _add(cash, (line.kind, line.business_id), line.business_id, line.amount.minor)
            if line.fee.minor and line.business_id not in with_tax_lines:
                _add(cash, ("tax", line.business_id), line.business_id, -line.fee.minor)
    return cash


def _parts_of_payouts(payouts: Bill) -> dict[_CashKey, _Cash]:
    cash: dict[_CashKey, _Cash] = {}
    for line in payouts.lines:
        if line.kind not in ("payout", "debt"):
            _add(cash, (line.kind, line.business_id), line.business_id, line.amount.minor)
        else:
            _add(cash, ("payment", line.business_id), line.business_id, 0)
    return cash


def _sums_by_payout(cash: Mapping[_CashKey, _Cash]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (_, name), entry in cash.items():
        sums[name] = sums.get(name, 0) + entry.minor
    return sums


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
