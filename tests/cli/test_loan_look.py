"""Loans in service from the command line: the list with its filters, and one loan with all that belongs to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.cli.conftest import Command, Town, a_town
from tests.cli.samples import consumer
from yuefu import ids
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys.desk import open_day
from yuefu.journeys.jobs import desk_of
from yuefu.loans.commands import living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.rules import Party
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.terms import LateTerms, LoanTerms
from yuefu.runtime import books, sql
from yuefu.runtime.vault import Vault

DAY = timedelta(days=1)
Lend = Callable[..., str]


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of their own: loans from elsewhere have no other side in it."""
    return a_town(keys)


@pytest.fixture
def debtor(cli: Command, tmp_path: Path) -> str:
    file = tmp_path / "consumer.json"
    file.write_text(json.dumps(consumer()))
    return str(cli("consumer", "register", "--file", str(file)).last["consumers"][0]["external_ref"])


@pytest.fixture
def lend(town: Town) -> Lend:
    """`lend(reference, first=day)`: 1200.00 from elsewhere, with a late fee and interest by the night on what is overdue."""

    def make(reference: str, *, first: date, product: str = "flex") -> str:
        book = next(book for book in books.all_books() if book.code == town.book)
        desk = desk_of(book, "test")
        with open_day(desk, books.now_in(book)) as work:
            assert not isinstance(work, Refused)
            owner: UUID = consumers.by_external_refs(book_id=book.id, external_refs=[reference])[reference]
            lent_on, amount = first - timedelta(days=31), Money(1200_00, "CNY")
            late = LateTerms(fee=Money(80_00, "CNY"), interest=Rate(240_000), cap=Rate(500_000))
            terms = LoanTerms(principal=amount, periods=6, annual_rate=Rate(120_000), disbursed_on=lent_on, first_due_on=first, late=late)
            party = Party(work.ids.new(work.now), None, None, owner, None, book.id, product, "CNY", "elsewhere")
            assert living.agree(work=work, agreements=[(party, terms)]) == [None]
            (done,) = living.enter(work=work, facts=[NewFact(uuid4(), party.loan_id, e.Disbursed(lent_on, amount))])
            assert isinstance(done, Entered), done
        return ids.text("loan", party.loan_id)

    return make


def today(cli: Command) -> date:
    return date.fromisoformat(cli("loan", "list", "--limit", "1").last["on"])


def sums(rows: list[dict[str, Any]], part: str) -> int:
    return sum(row[part]["minor"] for row in rows)


def test_a_book_without_loans_says_so(raw: Command, cli: Command, keys: Vault) -> None:
    empty = a_town(keys).book
    assert "There is no such loan." in raw("loan", "list", "--book", empty).out
    assert "No such loan is late." in raw("loan", "late", "--book", empty).out
    assert raw("loan", "list", "--json", "--book", empty).last["loans"] == []


def test_loans_are_listed_the_newest_first_page_by_page_and_by_whose_they_are(
    raw: Command, cli: Command, town: Town, debtor: str, lend: Lend, authorised: Callable[..., dict[str, Any]]
) -> None:
    on = today(cli)
    theirs = [lend(debtor, first=on - n * DAY, product="other") for n in (5, 40, -10)]
    order = authorised()
    bought = cli("order", "capture", order["order"]).last["loan"]
    pages: list[str] = []
    after: tuple[str, ...] = ()
    while True:
        page = cli("loan", "list", "--limit", "2", *after).last
        pages += [one["loan"] for one in page["loans"]]
        if page["next"] is None:
            break
        after = ("--after", page["next"])
    assert pages == [one["loan"] for one in cli("loan", "list", "--limit", "1000").last["loans"]]
    assert pages == sorted(pages, reverse=True)
    assert {bought, *theirs} <= set(pages)
    assert "There are more: --after" in raw("loan", "list", "--limit", "1", "--book", town.book).out

    def chosen(*words: str) -> set[str]:
        return {one["loan"] for one in cli("loan", "list", "--consumer", debtor, *words).last["loans"]}

    assert chosen() == set(theirs)
    assert chosen("--late") == set(theirs[:2])
    assert chosen("--bucket", "M2") == {theirs[1]}
    assert chosen("--bucket", "none") == set()
    assert chosen("--state", "closed") == set()
    assert chosen("--due-from", str(on + DAY), "--due-until", str(on + 10 * DAY)) == {theirs[2]}
    assert chosen("--merchant", "record-house") == set()
    assert bought in {one["loan"] for one in cli("loan", "list", "--merchant", "record-house", "--product", "free").last["loans"]}
    (first,) = (one for one in cli("loan", "list", "--consumer", debtor).last["loans"] if one["loan"] == theirs[0])
    assert (first["days_past_due"], first["bucket"], first["overdue_since"]) == (5, "M1", str(on - 5 * DAY))


