"""`yuefu notice`: what people are told is planned, sent, looked at, and stopped by whoever does not want it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu import ids
from yuefu.consumers import queries as consumers
from yuefu.journeys import jobs
from yuefu.journeys.desk import open_day
from yuefu.money.amounts import Money
from yuefu.notices import commands as notices
from yuefu.notices.commands import NewMessage, Queued
from yuefu.notices.rules.outgoing import Outgoing
from yuefu.runtime import books
from yuefu.runtime.values import Book, UnitOfWork
from yuefu.runtime.vault import Vault


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of their own: others move the clock on."""
    return a_town(keys)


def book_of(town: Town) -> Book:
    (found,) = [book for book in books.all_books() if book.code == town.book]
    return found


@pytest.fixture
def queued(town: Town) -> str:
    """A message to the buyer that may go now, by its outside id."""
    return queue(town, "one")


def queue(town: Town, occasion: str) -> str:
    book = book_of(town)
    now = books.now_in(book)
    desk = jobs.desk_of(book, "test")
    person = consumers.by_external_refs(book_id=book.id, external_refs=[town.buyer])[town.buyer]
    with open_day(desk, now) as work:
        assert isinstance(work, UnitOfWork)
        params: dict[str, Any] = {"amount": Money(5_00, "CNY"), "paid_on": work.day.on}
        (made,) = notices.queue(work=work, messages=[NewMessage(person, "repaid_receipt", occasion, params, now - timedelta(hours=1))])
    assert isinstance(made, Queued)
    return ids.text("message", made.id)


def test_a_day_is_planned_and_its_messages_are_listed(cli: Command, town: Town, queued: str) -> None:
    planned = cli("notice", "plan")
    assert (planned.status, planned.last["planned"]) == (0, {"due_in_3_days": 0, "due_tomorrow": 0, "due_today": 0})
    assert cli("notice", "plan").last["again"] is True
    (listed,) = [one for one in cli("notice", "list", "--consumer", town.buyer).last["messages"] if one["message"] == queued]
    assert (listed["state"], listed["kind"], listed["external_ref"], listed["channel"]) == ("queued", "repaid_receipt", town.buyer, None)
    assert cli("notice", "list", "--state", "sent").last["messages"] == []


def test_at_night_a_message_waits_and_is_shown_with_its_history(cli: Command, raw: Command, town: Town, queued: str) -> None:
    sent = cli("notice", "send")  # five past midnight in this town
    assert (sent.status, sent.last["is_down"]) == (0, False)
    assert sent.last["became"]["queued"] >= 1
    shown = cli("notice", "show", queued).last
    assert (shown["state"], shown["history"], shown["params"]["amount"]) == ("queued", [], {"minor": 500, "currency": "CNY"})
    assert shown["not_before"] == "2026-10-12T08:00:00+08:00"
    text = raw("notice", "list", "--book", town.book).out
    assert "2026-10-12 08:00" in text
    assert "1380" not in text


def test_the_letterbox_shows_what_people_would_have_got(cli: Command, town: Town) -> None:
    reference = queue(town, "shown")
    box = jobs.letterbox_of(book_of(town))
    box.text(
        messages=[Outgoing(reference, 1, "sms", "zh", "+8613800138000", "张三", "", "【月付】收到")], now=datetime(2026, 10, 12, tzinfo=UTC)
    )
    (kept,) = [one for one in cli("notice", "letterbox").last["messages"] if one["message"] == reference]
    assert (kept["text"], kept["to"]) == ("【月付】收到", "+86*******8000")


def test_a_person_stops_a_service_and_wants_it_again(cli: Command, town: Town) -> None:
    assert cli("notice", "stop", town.buyer, "due_today").last == {
        "external_ref": town.buyer,
        "kind": "due_today",
        "is_wanted": False,
        "again": False,
    }
    assert cli("notice", "stop", town.buyer, "due_today").last["again"] is True
    assert cli("notice", "resume", town.buyer, "due_today").last["again"] is False
    assert cli("notice", "stop", town.buyer, "overdue").code == "not_optional"
    assert cli("notice", "stop", town.buyer, "tea").code == "unknown_kind"
    assert cli("notice", "stop", "nobody-here", "due_today").code == "unknown_consumer"


def test_contacts_are_set_from_a_file_all_or_none(cli: Command, town: Town, tmp_path: Path) -> None:
    def write(*given: dict[str, Any]) -> str:
        (tmp_path / "contacts.json").write_text(json.dumps(given))
        return str(tmp_path / "contacts.json")

    good = {"external_ref": town.buyer, "language": "en", "channel": "email", "zone": "Europe/Berlin", "email": "buyer@example.com"}
    assert cli("notice", "contact", "--file", write(good)).last["set"] == 1
    wrong = cli(
        "notice", "contact", "--file", write(good, {"external_ref": "nobody"}, {"external_ref": town.buyer, "email": "secret words"})
    )
    assert (wrong.status, [one["state"] for one in wrong.last["items"]]) == (1, ["not_done", "refused", "refused"])
    assert [one["error"]["field"] for one in wrong.last["items"][1:]] == ["[1].external_ref", "[2].email"]
    assert "secret words" not in wrong.out + wrong.err
    assert cli("notice", "contact", "--file", write({"external_ref": town.buyer})).last["set"] == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("list", "--state", "tea"), "unknown_state"),
        (("list", "--consumer", "nobody"), "unknown_consumer"),
        (("show", "msg_nothing"), "bad_id"),
        (("show", "msg_01m4pxd580emjr9qppcrfaathf"), "unknown_message"),
    ],
)
def test_what_is_not_there_is_one_sentence(cli: Command, words: tuple[str, ...], code: str) -> None:
    answer = cli("notice", *words)
    assert (answer.status, answer.code) == (1, code)


def test_who_may_not_reads_and_changes_nothing(cli: Command, town: Town, person: Any) -> None:
    finance, support = person("finance"), person("support")
    assert cli("notice", "list", "--as", finance).code == "not_allowed"
    assert cli("notice", "stop", town.buyer, "due_today", "--as", finance).code == "not_allowed"
    assert cli("notice", "send", "--as", support).code == "not_allowed"
    assert cli("notice", "list", "--as", support).status == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("notices.sender", {"name_zh": "月付", "name_en": "Yuefu", "pay_at": "", "contact": "400"}),
        (
            "notices.policy",
            {"quiet_from": "21:00", "quiet_until": "08:00", "remind_at": "22:00", "most_a_week": {"reminder": 3, "arrears": 3}},
        ),
    ],
)
def test_who_speaks_and_when_is_checked_before_anybody_approves_it(cli: Command, person: Any, name: str, value: dict[str, Any]) -> None:
    refused = cli("setting", "propose", name, json.dumps(value), "--reason", "r", "--as", person("operator"))
    assert (refused.status, refused.code) == (1, "setting_invalid")
