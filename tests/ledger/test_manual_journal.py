"""Entries by hand: proposed with a reason, approved by a second person, and posted as they were approved."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from tests.people import person
from yuefu.errors import Refused, RefusedError
from yuefu.journeys import journal
from yuefu.journeys.journal import Side
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import CHART, AccountKey, Line
from yuefu.ledger.rules.journal import ManualEntry, fault
from yuefu.money.amounts import Money
from yuefu.payments import queries as payments
from yuefu.payments.rules import OPERATING
from yuefu.reconciliation import queries as reconciliation
from yuefu.runtime import approvals, sql
from yuefu.runtime.values import UnitOfWork

ALICE, BOB = person("alice"), person("bob")
ON = date(2026, 10, 1)


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def side(component: str, minor: int, account: str | None = None) -> Side:
    return Side(component, cny(minor), account)


def propose(work: UnitOfWork, *sides: Side, reason: str = "a bank charge", **rest: Any) -> UUID | Refused:
    with sql.transacting():
        return journal.propose(work=work, sides=sides, reason=reason, **rest)


def decide(work: UnitOfWork, approval: UUID | Refused, *, approve: bool = True) -> Any:
    assert isinstance(approval, UUID), approval
    with sql.transacting():
        return ledger.decide_entry(work=work, approval_id=approval, approve=approve, reason="seen")


@pytest.fixture
def alice(make_work: Any) -> UnitOfWork:
    work: UnitOfWork = make_work(by=ALICE)
    return work


@pytest.fixture
def bob(make_work: Any) -> UnitOfWork:
    work: UnitOfWork = make_work(by=BOB)
    return work


def test_it_is_posted_once_a_second_person_approved_it(alice: UnitOfWork, bob: UnitOfWork) -> None:
    asked = propose(alice, side("channel_fee_expense", 500), side("fee_income", -500), effective_on=date(2026, 9, 20))
    assert queries.entries_posted(alice.book.id) == 0
    with sql.transacting():
        refused = ledger.decide_entry(work=alice, approval_id=asked, approve=True, reason="mine")  # type: ignore[arg-type]
    assert isinstance(refused, Refused)
    assert refused.code == "same_person"
    entry = decide(bob, asked)
    (written,) = queries.written(alice.book.id, [entry])
    assert (written.kind, written.posted_on, written.effective_on) == ("manual", ON, date(2026, 9, 20))
    assert [(line.account.code, line.amount.minor, line.funder_id) for line in written.lines] == [
        ("channel_fee_expense", 500, alice.book.id),
        ("fee_income", -500, alice.book.id),
    ]
    assert queries.journal_entries(alice.book.id, [asked]) == {asked: entry}  # type: ignore[list-item]
    assert decide(bob, asked).code == "already_decided"
    assert [a.id for a in approvals.listed(book_id=alice.book.id, state=None, action=ledger.JOURNAL)] == [asked]


def test_what_was_rejected_is_never_posted(alice: UnitOfWork, bob: UnitOfWork) -> None:
    asked = propose(alice, side("channel_fee_expense", 500), side("fee_income", -500))
    assert decide(bob, asked, approve=False) is None
    assert queries.entries_posted(alice.book.id) == 0


def test_a_movement_at_the_bank_is_expected_by_reconciliation(alice: UnitOfWork, bob: UnitOfWork) -> None:
    sides = [side("channel_fee_expense", 500), side("bank_cash", -500)]
    assert decide(bob, propose(alice, *sides, movement="fee", reference="CHARGE-10"))
    (moved,) = reconciliation.movements(book_id=alice.book.id, source="bank", on=ON)
    assert (moved.kind, moved.reference, moved.amount) == ("fee", "CHARGE-10", cny(-500))
    bank = payments.money_accounts(book_id=alice.book.id)[OPERATING].id
    assert queries.money_balances(alice.book.id) == {("bank_cash", bank): -500}


def test_an_account_of_money_is_named_by_its_own_code(alice: UnitOfWork) -> None:
    def asked(account: str | None, component: str = "bank_cash") -> UUID | Refused:
        return propose(alice, side("suspense", 5), side(component, -5, account), movement="other", reference="X")

    assert isinstance(asked(OPERATING), UUID)
    for refused in (asked("piggy-bank"), asked("anything", "fee_income")):
        assert isinstance(refused, Refused)
        assert refused.code == "unknown_money_account"


def test_a_day_that_was_open_when_it_was_asked_may_be_over_when_it_is_approved(alice: UnitOfWork, next_day: Any, make_work: Any) -> None:
    asked = propose(alice, side("channel_fee_expense", 500), side("fee_income", -500))
    later = replace(next_day(alice), by=BOB)
    entry = decide(later, asked)
    (written,) = queries.written(alice.book.id, [entry])
    assert (written.posted_on, written.effective_on) == (later.day.on, later.day.on)


def test_what_can_no_longer_be_posted_goes_on_waiting(alice: UnitOfWork, bob: UnitOfWork) -> None:
    asked = propose(alice, side("channel_fee_expense", 500), side("fee_income", -500))
    never = replace(bob, day=replace(bob.day, on=date(2026, 12, 1)))
    with pytest.raises(RefusedError, match="day_not_open"):
        decide(never, asked)
    assert isinstance(asked, UUID)
    found = approvals.by_id(book_id=alice.book.id, approval_id=asked)
    assert found is not None
    assert found.state == "waiting"


def test_the_refusals_come_in_their_order_of_precedence() -> None:
    owner = uuid4()

    def lines(*named: tuple[str, int, dict[str, Any]]) -> tuple[Line, ...]:
        return tuple(Line(AccountKey(code, rest.pop("owner", None)), cny(minor), **rest) for code, minor, rest in named)

    reason, tomorrow = "because", ON + timedelta(days=1)
    loan = {"loan_id": owner}
    asked = [
        ("reason_invalid", ManualEntry(lines(("no_such", 0, {})), " ", tomorrow)),
        ("reason_invalid", ManualEntry(lines(("no_such", 0, {})), "x" * 501, tomorrow)),
        ("too_many_lines", ManualEntry(lines(("no_such", 0, {})) * 201, reason, tomorrow)),
        ("unknown_component", ManualEntry(lines(("no_such", 0, {})), reason, tomorrow)),
        ("not_by_hand", ManualEntry(lines(("loan_principal", 0, loan)), reason, tomorrow)),
        ("dimension_not_allowed", ManualEntry(lines(("suspense", 0, loan)), reason, tomorrow)),
        ("movement_not_allowed", ManualEntry(lines(("suspense", 0, {"movement": "fee"})), reason, tomorrow)),
        ("owner_needed", ManualEntry(lines(("bank_cash", 0, {})), reason, tomorrow)),
        ("movement_needed", ManualEntry(lines(("bank_cash", 0, {"owner": owner})), reason, tomorrow)),
        ("movement_needed", ManualEntry(lines(("bank_cash", 0, {"owner": owner, "movement": "fee"})), reason, tomorrow)),
        ("effective_in_future", ManualEntry(lines(("suspense", 0, {})), reason, tomorrow)),
        ("too_few_lines", ManualEntry(lines(("suspense", 0, {})), reason)),
        ("zero_line", ManualEntry(lines(("suspense", 0, {}), ("fee_income", 5, {})), reason)),
        ("unbalanced", ManualEntry(lines(("suspense", 1, {}), ("fee_income", 5, {})), reason)),
    ]  # fmt: skip
    found = [(code, fault(given, ON)) for code, given in asked]
    assert [(code, refused.code if refused else None) for code, refused in found] == [(code, code) for code, _ in asked]


def test_no_component_that_something_else_keeps_is_posted_to_by_hand() -> None:
    """Those that the proofs of a close compare with a sub-ledger, or that are limited."""
    kept = {
        "credit_line", "credit_line_contra", "merchant_available", "merchant_pending", "merchant_reserve", "merchant_frozen",
        "funder_share", "agent_share", "host_share", "payouts_in_transit", "consumer_balance",
        "collections_clearing", "purchase_clearing", "unearned_discount", "loan_principal", "loan_interest",
        "loan_fees",
        "loan_penalties",
        "loan_allowance",
    }  # fmt: skip
    assert {code for code, account in CHART.items() if not account.manual} == kept


# ---------------------------------------------------------------------------------------------------------------------- by raw SQL


def _head(
    connection: psycopg.Connection[Any], work: UnitOfWork, accounts: list[tuple[UUID, int]], *, effective: str = "2026-10-01"
) -> UUID:
    """An entry by hand; from its third line on it is of an order."""
    entry = uuid4()
    connection.execute(
        "INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id)"
        " VALUES (%s, %s, '2026-10-01', %s, now(), 'manual', %s, 'user:mallory', '')",
        [entry, work.book.id, effective, len(accounts)],
    )
    values = [
        value
        for n, (account, minor) in enumerate(accounts, start=1)
        for value in (entry, n, work.book.id, account, minor, work.book.id, uuid4() if n > 2 else None)
    ]
    connection.execute(
        "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id, order_id) VALUES "
        + ", ".join(["('2026-10-01', %s, %s, %s, %s, %s, 'CNY', %s, %s)"] * len(accounts)),
        values,
    )
    return entry


def test_nothing_is_posted_by_hand_that_nobody_approved(alice: UnitOfWork, account_id: Any, as_role: Any) -> None:
    writer = as_role("default")
    _head(writer, alice, [(account_id("channel_fee_expense"), 5), (account_id("fee_income"), -5)])
    with pytest.raises(errors.CheckViolation, match="approved by nobody"):
        writer.commit()


@pytest.mark.parametrize("wrong", ["nothing", "amount", "account", "order", "more", "effective", "waiting", "other"])
def test_only_what_was_approved_is_taken_as_approved(alice: UnitOfWork, bob: UnitOfWork, account_id: Any, as_role: Any, wrong: str) -> None:
    asked = propose(alice, side("channel_fee_expense", 500), side("fee_income", -500))
    debit, credit = account_id("channel_fee_expense"), account_id("fee_income")
    action = None
    if wrong == "other":
        with sql.transacting():
            action = approvals.request(
                work=alice, action="product.publish", object_kind="entry", object_id=None, content={"lines": []}, reason=""
            )
    if wrong != "waiting":
        with sql.transacting():
            approvals.decide(work=bob, approval_id=action or asked, approve=True, reason="")  # type: ignore[arg-type]
    writer = as_role("default")
    rows = {
        "amount": [(debit, 501), (credit, -501)],
        "account": [(debit, 500), (account_id("discount_income"), -500)],
        "order": [(credit, -500), (debit, 500)],
        "more": [(debit, 500), (credit, -500), (debit, 9), (credit, -9)],
    }.get(wrong, [(debit, 500), (credit, -500)])
    entry = _head(writer, alice, rows, effective="2026-10-01" if wrong != "effective" else "2026-09-30")
    link = "INSERT INTO ledger_journal (book_id, approval_id, entry_id, posted_on) VALUES (%s, %s, %s, '2026-10-01')"
    if wrong == "nothing":
        writer.execute(link, [alice.book.id, asked, entry])
        writer.commit()
        return
    with pytest.raises(errors.CheckViolation, match="was not approved"):
        writer.execute(link, [alice.book.id, action or asked, entry])


@pytest.mark.parametrize("statement", ["UPDATE ledger_journal SET posted_on = posted_on", "DELETE FROM ledger_journal"])
def test_the_journal_stays(as_role: Any, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("default").execute(statement)


def test_the_seal_says_who_approved(alice: UnitOfWork, bob: UnitOfWork, as_role: Any, until: Any) -> None:
    entry = decide(bob, propose(alice, side("channel_fee_expense", 500), side("fee_income", -500)))

    def seal() -> bool:
        with sql.transacting():
            return ledger.seal(work=bob, limit=9)[0] == 1

    until(seal)
    assert queries.verify(alice.book.id).intact
    owner = as_role("owner")
    owner.execute("DELETE FROM ledger_journal WHERE book_id = %s", [alice.book.id])
    owner.commit()
    assert queries.verify(alice.book.id).bad_entry == entry
