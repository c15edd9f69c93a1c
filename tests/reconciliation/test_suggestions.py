"""Rules for suggestions: how amounts, days and texts compare, and which candidates a line has, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.published import published
from yuefu.money.amounts import Money
from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.criteria import Amount, Compared, Comparison, Reference, Rule, When, fitting, of_movements, suggest
from yuefu.reconciliation.rules.matching import Movement

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
DAY = NOON.date()
SAME_AMOUNT = Amount(Fraction(0))
EQUALS, CONTAINS = Reference(Comparison.EQUALS), Reference(Comparison.CONTAINS)


def compared(amount: str = "100", *references: str, currency: str = "USD", at: datetime = NOON) -> Compared:
    return Compared(Fraction(amount), currency, at, references)


def line(reference: str, minor: int, on: date = DAY, currency: str = "CNY") -> BillLine:
    money = Money(minor, currency)
    moment = datetime(on.year, on.month, on.day, 12)
    return BillLine(2, "payment", reference, "W1", "", moment, on, money, Money(0, currency), "", None)


def movement(reference: str, minor: int, on: date = DAY, currency: str = "CNY", kind: str = "payment") -> Movement:
    return Movement(UUID(int=1), reference, kind, Money(minor, currency), "", on)


def fits(there: Compared, here: Compared, *criteria: Amount | When | Reference) -> bool:
    return fitting(there, here, [Rule("r", criteria)]) is not None


def amounts(name: str) -> None:
    given_, expected = published(name)
    drift = Amount(Fraction(given_["allowable_drift"]))
    assert fits(compared(given_["external"]), compared(given_["internal"]), drift) == expected["match"], name


def test_without_a_drift_amounts_are_the_same_to_the_cent_bl_amt_01_bl_amt_02_bl_amt_10() -> None:
    for name in ("bl-amt-01", "bl-amt-02", "bl-amt-10"):
        amounts(name)


def test_a_drift_is_a_fraction_of_our_amount_bl_amt_04_bl_amt_05_bl_amt_07_bl_amt_08() -> None:
    for name in ("bl-amt-04", "bl-amt-05", "bl-amt-07", "bl-amt-08"):
        amounts(name)


def test_a_drift_of_one_hundredth_is_one_percent_bl_amt_12_bl_amt_13_bl_amt_14_bl_amt_15() -> None:
    for name in ("bl-amt-12", "bl-amt-13", "bl-amt-14", "bl-amt-15"):
        amounts(name)


def test_what_went_out_is_compared_as_what_came_in_bl_amt_16_bl_amt_18() -> None:
    for name in ("bl-amt-16", "bl-amt-18"):
        amounts(name)


def dates(name: str) -> None:
    given_, expected = published(name)
    drift = When(timedelta(seconds=given_["allowable_drift_s"]))
    there = compared(at=NOON + timedelta(seconds=given_["offset_s"]))
    assert fits(there, compared(), drift) == expected["match"], name


def test_without_a_drift_moments_are_the_same_bl_date_01_bl_date_02_bl_date_03() -> None:
    for name in ("bl-date-01", "bl-date-02", "bl-date-03"):
        dates(name)


def test_a_drift_of_time_counts_before_and_after_and_has_its_end_in_it_bl_date_05_bl_date_06() -> None:
    for name in ("bl-date-05", "bl-date-06"):
        dates(name)


def texts(name: str) -> None:
    given_, expected = published(name)
    here = compared("1", *given_["internal"].split(" | "))
    criterion = Reference(Comparison(given_["operator"]))
    assert fits(compared("1", given_["external"]), here, criterion) == expected["match"], name


def test_equal_texts_are_whole_and_have_no_case_bl_str_01_bl_str_02_bl_str_03_bl_str_04() -> None:
    for name in ("bl-str-01", "bl-str-02", "bl-str-03", "bl-str-04"):
        texts(name)


def test_one_of_several_references_is_enough_bl_str_05() -> None:
    texts("bl-str-05")


def test_contains_works_both_ways_bl_str_07_bl_str_08() -> None:
    texts("bl-str-07")
    texts("bl-str-08")


def test_an_empty_reference_fits_nothing() -> None:
    assert not fits(compared("1", ""), compared("1", "REF-1"), CONTAINS)
    assert not fits(compared("1", ""), compared("1", ""), EQUALS)
    assert not fits(compared("1"), compared("1"), CONTAINS)


def test_movements_taken_together_add_up_bl_group_02() -> None:
    given_, expected = published("bl-group-02")
    whole = of_movements([movement(str(place), minor_of(amount)) for place, amount in enumerate(given_["internal"])])
    assert whole is not None
    there = Compared(Fraction(minor_of(given_["external"])), "CNY", whole.at, ("x",))
    assert fits(there, whole, Amount(Fraction(given_["drift"]))) == expected["match"]
    assert fits(Compared(Fraction(300_00), "CNY", whole.at, ("x",)), whole, Amount(Fraction(given_["drift"])))


def minor_of(amount: str) -> int:
    return Money.parse(amount, "CNY").minor


def test_nothing_of_several_currencies_is_taken_together_bl_group_03() -> None:
    given_, expected = published("bl-group-03")
    movements = [movement("A", 100, currency=currency) for currency in given_["internal_currencies"]]
    assert of_movements(movements) is None
    rules = [Rule("any", (Amount(Fraction(1000)),), together=True)]
    assert bool(suggest(line("A", 200, currency=given_["external_currency"]), movements, rules)) == expected["we_should"]


def test_no_rules_fit_nothing_not_even_the_same_bl_rule_01() -> None:
    given_, expected = published("bl-rule-01")
    assert (fitting(compared("1", "A"), compared("1", "A"), given_["rules"]) is not None) == expected["match"]
    assert fitting(compared("1", "A"), compared("1", "A"), [Rule("empty", ())]) is None


def test_one_rule_is_enough_and_in_it_all_must_fit_bl_rule_03() -> None:
    _, expected = published("bl-rule-03")
    there, here = compared("1", "A"), compared("1", "B")
    rules = [Rule("reference", (EQUALS,)), Rule("amount", (SAME_AMOUNT,))]
    assert (fitting(there, here, rules) is not None) == expected["match"]
    assert fitting(there, here, rules) == rules[1]
    assert fitting(there, here, [Rule("both", (EQUALS, SAME_AMOUNT))]) is None


def practice(name: str, criterion: Reference) -> tuple[list[str], int, dict[str, Any]]:
    """Our references for which a line is suggested, how many lines are left, and what is expected."""
    given_, expected = published(name)
    ours = [movement(row["reference"], Money.parse(row["amount"], "USD").minor, currency="USD") for row in given_["internal"]]
    theirs = [line(row["reference"], Money.parse(row["amount"], "USD").minor, currency="USD") for row in given_["external"]]
    found = [suggest(one, ours, [Rule("practice", (SAME_AMOUNT, criterion))]) for one in theirs]
    return [suggestions[0].movements[0].reference for suggestions in found if suggestions], sum(not one for one in found), expected


def test_ten_lines_of_which_two_belong_to_ours_bl_practice_01() -> None:
    matched, unmatched, expected = practice("bl-practice-01", CONTAINS)
    assert (matched, len(matched), unmatched) == (expected["matched_internal"], expected["matched"], expected["unmatched"])


def test_ten_lines_of_which_none_has_one_of_our_references_bl_practice_02() -> None:
    matched, unmatched, expected = practice("bl-practice-02", EQUALS)
    assert (len(matched), unmatched) == (expected["matched"], expected["unmatched"])


RULES = (
    Rule("reference", (CONTAINS, SAME_AMOUNT, When(timedelta(days=3)))),
    Rule("amount", (SAME_AMOUNT, When(timedelta(days=3))), together=True),
    Rule("nearly", (CONTAINS, Amount(Fraction("0.01")), When(timedelta(days=3)))),
)


def names(suggestions: Sequence[Any]) -> list[tuple[str, list[str], int, int]]:
    return [(one.rule, [m.reference for m in one.movements], one.off, one.apart_days) for one in suggestions]


def test_candidates_come_by_rule_then_by_how_near_they_are() -> None:
    movements = [
        movement("pay_8", 10_000, DAY - timedelta(days=2)),
        movement("pay_7", 10_050),
        movement("pay_9", 10_000, DAY - timedelta(days=4)),
        movement("pay_6", 10_000, DAY - timedelta(days=1)),
        movement("pay_7", 10_000, DAY - timedelta(days=3)),
        movement("pay_5", 4_000, kind="refund"),
        movement("pay_4", 6_000, kind="refund"),
    ]
    assert names(suggest(line("PAY_7x", 10_000), movements, RULES)) == [
        ("reference", ["pay_7"], 0, 3),
        ("amount", ["pay_5", "pay_4"], 0, 0),
        ("amount", ["pay_6"], 0, 1),
        ("amount", ["pay_8"], 0, 2),
        ("nearly", ["pay_7"], -50, 0),
    ]
    assert suggest(line("PAY_7x", 10_000), movements, ()) == ()


@given(
    st.integers(-(10**9), 10**9),
    st.lists(st.tuples(st.sampled_from(["A", "B"]), st.integers(-(10**9), 10**9), st.integers(-5, 5)), max_size=8),
    st.randoms(use_true_random=False),
)
def test_every_suggestion_fits_its_rule_and_the_order_of_candidates_changes_nothing_else(
    minor: int, ours: list[tuple[str, int, int]], dice: Any
) -> None:
    movements = [movement(reference, amount, DAY + timedelta(days=days)) for reference, amount, days in ours]
    movements.append(movement("A", minor))
    wanted = line("A", minor)
    found = suggest(wanted, movements, RULES)
    assert found[0].rule == "reference"
    by_name = {rule.name: rule for rule in RULES}
    for one in found:
        assert one.off == minor - sum(m.amount.minor for m in one.movements)
        assert len(one.movements) == 1 or by_name[one.rule].together
        assert one.rule == "nearly" or one.off == 0
        assert one.apart_days <= 3
    shuffled = movements[:]
    dice.shuffle(shuffled)
    ranks = [(one.rule, abs(one.off), one.apart_days, len(one.movements)) for one in found]
    assert [(one.rule, abs(one.off), one.apart_days, len(one.movements)) for one in suggest(wanted, shuffled, RULES)] == ranks
