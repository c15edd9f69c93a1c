"""Users, roles, keys, settings and approvals from the command line."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Command, Town, a_town
from yuefu.runtime.vault import Vault


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of their own: others move the clock on."""
    return a_town(keys)


def test_a_person_may_do_what_their_role_may_and_nothing_else(cli: Command, person: Callable[..., str]) -> None:
    support = person("support")
    assert cli("order", "list", "--as", support).status == 0
    for words in (
        ("ledger", "trial-balance"),
        ("close-day",),
        ("user", "list"),
        ("settle",),
        ("key", "issue", "--merchant", "record-house", "--scope", "trace"),
    ):
        refused = cli(*words, "--as", support)
        assert (refused.status, refused.code) == (1, "not_allowed"), words


def test_nobody_acts_under_an_unknown_name(cli: Command) -> None:
    assert cli("order", "list", "--as", "nobody-at-all").code == "unknown_login"


def test_a_merchants_person_does_nothing_for_the_whole_book(cli: Command, person: Callable[..., str]) -> None:
    owner = person("merchant_owner", "record-house")
    assert cli("user", "list", "--as", owner).code == "not_allowed"
    assert cli("merchant", "list", "--as", owner).code == "not_allowed"


def test_what_a_person_does_is_written_under_their_name(
    cli: Command, person: Callable[..., str], authorised: Callable[..., dict[str, str]]
) -> None:
    operator = person("operator")
    order = authorised()["order"]
    assert cli("order", "capture", order, "--as", operator).status == 0
    actors = {entry["actor"] for happening in cli("trace", order).last["timeline"] for entry in happening["entries"]}
    assert actors == {f"user:{operator}"}


def test_a_user_is_made_once_and_listed(cli: Command, town: Town) -> None:
    login = f"new-{secrets.token_hex(4)}"
    made = cli("user", "add", login, "--role", "finance")
    assert len(made.last["password"]) >= 12
    assert cli("user", "add", login, "--role", "finance").code == "login_taken"
    assert login in [user["login"] for user in cli("user", "list").last["users"]]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--role", "emperor"), "unknown_role"),
        (("--role", "merchant_owner"), "merchant_required"),
        (("--role", "finance", "--merchant", "record-house"), "merchant_not_allowed"),
        (("--role", "merchant_owner", "--merchant", "nobody"), "unknown_merchant"),
    ],
)
def test_a_role_that_cannot_be_given_leaves_no_user_behind(cli: Command, words: tuple[str, ...], code: str) -> None:
    login = f"half-{secrets.token_hex(4)}"
    assert cli("user", "add", login, *words).code == code
    assert cli("order", "list", "--as", login).code == "unknown_login"


def test_a_weak_password_from_standard_input_is_refused(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("123\n"))
    assert cli("user", "add", f"weak-{secrets.token_hex(4)}", "--role", "finance", "--password-stdin").code == "password_weak"


