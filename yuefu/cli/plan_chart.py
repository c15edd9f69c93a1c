"""Pictures of a plan, SVG or PNG by the name of the file: what is paid each time, of what it is made, and what is owed afterwards.

Readable in black and white: fills differ in lightness and hatching. In an SVG text stays text. The same plan gives the same bytes.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from yuefu.cli import inputs
from yuefu.cli.faults import fail
from yuefu.money.amounts import Money
from yuefu.plans.label import with_symbol
from yuefu.plans.offer.dues import Due, repayment_calendar
from yuefu.plans.offer.wording import Language, counted, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from yuefu.plans.offer.comparison import Column, Comparison
    from yuefu.plans.offer.offered import Offer

CHART_FORMAT: Final = "chart_format"
NO_CHINESE_FONT: Final = "no_chinese_font"
FORMATS: Final = (".svg", ".png")
CHINESE_FONTS: Final = (
    *("Noto Sans CJK SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP", "Noto Serif CJK SC", "SimHei", "Heiti SC", "Arial Unicode MS"),
)
INK, GREY, RULE = "#1c2733", "#5b6773", "#d9dee3"
# Middling and plain, light and hatched, nearly white and striped: told apart without colour, and the line is darker than all of them.
FILLS: Final[dict[str, dict[str, Any]]] = {
    "principal": {"color": "#8fb4d2", "edgecolor": "#4b7ba3"},
    "interest": {"color": "#f4c26b", "edgecolor": "#9a6a12", "hatch": "////"},
    "fees": {"color": "#f3efe6", "edgecolor": "#6f6a5f", "hatch": "||||"},
}
MOST_LABELS: Final = 13
STEPS: Final = (1, 2, 3, 4, 6, 12, 24, 36, 60)
FEWEST_PLACES: Final = 5
BARS_WITH_MARKS: Final = 36
_SETTINGS: Final[dict[str, Any]] = {
    "svg.fonttype": "none", "svg.hashsalt": "yuefu", "font.size": 10.5, "hatch.linewidth": 0.6, "axes.edgecolor": GREY, "axes.unicode_minus": False,
    "text.color": INK, "axes.labelcolor": GREY, "xtick.color": GREY, "ytick.color": GREY, "text.parse_math": False,
}  # fmt: skip


def checked(path: Path) -> Path:
    """The name of a picture. Fails for one that is neither SVG nor PNG, and where its directory does not exist."""
    if path.suffix.lower() not in FORMATS:
        fail(CHART_FORMAT, f"--chart: {path} names no kind of picture; end it with .svg or .png.")
    if not path.parent.is_dir():
        fail("file_error", f"--chart: {path} cannot be written, for there is no directory {path.parent}: make it, or choose another place.")
    return path


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn of a loan: `dues` in order, out of `lent`."""

    title: str
    subtitle: str
    dues: Sequence[Due]
    lent: Money


def of_offer(found: Offer, language: Language) -> Picture:
    """The picture of a plan as it is offered."""
    periods, said = found.terms.periods, {"total": with_symbol(found.paid), "charge": with_symbol(found.charge)}
    return Picture(
        text(counted("chart_title", periods), language, amount=with_symbol(found.terms.principal), periods=periods),
        text("chart_subtitle", language, cost=found.cost.compound_text(), **said),
        repayment_calendar(found).dues,
        found.terms.principal,
    )


def draw(path: Path, picture: Picture, language: Language) -> None:
    """Writes the picture of a loan: stacked bars of each payment, and the line of what is owed."""
    with style(path, language):
        figure = new_figure(5.8, picture.title, picture.subtitle)
        bars = figure.add_subplot()
        _bars(bars, picture.dues, language)
        owed, currency = bars.twinx(), picture.lent.currency
        _owed(owed, picture, language)
        bars.set_xlabel(text("chart_x", language))
        bars.set_ylabel(text("chart_y", language, currency=currency))
        owed.set_ylabel(text("chart_y2", language, currency=currency))
        legend(figure, (bars, owed))
        save(figure, path)


def draw_comparison(path: Path, found: Comparison, names: Sequence[str], language: Language) -> None:
    """Writes the picture of a comparison: what each way costs in all, the price of the purchase and what comes on top of it."""
    with style(path, language):
        title = text("chart_ways", language, amount=with_symbol(found.price))
        figure = new_figure(2.2 + 0.62 * len(names), title, text("chart_ways_sub", language))
        ways = figure.add_subplot()
        price, places = units(found.price), range(len(names))
        ways.barh(places, [price] * len(names), height=0.6, label=text("chart_price", language), linewidth=0.8, **FILLS["principal"])
        charges = {place: units(column.charge) for place, column in enumerate(found.columns) if column.charge}
        if charges:
            said = text("chart_charge", language)
            ways.barh([*charges], [*charges.values()], left=price, height=0.6, label=said, linewidth=0.8, **FILLS["interest"])
        ways.set_yticks(places, names, color=INK)
        for label in ways.get_yticklabels():
            label.set_linespacing(1.5 if "\n" in label.get_text() else 1.0)  # Chinese lines would touch
        ways.set_ylim(len(names) - 0.5, -0.5)
        totals = ways.twinx()
        totals.set_ylim(ways.get_ylim())
        totals.set_yticks(places, [_total(column) for column in found.columns], color=INK)
        plain_axes(totals, grid=None)
        ways.set_xlim(0, max(units(column.total) for column in found.columns) * 1.02)
        ways.set_xlabel(text("chart_total", language, currency=found.price.currency))
        plain_axes(ways, grid="x")
        thousands(ways.xaxis)
        legend(figure, (ways,))
        save(figure, path)


