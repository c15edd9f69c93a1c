"""Random books over several days with random faults whose truth is known: what is found is what was put in, and every bridge closes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.matching import DayResult, Key, Movement, OpenItem, Outcome, Seen, match_day

FIRST = date(2026, 10, 1)
DAYS = 8
KINDS = ("payment", "fee", "refund", "withdrawal", "payout")
PAIRED = {Outcome.MATCHED, Outcome.AMOUNT_DIFFERS, Outcome.STATUS_DIFFERS, Outcome.OTHER_DAY}


@dataclass
class World:
    """The files and books of some days, and the faults put into them: (class, reference)."""

    lines: list[list[BillLine]] = field(default_factory=lambda: [[] for _ in range(DAYS)])
    movements: list[list[Movement]] = field(default_factory=lambda: [[] for _ in range(DAYS)])
    truth: Counter[tuple[str, str]] = field(default_factory=Counter)


def build(random: Random, size: int, fault_rate: float) -> World:
    world = World()
    for number in range(size):
        on = random.randrange(DAYS - 4)
        kind = random.choice(KINDS)
        minor = random.choice([1, 100, 100, 9999, random.randrange(1, 10**9)]) * (1 if kind == "payment" else -1)
        movement = Movement(UUID(int=number), f"R{number}", kind, Money(minor, "CNY"), "succeeded", FIRST + timedelta(days=on))
        line = BillLine(
            0,
            kind,
            f"R{number}",
            f"W{number}",
            "",
            at(on),
            at(on).date(),
            movement.amount,
            Money(0, "CNY"),
            random.choice(["SUCCESS", ""]),
            None,
        )
        if random.random() < fault_rate:
            inject(world, random, on, line, movement)
        else:
            put(world, on, [line], on, [movement])
    for file in world.lines:
        random.shuffle(file)
    return world


def inject(world: World, random: Random, on: int, line: BillLine, movement: Movement) -> None:
    fault = random.choice([outcome for outcome in Outcome if outcome not in (Outcome.MATCHED, Outcome.CORRECTION)])
    world.truth[str(fault), line.reference] += 1
    later = on + random.randint(1, 3)
    if fault is Outcome.AMOUNT_DIFFERS:
        other = Money(line.amount.minor + random.choice([-1, 1, 50]), "CNY")
        put(world, on, [replace(line, amount=other)], on, [movement])
    elif fault is Outcome.STATUS_DIFFERS:
        put(world, on, [replace(line, status=random.choice(["FAIL", "PROCESSING", "REVOKED", "NEVER_HEARD"]))], on, [movement])
    elif fault is Outcome.MISSING_HERE:
        put(world, on, [line], on, [])
    elif fault is Outcome.MISSING_THERE:
        put(world, on, [], on, [movement])
    elif fault is Outcome.DUPLICATE:
        again = random.choice([line, replace(line, provider_id="X" + line.provider_id)])
        put(world, on, [line], on, [movement])
        put(world, random.choice([on, later]), [again], on, [])
    elif random.random() < 0.5:
        put(world, later, [line], on, [movement])
    else:
        put(world, on, [line], later, [movement])


def put(world: World, lines_on: int, lines: Sequence[BillLine], movements_on: int, movements: Sequence[Movement]) -> None:
    world.lines[lines_on].extend(replace(line, occurred_at=at(lines_on), occurred_on=at(lines_on).date()) for line in lines)
    world.movements[movements_on].extend(replace(movement, on=at(movements_on).date()) for movement in movements)


def at(number: int) -> datetime:
    return datetime(2026, 10, 1, 12) + timedelta(days=number)


@dataclass
class Books:
    """What a caller keeps from day to day: open breaks, lines already paired, and what each thing has become."""

    waiting: dict[UUID, OpenItem] = field(default_factory=dict)
    seen: dict[Key, Seen] = field(default_factory=dict)
    became: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    over_days: int = 0

    def take(self, on: date, result: DayResult) -> None:
        for item in result.items:
            item_id = UUID(int=10**9 + len(self.became))
            self.became[item_id] = (str(item.outcome), item.reference)
            if item.outcome in (Outcome.MISSING_HERE, Outcome.MISSING_THERE):
                self.waiting[item_id] = OpenItem(item_id, on, item.outcome, item.line, item.movement)
            elif item.outcome in PAIRED and item.line:
                self.seen[item.kind, item.reference] = Seen(on, item.line.provider_id)
        for resolution in result.resolutions:
            half = self.waiting.pop(resolution.open_item_id)
            self.became[resolution.open_item_id] = (str(resolution.outcome), resolution.counterpart.reference)
            self.over_days += 1
            if half.line:
                self.seen[half.line.kind, half.line.reference] = Seen(half.on, half.line.provider_id)


def play(world: World) -> Books:
    books = Books()
    for number in range(DAYS):
        on, lines, movements = at(number).date(), world.lines[number], world.movements[number]
        result = match_day(on=on, lines=lines, movements=movements, open_items=list(books.waiting.values()), seen=books.seen)
        assert result.bridge.residual == Money(0, "CNY")
        assert Counter(x.line for x in result.items if x.line) == Counter(lines)
        assert Counter(x.movement for x in result.items if x.movement) == Counter(movements)
        books.take(on, result)
    return books


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(0, 120), fault_rate=st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_what_is_found_is_what_was_injected_by_class_and_reference(seed: int, size: int, fault_rate: float) -> None:
    world = build(Random(seed), size, fault_rate)
    books = play(world)
    found = Counter(entry for entry in books.became.values() if entry[0] != "matched")
    # A thing that came on another day is two halves, one in each day's bridge, and one fault.
    halves = {entry: count for entry, count in found.items() if entry[0] == "other_day"}
    assert set(halves.values()) <= {2}
    assert Counter({entry: 1 if entry in halves else count for entry, count in found.items()}) == world.truth
    assert books.over_days == len(halves)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_lines_and_movements_at_all_are_classified_once_and_the_bridge_closes(data: st.DataObject) -> None:
    references, numbers, amounts = st.sampled_from(["", "A", "B"]), st.sampled_from(["", "W1", "W2", "W3"]), st.sampled_from([-5, 0, 5, 7])

    def a_line(on: int) -> st.SearchStrategy[BillLine]:
        return st.builds(
            lambda ref, no, minor, status: BillLine(
                0, "payment", ref, no, "", at(on), at(on).date(), Money(minor, "CNY"), Money(0, "CNY"), status, None
            ),
            references,
            numbers,
            amounts,
            st.sampled_from(["SUCCESS", "FAIL", ""]),
        )

    def a_movement(on: int) -> st.SearchStrategy[Movement]:
        return st.builds(
            lambda ref, minor: Movement(UUID(int=1), ref, "payment", Money(minor, "CNY"), "succeeded", at(on).date()), references, amounts
        )

    lines, movements = data.draw(st.lists(a_line(5), max_size=8)), data.draw(st.lists(a_movement(5), max_size=8))
    old_lines, old_movements = data.draw(st.lists(a_line(4), max_size=3)), data.draw(st.lists(a_movement(4), max_size=3))
    waiting = [OpenItem(UUID(int=n), at(4).date(), Outcome.MISSING_HERE, x, None) for n, x in enumerate(old_lines)]
    waiting += [OpenItem(UUID(int=9 + n), at(4).date(), Outcome.MISSING_THERE, None, x) for n, x in enumerate(old_movements)]
    result = match_day(on=at(5).date(), lines=lines, movements=movements, open_items=waiting, seen={})
    assert result.bridge.residual == Money(0, "CNY")
    assert [x.line for x in result.items if x.line] == lines
    assert Counter(x.movement for x in result.items if x.movement) == Counter(movements)
    assert len({x.open_item_id for x in result.resolutions}) == len(result.resolutions)
