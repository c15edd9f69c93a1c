"""What is matched, as one set of Narwhals expressions; which engine carries it out is not known here.

Pass 1: the same kind, reference, currency and amount. References that repeat on a side are found first, and only for those is anything counted over
windows; all others are one plain join. Pass 2: what is left, one to one, by kind, party, currency, amount and day, the n-th row of a day here
with the n-th there. Pass 3: one bill line whose reference several rows here carry, such as a payout of many. A null reference or party equals none.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import narwhals as nw

from yuefu.reconciliation.matching.classes import COLUMNS, FOUND, Class

Frame = nw.LazyFrame[Any]
Keep = Callable[[Frame], Frame]
"""Computes a frame once, for all that is made of it."""

DAYS_APART: Final = 1
"""Pass 2 looks so many days around, at most."""

_KEY: Final = ("kind", "reference", "currency")
_ALIKE: Final = ("kind", "party", "currency", "amount_minor", "on")
_MEET: Final = ("kind", "party", "currency", "amount_minor", "meets_on", "nth")
_GROUP: Final = (*_KEY, "met", "met_amount")


def matched(here: Frame, there: Frame, *, keep: Keep, days_apart: int = DAYS_APART) -> tuple[Frame, Frame]:
    """Each row of `here` and of `there` (`COLUMNS`) with what was found of it (`FOUND`), in no particular order."""
    here, there = _plain(here), _plain(there)
    often = keep(nw.concat([repeating(here), repeating(there)]).unique())
    once_here, once_there = (side.join(often, on="reference", how="anti") for side in (here, there))
    joined = keep(_side_by_side(once_here, once_there, by=_KEY))
    grouped = keep(_grouped(*(side.join(often, on="reference", how="semi") for side in (here, there))))
    left_here = keep(nw.concat([_alone(here, joined, "here"), _loose(grouped, "here")]))
    left_there = keep(nw.concat([_alone(there, joined, "there"), _loose(grouped, "there")]))
    pairs = [_paired(joined, 1)]
    for days in _offsets(days_apart):
        joined = keep(_side_by_side(_numbered(left_here, days), _numbered(left_there), by=_MEET))
        left_here, left_there = keep(_alone(left_here, joined, "here")), keep(_alone(left_there, joined, "there"))
        pairs.append(_paired(joined, 2))
    groups = _classified(grouped)
    return (
        nw.concat([*(_half(each, "here") for each in pairs), _part(groups, "here"), _missing(left_here, Class.MISSING_THERE, -1)]),
        nw.concat([*(_half(each, "there") for each in pairs), _part(groups, "there"), _missing(left_there, Class.MISSING_HERE, 1)]),
    )


def _plain(side: Frame) -> Frame:
    """The columns that count; a reference, party or status that is empty is null."""
    stated = (nw.when(nw.col(name) != "").then(nw.col(name)).alias(name) for name in ("reference", "party", "status"))
    return side.select(*COLUMNS).with_columns(*stated)


# ------------------------------------------------------------------------------------------------------------------------- one row with one


def _side_by_side(here: Frame, there: Frame, *, by: Sequence[str]) -> Frame:
    """Rows with the same values beside each other, those without a partner beside nulls: of both no more than their ids and what a pair comes to, for
    this is what an engine has to hold of all rows at once.
    """
    values = dict.fromkeys((*by, "id", "amount_minor", "status", "on", "currency"))
    ours, theirs = (
        side.select(*(nw.col(name).alias(f"{name}_{word}") for name in values)) for side, word in ((here, "here"), (there, "there"))
    )
    difference = nw.col("amount_minor_there") - nw.col("amount_minor_here")
    found = _class(difference, nw.col("status_here") != nw.col("status_there"), nw.col("on_here") != nw.col("on_there"))
    return ours.join(theirs, left_on=[f"{name}_here" for name in by], right_on=[f"{name}_there" for name in by], how="full").select(
        "id_here",
        "id_there",
        nw.col("currency_here").alias("currency"),
        nw.col("amount_minor_here").alias("amount_minor"),
        difference.alias("difference_minor"),
        found.alias("found"),
    )


def _alone(side: Frame, joined: Frame, word: str) -> Frame:
    """The rows of one side that have no partner."""
    other = "there" if word == "here" else "here"
    without = joined.filter(nw.col(f"id_{other}").is_null()).select(nw.col(f"id_{word}").alias("id"))
    return side.join(without, on="id", how="semi")


def _paired(joined: Frame, by_pass: int) -> Frame:
    return joined.filter(~nw.col("id_here").is_null(), ~nw.col("id_there").is_null()).with_columns(by_pass=_pass(by_pass))


def _class(difference: nw.Expr, disagree: nw.Expr, other_day: nw.Expr) -> nw.Expr:
    """Of rows that belong together. Where a status is null, they do not disagree."""
    later = nw.when(other_day).then(nw.lit(Class.OTHER_DAY.value)).otherwise(nw.lit(Class.MATCHED.value))
    statuses = nw.when(disagree).then(nw.lit(Class.STATUS_DIFFERS.value)).otherwise(later)
    return nw.when(difference != 0).then(nw.lit(Class.AMOUNT_DIFFERS.value)).otherwise(statuses)


def _pass(number: int | None) -> nw.Expr:
    return nw.lit(number, dtype=nw.Int32)


def _half(pairs: Frame, side: str) -> Frame:
    """One side of pairs."""
    amount = nw.col("amount_minor") if side == "here" else nw.col("amount_minor") + nw.col("difference_minor")
    return _found(pairs, nw.col(f"id_{side}"), amount, nw.col("by_pass"), nw.col("id_there"))


def _missing(left: Frame, found: Class, sign: int) -> Frame:
    """What nothing was found for."""
    alone = left.with_columns(difference_minor=sign * nw.col("amount_minor"), found=nw.lit(found.value))
    return _found(alone, nw.col("id"), nw.col("amount_minor"), _pass(None), nw.lit(None, dtype=nw.String))


def _found(rows: Frame, row: nw.Expr, amount: nw.Expr, by_pass: nw.Expr, group: nw.Expr) -> Frame:
    values = (row, amount, nw.col("currency"), by_pass, group, nw.col("found"), nw.col("difference_minor"))
    return rows.select(*(value.alias(name) for value, name in zip(values, FOUND, strict=True)))


# ------------------------------------------------------------------------------------------------------------ by party, amount and day


def _offsets(days_apart: int) -> list[int]:
    """0, then a day later there, a day earlier, two days later, and so on."""
    return [0, *(sign * days for days in range(1, days_apart + 1) for sign in (1, -1))]


def _numbered(side: Frame, days: int = 0) -> Frame:
    """Rows that are alike, numbered by their ids: the n-th of a day meets the n-th there of so many days later."""
    nth = nw.col("id").cum_count().over(*_ALIKE, order_by="id")
    return side.with_columns(nth=nth, meets_on=nw.col("on").dt.offset_by(f"{days}d").cast(nw.Date))


# -------------------------------------------------------------------------------------------------------------- references that repeat


def repeating(side: Frame) -> Frame:
    """References that more than one row of a side has, of whatever kind: all others need no window."""
    known = side.filter(~nw.col("reference").is_null())
    return known.group_by("reference").agg(nw.len().alias("rows")).filter(nw.col("rows") > 1).select("reference")


def _grouped(here: Frame, there: Frame) -> Frame:
    """All rows whose reference repeats, with what the group has that each belongs to: rows of an amount that both sides have, or all other rows of
    the reference.
    """
    rows = nw.concat([here.with_columns(ours=nw.lit(1), theirs=nw.lit(0)), there.with_columns(ours=nw.lit(0), theirs=nw.lit(1))])
    theirs = nw.col("theirs") == 1
    met = (nw.col("ours").max().over(*_KEY, "amount_minor") == 1) & (nw.col("theirs").max().over(*_KEY, "amount_minor") == 1)
    marked = rows.with_columns(met=met).with_columns(
        met_amount=nw.when(nw.col("met")).then(nw.col("amount_minor")).otherwise(nw.lit(0)),
        signed_minor=nw.when(theirs).then(nw.col("amount_minor")).otherwise(-nw.col("amount_minor")),
        their_id=nw.when(theirs).then(nw.col("id")),
        their_status=nw.when(theirs).then(nw.col("status")),
    )
    return marked.with_columns(
        here_rows=nw.col("ours").sum().over(*_GROUP),
        there_rows=nw.col("theirs").sum().over(*_GROUP),
        group_minor=nw.col("signed_minor").sum().over(*_GROUP).cast(nw.Int64),
        group=nw.col("their_id").min().over(*_GROUP),
        stated=nw.col("their_status").min().over(*_GROUP),
        disagree=nw.col("status").min().over(*_GROUP) != nw.col("status").max().over(*_GROUP),
        other_day=nw.col("on").min().over(*_GROUP) != nw.col("on").max().over(*_GROUP),
    )


def _has_both() -> nw.Expr:
    return (nw.col("here_rows") > 0) & (nw.col("there_rows") > 0)


def _loose(grouped: Frame, side: str) -> Frame:
    """Those for which the other side has nothing by their reference."""
    return _rows_of(grouped, side).filter(~_has_both()).select(*COLUMNS)


def _rows_of(grouped: Frame, side: str) -> Frame:
    return grouped.filter(nw.col("ours" if side == "here" else "theirs") == 1)


def _classified(grouped: Frame) -> Frame:
    """The groups that both sides have a part in. Nothing is chosen: of rows that cannot be told apart all are told together."""
    together = grouped.filter(_has_both())
    one_line = nw.col("there_rows") == 1
    a_pair = one_line & (nw.col("here_rows") == 1)
    of_many = one_line & ~nw.col("met")
    disagree = ~nw.col("stated").is_null() & nw.col("disagree")
    told = _class(nw.col("group_minor"), disagree, nw.col("other_day"))
    by_pass = nw.when(a_pair).then(_pass(1)).otherwise(nw.when(of_many).then(_pass(3)).otherwise(_pass(None)))
    found = nw.when(a_pair | of_many).then(told).otherwise(_not_told_apart())
    return together.with_columns(found=found, by_pass=by_pass, difference_minor=nw.col("group_minor"))


def _not_told_apart() -> nw.Expr:
    more_there, more_here = nw.col("there_rows") > nw.col("here_rows"), nw.col("here_rows") > nw.col("there_rows")
    contested = nw.lit(Class.CONTESTED.value)
    doubled_here = nw.when(nw.col("met") & more_here).then(nw.lit(Class.DUPLICATE_HERE.value)).otherwise(contested)
    return nw.when(nw.col("met") & more_there).then(nw.lit(Class.DUPLICATE_THERE.value)).otherwise(doubled_here)


def _part(groups: Frame, side: str) -> Frame:
    rows = _rows_of(groups, side)
    return _found(rows, nw.col("id"), nw.col("amount_minor"), nw.col("by_pass"), nw.col("group"))
