"""A picture of what a contract brings: what each order costs in fee, subsidy and waiting for the money, and what is left of it.

In the style of the pictures of plans: readable in black and white, the same bytes for the same figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from yuefu.cli import plan_chart
from yuefu.cli.plan_chart import INK, legend, new_figure, plain_axes, save, style, thousands, units
from yuefu.plans.label import with_symbol
from yuefu.plans.offer.wording import LANGUAGES, Language

if TYPE_CHECKING:
    from yuefu.money.amounts import Money
    from yuefu.settlement.rules import Income

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("每笔 {amount} 订单的成本与净收入", "What an order of {amount} costs, and what is left"),
    "subtitle": ("每月 {orders} 笔；售出后 {days} 天到账", "{orders} orders a month; paid {days} days after the sale"),
    "first_month": ("首月", "First month"),
    "later_months": ("后续月份", "Later months"),
    "fee": ("服务费", "Fee"),
    "discount": ("贴息", "Subsidy"),
    "waiting_costs": ("资金占用成本", "Waiting for the money"),
    "axis": ("每笔订单的成本（{currency}）", "Costs of an order ({currency})"),
    "month": ("净收入 {left}\n每月 {month}", "{left} is left\n{month} a month"),
}
FILLS: Final[Mapping[str, dict[str, Any]]] = {
    "fee": plan_chart.FILLS["interest"],
    "discount": plan_chart.FILLS["fees"],
    "waiting_costs": plan_chart.FILLS["principal"],
}
FROM_WIDTH: Final = 0.09
"""A part that is this much of the axis has room for its amount."""


def draw(path: Path, found: Mapping[str, Income], *, amount: Money, orders: int, waits_days: int, language: Language) -> None:
    """Writes the picture: a bar for the first month and one for those after it, each what an order costs; what is left stands beside it."""
    with style(path, language):
        title, subtitle = (
            _text("title", language, amount=with_symbol(amount)),
            _text("subtitle", language, orders=f"{orders:,}", days=waits_days),
        )
        figure = new_figure(3.6, title, subtitle)
        bars = figure.add_subplot()
        rows = list(found.values())
        most = max(sum(units(getattr(one, part)) for part in FILLS) for one in rows) or 1.0
        left = [0.0] * len(rows)
        for part, fill in FILLS.items():
            widths = [units(getattr(one, part)) for one in rows]
            if any(widths):
                drawn = bars.barh(range(len(rows)), widths, left=left, height=0.6, label=_text(part, language), linewidth=0.8, **fill)
                amounts = [
                    with_symbol(getattr(one, part)) if width >= most * FROM_WIDTH else "" for one, width in zip(rows, widths, strict=True)
                ]
                for label in bars.bar_label(drawn, amounts, label_type="center", color=INK, fontsize=9.5):
                    label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85} if label.get_text() else None)
            left = [before + width for before, width in zip(left, widths, strict=True)]
        _names(bars, [_text(name, language) for name in found])
        ends = bars.twinx()
        _names(ends, [_text("month", language, left=_signed(one.income), month=_signed(one.month)) for one in rows])
        plain_axes(ends, grid=None)
        bars.set_xlim(0, most * 1.02)
        bars.set_xlabel(_text("axis", language, currency=amount.currency))
        plain_axes(bars, grid="x")
        thousands(bars.xaxis)
        legend(figure, (bars,))
        save(figure, path)


def _names(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    for label in axes.get_yticklabels():
        label.set_linespacing(1.5)


def _signed(amount: Money) -> str:
    return f"−{with_symbol(-amount)}" if amount.minor < 0 else with_symbol(amount)


def _text(code: str, language: Language, **values: object) -> str:
    return TEXTS[code][LANGUAGES.index(language)].format(**values)
