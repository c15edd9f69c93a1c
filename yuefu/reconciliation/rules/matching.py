"""Matching of one day: the lines of a bill against the movements we recorded, each classified once, and the bridge between both sums.

The key of a line or movement is (kind, reference). Nothing is matched by amount alone, nothing twice, and where several candidates fit
equally nobody is chosen: they stay open for a person. All decisions take time linear in their input.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import BillLine, Effect, effect_of

SOURCES = ("channel_trade", "channel_fund", "bank", "bank_client")
DEFAULT_WINDOW_DAYS = 3

Key = tuple[str, str]


class Outcome(StrEnum):
    """What became of a line or movement. "Here" is our books, "there" the bill."""

    MATCHED = "matched"
    AMOUNT_DIFFERS = "amount_differs"
    STATUS_DIFFERS = "status_differs"
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    DUPLICATE = "duplicate"
    OTHER_DAY = "other_day"
    CORRECTION = "correction"
    """Our entry of today that corrects a break of an earlier day (see `rules.correcting`); nothing else is matched with it."""


@dataclass(frozen=True, slots=True)
class Movement:
    """What we recorded: `amount` signed as in the bill (+ came in, − went out), `on` the day it counts for, `status` our word or ""."""

    movement_id: UUID
    reference: str
    kind: str
    amount: Money
    status: str
    on: date


@dataclass(frozen=True, slots=True)
class Item:
    """One classified thing of one day. `difference` is what it adds to its day's bridge: its line's amount − its movement's amount.

    MATCHED, STATUS_DIFFERS and AMOUNT_DIFFERS within the day have both line and movement; every other item has one of them.
    """

    outcome: Outcome
    reference: str
    kind: str
    line: BillLine | None
    movement: Movement | None
    difference: Money


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A break of the earlier day `on` that still waits for its other half: MISSING_HERE with `line`, or MISSING_THERE with `movement`.

    One that is `awaited`, because somebody asked for it, may come on any day.
    """

    item_id: UUID
    on: date
    outcome: Outcome
    line: BillLine | None
    movement: Movement | None
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A line of an earlier day's bill that has been paired with a movement: it may not come again."""

    on: date
    provider_id: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """An open item found its other half, `counterpart`, an item of today. Both halves have `outcome` from now on.

    `difference` is the pair's, over both days: line − movement. 0 unless the outcome is AMOUNT_DIFFERS. The open item keeps its own
    difference in its own day's bridge, so that a bridge once closed stays as it is.
    """

    open_item_id: UUID
    outcome: Outcome
    counterpart: Item
    difference: Money


@dataclass(frozen=True, slots=True)
class Bridge:
    """From the ledger's sum to the bill's: bill_total = ledger_total + Σ by_outcome + residual; the residual of a proper day is 0.

    `bill_total` sums the amounts as printed, whatever their status, as the bill's own summary does (a refund in process counts there);
    a row whose money has not moved therefore shows as STATUS_DIFFERS with difference 0, not as a difference of sums.
    """

    bill_total: Money
    ledger_total: Money
    by_outcome: Mapping[Outcome, Money]
    residual: Money


@dataclass(frozen=True, slots=True)
class DayResult:
    """`items`: first those of the lines in the file's order, then those of the movements left over, in the order given."""

    items: tuple[Item, ...]
    resolutions: tuple[Resolution, ...]
    bridge: Bridge


