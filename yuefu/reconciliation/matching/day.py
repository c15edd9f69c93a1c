"""What becomes of the day of a source in a book, as a set of Narwhals expressions; which engine carries it out is not known here.

It says of each row what `rules.matching.match_day` says, which is its definition: a book knows more than two files do (what came before, what still
waits, in which order lines came), and its items are one to one, so of rows with one reference one counts and the others are duplicates.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import narwhals as nw
from narwhals.dtypes import DType

from yuefu.reconciliation.matching.expression import Frame, Keep, repeating
from yuefu.reconciliation.rules.bills import Effect, words_of
from yuefu.reconciliation.rules.matching import Outcome
from yuefu.reconciliation.rules.naming import UNKNOWN

_SAID: Final = {"kind": nw.String, "reference": nw.String, "amount_minor": nw.Int64, "status": nw.String}

LINES: Final[Mapping[str, type[DType]]] = MappingProxyType({"line_no": nw.Int64, **_SAID, "provider_id": nw.String})
MOVEMENTS: Final[Mapping[str, type[DType]]] = MappingProxyType({"place": nw.Int64, **_SAID, "movement_id": nw.String})
WAITING: Final[Mapping[str, type[DType]]] = MappingProxyType(
    {"no": nw.Int64, **_SAID, "provider_id": nw.String, "item_id": nw.String, "of_bill": nw.Boolean, "in_window": nw.Boolean}
)
"""The open halves of earlier days, in order: lines of a bill, or movements; `in_window` are those that may still find another half."""

SEEN: Final[Mapping[str, type[DType]]] = MappingProxyType({"kind": nw.String, "reference": nw.String, "provider_id": nw.String})
"""Lines of earlier days that have been dealt with. Here as everywhere, a reference or number that is not there is null."""

FOUND: Final = (
    "line_no",
    "place",
    "outcome",
    "kind",
    "reference",
    "line_minor",
    "movement_id",
    "movement_minor",
    "movement_status",
    "item_id",
)
"""Of an item of the day: `item_id` is the open half of an earlier day that it resolves."""

_KEY: Final = ("kind", "reference")


def found_of_day(*, lines: Frame, movements: Frame, waiting: Frame, seen: Frame, keep: Keep, unnamed: bool) -> Frame:
    """The items of a day (`FOUND`), in no particular order: each line and each movement is in exactly one. `unnamed` where the bill says of lines no
    more than credit or debit.
    """
    shown, waiting = _stated(movements), keep(_stated(waiting))
    if unnamed:
        lines, seen = _named(keep(lines), movements, waiting, seen)
    came = keep(_stated(lines))
    aside = keep(_aside(came, waiting, seen))
    fresh = keep(came.join(aside, on="line_no", how="anti"))
    often = keep(nw.concat([repeating(fresh), repeating(shown)]).unique())
    once = keep(_beside(*(side.join(often, on="reference", how="anti") for side in (fresh, shown))))
    several = keep(_of_repeated(*(side.join(often, on="reference", how="semi") for side in (fresh, shown))))
    pairs = nw.concat([_both(once), _both(several)])
    doubled = several.filter(nw.col("doubled")).select("line_no")
    left_lines = keep(
        came.join(nw.concat([_only(once, "line_no"), _only(several.filter(~nw.col("doubled")), "line_no")]), on="line_no", how="semi")
    )
    left_movements = keep(
        shown.join(_both(several).select("place"), on="place", how="anti").join(_both(once).select("place"), on="place", how="anti")
    )
    told = keep(
        nw.concat(
            [
                pairs.select("line_no", "place", "outcome", _nothing("no")),
                *(_lines_told(each, Outcome.DUPLICATE) for each in (aside, doubled)),
                *_lines_later(left_lines, waiting, keep),
                *_movements_later(left_movements, waiting, keep),
            ]
        )
    )
    return _items(told, lines, movements, waiting)


# --------------------------------------------------------------------------------------------------------------------------- what a side says


def _stated(side: Frame) -> Frame:
    """With what its status says of the money: null where it states nothing, and a word that nobody knows as itself."""
    status = nw.col("status")
    said: nw.Expr = nw.when(status != "").then(nw.concat_str(nw.lit("="), status))
    for effect in (Effect.MOVED, Effect.PENDING, Effect.NOT_MOVED):
        said = nw.when(status.str.to_uppercase().is_in(words_of(effect))).then(nw.lit(effect.value)).otherwise(said)
    return side.with_columns(status=said)


def _named(lines: Frame, movements: Frame, waiting: Frame, seen: Frame) -> tuple[Frame, Frame]:
    """Lines, and what was seen, by the kinds that we know of their references (`rules.naming`)."""
    ours = nw.concat(
        [
            movements.select(*_KEY, "amount_minor", nw.col("place").alias("no"), nw.lit(0).alias("later")),
            waiting.filter(~nw.col("of_bill")).select(*_KEY, "amount_minor", "no", nw.lit(1).alias("later")),
        ]
    )
    told = nw.when(nw.col("amount_minor") >= 0).then(nw.lit("credit")).otherwise(nw.lit("debit"))
    known = ours.filter(~nw.col("reference").is_null()).with_columns(told=told)
    of_amount, of_any = (
        known.with_columns(nth=nw.col("no").cum_count().over(*by, order_by=["later", "no"]))
        .filter(nw.col("nth") == 1)
        .select(*by, nw.col("kind").alias(f"kind_{n}"))
        for n, by in enumerate((("told", "reference", "amount_minor"), ("told", "reference")))
    )
    kind = nw.col("kind")
    for word, otherwise in UNKNOWN.items():
        kind = nw.when(nw.col("kind") == word).then(nw.lit(otherwise)).otherwise(kind)
    found = (
        lines.join(of_amount, left_on=["kind", "reference", "amount_minor"], right_on=["told", "reference", "amount_minor"], how="left")
        .join(of_any, left_on=list(_KEY), right_on=["told", "reference"], how="left")
        .with_columns(name=nw.coalesce("kind_0", "kind_1", kind))
    )
    names = found.select(*_KEY, "name").unique()
    seen = seen.join(names, on=list(_KEY), how="left").with_columns(kind=nw.coalesce("name", "kind"))
    return found.with_columns(kind=nw.col("name")).select(*LINES), seen.select(*SEEN)


# --------------------------------------------------------------------------------------------------------------------------- within the day


def _aside(lines: Frame, waiting: Frame, seen: Frame) -> Frame:
    """The lines that came before, in this file or in an earlier one: by the channel's number, or by their key."""
    numbered = lines.filter(~nw.col("provider_id").is_null())
    before = nw.concat([seen.select("provider_id"), waiting.filter(nw.col("of_bill")).select("provider_id")]).unique()
    often = numbered.group_by("provider_id").agg(nw.len().alias("rows")).filter(nw.col("rows") > 1).select("provider_id")
    nth = nw.col("line_no").cum_count().over("provider_id", order_by="line_no")
    again = numbered.join(often, on="provider_id", how="semi").with_columns(nth=nth).filter(nw.col("nth") > 1)
    found = [again, numbered.join(before, on="provider_id", how="semi"), lines.join(seen.select(*_KEY).unique(), on=list(_KEY), how="semi")]
    return nw.concat([each.select("line_no") for each in found]).unique()


