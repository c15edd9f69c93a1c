"""A case replayed and compared with what it expects, figure by figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext
from typing import Any, Final

from yuefu.plans.lifecycle.factors import SCALE, factor, share_of_year
from yuefu.plans.lifecycle.quotes import instalment_quote
from yuefu.proofs.cases import Case, Difference, Unsupported
from yuefu.proofs.conform_loans.inputs import day, loan_of
from yuefu.proofs.conform_loans.journal import journal
from yuefu.proofs.conform_loans.story import Told, play_all
from yuefu.proofs.conform_loans.telling import SOMETIMES, Teller, same_status, text

_ABOUT: Final = frozenset(
    {"id", "source", "title", "tags", "note", "license", "licence", "inputs", "events", "expected", "group", "suite", "url"}
)
_SEEN_FROM: Final = frozenset({"after_events", "business_date", "schedule_line", "note"})
_DIGITS: Final = 12


def play(case: Case) -> list[Difference]:
    """Where a case differs, in the order of its figures. Raises Unsupported for what of it is not understood."""
    unknown = [key for key in case.content if key not in _ABOUT]
    if unknown:
        raise Unsupported(*unknown)
    inputs, expected = _object(case.content, "inputs"), _object(case.content, "expected")
    if "rate_factors" in expected or "fn_values" in expected:
        return _factors(inputs, expected)
    events = case.content.get("events") or []
    loan = loan_of(inputs, _first_day(events), str(case.content.get("source")))
    snapshots, quotes = expected.get("snapshots") or [], expected.get("quotes") or []
    unknown = [f"expected.{key}" for key in expected if key not in {"snapshots", "quotes"}]
    if unknown or not (snapshots or quotes):
        raise Unsupported(*(unknown or ["expected"]))
    counts = {int(each["after_events"]) for each in (*snapshots, *quotes)}
    if max(counts) > len(events):
        raise Unsupported("expected.snapshots.after_events")
    told = play_all(loan, events, counts)
    found: list[Difference] = []
    for i, snapshot in enumerate(snapshots):
        found += _Snapshot(told[int(snapshot["after_events"])], f"snapshots[{i}]").compare(snapshot)
    for i, quote in enumerate(quotes):
        found += _quote(told[int(quote["after_events"])], quote, f"quotes[{i}]")
    return found


def _object(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key)
    if not isinstance(value, Mapping):
        raise Unsupported(key)
    return value


def _first_day(events: Sequence[Mapping[str, Any]]) -> date | None:
    dated = next((event for event in events if event.get("type") == "disburse"), None)
    return day(dated.get("date") or dated.get("business_date"), "events[0].date") if dated else None


def same(expected: Any, got: Any) -> bool:
    """Whether two figures are the same: numbers by value, days and words as they read."""
    if isinstance(expected, bool) or str(expected).lower() in {"true", "false"}:
        return str(expected).lower() == str(got).lower()
    if expected is None or got is None:
        return expected is got
    try:
        return Decimal(str(expected)) == Decimal(str(got))
    except InvalidOperation:
        pass
    if str(expected) == str(got):
        return True
    try:
        return day(expected, "") == day(got, "")
    except Unsupported:
        return False


def _figures(expected: Mapping[str, Any], ours: Mapping[str, Any], at: str) -> list[Difference]:
    unknown = [f"{at}.{key}" for key in expected if key not in ours]
    if unknown:
        raise Unsupported(*unknown)
    return [Difference(f"{at}.{key}", _shown(value), _shown(ours[key])) for key, value in expected.items() if not same(value, ours[key])]


def _shown(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


class _Snapshot:
    """One snapshot of a case beside our loan at that point."""

    def __init__(self, told: Told, at: str) -> None:
        self.loan, self.told, self.at = told.loan, told, at
        self.teller = Teller(told)

    def compare(self, snapshot: Mapping[str, Any]) -> list[Difference]:
        """What differs, in the order of the snapshot."""
        found: list[Difference] = []
        for key, expected in snapshot.items():
            if key in _SEEN_FROM:
                continue
            check = getattr(self, f"_{key}", None)
            if check is None:
                raise Unsupported(f"{self.at}.{key}")
            found += check(expected, f"{self.at}.{key}")
        return found

    def _schedule(self, expected: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
        lent = [line for line in expected if "disbursement" in line]
        found = self._lines(lent, self.teller.disbursements(), at) if lent else []
        rows, ours = [line for line in expected if "disbursement" not in line], self.teller.schedule()
        if len(rows) != len(ours):
            return [*found, Difference(f"{at}.length", len(rows), len(ours))]
        for k, (line, our) in enumerate(zip(rows, ours, strict=True)):
            figures = {key: value for key, value in line.items() if key != "segments"}
            if our["paid_date"] is not None and "paid_date" not in figures and not self.loan.calculator:
                found.append(Difference(f"{at}[{k}].paid_date", None, our["paid_date"]))
            found += _figures(figures, our, f"{at}[{k}]")
            found += self._segments(line.get("segments") or [], k, f"{at}[{k}].segments")
        return found

    def _segments(self, expected: Sequence[Mapping[str, Any]], k: int, at: str) -> list[Difference]:
        """Zero-length stretches of the source are left out; on the day of the disbursement it always has one, which is not always shown."""
        if not expected:
            return []
        ours = self.teller.segments(k)
        artefact = k == 0 or any(_is_empty(stretch) for stretch in expected)
        found = []
        for stretch in expected:
            if _is_empty(stretch) and self.loan.terms.annual_rate.ppm:
                continue
            i = int(stretch.get("index", 0)) - (1 if artefact and self.loan.terms.annual_rate.ppm else 0)
            if not 0 <= i < len(ours):
                found.append(Difference(f"{at}[{stretch.get('index')}]", _shown(stretch.get("rate_factor")), None))
                continue
            found += _figures({key: value for key, value in stretch.items() if key != "index"}, ours[i], f"{at}[{i}]")
        return found

    def _lines(self, expected: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
        if len(expected) != len(ours):
            return [Difference(f"{at}.length", len(expected), len(ours))]
        return [d for i, (line, our) in enumerate(zip(expected, ours, strict=True)) for d in _figures(line, our, f"{at}[{i}]")]

    def _totals(self, expected: Mapping[str, Any], at: str) -> list[Difference]:
        return _figures(expected, self.teller.totals(), at)

    def _transactions(self, expected: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
        """Each expected line beside the line of ours with its day and type that comes next. A list with a disbursement in it is whole, but for
        kinds that a source lists only sometimes (it accrues when its jobs run): those are compared where the list has any of the kind."""
        found, left = [], self.teller.transactions()
        for i, line in enumerate(expected):
            match = next((our for our in left if _is_line(line, our)), None)
            if match is None:
                found.append(Difference(f"{at}[{i}]", f"{line.get('type')} {line.get('date')}", None))
                continue
            left.remove(match)
            found += _figures(line, match, f"{at}[{i}]")
        whole = any(line.get("type") == "Disbursement" for line in expected)
        kinds = {line.get("type") for line in expected}
        extra = [our for our in left if whole and (our["type"] not in SOMETIMES or our["type"] in kinds)]
        return found + [Difference(f"{at}.more", None, f"{our['type']} {our['date']} {our['amount']}") for our in extra]

    def _charges(self, expected: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
        """In whatever order: by day and name."""
        found, left = [], self.teller.charges()
        for i, line in enumerate(expected):
            match = next((our for our in left if same(line.get("due_as_of"), our["due_as_of"]) and line.get("name") == our["name"]), None)
            if match is None:
                found.append(Difference(f"{at}[{i}]", f"{line.get('name')} {line.get('due_as_of')}", None))
                continue
            left.remove(match)
            found += _figures(line, match, f"{at}[{i}]")
        return found + [Difference(f"{at}.more", None, f"{our['name']} {our['due_as_of']}") for our in left]

    def _status(self, expected: Any, at: str) -> list[Difference]:
        ours = self.teller.status()
        return [] if same_status(expected, ours) else [Difference(at, expected, ours)]

    def _outstanding_amount(self, expected: Any, at: str) -> list[Difference]:
        return _figures({"amount": expected}, {"amount": self.told.state.outstanding.decimal_text()}, at)

    def _overpaid_amount(self, expected: Any, at: str) -> list[Difference]:
        return _figures({"amount": expected}, {"amount": self.told.state.credit_balance.decimal_text()}, at)

    def _delinquency_loan(self, expected: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
        return self._lines(expected, self.teller.delinquency_loan(), at)

    def _delinquency_installment(self, expected: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
        return self._lines(expected or [], self.teller.delinquency_installment(), at)

    def _delinquency_range(self, expected: Any, at: str) -> list[Difference]:
        return _figures({"range": expected}, {"range": self.teller.delinquency_loan()[0]["classification"]}, at)

    def _delinquent_date(self, expected: Any, at: str) -> list[Difference]:
        return _figures({"date": expected}, {"date": self.teller.delinquency_loan()[0]["delinquentDate"]}, at)

    def _emi(self, expected: Any, at: str) -> list[Difference]:
        """The instalment: of all rows but the last."""
        rows = self.teller.schedule()
        others = {line["due"] for line in rows[:-1]} or {rows[-1]["due"]}
        return [] if len(others) == 1 and same(expected, min(others)) else [Difference(at, _shown(expected), sorted(others))]

    def _last_balance(self, expected: Any, at: str) -> list[Difference]:
        return _figures({"balance": expected}, {"balance": self.teller.schedule()[-1]["balance"]}, at)

    def _journal(self, expected: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
        ours = journal(self.told)
        found, left = [], list(ours)
        for i, entry in enumerate(expected):
            match = next(
                (our for our in left if our["transaction"] == entry.get("transaction") and same(entry.get("date"), our["date"])), None
            )
            if match is None:
                found.append(Difference(f"{at}[{i}]", f"{entry.get('transaction')} {entry.get('date')}", None))
                continue
            left.remove(match)
            found += _postings(entry.get("entries") or [], match["entries"], f"{at}[{i}].entries")
        return found


def _postings(expected: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
    """Debits and credits by account and side, in whatever order."""
    found, left = [], list(ours)
    for i, line in enumerate(expected):
        side = "debit" if line.get("debit") is not None else "credit"
        match = next((our for our in left if our["account_name"] == line.get("account_name") and side in our), None)
        if match is None:
            found.append(Difference(f"{at}[{i}]", f"{side} {line.get('account_name')} {line.get(side)}", None))
            continue
        left.remove(match)
        found += _figures({key: value for key, value in line.items() if key != "account_code"}, match, f"{at}[{i}]")
    return found + [Difference(f"{at}.more", None, f"{our['account_name']} {our.get('debit') or our.get('credit')}") for our in left]


def _is_empty(stretch: Mapping[str, Any]) -> bool:
    return not Decimal(str(stretch.get("rate_factor", 1)))


def _is_line(expected: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    return bool(expected.get("type") == ours["type"] and same(expected.get("date"), ours["date"]))


def _quote(told: Told, expected: Mapping[str, Any], at: str) -> list[Difference]:
    quote = instalment_quote(told.state, day(expected["period_due"], f"{at}.period_due"), day(expected["on"], f"{at}.on"))
    ours = {
        "outstanding_balance": text(quote.balance.minor),
        "payable_principal": text(quote.principal.minor),
        "payable_interest": text(quote.interest.minor),
    }
    return _figures({key: value for key, value in expected.items() if key not in {"after_events", "period_due", "on"}}, ours, at)


def _factors(inputs: Mapping[str, Any], expected: Mapping[str, Any]) -> list[Difference]:
    """Rate factors of periods to twelve decimals, and the values of the recursion under the equal instalment to as many digits."""
    values = {key: value for key, value in inputs.items() if key not in {"annual_rate", "math_context_digits"}}
    rate = Decimal(str(inputs.get("annual_rate", 0)))
    loan = loan_of({"principal": "1.00", "annual_rate_pct": rate * 100, **values}, None)
    days = [[day(one, "inputs.periods").toordinal() for one in period] for period in inputs["periods"]]
    found: list[Difference] = []
    for key, wanted in expected.items():
        if key == "rate_factors":
            factors = [factor(loan.terms, loan.terms.annual_rate.ppm, a, b, a, b) for a, b in days]
            ours = [f"{each // SCALE}.{each % SCALE:012d}" for each in factors]
        elif key == "fn_values":
            shares = [share_of_year(loan.terms, a, b, a, b) for a, b in days]
            ours = _recursion(rate, shares, int(inputs.get("math_context_digits", _DIGITS)))
        else:
            raise Unsupported(f"expected.{key}")
        if len(wanted) != len(ours):
            found.append(Difference(f"{key}.length", len(wanted), len(ours)))
        pairs = enumerate(zip(wanted, ours, strict=False))
        found += [Difference(f"{key}[{i}]", _shown(one), other) for i, (one, other) in pairs if not same(one, other)]
    return found


def _recursion(rate: Decimal, shares: Sequence[tuple[int, int]], digits: int) -> list[str]:
    """fn_1 = 1, fn_k = 1 + fn_(k-1) × (1 + f_k), each step with so many digits, as a calculator of that length has it."""
    with localcontext(Context(prec=digits, rounding=ROUND_HALF_EVEN)):
        value, found = Decimal(1), []
        for i, (share, whole) in enumerate(shares):
            value = 1 + value * (1 + rate * share / whole) if i else value
            found.append(str(value))
    return found
