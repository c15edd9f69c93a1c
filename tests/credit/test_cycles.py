"""Billing cycles: they tile the time of an account whatever is changed, and a change counts from the next bill day on."""

from datetime import date, timedelta
from itertools import islice, pairwise

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.credit.test_accounts import LIMIT, codes, consumer, open_accounts, opened, states
from yuefu.credit import commands as credit
from yuefu.credit import queries, rules
from yuefu.credit.commands import ChangeDays, OpenAccount
from yuefu.credit.rules import LEAST_DAYS_TO_PAY, SHORTEST_CYCLE, DaysStep
from yuefu.errors import one
from yuefu.runtime import sql

OPENED = date(2026, 10, 12)
YEARS = [date(year, month, 1) for year in (2026, 2027, 2028) for month in range(1, 13)]
DAYS = st.integers(1, 28)


def on(text):
    return date.fromisoformat(text)


def bills(steps, count, since=None):
    return [(str(c.period.start), str(c.bill_on), str(c.due_on), str(c.covers_until)) for c in islice(rules.cycles(steps, since), count)]


def test_an_account_is_billed_each_month_on_its_day_and_repays_on_the_next_of_its_repayment_days():
    assert bills([DaysStep(OPENED, 15, 25)], 4) == [
        ("2026-10-12", "2026-10-15", "2026-10-25", "2026-11-21"),
        ("2026-10-15", "2026-11-15", "2026-11-25", "2026-12-21"),
        ("2026-11-15", "2026-12-15", "2026-12-25", "2027-01-21"),
        ("2026-12-15", "2027-01-15", "2027-01-25", "2027-02-21"),
    ]


def test_a_repayment_day_too_close_to_the_bill_is_that_of_the_next_month():
    (cycle,) = islice(rules.cycles([DaysStep(OPENED, 20, 26)]), 1)
    assert (cycle.bill_on, cycle.due_on) == (on("2026-10-20"), on("2026-11-26"))
    (cycle,) = islice(rules.cycles([DaysStep(OPENED, 20, 27)]), 1)
    assert cycle.due_on == on("2026-10-27")


def test_the_last_days_that_every_month_has_are_clear_at_the_end_of_february():
    assert [c.bill_on for c in islice(rules.cycles([DaysStep(on("2027-01-28"), 28, 10)]), 3)] == [
        on("2027-02-28"), on("2027-03-28"), on("2027-04-28"),
    ]  # fmt: skip


def test_a_change_leaves_the_running_cycle_as_it_was_announced_and_is_never_followed_by_a_short_one():
    later = [DaysStep(OPENED, 15, 25), DaysStep(on("2026-11-15"), 20, 5)]
    assert bills(later, 3, on("2026-10-15")) == [
        ("2026-10-15", "2026-11-15", "2026-11-25", "2026-12-26"),
        ("2026-11-15", "2026-12-20", "2027-01-05", "2027-01-26"),
        ("2026-12-20", "2027-01-20", "2027-02-05", "2027-02-26"),
    ]


def test_of_two_changes_in_a_cycle_the_later_one_counts_and_one_back_changes_nothing():
    first, twice = DaysStep(OPENED, 15, 25), DaysStep(on("2026-11-15"), 20, 5)
    assert bills([first, twice, DaysStep(on("2026-11-15"), 3, 15)], 4) == bills([first, DaysStep(on("2026-11-15"), 3, 15)], 4)
    assert bills([first, twice, DaysStep(on("2026-11-15"), 15, 25)], 6) == bills([first], 6)


def test_the_usual_bill_day_leaves_ten_days_to_pay():
    for repayment_day in range(1, 29):
        cycles = islice(rules.cycles([DaysStep(OPENED, rules.usual_bill_day(repayment_day), repayment_day)]), 24)
        assert {10, 11, 12, 13} >= {(cycle.due_on - cycle.bill_on).days for cycle in cycles}