def _beside(lines: Frame, movements: Frame) -> Frame:
    """Lines and movements whose references stand once, beside each other; those without a partner beside nulls."""
    theirs, ours = _columns(lines, "line_no", "there"), _columns(movements, "place", "here")
    joined = theirs.join(ours, left_on=["kind_there", "reference_there"], right_on=["kind_here", "reference_here"], how="full")
    return joined.select("line_no", "place", _agreement(Outcome.MATCHED).alias("outcome"))


def _of_repeated(lines: Frame, movements: Frame) -> Frame:
    """Lines whose reference repeats, each with its movement or none; `doubled` are those that another one counts for."""
    said = movements.select(*_KEY, "amount_minor", nw.col("status").alias("said"), nw.lit(1).alias("known")).unique()
    grade = nw.when(nw.col("status") != nw.col("said")).then(nw.lit(1)).otherwise(nw.lit(0))
    grade = nw.when(nw.col("known").is_null()).then(nw.lit(2)).otherwise(grade)
    graded = (
        lines.join(said, on=[*_KEY, "amount_minor"], how="left").with_columns(grade=grade).group_by("line_no").agg(nw.col("grade").min())
    )
    ranked = lines.join(graded, on="line_no", how="inner").with_columns(
        nth=nw.col("line_no").cum_count().over(*_KEY, order_by=["grade", "line_no"]),
        nth_of_amount=nw.col("line_no").cum_count().over(*_KEY, "amount_minor", order_by=["grade", "line_no"]),
    )
    counted = _counted(movements, "place")
    alone = _columns(counted.filter(nw.col("of_amount") == 1), "place", "here")
    single = _columns(counted.filter(nw.col("of_key") == 1), "place", "here")
    met = ranked.filter(nw.col("nth_of_amount") == 1).join(
        alone, left_on=[*_KEY, "amount_minor"], right_on=["kind_here", "reference_here", "amount_minor_here"], how="inner"
    )
    by_amount = met.select("line_no", *_KEY, "place", nw.col("status_here"), nw.col("amount_minor").alias("amount_minor_here"))
    others = ranked.filter(nw.col("nth") == 1).join(by_amount.select(*_KEY).unique(), on=list(_KEY), how="anti")
    differing = others.join(single, left_on=list(_KEY), right_on=["kind_here", "reference_here"], how="inner")
    pairs = nw.concat([by_amount, differing.select("line_no", *_KEY, "place", "status_here", "amount_minor_here")])
    paired_keys = pairs.select(*_KEY, nw.lit(1).alias("paired")).unique()
    found = ranked.join(pairs.select("line_no", "place", "status_here", "amount_minor_here"), on="line_no", how="left").join(
        paired_keys, on=list(_KEY), how="left"
    )
    doubled = nw.col("place").is_null() & (~nw.col("paired").is_null() | (nw.col("nth") > 1))
    renamed = found.rename({"status": "status_there", "amount_minor": "amount_minor_there"})
    return renamed.select("line_no", "place", _agreement(Outcome.MATCHED).alias("outcome"), doubled.alias("doubled"))