def match_day(
    *,
    on: date,
    lines: Sequence[BillLine],
    movements: Sequence[Movement],
    open_items: Sequence[OpenItem],
    seen: Mapping[Key, Seen],
    currency: str = "CNY",
    window_days: int = DEFAULT_WINDOW_DAYS,
) -> DayResult:
    """Classify every line and every movement of one source and day, each in exactly one item, and resolve open items of earlier days.

    `seen` names, by key, the lines of earlier days that were paired; those with the keys or provider numbers of today's lines suffice.
    For a line, the first that holds decides:

    1. Its provider number came before (in this file, in `seen`, or in an open item), or its key is in `seen`: DUPLICATE.
    2. Movements of today have its key. A movement that is the only one of its key and amount takes the line of that amount that agrees best
       (in status, then the first in the file). Where none does, and the key has one movement, that takes the first line. A pair is MATCHED,
       AMOUNT_DIFFERS (whatever the statuses), or STATUS_DIFFERS (see `statuses_agree`). All other lines of the key are DUPLICATE; where there is no
       pair, all but the one that agrees best.
    3. An open MISSING_THERE of 1 to `window_days` days ago has its key: both halves become OTHER_DAY; AMOUNT_DIFFERS or STATUS_DIFFERS
       where they disagree. Several of them: as in 2. Today's half carries + the line's amount, the earlier day's − the movement's.
    4. An open MISSING_HERE has its key: DUPLICATE, the line came a second time before anybody booked the first.
    5. MISSING_HERE.

    A movement without line is paired in the same way with an open MISSING_HERE (today's half carries − its amount), else MISSING_THERE.
    Without reference nothing is paired. Raises ValueError for a line or movement of another day or currency, and for an open item that
    is not one.
    """
    _require_one_day(on, lines, movements, open_items, currency)
    day = _Day(lines, movements, Money(0, currency))
    waiting = _Waiting(on, window_days, open_items)
    left_lines, left_movements = day.pair_within(day.set_aside_duplicates(seen, waiting.numbers))
    day.place_lines(left_lines, waiting)
    day.place_movements(left_movements, waiting)
    items = day.items()
    return DayResult(items, tuple(day.resolutions), bridge(lines=lines, movements=movements, items=items, currency=currency))


def bridge(*, lines: Iterable[BillLine], movements: Iterable[Movement], items: Iterable[Item], currency: str = "CNY") -> Bridge:
    """The bridge of a day from its three lists. The residual is computed, not assumed: an item too many or too few shows in it."""
    by_outcome = dict.fromkeys(Outcome, 0)
    for item in items:
        by_outcome[item.outcome] += item.difference.minor
    bill_total = sum(line.amount.minor for line in lines)
    ledger_total = sum(movement.amount.minor for movement in movements)
    return Bridge(
        bill_total=Money(bill_total, currency),
        ledger_total=Money(ledger_total, currency),
        by_outcome=MappingProxyType({outcome: Money(minor, currency) for outcome, minor in by_outcome.items()}),
        residual=Money(bill_total - ledger_total - sum(by_outcome.values()), currency),
    )


def statuses_agree(there: str, here: str) -> bool:
    """Whether the bill's status and ours say the same about the money: both moved, both pending, or both not moved.

    A side that states none (a fund flow, a bank) agrees with anything. A word that is in no table agrees only with itself.
    """
    effects = {effect_of(there), effect_of(here)}
    return there == here or Effect.UNSTATED in effects or (len(effects) == 1 and Effect.UNKNOWN not in effects)


def _require_one_day(
    on: date, lines: Sequence[BillLine], movements: Sequence[Movement], open_items: Sequence[OpenItem], currency: str
) -> None:
    for line in lines:
        if line.occurred_on != on or line.amount.currency != currency:
            raise ValueError(f"Line {line.line_no} is of {line.occurred_on} in {line.amount.currency}, matched are {on} and {currency}.")
    for movement in movements:
        if movement.on != on or movement.amount.currency != currency:
            raise ValueError(f"Movement {movement.movement_id} is of {movement.on} in {movement.amount.currency}, not {on} in {currency}.")
    for item in open_items:
        thing = {Outcome.MISSING_HERE: item.line, Outcome.MISSING_THERE: item.movement}.get(item.outcome)
        if thing is None or thing.amount.currency != currency:
            raise ValueError(f"Open item {item.item_id} lacks its half, or is not in {currency}.")


class _Waiting:
    """The open items of earlier days, by key: those within the window may still find their other half."""

    def __init__(self, on: date, window_days: int, open_items: Sequence[OpenItem]) -> None:
        self.lines: dict[Key, list[tuple[OpenItem, BillLine]]] = defaultdict(list)
        self.movements: dict[Key, list[tuple[OpenItem, Movement]]] = defaultdict(list)
        self.line_keys: set[Key] = set()
        self.numbers: set[str] = set()
        for item in open_items:
            in_window = (on - item.on).days >= 1 and (item.awaited or (on - item.on).days <= window_days)
            if item.outcome is Outcome.MISSING_HERE and item.line is not None:
                self._add_line(item, item.line, in_window)
            elif item.movement is not None and in_window:
                self.movements[_key(item.movement)].append((item, item.movement))

    def _add_line(self, item: OpenItem, line: BillLine, in_window: bool) -> None:
        self.numbers.add(line.provider_id)
        self.line_keys.add(_key(line))
        if in_window:
            self.lines[_key(line)].append((item, line))