@given(st.sampled_from(YEARS), DAYS, st.lists(st.tuples(st.integers(0, 70), DAYS, DAYS), max_size=12), DAYS)
def test_whatever_is_changed_no_day_is_lost_and_none_is_billed_twice(opened_on, bill_day, changes, repayment_day):
    steps, today = [DaysStep(opened_on, bill_day, repayment_day)], opened_on
    for wait, new_bill, new_repayment in changes:
        today += timedelta(days=wait)
        announced = rules.running(steps, today)
        assert today in announced.period
        steps.append(DaysStep(announced.bill_on, new_bill, new_repayment))
        assert rules.running(steps, today).period == announced.period, "a running cycle ends as it was announced"
        assert rules.running(steps, today).due_on == announced.due_on
    cycles = list(islice(rules.cycles(steps), len(changes) * 3 + 6))
    assert cycles[0].period.start == opened_on
    for cycle, following in pairwise(cycles):
        assert cycle.period.end == following.period.start
        assert following.period.days >= SHORTEST_CYCLE
        assert following.period.days <= SHORTEST_CYCLE + 31
        assert cycle.due_on >= cycle.bill_on + timedelta(days=LEAST_DAYS_TO_PAY)
        assert cycle.covers_until >= cycle.due_on
        # Whatever falls due later can still be asked for by the next bill in time.
        assert cycle.covers_until + timedelta(days=1) >= following.bill_on + timedelta(days=LEAST_DAYS_TO_PAY)
        days = rules.in_force(steps, cycle.period.start)
        assert (cycle.bill_on.day, cycle.due_on.day) == (days.bill_day, days.repayment_day)
        assert next(rules.cycles(steps, following.period.start)) == following
        for within in (cycle.period.start, cycle.period.end - timedelta(days=1)):
            assert rules.running(steps, within) == cycle


# ------------------------------------------------------------------------------------------------------------------------ in the tables


def change(work, *changes):
    with sql.transacting():
        return credit.change_days(work=work, changes=list(changes))


def days(key, account, bill_day, repayment_day, *reasons):
    return ChangeDays(key, account, bill_day, repayment_day, reasons or ("asked_by_consumer",))


def end(work, *accounts):
    with sql.transacting():
        return [(ended.account_id, ended.cycle.bill_on) for ended in credit.end_cycles(work=work, account_ids=list(accounts))]


def in_force(account):
    found = queries.accounts(ids=[account])[account]
    return found.bill_day, found.repayment_day


def test_a_change_keeps_both_days_with_who_when_why_and_from_which_cycle_on(work, vault):
    account = opened(work, vault)
    assert one(change(work, days("d1", account, 5, 20, "salary_day_moved"))) == DaysStep(on("2026-11-01"), 5, 20)
    first, second = queries.days_history(account_id=account)
    assert (first.step, first.reasons) == (DaysStep(on("2026-10-01"), 1, 10), ("account_opened",))
    assert (second.step, second.reasons, second.recorded_by, second.recorded_at) == (
        DaysStep(on("2026-11-01"), 5, 20), ("salary_day_moved",), work.by.label, work.now,
    )  # fmt: skip
    assert in_force(account) == (1, 10), "until the next bill day"
    kept = sql.rows("SELECT seq, old_bill_day, old_repayment_day FROM credit_days_change WHERE account_id = %s ORDER BY seq", [account])
    assert kept == [(1, None, None), (2, 1, 10)]


def test_a_change_is_told_with_the_days_before_it(work, vault):
    account = opened(work, vault)
    one(change(work, days("d1", account, 5, 20)))
    told = sql.rows(
        "SELECT seq, snapshot, changed, key FROM runtime_outbox WHERE type = 'credit_account.days_changed' AND object_id = %s", [account]
    )
    ((seq, snapshot, changed, key),) = told
    assert (seq, key) == (2, "d1")
    assert (snapshot["bill_day"], snapshot["repayment_day"], snapshot["from_on"]) == (5, 20, "2026-11-01")
    assert changed == {"bill_day": 1, "repayment_day": 10, "from_on": "2026-10-01"}


def test_refusals_name_what_is_wrong_and_change_nothing(work, vault):
    account, closed = opened(work, vault, 1), opened(work, vault, 2)
    states(work, credit.close, closed)
    outcomes = change(
        work,
        days("a", account, 29, 10),
        days("b", account, 5, 0),
        ChangeDays("c", account, 5, 20, ()),
        days("d", work.book.id, 5, 20),
        days("e", closed, 5, 20),
        days("f", account, 1, 10),
    )
    assert codes(outcomes) == ["day_invalid", "day_invalid", "reasons_missing", "unknown_account", "account_closed", "days_unchanged"]
    assert len(queries.days_history(account_id=account)) == 1
    assert codes(change(work, days("a", account, 5, 10))) == ["ok"], "what can be mended has not used its key"


