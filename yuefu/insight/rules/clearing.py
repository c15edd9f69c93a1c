"""Daily clearing and monthly settlement: what came in and went out, what merchants are owed, and where everything stands. Pure.

Every figure is read twice. What moved is added up from the lines of the days; where things stood before and after them is the ledger's own balance; what
packages keep of their own stands against both. A report of which one pair differs is not made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal
from uuid import UUID

from yuefu.insight.rules.places import ALL_PLACES, BY_COMPONENT, MONEY, OTHER, OWED, PLACE_OF, Place, sign_of
from yuefu.ledger.rules.gl import Standing

Kind = Literal["day", "month"]
FORM: Final = 1
"""Which form the text of a report has."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What entries of a kind moved in a place over some days, debit positive; `code` is given where it is of one component, whatever the kind."""

    place: Place
    code: str
    currency: str
    kind: str
    movement: str
    entries: int
    minor: int


@dataclass(frozen=True, slots=True)
class Fact:
    """Two figures of one thing by different hands: ours of the lines, theirs of what a package keeps; `wrong` pairs of it differ one by one."""

    name: str
    currency: str
    here: int
    there: int
    wrong: int = 0

    @property
    def holds(self) -> bool:
        return self.here == self.there and not self.wrong


@dataclass(frozen=True, slots=True)
class Sold:
    """What settlement keeps of the days: captures with what they cost, refunds, and the batches of their pay days."""

    currency: str
    captures: int
    gross: int
    fees: int
    discounts: int
    refunds: int
    given_back: int
    batches: int
    settled: int
    payout: int
    carried: int
    reserved: int
    released: int


@dataclass(frozen=True, slots=True)
class Row:
    """What moved by one kind of thing, in so many entries."""

    name: str
    entries: int
    minor: int


@dataclass(frozen=True, slots=True)
class Part:
    """Where one component stood; an account of money by its code."""

    code: str
    account: str
    opening: int
    closing: int


@dataclass(frozen=True, slots=True)
class Section:
    """opening + the sum of its rows = closing, in minor units; what is owed, owned and earned stands above zero."""

    place: Place
    currency: str
    opening: int
    rows: tuple[Row, ...]
    closing: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A day or a month of a book. `money` and `owed` are over several places, one a currency; `sections` has every place."""

    form: int
    kind: Kind
    since: date
    until: date
    money: tuple[Section, ...]
    owed: tuple[Section, ...]
    sections: tuple[Section, ...]
    sold: tuple[Sold, ...]
    checks: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a report is made of."""

    moved: Sequence[Moved]
    standings: Sequence[Standing]
    facts: Sequence[Fact]
    sold: Sequence[Sold]
    accounts: Mapping[UUID, str]


def report(kind: Kind, since: date, until: date, given: Figures) -> Report | tuple[Fact, ...]:
    """The report; or the pairs of figures that differ."""
    sections = tuple(_section(place, currency, given, [place]) for place, currency in _used(given))
    money = tuple(_section("money", currency, given, MONEY) for currency in _currencies(sections, MONEY))
    owed = tuple(_section("owed", currency, given, OWED) for currency in _currencies(sections, OWED))
    checks = (*(_adds_up(one) for one in (*money, *owed, *sections)), *_balanced(sections), *given.facts)
    wrong = tuple(check for check in checks if not check.holds)
    return wrong or Report(FORM, kind, since, until, money, owed, sections, tuple(given.sold), checks)


def joined(month: Report, days: Sequence[Report]) -> tuple[Fact, ...]:
    """What the reports of its days say against that of a month: begin, end, and what moved, place by place. Only what differs."""
    found: list[Fact] = []
    first, last = ({(s.place, s.currency): s for s in one.sections} for one in (days[0], days[-1]))
    moved: dict[tuple[Place, str], int] = defaultdict(int)
    for day in days:
        for section in day.sections:
            moved[section.place, section.currency] += _rows(section)
    for section in month.sections:
        key = (section.place, section.currency)
        pairs = {
            "opening": (section.opening, first[key].opening if key in first else 0),
            "moved": (_rows(section), moved[key]),
            "closing": (section.closing, last[key].closing if key in last else 0),
        }
        found += [Fact(f"days.{section.place}.{name}", section.currency, *pair) for name, pair in pairs.items()]
    return tuple(one for one in found if not one.holds)


def came_and_went(section: Section) -> tuple[int, int]:
    """What came in and what went out, both above zero, of the rows of a section."""
    return sum(row.minor for row in section.rows if row.minor > 0), -sum(row.minor for row in section.rows if row.minor < 0)


def accrued_and_paid(owed: Section) -> tuple[int, int, int]:
    """Of what merchants are owed: what accrued, what was paid of it less what came back, and what else there was. opening + accrued − paid + other =
    closing."""
    paid = -sum(row.minor for row in owed.rows if row.name in _PAID)
    accrued = sum(row.minor for row in owed.rows if row.name.startswith("settlement_"))
    return accrued, paid, _rows(owed) - accrued + paid


_PAID: Final = frozenset({"payout_paid", "payout_returned"})


def _rows(section: Section) -> int:
    return sum(row.minor for row in section.rows)


def _used(given: Figures) -> list[tuple[Place, str]]:
    """Each place and currency that was ever used, in the order of places."""
    used = {(PLACE_OF.get(one.code, OTHER), one.currency) for one in given.standings} | {(one.place, one.currency) for one in given.moved}
    return sorted(used, key=lambda key: (ALL_PLACES.index(key[0]), key[1]))


def _currencies(sections: Iterable[Section], places: Sequence[Place]) -> list[str]:
    return sorted({section.currency for section in sections if section.place in places})


def _section(name: Place, currency: str, given: Figures, places: Sequence[Place]) -> Section:
    sign = sign_of(places[0])
    stood = [one for one in given.standings if one.currency == currency and PLACE_OF.get(one.code, OTHER) in places]
    sums: dict[str, tuple[int, int]] = {}
    for one in given.moved:
        if one.currency == currency and one.place in places and bool(one.code) == (places[0] in BY_COMPONENT):
            row = one.code or f"{one.kind}.{one.movement}".rstrip(".")
            entries, minor = sums.get(row, (0, 0))
            sums[row] = entries + one.entries, minor + sign * one.minor
    rows = [Row(row, entries, minor) for row, (entries, minor) in sorted(sums.items()) if minor]
    parts = [Part(one.code, _account(one, given), sign * one.opening, sign * one.closing) for one in stood]
    opening, closing = (sum(sign * getattr(one, side) for one in stood) for side in ("opening", "closing"))
    return Section(name, currency, opening, tuple(rows), closing, tuple(parts))


def _account(standing: Standing, given: Figures) -> str:
    return given.accounts.get(standing.owner_id, str(standing.owner_id)) if standing.owner_id else ""


def _adds_up(section: Section) -> Fact:
    return Fact(f"adds_up.{section.place}", section.currency, section.opening + _rows(section), section.closing)


def _balanced(sections: Sequence[Section]) -> list[Fact]:
    """Debits and credits of all places together, before and after: nothing, or a component stands nowhere."""
    return [
        Fact(f"balanced.{side}", currency, sum(sign_of(s.place) * getattr(s, side) for s in sections if s.currency == currency), 0)
        for currency in sorted({section.currency for section in sections})
        for side in ("opening", "closing")
    ]
