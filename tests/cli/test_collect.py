"""Arrears from the command line: the worklist, a case with its history, what is refused and why, and what two people do about a loan."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import datetime, time, timedelta
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
from yuefu.runtime.values import Book
from yuefu.runtime.vault import Vault

Lend = Callable[..., str]


@pytest.fixture(scope="module")
def town(keys: Vault) -> Town:
    """A book of their own: loans from elsewhere have no other side in it."""
    return a_town(keys)


@pytest.fixture
def at_noon(town: Town) -> Book:
    """The book, with its clock at an hour at which people may be contacted."""
    book = next(book for book in books.all_books() if book.code == town.book)
    noon = datetime.combine(books.now_in(book).astimezone(book.tz).date(), time(12), book.tz)
    if books.now_in(book) < noon:
        with sql.transacting():
            moved = books.move_clock(book=book, to=noon)
        assert isinstance(moved, Book)
        return moved
    return book


@pytest.fixture
def debtor(cli: Command, tmp_path: Path) -> str:
    file = tmp_path / "consumer.json"
    file.write_text(json.dumps(consumer()))
    reference = str(cli("consumer", "register", "--file", str(file)).last["consumers"][0]["external_ref"])
    assert cli("credit", "open", reference, "--limit", "5000.00", "--repayment-day", "25").status == 0
    return reference


@pytest.fixture
def lend(at_noon: Book) -> Lend:
    """`lend(reference, days=5)`: a loan of 1200.00 whose first instalment fell due so many days ago."""

    def make(reference: str, *, days: int = 5) -> str:
        desk = desk_of(at_noon, "test")
        with open_day(desk, books.now_in(at_noon)) as work:
            assert not isinstance(work, Refused)
            owner: UUID = consumers.by_external_refs(book_id=at_noon.id, external_refs=[reference])[reference]
            first = work.day.on - timedelta(days=days)
            lent_on, amount = first - timedelta(days=31), Money(1200_00, "CNY")
            late = LateTerms(fee=Money(80_00, "CNY"))
            terms = LoanTerms(principal=amount, periods=6, annual_rate=Rate(120_000), disbursed_on=lent_on, first_due_on=first, late=late)
            party = Party(uuid4(), None, None, owner, None, at_noon.id, "flex", "CNY", "elsewhere")
            assert living.agree(work=work, agreements=[(party, terms)]) == [None]
            (done,) = living.enter(work=work, facts=[NewFact(uuid4(), party.loan_id, e.Disbursed(lent_on, amount))])
            assert isinstance(done, Entered), done
        return ids.text("loan", party.loan_id)

    return make


def case_of(cli: Command, reference: str) -> dict[str, Any]:
    cli("collect", "look")
    found = [case for case in cli("collect", "list", "--limit", "1000").last["cases"] if case["consumer"] == reference]
    assert len(found) == 1, found
    return dict(found[0])


def test_a_case_is_listed_given_to_somebody_and_shown_with_its_whole_history(
    cli: Command, debtor: str, lend: Lend, person: Callable[..., str]
) -> None:
    loan, collector = lend(debtor), person("support")
    case = case_of(cli, debtor)
    assert (case["bucket"], case["days"], case["loans"], case["assignee"]) == ("M1", 5, 1, None)
    assert case["overdue"]["minor"] > 200_00
    mine = ("--as", collector)
    assert cli("collect", "assign", case["case"], "--to", collector, "--reason", "next in line", *mine).status == 0
    assert [one["case"] for one in cli("collect", "list", "--of", collector, *mine).last["cases"]] == [case["case"]]
    made = cli("collect", "contact", case["case"], "--channel", "call", "--key", "one" + case["case"], *mine)
    assert (made.status, made.last["again"]) == (0, False), made.out
    assert cli("collect", "contact", case["case"], "--channel", "call", "--key", "one" + case["case"], *mine).last["again"] is True
    told = cli("collect", "outcome", made.last["contact"], "promised", "--note", "says Friday", *mine)
    assert told.status == 0, told.out
    by = "2026-10-20"
    promised = cli("collect", "promise", case["case"], "--amount", "100.00", "--by", by, *mine)
    assert promised.status == 0, promised.out
    assert cli("collect", "contact", case["case"], "--channel", "call", *mine).code == "promise_runs"
    shown = cli("collect", "show", case["case"], *mine).last
    assert [one["loan"] for one in shown["overdue_loans"]] == [loan]
    assert [one["assignee"] for one in shown["assignments"]] == [collector]
    assert [(one["outcome"], one["note"]) for one in shown["contacts"]] == [("promised", "says Friday")]
    assert [(one["state"], one["by_day"]) for one in shown["promises"]] == [("running", by)]
    assert all(one["by"] == f"user:{collector}" for one in shown["contacts"] + shown["promises"])


def test_the_worklist_goes_page_by_page_the_oldest_first(cli: Command, debtor: str, lend: Lend, tmp_path: Path) -> None:
    lend(debtor, days=70)
    case_of(cli, debtor)
    pages, after = [], ()
    while True:
        page = cli("collect", "list", "--limit", "1", *after).last
        pages += page["cases"]
        if page["next"] is None:
            break
        after = ("--after", page["next"])
    whole = cli("collect", "list", "--limit", "1000").last["cases"]
    assert pages == whole
    days = [case["days"] for case in whole]
    assert days == sorted(days, reverse=True)


def test_the_worklist_says_how_to_go_on(raw: Command, cli: Command, debtor: str, lend: Lend, at_noon: Book) -> None:
    lend(debtor, days=70)
    case_of(cli, debtor)
    first = cli("collect", "list", "--limit", "1").last["next"]
    assert f"--after {first}" in raw("collect", "list", "--limit", "1", "--book", at_noon.code).out


def test_two_people_re_age_a_loan_after_they_saw_what_it_changes(cli: Command, debtor: str, lend: Lend, person: Callable[..., str]) -> None:
    loan, asks, decides = lend(debtor), person("support"), person("finance")
    line = ("collect", "reage", loan, "--first", "2026-12-01", "--periods", "12")
    tried = cli(*line, "--try", "--as", asks)
    assert tried.status == 0, tried.out
    assert tried.last["before"]["overdue"]["minor"] > tried.last["after"]["overdue"]["minor"]
    assert len(tried.last["after"]["asked"]) > 12
    made = cli(*line, "--as", asks)
    assert (made.last["state"], made.last["kind"]) == ("waiting", "reaged"), made.out
    decide = ("approval", "decide", made.last["approval"], "--approve", "--reason", "checked", "--as")
    assert cli(*decide, asks).code == "not_allowed", "support does not approve"
    assert cli("collect", "write-off", loan, "--reason", "gone", "--as", decides).code == "already_proposed"
    done = cli(*decide, decides)
    assert (done.status, done.last["state"]) == (0, "approved"), done.out
    assert cli(*decide, decides).code == "already_decided"
    assert cli(*line, "--try").last["before"] == {**tried.last["after"]}


def test_a_loan_is_charged_off_written_off_and_recovered(cli: Command, debtor: str, lend: Lend, person: Callable[..., str]) -> None:
    loan, asks, decides = lend(debtor, days=100), person("risk"), person("finance")
    assert cli("collect", "recover", loan, "--amount", "1.00", "--instrument", "card:1:ok").code == "not_written_off"
    for verb in ("charge-off", "write-off"):
        made = cli("collect", verb, loan, "--reason", "moved away", "--as", asks)
        assert cli("approval", "decide", made.last["approval"], "--approve", "--reason", "read", "--as", decides).status == 0
    assert cli("collect", "write-off", loan, "--reason", "again").code == "loan_written_off"
    key = secrets.token_hex(6)
    back = cli("collect", "recover", loan, "--amount", "50.00", "--instrument", "card:1:ok", "--key", key)
    assert (back.status, back.last["state"]) == (0, "succeeded"), back.out
    assert cli("collect", "recover", loan, "--amount", "50.00", "--instrument", "card:1:ok", "--key", key).last == back.last
    assert cli("collect", "recover", loan, "--amount", "51.00", "--instrument", "card:1:ok", "--key", key).code == "key_reused"
    made = cli("collect", "undo-write-off", loan, "--reason", "another loan was meant", "--as", asks)
    assert (made.last["state"], made.last["kind"]) == ("waiting", "undone"), made.out
    assert cli("approval", "decide", made.last["approval"], "--approve", "--reason", "read", "--as", decides).status == 0
    assert cli("collect", "undo-write-off", loan, "--reason", "again", "--as", asks).code == "not_written_off"


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (("waive", "penalty", "50.00"), "entered"),
        (("waive", "penalty", "50.01"), "waiting"),
        (("pause-arrears", "--first", "2026-10-12", "--last", "2026-10-20"), "entered"),
        (("pause-interest", "--first", "2026-10-12", "--last", "2026-10-20"), "waiting"),
        (("reschedule", "--from", "2026-11-07", "--extra", "3", "--rate", "9.5"), "waiting"),
        (("reamortise",), "waiting"),
        (("charge-off", "--stop-interest"), "waiting"),
    ],
)
def test_each_measure_is_taken_by_as_many_as_it_needs(cli: Command, debtor: str, lend: Lend, words: tuple[str, ...], state: str) -> None:
    verb, *rest = words
    made = cli("collect", verb, lend(debtor), *rest)
    assert (made.status, made.last["state"]) == (0, state), made.out
    assert (made.last["approval"] is None) == (state == "entered")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "case_00000000000000000000000001"), "unknown_case"),
        (("show", "loan_00000000000000000000000001"), "bad_id"),
        (("list", "--after", "case_00000000000000000000000001"), "unknown_case"),
        (("list", "--of", "nobody-at-all"), "unknown_login"),
        (("assign", "case_00000000000000000000000001", "--reason", "x"), "unknown_case"),
        (("contact", "case_00000000000000000000000001", "--channel", "call"), "unknown_case"),
        (("outcome", "ctc_00000000000000000000000001", "reached"), "unknown_contact"),
        (("promise", "case_00000000000000000000000001", "--amount", "1.00", "--by", "2026-10-20"), "unknown_case"),
        (("promise", "case_00000000000000000000000001", "--amount", "-1.00", "--by", "2026-10-20"), "amount_not_positive"),
        (("promise", "case_00000000000000000000000001", "--amount", "1.00", "--by", "soon"), "bad_date"),
        (("restrict", "nobody", "--reason", "x"), "unknown_consumer"),
        (("reinstate", "nobody", "--reason", "x"), "unknown_consumer"),
        (("write-off", "loan_00000000000000000000000001", "--reason", "x"), "unknown_loan"),
        (("write-off", "loan_00000000000000000000000001", "--reason", " "), "reason_invalid"),
        (("waive", "loan_00000000000000000000000001", "principal", "1.00"), "part_invalid"),
        (("reschedule", "loan_00000000000000000000000001", "--from", "2026-11-01", "--rate", "much"), "rate_invalid"),
        (("reage", "loan_00000000000000000000000001", "--first", "2020-01-01", "--periods", "3"), "days_out_of_order"),
        (("recover", "loan_00000000000000000000000001", "--amount", "1.00", "--instrument", "card:1:ok"), "unknown_loan"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(cli: Command, at_noon: Book, words: tuple[str, ...], code: str) -> None:
    answer = cli("collect", *words)
    assert (answer.status, answer.code) == (1, code), answer.out


def test_whoever_does_not_collect_may_not(cli: Command, debtor: str, lend: Lend, person: Callable[..., str]) -> None:
    lend(debtor)
    case, finance, compliance = case_of(cli, debtor), person("finance"), person("compliance")
    assert cli("collect", "contact", case["case"], "--channel", "call", "--as", finance).code == "not_allowed"
    assert cli("collect", "list", "--as", compliance).status == 0
    assert cli("collect", "restrict", debtor, "--reason", "x", "--as", compliance).code == "not_allowed"
    assert cli("collect", "look", "--as", compliance).code == "not_allowed"


def test_credit_that_was_closed_for_what_was_missed_is_opened_again_by_a_person(
    cli: Command, debtor: str, lend: Lend, person: Callable[..., str]
) -> None:
    lend(debtor, days=75)
    case = case_of(cli, debtor)
    assert cli("consumer", "show", debtor).last["credit_state"] == "frozen"
    (closed,) = cli("collect", "show", case["case"]).last["credit_closed"]
    assert closed["missed"] == 3
    assert cli("collect", "reinstate", debtor, "--reason", "spoke_to_them").code == "person_needed"
    assert cli("collect", "reinstate", debtor, "--reason", "spoke_to_them", "--as", person("risk")).status == 0
    cli("collect", "look")
    assert cli("consumer", "show", debtor).last["credit_state"] == "active"


def test_people_read_tables_where_programs_read_json(raw: Command, town: Town, cli: Command, debtor: str, lend: Lend) -> None:
    loan = lend(debtor, days=10)
    case = case_of(cli, debtor)
    told = raw("collect", "list", "--book", town.book)
    assert told.status == 0
    assert case["case"] in told.out
    shown = raw("collect", "show", case["case"], "--book", town.book)
    assert "overdue loans" in shown.out
    assert loan in shown.out
    tried = raw("collect", "reage", loan, "--first", "2026-12-01", "--periods", "3", "--try", "--book", town.book)
    assert tried.status == 0
    assert "nothing was changed" in tried.out
