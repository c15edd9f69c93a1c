"""The reference a consumer quotes: read from what people write, never mistaken, its near misses found."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.payments.rules.references import LENGTH, grouped, made_for, nearly, quoted, well_formed

consumers = st.uuids()
ONE = made_for(UUID(int=1), 0)


@given(consumers, st.integers(0, 19))
def test_what_is_made_is_well_formed_and_read_again_as_people_write_it(consumer_id, attempt):
    reference = made_for(consumer_id, attempt)
    assert len(reference) == LENGTH
    assert well_formed(reference)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in reference)
    for text in (
        reference,
        grouped(reference),
        f"还款{reference}谢谢",
        f"ref:{grouped(reference).replace(' ', '-')}",
        wide,
        f"{wide} 张三",
    ):
        assert quoted(text) == [reference], text


@given(consumers, st.integers(0, LENGTH - 1), st.integers(1, 9))
def test_one_wrong_digit_is_seen_and_what_was_meant_is_near(consumer_id, at, by):
    reference = made_for(consumer_id, 0)
    wrong = reference[:at] + str((int(reference[at]) + by) % 10) + reference[at + 1 :]
    assert quoted(wrong) == []
    assert reference in nearly(f"还款 {wrong}")


@given(consumers, st.integers(0, LENGTH - 2))
def test_two_digits_exchanged_one_missing_and_one_too_many_are_seen(consumer_id, at):
    reference = made_for(consumer_id, 0)
    exchanged = reference[:at] + reference[at + 1] + reference[at] + reference[at + 2 :]
    if exchanged != reference:
        assert quoted(exchanged) == []
        assert reference in nearly(exchanged)
    for wrong in (reference[:at] + reference[at + 1 :], reference[:at] + "7" + reference[at:]):
        assert quoted(wrong) == []
        assert reference in nearly(wrong)


@pytest.mark.parametrize(
    "text", ["", "还款", "13800138000", "6217000010001234567", "2026-10-25", "12:30", ONE[:11], ONE + ONE, "９" * 12, "1" * 500, "1 " * 250]
)
def test_what_is_no_reference_is_read_as_none(text):
    assert quoted(text) == []


def test_a_text_without_end_is_read_in_no_time():
    assert quoted("1 2-" * 1_000_000) == []
    assert nearly("1 2-" * 1_000_000) is not None


def test_each_reference_of_a_text_is_named_once():
    other = made_for(UUID(int=2), 0)
    assert quoted(f"{ONE}, {other} und {ONE}") == [ONE, other]
