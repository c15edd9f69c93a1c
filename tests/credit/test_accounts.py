"""Credit accounts: opening, limits, freezing, closing, and their side of the ledger."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from stdnum.cn import ric

from tests.people import person
from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.credit import commands as credit
from yuefu.credit import queries
from yuefu.credit.commands import ChangeLimit, OpenAccount, StateChange
from yuefu.credit.entries import draw_lines, line_key, restore_lines
from yuefu.errors import Refused, one
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_reads
from yuefu.ledger.rules import Entry, Hold
from yuefu.money.amounts import Money
from yuefu.runtime import approvals, sql

LIMIT = Money(500_000, "CNY")


def consumer(work, vault, number=1):
    body = f"11010119900307{number:03d}"
    person = NewConsumer(f"k{number}", f"c{number}", "王小明", f"1380000{number:04d}", body + ric.calc_check_digit(body + "0"))
    with sql.transacting():
        return one(consumers.register(work=work, vault=vault, consumers=[person]))


def open_accounts(work, *accounts):
    with sql.transacting():
        return credit.open_accounts(work=work, accounts=list(accounts))


def opened(work, vault, number=1):
    return one(open_accounts(work, OpenAccount(f"o{number}", consumer(work, vault, number), LIMIT, 1, 10, 1)))


def change(work, *changes):
    with sql.transacting():
        return credit.change_limits(work=work, changes=list(changes))


def states(work, verb, *accounts, reason="asked_by_consumer"):
    with sql.transacting():
        return verb(work=work, changes=[StateChange(account, reason) for account in accounts])


def post(work, key, lines):
    with sql.transacting():
        return ledger.post(work=work, entries=[Entry(key, "test", lines)])[0]


def line_of(work, account):
    return ledger_reads.limited(book_id=work.book.id, code="credit_line", owner_ids=[account])[account]


def codes(outcomes):
    return [outcome.code if isinstance(outcome, Refused) else "ok" for outcome in outcomes]


def test_an_opened_account_has_its_limit_in_the_ledger_and_in_its_history(work, vault):
    owner = consumer(work, vault)
    account_id = one(open_accounts(work, OpenAccount("o1", owner, LIMIT, 1, 10, 7)))
    account = queries.accounts_of(consumer_ids=[owner], currency="CNY")[owner]
    assert (account.id, account.limit, account.bill_day, account.repayment_day, account.state, account.policy_version) == (
        account_id, LIMIT, 1, 10, "active", 7,
    )  # fmt: skip
    assert line_of(work, account_id).available == LIMIT
    assert [(s.old_minor, s.new_minor, s.reasons) for s in queries.limit_history(account_id=account_id)] == [
        (0, 500_000, ("account_opened",))
    ]
    assert queries.accounts(ids=[account_id]) == {account_id: account}
    assert queries.accounts_of(consumer_ids=[owner], currency="USD") == {}


def test_a_consumer_has_one_account_and_a_key_opens_once(work, vault, ids):
    owner, closed = consumer(work, vault), consumer(work, vault, 2)
    with sql.transacting():
        one(consumers.close(work=work, consumer_ids=[closed]))
    ask = OpenAccount("o1", owner, LIMIT, 1, 10, 1)
    first = one(open_accounts(work, ask))
    assert open_accounts(work, ask, ask) == [first, first]
    outcomes = open_accounts(
        work,
        replace(ask, key="o2"),
        replace(ask, key="o3", consumer_id=ids.new(work.now)),
        replace(ask, key="o4", consumer_id=closed),
        replace(ask, key="o5", repayment_day=29),
        replace(ask, key="o6", bill_day=0),
        replace(ask, key="o7", limit=Money(-1, "CNY")),
        replace(ask, key="o8", limit=Money(1, "USD")),
    )
    assert codes(outcomes) == [
        "account_exists", "unknown_consumer", "consumer_closed", "day_invalid", "day_invalid", "limit_invalid", "currency_differs",
    ]  # fmt: skip


def test_two_requests_for_one_consumer_in_a_batch_open_one_account(work, vault):
    owner = consumer(work, vault)
    assert codes(open_accounts(work, *[OpenAccount(f"o{n}", owner, LIMIT, 1, 10, 1) for n in (1, 2)])) == ["ok", "account_exists"]


def test_drawing_and_restoring_moves_what_is_available(work, vault):
    account = opened(work, vault)
    seen = [line_of(work, account).available.minor]
    for key, lines in [("d1", draw_lines(account, Money(300_000, "CNY"))), ("r1", restore_lines(account, Money(100_000, "CNY")))]:
        assert not isinstance(post(work, key, lines), Refused)
        seen.append(line_of(work, account).available.minor)
    assert isinstance(post(work, "d2", draw_lines(account, Money(300_001, "CNY"))), Refused)
    assert [*seen, line_of(work, account).available.minor] == [500_000, 200_000, 300_000, 300_000]


@pytest.mark.parametrize("lines", [draw_lines, restore_lines])
def test_lines_of_the_credit_line_balance_and_carry_their_dimensions(ids, work, lines):
    order, loan, merchant, funder, account = ids.many(work.now, 5)
    debit, contra = lines(account, Money(5, "CNY"), order_id=order, loan_id=loan, merchant_id=merchant, funder_id=funder)
    assert debit.amount == -contra.amount
    assert debit.amount.minor == (5 if lines is draw_lines else -5)
    assert {(line.order_id, line.loan_id, line.merchant_id, line.funder_id) for line in (debit, contra)} == {
        (order, loan, merchant, funder)
    }
    assert (debit.account, contra.account.owner_id) == (line_key(account), None)
    with pytest.raises(AssertionError):
        lines(account, Money(0, "CNY"))


def test_limits_change_in_order_and_each_step_names_its_reasons(work, vault, ids):
    account = opened(work, vault)
    outcomes = change(
        work,
        ChangeLimit("c1", account, Money(800_000, "CNY"), ("on_time_record",)),
        ChangeLimit("c2", account, Money(800_000, "CNY"), ("again",)),
        ChangeLimit("c3", account, Money(200_000, "CNY"), ("income_fell", "overdue_elsewhere")),
        ChangeLimit("c4", account, Money(1, "CNY"), ()),
        ChangeLimit("c5", account, Money(1, "USD"), ("x",)),
        ChangeLimit("c6", ids.new(work.now), Money(1, "CNY"), ("x",)),
    )
    assert codes(outcomes) == ["ok", "limit_unchanged", "ok", "reasons_missing", "currency_differs", "unknown_account"]
    assert [(s.old_minor, s.new_minor) for s in queries.limit_history(account_id=account)] == [
        (0, 500_000), (500_000, 800_000), (800_000, 200_000),
    ]  # fmt: skip
    assert line_of(work, account).limit == queries.accounts(ids=[account])[account].limit == Money(200_000, "CNY")
    again = change(work, ChangeLimit("c1", account, Money(800_000, "CNY"), ("on_time_record",)))
    assert again == outcomes[:1]
    assert line_of(work, account).limit == Money(200_000, "CNY")


def test_a_limit_cut_below_what_is_drawn_lets_the_debt_only_fall(work, vault):
    account = opened(work, vault)
    post(work, "d1", draw_lines(account, Money(300_000, "CNY")))
    one(change(work, ChangeLimit("c1", account, Money(100_000, "CNY"), ("overdue",))))
    assert isinstance(post(work, "d2", draw_lines(account, Money(1, "CNY"))), Refused)
    assert not isinstance(post(work, "r1", restore_lines(account, Money(50_000, "CNY"))), Refused)


def test_a_frozen_account_thaws_and_a_reason_is_always_named(work, vault, ids):
    account = opened(work, vault)
    assert codes(states(work, credit.freeze, account, account, ids.new(work.now))) == ["ok", "not_allowed_from_state", "unknown_account"]
    assert queries.accounts(ids=[account])[account].state == "frozen"
    assert codes(states(work, credit.unfreeze, account, reason="")) == ["reasons_missing"]
    assert codes(states(work, credit.unfreeze, account)) == ["ok"]
    assert queries.accounts(ids=[account])[account].state == "active"


def test_an_account_in_use_does_not_close_and_a_closed_one_takes_nothing(work, vault, ids):
    drawn, held, free = (opened(work, vault, number) for number in (1, 2, 3))
    post(work, "d1", draw_lines(drawn, Money(1, "CNY")))
    with sql.transacting():
        hold = Hold(ids.new(work.now), line_key(held), Money(1, "CNY"), work.now + timedelta(days=1), ids.new(work.now))
        assert not isinstance(ledger.place_holds(work=work, holds=[hold])[0], Refused)
    assert codes(states(work, credit.close, drawn, held, free)) == ["still_in_use", "still_in_use", "ok"]
    assert isinstance(post(work, "d2", draw_lines(free, Money(1, "CNY"))), Refused)
    assert codes(change(work, ChangeLimit("c1", free, Money(1, "CNY"), ("x",)))) == ["account_closed"]


def test_events_of_an_account_are_numbered_without_gaps(work, vault):
    account = opened(work, vault)
    one(change(work, ChangeLimit("c1", account, Money(1, "CNY"), ("x",))))
    one(states(work, credit.freeze, account))
    found = sql.rows("SELECT seq, type FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [account])
    assert found == [(1, "credit_account.opened"), (2, "credit_account.limit_changed"), (3, "credit_account.state_changed")]


def test_a_limit_that_names_an_approval_is_the_approved_one_and_once(work, make_work, vault):
    account, other = opened(work, vault, 1), opened(work, vault, 2)
    alice, bob = (make_work(by=person(name)) for name in ("alice", "bob"))

    def asked(decided=True, **changed):
        about = {"action": credit.CHANGE_LIMIT, "object_kind": "credit_account", "object_id": account, "content": {"limit_minor": 600_000}}
        with sql.transacting():
            made = approvals.request(work=alice, reason="income rose", **about | changed)
            if decided:
                approvals.decide(work=bob, approval_id=made, approve=True, reason="proven")
        return made

    def refusal(approval):
        try:
            change(work, ChangeLimit(str(approval), account, Money(600_000, "CNY"), ("income_rose",), approval))
        except psycopg.errors.IntegrityError as error:
            return error.diag.constraint_name or error.diag.message_primary
        return "taken"

    wrong = [
        asked(decided=False), asked(action="product.publish"), asked(object_kind="product"), asked(object_id=other),
        asked(content={"limit_minor": 700_000}), account,
    ]  # fmt: skip
    assert {refusal(approval) for approval in wrong} == {f"this limit of credit account {account} was not approved"}
    right = asked()
    assert refusal(right) == "taken"
    one(change(work, ChangeLimit("back", account, Money(500_000, "CNY"), ("x",))))
    with pytest.raises(psycopg.errors.UniqueViolation, match="credit_limit_change_approval_once"):
        change(work, ChangeLimit("again", account, Money(600_000, "CNY"), ("x",), right))


def test_the_history_of_a_limit_is_append_only(work, vault, as_role):
    account = opened(work, vault)
    for statement in ("UPDATE credit_limit_change SET new_minor = 1", "DELETE FROM credit_limit_change", "DELETE FROM credit_account"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role("default") as writer:
            writer.execute(statement)
    with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
        writer.execute("UPDATE credit_account SET book_id = gen_random_uuid() WHERE id = %s", [account])


def test_a_consumer_reads_only_the_own_account(work, vault):
    mine, other = opened(work, vault, 1), opened(work, vault, 2)
    owner = queries.accounts(ids=[mine])[mine].consumer_id
    with sql.reading(consumer_id=owner):
        assert list(queries.accounts(ids=[mine, other])) == [mine]
        assert queries.limit_history(account_id=other) == []
        assert len(queries.limit_history(account_id=mine)) == 1
