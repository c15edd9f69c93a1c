"""How two bills that tell of the same money agree."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import Bill, BillError, Effect, effect_of


class PairKind(StrEnum):
    """How a trade bill and the fund flow of its day differ. TIMING is expected: the refund is accepted, its cash comes later.

    DUPLICATE: one of the two has the same line several times, the other once; what is told is what it has too many.
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


class _Of(NamedTuple):
    """What lines are held against each other: of one kind and channel number. A fee that is given back is not that which was taken."""

    kind: str
    number: str
    given_back: bool = False


class _Part(NamedTuple):
    """The cash of one line, signed."""

    reference: str
    minor: int
    pending: bool = False


_Cash = dict[_Of, list[_Part]]


def verify_pair(trade: Bill, fund: Bill) -> list[PairDifference]:
    """Compare a trade bill with the fund flow of the same day, of WeChat Pay or of Alipay; an empty list means that they agree to the cent.

    Each successful payment has a payment line of its amount and a fee line of its fee (none for a fee of 0). Each successful refund has a
    refund line: at WeChat Pay net of the fee given back, at Alipay whole, and the fee comes back as a line of its own. A refund still in
    process has no cash yet: a TIMING difference, unless its cash is there. Rows that moved no money expect no cash. Joined by the channel's
    number, else by our reference; of several lines with one number those of the same amount belong together, and the sum decides.
    Withdrawals and other fund-flow lines have no counterpart and are left out. Order: trade bill first, then fund flow.
    Raises BillError not_a_pair for other layouts, days or currencies.
    """
    _require_pair(trade, fund)
    expected, actual = _expected_cash(trade), _actual_cash(fund)
    return [one for of in dict.fromkeys([*expected, *actual]) for one in _compare(of, expected[of], actual[of], trade.currency)]


def _require_pair(trade: Bill, fund: Bill) -> None:
    of_wechat = trade.layout.startswith("wechat.trade.") and fund.layout.startswith("wechat.fundflow.")
    if not of_wechat and (trade.layout, fund.layout) != ("alipay.trade", "alipay.account"):
        raise BillError("not_a_pair", f"A trade bill and a fund flow are compared, not {trade.layout} and {fund.layout}.")
    if trade.currency != fund.currency:
        raise BillError("not_a_pair", f"The trade bill is in {trade.currency}, the fund flow in {fund.currency}.")
    if trade.on is not None and fund.on is not None and trade.on != fund.on:
        raise BillError("not_a_pair", f"The trade bill is of {trade.on}, the fund flow of {fund.on}.")


def _expected_cash(trade: Bill) -> _Cash:
    cash: _Cash = defaultdict(list)
    net_of_fee = trade.layout.startswith("wechat.")
    for line in trade.lines:
        effect = effect_of(line.status)
        number = line.business_id or line.provider_id or line.reference
        pending = effect is Effect.PENDING
        if effect is Effect.NOT_MOVED or (pending and line.kind == "payment"):
            continue
        if line.kind == "refund" and net_of_fee:
            cash[_Of("refund", number)].append(_Part(line.reference, line.amount.minor - line.fee.minor, pending))
        else:
            cash[_Of(line.kind, number)].append(_Part(line.reference, line.amount.minor, pending))
            cash[_Of("fee", number, line.fee.minor < 0)].append(_Part(line.reference, -line.fee.minor, pending))
    return cash


def _actual_cash(fund: Bill) -> _Cash:
    cash: _Cash = defaultdict(list)
    for line in fund.lines:
        if line.kind in ("payment", "fee", "refund"):
            of = _Of(line.kind, line.business_id or line.reference, line.kind == "fee" and line.amount.minor > 0)
            cash[of].append(_Part(line.reference, line.amount.minor))
    return cash


def _compare(of: _Of, expected: Sequence[_Part], actual: Sequence[_Part], currency: str) -> Iterator[PairDifference]:
    """One difference of all that is left where both sides have something else, else one a reference of what the other side lacks."""
    if _sum(expected) == _sum(actual):
        return
    lacking, extra = _left(expected, actual), _left(actual, expected)
    if lacking and extra:
        kind = PairKind.FEE_DIFFERS if of.kind == "fee" else PairKind.AMOUNT_DIFFERS
        sums = (Money(_sum(lacking), currency), Money(_sum(extra), currency))
        yield PairDifference(kind, of.kind, lacking[0].reference, of.number, *sums)
        return
    for parts, left in ((expected, lacking), (actual, extra)):
        told = _told(of, parts) if left else Counter()
        for reference, mine in _by_reference(left).items():
            money = Money(_sum(mine), currency)
            if not money:
                continue
            kind = _kind_of_lack(of, mine, told, there=bool(lacking))
            yield PairDifference(kind, of.kind, reference, of.number, *((money, None) if lacking else (None, money)))


