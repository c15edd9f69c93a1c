"""The picture of the last days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.web import report_samples, samples
from yuefu.money.amounts import Money
from yuefu.web import charts, flow_chart


def test_no_picture_is_drawn_of_nothing() -> None:
    assert charts.daily([]) is None
    assert charts.daily(samples.an_empty_overview().days) is None


def test_the_axis_ends_at_a_round_amount_and_the_best_day_is_named() -> None:
    chart = charts.daily(samples.an_overview().days)
    assert chart is not None
    assert chart.top == samples.yuan("60000.00")
    assert chart.half == samples.yuan("30000.00")
    assert chart.best.captured == max(day.captured for day in samples.an_overview().days)
    assert chart.captured == samples.yuan("1218815.00")


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 10**13), st.integers(0, 10**13)), min_size=1, max_size=30))
def test_every_bar_stands_inside_the_picture_and_shows_where_there_is_money(amounts: list[tuple[int, int]]) -> None:
    days = [samples.day_figures(samples.AS_OF + timedelta(days=i)) for i in range(len(amounts))]
    days = [replace(d, captured=Money(c, "CNY"), repaid=Money(r, "CNY")) for d, (c, r) in zip(days, amounts, strict=True)]
    chart = charts.daily(days)
    if chart is None:
        assert not any(c or r for c, r in amounts)
        return
    end = 0
    for each, (captured, repaid) in zip(chart.bars, amounts, strict=True):
        for bar, minor in ((each.captured, captured), (each.repaid, repaid)):
            assert bar.y >= 0
            assert bar.y + bar.height == chart.height
            assert (bar.height > 0) == (minor > 0)
            assert end <= bar.x, "bars do not overlap"
            end = bar.x + bar.width
    assert end <= chart.width
    assert chart.half.minor * 2 == chart.top.minor


def test_the_bands_of_a_flow_are_as_wide_as_their_sums_and_leave_no_place_empty() -> None:
    (picture,) = report_samples.a_flow().pictures
    drawn = flow_chart.sankey(picture)
    assert drawn is not None
    assert {(band.origin, band.target): band.amount.minor for band in drawn.bands} == picture.between()
    for node in drawn.nodes:
        assert 0 <= node.y < node.y + node.height <= drawn.height
        side = [one for one in drawn.nodes if one.is_origin == node.is_origin and one.y > node.y]
        assert all(node.y + node.height <= other.y for other in side), "no bar lies on another"
        assert node.amount.minor == sum(
            minor for pair, minor in picture.between().items() if pair[0 if node.is_origin else 1] == node.place
        )
    assert flow_chart.sankey(replace(picture, flows=())) is None
