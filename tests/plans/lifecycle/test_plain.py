"""What a loan book keeps of a loan is read as it was written, or refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plans.lifecycle.lives import events, lives, loan_terms
from tests.plans.lifecycle.small_loans import FEB, MAR, after, fen, terms
from yuefu.dates.calendars import Calendar
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, LoanError, Undone
from yuefu.plans.lifecycle.fold import apply, as_of, in_order, replay
from yuefu.plans.lifecycle.plain import (
    STATE_FORMAT,
    PlainError,
    read_event,
    read_state,
    read_terms,
    recalled_event,
    written,
    written_event,
    written_state,
)
from yuefu.plans.lifecycle.terms import LoanTerms, TermsError

KEPT = Path(__file__).parents[2] / "data" / "kept_loan.json"


def through_json(plain: Any) -> Any:
    return json.loads(json.dumps(plain))


@given(loan_terms())
def test_terms_come_back_as_they_were(agreed: LoanTerms) -> None:
    assert read_terms(through_json(written(agreed))) == agreed


@given(loan_terms().flatmap(events))
def test_events_come_back_as_they_were(event: Event) -> None:
    plain = through_json(written_event(event))
    assert read_event(plain) == recalled_event(plain) == event


@given(lives(), st.integers(0, 7))
def test_a_checkpoint_that_was_kept_goes_on_as_if_it_never_had_been(life: tuple[LoanTerms, list[Event]], cut: int) -> None:
    agreed, happened = life
    happened = [event for _, event in in_order(happened)]
    state = replay(agreed, happened[: max(cut, 1)])[0]
    read = read_state(agreed, through_json(written_state(state)))
    assert read == state
    for event in happened[max(cut, 1) :]:
        state, read = apply(state, event)[0], apply(read, event)[0]
    assert read == state


def test_undone_is_an_entry_as_well() -> None:
    assert written_event(Undone(3)) == {"kind": "undone", "entry": 3}
    assert read_event({"kind": "undone", "entry": 3}) == Undone(3)


def test_every_field_is_written_so_that_a_new_default_changes_no_old_loan() -> None:
    plain = written(terms())
    assert plain["recalculate"] is True
    assert plain["day_count"] == {"year": "365", "month": "actual", "leap_years": "whole_year"}
    assert plain["principal"] == {"minor": 1200_00, "currency": "CNY"}


def test_a_calendar_is_kept_by_name_and_version() -> None:
    calendar = Calendar("CN", "2026-1", frozenset({date(2025, 5, 1)}), frozenset(), date(2026, 12, 31))
    agreed = terms(adjust=t.Adjust.FOLLOWING, calendar=calendar)
    plain = through_json(written(agreed))
    assert plain["calendar"] == {"calendar": "CN", "version": "2026-1"}
    assert read_terms(plain, {("CN", "2026-1"): calendar}) == agreed
    with pytest.raises(PlainError) as refused:
        read_terms(plain)
    assert (refused.value.code, refused.value.field) == ("calendar_unknown", "calendar")


def test_a_loan_kept_by_an_earlier_build_is_read_as_it_was() -> None:
    """The file is never written again: what it holds is what books hold."""
    kept = json.loads(KEPT.read_text())
    agreed = read_terms(kept["terms"])
    state, _ = replay(agreed, [read_event(plain) for plain in kept["events"]])
    assert written(agreed) == kept["terms"] | {"ceilings": None}, "which it could not have known"
    assert through_json(written_state(state)) == kept["state"]


def test_a_checkpoint_of_another_format_is_not_gone_on_from() -> None:
    state = after(terms())
    assert read_state(state.terms, {**written_state(state), "format": STATE_FORMAT + 1}) is None


def test_a_loan_that_began_on_another_day_than_agreed_is_read_with_it() -> None:
    agreed = terms()
    for happened in ([], [e.Disbursed(date(2025, 1, 9), fen(1200_00))]):
        state, _ = replay(agreed, happened)
        assert read_state(agreed, through_json(written_state(state))) == state


def test_a_view_is_no_checkpoint() -> None:
    with pytest.raises(ValueError, match="view"):
        written_state(as_of(after(terms()), FEB))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"periods": "3"}, "periods"),
        ({"periods": True}, "periods"),
        ({"periods": 3.0}, "periods"),
        ({"disbursed_on": "2025-13-01"}, "disbursed_on"),
        ({"disbursed_on": "20250101"}, "disbursed_on"),
        ({"method": "cheap"}, "method"),
        ({"principal": {"minor": 1}}, "principal.currency"),
        ({"principal": {"minor": "1", "currency": "CNY"}}, "principal.minor"),
        ({"principal": {"minor": 1, "currency": "XXZ"}}, "principal"),
        ({"principal": {"minor": 10**16, "currency": "CNY"}}, "principal"),
        ({"annual_rate": {"ppm": -1}}, "annual_rate"),
        ({"fees": {}}, "fees"),
        ({"fees": [{"code": "x"}]}, "fees[0].when"),
        ({"late": {"grace": 1}}, "late.grace"),
        ({"due_days": ["2025-02-01", 5, "2025-03-01"]}, "due_days"),
        ({"waterfall": {"order": [["past_due"]]}}, "waterfall.order[0]"),
        ({"new": None}, "new"),
    ],
)
def test_terms_of_another_form_are_refused_by_the_path_to_what_is_wrong(change: dict[str, Any], field: str) -> None:
    with pytest.raises(PlainError) as refused:
        read_terms({**through_json(written(terms())), **change})
    assert (refused.value.code, refused.value.field) == ("not_readable", field)


@pytest.mark.parametrize(
    "plain", [None, [], "paid", {}, {"kind": "Paid"}, {"kind": []}, {"kind": "paid"}, {"kind": "paid", "on": "2025-01-01"}]
)
def test_what_is_no_event_is_refused(plain: object) -> None:
    with pytest.raises(PlainError):
        read_event(plain)


def test_terms_and_events_that_cannot_be_are_refused_as_they_themselves_do() -> None:
    with pytest.raises(TermsError) as no_terms:
        read_terms({**through_json(written(terms())), "periods": 0})
    assert no_terms.value.field == "periods"
    with pytest.raises(LoanError) as no_event:
        read_event(through_json({**written_event(e.Paid(MAR, fen(1))), "amount": {"minor": 0, "currency": "CNY"}}))
    assert no_event.value.field == "amount"


def test_a_down_payment_is_a_rate_or_an_amount() -> None:
    for down in (Rate(100_000), fen(5)):
        assert read_terms(through_json(written(replace(terms(), down_payment=down)))).down_payment == down


@pytest.mark.parametrize(
    "plain",
    [
        {"kind": "nothing"},
        {"kind": "paid", "on": "2025-02-01"},
        {
            "kind": "paid",
            "on": "2025-02-31",
            "amount": {"minor": 1, "currency": "CNY"},
            "by": "repayment",
            "excess": None,
            "interest_refund": False,
        },
        {
            "kind": "paid",
            "on": "2025-02-01",
            "amount": {"minor": 1.5, "currency": "CNY"},
            "by": "repayment",
            "excess": None,
            "interest_refund": False,
        },
        {
            "kind": "paid",
            "on": "2025-02-01",
            "amount": {"minor": 1, "currency": "CNY"},
            "by": "nobody",
            "excess": None,
            "interest_refund": False,
        },
    ],
)
def test_what_is_no_event_is_not_recalled(plain: dict[str, object]) -> None:
    with pytest.raises(PlainError):
        recalled_event(plain)
