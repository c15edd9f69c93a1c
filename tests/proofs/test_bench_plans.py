"""What the benchmark of plans measures, and what it does without the packages beside which it measures."""

from __future__ import annotations

import pytest

from yuefu.proofs import bench_plans


def test_each_figure_is_measured_on_the_same_loans():
    found = bench_plans.measure(lambda text: None, loans=300, rounds=1)
    assert {name: found[name] > 0 for name in bench_plans.FIGURES} == dict.fromkeys(bench_plans.FIGURES, True)
    assert (found["plans_loans"], found["plans_rounds"], found["plans_missing"]) == (300, 1, [])


def test_a_yardstick_that_is_not_installed_is_left_empty_and_told_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bench_plans, "find_spec", lambda name: None)
    said: list[str] = []
    found = bench_plans.measure(said.append, loans=20, rounds=1)
    assert {name for name in bench_plans.FIGURES if found[name] is None} == set(bench_plans.YARDSTICKS)
    assert found["plans_missing"] == ["numpy_financial", "pyxirr"]
    assert said[0] == "`make install` brings the packages that are measured beside: numpy_financial, pyxirr"


def test_the_yardstick_splits_what_a_level_loan_asks():
    """numpy-financial knows no dates and rounds nothing: its rows differ from ours by days of a month, not by a way of reckoning."""
    given = bench_plans.some_loans(50)
    (block,) = bench_plans._their_schedules(given)
    interest, principal = block
    assert interest.shape == principal.shape == (50, bench_plans.PERIODS)
    assert abs(principal.sum(axis=1) - given.principal_minor).max() < 1e-3
    assert (interest[:, 0] / (given.principal_minor * given.rate_ppm / 12e6)).tolist() == pytest.approx([1.0] * 50)


def test_a_schedule_that_differs_by_a_cent_is_not_measured():
    given = bench_plans.some_loans(20)
    found = bench_plans.portfolio.schedules(given)
    found.groups[0].interest_minor[0, 0] += 1
    with pytest.raises(AssertionError):
        bench_plans._require_the_cents_of_one_by_one(given, found)
