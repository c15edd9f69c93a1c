"""Products from the command line: drafted by one, published by two, retired."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Answer, Command
from tests.cli.samples import product

Draft = Callable[..., Answer]


@pytest.fixture
def draft(cli: Command, tmp_path: Path) -> Draft:
    def run(content: Any, *words: str) -> Answer:
        (tmp_path / "given.json").write_text(json.dumps(content))
        return cli("product", "draft", "--file", str(tmp_path / "given.json"), *words)

    return run


def states(cli: Command, code: str) -> list[tuple[int, str]]:
    return [(one["version"], one["state"]) for one in cli("product", "list").last["products"] if one["code"] == code]


def test_a_product_is_drafted_published_by_two_quoted_and_retired(cli: Command, draft: Draft, person: Callable[..., str]) -> None:
    given = product()
    code = given["code"]
    assert draft(given).status == 0
    assert cli("quote", "--amount", "100", "--periods", "3", "--product", code).code == "unknown_product"
    assert cli("product", "retire", code).code == "not_allowed_from_state"
    asked = cli("product", "publish", code, "--reason", "for the autumn")
    assert (asked.status, asked.last["again"]) == (0, False), asked.out
    assert cli("product", "publish", code, "--reason", "for the autumn").last == {**asked.last, "again": True}
    assert cli("approval", "decide", asked.last["approval"], "--approve", "--reason", "ok").code == "person_needed"
    assert states(cli, code) == [(1, "draft")]
    assert cli("approval", "decide", asked.last["approval"], "--approve", "--reason", "ok", "--as", person("compliance")).status == 0
    assert states(cli, code) == [(1, "published")]
    assert cli("quote", "--amount", "100", "--periods", "3", "--product", code).status == 0
    assert cli("product", "publish", code, "--reason", "again").code == "not_allowed_from_state"
    assert cli("product", "retire", code).last["again"] is False
    assert cli("product", "retire", code).last["again"] is True
    assert states(cli, code) == [(1, "retired")]


def test_the_same_key_finds_the_draft_and_a_code_gets_its_next_version(cli: Command, draft: Draft) -> None:
    given, key = product(), secrets.token_hex(6)
    first = draft([given, product()], "--key", key)
    again = draft([given, json.loads(json.dumps(product()))], "--key", key)
    assert (again.code, again.last["error"]["detail"].split(":")[0]) == ("key_reused", "[1].terms")
    same = draft([given], "--key", key)
    assert same.last["products"] == [{**first.last["products"][0], "again": True}]
    assert draft(given).last["products"][0]["version"] == 2
    assert states(cli, given["code"]) == [(1, "draft"), (2, "draft")]


def test_what_is_dearer_than_the_law_allows_is_not_even_proposed(cli: Command, draft: Draft) -> None:
    dear = product(annual_rate="23.90")
    assert draft(dear).status == 0
    assert cli("product", "publish", dear["code"], "--reason", "greed").code == "above_cap"
    abroad = product(jurisdiction="US")
    assert draft(abroad).status == 0
    assert cli("product", "publish", abroad["code"], "--reason", "abroad").code == "no_cap_known"


@pytest.mark.parametrize("verb", [("publish", "--reason", "x"), ("retire",)])
def test_a_product_that_is_not_there_is_unknown(cli: Command, verb: tuple[str, ...]) -> None:
    assert cli("product", verb[0], "gold", *verb[1:]).code == "unknown_product"
    assert cli("product", verb[0], "\udcff", *verb[1:]).code == "unknown_product"
    assert cli("product", verb[0], "prod_01m838z2g0fyvaeekzxfs1k950", *verb[1:]).code == "unknown_product"
    assert cli("product", verb[0], "prod_1", *verb[1:]).code == "bad_id"


def test_who_may_not_is_told_so(cli: Command, draft: Draft, person: Callable[..., str]) -> None:
    support = person("support")
    assert draft(product(), "--as", support).code == "not_allowed"
    assert cli("product", "publish", "flex", "--reason", "x", "--as", support).code == "not_allowed"
    assert cli("product", "retire", "flex", "--as", support).code == "not_allowed"
    assert cli("product", "list", "--as", support).status == 0
    assert cli("product", "list", "--as", person("merchant_owner", "record-house")).code == "not_allowed"