def _left(parts: Sequence[_Part], others: Sequence[_Part]) -> list[_Part]:
    """The parts that have no other of the same amount, each of which goes with one."""
    amounts = Counter(part.minor for part in others)
    left = []
    for part in parts:
        if amounts[part.minor]:
            amounts[part.minor] -= 1
        else:
            left.append(part)
    return left


def _by_reference(parts: Iterable[_Part]) -> dict[str, list[_Part]]:
    found: dict[str, list[_Part]] = defaultdict(list)
    for part in parts:
        found[part.reference].append(part)
    return found


def _told(of: _Of, parts: Iterable[_Part]) -> Counter[tuple[str, int]]:
    """How often each amount is told: a payment happens once, by whatever reference; refunds have references of their own."""
    return Counter(("" if of.kind == "payment" else part.reference, part.minor) for part in parts)


def _kind_of_lack(of: _Of, mine: Sequence[_Part], told: Mapping[tuple[str, int], int], *, there: bool) -> PairKind:
    """What the other side lacks is missing there, but where this side has `told` each of it another time too. `mine` is part of what was told."""
    if all(told[one] > times for one, times in _told(of, mine).items()):
        return PairKind.DUPLICATE
    if there:
        return PairKind.TIMING if any(part.pending for part in mine) else PairKind.MISSING_IN_FUND
    return PairKind.MISSING_IN_TRADE


def _sum(parts: Iterable[_Part]) -> int:
    return sum(part.minor for part in parts)


def verify_payouts(transactions: Bill, payouts: Bill) -> list[PairDifference]:
    """Compare Klarna's transactions with the payouts they are in: each total of a payout is the sum of its transactions.

    A payout that one side does not know is one difference, of all that is in it. A transaction that is in no payout yet is TIMING.
    """
    expected, actual = _sums_of_transactions(transactions), _sums_of_payouts(payouts)
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
    common = [of for of in dict.fromkeys([*expected, *actual]) if of.number in here and of.number in there]
    return [
        *found,
        *(_compared(of, expected.get(of, 0), actual.get(of, 0), currency) for of in common if expected.get(of, 0) != actual.get(of, 0)),
    ]


def _compared(of: _Of, expected: int, actual: int, currency: str) -> PairDifference:
    """A total of a payout that is not the sum of its transactions; of refunds and the like one side may have none at all."""
    trade, fund = Money(expected, currency), Money(actual, currency)
    if of.kind in ("fee", "tax"):
        return PairDifference(PairKind.FEE_DIFFERS, of.kind, of.number, of.number, trade, fund)
    if not expected:
        return PairDifference(PairKind.MISSING_IN_TRADE, of.kind, of.number, of.number, None, fund)
    if not actual:
        return PairDifference(PairKind.MISSING_IN_FUND, of.kind, of.number, of.number, trade, None)
    return PairDifference(PairKind.AMOUNT_DIFFERS, of.kind, of.number, of.number, trade, fund)


def _sums_of_transactions(transactions: Bill) -> dict[_Of, int]:
    sums: dict[_Of, int] = defaultdict(int)
    # The tax on fees stands in lines of its own, or else with the fees.
    with_tax_lines = {line.business_id for line in transactions.lines if line.kind == "tax"}
    for line in transactions.lines:
        if line.business_id:
            sums[_Of(line.kind, line.business_id)] += line.amount.minor
            if line.fee.minor and line.business_id not in with_tax_lines:
                sums[_Of("tax", line.business_id)] -= line.fee.minor
    return sums


def _sums_of_payouts(payouts: Bill) -> dict[_Of, int]:
    sums: dict[_Of, int] = defaultdict(int)
    for line in payouts.lines:
        part = line.kind not in ("payout", "debt")
        sums[_Of(line.kind if part else "payment", line.business_id)] += line.amount.minor if part else 0
    return sums


def _sums_by_payout(sums: Mapping[_Of, int]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for of, minor in sums.items():
        found[of.number] += minor
    return found


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
