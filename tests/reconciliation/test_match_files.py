"""Two files matched: every engine says of each row what plain Python says, and nothing is lost."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import narwhals as nw
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reconciliation.plainly_matched import Found, Row, plainly_matched
from yuefu.reconciliation.matching import files
from yuefu.reconciliation.matching.classes import FOUND, Class
from yuefu.reconciliation.matching.engines import opening
from yuefu.reconciliation.matching.engines.opening import Choice, Engine, EngineUnavailable, opened
from yuefu.reconciliation.matching.engines.polars import Polars
from yuefu.reconciliation.matching.expression import Frame

ON = date(2026, 10, 1)
ENGINES = ("duckdb", "polars")
SCHEMA = {
    "id": pl.String,
    "kind": pl.String,
    "reference": pl.String,
    "party": pl.String,
    "amount_minor": pl.Int64,
    "currency": pl.String,
    "on": pl.Date,
    "status": pl.String,
}


def row(name: str, reference: str | None = "A", amount: int = 100, **other: object) -> Row:
    return replace(Row(name, "payment", reference, "m1", amount, "CNY", ON, None), **other)


def write(rows: Sequence[Row], path: Path) -> str:
    pl.DataFrame([asdict(each) for each in rows], schema=SCHEMA).write_parquet(path)
    return str(path)


def read(path: Path) -> Found:
    frame = pl.read_parquet(path)
    assert tuple(frame.columns) == FOUND
    found = {each["id"]: (each["pass"], each["group"], each["class"], each["difference_minor"]) for each in frame.iter_rows(named=True)}
    assert len(found) == len(frame)
    return found


def run(engine: Engine, here: Sequence[Row], there: Sequence[Row], days_apart: int = 1) -> tuple[Found, Found]:
    with TemporaryDirectory() as made:
        at = Path(made)
        into = [at / "found_here.parquet", at / "found_there.parquet"]
        files.match_files(
            engine,
            here=write(here, at / "here.parquet"),
            there=write(there, at / "there.parquet"),
            into=[str(path) for path in into],
            days_apart=days_apart,
        )
        return read(into[0]), read(into[1])


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest):
    with opened(Choice(request.param, memory_mb=512)) as ready:
        yield ready


def told(found: Found) -> dict[str, str]:
    return {name: f"{by_pass or '-'} {group or '-'} {word} {difference}" for name, (by_pass, group, word, difference) in found.items()}


NEXT, BEFORE, LATE = ON + timedelta(days=1), ON - timedelta(days=1), ON + timedelta(days=2)
CASES: list[tuple[str, list[Row], list[Row], dict[str, str], dict[str, str]]] = [
    ("equal", [row("h")], [row("t")], {"h": "1 t matched 0"}, {"t": "1 t matched 0"}),
    ("another amount", [row("h")], [row("t", amount=98)], {"h": "1 t amount_differs -2"}, {"t": "1 t amount_differs -2"}),
    (
        "another status, another day",
        [row("h", status="moved", on=NEXT)],
        [row("t", status="pending")],
        {"h": "1 t status_differs 0"},
        {"t": "1 t status_differs 0"},
    ),
    (
        "a status that one side does not state",
        [row("h", status="moved")],
        [row("t", status="")],
        {"h": "1 t matched 0"},
        {"t": "1 t matched 0"},
    ),
    ("another day", [row("h")], [row("t", on=date(2026, 12, 1))], {"h": "1 t other_day 0"}, {"t": "1 t other_day 0"}),
    ("another kind", [row("h")], [row("t", kind="refund")], {"h": "- - missing_there -100"}, {"t": "- - missing_here 100"}),
    ("another currency", [row("h")], [row("t", currency="USD")], {"h": "- - missing_there -100"}, {"t": "- - missing_here 100"}),
    ("null equals no null", [row("h", None, 1)], [row("t", None, 2)], {"h": "- - missing_there -1"}, {"t": "- - missing_here 2"}),
    ("an empty reference is none", [row("h", "", 1)], [row("t", "", 2)], {"h": "- - missing_there -1"}, {"t": "- - missing_here 2"}),
    (
        "an empty party is none",
        [row("h", "A", party="")],
        [row("t", "", party="")],
        {"h": "- - missing_there -100"},
        {"t": "- - missing_here 100"},
    ),
    ("a lost reference", [row("h")], [row("t", None)], {"h": "2 t matched 0"}, {"t": "2 t matched 0"}),
    ("lost, a day later there", [row("h")], [row("t", None, on=NEXT)], {"h": "2 t other_day 0"}, {"t": "2 t other_day 0"}),
    ("lost, a day earlier there", [row("h")], [row("t", "B", on=BEFORE)], {"h": "2 t other_day 0"}, {"t": "2 t other_day 0"}),
    ("lost, too late", [row("h")], [row("t", None, on=LATE)], {"h": "- - missing_there -100"}, {"t": "- - missing_here 100"}),
    (
        "without a party nothing is paired by amount",
        [row("h", None, party=None)],
        [row("t", None, party=None)],
        {"h": "- - missing_there -100"},
        {"t": "- - missing_here 100"},
    ),
    (
        "the same day goes first, then the day after",
        [row("h1", None), row("h2", None), row("h3", None)],
        [row("t1", None, on=NEXT), row("t2", None), row("t3", None, on=BEFORE)],
        {"h1": "2 t2 matched 0", "h2": "2 t1 other_day 0", "h3": "2 t3 other_day 0"},
        {"t1": "2 t1 other_day 0", "t2": "2 t2 matched 0", "t3": "2 t3 other_day 0"},
    ),
    (
        "a bill line that came twice: neither is chosen",
        [row("h")],
        [row("t1"), row("t2")],
        {"h": "- t1 duplicate_there 100"},
        {"t1": "- t1 duplicate_there 100", "t2": "- t1 duplicate_there 100"},
    ),
    (
        "booked twice here",
        [row("h1"), row("h2")],
        [row("t")],
        {"h1": "- t duplicate_here -100", "h2": "- t duplicate_here -100"},
        {"t": "- t duplicate_here -100"},
    ),
    (
        "twice on both sides: nobody knows which is whose",
        [row("h1"), row("h2")],
        [row("t1"), row("t2")],
        {"h1": "- t1 contested 0", "h2": "- t1 contested 0"},
        {"t1": "- t1 contested 0", "t2": "- t1 contested 0"},
    ),
    (
        "one reference, two amounts, both on both sides",
        [row("h1", amount=60), row("h2", amount=40)],
        [row("t1", amount=40), row("t2", amount=60)],
        {"h1": "1 t2 matched 0", "h2": "1 t1 matched 0"},
        {"t1": "1 t1 matched 0", "t2": "1 t2 matched 0"},
    ),
    (
        "a payout of three",
        [row("h1", amount=60), row("h2", amount=60), row("h3", amount=-20)],
        [row("t")],
        {"h1": "3 t matched 0", "h2": "3 t matched 0", "h3": "3 t matched 0"},
        {"t": "3 t matched 0"},
    ),
    (
        "a payout that does not add up",
        [row("h1", amount=60), row("h2", amount=30)],
        [row("t")],
        {"h1": "3 t amount_differs 10", "h2": "3 t amount_differs 10"},
        {"t": "3 t amount_differs 10"},
    ),
    (
        "several lines and other amounts",
        [row("h", amount=5)],
        [row("t1", amount=60), row("t2", amount=40)],
        {"h": "- t1 contested 95"},
        {"t1": "- t1 contested 95", "t2": "- t1 contested 95"},
    ),
    (
        "a reference that only one side knows may still meet by amount",
        [row("h1"), row("h2")],
        [row("t1", None)],
        {"h1": "2 t1 matched 0", "h2": "- - missing_there -100"},
        {"t1": "2 t1 matched 0"},
    ),
]


def of_case(number: int, rows: Sequence[Row]) -> list[Row]:
    """Rows that meet no row of another case, because their kind is another."""
    return [replace(each, id=f"{number}/{each.id}", kind=f"{number}/{each.kind}") for each in rows]


def part(found: Found, number: int) -> dict[str, str]:
    """What was found of a case, its ids as they are written there."""
    return {name.split("/")[1]: text.replace(f"{number}/", "") for name, text in told(found).items() if name.startswith(f"{number}/")}


@pytest.fixture(scope="module")
def all_cases(engine: Engine) -> tuple[Found, Found]:
    sides = [[each for number, case in enumerate(CASES) for each in of_case(number, case[side])] for side in (1, 2)]
    found = run(engine, *sides)
    assert found == plainly_matched(*sides)
    return found


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case[0] for case in CASES])
def test_each_row_is_told_what_became_of_it(all_cases: tuple[Found, Found], number: int):
    assert (part(all_cases[0], number), part(all_cases[1], number)) == CASES[number][3:]


def sides_of(references: Sequence[str | None]) -> st.SearchStrategy[list[Row]]:
    rows = st.builds(
        Row,
        id=st.just(""),
        kind=st.sampled_from(["payment", "refund"]),
        reference=st.sampled_from(references),
        party=st.sampled_from([None, "m1", "m2"]),
        amount_minor=st.sampled_from([-100, 0, 50, 100, 200]),
        currency=st.sampled_from(["CNY", "CNY", "USD"]),
        on=st.integers(0, 3).map(lambda days: ON + timedelta(days=days)),
        status=st.sampled_from([None, "", "moved", "pending"]),
    )
    return st.lists(rows, max_size=40).map(lambda found: [replace(each, id=f"r{n:02}") for n, each in enumerate(found)])


SMALL = sides_of([None, *"ABCDEFGH"])


@given(here=SMALL, there=SMALL, days_apart=st.integers(0, 2))
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_two_small_sides_are_matched_as_plain_python_does(engine: Engine, here: list[Row], there: list[Row], days_apart: int):
    assert run(engine, here, there, days_apart) == plainly_matched(here, there, days_apart)


def test_fifty_thousand_rows_by_chance_are_matched_as_plain_python_does(engine: Engine):
    """Three rows to two references, so that every way in which they can repeat comes often."""
    dice = random.Random(6)
    here, there = ([by_chance(dice, f"{side}{n:05}") for n in range(25_000)] for side in "ht")
    assert run(engine, here, there) == plainly_matched(here, there)


def by_chance(dice: random.Random, name: str) -> Row:
    return Row(
        name,
        dice.choice(["payment", "payment", "refund"]),
        dice.choice([None, *(f"R{dice.randrange(17_000)}" for _ in range(6))]),
        dice.choice([None, "m1", "m2", "m3"]),
        dice.choice([-100, 0, 50, 100, 200, dice.randrange(9_000)]),
        dice.choice(["CNY", "CNY", "USD"]),
        ON + timedelta(days=dice.randrange(20)),
        dice.choice([None, "", "moved", "moved", "pending"]),
    )


def test_an_empty_side_is_all_missing(engine: Engine):
    assert told(run(engine, [row("h")], [])[0]) == {"h": "- - missing_there -100"}


# ------------------------------------------------------------------------------------------------------------------ what is no such side


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (pl.col("amount_minor").cast(pl.Float64), "amount_minor is to be Int64, not Float64"),
        (pl.col("on").cast(pl.Datetime), "on is to be Date, not Datetime"),
        (pl.lit(None, pl.String).alias("id"), "id may not be null in any row"),
        (pl.lit(10**15 + 1).alias("amount_minor"), "beyond 1000000000000000 minor units"),
    ],
    ids=["amounts that are no whole numbers", "moments instead of days", "a row without id", "an amount that none is"],
)
def test_a_side_that_would_be_matched_wrongly_is_refused(tmp_path: Path, change: pl.Expr, said: str):
    good = write([row("h")], tmp_path / "good.parquet")
    pl.read_parquet(good).with_columns(change).write_parquet(tmp_path / "bad.parquet")
    with opened(Choice()) as engine, pytest.raises(files.BadSide) as refused:
        files.match_files(engine, here=good, there=str(tmp_path / "bad.parquet"), into=[str(tmp_path / name) for name in "ht"])
    assert said in refused.value.detail
    assert list(tmp_path.glob("[ht]")) == []


def test_an_id_of_two_rows_is_named(tmp_path: Path):
    here, there = write([row("h"), row("h", "B")], tmp_path / "here"), write([row("t")], tmp_path / "there")
    with opened(Choice()) as engine, pytest.raises(files.BadSide, match="the id 'h' is that of 2 rows"):
        files.match_files(engine, here=here, there=there, into=[str(tmp_path / name) for name in "ht"])


def test_what_an_engine_says_of_a_damaged_file_is_told(tmp_path: Path):
    good = Path(write([row("h")], tmp_path / "good"))
    bad = bytearray(good.read_bytes())
    bad[4:60] = bytes(56)
    (tmp_path / "bad").write_bytes(bad)
    with opened(Choice()) as engine, pytest.raises((files.BadSide, files.MatchFailed), match=r"cannot (be read|match)"):
        files.match_files(engine, here=str(good), there=str(tmp_path / "bad"), into=[str(tmp_path / name) for name in "ht"])


class Faulty(Polars):
    """An engine whose adapter has a mistake in it."""

    def rows(self, frame: Frame) -> list[tuple[object, ...]]:
        raise TypeError(f"{type(frame).__name__} has no rows")


def test_a_mistake_of_the_program_is_not_blamed_on_a_file(tmp_path: Path):
    side = write([row("h")], tmp_path / "side")
    with pytest.raises(TypeError, match="has no rows"):
        files.match_files(Faulty(), here=side, there=side, into=[str(tmp_path / name) for name in "ht"])


def test_a_file_with_a_star_in_its_name_is_that_file_alone(tmp_path: Path, engine: Engine):
    write([row("t2", "B")], tmp_path / "side2")
    starred = write([row("t")], tmp_path / "side*")
    sums = files.match_files(engine, here=starred, there=starred, into=[str(tmp_path / name) for name in "ht"])
    assert [(one.side, one.found, one.rows) for one in sums] == [("here", Class.MATCHED, 1), ("there", Class.MATCHED, 1)]


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path):
    (tmp_path / "bill.parquet").write_text("id,amount\n")
    with opened(Choice()) as engine, pytest.raises(files.BadSide, match="cannot be read as Parquet"):
        files.match_files(engine, here=str(tmp_path / "bill.parquet"), there="", into=["", ""])


# -------------------------------------------------------------------------------------------------------------------------- the proof


def sums(*rows: tuple[str, Class, int, int]) -> list[files.Sum]:
    return [files.Sum(side, found, 1, "CNY", count, minor) for side, found, count, minor in rows]


TOTALS = {"here": {"CNY": (2, 200)}, "there": {"CNY": (2, 200)}}


def test_what_adds_up_is_proven():
    files.prove(TOTALS, sums(("here", Class.MATCHED, 2, 200), ("there", Class.MATCHED, 2, 200)))


@pytest.mark.parametrize(
    "found",
    [
        sums(("here", Class.MATCHED, 2, 200), ("there", Class.MATCHED, 1, 200)),
        sums(("here", Class.MATCHED, 2, 200), ("there", Class.MATCHED, 2, 199)),
        sums(("here", Class.MATCHED, 2, 200)),
        sums(
            ("here", Class.MATCHED, 1, 150),
            ("here", Class.MISSING_THERE, 1, 50),
            ("there", Class.MATCHED, 1, 100),
            ("there", Class.MISSING_HERE, 1, 100),
        ),
    ],
    ids=["a row dropped", "a cent lost", "a side lost", "a pair that does not agree"],
)
def test_what_does_not_add_up_is_not_passed_on(found: list[files.Sum]):
    with pytest.raises(files.NotAddingUp):
        files.prove(TOTALS, found)


def test_an_engine_that_drops_a_row_is_found_out(tmp_path: Path):
    """The proof reads what was written, not what was meant to be."""

    class Forgetful(Polars):
        def write(self, frame: Frame, path: str) -> None:
            super().write(frame.filter(nw.col("id") != "h2"), path)

    here, there = write([row("h1"), row("h2", "B")], tmp_path / "here"), write([row("t")], tmp_path / "there")
    with pytest.raises(files.NotAddingUp, match="Rows and sums here"):
        files.match_files(Forgetful(), here=here, there=there, into=[str(tmp_path / name) for name in "ht"])


# ---------------------------------------------------------------------------------------------------------------------- which engine


def test_an_unknown_engine_is_told_which_there_are():
    with pytest.raises(EngineUnavailable) as refused, opened(Choice("abacus")):
        pass
    assert (refused.value.code, refused.value.detail) == ("unknown_engine", "There is no engine 'abacus'; there are duckdb, polars, spark.")


def test_an_engine_that_is_not_installed_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "find_spec", lambda name: None)
    with pytest.raises(EngineUnavailable) as refused, opened(Choice("spark")):
        pass
    assert refused.value.detail == "The engine spark is not installed; `make install-spark` brings it."
