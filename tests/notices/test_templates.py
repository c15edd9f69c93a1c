"""The words of messages: every kind in both languages and channels, whole, short, honest and without a word of advertisement."""

import re
from datetime import date
from importlib.resources import files

import pytest

from tests.notices.conftest import SENDER
from yuefu.money.amounts import Money
from yuefu.notices.rules import kinds
from yuefu.notices.rules.kinds import CHANNELS, KINDS, LANGUAGES
from yuefu.notices.rules.length import parts
from yuefu.notices.rules.policy import sender
from yuefu.notices.rules.templates import render, template

US = sender(SENDER)
EACH = {
    "money": Money(666_34, "CNY"),
    "day": date(2026, 11, 25),
    "count": 2,
    "tail": "0123",
}
ALL = [(kind, language, channel) for kind in KINDS for language in LANGUAGES for channel in CHANNELS]
BANNED = re.compile(
    "零利息|零手续费|免息|低至|日息|万分之|秒批|无视征信|人人可贷|最后机会|限时|优惠|立即|马上|提额|恭喜|起诉|拘留|上门|曝光|家人|单位"
    r"|interest[- ]free|\bfree\b|last chance|act now|hurry|instant|congratulations|limited|offer|police|court|employer|your family",
    re.IGNORECASE,
)


def params(kind, **changes):
    return {name: EACH[what] for name, what in KINDS[kind].fields.items()} | changes


def rendered(kind, language, channel, *, us=US, name="王小明", **changes):
    return render(kind=kind, language=language, channel=channel, params=params(kind, **changes), sender=us, name=name)


@pytest.mark.parametrize(("kind", "language", "channel"), ALL)
def test_every_message_says_who_we_are_how_much_when_and_how_to_pay_and_to_stop(kind, language, channel):
    words = rendered(kind, language, channel)
    both = f"{words.subject}\n{words.text}"
    us = US.name_zh if language == "zh" else US.name_en
    assert us in words.text
    assert "¥666.34" in both
    assert "yuefu.cn/pay" in words.text
    assert "400-000-0000" in words.text
    assert "$" not in both
    if "day" in KINDS[kind].fields.values():
        assert ("11月25日 周三" if language == "zh" else "Wed 25 Nov") in both
    if "loans" in KINDS[kind].fields:
        assert ("2笔" if language == "zh" else "2 loans") in both


@pytest.mark.parametrize(("kind", "language", "channel"), ALL)
def test_a_template_asks_for_nothing_that_its_kind_does_not_say_and_says_all_of_it(kind, language, channel):
    subject, text = template(kind, language, channel)
    asked = set(subject.get_identifiers()) | set(text.get_identifiers())
    assert KINDS[kind].fields.keys() <= asked
    assert asked <= KINDS[kind].fields.keys() | {"us", "pay_at", "contact", "name"}
    assert ("name" in asked) == (channel == "email")  # a phone changes hands: no name of whoever owes


@pytest.mark.parametrize(("kind", "language", "channel"), ALL)
def test_a_missing_parameter_is_an_error_and_no_gap_in_a_message(kind, language, channel):
    whole = params(kind)
    for name in whole:
        with pytest.raises(KeyError):
            render(
                kind=kind,
                language=language,
                channel=channel,
                params={n: v for n, v in whole.items() if n != name},
                sender=US,
                name="王小明",
            )


@pytest.mark.parametrize(("kind", "language", "channel"), ALL)
def test_no_message_advertises_threatens_or_calls_on_others(kind, language, channel):
    words = rendered(kind, language, channel)
    assert not BANNED.search(f"{words.subject}\n{words.text}")


@pytest.mark.parametrize(("kind", "language"), [(kind, language) for kind in KINDS for language in LANGUAGES])
def test_a_text_message_is_one_part_and_never_more_than_four(kind, language):
    assert parts(rendered(kind, language, "sms").text) == 1
    long = sender(dict.fromkeys(SENDER, "长" * 20))
    worst = {"amount": Money(10**15, "CNY"), "loans": kinds.MOST_COUNTED, "days": kinds.MOST_COUNTED}
    most = rendered(kind, language, "sms", us=long, **{n: v for n, v in worst.items() if n in KINDS[kind].fields})
    assert parts(most.text) <= 4


def test_there_is_no_template_that_nobody_sends():
    names = {entry.name for entry in (files("yuefu.notices") / "templates").iterdir()}
    assert names == {f"{kind}.{language}.{channel}.txt" for kind, language, channel in ALL}


def test_one_loan_is_one_loan_and_a_name_is_not_read_as_a_template():
    assert "1 loan," in rendered("due_today", "en", "sms", loans=1).text
    assert "Dear ${contact} 🐼 {x} %s," in rendered("due_today", "en", "email", name="${contact} 🐼 {x} %s").text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2),
        ("字" * 70, 1), ("字" * 71, 2), ("字" * 134, 2), ("字" * 135, 3), ("🐼" * 35, 1), ("🐼" * 36, 2), ("🐼" * 67, 3), ("", 1),
    ],
)  # fmt: skip
def test_parts_are_counted_as_they_are_paid_for(text, count):
    assert parts(text) == count


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_kept_as_json_and_read_back_the_same(kind):
    whole = params(kind)
    assert kinds.read(kind, kinds.plain(whole)) == whole


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": Money(0, "CNY")}, "params_invalid"),
        ({"amount": 5}, "params_invalid"),
        ({"loans": 0}, "params_invalid"),
        ({"loans": 10**30}, "params_invalid"),
        ({"loans": True}, "params_invalid"),
        ({"loans": "二"}, "params_invalid"),
        ({"due_on": "2026-11-25"}, "params_invalid"),
        ({"note": "x" * 10**6}, "params_invalid"),
    ],
)
def test_what_a_kind_does_not_say_is_refused(changes, code):
    assert kinds.fault_of("due_today", "2026-11-25", params("due_today") | changes).code == code
    assert kinds.fault_of("due_today", "2026-11-25", params("due_today")) is None


def test_unknown_kinds_and_occasions_without_a_name_are_refused():
    assert kinds.fault_of("win_a_prize", "x", {}).code == "unknown_kind"
    for occasion in ("", "a b", "x" * 129, "日"):
        assert kinds.fault_of("due_today", occasion, params("due_today")).code == "occasion_invalid"


def test_an_account_is_named_by_its_last_four_digits_and_by_no_more():
    for tail in ("12345", "", "abcd", "１２３４"):
        assert kinds.fault_of("debit_announced", "x", params("debit_announced", account=tail)).code == "params_invalid"


@pytest.mark.parametrize(
    "changes", [{"name_zh": ""}, {"pay_at": "x" * 41}, {"contact": "a\nb"}, {"contact": 5}, {"more": "x"}, {"name_en": " x"}]
)
def test_a_sender_who_is_not_whole_is_refused(changes):
    with pytest.raises((ValueError, TypeError)):
        sender(SENDER | changes)