def _columns(side: Frame, number: str, word: str) -> Frame:
    return side.select(number, *(nw.col(name).alias(f"{name}_{word}") for name in _SAID))


def _agreement(agreed: Outcome) -> nw.Expr:
    """Of a line there and a movement here. Where a status is null, they do not disagree."""
    statuses = (
        nw.when(nw.col("status_there") != nw.col("status_here")).then(nw.lit(Outcome.STATUS_DIFFERS.value)).otherwise(nw.lit(agreed.value))
    )
    differs = nw.col("amount_minor_there") != nw.col("amount_minor_here")
    return nw.when(differs).then(nw.lit(Outcome.AMOUNT_DIFFERS.value)).otherwise(statuses)


def _both(joined: Frame) -> Frame:
    return joined.filter(~nw.col("line_no").is_null(), ~nw.col("place").is_null()).select("line_no", "place", "outcome")


def _only(joined: Frame, number: str) -> Frame:
    other = "place" if number == "line_no" else "line_no"
    return joined.filter(nw.col(other).is_null(), ~nw.col(number).is_null()).select(number)


# --------------------------------------------------------------------------------------------------------------------------- with earlier days


def _lines_later(left: Frame, waiting: Frame, keep: Keep) -> list[Frame]:
    """Lines without a movement of the day: of another day, or come again while the first one waits, or missing here."""
    pairs = keep(_only_pairs(left, "line_no", waiting.filter(~nw.col("of_bill"), nw.col("in_window"))))
    rest = left.join(pairs, on="line_no", how="anti")
    open_keys = waiting.filter(nw.col("of_bill")).select(*_KEY).unique()
    return [
        pairs.select("line_no", _nothing("place"), "outcome", "no"),
        _lines_told(rest.join(open_keys, on=list(_KEY), how="semi"), Outcome.DUPLICATE),
        _lines_told(rest.join(open_keys, on=list(_KEY), how="anti"), Outcome.MISSING_HERE),
    ]