def test_a_given_password_is_never_printed(cli: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a-long-and-quiet-secret\n"))
    answer = cli("user", "add", f"quiet-{secrets.token_hex(4)}", "--role", "finance", "--password-stdin")
    assert answer.status == 0
    assert "quiet-secret" not in answer.out + answer.err


def test_a_key_is_issued_rolled_and_revoked_and_its_secret_shown_once(cli: Command) -> None:
    issued = cli("key", "issue", "--merchant", "record-house", "--scope", "order.read", "--scope", "trace").last
    assert issued["secret"].startswith("sk_test_")
    rolled = cli("key", "roll", issued["key"], "--overlap-hours", "1").last
    assert cli("key", "roll", issued["key"]).code == "key_already_rolled"
    assert cli("key", "revoke", rolled["key"]).last["revoked"] is True
    listed = cli("key", "list", "--merchant", "record-house")
    assert {issued["key"], rolled["key"]} <= {key["key"] for key in listed.last["keys"]}
    assert issued["secret"] not in listed.out
    assert cli("key", "issue", "--merchant", "record-house", "--scope", "everything").code == "unknown_scope"
    shown = cli("key", "issue", "--merchant", "record-house", "--scope", "offer.read", "--publishable").last
    assert shown["secret"].startswith("pk_test_")
    assert cli("key", "issue", "--merchant", "record-house", "--scope", "order.read", "--publishable").code == "unknown_scope"


def test_a_merchant_cannot_touch_the_keys_of_another(cli: Command, person: Callable[..., str]) -> None:
    foreign = cli("key", "issue", "--merchant", "disc-city", "--scope", "trace").last["key"]
    owner = person("merchant_owner", "record-house")
    assert cli("key", "roll", foreign, "--as", owner).code == "unknown_key"
    assert cli("key", "revoke", foreign, "--as", owner).code == "unknown_key"
    assert cli("key", "list", "--merchant", "disc-city", "--as", owner).code == "unknown_merchant"


def test_a_setting_changes_only_when_a_second_person_approves(cli: Command, person: Callable[..., str]) -> None:
    name = "orders.authorisation_days"
    before = cli("setting", "show", name).last
    asked = cli("setting", "propose", name, "9", "--reason", "slow parcels").last["approval"]
    assert cli("setting", "show", name).last == before
    assert asked in [one["approval"] for one in cli("approval", "list").last["approvals"]]
    assert cli("approval", "decide", asked, "--approve", "--reason", "fine").code == "person_needed"
    second = person("finance")
    mine = cli("setting", "propose", name, "8", "--reason", "no", "--as", second).last["approval"]
    assert cli("approval", "decide", mine, "--approve", "--reason", "mine", "--as", second).code == "same_person"
    decided = cli("approval", "decide", asked, "--approve", "--reason", "fine", "--as", second)
    assert decided.last["version"] == before["version"] + 1
    assert cli("setting", "show", name).last["value"] == 9
    found = {one["name"]: (one["version"], one["value"]) for one in cli("setting", "list").last["settings"]}
    assert found[name] == (before["version"] + 1, 9)
    assert len(found) > 1
    assert {one["version"] for one in cli("setting", "list", "--on", "2000-01-01").last["settings"]} == {0}
    assert cli("approval", "decide", asked, "--reject", "--reason", "again", "--as", second).code == "already_decided"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "no.such.setting"), "missing_setting"),
        (("propose", "no.such.setting", "1", "--reason", "x"), "unknown_setting"),
        (("propose", "orders.authorisation_days", "{nine", "--reason", "x"), "bad_json"),
        (("propose", "orders.authorisation_days", "0", "--reason", "x"), "setting_invalid"),
        (("propose", "orders.authorisation_days", "true", "--reason", "x"), "setting_invalid"),
        (("propose", "orders.authorisation_days", "9", "--from", "2020-01-01", "--reason", "x"), "valid_from_passed"),
        (("propose", "risk.policy", '{"nonsense":1}', "--reason", "x"), "setting_invalid"),
        (("propose", "risk.policy", "[]", "--reason", "x"), "setting_invalid"),
        (("propose", "risk.policy", "null", "--reason", "x"), "setting_invalid"),
        (("propose", "offers.caps", '{"CN":[{"from":"2020-01-01","measure":"apr","max_pct":"24"}]}', "--reason", "x"), "setting_invalid"),
        (("propose", "offers.caps", '{"CN":[{"from":"x","measure":"simple_irr","max_pct":"24"}]}', "--reason", "x"), "setting_invalid"),
        (
            ("propose", "offers.caps", '{"CN":[{"from":"2020-01-01","measure":"simple_irr","max_pct":24}]}', "--reason", "x"),
            "setting_invalid",
        ),
        (("propose", "offers.caps", '{"CN":3}', "--reason", "x"), "setting_invalid"),
        (("propose", "orders.authorisation_days", "NaN", "--reason", "x"), "bad_json"),
        (("propose", "orders.authorisation_days", "[" * 100_000, "--reason", "x"), "bad_json"),
    ],
)
def test_a_setting_that_is_none_is_refused(cli: Command, words: tuple[str, ...], code: str) -> None:
    assert cli("setting", *words).code == code


def test_a_consumer_is_shown_masked(cli: Command, town: Town) -> None:
    answer = cli("consumer", "show", town.buyer)
    assert answer.status == 0
    assert "*" in answer.last["phone_masked"]
    assert answer.last["limit"]["minor"] > 0
    assert town.buyer in [one["external_ref"] for one in cli("consumer", "list").last["consumers"]]
    assert cli("consumer", "show", "nobody").code == "unknown_consumer"


def test_a_consumer_is_shown_with_what_is_unpaid_of_their_loans_and_its_order_is_found_by_a_loan(
    cli: Command, raw: Command, town: Town, authorised: Callable[..., dict[str, Any]]
) -> None:
    order = authorised(amount="30.00")["order"]
    loan = cli("order", "capture", order).last["loan"]
    (shown,) = [one for one in cli("consumer", "show", town.buyer).last["loans"] if one["loan"] == loan]
    assert (shown["unpaid"]["minor"], shown["overdue"]["minor"], shown["days_late"]) == (30_00, 0, 0)
    assert loan in raw("consumer", "show", town.buyer, "--book", town.book).out
    assert cli("trace", loan).last["public_id"] == order
