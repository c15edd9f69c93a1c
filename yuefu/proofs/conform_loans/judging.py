"""A case replayed and compared with what it expects, figure by figure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation, localcontext
from typing import Any, Final

from yuefu.plans.faults import PlanError
from yuefu.plans.lifecycle.factors import SCALE, factor, share_of_year
from yuefu.plans.lifecycle.quotes import instalment_quote
from yuefu.proofs.cases import Case, Difference, Unsupported
from yuefu.proofs.conform_loans.course import Course
from yuefu.proofs.conform_loans.inputs import Loan, loan_of
from yuefu.proofs.conform_loans.journal import ACCOUNTS, journal
from yuefu.proofs.conform_loans.journal import SOMETIMES as ONLY_BY_JOBS
from yuefu.proofs.conform_loans.reading import count, day, items, mapping, money, number, objects, only, shown, unreadable, word
from yuefu.proofs.conform_loans.story import CourseOf, View, play_all
from yuefu.proofs.conform_loans.telling import SOMETIMES, Teller, same_status, text
from yuefu.proofs.conform_loans.told import Told

_ABOUT: Final = frozenset(
    {"id", "source", "title", "tags", "note", "license", "licence", "inputs", "events", "expected", "group", "suite", "url"}
)
_SEEN_FROM: Final = frozenset({"after_events", "business_date", "schedule_line", "note"})
_DIGITS: Final = 12
_MOST_DIGITS: Final = 100
_NOTHING: Final = "nothing is expected"


def play(case: Case, course: CourseOf = Course) -> list[Difference]:
    """Where a case differs, in the order of its figures; `course` makes what its loan is entered into. Raises Unsupported for what of it is not
    understood."""
    unknown = [key for key in case.content if key not in _ABOUT]
    if unknown:
        raise Unsupported(*unknown)
    inputs, expected = _object(case.content, "inputs"), _object(case.content, "expected")
    if "rate_factors" in expected or "fn_values" in expected:
        if objects(case.content.get("events"), "events"):
            raise Unsupported("events: beside rate factors, which are those of the inputs alone")
        return _factors(inputs, expected)
    events = objects(case.content.get("events"), "events")
    loan = loan_of(inputs, _first_day(events), str(case.content.get("source")))
    _check_principal(inputs, loan, events)
    only(expected, {"snapshots", "quotes"}, "expected")
    snapshots = objects(expected.get("snapshots"), "expected.snapshots")
    quotes = objects(expected.get("quotes"), "expected.quotes")
    if not (snapshots or quotes):
        raise Unsupported(f"expected ({_NOTHING})")
    seen = [_view(snapshot, len(events), f"snapshots[{i}]") for i, snapshot in enumerate(snapshots)]
    asked = [_view(quote, len(events), f"quotes[{i}]") for i, quote in enumerate(quotes)]
    told, differs = play_all(loan, events, [*seen, *asked], course)
    found = list(differs)
    for i, snapshot in enumerate(snapshots):
        found += _Snapshot(told[seen[i]], f"snapshots[{i}]").compare(snapshot)
    for i, quote in enumerate(quotes):
        found += _quote(told[asked[i]], quote, f"quotes[{i}]")
    return found


def _object(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    if content.get(key) is None:
        raise unreadable(None, key, "an object")
    return mapping(content[key], key)


def _view(expected: Mapping[str, Any], events: int, at: str) -> View:
    """After how many events, and on which day, a snapshot or a quote looks at the loan."""
    after = count(expected.get("after_events"), f"{at}.after_events")
    if after > events:
        raise Unsupported(f"{at}.after_events: there are {events} events")
    on = expected.get("business_date")
    return after, None if on is None else day(on, f"{at}.business_date")


def _first_day(events: Sequence[Mapping[str, Any]]) -> date | None:
    for i, event in enumerate(events):
        key = "date" if event.get("date") is not None else "business_date"
        if event.get("type") == "disburse" and event.get(key) is not None:
            return day(event[key], f"events[{i}].{key}")
    return None


def _check_principal(inputs: Mapping[str, Any], loan: Loan, events: Sequence[Mapping[str, Any]]) -> None:
    """What is agreed may be more than is lent. Less only where a case says what was lent at first of a loan lent in parts."""
    lent = [event["amount"] for event in events if event.get("type") == "disburse" and event.get("amount") is not None]
    if len(lent) == 1 and not inputs.get("multi_disbursement") and money(lent[0], "events.amount").minor > loan.terms.principal.minor:
        raise Unsupported(f"inputs.principal: {shown(inputs['principal'])} is less than is lent, {shown(lent[0])}")


def same(expected: Any, got: Any) -> bool:
    """Whether two figures are the same: numbers by value, days and words as they read."""
    if isinstance(expected, bool) or isinstance(got, bool) or str(expected).lower() in {"true", "false"}:
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


def _figures(expected: Mapping[str, Any], ours: Mapping[str, Any], at: str, *, named_by: Collection[str] = ()) -> list[Difference]:
    """Raises Unsupported for a figure that ours does not have, and where nothing but what a line is `named_by` is expected."""
    unknown = [f"{at}.{key}" for key in expected if key not in ours]
    if unknown:
        raise Unsupported(*unknown)
    if not set(expected) - set(named_by):
        raise Unsupported(f"{at} ({_NOTHING})")
    return [Difference(f"{at}.{key}", _shown(value), _shown(ours[key])) for key, value in expected.items() if not same(value, ours[key])]


def _figure(expected: Any, ours: Any, at: str) -> list[Difference]:
    return [] if same(expected, ours) else [Difference(at, _shown(expected), _shown(ours))]


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
        if not set(snapshot) - _SEEN_FROM:
            raise Unsupported(f"{self.at} ({_NOTHING})")
        for key, expected in snapshot.items():
            if key in _SEEN_FROM:
                continue
            check = getattr(self, f"_see_{key}", None)
            if check is None:
                raise Unsupported(f"{self.at}.{key}")
            found += check(expected, f"{self.at}.{key}")
        return found

    def _see_schedule(self, expected: Any, at: str) -> list[Difference]:
        lines = objects(expected, at)
        if not any(set(line) - {"n"} for line in lines):
            raise Unsupported(f"{at} ({_NOTHING})")
        lent = [line for line in lines if "disbursement" in line]
        found = self._lines(lent, self.teller.disbursements(), at) if lent else []
        rows, ours = [line for line in lines if "disbursement" not in line], self.teller.schedule()
        if len(rows) != len(ours):
            return [*found, Difference(f"{at}.length", len(rows), len(ours))]
        for k, (line, our) in enumerate(zip(rows, ours, strict=True)):
            figures = {key: value for key, value in line.items() if key != "segments"}
            if our["paid_date"] is not None and "paid_date" not in figures and not self.loan.calculator:
                found.append(Difference(f"{at}[{k}].paid_date", None, our["paid_date"]))
            if "segments" not in line or figures:
                found += _figures(figures, our, f"{at}[{k}]")
            if line.get("segments") is not None:
                found += self._segments(objects(line["segments"], f"{at}[{k}].segments"), k, f"{at}[{k}].segments")
        return found

    def _segments(self, expected: Sequence[Mapping[str, Any]], k: int, at: str) -> list[Difference]:
        """Zero-length stretches of the source bear nothing and count for its numbers only: on the first day of a row on which money is lent it has
        one, which is not always shown."""
        if not expected:
            raise Unsupported(f"{at} ({_NOTHING})")
        ours = self.teller.segments(k)
        bears = self.loan.terms.annual_rate.ppm > 0
        artefact = bears and (any(_is_empty(one, at) for one in expected) or (k == 0 and self.teller.lends_on_first_day()))
        found = []
        for position, stretch in enumerate(expected):
            figures, place = {key: value for key, value in stretch.items() if key != "index"}, f"{at}[{position}]"
            i = (position if stretch.get("index") is None else count(stretch["index"], f"{place}.index")) - artefact
            if bears and _is_empty(stretch, at):
                found += _figures(figures, {"rate_factor": "0", "interest": "0.00"}, place)
            elif not 0 <= i < len(ours):
                found.append(Difference(place, _shown(stretch.get("rate_factor")), None))
            else:
                found += _figures(figures, ours[i], place)
        return found

    def _lines(self, expected: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
        if len(expected) != len(ours):
            return [Difference(f"{at}.length", len(expected), len(ours))]
        return [d for i, (line, our) in enumerate(zip(expected, ours, strict=True)) for d in _figures(line, our, f"{at}[{i}]")]

    def _see_totals(self, expected: Mapping[str, Any], at: str) -> list[Difference]:
        return _figures(mapping(expected, at), self.teller.totals(), at)

    def _see_transactions(self, expected: Any, at: str) -> list[Difference]:
        """Each expected line beside the line of ours with its day and type that comes next. A list with a disbursement in it, and one
        that is empty, is whole, but for kinds that a source lists only sometimes (it accrues when its jobs run): those are compared where the
        list has any of the kind."""
        lines = objects(expected, at)
        found, left = [], self.teller.transactions()
        for i, line in enumerate(lines):
            word(line.get("type"), f"{at}[{i}].type")
            day(line.get("date"), f"{at}[{i}].date")
            match = next((our for our in left if _is_line(line, our)), None)
            if match is None:
                found.append(Difference(f"{at}[{i}]", f"{line.get('type')} {line.get('date')}", None))
                continue
            left.remove(match)
            found += _figures(line, match, f"{at}[{i}]")
        whole = not lines or any(line["type"] == "Disbursement" for line in lines)
        kinds = {line["type"] for line in lines}
        extra = [our for our in left if whole and (our["type"] not in SOMETIMES or our["type"] in kinds)]
        return found + [Difference(f"{at}.more", None, f"{our['type']} {our['date']} {our['amount']}") for our in extra]

    def _see_charges(self, expected: Any, at: str) -> list[Difference]:
        """In whatever order: by day and name."""
        found, left = [], self.teller.charges()
        for i, line in enumerate(objects(expected, at)):
            match = next((our for our in left if same(line.get("due_as_of"), our["due_as_of"]) and line.get("name") == our["name"]), None)
            if match is None:
                found.append(Difference(f"{at}[{i}]", f"{line.get('name')} {line.get('due_as_of')}", None))
                continue
            left.remove(match)
            found += _figures(line, match, f"{at}[{i}]", named_by={"name", "due_as_of"})
        return found + [Difference(f"{at}.more", None, f"{our['name']} {our['due_as_of']}") for our in left]

    def _see_status(self, expected: Any, at: str) -> list[Difference]:
        ours = self.teller.status()
        return [] if same_status(expected, ours) else [Difference(at, expected, ours)]

    def _see_outstanding_amount(self, expected: Any, at: str) -> list[Difference]:
        return _figure(expected, self.told.state.outstanding.decimal_text(), at)

    def _see_overpaid_amount(self, expected: Any, at: str) -> list[Difference]:
        return _figure(expected, self.told.state.credit_balance.decimal_text(), at)

    def _see_delinquency_loan(self, expected: Any, at: str) -> list[Difference]:
        return self._lines(objects(expected, at), self.teller.delinquency_loan(), at)

    def _see_delinquency_installment(self, expected: Any, at: str) -> list[Difference]:
        return self._lines(objects(expected, at), self.teller.delinquency_installment(), at)

    def _see_delinquency_range(self, expected: Any, at: str) -> list[Difference]:
        return _figure(expected, self.teller.delinquency_loan()[0]["classification"], at)

    def _see_delinquent_date(self, expected: Any, at: str) -> list[Difference]:
        return _figure(expected, self.teller.delinquency_loan()[0]["delinquentDate"], at)

    def _see_emi(self, expected: Any, at: str) -> list[Difference]:
        """The instalment: of all rows but the last."""
        rows = self.teller.schedule()
        others = {line["due"] for line in rows[:-1]} or {rows[-1]["due"]}
        return [] if len(others) == 1 and same(expected, min(others)) else [Difference(at, _shown(expected), sorted(others))]

    def _see_last_balance(self, expected: Any, at: str) -> list[Difference]:
        return _figure(expected, self.teller.schedule()[-1]["balance"], at)

    def _see_journal(self, expected: Any, at: str) -> list[Difference]:
        """Each expected booking beside the next of ours of its kind and day. An empty list says that there is none."""
        lines, ours = objects(expected, at), journal(self.told)
        found, left = [], list(ours)
        for i, entry in enumerate(lines):
            only(entry, {"transaction", "date", "entries", "note"}, f"{at}[{i}]")
            name, on = word(entry.get("transaction"), f"{at}[{i}].transaction"), day(entry.get("date"), f"{at}[{i}].date")
            match = next((our for our in left if our["transaction"] == name and our["date"] == on.isoformat()), None)
            if match is None:
                found.append(Difference(f"{at}[{i}]", f"{name} {on}", None))
                continue
            left.remove(match)
            if entry.get("entries") is None:
                raise Unsupported(f"{at}[{i}].entries ({_NOTHING})")
            found += _postings(objects(entry["entries"], f"{at}[{i}].entries"), match["entries"], f"{at}[{i}].entries")
        extra = [our for our in left if not lines and our["transaction"] not in ONLY_BY_JOBS]
        return found + [Difference(f"{at}.more", None, f"{our['transaction']} {our['date']}") for our in extra]


def _postings(expected: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]], at: str) -> list[Difference]:
    """Debits and credits by account and side, in whatever order; of several in one account and side, the one with the same amount."""
    found, left = [], list(ours)
    for i, line in enumerate(expected):
        side, name = "debit" if line.get("debit") is not None else "credit", word(line.get("account_name"), f"{at}[{i}].account_name")
        if name not in ACCOUNTS:
            raise Unsupported(f"{at}[{i}].account_name: {shown(name)}")
        there = [our for our in left if our["account_name"] == name and side in our]
        match = min(there, key=lambda our: not same(line.get(side), our[side]), default=None)
        if match is None:
            found.append(Difference(f"{at}[{i}]", f"{side} {name} {line.get(side)}", None))
            continue
        left.remove(match)
        figures = {key: value for key, value in line.items() if key not in {"debit", "credit"} or value is not None}
        found += _figures(figures, match, f"{at}[{i}]", named_by={"account_name", "account_code", "type"})
    return found + [Difference(f"{at}.more", None, f"{our['account_name']} {our.get('debit') or our.get('credit')}") for our in left]


def _is_empty(stretch: Mapping[str, Any], at: str) -> bool:
    """Whether a stretch has the factor zero. Raises Unreadable for one that is no number."""
    return not number(stretch.get("rate_factor", "1"), f"{at}.rate_factor")


def _is_line(expected: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    return bool(expected.get("type") == ours["type"] and same(expected.get("date"), ours["date"]))


def _quote(told: Told, expected: Mapping[str, Any], at: str) -> list[Difference]:
    due_on, on = (day(expected.get(key), f"{at}.{key}") for key in ("period_due", "on"))
    try:
        quote = instalment_quote(told.state, due_on, on)
    except PlanError as error:
        raise Unsupported(f"{at}: {error.detail}") from error
    ours = {
        "outstanding_balance": text(quote.balance.minor),
        "payable_principal": text(quote.principal.minor),
        "payable_interest": text(quote.interest.minor),
    }
    return _figures(
        {key: value for key, value in expected.items() if key not in {"after_events", "business_date", "period_due", "on", "note"}},
        ours,
        at,
    )


def _factors(inputs: Mapping[str, Any], expected: Mapping[str, Any]) -> list[Difference]:
    """Rate factors of periods to twelve decimals, and the values of the recursion under the equal instalment to as many digits."""
    rate = number(inputs.get("annual_rate", 0), "inputs.annual_rate")
    digits = count(inputs.get("math_context_digits", _DIGITS), "inputs.math_context_digits")
    if not 1 <= digits <= _MOST_DIGITS:
        raise unreadable(digits, "inputs.math_context_digits", f"a number of digits from 1 to {_MOST_DIGITS}")
    values = {key: value for key, value in inputs.items() if key not in {"annual_rate", "math_context_digits"}}
    only(expected, {"rate_factors", "fn_values"}, "expected")
    loan = loan_of({"principal": "1.00", "annual_rate_pct": rate * 100, **values}, None)
    days = [[day(one, "inputs.periods").toordinal() for one in period] for period in inputs["periods"]]
    found: list[Difference] = []
    for key, wanted in expected.items():
        if key == "rate_factors":
            factors = [factor(loan.terms, loan.terms.annual_rate.ppm, a, b, a, b) for a, b in days]
            ours = [f"{each // SCALE}.{each % SCALE:012d}" for each in factors]
        else:
            ours = _recursion(rate, [share_of_year(loan.terms, a, b, a, b) for a, b in days], digits)
        figures = items(wanted, f"expected.{key}")
        if len(figures) != len(ours):
            found.append(Difference(f"{key}.length", len(figures), len(ours)))
        pairs = enumerate(zip(figures, ours, strict=False))
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
