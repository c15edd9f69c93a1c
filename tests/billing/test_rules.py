"""How one payment is parted among loans: the oldest first, to the cent, and what is not due yet waits for its day."""

from datetime import date, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from yuefu.billing import rules
from yuefu.billing.rules import MOST_SHARES, Asked, Share, Target, less_waiting, spread, to_pay

TODAY = date(2026, 11, 20)
A, B, C = (UUID(int=n) for n in (1, 2, 3))


def day(n):
    return TODAY + timedelta(days=n)


def asked(loan, due, minor, bill=None, no=1):
    return Asked(loan, no, day(due), minor, bill)


ROWS = st.lists(
    st.builds(
        Asked,
        st.sampled_from([A, B, C]),
        st.integers(1, 36),
        st.integers(-60, 90).map(day),
        st.integers(1, 10_000),
        st.none() | st.integers(1, 5),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda row: (row.loan_id, row.no),
).map(lambda rows: less_waiting(rows, {}))


def test_what_is_due_is_paid_by_due_day_then_loan_and_is_one_share_a_loan():
    rows = less_waiting([asked(B, -5, 100), asked(A, -5, 70), asked(B, -30, 50, no=9), asked(A, 10, 40)], {})
    assert [(row.loan_id, row.minor) for row in rows] == [(B, 50), (A, 70), (B, 100), (A, 40)]
    assert spread(60, rows, TODAY) == [Share(B, 50, None), Share(A, 10, None)]
    assert spread(220, rows, TODAY) == [Share(B, 150, None), Share(A, 70, None)]


def test_what_is_not_due_yet_waits_for_its_own_day():
    rows = [asked(A, 0, 70), asked(A, 5, 40), asked(B, 9, 30)]
    assert spread(125, rows, TODAY) == [Share(A, 70, None), Share(A, 40, day(5)), Share(B, 15, day(9))]


def test_what_no_row_takes_goes_with_what_is_paid_at_once_and_so_comes_back():
    assert spread(100, [asked(A, 5, 40), asked(B, -1, 30)], TODAY) == [Share(A, 40, day(5)), Share(B, 60, None)]
    assert spread(100, [asked(B, 5, 40)], TODAY) == [Share(B, 40, day(5)), Share(B, 60, None)]


def test_there_are_never_more_shares_than_a_payment_may_have():
    rows = [Asked(UUID(int=n), 1, TODAY, 1, None) for n in range(MOST_SHARES + 50)]
    shares = spread(MOST_SHARES + 50, rows, TODAY)
    assert len(shares) <= MOST_SHARES
    assert sum(share.minor for share in shares) == MOST_SHARES + 50


@given(ROWS, st.integers(1, 200_000))
def test_a_payment_is_parted_to_the_cent_the_oldest_first(rows, minor):
    shares = spread(minor, rows, TODAY)
    assert sum(share.minor for share in shares) == minor
    assert all(share.minor > 0 for share in shares)
    assert len({(share.loan_id, share.waits_for) for share in shares}) == len(shares)
    assert all(share.waits_for is None or share.waits_for > TODAY for share in shares)
    left = minor
    wanted: dict[tuple[UUID, date | None], int] = {}
    for row in rows:
        key = (row.loan_id, None if row.due_on <= TODAY else row.due_on)
        wanted[key] = wanted.get(key, 0) + min(left, row.minor)
        left -= min(left, row.minor)
    beyond = {(s.loan_id, s.waits_for): s.minor - wanted.get((s.loan_id, s.waits_for), 0) for s in shares}
    assert sum(beyond.values()) == left
    assert all(not more or key[1] is None for key, more in beyond.items()), "only what goes back is beyond what is asked"


@given(ROWS, st.dictionaries(st.tuples(st.sampled_from([A, B, C]), st.integers(-60, 90).map(day)), st.integers(1, 20_000)))
def test_money_that_waits_is_not_asked_for_again(rows, waiting):
    left = less_waiting(rows, waiting)
    before, after = sum(row.minor for row in rows), sum(row.minor for row in left)
    asked_then = {key: sum(row.minor for row in rows if (row.loan_id, row.due_on) == key) for key in waiting}
    assert before - after == sum(min(minor, asked_then[key]) for key, minor in waiting.items())


def test_a_bill_asks_for_its_own_and_those_before_one_loan_for_its_own_and_all_for_everything():
    old, overdue, before, now, later, free = (
        asked(A, -9, 1, 1), asked(C, -1, 16), asked(C, 2, 32, 1), asked(A, 3, 2, 2), asked(B, 8, 4, 3), asked(B, 40, 8),
    )  # fmt: skip
    rows = [old, overdue, before, now, later, free]
    assert to_pay(rows, Target(bill_no=2), TODAY) == ([old, overdue, before, now], [later], [free])
    assert to_pay(rows, Target(loan_id=B), TODAY) == ([later], [], [free])
    assert to_pay(rows, Target(), TODAY) == ([old, overdue, before, now, later], [], [free])


def test_a_bill_is_paid_once_nothing_is_to_be_paid_and_overdue_while_something_is_late():
    from yuefu.money.amounts import Money

    def bill(*lines):
        zero = Money(0, "CNY")
        made = tuple(
            rules.BillLine(A, n, day(due), *(Money(m, "CNY") for m in (100, left, waits))) for n, (due, left, waits) in enumerate(lines)
        )
        at = rules.Bill(A, A, A, 1, day(-40), day(-9), day(1), day(20), Money(100 * len(lines), "CNY"), zero, zero, day(-9), None, made)
        return at.state(TODAY), at.to_pay.minor

    assert bill((0, 100, 0), (5, 100, 0)) == ("open", 200)
    assert bill((-1, 40, 0), (5, 100, 0)) == ("overdue", 140)
    assert bill((-1, 0, 0), (5, 100, 100)) == ("paid", 0)