class _Day:
    """One matching in progress. Lines and movements are known by their places, for the same value may stand in a file twice."""

    def __init__(self, lines: Sequence[BillLine], movements: Sequence[Movement], nothing: Money) -> None:
        self._lines = lines
        self._movements = movements
        self._nothing = nothing
        self._of_line: list[Item | None] = [None] * len(lines)
        self._of_movement: list[Item | None] = [None] * len(movements)
        self.resolutions: list[Resolution] = []

    def set_aside_duplicates(self, seen: Mapping[Key, Seen], open_numbers: set[str]) -> list[int]:
        """Rule 1: the places of the lines that came for the first time; the others become DUPLICATE."""
        numbers = {entry.provider_id for entry in seen.values()} | open_numbers
        fresh = []
        for place, line in enumerate(self._lines):
            if (line.provider_id and line.provider_id in numbers) or (line.reference and _key(line) in seen):
                self._line_alone(place, Outcome.DUPLICATE)
            else:
                fresh.append(place)
            numbers.add(line.provider_id)
        return fresh

    def pair_within(self, fresh: Sequence[int]) -> tuple[list[int], list[int]]:
        """Rule 2: pair today's lines with today's movements; the places of the lines and of the movements that are left."""
        lines_of, movements_of = _places_by_key(self._lines, fresh), _places_by_key(self._movements, range(len(self._movements)))
        left = [place for place in fresh if not self._lines[place].reference]
        paired: set[int] = set()
        for key, places in lines_of.items():
            candidates = movements_of.get(key, [])
            pairs = self._pairs(places, candidates)
            for place, at in pairs.items():
                self._pair(place, self._movements[at])
            paired.update(pairs.values())
            left += self._others_aside(places, candidates, pairs)
        return sorted(left), [place for place in range(len(self._movements)) if place not in paired]

    def _pairs(self, places: Sequence[int], candidates: Sequence[int]) -> dict[int, int]:
        """Of one key: each movement that is the only one of its amount, with the line of that amount that agrees best; or else the only movement there
        is, with the first line.
        """
        if not candidates:
            return {}
        of_amount: dict[int, list[int]] = defaultdict(list)
        for at in candidates:
            of_amount[self._movements[at].amount.minor].append(at)
        pairs = {}
        for place in self._best_first(places, candidates):
            here = of_amount.pop(self._lines[place].amount.minor, [])
            if len(here) == 1:
                pairs[place] = here[0]
        return pairs if pairs or len(candidates) > 1 else {places[0]: candidates[0]}

    def _best_first(self, places: Sequence[int], candidates: Sequence[int]) -> Sequence[int]:
        if len(places) == 1:
            return places
        statuses: dict[int, set[str]] = defaultdict(set)
        for at in candidates:
            statuses[self._movements[at].amount.minor].add(self._movements[at].status)
        return sorted(places, key=lambda place: _disagreement(self._lines[place], statuses))

    def _others_aside(self, places: Sequence[int], candidates: Sequence[int], pairs: Mapping[int, int]) -> list[int]:
        """The lines of a key that are in no pair become DUPLICATE: all but the one that agrees best where there is no pair, which is left."""
        kept = [] if pairs else [self._best_first(places, candidates)[0]]
        for place in places:
            if place not in pairs and place not in kept:
                self._line_alone(place, Outcome.DUPLICATE)
        return kept

    def place_lines(self, places: Sequence[int], waiting: _Waiting) -> None:
        """Rules 3 to 5: lines without a movement of today are of another day, or come again, or are missing here."""
        for place in places:
            line = self._lines[place]
            halves = waiting.movements.get(_key(line), []) if line.reference else []
            found = _only_pair([line.amount.minor], [movement.amount.minor for _, movement in halves])
            if found is not None:
                item, movement = halves[found[1]]
                self._resolve(item, self._line_alone(place, _agreement(line, movement, Outcome.OTHER_DAY)), line, movement)
            elif line.reference and _key(line) in waiting.line_keys:
                self._line_alone(place, Outcome.DUPLICATE)
            else:
                self._line_alone(place, Outcome.MISSING_HERE)

    def place_movements(self, places: Sequence[int], waiting: _Waiting) -> None:
        """Movements without a line of today belong to an open line of an earlier day, or are missing there."""
        for key, group in _places_by_key(self._movements, places).items():
            halves = waiting.lines.get(key, [])
            found = _only_pair([self._movements[at].amount.minor for at in group], [line.amount.minor for _, line in halves])
            if found is not None:
                movement, (item, line) = self._movements[group[found[0]]], halves[found[1]]
                self._resolve(item, self._movement_alone(group[found[0]], _agreement(line, movement, Outcome.OTHER_DAY)), line, movement)
        for place in places:
            if self._of_movement[place] is None:
                self._movement_alone(place, Outcome.MISSING_THERE)

    def items(self) -> tuple[Item, ...]:
        """Every item once, in the order DayResult promises."""
        items = [item for item in (*self._of_line, *self._of_movement) if item is not None]
        assert sum(item.line is not None for item in items) == len(self._lines)
        assert sum(item.movement is not None for item in items) == len(self._movements)
        return tuple(items)

    def _pair(self, place: int, movement: Movement) -> None:
        line = self._lines[place]
        outcome = _agreement(line, movement, Outcome.MATCHED)
        difference = self._nothing if line.amount == movement.amount else line.amount - movement.amount
        self._of_line[place] = Item(outcome, line.reference, line.kind, line, movement, difference)

    def _line_alone(self, place: int, outcome: Outcome) -> Item:
        line = self._lines[place]
        item = self._of_line[place] = Item(outcome, line.reference, line.kind, line, None, line.amount)
        return item

    def _movement_alone(self, place: int, outcome: Outcome) -> Item:
        movement = self._movements[place]
        item = self._of_movement[place] = Item(outcome, movement.reference, movement.kind, None, movement, -movement.amount)
        return item

    def _resolve(self, open_item: OpenItem, counterpart: Item, line: BillLine, movement: Movement) -> None:
        self.resolutions.append(Resolution(open_item.item_id, counterpart.outcome, counterpart, line.amount - movement.amount))