def _total(column: Column) -> str:
    """What stands at the end of a bar: the total and the annual cost."""
    return with_symbol(column.total) + ("" if column.cost is None else f"    {column.cost.compound_text()} %")


def _bars(axes: Axes, dues: Sequence[Due], language: Language) -> None:
    places, bottom = range(len(dues)), [0.0] * len(dues)
    for part, fill in FILLS.items():
        heights = {place: units(getattr(due, part)) for place, due in enumerate(dues) if getattr(due, part)}
        if heights:
            below, said = [bottom[place] for place in heights], text(f"chart_{part}", language)
            axes.bar([*heights], [*heights.values()], bottom=below, width=0.72, label=said, linewidth=0.8, **fill)
        bottom = [low + heights.get(place, 0.0) for place, low in enumerate(bottom)]
    axes.set_ylim(0, max(bottom) * 1.12)
    middle, half = (len(dues) - 1) / 2, max(len(dues) / 2 + 0.2, FEWEST_PLACES / 2)
    axes.set_xlim(middle - half, middle + half)
    step = next((step for step in STEPS if len(dues) <= step * MOST_LABELS), STEPS[-1])
    shown = list(places)[::step]
    axes.set_xticks(shown, [dues[place].on.isoformat() for place in shown], rotation=30, ha="right", rotation_mode="anchor")
    plain_axes(axes, grid="y")
    thousands(axes.yaxis)


def _owed(axes: Axes, picture: Picture, language: Language) -> None:
    from matplotlib.patheffects import withStroke

    after = [units(due.owed) for due in picture.dues]
    marks: dict[str, Any] = {"marker": "o", "markersize": 4.5, "markerfacecolor": "white"} if len(after) <= BARS_WITH_MARKS else {}
    line = axes.plot(range(len(after)), after, color=INK, linewidth=1.8, label=text("chart_owed", language), clip_on=False, **marks)
    for one in line:
        one.set_path_effects([withStroke(linewidth=3.8, foreground="white")])
    axes.set_ylim(0, units(picture.lent) * 1.12)
    for side in ("top", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    thousands(axes.yaxis)


def units(money: Money) -> float:
    """An amount in whole units of its currency: the height of a bar, never printed."""
    return float(money.decimal_text())


def thousands(axis: Any) -> None:
    """Grouped figures on an axis; decimals only where steps are smaller than one."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"))


def plain_axes(axes: Axes, *, grid: Literal["x", "y"] | None) -> None:
    axes.set_axisbelow(True)
    if grid is not None:
        axes.grid(axis=grid, color=RULE, linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


def new_figure(height: float, title: str, subtitle: str) -> Figure:
    """An empty picture, ten inches wide, with its title and subtitle at the left edge and the rest laid out below them."""
    from matplotlib.figure import Figure

    figure, point = Figure(figsize=(10, height)), 1 / (72 * height)
    figure.set_layout_engine("constrained", rect=(0.012, 8 * point, 0.976, 1 - 66 * point))
    figure.text(0.012, 1 - 10 * point, title, va="top", fontsize=15, fontweight="bold")
    figure.text(0.012, 1 - 34 * point, subtitle, va="top", fontsize=11, color=GREY)
    return figure


def legend(figure: Figure, axes: Sequence[Axes]) -> None:
    handles, labels = [], []
    for one in axes:
        more, names = one.get_legend_handles_labels()
        handles += more
        labels += names
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), frameon=False, handlelength=1.8)


def save(figure: Figure, path: Path) -> None:
    """The picture, whole or not at all; without the moment it was made, so that the same plan gives the same file."""
    kind, drawn = path.suffix.lower()[1:], io.BytesIO()
    metadata = {"Date": None, "Creator": "Yuefu"} if kind == "svg" else {"Software": "Yuefu"}
    figure.savefig(drawn, format=kind, dpi=160, facecolor="white", metadata=metadata)
    with inputs.writing(path) as file:
        file.write(drawn.getvalue())


@contextlib.contextmanager
def style(path: Path, language: Language) -> Iterator[None]:
    """The settings of a picture for as long as it is drawn, with the fonts of its language."""
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    fonts = [name for name in CHINESE_FONTS if name in installed]
    if language == "zh" and not fonts and path.suffix.lower() == ".png":
        detail = "--chart: no Chinese font is installed (Debian: apt-get install fonts-noto-cjk); or write .svg, or take --language en."
        fail(NO_CHINESE_FONT, detail)
    # In an SVG text stays text: whoever opens it may have a font that is not here.
    family = [*(fonts or CHINESE_FONTS), "DejaVu Sans"] if language == "zh" else ["DejaVu Sans"]
    settings: Any = {**_SETTINGS, "font.family": family}  # names that the types of matplotlib list one by one
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        yield
