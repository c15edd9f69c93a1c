"""Another yardstick of matching: the same in pandas, as much of it in columns as can be. Run as `python -m yuefu.proofs.match_by_pandas HERE THERE OUT`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

KEY = ["kind", "reference", "currency"]
ALIKE = ["kind", "party", "currency", "amount_minor", "on"]


def main(here: str, there: str, out: Path) -> None:
    """Matches two files into a directory."""
    sides = [pd.read_parquet(path).assign(theirs=theirs) for path, theirs in ((here, False), (there, True))]
    for side in sides:
        side["status"] = side["status"].where(side["status"] != "")
        side["on"] = pd.to_datetime(side["on"])
    rows = pd.concat([side[side["reference"].notna()] for side in sides], ignore_index=True)
    repeats = rows["reference"].isin(rows.loc[rows.duplicated(["theirs", "reference"]), "reference"])
    once, grouped = rows[~repeats], _grouped(rows[repeats].copy())
    joined = once[~once["theirs"]].merge(once[once["theirs"]], on=KEY, how="outer", suffixes=("_h", "_t"), indicator=True)
    both = joined[joined["_merge"] == "both"].assign(currency_h=lambda frame: frame["currency"])
    found = [_pairs(both, 1), _groups(grouped[grouped["both"]])]
    alone = once[~once["id"].isin(np.concatenate([both["id_h"], both["id_t"]]))]
    lost = pd.concat([side[side["reference"].isna()] for side in sides])
    left = pd.concat([alone, lost, grouped.loc[~grouped["both"], alone.columns]])
    for days in (0, 1, -1):
        left = left.sort_values("id")
        place = left[[*ALIKE, "theirs"]].copy()
        place["nth"] = place.groupby([*ALIKE, "theirs"]).cumcount()
        numbered = left.assign(nth=place["nth"], meets=left["on"] + pd.to_timedelta(np.where(left["theirs"], 0, days), unit="D"))
        numbered = numbered[numbered["party"].notna()]
        meets = ["kind", "party", "currency", "amount_minor", "meets", "nth"]
        pairs = numbered[~numbered["theirs"]].merge(numbered[numbered["theirs"]], on=meets, suffixes=("_h", "_t"))
        pairs = pairs.assign(currency_h=pairs["currency"], amount_minor_h=pairs["amount_minor"], amount_minor_t=pairs["amount_minor"])
        found.append(_pairs(pairs, 2))
        left = left[~left["id"].isin(np.concatenate([pairs["id_h"], pairs["id_t"]]))]
    words, sign = np.where(left["theirs"], "missing_here", "missing_there"), np.where(left["theirs"], 1, -1)
    found.append(left.assign(**{"pass": None, "group": None, "class": words, "difference_minor": sign * left["amount_minor"]}))
    _write(pd.concat([each[_COLUMNS] for each in found]), out)


_COLUMNS = ["theirs", "id", "amount_minor", "currency", "pass", "group", "class", "difference_minor"]


def _write(found: pd.DataFrame, out: Path) -> None:
    out.mkdir()
    found["pass"] = found["pass"].astype("Int32")
    for side, theirs in (("here", False), ("there", True)):
        found[found["theirs"] == theirs].drop(columns="theirs").to_parquet(out / f"{side}.parquet", index=False)


def _word(difference: Any, disagree: Any, other_day: Any) -> Any:
    return np.select([difference != 0, disagree, other_day], ["amount_differs", "status_differs", "other_day"], "matched")


def _pairs(both: pd.DataFrame, by_pass: int) -> pd.DataFrame:
    difference = (both["amount_minor_t"] - both["amount_minor_h"]).astype("int64")
    stated = both["status_h"].notna() & both["status_t"].notna()
    word = _word(difference, stated & (both["status_h"] != both["status_t"]), both["on_h"] != both["on_t"])
    halves = [
        pd.DataFrame(
            {
                "theirs": side == "t",
                "id": both[f"id_{side}"],
                "amount_minor": both[f"amount_minor_{side}"].astype("int64"),
                "currency": both["currency_h"],
                "pass": by_pass,
                "group": both["id_t"],
                "class": word,
                "difference_minor": difference,
            }
        )
        for side in ("h", "t")
    ]
    return pd.concat(halves)


def _grouped(rows: pd.DataFrame) -> pd.DataFrame:
    theirs = rows.groupby([*KEY, "amount_minor"])["theirs"]
    rows["met"] = theirs.transform("max") & ~theirs.transform("min").astype(bool)
    rows["part"] = rows["amount_minor"].where(rows["met"], 0)
    rows["signed"] = rows["amount_minor"].where(rows["theirs"], -rows["amount_minor"])
    rows["their_id"], rows["stated"] = rows["id"].where(rows["theirs"]), rows["status"].where(rows["theirs"])
    parts = rows.groupby([*KEY, "met", "part"])
    rows["lines"], rows["size"] = parts["theirs"].transform("sum"), parts["theirs"].transform("size")
    rows["difference_minor"], rows["group"] = parts["signed"].transform("sum"), parts["their_id"].transform("min")
    rows["disagree"] = (parts["status"].transform("nunique") > 1) & (parts["stated"].transform("count") > 0)
    rows["other_day"] = parts["on"].transform("min") != parts["on"].transform("max")
    rows["both"] = (rows["lines"] > 0) & (rows["lines"] < rows["size"])
    return rows


def _groups(rows: pd.DataFrame) -> pd.DataFrame:
    ours = rows["size"] - rows["lines"]
    chosen = (rows["lines"] == 1) & ((ours == 1) | ~rows["met"])
    told = _word(rows["difference_minor"], rows["disagree"], rows["other_day"])
    doubled = np.select(
        [rows["met"] & (rows["lines"] > ours), rows["met"] & (ours > rows["lines"])], ["duplicate_there", "duplicate_here"], "contested"
    )
    by_pass = pd.Series(np.where(ours == 1, 1, 3), index=rows.index).astype("Int32").where(chosen)
    return rows.assign(**{"class": np.where(chosen, told, doubled), "pass": by_pass})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