def _key(thing: BillLine | Movement) -> Key:
    return thing.kind, thing.reference


def _places_by_key(things: Sequence[BillLine] | Sequence[Movement], places: Iterable[int]) -> dict[Key, list[int]]:
    """The places of the things that have a reference, by key, in order."""
    by_key: dict[Key, list[int]] = defaultdict(list)
    for place in places:
        if things[place].reference:
            by_key[_key(things[place])].append(place)
    return by_key


def _only_pair(ones: Sequence[int], others: Sequence[int]) -> tuple[int, int] | None:
    """The places, in two lists of amounts, of the only possible pair: the only two things there are, or else the only two of one amount.

    None where there is nothing or where somebody would have to choose.
    """
    if len(ones) == len(others) == 1:
        return 0, 0
    count_ones, count_others = Counter(ones), Counter(others)
    common = [minor for minor in count_ones if minor in count_others]
    if len(common) != 1 or count_ones[common[0]] != 1 or count_others[common[0]] != 1:
        return None
    return ones.index(common[0]), others.index(common[0])


def _agreement(line: BillLine, movement: Movement, agreed: Outcome) -> Outcome:
    """How two halves agree: money first, then the status, else `agreed`."""
    if line.amount != movement.amount:
        return Outcome.AMOUNT_DIFFERS
    return agreed if statuses_agree(line.status, movement.status) else Outcome.STATUS_DIFFERS


def _disagreement(line: BillLine, statuses: Mapping[int, set[str]]) -> int:
    """0: a movement has the same amount and status, 1: the same amount, 2: neither."""
    here = statuses.get(line.amount.minor)
    if here is None:
        return 2
    return 0 if any(statuses_agree(line.status, status) for status in here) else 1