def test_the_same_key_changes_once_and_other_days_under_it_are_refused(work, vault):
    account = opened(work, vault)
    first, twin, other = change(work, days("d", account, 5, 20), days("d", account, 5, 20), days("d", account, 6, 20))
    assert first == twin == DaysStep(on("2026-11-01"), 5, 20)
    assert (other.code, other.field) == ("key_reused", "bill_day")
    assert change(work, days("d", account, 5, 20)) == [first]
    assert len(queries.days_history(account_id=account)) == 2


def test_changed_twice_in_a_cycle_and_back_the_last_word_counts(work, vault, make_work):
    account = opened(work, vault)
    outcomes = change(work, days("a", account, 5, 20), days("b", account, 1, 10), days("c", account, 9, 19))
    assert [outcome.from_on for outcome in outcomes] == [on("2026-11-01")] * 3
    assert end(make_work(on=on("2026-10-31")), account) == []
    assert end(make_work(on=on("2026-11-01")), account) == [(account, on("2026-11-01"))]
    assert in_force(account) == (9, 19)
    assert end(make_work(on=on("2026-11-01")), account) == [], "done again it finds none"


def test_a_change_on_the_bill_day_counts_from_the_bill_after_whether_that_of_the_day_is_made_yet_or_not(work, vault, make_work):
    early, late = opened(work, vault, 1), opened(work, vault, 2)
    bill_day = make_work(on=on("2026-11-01"))
    assert end(bill_day, early) == [(early, on("2026-11-01"))]
    assert [o.from_on for o in change(bill_day, days("a", early, 20, 2), days("b", late, 20, 2))] == [on("2026-12-01")] * 2
    assert end(bill_day, early, late) == [(late, on("2026-11-01"))]
    december = make_work(on=on("2026-12-01"))
    assert sorted(end(december, early, late)) == sorted([(early, on("2026-12-01")), (late, on("2026-12-01"))])
    assert in_force(early) == in_force(late) == (20, 2)
    assert end(make_work(on=on("2026-12-20")), early) == [(early, on("2026-12-20"))]


def test_cycles_that_were_missed_end_one_after_the_other_with_the_days_of_each(work, vault, make_work):
    account = opened(work, vault)
    one(change(work, days("d", account, 20, 10)))
    late = make_work(on=on("2027-01-25"))
    ended = []
    while found := end(late, account):
        ended += [str(bill_on) for _, bill_on in found]
    assert ended == ["2026-11-01", "2026-11-20", "2026-12-20", "2027-01-20"]


def test_an_account_waits_for_its_bill_from_its_bill_day_on_and_a_closed_one_for_none(work, vault, make_work):
    account, closed = opened(work, vault, 1), opened(work, vault, 2)
    states(work, credit.close, closed)
    assert queries.to_bill(book_id=work.book.id, on=on("2026-10-31"), limit=9) == []
    assert queries.to_bill(book_id=work.book.id, on=on("2026-11-01"), limit=9) == [account]
    assert queries.to_bill(book_id=work.book.id, on=on("2026-11-01"), limit=9, except_of=[account]) == []
    assert end(make_work(on=on("2026-11-01")), closed) == []


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE credit_days_change SET bill_day = 3 WHERE account_id = %s",
        "DELETE FROM credit_days_change WHERE account_id = %s",
        "INSERT INTO credit_days_change SELECT gen_random_uuid(), book_id, account_id, consumer_id, 2, bill_day, repayment_day, 7, 7,"
        " recorded_on, reasons, 'me', now(), recorded_on FROM credit_days_change WHERE account_id = %s",
        "INSERT INTO credit_days_change SELECT gen_random_uuid(), book_id, account_id, consumer_id, 2, bill_day, repayment_day, bill_day,"
        " repayment_day, recorded_on + 9, reasons, 'me', now(), recorded_on FROM credit_days_change WHERE account_id = %s",
        "UPDATE credit_account SET next_bill_on = cycle_from WHERE id = %s",
    ],
)
def test_the_history_of_the_days_is_kept_by_the_table(work, vault, as_role, attack):
    account = opened(work, vault)
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation)):
        as_role("default").execute(attack, [account])


def test_an_account_opened_on_its_bill_day_has_a_whole_month_before_its_first_bill(work, vault):
    account = one(open_accounts(work, OpenAccount("o", consumer(work, vault), LIMIT, 1, 10, 1)))
    assert sql.rows("SELECT cycle_from, next_bill_on FROM credit_account WHERE id = %s", [account]) == [
        (on("2026-10-01"), on("2026-11-01"))
    ]
