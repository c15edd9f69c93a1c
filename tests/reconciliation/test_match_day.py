"""Matching a day, told case by case: what stands in the bill, what stands in our books, and what each becomes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.matching import DayResult, Item, Movement, OpenItem, Outcome, Seen, bridge, match_day, statuses_agree
from yuefu.reconciliation.rules.naming import named

TODAY = date(2026, 10, 5)


def line(
    reference: str, amount: int, *, status: str = "SUCCESS", number: str | None = None, kind: str = "payment", on: date = TODAY
) -> BillLine:
    return BillLine(
        line_no=2,
        kind=kind,
        reference=reference,
        provider_id="W" + reference if number is None else number,
        business_id="",
        occurred_at=datetime(on.year, on.month, on.day, 12),
        occurred_on=on,
        amount=Money(amount, "CNY"),
        fee=Money(0, "CNY"),
        status=status,
        balance=None,
    )


def movement(reference: str, amount: int, *, status: str = "succeeded", kind: str = "payment", on: date = TODAY, no: int = 1) -> Movement:
    return Movement(UUID(int=no), reference, kind, Money(amount, "CNY"), status, on)


def open_line(thing: BillLine, *, no: int = 1) -> OpenItem:
    return OpenItem(UUID(int=no), thing.occurred_on, Outcome.MISSING_HERE, thing, None)


def open_movement(thing: Movement, *, no: int = 1) -> OpenItem:
    return OpenItem(UUID(int=no), thing.on, Outcome.MISSING_THERE, None, thing)


def matched(
    lines: Sequence[BillLine] = (),
    movements: Sequence[Movement] = (),
    open_items: Sequence[OpenItem] = (),
    seen: Mapping[tuple[str, str], Seen] | None = None,
) -> DayResult:
    """The result of today, after checking what holds for every day: the bridge closes and nothing is lost or doubled."""
    result = match_day(on=TODAY, lines=lines, movements=movements, open_items=open_items, seen=seen or {})
    assert result.bridge.residual == Money(0, "CNY")
    assert [x.line for x in result.items if x.line] == list(lines)
    assert sum(x.movement is not None for x in result.items) == len(movements)
    return result


def table(items: Sequence[Item]) -> list[tuple[str, str, int]]:
    return [(str(x.outcome), x.reference, x.difference.minor) for x in items]


def day(number: int) -> date:
    return date(2026, 10, number)


def test_a_line_and_a_movement_that_agree_are_matched() -> None:
    result = matched([line("A", 100)], [movement("A", 100)])
    assert table(result.items) == [("matched", "A", 0)]
    assert (result.items[0].line, result.items[0].movement) == (line("A", 100), movement("A", 100))


def test_another_amount_is_the_bill_less_ours() -> None:
    assert table(matched([line("A", 105)], [movement("A", 100)]).items) == [("amount_differs", "A", 5)]
    assert table(matched([line("A", -95, kind="refund")], [movement("A", -100, kind="refund")]).items) == [("amount_differs", "A", 5)]


def test_another_status_moves_no_difference_and_another_amount_goes_before_it() -> None:
    assert table(matched([line("A", 100, status="REVOKED")], [movement("A", 100)]).items) == [("status_differs", "A", 0)]
    assert table(matched([line("A", 90, status="REVOKED")], [movement("A", 100)]).items) == [("amount_differs", "A", -10)]


def test_a_line_we_do_not_know_is_missing_here_and_a_movement_not_in_the_bill_is_missing_there() -> None:
    result = matched([line("A", 100)], [movement("B", 30)])
    assert table(result.items) == [("missing_here", "A", 100), ("missing_there", "B", -30)]


def test_the_kind_is_part_of_the_key() -> None:
    result = matched([line("A", -3, kind="fee")], [movement("A", -3, kind="payment")])
    assert table(result.items) == [("missing_here", "A", -3), ("missing_there", "A", 3)]


def test_the_same_line_twice_in_a_file_is_a_duplicate_the_second_time() -> None:
    result = matched([line("A", 100), line("A", 100)], [movement("A", 100)])
    assert table(result.items) == [("matched", "A", 0), ("duplicate", "A", 100)]


def test_the_same_channel_number_under_another_reference_is_a_duplicate() -> None:
    result = matched([line("A", 100, number="W1"), line("B", 100, number="W1")], [movement("A", 100), movement("B", 100)])
    assert table(result.items) == [("matched", "A", 0), ("duplicate", "B", 100), ("missing_there", "B", -100)]


def test_of_two_lines_with_one_key_the_one_that_agrees_is_kept() -> None:
    lines = [
        line("A", 70, number="W1"),
        line("A", 100, number="W2", status="FAIL"),
        line("A", 100, number="W3"),
        line("A", 100, number="W4"),
    ]
    result = matched(lines, [movement("A", 100)])
    assert table(result.items) == [("duplicate", "A", 70), ("duplicate", "A", 100), ("matched", "A", 0), ("duplicate", "A", 100)]


def test_what_meets_by_amount_is_a_pair_whatever_else_has_its_reference() -> None:
    """The old rule kept one line of a reference, and called the others duplicates of it, and their movements missing."""
    lines = [line("A", 100, number="W1"), line("A", 200, number="W2"), line("A", 200, number="W3"), line("A", 300, number="W4")]
    result = matched(lines, [movement("A", 200, no=1), movement("A", 100, no=2), movement("A", 400, no=3)])
    assert table(result.items) == [
        *(("matched", "A", 0), ("matched", "A", 0), ("duplicate", "A", 200), ("duplicate", "A", 300), ("missing_there", "A", -400)),
    ]


def test_where_no_amount_meets_the_only_movement_takes_the_first_line() -> None:
    lines = [line("A", 70, number="W1"), line("A", 80, number="W2")]
    assert table(matched(lines, [movement("A", 100)]).items) == [("amount_differs", "A", -30), ("duplicate", "A", 80)]
    two = [movement("A", 100, no=1), movement("A", 110, no=2)]
    assert [str(x.outcome) for x in matched(lines, two).items] == ["missing_here", "duplicate", "missing_there", "missing_there"]


def test_lines_of_one_reference_that_are_of_several_kinds_all_came_before() -> None:
    """What a bank only calls a credit is named by what we know; of a statement that comes again under other names every line is seen."""
    lines = [line("A", 100, number="", kind="credit"), line("A", 200, number="", kind="credit")]
    movements = [movement("A", 100, kind="payment", no=1), movement("A", 200, kind="receipt", no=2)]
    told, seen = named(lines, movements, [], {("credit", "A"): Seen(day(1), "")})
    assert [one.kind for one in told] == ["payment", "receipt"]
    assert table(matched(told, movements, seen=seen).items)[:2] == [("duplicate", "A", 100), ("duplicate", "A", 200)]


def test_a_duplicate_of_a_line_we_do_not_know_is_one_break_of_each_kind() -> None:
    result = matched([line("A", 100, number="W1"), line("A", 100, number="W2")])
    assert table(result.items) == [("missing_here", "A", 100), ("duplicate", "A", 100)]


def test_a_line_paired_on_an_earlier_day_is_a_duplicate_by_key_or_by_channel_number() -> None:
    seen = {("payment", "A"): Seen(day(1), "W1")}
    assert table(matched([line("A", 100, number="W9")], seen=seen).items) == [("duplicate", "A", 100)]
    assert table(matched([line("B", 100, number="W1")], seen=seen).items) == [("duplicate", "B", 100)]
    assert table(matched([line("A", 100, number="W9", kind="refund")], seen=seen).items) == [("missing_here", "A", 100)]


def test_a_late_line_meets_the_open_movement_of_an_earlier_day() -> None:
    waiting = open_movement(movement("A", 100, on=day(4)), no=7)
    result = matched([line("A", 100)], open_items=[waiting])
    assert table(result.items) == [("other_day", "A", 100)]
    (resolution,) = result.resolutions
    assert (resolution.open_item_id, resolution.outcome, resolution.counterpart) == (UUID(int=7), "other_day", result.items[0])
    assert resolution.difference == Money(0, "CNY")


def test_a_late_movement_meets_the_open_line_of_an_earlier_day() -> None:
    result = matched(movements=[movement("A", 100)], open_items=[open_line(line("A", 100, on=day(4)), no=7)])
    assert table(result.items) == [("other_day", "A", -100)]
    assert [(x.open_item_id, x.outcome) for x in result.resolutions] == [(UUID(int=7), "other_day")]


@pytest.mark.parametrize(("on", "found"), [(2, "other_day"), (1, "missing_here"), (5, "missing_here"), (6, "missing_here")])
def test_an_open_movement_is_met_from_one_to_three_days_later(on: int, found: str) -> None:
    result = matched([line("A", 100)], open_items=[open_movement(movement("A", 100, on=day(on)))])
    assert [str(x.outcome) for x in result.items] == [found]
    assert bool(result.resolutions) is (found == "other_day")


def test_the_window_is_a_setting() -> None:
    waiting = [open_movement(movement("A", 100, on=day(1)))]
    result = match_day(on=TODAY, lines=[line("A", 100)], movements=[], open_items=waiting, seen={}, window_days=4)
    assert [str(x.outcome) for x in result.items] == ["other_day"]


def test_halves_of_different_days_that_disagree_keep_the_disagreement_and_the_sum_of_both_days() -> None:
    amounts = matched([line("A", 95)], open_items=[open_movement(movement("A", 100, on=day(4)))])
    assert table(amounts.items) == [("amount_differs", "A", 95)]
    assert (amounts.resolutions[0].outcome, amounts.resolutions[0].difference.minor) == ("amount_differs", -5)
    statuses = matched(movements=[movement("A", 100)], open_items=[open_line(line("A", 100, status="FAIL", on=day(4)))])
    assert table(statuses.items) == [("status_differs", "A", -100)]


def test_a_movement_of_today_goes_before_an_open_one() -> None:
    result = matched([line("A", 100)], [movement("A", 100)], [open_movement(movement("A", 100, on=day(4), no=2))])
    assert (table(result.items), result.resolutions) == ([("matched", "A", 0)], ())


def test_a_line_that_comes_again_while_the_first_is_open_is_a_duplicate_even_beyond_the_window() -> None:
    first = open_line(line("A", 100, on=day(1)))
    assert table(matched([line("A", 100)], open_items=[first]).items) == [("duplicate", "A", 100)]
    assert table(matched([line("A", 100, number="W2")], open_items=[first]).items) == [("duplicate", "A", 100)]
    assert table(matched([line("B", 100, number="WA")], open_items=[first]).items) == [("duplicate", "B", 100)]


def test_nothing_is_matched_without_a_reference() -> None:
    waiting = [open_line(line("", 100, number="", on=day(4)), no=1), open_movement(movement("", 100, on=day(4)), no=2)]
    result = matched(
        [line("", 100, number=""), line("", 100, number="")], [movement("", 100)], waiting, {("payment", ""): Seen(day(1), "")}
    )
    assert table(result.items) == [("missing_here", "", 100), ("missing_here", "", 100), ("missing_there", "", -100)]
    assert result.resolutions == ()


def test_a_line_without_reference_that_comes_twice_is_a_duplicate_by_its_channel_number() -> None:
    result = matched([line("", 100, number="W1"), line("", 100, number="W1")])
    assert table(result.items) == [("missing_here", "", 100), ("duplicate", "", 100)]


def test_of_two_movements_with_one_key_only_the_one_of_the_same_amount_is_taken_and_a_tie_stays_open() -> None:
    result = matched([line("A", 100)], [movement("A", 70, no=1), movement("A", 100, no=2)])
    assert table(result.items) == [("matched", "A", 0), ("missing_there", "A", -70)]
    tie = matched([line("A", 100)], [movement("A", 100, no=1), movement("A", 100, no=2)])
    assert table(tie.items) == [("missing_here", "A", 100), ("missing_there", "A", -100), ("missing_there", "A", -100)]
    neither = matched([line("A", 100)], [movement("A", 70, no=1), movement("A", 80, no=2)])
    assert table(neither.items) == [("missing_here", "A", 100), ("missing_there", "A", -70), ("missing_there", "A", -80)]


def test_a_tie_between_open_items_stays_open_and_one_open_item_is_never_used_twice() -> None:
    twins = [open_movement(movement("A", 100, on=day(4)), no=1), open_movement(movement("A", 100, on=day(3)), no=2)]
    assert matched([line("A", 100)], open_items=twins).resolutions == ()
    one = [open_line(line("A", 100, on=day(4)))]
    result = matched(movements=[movement("A", 100, no=1), movement("A", 100, no=2)], open_items=one)
    assert (table(result.items), result.resolutions) == ([("missing_there", "A", -100)] * 2, ())


def test_the_bridge_leads_from_the_ledger_to_the_bill_by_outcome() -> None:
    lines = [line("A", 100), line("B", 55), line("C", 7), line("C", 7), line("D", 9), line("E", 20, status="PROCESSING")]
    movements = [movement("A", 100), movement("B", 50), movement("C", 7), movement("E", 20), movement("F", 1000)]
    found = matched(lines, movements).bridge
    assert (found.bill_total.minor, found.ledger_total.minor) == (198, 1177)
    assert {str(outcome): money.minor for outcome, money in found.by_outcome.items()} == {
        "matched": 0,
        "amount_differs": 5,
        "status_differs": 0,
        "missing_here": 9,
        "missing_there": -1000,
        "duplicate": 7,
        "other_day": 0,
        "correction": 0,
    }


def test_an_item_too_few_or_too_many_shows_in_the_residual() -> None:
    lines, movements = [line("A", 105), line("B", 50)], [movement("A", 100)]
    items = matched(lines, movements).items
    assert bridge(lines=lines, movements=movements, items=items[:1]).residual.minor == 50
    assert bridge(lines=lines, movements=movements, items=[*items, items[0]]).residual.minor == -5


def test_a_day_without_anything_closes() -> None:
    result = matched()
    assert (result.items, result.resolutions, result.bridge.bill_total) == ((), (), Money(0, "CNY"))


@pytest.mark.parametrize(
    ("there", "here", "agree"),
    [
        ("SUCCESS", "succeeded", True),
        ("SUCCESS", "pending", False),
        ("REFUND", "succeeded", True),
        ("PROCESSING", "pending", True),
        ("PROCESSING", "succeeded", False),
        ("PROCESSING", "unknown", True),
        ("SUCCESS", "unknown", False),
        ("SUCCESS", "done", True),
        ("FAIL", "failed", True),
        ("CHANGE", "succeeded", False),
        ("REVOKED", "succeeded", False),
        ("", "succeeded", True),
        ("", "pending", True),
        ("SUCCESS", "", True),
        ("NEW_WORD", "succeeded", False),
        ("NEW_WORD", "OTHER_WORD", False),
        ("NEW_WORD", "NEW_WORD", True),
    ],
)
def test_statuses_agree_when_they_say_the_same_about_the_money(there: str, here: str, agree: bool) -> None:
    assert statuses_agree(there, here) is agree


def test_things_of_another_day_or_currency_and_open_items_without_their_half_are_refused() -> None:
    yesterday = TODAY - timedelta(days=1)
    with pytest.raises(ValueError, match="Line 2"):
        matched([line("A", 1, on=yesterday)])
    with pytest.raises(ValueError, match="Movement"):
        matched(movements=[movement("A", 1, on=yesterday)])
    with pytest.raises(ValueError, match="USD"):
        match_day(on=TODAY, lines=[line("A", 1)], movements=[], open_items=[], seen={}, currency="USD")
    with pytest.raises(ValueError, match="lacks its half"):
        matched(open_items=[OpenItem(UUID(int=1), yesterday, Outcome.MISSING_HERE, None, movement("A", 1))])
    with pytest.raises(ValueError, match="lacks its half"):
        matched(open_items=[OpenItem(UUID(int=1), yesterday, Outcome.MATCHED, line("A", 1), movement("A", 1))])
