"""Breaks from the command line: a list page by page, one whole, what is done about it by one person and by two."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from uuid import UUID

import pytest

from tests.cli.conftest import FIRST_DAY, Command, Town, a_town
from yuefu import ids
from yuefu.ids import IdSource
from yuefu.journeys import close_of_day
from yuefu.journeys.desk import Desk
from yuefu.money.amounts import Money
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.gateways.wechat_layout import FundRow, fund_flow
from yuefu.runtime import books
from yuefu.runtime.values import system_actor
from yuefu.runtime.vault import Vault
from yuefu.sim import world

NEXT = date(2026, 10, 13)


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of their own: no other test sends it bills."""
    return a_town(keys)


def row(number: int, type_: str, minor: int) -> FundRow:
    at = datetime.combine(FIRST_DAY, time(9, number))
    named = f"42{number:026d}"
    return FundRow(at, named, named, type_, type_, Money(minor, "CNY"), "system", "", f"R{number}")


@pytest.fixture(scope="module")
def file(town: Town, keys: Vault, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fund flow of the first day, which is over, with a small fee and two payments that nobody here knows."""
    book = books.by_code(town.book)
    assert book is not None
    desk = Desk(book, system_actor("test"), IdSource(secrets.randbits), keys, SandboxChannel(book), SandboxBank(book))
    desk = world.at(desk, datetime.combine(NEXT, time(10), book.tz))
    close_of_day.close_days(desk=desk, now=books.now_in(desk.book))
    path = tmp_path_factory.mktemp("bills") / "flow.csv"
    path.write_bytes(fund_flow([row(1, "交易", 300_00), row(2, "扣除交易手续费", -1_00), row(3, "交易", 5_00)], opening=Money(0, "CNY")))
    return path


def test_breaks_are_listed_shown_noted_and_fixed(
    cli: Command, raw: Command, town: Town, file: Path, person: Callable[..., str], tmp_path: Path
) -> None:
    assert raw("break", "list", "--book", town.book).out.strip() == "There is no such break."
    assert cli("reconcile", "--store", str(file), "--on", str(FIRST_DAY)).status == 0
    first = cli("break", "list", "--limit", "2").last
    rest = cli("break", "list", "--after", first["next"]).last
    found = {one["reference"]: one for one in first["breaks"] + rest["breaks"]}
    assert (len(found), rest["next"]) == (3, None)
    fee = found["R2"]
    assert (fee["class"], fee["difference"]["minor"], fee["due_on"], fee["overdue"]) == ("missing_here", -100, "2026-10-18", False)
    assert [one["reference"] for one in cli("break", "list", "--class", "missing_there").last["breaks"]] == []
    assert cli("break", "list", "--overdue").last["breaks"] == []
    assert "There are more: --after" in raw("break", "list", "--limit", "1", "--book", town.book).out
    assert cli("break", "list", "--as", person("support")).code == "not_allowed"

    assert cli("break", "assign", fee["break"], "--role", "operator", "--due", "2026-10-20").last["due_on"] == "2026-10-20"
    assert cli("break", "note", fee["break"], "asked the channel").status == 0
    letter = tmp_path / "letter.txt"
    letter.write_text("it is ours")
    kept = cli("break", "evidence", fee["break"], str(letter), "--text", "by mail").last
    assert cli("break", "evidence", fee["break"], "--reference", "ticket 4711").status == 0
    assert cli("break", "evidence", fee["break"]).code == "file_or_reference"
    copy = tmp_path / "copy.txt"
    saved = cli("break", "save", fee["break"], "3", str(copy)).last
    assert (copy.read_text(), saved["sha256"]) == ("it is ours", kept["sha256"])
    assert cli("break", "save", fee["break"], "4", str(copy)).code == "no_such_evidence"

    assert cli("break", "fix", fee["break"], "burn_it", "--reason", "x").code == "unknown_fix"
    chased = cli("break", "fix", fee["break"], "chase_provider", "--reason", "what is it?", "--until", "2026-10-15").last
    assert (chased["state"], chased["until"]) == ("done", "2026-10-15")
    done = cli("break", "fix", fee["break"], "post_fee", "--reason", "a fee", "--key", "f1").last
    assert (done["state"], done["amount"]["minor"]) == ("done", -100)
    assert done["entry"] is not None
    assert cli("break", "fix", fee["break"], "post_fee", "--reason", "a fee", "--key", "f1").last == done
    assert cli("break", "fix", fee["break"], "post_fee", "--reason", "a fee").code == "no_longer_fits"
    shown = cli("break", "show", fee["break"]).last
    assert (shown["state"], shown["difference"]["minor"], shown["suggested"]) == ("corrected", 0, [])
    assert [event["action"] for event in shown["history"]] == [
        *("assigned", "noted", "evidence", "evidence", "asked", "chased", "asked", "fixed")
    ]
    told = raw("break", "show", fee["break"], "--book", town.book).out
    assert "asked the channel" in told
    assert "post_fee" in told
    assert cli("break", "show", ids.text("break", UUID(int=7))).code == "unknown_break"
    assert cli("break", "resolve", fee["break"], "--state", "open", "--reason", "not_ours").last["state"] == "open"


def test_what_is_more_than_one_may_alone_is_decided_by_another(
    cli: Command, raw: Command, town: Town, file: Path, person: Callable[..., str]
) -> None:
    cli("reconcile", "--store", str(file), "--on", str(FIRST_DAY))
    large = next(one for one in cli("break", "list").last["breaks"] if one["reference"] == "R1")
    text = raw("break", "show", large["break"], "--book", town.book).out
    assert "may still come by itself" in text
    ending = ("break", "resolve", large["break"], "--state", "explained", "--reason", "theirs", "--as", person("finance"))
    asked = cli(*ending).last
    assert (asked["state"], cli(*ending).last) == ("waiting", asked)
    refusing = ("approval", "decide", asked["approval"], "--reject", "--reason", "no", "--as", person("operator"))
    assert (cli(*refusing).status, cli("break", "show", large["break"]).last["state"]) == (0, "open")
    asking = ("break", "fix", large["break"], "write_off", "--reason", "nobody knows", "--as", person("finance"))
    waiting = cli(*asking).last
    assert (waiting["state"], waiting["amount"]["minor"]) == ("waiting", 300_00)
    assert cli(*asking).code == "fix_waits"
    assert [one["break"] for one in cli("break", "list", "--waiting").last["breaks"]] == [large["break"]]
    (asked,) = [one for one in cli("approval", "list").last["approvals"] if one["action"] == "break.fix"]
    assert asked["approval"] == waiting["approval"]
    deciding = ("approval", "decide", waiting["approval"], "--approve", "--reason", "checked", "--as", person("operator"))
    assert cli(*deciding).status == 0
    shown = cli("break", "show", large["break"]).last
    assert (shown["state"], shown["reason"], shown["fixes"][0]["state"]) == ("corrected", "write_off", "done")
    assert cli("break", "list", "--waiting").last["breaks"] == []