def test_a_loan_that_was_set_aside_is_listed_marked_and_says_what_to_do(
    raw: Command, cli: Command, town: Town, debtor: str, lend: Lend
) -> None:
    on = today(cli)
    loan, other = lend(debtor, first=on - 5 * DAY), lend(debtor, first=on - 6 * DAY)
    sql.run("UPDATE loans_stretch SET stuck = true WHERE loan_id = %s", [ids.parse("loan", loan)])
    sql.run("UPDATE loans_checkpoint SET state = '{\"format\": 1}' WHERE loan_id = %s", [ids.parse("loan", loan)])
    assert [one["loan"] for one in cli("loan", "list", "--set-aside").last["loans"]] == [loan]
    late = cli("loan", "late").last
    assert late["set_aside"] == 1
    assert {one["loan"]: one["set_aside"] for one in late["loans"] if one["loan"] in {loan, other}} == {loan: True, other: False}
    assert cli("loan", "show", loan).last["set_aside"] is True
    for words in (("loan", "list"), ("loan", "late")):
        assert "`yuefu quarantine retry`" in raw(*words, "--book", town.book).out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("list", "--state", "late"), "unknown_state"),
        (("list", "--due-from", "2026-11-02", "--due-until", "2026-11-01"), "days_out_of_order"),
        (("list", "--consumer", "nobody"), "unknown_consumer"),
        (("list", "--merchant", "nobody"), "unknown_merchant"),
        (("list", "--after", "ord_01m4nvbnz0e44r30qama92cgm4"), "bad_id"),
        (("show", "loan_01m4nvbnz0e44r30qama92cgm4"), "unknown_loan"),
        (("show", "ord_01m4nvbnz0e44r30qama92cgm4"), "bad_id"),
        (("late", "--on", "2099-01-01"), "day_ahead"),
        (("late", "--after", "loan_01m4nvbnz0e44r30qama92cgm4"), "cursor_malformed"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(cli: Command, words: tuple[str, ...], code: str) -> None:
    answer = cli("loan", *words)
    assert (answer.status, answer.code) == (1, code), answer.out


def test_loans_are_for_the_staff_of_the_book(cli: Command, person: Callable[..., str]) -> None:
    for role, status in (("finance", 0), ("support", 0), ("compliance", 0)):
        login = person(role)
        assert [cli("loan", verb, "--as", login).status for verb in ("list", "late")] == [status, status]
    owner = person("merchant_owner", "record-house")
    for words in (("list",), ("late",), ("show", "loan_01m4nvbnz0e44r30qama92cgm4")):
        assert cli("loan", *words, "--as", owner).code == "not_allowed"


def test_a_loan_shows_what_goods_that_went_back_settled_and_what_is_still_asked(
    raw: Command, cli: Command, town: Town, authorised: Callable[..., dict[str, Any]], person: Callable[..., str]
) -> None:
    order = authorised(amount="300.00")["order"]
    loan = cli("order", "capture", order).last["loan"]
    support = person("support")
    assert cli("order", "refund", order, "--amount", "100.00", "--as", support).status == 0
    shown = cli("loan", "show", loan).last
    assert [(row["refunded"]["minor"], row["to_pay"]["minor"], row["state"]) for row in shown["instalments"]] == [
        (3333, 6667, "upcoming"), (3333, 6667, "upcoming"), (3334, 6666, "upcoming"),
    ]  # fmt: skip
    assert (shown["order"], shown["merchant"], shown["consumer"]) == (order, "record-house", town.buyer)
    assert (shown["owed"]["all"]["minor"], shown["ends_today_for"]["minor"]) == (20000, 20000)
    back = next(one for one in shown["events"] if one["what"] == "paid_merchant_refund")
    assert (back["by"], back["amount"]["minor"]) == (f"user:{support}", 10000)
    assert {one["by"] for one in shown["events"] if one["what"] == "disbursed"} == {"system:cli"}
    assert cli("repay", loan, "--amount", "50.00").last["state"] == "succeeded"
    after = cli("loan", "show", loan).last
    assert sums(after["instalments"], "refunded") == 10000
    assert sums(after["instalments"], "to_pay") == after["owed"]["all"]["minor"]
    text = raw("loan", "show", loan, "--book", town.book).out
    assert "refunded" in text
    assert "by" in text
    trace = cli("trace", order).last["instalments"]
    assert [(row["refunded"]["minor"], row["to_pay"]["minor"]) for row in trace] == [
        (row["refunded"]["minor"], row["to_pay"]["minor"]) for row in after["instalments"]
    ]
