"""What bills say of each other: those of one channel and day are held together, and the whole gets one verdict.

"Here" is what we did, told by trade bills and transactions; "there" is the money, told by fund flows, accounts and payouts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import UNEXPLAINED, Bill, BillError, BillLine, Effect, effect_of
from yuefu.reconciliation.rules.judgement import Verdict, verdict
from yuefu.reconciliation.rules.matching import Outcome
from yuefu.reconciliation.rules.pairs import PairDifference, PairKind, summary_differences, verify_pair, verify_payouts

FEE_DIFFERS: Final = "fee_differs"

_CLASSES: Final[Mapping[PairKind, str]] = {
    PairKind.MISSING_IN_FUND: Outcome.MISSING_THERE,
    PairKind.MISSING_IN_TRADE: Outcome.MISSING_HERE,
    PairKind.AMOUNT_DIFFERS: Outcome.AMOUNT_DIFFERS,
    PairKind.FEE_DIFFERS: FEE_DIFFERS,
    PairKind.DUPLICATE: Outcome.DUPLICATE,
}


@dataclass(frozen=True, slots=True)
class Break:
    """`klass` is a word of Outcome, or fee_differs. `amount` is that of the line which the other side lacks, signed as in its bill; where both
    sides have it, what "there" is more than "here".
    """

    klass: str
    kind: str
    reference: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Pair:
    """Bills that were held against each other, by their places in what was given."""

    on: date | None
    trade: tuple[int, ...]
    fund: tuple[int, ...]
    differences: tuple[PairDifference, ...]


@dataclass(slots=True)
class Held:
    """What came of holding bills together. `again` are the places of bills that were given before, `refused` those that contradict one before."""

    again: set[int] = field(default_factory=set)
    refused: dict[int, BillError] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    pending: list[PairDifference] = field(default_factory=list)

    def verdict(self) -> Verdict:
        """Something missing is never green: nothing is known of it."""
        missing = [*self.missing, *(error.code for error in self.refused.values())]
        return verdict(missing=missing, breaks=len(self.breaks), warnings=len(self.warnings), pending=len(self.pending))


_Placed = tuple[int, Bill]


def hold(bills: Sequence[Bill], on: date | None = None) -> Held:
    """Hold together what belongs together. `on` is the day of bills that have no lines and do not state one.

    A bill that was given before counts once. Of two bills of one layout, account and day that share lines and differ, the later one is
    refused: nobody can say which is right. A line that stands twice in a bill, the same in all, counts once and is a DUPLICATE.
    """
    held = Held()
    kept = [(place, _once(bill, held)) for place, bill in _kept(bills, held)]
    _hold_wechat(
        [(place, bill) for place, bill in kept if bill.layout.startswith("wechat.") and bill.layout != "wechat.trade.GLOBAL"], on, held
    )
    _hold_alipay([(place, bill) for place, bill in kept if bill.layout.startswith("alipay.")], held)
    _hold_klarna([(place, bill) for place, bill in kept if bill.layout.startswith("klarna.")], held)
    for _, bill in kept:
        if bill.layout.startswith(("affirm.", "bank.")) or bill.layout == "wechat.trade.GLOBAL":
            held.warnings.append(f"{_said(bill)} adds up in itself; there is no other file to hold it against")
        if bill.layout == "klarna.payouts" and sum(line.amount.minor for line in bill.lines) != 0:
            held.warnings.append(f"{_said(bill)} is settled gross: what was paid out is not held against its totals")
        if bill.totals.get(UNEXPLAINED):
            text = Money(bill.totals[UNEXPLAINED], bill.currency).decimal_text()
            held.warnings.append(f"{_said(bill)} has rows whose 订单金额 and 商家实收 differ by {text} more than the shop gave")
        strange = sum(line.kind == "other" for line in bill.lines) if bill.layout.startswith(("adyen.", "affirm.")) else 0
        if strange:
            held.warnings.append(f"{_said(bill)} has {strange} lines of a type that is not known; they count in its sums")
        unknown = sorted({line.status for line in bill.lines if effect_of(line.status) is Effect.UNKNOWN})
        if unknown:
            held.warnings.append(f"{_said(bill)} has a status that is not known: {', '.join(unknown)[:80]}")
    return held


def _said(bill: Bill) -> str:
    days = f"{bill.since} to {bill.on}" if bill.since else str(bill.on or "no day")
    return f"{bill.layout} {bill.account} of {days}".replace("  ", " ")


def _kept(bills: Sequence[Bill], held: Held) -> list[_Placed]:
    """The bills that count, each once."""
    kept: list[_Placed] = []
    by_day: dict[tuple[str, str, str, date | None, date | None], list[Bill]] = defaultdict(list)
    for place, bill in enumerate(bills):
        earlier = by_day[bill.layout, bill.account, bill.currency, bill.since, bill.on]
        if any(_same(one, bill) for one in earlier):
            held.again.add(place)
            held.warnings.append(f"{_said(bill)} was given twice and counts once")
            continue
        numbers = _numbers(bill)
        if any(one.sha256 != bill.sha256 and numbers & _numbers(one) for one in earlier):
            held.refused[place] = BillError(
                "other_version", f"Another file is {_said(bill)} too and says otherwise: leave out the one that is wrong."
            )
            continue
        earlier.append(bill)
        kept.append((place, bill))
    return kept


def _same(one: Bill, other: Bill) -> bool:
    """Whether two bills say the same, in whatever encoding. Of two without lines and day, only their bytes can say it."""
    if one.totals != other.totals or not (one.lines or one.on or one.sha256 == other.sha256):
        return False
    return [_but_number(line) for line in one.lines] == [_but_number(line) for line in other.lines]


def _but_number(line: BillLine) -> BillLine:
    return replace(line, line_no=0)


def _numbers(bill: Bill) -> set[tuple[str, str]]:
    return {(line.kind, line.provider_id) for line in bill.lines if line.provider_id}


def _once(bill: Bill, held: Held) -> Bill:
    seen: set[BillLine] = set()
    lines = []
    for line in bill.lines:
        # Where an account shows a line again its balance is another.
        plain = replace(line, line_no=0, balance=None)
        if line.provider_id and plain in seen:
            held.breaks.append(Break(Outcome.DUPLICATE, line.kind, line.reference, line.amount))
        else:
            lines.append(line)
        seen.add(plain)
    return replace(bill, lines=tuple(lines))


def _hold_wechat(bills: Sequence[_Placed], on: date | None, held: Held) -> None:
    days = {bill.on for _, bill in bills if bill.on}
    # A bill without lines is of the day that is said, or of the only one there is.
    only = on or (next(iter(days)) if len(days) == 1 else None)
    by_day: dict[tuple[date, str], list[_Placed]] = defaultdict(list)
    empty: list[_Placed] = []
    for place, bill in bills:
        day = bill.on or only
        if day is None:
            empty.append((place, bill))
        else:
            by_day[day, bill.currency].append((place, replace(bill, on=day)))
    for (day, _), of_day in sorted(by_day.items()):
        _hold_wechat_day(day, of_day, held)
    if empty and not days and {_is_fund(bill) for _, bill in empty} == {True, False}:
        held.pairs.append(Pair(None, _places(empty, lambda bill: not _is_fund(bill)), _places(empty, _is_fund), ()))
    elif empty:
        held.missing.append("a bill without lines does not say its day: give it with --on")


def _is_fund(bill: Bill) -> bool:
    return bill.layout.startswith("wechat.fundflow.")


def _places(bills: Iterable[_Placed], wanted: Callable[[Bill], bool]) -> tuple[int, ...]:
    return tuple(place for place, bill in bills if wanted(bill))


def _hold_wechat_day(day: date, bills: Sequence[_Placed], held: Held) -> None:
    funds = [(place, bill) for place, bill in bills if _is_fund(bill)]
    trades: list[_Placed] = []
    lacking: set[str] = set()
    for account in dict.fromkeys(bill.account for _, bill in bills if not _is_fund(bill)):
        of_account, kinds = _whole_trades(
            day, [(place, bill) for place, bill in bills if not _is_fund(bill) and bill.account == account], held
        )
        trades += of_account
        lacking |= kinds

    def compare(trade: Bill, fund: Bill) -> list[PairDifference]:
        # Of the bill that is missing nothing is known, so its cash is no break.
        return [one for one in verify_pair(trade, fund) if one.kind is not PairKind.MISSING_IN_TRADE or one.line_kind not in lacking]

    _hold_pair(day, trades, funds, ("WeChat Pay's trade bill", "WeChat Pay's fund flow"), compare, held)


def _whole_trades(day: date, bills: Sequence[_Placed], held: Held) -> tuple[list[_Placed], set[str]]:
    """The bills that are all trades of a merchant's day, and the kinds of lines of which there is none: the bill of ALL, or those of SUCCESS
    and REFUND together.
    """
    of_kind: dict[str, list[_Placed]] = defaultdict(list)
    for place, bill in bills:
        of_kind[bill.layout.split(".")[2]].append((place, bill))
    if not of_kind["ALL"]:
        lacking: set[str] = set()
        for kind, lines in (("SUCCESS", {"payment", "fee"}), ("REFUND", {"refund"})):
            if not of_kind[kind]:
                held.missing.append(f"WeChat Pay's trade bill of {day} is there in part: the bill of {kind} is missing, or that of ALL")
                lacking |= lines
        return [*of_kind["SUCCESS"], *of_kind["REFUND"]], lacking
    whole = {(line.kind, line.provider_id): line for _, bill in of_kind["ALL"] for line in bill.lines}
    for kind, name in (("payment", "SUCCESS"), ("refund", "REFUND")):
        if of_kind[name]:
            _hold_part(kind, whole, [line for _, bill in of_kind[name] for line in bill.lines], held)
    return of_kind["ALL"], set()


def _hold_part(kind: str, whole: Mapping[tuple[str, str], BillLine], part: Sequence[BillLine], held: Held) -> None:
    """The bill of payments or of refunds has the lines that the bill of all has."""
    own = {(line.kind, line.provider_id): line for line in part}
    for key, line in whole.items():
        if line.kind == kind and key not in own:
            held.breaks.append(Break(Outcome.MISSING_THERE, kind, line.reference, line.amount))
    for key, line in own.items():
        if key not in whole:
            held.breaks.append(Break(Outcome.MISSING_HERE, kind, line.reference, line.amount))
        elif line.amount != whole[key].amount:
            held.breaks.append(Break(Outcome.AMOUNT_DIFFERS, kind, line.reference, line.amount - whole[key].amount))
        elif line.fee != whole[key].fee:
            held.breaks.append(Break(FEE_DIFFERS, kind, line.reference, line.fee - whole[key].fee))


def _hold_pair(
    day: date | None,
    trades: Sequence[_Placed],
    funds: Sequence[_Placed],
    names: tuple[str, str],
    compare: Callable[[Bill, Bill], list[PairDifference]],
    held: Held,
) -> None:
    for side, name in zip((trades, funds), names, strict=True):
        if not side:
            held.missing.append(f"{name} is missing" + (f" for {day}" if day else ""))
    if not trades or not funds:
        return
    differences = tuple(compare(_joined(trades), _joined(funds)))
    held.pairs.append(Pair(day, tuple(place for place, _ in trades), tuple(place for place, _ in funds), differences))
    held.pending += [one for one in differences if one.kind is PairKind.TIMING]
    held.breaks += [_break(one) for one in differences if one.kind is not PairKind.TIMING]


def _joined(bills: Sequence[_Placed]) -> Bill:
    return replace(bills[0][1], lines=tuple(line for _, bill in bills for line in bill.lines))


def _break(difference: PairDifference) -> Break:
    trade, fund = difference.trade, difference.fund
    amount = fund - trade if trade is not None and fund is not None else trade if trade is not None else fund
    assert amount is not None
    return Break(_CLASSES[difference.kind], difference.line_kind, difference.reference, amount)


def _hold_alipay(bills: Sequence[_Placed], held: Held) -> None:
    by_period: dict[tuple[str, date | None, date | None, str], list[_Placed]] = defaultdict(list)
    for place, bill in bills:
        by_period[bill.account, bill.since, bill.on, bill.currency].append((place, bill))
    for (_, _, on, currency), of_period in by_period.items():
        trades, accounts, summaries = (
            [(place, bill) for place, bill in of_period if bill.layout == layout]
            for layout in ("alipay.trade", "alipay.account", "alipay.summary")
        )
        _hold_pair(on, trades, accounts, ("Alipay's detail of trades", "Alipay's detail of the account"), verify_pair, held)
        for _, summary in summaries:
            for _, detail in trades:
                held.breaks += [
                    Break(Outcome.AMOUNT_DIFFERS, "summary", name, Money(0 if name.endswith("_lines") else computed - said, currency))
                    for name, said, computed in summary_differences(summary, detail)
                ]


def _hold_klarna(bills: Sequence[_Placed], held: Held) -> None:
    by_currency: dict[str, list[_Placed]] = defaultdict(list)
    for place, bill in bills:
        by_currency[bill.currency].append((place, bill))
    for of_currency in by_currency.values():
        transactions, payouts = (
            [(place, bill) for place, bill in of_currency if bill.layout == layout] for layout in ("klarna.transactions", "klarna.payouts")
        )
        on = max((bill.on for _, bill in payouts if bill.on), default=None)
        _hold_pair(on, transactions, payouts, ("Klarna's list of transactions", "Klarna's list of payouts"), verify_payouts, held)
