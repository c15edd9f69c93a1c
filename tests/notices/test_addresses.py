"""Where people can be written to, and where not."""

import pytest

from yuefu.notices.rules.addresses import email_form, texting_form


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("wang@example.com", "wang@example.com"),
        ("Wang.X+pay@EXAMPLE.com", "Wang.X+pay@example.com"),
        ("wang@例子.中国", "wang@xn--fsqu00a.xn--fiqs8s"),
        ("a@b.co", "a@b.co"),
    ],
)
def test_an_address_is_kept_in_the_form_that_travels(text, kept):
    assert email_form(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "a@", "@b.co", "a@b", "a b@c.de", "a@b..de", ".a@b.de", "a.@b.de", "a..b@c.de", "王@example.com", "a@b.de\r\nBcc: x@y.de",
        "a\n@b.de", '"a b"@c.de', "a@[127.0.0.1]", "a@127.0.0.1", "a@-b.de", "a@b.de.", "x" * 65 + "@b.de", "a@" + "b" * 64 + ".de",
        "a@" + ".".join(["b" * 60] * 5), "a@b.de, c@d.de", "a@b.de ", "<a@b.de>", "🐼@b.de", "a@🐼\ud800.de",
    ],
)  # fmt: skip
def test_what_cannot_be_written_to_is_no_address(text):
    assert email_form(text) is None


@pytest.mark.parametrize(
    ("phone", "kept"),
    [
        ("+8613800138000", "+8613800138000"),
        ("+861062345678", None),
        ("+12015550123", "+12015550123"),
        ("", None),
        ("13800138000", None),
        ("+86", None),
    ],
)
def test_a_landline_gets_no_text_messages(phone, kept):
    assert texting_form(phone) == kept
