"""Random books over several days with random faults: every day's bridge closes, nothing is in two classes, and after the fixes it is reconciled."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reconciliation.test_match_injected_faults import DAYS, FIRST, World, build
from yuefu.money.amounts import Money, total
from yuefu.reconciliation.rules.carrying import Statement, carried_on, statement
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.matching import DayResult, Item, Key, OpenItem, Outcome, Seen, match_day
from yuefu.reconciliation.rules.references import Grace, Result, Standing, Told, fold, halves


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def told_of(item: Item, key: str, on: date) -> list[Told]:
    line = None if item.line is None else (item.line.amount, item.line.status)
    movement = None if item.movement is None else (item.movement.amount, item.movement.status)
    duplicate = item.outcome is Outcome.DUPLICATE
    return halves(key=key, kind=item.kind, reference=item.reference, on=on, line=line, movement=movement, duplicate=duplicate)


@dataclass
class Book:
    """What is kept from day to day: the open items by the rule of matching, the lines seen, and what is carried."""

    waiting: dict[str, OpenItem] = field(default_factory=dict)
    seen: dict[Key, Seen] = field(default_factory=dict)
    carried: dict[str, Standing] = field(default_factory=dict)
    keys: int = 0

    def day(self, world: World, number: int, grace: Grace) -> Statement:
        on = FIRST + timedelta(days=number)
        result, told = self.matched(world, number)
        after = fold(told, through=on, before=self.carried)
        bill, books = result.bridge.bill_total, result.bridge.ledger_total
        found = statement(on=on, before=self.carried, after=after, bill=bill, books=books, grace=grace)
        self.carried = carried_on(found)
        return found

    def matched(self, world: World, number: int) -> tuple[DayResult, list[Told]]:
        """The day as it matches, and what its items tell; the open items and the lines seen are kept for the next day."""
        on, lines = FIRST + timedelta(days=number), world.lines[number]
        waiting = list(self.waiting.values())
        result = match_day(on=on, lines=lines, movements=world.movements[number], open_items=waiting, seen=self.seen)
        told = self.told_by(result, on)
        for line in lines:
            self.seen[line.kind, line.reference] = Seen(on, line.provider_id)
        for open_item in self.waiting.values():
            if open_item.line is not None:
                self.seen.pop((open_item.line.kind, open_item.line.reference), None)
        return result, told

    def told_by(self, result: DayResult, on: date) -> list[Told]:
        """Each item under the key of its break: a later half under that of the earlier one."""
        earlier = {id(r.counterpart): str(r.open_item_id) for r in result.resolutions}
        told = []
        for item in result.items:
            if item.outcome is Outcome.MATCHED:
                continue
            self.keys += 1
            key = earlier.get(id(item)) or str(UUID(int=self.keys))
            told += told_of(item, key, on)
            if item.outcome in {Outcome.MISSING_HERE, Outcome.MISSING_THERE}:
                self.waiting[key] = OpenItem(UUID(key), on, item.outcome, item.line, item.movement)
        for key in earlier.values():
            del self.waiting[key]
        return told


graces = st.builds(Grace, st.integers(0, 4), st.integers(0, 4))


@given(st.randoms(use_true_random=False), st.integers(0, 40), graces)
@settings(max_examples=60, deadline=None)
def test_the_bridge_of_every_day_closes_and_hands_on_what_the_next_one_begins_with(dice: Random, size: int, grace: Grace) -> None:
    world, book = build(dice, size, 0.5), Book()
    handed_on = cny(0)
    for number in range(DAYS):
        found = book.day(world, number, grace)
        assert (found.residual.passed, found.continuity.passed) == (True, True)
        assert found.opening == handed_on
        assert found.net == total((line.amount for line in found.lines), "CNY")
        assert found.closing == total((one.difference for one in book.carried.values()), "CNY")
        assert sum(line.count for line in (*found.lines, *found.outside)) == sum(
            bool(i.impact or i.standing.difference) for i in found.items
        )
        once = [item.standing.key for result in Result for item in found.having(result)]
        assert sorted(once) == sorted({item.standing.key for item in found.items})
        handed_on = found.closing


@given(st.randoms(use_true_random=False), st.integers(1, 40), graces)
@settings(max_examples=60, deadline=None)
def test_after_the_fixes_the_day_is_reconciled_and_carries_nothing(dice: Random, size: int, grace: Grace) -> None:
    world, book = build(dice, size, 0.5), Book()
    for number in range(DAYS):
        book.day(world, number, grace)
    on = FIRST + timedelta(days=DAYS)
    fixes = [fix for one in book.carried.values() for fix in fixes_of(one, on)]
    after = fold(fixes, through=on, before=book.carried)
    bill, books = (total((fix.amount for fix in fixes if fix.side == side), "CNY") for side in ("there", "here"))
    found = statement(on=on, before=book.carried, after=after, bill=bill, books=books, grace=grace)
    ended = {item.standing.key: "closed" for item in found.items if item.placed.result is not Result.OK}
    assert {after[key].duplicate or not after[key].difference for key in ended} <= {True}, "only words and doubled rows are left to explain"
    last = statement(on=on, before=book.carried, after=after, bill=bill, books=books, grace=grace, ended=ended)
    assert (last.residual.passed, last.continuity.passed) == (True, True)
    assert (last.verdict(), last.closing, last.at_risk, carried_on(last)) == (Verdict.RECONCILED, cny(0), cny(0), {})


def fixes_of(one: Standing, on: date) -> list[Told]:
    """We book what we lack or have too much, and where something is not there, take back what was booked. A doubled row is explained."""
    if one.duplicate or not one.difference:
        return []
    effect = one.effect_here or one.effect_there
    assert effect is not None
    return [Told(one.key, one.kind, one.reference, "here", on, one.difference, effect)]


@given(st.randoms(use_true_random=False), st.integers(0, 40))
@settings(max_examples=30, deadline=None)
def test_days_told_at_once_stand_where_days_told_one_by_one_do(dice: Random, size: int) -> None:
    world, book = build(dice, size, 0.5), Book()
    told: list[Told] = []
    one_by_one: dict[str, Standing] = {}
    for number in range(DAYS):
        on = FIRST + timedelta(days=number)
        _, news = book.matched(world, number)
        told += news
        one_by_one = fold(news, through=on, before=one_by_one)
        assert fold(told, through=on) == one_by_one
