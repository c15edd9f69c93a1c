"""Batches and statements of merchants from the command line, and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu.journeys import statement_files, statement_words
from yuefu.runtime.vault import Vault


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of its own, for its days go by."""
    return a_town(keys)


@pytest.fixture(scope="module")
def world() -> dict[str, Any]:
    """What `settled` made, once for all tests."""
    return {}


@pytest.fixture
def settled(world: dict[str, Any], cli: Command, authorised: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Two orders of a shop, one of them given back in part, and one of another, paid on the next day; of the other shop one more, paid a day later."""
    if not world:
        mine = [authorised(amount="30.00"), authorised(amount="200.00")]
        for order in (*mine, authorised(amount="40.00", merchant="disc-city")):
            assert cli("order", "capture", order["order"]).status == 0
        assert cli("order", "refund", mine[0]["order"], "--amount", "10.00").status == 0
        assert cli("close-day").status == 0
        assert len(cli("settle").last["batches"]) == 2
        assert cli("order", "capture", authorised(amount="50.00", merchant="disc-city")["order"]).status == 0
        assert cli("close-day").status == 0
        assert len(cli("settle").last["batches"]) == 1
        world["references"] = [order["reference"] for order in mine]
    return world


def test_a_statement_is_listed_shown_and_written(
    cli: Command, raw: Command, town: Town, settled: dict[str, Any], person: Callable[..., str], tmp_path: Path
) -> None:
    owner = person("merchant_owner", "record-house")
    (listed,) = cli("settlement", "list", "--as", owner).last["batches"]
    assert (listed["state"], listed["lines"], listed["carried"]["minor"]) == ("paid", 3, 0)

    shown = cli("settlement", "show", listed["batch"], "--as", owner).last
    assert shown["adds_up"]
    # The clock of the book stands still meanwhile: what was recorded at one moment is in no order.
    assert sorted((one["kind"], one["reference"]) for one in shown["items"]) == sorted(
        [*(("capture", one) for one in settled["references"]), ("refund", settled["references"][0])]
    )
    assert sum(one["net"]["minor"] for one in shown["items"]) == shown["totals"]["net"]["minor"] == shown["payout"]["minor"]
    (paid,) = shown["payouts"]
    assert (paid["state"], paid["amount"], paid["paid_on"]) == ("paid", shown["payout"], "2026-10-13")

    for language, kinds in (("zh", ["请款", "请款", "退款", "付款"]), ("en", ["capture", "capture", "refund", "payout"])):
        files = [tmp_path / f"{language}.{form}" for form in statement_files.FORMS]
        wanted = [word for file in files for word in (f"--{file.suffix[1:]}", str(file))]
        written = cli("settlement", "show", listed["batch"], *wanted, "--language", language, "--as", owner).last
        assert written["files"] == [{"file": str(file), "bytes": file.stat().st_size} for file in files]
        head, *rows = csv.reader(io.StringIO(files[0].read_bytes().decode("utf-8-sig"), newline=""))
        assert tuple(head) == statement_words.COLUMNS[language]  # type: ignore[index]
        assert [*sorted(row[3] for row in rows[:-1]), rows[-1][3]] == kinds
        assert sum(Decimal(row[10]) for row in rows) == 0
        assert rows[-1][5] == paid["reference"]
        assert [file.read_bytes()[:4] for file in files[1:]] == [b"PK\x03\x04", b"%PDF"]

    file = tmp_path / "month.csv"
    month = cli("settlement", "month", "record-house", "2026-10", "--csv", str(file), "--as", owner).last
    assert ([one["batch"] for one in month["batches"]], month["totals"], month["adds_up"]) == ([listed["batch"]], shown["totals"], True)
    assert file.read_bytes() == (tmp_path / "zh.csv").read_bytes()
    empty = cli("settlement", "month", "record-house", "2026-09", "--as", owner).last
    assert (empty["batches"], empty["totals"]["net"]["minor"], empty["files"]) == ([], 0, [])

    said = raw("settlement", "show", listed["batch"], "--book", town.book)
    assert "Record House" in said.out
    assert settled["references"][1] in said.out
    assert "NOT add up" not in said.out


def test_a_merchant_sees_its_own(cli: Command, settled: dict[str, Any], person: Callable[..., str]) -> None:
    assert settled
    theirs, _ = cli("settlement", "list", "--merchant", "disc-city").last["batches"]
    owner = person("merchant_owner", "record-house")
    assert cli("settlement", "list", "--merchant", "disc-city", "--as", owner).code == "unknown_merchant"
    assert cli("settlement", "month", "disc-city", "2026-10", "--as", owner).code == "unknown_merchant"
    assert cli("settlement", "show", theirs["batch"], "--as", owner).code == "unknown_batch"
    assert cli("settlement", "show", theirs["batch"], "--as", person("finance")).status == 0
    assert cli("settlement", "list", "--as", person("merchant_staff", "record-house")).code == "not_allowed"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "batch_x"), "bad_id"),
        (("show", "stl_01m4psz9m0egnsh56jknyf32m3"), "unknown_batch"),
        (("month", "record-house", "2026-13"), "bad_month"),
        (("month", "record-house", "202610"), "bad_month"),
        (("month", "record-house", "2026-10", "--xlsx", "/nowhere/x.xlsx"), "file_error"),
        (("list", "--merchant", "nobody"), "unknown_merchant"),
        (("list", "--after", "soon"), "cursor_malformed"),
        (("list", "--after", "stl_01m4psz9m0egnsh56jknyf32m3"), "cursor_malformed"),
    ],
)
def test_what_cannot_be_asked_is_refused(cli: Command, words: tuple[str, ...], code: str) -> None:
    assert cli("settlement", *words).code == code


def test_pages_of_the_batches_of_all_merchants_follow_one_another(cli: Command, settled: dict[str, Any]) -> None:
    assert settled
    at_once = cli("settlement", "list").last
    assert ([one["pay_on"] for one in at_once["batches"]], at_once["next"]) == (["2026-10-14", "2026-10-13", "2026-10-13"], None)
    assert {one["merchant"] for one in at_once["batches"][1:]} == {"record-house", "disc-city"}
    pages = [cli("settlement", "list", "--limit", "1").last]
    while pages[-1]["next"]:
        pages.append(cli("settlement", "list", "--limit", "1", "--after", pages[-1]["next"]).last)
    assert [one for page in pages for one in page["batches"]] == at_once["batches"]
    of_one = cli("settlement", "list", "--merchant", "disc-city").last["batches"]
    assert of_one == [one for one in at_once["batches"] if one["merchant"] == "disc-city"]
