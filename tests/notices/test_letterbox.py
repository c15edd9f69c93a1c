"""The directory that stands for the world in a sandbox: what people would get is there to be looked at, each message once."""

import json
import stat
from datetime import UTC, datetime

import pytest

from yuefu import ids
from yuefu.ids import IdSource
from yuefu.notices.gateways.letterbox import Letterbox
from yuefu.notices.rules.outgoing import Outgoing

NOW = datetime(2026, 10, 12, 2, tzinfo=UTC)


@pytest.fixture
def references():
    return [ids.text("message", one) for one in IdSource(lambda bits: 5).many(NOW, 3)]


def out(reference, to="+8613800138000", channel="sms", text="【月付】明天到期 🐼"):
    return Outgoing(reference, 1, channel, "zh", to, "王小明", "", text)


def test_a_message_lies_there_whole_for_its_owner_only(tmp_path, references):
    box = Letterbox(tmp_path / "book")
    (told,) = box.text(messages=[out(references[0])], now=NOW)
    assert told.outcome == "accepted"
    (file,) = (tmp_path / "book").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert json.loads(file.read_text())["text"] == "【月付】明天到期 🐼"
    (kept,) = box.kept(limit=5)
    assert (kept.reference, kept.to, kept.channel) == (references[0], "+8613800138000", "sms")
    assert "1380013" not in repr(kept)


def test_a_reference_is_written_once_and_can_be_asked_for(tmp_path, references):
    box = Letterbox(tmp_path)
    box.text(messages=[out(references[0])], now=NOW)
    box.text(messages=[out(references[0], text="another text")], now=NOW)
    assert [kept.text for kept in box.kept(limit=5)] == ["【月付】明天到期 🐼"]
    assert {one: told.outcome for one, told in box.ask(references=references[:2], now=NOW).items()} == {
        references[0]: "accepted",
        references[1]: "unheard",
    }


@pytest.mark.parametrize(
    ("channel", "to", "outcome", "is_there"),
    [
        ("sms", "+8613809990001", "refused", False), ("sms", "+8613809990002", "later", False), ("sms", "+8613809990003", "unknown", True),
        ("email", "refused@example.com", "refused", False), ("email", "later@example.com", "later", False),
        ("email", "silent@example.com", "unknown", True), ("email", "wang@example.com", "accepted", True),
    ],
)  # fmt: skip
def test_an_address_chooses_what_becomes_of_its_messages(tmp_path, references, channel, to, outcome, is_there):
    box = Letterbox(tmp_path)
    send = box.mail if channel == "email" else box.text
    (told,) = send(messages=[out(references[0], to, channel)], now=NOW)
    assert told.outcome == outcome
    asked = box.ask(references=[references[0]], now=NOW)[references[0]].outcome
    assert asked == ("accepted" if is_there else "unheard")


def test_a_place_that_cannot_be_written_takes_nothing_and_keeps_nobody_from_the_next_round(tmp_path, references):
    (tmp_path / "book").write_text("a file in the place of the directory")
    (told,) = Letterbox(tmp_path / "book").text(messages=[out(references[0])], now=NOW)
    assert (told.outcome, told.code) == ("later", "not_written")
    assert Letterbox(tmp_path / "book").kept(limit=5) == []


def test_what_lies_there_and_is_no_message_is_passed_over(tmp_path, references):
    box = Letterbox(tmp_path)
    box.text(messages=[out(one) for one in references], now=NOW)
    (tmp_path / "zzz.json").write_text("no json")
    (tmp_path / "zzy.json").write_text("[]")
    (tmp_path / "zzx.json").mkdir()
    assert [kept.reference for kept in box.kept(limit=2)] == [references[2], references[1]]


def test_a_name_that_is_no_reference_leads_nowhere_else(tmp_path):
    with pytest.raises(ValueError, match="no reference"):
        Letterbox(tmp_path / "book").text(messages=[out("../evil")], now=NOW)
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "book"])
