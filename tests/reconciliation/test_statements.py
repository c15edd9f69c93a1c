"""The statement of a day: a worked day whose bridge closes to 0, what becomes of what is carried, and what was paid, whatever was announced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from tests.published import published
from yuefu.money.amounts import Money, total
from yuefu.reconciliation.rules.balances import Term, balance
from yuefu.reconciliation.rules.bills import Effect
from yuefu.reconciliation.rules.carrying import Line, Statement, carried_on, statement
from yuefu.reconciliation.rules.judgement import Verdict
from yuefu.reconciliation.rules.references import (
    Class,
    Grace,
    Placed,
    Result,
    Side,
    Standing,
    Told,
    Touch,
    at_risk,
    classify,
    final,
    fold,
    rewind,
)

DAY = date(2026, 9, 24)
GRACE = Grace(here_days=1, there_days=7)


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def told(reference: str, side: Side, day: int, minor: int, effect: Effect = Effect.MOVED, held: int = 0, month: int = 9) -> Told:
    return Told(reference, "payment", reference, side, date(2026, month, day), eur(minor), effect, eur(held))


def announced(reference: str, day: int, minor: int) -> Told:
    return told(reference, "there", day, 0, Effect.PENDING, held=minor)


def paid(reference: str, day: int, minor: int) -> tuple[Told, Told]:
    """Announced and paid on one day."""
    first = announced(reference, day, minor)
    return first, final(first, key=reference, kind="payment", reference=reference, on=date(2026, 9, day), amount=eur(minor))


EARLIER = [*paid("PAY-39", 20, 50_000), *paid("PAY-40", 23, 70_000)]
WORKED_DAY = [
    *(*paid("PAY-42", 24, 100_000), told("PAY-42", "here", 24, 100_000)),
    *(*paid("PAY-43", 24, 100_000), told("PAY-43", "here", 24, 60_000), told("PAY-43", "here", 24, 40_000)),
    told("PAY-40", "here", 24, 70_000),
    *(*paid("PAY-44", 24, 120_000), told("PAY-44", "here", 24, 115_000)),
    *paid("PAY-45", 24, 80_000),
    announced("PAY-46", 24, 25_000),
    *(announced("PAY-99", 24, 30_000), told("PAY-99", "here", 24, 30_000)),
]


def the_day(
    before: dict[str, Standing], news: Sequence[Told], on: date = DAY, *, grace: Grace = GRACE, unclassified: int = 0
) -> tuple[Statement, dict[str, Standing]]:
    """The statement of a day on which all that moved was told, and what the next day begins with."""
    bill, books = (total((one.amount for one in news if one.side == side), "EUR") for side in ("there", "here"))
    after = fold(news, through=on, before=before)
    found = statement(on=on, before=before, after=after, bill=bill, books=books, grace=grace, unclassified=unclassified)
    return found, carried_on(found)


def the_worked_day() -> tuple[Statement, dict[str, Standing]]:
    before = fold(EARLIER, through=date(2026, 9, 23))
    return the_day(before, WORKED_DAY, unclassified=1)  # PAY-31: a refund on the number of its payment, in a state that nobody knows


def classes(found: Statement) -> dict[str, tuple[str, str]]:
    return {item.standing.reference: (str(item.placed.cls), str(item.placed.result)) for item in found.items}


def test_the_worked_day_closes_to_zero_fr_day_01() -> None:
    found, carried = the_worked_day()
    assert (found.bill, found.books, found.net) == (eur(400_000), eur(415_000), eur(-15_000))
    assert found.lines == (
        Line(Class.UNDER_APPLIED, Result.BREAK, False, eur(5_000), 1),
        Line(Class.UNAPPLIED_PAYMENT, Result.PENDING, False, eur(80_000), 1),
        Line(Class.APPLIED_BEFORE_FINAL, Result.PENDING, False, eur(-30_000), 1),
        Line(Class.MATCHED, Result.OK, True, eur(-70_000), 1),
    )
    assert (found.residual.passed, found.residual.off) == (True, eur(0))
    assert found.outside == (Line(Class.UNAPPLIED_PAYMENT, Result.BREAK, True, eur(50_000), 1),)
    assert (found.opening, found.opening_count, found.closing, found.closing_count) == (eur(120_000), 2, eur(105_000), 4)
    assert (found.continuity.passed, found.continuity.off) == (True, eur(0))
    assert found.at_risk == eur(55_000)
    assert classes(found) == {
        "PAY-39": ("unapplied_payment", "break"),
        "PAY-40": ("matched", "ok"),
        "PAY-42": ("matched", "ok"),
        "PAY-43": ("matched", "ok"),
        "PAY-44": ("under_applied", "break"),
        "PAY-45": ("unapplied_payment", "pending"),
        "PAY-46": ("in_progress", "ok"),
        "PAY-99": ("applied_before_final", "pending"),
    }
    assert [(i.standing.reference, i.placed.priority, i.lifecycle, i.at_risk.minor) for i in found.having(Result.BREAK)] == [
        ("PAY-44", 2, "new", 5_000),
        ("PAY-39", 3, "persisting", 50_000),
    ]
    pending = [(item.standing.reference, item.placed.break_on) for item in found.having(Result.PENDING)]
    assert pending == [("PAY-45", date(2026, 9, 25)), ("PAY-99", date(2026, 10, 1))]
    assert sorted(carried) == ["PAY-39", "PAY-44", "PAY-45", "PAY-99"]
    assert (found.verdict(), found.verdict(missing=["bank"])) == (Verdict.BREAKS, Verdict.INCOMPLETE)
    assert total((item.standing.held for item in found.items), "EUR") == eur(55_000), "what is announced and not final: PAY-46 and PAY-99"


def test_the_books_of_the_worked_day_close_fr_day_01() -> None:
    for opening, opened, settled, closing in ((0, 455_000, 400_000, 55_000), (430_000, 230_000, 415_000, 245_000), (0, 20_000, 0, 20_000)):
        terms = [Term("opening", eur(opening), 1), Term("opened", eur(opened), 1), Term("settled", eur(settled), -1)]
        assert balance([*terms, Term("closing", eur(closing), -1)], eur(0)).passed


def test_what_was_booked_before_it_was_final_matches_when_it_is_fr_day_02() -> None:
    _, expected = published("fr-day-02")
    _, carried = the_worked_day()
    news = [
        final(announced("PAY-99", 24, 30_000), key="PAY-99", kind="payment", reference="PAY-99", on=date(2026, 9, 30), amount=eur(30_000))
    ]
    found, left = the_day(carried, news, date(2026, 9, 30))
    (item,) = [one for one in found.items if one.standing.reference == "PAY-99"]
    assert {"class": str(item.placed.cls), "impact": item.impact.minor, "firstSeen": str(item.standing.first_seen)} == expected["PAY-99"]
    assert (item.placed.result, item.standing.held) == (Result.OK, eur(0))
    assert sorted(left) == ["PAY-39", "PAY-44", "PAY-45"]


def test_what_was_booked_and_never_became_final_is_a_break_of_the_first_priority_fr_day_03() -> None:
    _, expected = published("fr-day-03")
    _, carried = the_worked_day()
    before, _ = the_day(carried, [], date(2026, 9, 30))
    assert classes(before)["PAY-99"] == ("applied_before_final", "pending")
    found, _ = the_day(carried_on(before), [], date(2026, 10, 1))
    (item,) = [one for one in found.items if one.standing.reference == "PAY-99"]
    assert {"class": str(item.placed.cls), "priority": item.placed.priority} == expected["PAY-99"]
    assert (item.lifecycle, item.at_risk, item.impact, item.placed.break_on) == ("new", eur(30_000), eur(0), date(2026, 10, 1))


def test_what_was_short_is_resolved_by_booking_the_rest() -> None:
    _, carried = the_worked_day()
    found, left = the_day(carried, [told("PAY-44", "here", 25, 5_000)], date(2026, 9, 25))
    lifecycles = {item.standing.reference: str(item.lifecycle) for item in found.items}
    assert lifecycles == {"PAY-39": "persisting", "PAY-44": "resolved", "PAY-45": "new", "PAY-99": ""}
    assert sorted(left) == ["PAY-39", "PAY-45", "PAY-99"]
    assert found.opening == eur(105_000)


def test_paid_is_what_came_whatever_was_announced_fr_psp_amount_01() -> None:
    given_, expected = published("fr-psp-amount-01")
    figures, on_hold = [], []
    for case in given_["cases"]:
        before = None if case["pending"] is None else announced("P", 24, int(case["pending"].split("=")[-1]))
        amount = eur(int(case["final"].split("=")[-1]))
        last = final(before, key="P", kind="payment", reference="P", on=DAY, amount=amount)
        events = ([before] if before else []) + [last, told("P", "here", 24, amount.minor)]
        standing = fold(events, through=DAY)["P"]
        figures.append(standing.there.minor)
        on_hold.append(last.held.minor if last.held else 0)
        assert standing.held == eur(0)
        assert classify(standing, on=DAY, grace=GRACE) == Placed(Class.MATCHED, Result.OK)
    assert (figures, on_hold) == (expected["paid"], expected["net_on_hold"])


def at(hour: int, minute: int = 0, day: int = 25) -> datetime:
    return datetime(2026, 9, day, hour, minute, tzinfo=UTC)


def test_what_stood_open_at_the_cut_off_is_read_back_from_later_fr_rewind_01() -> None:
    given_, expected = published("fr-rewind-01")
    touches = []
    for clock, what, posted, after in given_["events_after_cutoff"]:
        hour, minute = map(int, clock.split(":"))
        touches.append(Touch(what.split()[0], at(hour, minute), eur(posted), eur(int(after.split()[-1]))))
    found = rewind({"INV-15": eur(-300), "INV-1": eur(-7)}, touches, cutoff=at(0))
    assert found == {name: eur(minor) for name, minor in expected["stock_at_cutoff"].items()} | {"INV-1": eur(-7)}


def test_only_the_first_touch_after_the_cut_off_counts_in_whatever_order_they_are_read() -> None:
    touches = [
        Touch("A", at(3), eur(-5), eur(20)),
        Touch("A", at(1), eur(15), eur(25)),
        Touch("A", at(23, day=24), eur(10), eur(10)),
        Touch("B", at(0), eur(4), eur(4)),
    ]
    assert rewind({"A": eur(20), "B": eur(4)}, touches, cutoff=at(0)) == {"A": eur(10), "B": eur(4)}


def standing(there: int, here: int, effect: Effect | None = Effect.MOVED, ours: Effect = Effect.MOVED, **more: bool) -> Standing:
    return Standing("K", "payment", "K", eur(there), eur(here), eur(0), effect, ours, DAY, **more)


@pytest.mark.parametrize(
    ("what", "cls", "result", "priority", "risk"),
    [
        (standing(100, 100), "matched", "ok", None, 0),
        (standing(100, 90), "under_applied", "break", 2, 10),
        (standing(-100, -90), "under_applied", "break", 2, 10),
        (standing(100, 110), "over_applied", "break", 2, 10),
        (standing(-100, -110), "over_applied", "break", 2, 10),
        (standing(100, -100), "wrong_sign", "break", 2, 200),
        (standing(100, 0), "unapplied_payment", "pending", None, 100),
        (standing(0, 100, None), "applied_before_final", "pending", None, 100),
        (standing(-100, -100, Effect.PENDING), "applied_before_final", "pending", None, 100),  # a refund that is under way
        (standing(100, 100, Effect.MOVED, Effect.PENDING), "unapplied_payment", "pending", None, 100),
        (standing(0, 0, Effect.PENDING), "in_progress", "ok", None, 0),
        (standing(0, 0, Effect.NOT_MOVED), "failed", "ok", None, 0),
        (standing(100, 0, Effect.NOT_MOVED), "failed", "warning", None, 0),
        (standing(0, 100, Effect.NOT_MOVED), "reversed_after_application", "break", 1, 100),
        (standing(100, 100, Effect.NOT_MOVED), "reversed_after_application", "break", 1, 100),
        (standing(0, 100, Effect.NOT_MOVED, failed_before=True), "orphan_application", "break", 1, 100),
        (standing(100, 100, Effect.UNKNOWN), "unclassified", "warning", None, 0),
        (standing(100, 90, Effect.UNKNOWN), "under_applied", "break", 2, 10),
        (standing(100, 0, duplicate=True), "duplicate", "break", 2, 100),
    ],
)
def test_what_both_sides_say_is_of_one_class(what: Standing, cls: str, result: str, priority: int | None, risk: int) -> None:
    placed = classify(what, on=DAY, grace=GRACE)
    assert (placed.cls, placed.result, placed.priority) == (cls, result, priority)
    assert at_risk(what, placed) == eur(risk)


@pytest.mark.parametrize(
    ("what", "last_pending", "cls"),
    [
        (standing(100, 0), date(2026, 9, 24), "unapplied_payment"),
        (standing(0, 100, None), date(2026, 9, 30), "orphan_application"),
        (standing(-100, -100, Effect.PENDING), date(2026, 9, 30), "orphan_application"),
    ],
)
def test_each_side_has_its_own_grace_before_it_is_a_break(what: Standing, last_pending: date, cls: str) -> None:
    next_day = date.fromordinal(last_pending.toordinal() + 1)
    assert classify(what, on=last_pending, grace=GRACE).result is Result.PENDING
    late = classify(what, on=next_day, grace=GRACE)
    assert (late.cls, late.result, late.break_on) == (cls, Result.BREAK, next_day)
    assert classify(what, on=DAY, grace=Grace(0, 0)).result is Result.BREAK


def test_a_payment_that_failed_before_it_was_booked_is_told_from_one_that_failed_after() -> None:
    before = fold([told("A", "there", 23, 0, Effect.NOT_MOVED), told("A", "here", 24, 100)], through=DAY)["A"]
    after = fold([*paid("B", 23, 100), told("B", "here", 23, 100), told("B", "there", 24, -100, Effect.NOT_MOVED)], through=DAY)["B"]
    assert [classify(one, on=DAY, grace=GRACE).cls for one in (before, after)] == ["orphan_application", "reversed_after_application"]
    undone = fold([told("B", "here", 24, -100)], through=DAY, before={"B": after})["B"]
    assert classify(undone, on=DAY, grace=GRACE) == Placed(Class.FAILED, Result.OK)


def test_a_payment_booked_once_more_after_it_failed_was_booked_before_it_failed() -> None:
    events = [*paid("A", 22, 100), told("A", "here", 22, 100), told("A", "there", 23, -100, Effect.NOT_MOVED), told("A", "here", 24, 10)]
    assert classify(fold(events, through=DAY)["A"], on=DAY, grace=GRACE).cls == "reversed_after_application"


def test_the_days_of_grace_begin_when_money_moved_and_not_when_it_was_announced() -> None:
    before = announced("A", 20, 100)
    last = final(before, key="A", kind="payment", reference="A", on=DAY, amount=eur(100))
    one = fold([before, last], through=DAY)["A"]
    assert fold([before], through=DAY)["A"].first_seen is None
    assert (one.first_seen, classify(one, on=DAY, grace=GRACE).result) == (DAY, Result.PENDING)


def test_what_is_told_of_later_days_is_left_out() -> None:
    events = [*paid("A", 23, 100), told("A", "here", 25, 100)]
    assert fold(events, through=DAY)["A"].difference == eur(100)
    assert fold(events, through=date(2026, 9, 25))["A"].difference == eur(0)


def test_what_a_person_ended_leaves_by_a_line_of_its_own_and_the_bridge_still_closes() -> None:
    _, carried = the_worked_day()
    found = statement(
        on=date(2026, 9, 25),
        before=carried,
        after=carried,
        bill=eur(0),
        books=eur(0),
        grace=GRACE,
        ended={"PAY-39": "closed", "PAY-44": "closed"},
    )
    assert (found.ended, found.closing) == ({"closed": eur(55_000)}, eur(50_000))
    assert (found.residual.passed, found.continuity.passed) == (True, True)
    assert {item.standing.reference: str(item.lifecycle) for item in found.items} == {
        "PAY-39": "resolved", "PAY-44": "resolved", "PAY-45": "new", "PAY-99": "",
    }  # fmt: skip
    assert [item.standing.reference for item in found.having(Result.BREAK)] == ["PAY-45"]
    assert sorted(carried_on(found)) == ["PAY-45", "PAY-99"]


def test_a_figure_that_nothing_explains_and_something_lost_overnight_are_no_verdict_at_all() -> None:
    before = fold(EARLIER, through=date(2026, 9, 23))
    more = statement(on=DAY, before=before, after=before, bill=eur(1), books=eur(0), grace=GRACE)
    assert (more.residual.passed, more.residual.off, more.verdict()) == (False, eur(1), Verdict.INCOMPLETE)
    lost = {key: one for key, one in before.items() if key != "PAY-39"}
    less = statement(on=DAY, before=before, after=lost, bill=eur(0), books=eur(0), grace=GRACE)
    assert (less.residual.passed, less.continuity.passed, less.continuity.off) == (True, False, eur(50_000))
    assert less.verdict() is Verdict.INCOMPLETE


def test_two_breaks_that_cancel_are_two_breaks() -> None:
    found, _ = the_day({}, [*paid("A", 24, 100), told("A", "here", 24, 90), *paid("B", 24, 90), told("B", "here", 24, 100)])
    assert (found.net, found.at_risk, found.verdict()) == (eur(0), eur(20), Verdict.BREAKS)


def test_without_breaks_what_is_unclassified_is_a_warning_and_what_is_within_its_grace_is_pending() -> None:
    news = [*paid("A", 24, 100)]
    assert the_day({}, news)[0].verdict() is Verdict.PENDING
    assert the_day({}, news, unclassified=1)[0].verdict() is Verdict.WARNINGS
    assert the_day({}, [])[0].verdict() is Verdict.RECONCILED
