"""Consumers and their credit accounts from the command line."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Answer, Command, Town
from tests.cli.samples import SHA256, consumer

Register = Callable[..., Answer]
CONSENT = ("--purpose", "marketing", "--version", "2026-1", "--text-sha256", SHA256)


@pytest.fixture
def register(cli: Command, tmp_path: Path) -> Register:
    def run(content: Any, *words: str) -> Answer:
        (tmp_path / "given.json").write_text(json.dumps(content))
        return cli("consumer", "register", "--file", str(tmp_path / "given.json"), *words)

    return run


@pytest.fixture
def buyer(register: Register) -> str:
    made = register(consumer())
    assert made.status == 0, made.out
    return str(made.last["consumers"][0]["external_ref"])


@pytest.fixture
def line(cli: Command, buyer: str) -> str:
    """A consumer with a credit account."""
    assert cli("credit", "open", buyer, "--limit", "5000.00", "--repayment-day", "10").status == 0
    return buyer


def test_consumers_are_registered_once_and_nothing_personal_is_printed(register: Register) -> None:
    given, key = [consumer(), consumer()], secrets.token_hex(6)
    first = register(given, "--key", key)
    assert (first.status, [one["again"] for one in first.last["consumers"]]) == (0, [False, False]), first.out
    again = register(given, "--key", key)
    assert again.last["consumers"] == [{**one, "again": True} for one in first.last["consumers"]]
    for one in given:
        for name in ("name", "phone", "id_number"):
            assert one[name] not in first.out + first.err + again.out
    other = register([given[0], {**given[1], "phone": given[0]["phone"]}], "--key", key)
    assert (other.code, other.last["error"]["detail"].split(":")[0]) == ("key_reused", "[1].phone")


def test_a_person_or_a_reference_is_registered_once(register: Register) -> None:
    one = consumer()
    assert register(one).status == 0
    assert register({**one, "external_ref": "other"}).code == "id_number_known"
    assert register(consumer(external_ref=one["external_ref"])).code == "external_ref_taken"


def test_a_consent_is_given_and_taken_back(cli: Command, buyer: str) -> None:
    key = secrets.token_hex(6)
    assert cli("consumer", "consent", buyer, *CONSENT, "--withdraw").code == "nothing_to_withdraw"
    given = cli("consumer", "consent", buyer, *CONSENT, "--key", key)
    assert (given.status, given.last["kind"], given.last["again"]) == (0, "given", False), given.out
    assert cli("consumer", "consent", buyer, *CONSENT, "--key", key).last == {**given.last, "again": True}
    assert cli("consumer", "consent", buyer, *CONSENT, "--key", key, "--withdraw").code == "key_reused"
    assert cli("consumer", "consent", buyer, *CONSENT, "--withdraw").last["kind"] == "withdrawn"


@pytest.mark.parametrize(
    "words",
    [
        ("--purpose", "Two Words", "--version", "1", "--text-sha256", SHA256),
        ("--purpose", "marketing", "--version", "", "--text-sha256", SHA256),
        ("--purpose", "marketing", "--version", "1", "--text-sha256", "\udcff"),
    ],
)
def test_a_consent_to_nothing_is_refused(cli: Command, buyer: str, words: tuple[str, ...]) -> None:
    assert cli("consumer", "consent", buyer, *words).code == "consent_invalid"


def test_a_consumer_is_closed_and_stays_so(cli: Command, buyer: str) -> None:
    assert cli("consumer", "close", buyer).last["again"] is False
    assert cli("consumer", "close", buyer).last["again"] is True
    assert cli("consumer", "show", buyer).last["state"] == "closed"
    assert cli("credit", "open", buyer, "--limit", "1", "--repayment-day", "1").code == "consumer_closed"


@pytest.mark.parametrize("reference", ["nobody", "\udcff", "", "x" * 100, "a b"])
def test_nobody_has_a_reference_that_is_none(cli: Command, reference: str) -> None:
    for words in (("consumer", "show"), ("consumer", "close"), ("credit", "show")):
        assert cli(*words, reference).code == "unknown_consumer"


def test_a_credit_line_is_opened_once(cli: Command, buyer: str) -> None:
    words, key = ("credit", "open", buyer, "--limit", "5000.00", "--repayment-day", "10"), secrets.token_hex(6)
    first = cli(*words, "--key", key)
    assert (first.status, first.last["limit"]["minor"], first.last["again"]) == (0, 500_000, False), first.out
    assert cli(*words, "--key", key).last == {**first.last, "again": True}
    assert cli(*words[:-1], "11", "--key", key).code == "key_reused"
    assert cli(*words).code == "account_exists"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--limit", "5000.00", "--repayment-day", "29"), "day_invalid"),
        (("--limit", "5000.00", "--repayment-day", "1", "--bill-day", "0"), "day_invalid"),
        (("--limit", "5000.00", "--repayment-day", "9" * 30), "day_invalid"),
        (("--limit", "5000.00", "--repayment-day", "ten"), "usage"),
        (("--limit", "-1", "--repayment-day", "1"), "limit_invalid"),
        (("--limit", "9" * 30, "--repayment-day", "1"), "amount_too_large"),
        (("--limit", "1e3", "--repayment-day", "1"), "amount_exponent"),
        (("--limit", "5000.00", "--repayment-day", "1", "--currency", "USD"), "currency_differs"),
        (("--limit", "5000.00", "--repayment-day", "1", "--currency", "XXX"), "currency_unknown"),
    ],
)
def test_a_credit_line_that_cannot_be_is_refused(cli: Command, buyer: str, words: tuple[str, ...], code: str) -> None:
    assert cli("credit", "open", buyer, *words).code == code
    assert cli("credit", "show", buyer).code == "unknown_account"


def test_a_limit_changes_with_its_reasons_and_keeps_its_history(cli: Command, line: str) -> None:
    words, key = ("credit", "limit", line, "--limit", "8000", "--reason", "income_proven", "--reason", "good_payer"), secrets.token_hex(6)
    first = cli(*words, "--key", key)
    assert (first.status, first.last["limit"]["minor"], first.last["again"]) == (0, 800_000, False), first.out
    assert cli(*words, "--key", key).last == {**first.last, "again": True}
    assert cli(*words).code == "limit_unchanged"
    assert cli("credit", "limit", line, "--limit", "1", "--reason", "Because!").code == "reason_invalid"
    assert cli("credit", "limit", line, "--limit", "1").code == "usage"
    assert cli("credit", "limit", line, "--limit", "0", "--reason", "risk_cut").status == 0
    shown = cli("credit", "show", line).last
    assert [step["to"]["minor"] for step in shown["history"]] == [500_000, 800_000, 0]


def test_an_account_is_frozen_thawed_and_closed(cli: Command, line: str) -> None:
    for verb, state, again in (
        ("freeze", "frozen", False), ("freeze", "frozen", True), ("unfreeze", "active", False), ("close", "closed", False),
        ("close", "closed", True),
    ):  # fmt: skip
        changed = cli("credit", verb, line, "--reason", "asked_by_consumer")
        assert (changed.status, changed.last["state"], changed.last["again"]) == (0, state, again), changed.out
    assert cli("credit", "freeze", line, "--reason", "late").code == "not_allowed_from_state"
    assert cli("credit", "freeze", line, "--reason", "").code == "reason_invalid"


def test_an_account_in_use_is_not_closed(cli: Command, town: Town, authorised: Callable[..., dict[str, Any]]) -> None:
    order = authorised(amount="10.00")["order"]
    assert cli("credit", "close", town.buyer, "--reason", "x").code == "still_in_use"
    assert cli("order", "void", order).status == 0


def test_who_may_not_is_told_so(cli: Command, register: Register, line: str, person: Callable[..., str]) -> None:
    finance, support = person("finance"), person("support")
    assert register(consumer(), "--as", support).code == "not_allowed"
    for words in (
        ("consumer", "consent", line, *CONSENT),
        ("consumer", "close", line),
        ("credit", "open", line, "--limit", "1", "--repayment-day", "1"),
        ("credit", "limit", line, "--limit", "1", "--reason", "x"),
        ("credit", "freeze", line, "--reason", "x"),
        ("credit", "unfreeze", line, "--reason", "x"),
        ("credit", "close", line, "--reason", "x"),
        ("credit", "show", line),
    ):
        assert cli(*words, "--as", finance).code == "not_allowed", words
    assert cli("consumer", "consent", line, *CONSENT, "--as", support).status == 0
    assert cli("credit", "freeze", line, "--reason", "x", "--as", person("risk")).status == 0
