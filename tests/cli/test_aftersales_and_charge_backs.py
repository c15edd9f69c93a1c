"""After-sales and charge-backs from the command line: asked, previewed, decided, done and told; and what cannot be."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.cli.samples import consumer


@pytest.fixture
def bought(cli: Command, tmp_path: Path) -> dict[str, Any]:
    """An order of a new consumer, captured."""
    file = tmp_path / "consumer.json"
    file.write_text(json.dumps(consumer()))
    reference = str(cli("consumer", "register", "--file", str(file)).last["consumers"][0]["external_ref"])
    assert cli("credit", "open", reference, "--limit", "5000.00", "--repayment-day", "25").status == 0
    quoted = cli("quote", "--amount", "900.00", "--periods", "3", "--consumer", reference).last
    name = f"REF-{secrets.token_hex(6)}"
    made = cli("order", "authorise", "--quote", quoted["quote"], "--consumer", reference, "--reference", name)
    assert made.last["decision"] == "approved", made.out
    got = cli("order", "capture", made.last["order"])
    assert got.status == 0, got.out
    return {**got.last, "consumer": reference}


def opening(cli: Command, order: str, kind: str, *more: str):
    return cli("aftersale", "open", order, "--kind", kind, "--items", "a lamp", "--reason", "broken", *more)


def test_a_part_return_is_previewed_agreed_and_done_as_it_was_previewed(cli: Command, bought: dict[str, Any]) -> None:
    made = opening(cli, bought["order"], "part_return", "--amount", "300.00", "--key", "k-" + bought["order"])
    assert (made.status, made.last["state"]) == (0, "asked"), made.out
    case = made.last["case"]
    assert opening(cli, bought["order"], "part_return", "--amount", "300.00", "--key", "k-" + bought["order"]).last == made.last
    told = cli("aftersale", "preview", case)
    assert told.last["effect"]["refunded"] == {"minor": 30_000, "currency": "CNY"}
    assert len(told.last["effect"]["merchant"]) == 1
    for words in (("decide", case, "--agree"), ("goods", case)):
        assert cli("aftersale", *words, "--reason", "seen").status == 0
    done = cli("aftersale", "done", case, "--reason", "as agreed")
    assert done.last["effect"] == told.last["effect"]
    shown = cli("aftersale", "show", case).last
    assert [one["state"] for one in shown["history"]] == ["asked", "agreed", "in_hand", "done"]
    assert shown["history"][-1]["effect"] == told.last["effect"]
    (listed,) = cli("aftersale", "list", "--order", bought["order"], "--state", "done").last["cases"]
    assert (listed["case"], listed["refunded"]) == (case, {"minor": 30_000, "currency": "CNY"})


def test_it_is_told_to_people_in_tables(raw: Command, cli: Command, town: Any, bought: dict[str, Any]) -> None:
    case = opening(cli, bought["order"], "return").last["case"]
    told = raw("aftersale", "preview", case, "--book", town.book)
    assert told.status == 0
    assert "unpaid before" in told.out
    assert "net to the merchant" in told.out
    shown = raw("aftersale", "show", case, "--book", town.book)
    assert "broken" in shown.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("open", "{order}", "--kind", "theft", "--items", "x", "--reason", "y"), "unknown_kind"),
        (("open", "{order}", "--kind", "part_return", "--items", "x", "--reason", "y"), "amount_needed"),
        (("open", "{order}", "--kind", "part_return", "--items", "x", "--reason", "y", "--amount", "901.00"), "more_than_kept"),
        (("open", "ord_01m4nvbnz0e44r30qama92cgm4", "--kind", "return", "--items", "x", "--reason", "y"), "unknown_order"),
        (("preview", "afts_01m4nvbnz0e44r30qama92cgm4"), "unknown_case"),
        (("show", "afts_01m4nvbnz0e44r30qama92cgm4"), "unknown_case"),
        (("done", "afts_01m4nvbnz0e44r30qama92cgm4", "--reason", "x"), "unknown_case"),
        (("done", "{order}", "--reason", "x"), "bad_id"),
        (("list", "--state", "lost"), "unknown_state"),
        (("list", "--kind", "lost"), "unknown_kind"),
    ],
)
def test_what_cannot_be_says_what_to_do(cli: Command, bought: dict[str, Any], words: tuple[str, ...], code: str) -> None:
    answer = cli("aftersale", *[word.format(order=bought["order"]) for word in words])
    assert answer.status != 0
    assert answer.code == code
    assert answer.last["error"]["detail"]


def test_a_charge_back_says_what_cannot_be_and_needs_a_right(cli: Command, bought: dict[str, Any], person: Callable[..., str]) -> None:
    unknown = "pay_01m4nvbnz0e44r30qama92cgm4"
    words = ("chargeback", "enter", unknown, "--reference", "CB-1", "--amount", "5.00", "--reason", "disputed")
    assert cli(*words).code == "unknown_collection"
    assert cli(*words, "--as", person("support")).code == "not_allowed"
    assert cli("chargeback", "won", "CB-0", "--reference", "R-0").code == "unknown_charge_back"
    assert cli("chargeback", "list", "--as", person("support")).last["charge_backs"] == []
    assert opening(cli, bought["order"], "return", "--as", person("finance")).code == "not_allowed"
