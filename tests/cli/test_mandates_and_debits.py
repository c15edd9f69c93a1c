"""Mandates and debits from the command line: signed, planned, announced, taken, revoked; and every way to ask for what cannot be."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import FIRST_DAY, Answer, Command, Town
from tests.cli.samples import consumer
from yuefu.payments import queries as payments
from yuefu.runtime import books, sql
from yuefu.runtime.vault import Vault
from yuefu.sim import world

Signed = Callable[..., dict[str, Any]]


def registered(run: Command, tmp_path: Path) -> str:
    """The reference of a new consumer with a credit line whose instalments fall due on the 25th."""
    file = tmp_path / "consumer.json"
    file.write_text(json.dumps(consumer()))
    reference = str(run("consumer", "register", "--file", str(file)).last["consumers"][0]["external_ref"])
    opened = run("credit", "open", reference, "--limit", "5000.00", "--repayment-day", "25")
    assert opened.status == 0, opened.out
    return reference


@pytest.fixture
def buyer(cli: Command, tmp_path: Path) -> str:
    return registered(cli, tmp_path)


def signing(run: Command, reference: str, instrument: str = "wallet:7:ok", *more: str) -> Answer:
    return run("mandate", "sign", reference, "--kind", "wallet", "--instrument", instrument, "--limit", "500.00", *more)


def test_a_mandate_is_signed_once_listed_with_its_history_and_revoked(cli: Command, buyer: str, person: Callable[..., str]) -> None:
    key = secrets.token_hex(6)
    made = signing(cli, buyer, "wallet:7:ok", "--until", "2027-12-31", "--key", key)
    assert (made.status, made.last["state"], made.last["consumer"], made.last["limit"]) == (
        0,
        "active",
        buyer,
        {"minor": 50_000, "currency": "CNY"},
    )
    assert made.last["instrument"] == "*******7:ok", "an account is never shown whole"
    assert signing(cli, buyer, "wallet:7:ok", "--until", "2027-12-31", "--key", key).last == made.last
    assert signing(cli, buyer, "wallet:8:ok", "--until", "2027-12-31", "--key", key).code == "key_reused"
    again = signing(cli, buyer)
    assert (again.code, made.last["mandate"] in again.last["error"]["detail"]) == ("mandate_exists", True)
    assert cli("mandate", "revoke", made.last["mandate"], "--reason", "asked", "--as", person("finance")).code == "not_allowed"
    ended = cli("mandate", "revoke", made.last["mandate"], "--reason", "asked for by phone", "--as", person("support"))
    assert (ended.status, ended.last["state"], ended.last["channel_knows"]) == (0, "revoked", True), ended.out
    assert cli("mandate", "revoke", made.last["mandate"], "--reason", "again").last == ended.last
    (listed,) = cli("mandate", "list", "--consumer", buyer, "--as", person("support")).last["mandates"]
    assert [(step["state"], step["reason"]) for step in listed["steps"]] == [
        ("signing", ""),
        ("active", ""),
        ("revoked", "asked for by phone"),
    ]
    assert listed["steps"][2]["by"].startswith("user:")
    assert cli("mandate", "list", "--consumer", buyer, "--state", "active").last["mandates"] == []
    assert signing(cli, buyer).last["state"] == "active", "another one takes its place"


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"--kind": "cash"}, "kind_unknown", "wallet or bank"),
        ({"--instrument": "credit_card:1"}, "credit_funded", "debit card"),
        ({"--instrument": "contract:1"}, "instrument_invalid", "does not begin with"),
        ({"--limit": "0"}, "amount_not_positive", "above zero"),
        ({"--limit": "1.001"}, "amount_too_many_decimals", ""),
        ({"--until": "2026-10-11"}, "valid_until_passed", "until today at least"),
        ({"--until": "soon"}, "bad_date", "YYYY-MM-DD"),
        ({"--instrument": "wallet:1:sign_refused"}, "not_signed", "try again"),
        ({"--key": " "}, "key_invalid", "1 to 200"),
    ],
)
def test_a_mandate_that_cannot_be_says_what_to_do(cli: Command, buyer: str, change: dict[str, str], code: str, said: str) -> None:
    words = {"--kind": "wallet", "--instrument": "wallet:1:ok", "--limit": "500.00", **change}
    answer = cli("mandate", "sign", buyer, *[word for pair in words.items() for word in pair])
    assert (answer.status, answer.code) == (1 if code != "bad_date" else answer.status, code), answer.out
    assert said in answer.last["error"]["detail"]
    assert [one["state"] for one in cli("mandate", "list", "--consumer", buyer).last["mandates"]] == (
        ["failed"] if code == "not_signed" else []
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("mandate", "sign", "nobody-at-all", "--kind", "wallet", "--instrument", "w", "--limit", "5"), "unknown_consumer"),
        (("mandate", "revoke", "mdt_01m4nvbnz0e44r30qama92cgm4", "--reason", "x"), "unknown_mandate"),
        (("mandate", "revoke", "ord_01m4nvbnz0e44r30qama92cgm4", "--reason", "x"), "bad_id"),
        (("mandate", "revoke", "mdt_01m4nvbnz0e44r30qama92cgm4", "--reason", " "), "reason_invalid"),
        (("mandate", "list", "--state", "dead"), "unknown_state"),
        (("mandate", "list", "--consumer", "nobody-at-all"), "unknown_consumer"),
        (("debit", "list", "--state", "dead"), "unknown_state"),
        (("debit", "list", "--loan", "loan_01m4nvbnz0e44r30qama92cgm4"), "unknown_loan"),
        (("debit", "contradictions", "--state", "dead"), "unknown_state"),
        (("debit", "close", "ctd_01m4nvbnz0e44r30qama92cgm4", "--reason", "x", "--accept"), "unknown_contradiction"),
        (("debit", "close", "ctd_01m4nvbnz0e44r30qama92cgm4", "--reason", "x"), "usage"),
    ],
)
def test_what_is_not_there_is_told_by_its_code(cli: Command, words: tuple[str, ...], code: str) -> None:
    assert cli(*words).code == code


def test_who_may_not_is_turned_away(cli: Command, person: Callable[..., str]) -> None:
    risk, merchant = person("risk"), person("merchant_owner", "record-house")
    for words in (("debit", "run"), ("debit", "plan"), ("debit", "list"), ("mandate", "list"), ("debit", "contradictions")):
        assert cli(*words, "--as", merchant).code == "not_allowed"
        assert cli(*words, "--as", risk).code == "not_allowed"


@pytest.fixture
def quarter(raw: Command, keys: Vault, tmp_path: Path) -> tuple[Command, Town]:
    """A book of its own, whose days may pass."""
    code = f"cli-{secrets.token_hex(4)}"
    world.found(first_day=FIRST_DAY, seed=secrets.randbits(40), vault=keys, months=2, code=code, people=False)

    def run(*words: str) -> Answer:
        return raw(*words, "--json", "--book", code)

    return run, Town(code, registered(run, tmp_path))


def until(run: Command, town: Town, on: date, clock: str) -> None:
    """Closes day after day, until it is a time of a day."""
    while run("close-day").last["on"] < str(on.replace(day=on.day - 1)):
        pass
    book = books.by_code(town.book)
    assert book is not None
    with sql.transacting():
        books.move_clock(book=book, to=datetime.combine(on, time.fromisoformat(clock), book.tz))


def test_what_falls_due_is_planned_announced_and_taken(quarter: tuple[Command, Town]) -> None:
    run, town = quarter
    quote = run("quote", "--amount", "300.00", "--periods", "3", "--consumer", town.buyer, "--merchant", "record-house").last["quote"]
    order = run("order", "authorise", "--quote", quote, "--consumer", town.buyer, "--reference", "R-1", "--merchant", "record-house").last[
        "order"
    ]
    loan = run("order", "capture", order).last["loan"]
    assert signing(run, town.buyer, "wallet:7:failed_then_success").last["state"] == "active"
    assert run("debit", "plan").last["planned"] == 0, "nothing falls due in the days ahead"
    until(run, town, date(2026, 10, 23), "10:00")
    assert run("debit", "plan").last["planned"] == 1
    assert run("debit", "plan").last["planned"] == 0
    until(run, town, date(2026, 10, 24), "10:00")
    assert run("debit", "run").last["announced"] == 1
    until(run, town, date(2026, 10, 25), "10:00")
    assert run("debit", "run").last["sent"] == 1
    (told,) = run("debit", "list", "--loan", loan).last["debits"]
    assert (told["state"], told["due_on"], [t["state"] for t in told["tries"]]) == ("open", "2026-10-25", ["failed"])
    assert run("debit", "run").last["tried_again"] == 0
    (found,) = run("debit", "contradictions").last["contradictions"]
    assert (found["loan"], found["stood"], found["said"]) == (loan, "failed", "succeeded")
    (told,) = run("debit", "list", "--consumer", town.buyer, "--state", "open").last["debits"]
    assert told["in_doubt"] is True
    closed = run("debit", "close", found["contradiction"], "--accept", "--reason", "seen in the bill")
    assert (closed.status, closed.last["state"], closed.last["reason"]) == (0, "accepted", "seen in the bill"), closed.out
    assert run("debit", "close", found["contradiction"], "--dismiss", "--reason", "no").code == "already_closed"
    (told,) = run("debit", "list").last["debits"]
    assert (told["state"], [t["state"] for t in told["tries"]]) == ("collected", ["succeeded"])
    assert run("debit", "contradictions").last["contradictions"] == []
    assert run("loan", "verify", loan).status == 0


def test_lists_are_read_by_people_too(raw: Command, town: Town, cli: Command, buyer: str) -> None:
    signing(cli, buyer)
    said = raw("mandate", "list", "--consumer", buyer, "--book", town.book)
    assert (said.status, buyer in said.out, "wallet" in said.out) == (0, True, True)
    assert "There is no such debit." in raw("debit", "list", "--consumer", buyer, "--book", town.book).out
    assert "contradicts itself nowhere" in raw("debit", "contradictions", "--book", town.book).out
    book = books.by_code(town.book)
    assert book is not None
    assert payments.debits_listed(book_id=book.id) == []


def test_a_return_file_is_booked_line_by_line_and_what_cannot_be_is_kept(cli: Command, person: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "return.csv"
    lines = [
        "商户流水号,交易金额,处理状态,返回码,处理日期,银行流水号",
        "pay_nobody,5.00,成功,00,2026-10-12,1",
        "half a line",
        "合计,2,1,5.00",
    ]
    file.write_bytes("\r\n".join(lines).encode("gb18030"))
    told = cli("debit", "file", str(file), "--as", person("finance"))
    assert told.status == 0, told.out
    assert [(one["line"], one["outcome"], one["code"]) for one in told.last["lines"]] == [
        (2, "kept", "unknown_reference"),
        (3, "kept", "bad_line"),
    ]
    assert (told.last["booked"], told.last["kept"]) == (0, 2)
    kept = cli("debit", "lines").last["lines"]
    assert [(one["line"], one["text"], one["code"]) for one in kept] == [(2, lines[1], "unknown_reference"), (3, lines[2], "bad_line")]
    assert cli("debit", "file", str(file)).last["kept"] == 2
    assert len(cli("debit", "lines", "--all").last["lines"]) == 2
    file.write_text("nothing of it")
    assert cli("debit", "file", str(file)).code == "bad_file"
    assert cli("debit", "file", str(tmp_path / "none.csv")).code == "no_such_file"
    for words in (("debit", "file", str(file)), ("debit", "lines")):
        assert cli(*words, "--as", person("risk")).code == "not_allowed"
