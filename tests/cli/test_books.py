"""Books from the command line: made once, listed for whom they concern, and a whole life in one that no demo made."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, Command, Town
from tests.cli.samples import PRODUCT, consumer, merchant
from yuefu.journeys import settings as settings_of
from yuefu.runtime import books, sql

MAKE = ("--entity", "Example Lending Ltd", "--mode", "test", "--first-day", "2026-10-12")


pytestmark = pytest.mark.usefixtures("keys")


def _code() -> str:
    return f"own-{secrets.token_hex(5)}"


def test_a_book_is_made_with_its_first_day_clock_and_settings(raw: Command) -> None:
    code = _code()
    made = raw("book", "create", code, *MAKE, "--json")
    assert (made.status, made.last["first_day"], made.last["again"]) == (0, "2026-10-12", False), made.out
    assert made.last["clock"].startswith("2026-10-12T09:00")
    assert len(made.out.splitlines()) == 1
    settings = raw("setting", "list", "--json", "--book", code).last["settings"]
    assert {one["name"]: one["version"] for one in settings if one["valid_from"]} == {
        "collect.policy": 1,
        "debit.policy": 1,
        "ledger.gl_codes": 1,
        "notices.policy": 1,
        "notices.sender": 1,
        "offers.caps": 1,
        "orders.authorisation_days": 1,
        "payoff.valid_minutes": 1,
        "risk.policy": 1,
    }
    assert {one["name"] for one in settings if not one["valid_from"]} == settings_of.LATER.keys() - {
        one["name"] for one in settings if one["version"]
    }
    assert [one["value"] for one in settings if one["name"] == "aftersales.policy"] == [settings_of.LATER["aftersales.policy"]]
    assert raw("setting", "show", "aftersales.policy", "--json", "--book", code).last["version"] == 0
    assert raw("setting", "show", "nothing.of.it", "--json", "--book", code).code == "missing_setting"
    assert raw("ledger", "trial-balance", "--json", "--book", code).last["zero"] is True


def test_the_same_book_again_is_found_and_another_of_its_code_refused(raw: Command) -> None:
    code = _code()
    first = raw("book", "create", code, *MAKE, "--json").last
    assert raw("book", "create", code, *MAKE, "--json").last == {**first, "again": True}
    assert raw("book", "create", code, *MAKE[:4], "--json").last["first_day"] == "2026-10-12"
    for words in ((*MAKE, "--currency", "USD"), (*MAKE[:4], "--first-day", "2026-10-13"), (*MAKE[2:], "--entity", "Other Ltd")):
        assert raw("book", "create", code, *words, "--json").code == "book_exists"


def test_a_live_book_begins_today_and_has_no_clock(raw: Command) -> None:
    code = _code()
    refused = raw("book", "create", code, "--entity", "Example", "--mode", "live", "--first-day", "2026-10-12", "--json")
    assert (refused.status, refused.code) == (1, "first_day_invalid")
    assert books.by_code(code) is None
    made = raw("book", "create", code, "--entity", "Example", "--mode", "live", "--json")
    assert (made.status, made.last["clock"], made.last["mode"]) == (0, None, "live"), made.out


@pytest.mark.parametrize(
    ("code", "words", "refusal"),
    [
        ("X", MAKE, "code_invalid"),
        ("-" * 3, MAKE, "usage"),
        ("a b", MAKE, "code_invalid"),
        ("x" * 41, MAKE, "code_invalid"),
        (None, (*MAKE[2:], "--entity", ""), "entity_invalid"),
        (None, (*MAKE[2:], "--entity", "a\nb"), "entity_invalid"),
        (None, (*MAKE[2:], "--entity", "\udcff"), "entity_invalid"),
        (None, (*MAKE, "--mode", "real"), "mode_unknown"),
        (None, (*MAKE, "--currency", "XXX"), "currency_unknown"),
        (None, (*MAKE, "--zone", "Mars/Base"), "zone_unknown"),
        (None, (*MAKE, "--zone", "../etc/passwd"), "zone_unknown"),
        (None, (*MAKE, "--calendar", "US"), "calendar_unknown"),
        (None, (*MAKE, "--first-day", "1999-01-01"), "first_day_invalid"),
        (None, (*MAKE, "--first-day", "9999-12-31"), "first_day_invalid"),
        (None, (*MAKE, "--first-day", "yesterday"), "bad_date"),
        (None, ("--mode", "test"), "usage"),
    ],
)
def test_a_book_that_cannot_be_leaves_nothing_behind(raw: Command, code: str | None, words: tuple[str, ...], refusal: str) -> None:
    before = sql.value("SELECT count(*) FROM runtime_book")
    answer = raw("book", "create", code or _code(), *words, "--json")
    assert (answer.status in {1, 2}, answer.code) == (True, refusal)
    assert sql.value("SELECT count(*) FROM runtime_book") == before


def test_only_the_owner_makes_books_and_people_see_those_they_have_a_role_in(
    raw: Command, cli: Command, town: Town, person: Callable[..., str]
) -> None:
    other, login = _code(), person("operator")
    assert raw("book", "create", other, *MAKE, "--json", "--as", login).code == "not_allowed"
    assert raw("book", "create", other, *MAKE, "--json").status == 0
    assert {town.book, other} <= {book["code"] for book in raw("book", "list", "--json").last["books"]}
    assert [book["code"] for book in raw("book", "list", "--json", "--as", login).last["books"]] == [town.book]
    assert raw("book", "list", "--json", "--as", "nobody-at-all").code == "unknown_login"
    assert "09:00" in raw("book", "list").out


def test_a_book_of_ones_own_lives_from_the_first_product_to_the_paid_merchant(raw: Command, tmp_path: Path) -> None:
    code = _code()

    def run(*words: str, given: object = None) -> Answer:
        if given is not None:
            (tmp_path / "given.json").write_text(json.dumps(given))
            words = (*words, "--file", str(tmp_path / "given.json"))
        answer = raw(*words, "--json", "--book", code)
        assert answer.status == 0, answer.out
        return answer

    second = f"second-{secrets.token_hex(4)}"
    run("book", "list")
    assert raw("book", "create", code, *MAKE).status == 0
    run("user", "add", second, "--role", "finance")
    run("product", "draft", given=PRODUCT)
    asked = run("product", "publish", "flex", "--reason", "first").last["approval"]
    run("approval", "decide", asked, "--approve", "--reason", "checked", "--as", second)
    run("merchant", "onboard", given=merchant())
    buyer = consumer()
    run("consumer", "register", given=buyer)
    run("credit", "open", buyer["external_ref"], "--limit", "5000.00", "--repayment-day", "10")
    run("fund", "--amount", "1000000.00")
    shown = run("quote", "--amount", "199.00", "--periods", "3", "--product", "flex", "--consumer", buyer["external_ref"]).last
    order = run(
        "order", "authorise", "--quote", shown["quote"], "--consumer", buyer["external_ref"], "--reference", "A-1"
    ).last  # fmt: skip
    assert order["decision"] == "approved"
    run("order", "capture", "A-1")
    assert run("close-day").last["on"] == "2026-10-12"
    assert [batch["lines"] for batch in run("settle").last["batches"]] == [1]
    assert run("ledger", "trial-balance").last["zero"] is True