def _movements_later(left: Frame, waiting: Frame, keep: Keep) -> list[Frame]:
    """Movements without a line of the day belong to an open line of an earlier day, or are missing there."""
    pairs = keep(_only_pairs(left, "place", waiting.filter(nw.col("of_bill"), nw.col("in_window"))))
    rest = left.join(pairs, on="place", how="anti")
    missing = nw.lit(Outcome.MISSING_THERE.value).alias("outcome")
    return [
        pairs.select(_nothing("line_no"), "place", "outcome", "no"),
        rest.select(_nothing("line_no"), "place", missing, _nothing("no")),
    ]


def _only_pairs(ones: Frame, number: str, others: Frame) -> Frame:
    """Of each key the only possible pair: the only two things there are, or else the only two of the only amount that both sides have. Of a key where
    somebody would have to choose, none.
    """
    keys = list(_KEY)
    ours = _counted(ones.join(others.select(*keys).unique(), on=keys, how="semi"), number)
    theirs = _counted(others, "no")
    amounts = [each.select(*keys, "amount_minor", "of_key", "of_amount").unique() for each in (ours, theirs)]
    common = amounts[0].join(amounts[1], on=[*keys, "amount_minor"], how="inner", suffix="_other")
    unique = common.with_columns(common=nw.col("amount_minor").count().over(*keys)).filter(
        nw.col("common") == 1, nw.col("of_amount") == 1, nw.col("of_amount_other") == 1
    )
    chosen = unique.select(*keys, nw.col("amount_minor").alias("ours_minor"), nw.col("amount_minor").alias("theirs_minor"))
    two = nw.concat([ours.filter(nw.col("of_key") == 1).select(*keys, "amount_minor")]).join(
        theirs.filter(nw.col("of_key") == 1).select(*keys, nw.col("amount_minor").alias("theirs_minor")), on=keys, how="inner"
    )
    both = nw.concat([chosen, two.select(*keys, nw.col("amount_minor").alias("ours_minor"), "theirs_minor")]).unique()
    words = ("there", "here") if number == "line_no" else ("here", "there")
    one, other = _columns(ours, number, words[0]), _columns(theirs, "no", words[1])
    found = both.join(
        one, left_on=[*keys, "ours_minor"], right_on=[f"{name}_{words[0]}" for name in (*keys, "amount_minor")], how="inner"
    ).join(other, left_on=[*keys, "theirs_minor"], right_on=[f"{name}_{words[1]}" for name in (*keys, "amount_minor")], how="inner")
    minor = {f"amount_minor_{words[0]}": nw.col("ours_minor"), f"amount_minor_{words[1]}": nw.col("theirs_minor")}
    return found.with_columns(**minor).select(number, "no", _agreement(Outcome.OTHER_DAY).alias("outcome"))


def _counted(side: Frame, number: str) -> Frame:
    """With how many rows have its key, and how many its key and amount. Rows without reference are left out."""
    rows = nw.col(number).count()
    return side.filter(~nw.col("reference").is_null()).with_columns(of_key=rows.over(*_KEY), of_amount=rows.over(*_KEY, "amount_minor"))


# --------------------------------------------------------------------------------------------------------------------------- what comes out


def _nothing(name: str) -> nw.Expr:
    return nw.lit(None, dtype=nw.Int64).alias(name)


def _lines_told(lines: Frame, outcome: Outcome) -> Frame:
    return lines.select("line_no", _nothing("place"), nw.lit(outcome.value).alias("outcome"), _nothing("no"))


def _items(told: Frame, lines: Frame, movements: Frame, waiting: Frame) -> Frame:
    """With what both sides said, as they said it."""
    ours = movements.select(
        "place",
        "movement_id",
        nw.col("amount_minor").alias("movement_minor"),
        nw.col("status").alias("movement_status"),
        *(nw.col(name).alias(f"our_{name}") for name in _KEY),
    )
    theirs = lines.select("line_no", *_KEY, nw.col("amount_minor").alias("line_minor"))
    found = (
        told.join(theirs, on="line_no", how="left")
        .join(ours, on="place", how="left")
        .join(waiting.select("no", "item_id"), on="no", how="left")
    )
    kind, reference = (nw.coalesce(name, f"our_{name}") for name in _KEY)
    return found.with_columns(kind=kind, reference=reference).select(*FOUND)
