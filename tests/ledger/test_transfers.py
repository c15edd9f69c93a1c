"""Transfers on the real tables: what they write, what they keep free and closed, and what two who come at once may do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import (
    CREDIT,
    DEBIT,
    EVERYTHING,
    AccountKey,
    Entry,
    Held,
    Hold,
    HoldUse,
    LimitedAccount,
    Line,
    Moved,
    Posted,
    Transfer,
    chains,
)
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.batch import in_halves
from yuefu.runtime.values import UnitOfWork

SECOND = timedelta(seconds=1)
Open = Callable[..., AccountKey]
Told = list[str | int]


@pytest.fixture
def control(work: UnitOfWork) -> Open:
    """Opens a control account."""

    def make(currency: str = "CNY") -> AccountKey:
        key = AccountKey("suspense", uuid4())
        with sql.transacting():
            ledger.open_control(work=work, accounts=[(key, currency)])
        return key

    return make


@pytest.fixture
def limited(work: UnitOfWork) -> Open:
    """Opens an account with a limit: debits above credits, or with `side` CREDIT the other way round."""

    def make(limit: int = 0, side: Any = DEBIT, merchant_id: UUID | None = None) -> AccountKey:
        key = AccountKey("merchant_available", uuid4())
        with sql.transacting():
            ledger.open_limited(work=work, accounts=[LimitedAccount(key, Money(limit, "CNY"), merchant_id, side=side)])
        return key

    return make


def carry(work: UnitOfWork, *transfers: Transfer) -> Told:
    """By one transaction. Amounts of what was done, `again N` of what had been, the code of what was refused."""
    with sql.transacting():
        return [told(outcome) for outcome in ledger.transfer(work=work, transfers=transfers)]


def compete(work: UnitOfWork, *transfers: Transfer) -> Told:
    """As `carry`, with others: a second look where somebody was faster."""

    def act(batch: Sequence[Sequence[Transfer]]) -> list[Told]:
        told_all = iter(carry(work, *[t for chain in batch for t in chain]))
        return [[next(told_all) for _ in chain] for chain in batch]

    found = in_halves(chains(transfers), act)
    return [outcome for chain in found for outcome in (chain if isinstance(chain, list) else [repr(chain)])]


def told(outcome: Any) -> str | int:
    if isinstance(outcome, Moved):
        return f"again {outcome.amount.minor}" if outcome.again else outcome.amount.minor
    return outcome.code if isinstance(outcome, Refused) else repr(outcome)


def move(key: str, debit: AccountKey, credit: AccountKey, amount: int = 5, **rest: Any) -> Transfer:
    return Transfer(key, debit, credit, amount, "CNY", **rest)


def figures(work: UnitOfWork, *keys: AccountKey) -> list[list[int]]:
    found = queries.figures(work.book.id, keys, "CNY")
    return [found[key] for key in keys]


def expire(work: UnitOfWork, limit: int = 100) -> int:
    with sql.transacting():
        return ledger.expire_transfers(work=work, limit=limit)


# --------------------------------------------------------------------------------------------------------------------- what is written


def test_what_is_moved_is_an_entry_of_two_lines(work: UnitOfWork, control: Open, limited: Open) -> None:
    shop = uuid4()
    a, b = control(), limited(100, merchant_id=shop)
    with sql.transacting():
        (moved,) = ledger.transfer(work=work, transfers=[move("t", b, a, 7)])
    assert isinstance(moved, Moved)
    assert moved.amount == Money(7, "CNY")
    rows = sql.rows(
        "SELECT e.kind, e.actor, e.posted_on, e.effective_on, l.line_no, a.owner_id, l.amount_minor, l.merchant_id, l.funder_id FROM ledger_entry e"
        " JOIN ledger_line l ON l.entry_id = e.id JOIN ledger_account a ON a.id = l.account_id WHERE e.id = %s ORDER BY l.line_no",
        [moved.transfer_id],
    )
    day, book = work.day.on, work.book.id
    assert rows == [
        ("transfer", "system:test", day, day, 1, b.owner_id, 7, shop, book),
        ("transfer", "system:test", day, day, 2, a.owner_id, -7, None, book),
    ]


def test_nothing_moved_is_a_transfer_without_an_entry(work: UnitOfWork, control: Open) -> None:
    a, b = control(), control()
    assert carry(work, move("z", a, b, 0), move("z", a, b, 0), move("y", a, b, 9, balancing_debit=True)) == [0, "again 0", 0]
    assert queries.entries_posted(work.book.id) == 0
    assert queries.transferred(work.book.id, ["z", "y", "?"]) == {"z": 0, "y": 0}


def test_what_is_pending_is_held_of_the_limits_that_count_it(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, d, k = control(), limited(50), limited(50, CREDIT)
    assert carry(work, move("1", d, k, 30, pending=True), move("2", k, d, 40, pending=True), move("3", d, a, 21, pending=True)) == [
        30,
        40,
        "exceeds_credits",
    ]
    rows = sql.rows(
        "SELECT h.amount_minor, h.side, h.expires_at, a.owner_id FROM ledger_hold h JOIN ledger_account a ON a.id = h.account_id"
        " WHERE h.book_id = %s ORDER BY h.side",
        [work.book.id],
    )
    assert rows == [(30, -1, None, k.owner_id), (30, 1, None, d.owner_id)]
    assert figures(work, d, k) == [[30, 0, 40, 0], [40, 0, 30, 0]]
    assert carry(work, Transfer("4", post="1", amount_minor=12), Transfer("5", void="2")) == [12, 40]
    assert figures(work, d, k) == [[0, 12, 0, 0], [0, 0, 0, 12]]
    states = sql.rows("SELECT state, posted_minor, released_minor FROM ledger_hold WHERE book_id = %s", [work.book.id])
    assert states == [("posted", 12, 18)] * 2


def test_nothing_asked_is_nothing_done(work: UnitOfWork) -> None:
    assert carry(work) == []
    assert expire(work) == 0


def test_a_day_that_takes_no_entries_takes_no_transfer(work: UnitOfWork, make_work: Any, control: Open) -> None:
    asked = move("t", control(), control())
    assert carry(make_work(on=date(2026, 12, 1)), asked, asked) == ["day_not_open"] * 2
    assert carry(work, asked) == [5]


@pytest.mark.parametrize("key", ["", "k" * 256, "k" * 10_000, "a\x00b", "a\nb", "\ud800"])
def test_what_cannot_be_a_key_is_refused_and_harms_nobody(work: UnitOfWork, control: Open, key: str) -> None:
    a, b = control(), control()
    assert carry(work, move(key, a, b), move("好 k", a, b), Transfer("p", post=key)) == ["key_invalid", 5, "pending_transfer_not_found"]


def test_accounts_of_another_currency_book_or_chart_are_not_found(work: UnitOfWork, control: Open) -> None:
    a, dollars = control(), control("USD")
    assert carry(work, move("1", a, dollars), move("2", AccountKey("no_such"), a), replace(move("3", a, dollars), currency="USD")) == [
        "accounts_must_have_the_same_currency",
        "debit_account_not_found",
        "accounts_must_have_the_same_currency",
    ]
    assert carry(work, replace(move("4", dollars, control("USD")), currency="USD")) == [5]


def test_a_million_minor_units_too_many_are_refused(work: UnitOfWork, control: Open) -> None:
    a, b = control(), control()
    assert (
        carry(work, move("1", a, b, 10**15 + 1), move("2", a, b, EVERYTHING), move("3", a, b, 2**200), move("4", a, b, -1))
        == ["amount_out_of_range"] * 4
    )
    assert carry(work, move("1", a, b, 10**15), move("2", a, b, EVERYTHING, balancing_credit=True)) == [10**15, 0]


# ----------------------------------------------------------------------------------------------------------------------- order in a batch


def test_a_batch_uses_what_it_frees_itself(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, d = control(), limited(100)
    carry(work, move("p", d, a, 60, pending=True), move("q", d, a, 40, pending=True))
    assert carry(
        work,
        move("1", d, a, 1),
        Transfer("2", post="p", amount_minor=20),
        move("3", d, a, 40, pending=True),
        Transfer("4", void="q"),
        move("5", d, a, 40),
        Transfer("6", post="3", amount_minor=10),
        move("7", d, a, 31),
        move("8", d, a, 30, pending=True),
    ) == ["exceeds_credits", 20, 40, 40, 40, 10, "exceeds_credits", 30]
    assert figures(work, d, a) == [[30, 70, 0, 0], [0, 0, 30, 70]]


def test_an_account_is_opened_used_and_closed_again_by_one_batch(work: UnitOfWork, control: Open) -> None:
    a, b = control(), control()
    carry(work, move("c", a, b, 0, pending=True, closing_debit=True))
    assert carry(
        work,
        move("1", a, b),
        Transfer("2", void="c"),
        move("3", a, b),
        move("4", a, b, 2, pending=True, closing_debit=True, closing_credit=True),
        move("5", a, b),
    ) == ["debit_account_already_closed", 0, 5, 2, "debit_account_already_closed"]
    closed = "SELECT count(*) FROM ledger_account WHERE book_id = %s AND closed_at IS NOT NULL"
    assert sql.value(closed, [work.book.id]) == 2
    assert carry(work, Transfer("6", void="4"), move("7", b, a)) == [2, 5]
    assert sql.value(closed, [work.book.id]) == 0


def test_what_a_batch_makes_and_resolves_itself_holds_nothing(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, d = control(), limited(10)
    assert carry(
        work,
        move("p", d, a, 10, pending=True, closing_credit=True),
        Transfer("v", void="p"),
        move("q", d, a, 10, pending=True),
        Transfer("w", post="q", amount_minor=10),
    ) == [10, 10, 10, 10]
    assert sql.value("SELECT count(*) FROM ledger_hold WHERE book_id = %s", [work.book.id]) == 0
    assert figures(work, d) == [[0, 10, 0, 0]]
    assert carry(work, Transfer("x", void="q"), Transfer("y", post="p")) == [
        "pending_transfer_already_posted",
        "pending_transfer_already_voided",
    ]


# ------------------------------------------------------------------------------------------------------------------------------- time


def test_a_transfer_runs_out_exactly_at_its_second_and_frees_what_it_kept(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, d = control(), limited(10)
    carry(work, move("p", d, a, 6, pending=True, timeout=2 * SECOND), move("q", d, a, 4, pending=True, timeout=3 * SECOND))
    just_before = replace(work, now=work.now + 2 * SECOND - timedelta(microseconds=1))
    assert expire(just_before) == 0
    assert carry(just_before, Transfer("1", post="p", amount_minor=1, linked=True), move("2", a, a)) == [
        "linked_event_failed",
        "accounts_must_be_different",
    ]
    then = replace(work, now=work.now + 2 * SECOND)
    assert carry(then, Transfer("1", post="p"), move("3", d, a, 1)) == ["pending_transfer_expired", "exceeds_credits"]
    assert (expire(then), expire(then)) == (1, 0)
    assert figures(work, d, a) == [[4, 0, 0, 0], [0, 0, 4, 0]]
    assert carry(then, Transfer("4", void="p"), move("5", d, a, 6)) == ["pending_transfer_expired", 6]


def test_an_account_closed_until_a_moment_is_open_from_then_on(work: UnitOfWork, control: Open) -> None:
    a, b = control(), control()
    carry(work, move("p", a, b, 3, pending=True, timeout=SECOND), move("c", b, a, 0, pending=True, closing_credit=True, timeout=2 * SECOND))
    later = replace(work, now=work.now + SECOND)
    assert expire(later, limit=1) == 1
    assert carry(later, move("1", a, b)) == ["debit_account_already_closed"]
    later = replace(work, now=work.now + 2 * SECOND)
    assert expire(later) == 1
    assert carry(later, move("2", a, b), Transfer("3", void="c")) == [5, "pending_transfer_expired"]


def test_many_run_out_in_parts(work: UnitOfWork, control: Open) -> None:
    a, b = control(), control()
    carry(work, *[move(str(n), a, b, 1, pending=True, timeout=SECOND) for n in range(25)])
    later = replace(work, now=work.now + SECOND)
    assert [expire(later, limit=10) for _ in range(4)] == [10, 10, 5, 0]
    assert figures(work, a) == [[0, 0, 0, 0]]


# -------------------------------------------------------------------------------------------------------------------- beside other commands


def test_holds_and_entries_count_against_the_same_limit(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, d = control(), limited(100)
    place = [Hold(uuid4(), d, Money(30, "CNY"), work.now + SECOND)]
    carry(work, move("p", d, a, 60, pending=True))
    with sql.transacting():
        held = ledger.place_holds(work=work, holds=[*place, *[replace(place[0], id=uuid4())] * 2])
    assert [told(outcome) if isinstance(outcome, Refused) else "held" for outcome in held] == ["held", "limit_exceeded", "limit_exceeded"]
    assert carry(work, move("1", d, a, 11), move("2", d, a, 99, balancing_debit=True)) == ["exceeds_credits", 0]
    lines = (Line(d, Money(11, "CNY")), Line(a, Money(-11, "CNY")))
    with sql.transacting():
        (refused,) = ledger.post(work=work, entries=[Entry("e", "t", lines)])
    assert told(refused) == "limit_exceeded"
    assert figures(work, d) == [[90, 0, 0, 0]]
    assert carry(work, move("3", d, a, 10)) == [10]


def test_an_account_limited_by_its_credits_takes_holds_and_entries_on_that_side(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, k = control(), limited(100, CREDIT)
    hold = uuid4()
    with sql.transacting():
        placed = ledger.place_holds(
            work=work, holds=[Hold(hold, k, Money(80, "CNY"), work.now + SECOND), Hold(uuid4(), k, Money(21, "CNY"), work.now)]
        )
    assert [isinstance(outcome, Held) for outcome in placed] == [True, False]
    assert queries.limited(work.book.id, k.code, [k.owner_id])[k.owner_id].available == Money(20, "CNY")  # type: ignore[list-item,index]

    def entry(key: str, minor: int, taken: int | None = None) -> Entry:
        lines = (Line(a, Money(minor, "CNY")), Line(k, Money(-minor, "CNY")))
        return Entry(key, "t", lines, uses_hold=None if taken is None else HoldUse(hold, Money(taken, "CNY")))

    with sql.transacting():
        outcomes = ledger.post(
            work=work, entries=[entry("1", 21), entry("2", 50, 50), entry("3", -30, 30), entry("4", 21), entry("5", -50), entry("6", 70)]
        )
    assert [o.code if isinstance(o, Refused) else "posted" for o in outcomes] == [
        "limit_exceeded",
        "posted",
        "hold_account_differs",
        "limit_exceeded",
        "posted",
        "posted",
    ]
    assert figures(work, k) == [[0, 50, 30, 120]]
    assert queries.limited(work.book.id, k.code, [k.owner_id])[k.owner_id].available == Money(0, "CNY")  # type: ignore[list-item,index]


def test_nothing_is_posted_to_a_closed_account_by_other_commands_either(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, b, d = control(), control(), limited(100)
    carry(work, move("c", a, b, 0, pending=True, closing_debit=True), move("e", b, d, 0, pending=True, closing_credit=True))

    def entry(key: str, debit: AccountKey, credit: AccountKey) -> Entry:
        return Entry(key, "t", (Line(debit, Money(5, "CNY")), Line(credit, Money(-5, "CNY"))))

    asked = [entry("1", a, b), entry("2", b, a), entry("3", d, b), entry("4", b, control())]
    with sql.transacting():
        outcomes = ledger.post(work=work, entries=asked)
        (held,) = ledger.place_holds(work=work, holds=[Hold(uuid4(), d, Money(1, "CNY"), work.now + SECOND)])
    assert [o.code if isinstance(o, Refused) else "posted" for o in [*outcomes, held]] == ["account_closed"] * 3 + [
        "posted",
        "account_closed",
    ]
    carry(work, Transfer("v", void="c"))
    with sql.transacting():
        (again,) = ledger.post(work=work, entries=[replace(asked[0], key="5")])
    assert isinstance(again, Posted)


def test_an_account_that_is_closed_for_good_is_opened_by_no_transfer(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, d = control(), limited(100)
    carry(work, move("p", d, a, 5, pending=True))
    with sql.transacting():
        ledger.close_accounts(work=work, keys=[(d, "CNY")])
    assert carry(
        work, move("c", d, a, 0, pending=True, closing_debit=True), Transfer("1", post="p"), Transfer("2", void="p"), move("3", d, a)
    ) == [
        "debit_account_already_closed",
        "debit_account_already_closed",
        5,
        "debit_account_already_closed",
    ]


def test_figures_are_the_same_before_and_after_a_roll_up(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, d = control(), limited(100)
    carry(work, move("1", a, d, 30), move("2", d, a, 10), move("3", d, a, 5, pending=True), move("4", a, d, 7, pending=True))
    before = figures(work, a, d)
    assert before == [[7, 30, 5, 10], [5, 10, 7, 30]]
    with sql.transacting():
        ledger.roll_up(work=work)
    assert figures(work, a, d) == before
    assert carry(work, move("5", a, d, EVERYTHING, balancing_credit=True), move("6", d, a, EVERYTHING, balancing_debit=True)) == [0, 15]


# ------------------------------------------------------------------------------------------------------------------------ at the same time


def test_of_two_batches_with_the_same_keys_one_does_it_and_both_say_so(work: UnitOfWork, control: Open, background: Any) -> None:
    a, b = control(), control()
    batch = [move(str(n), a, b, n, linked=n % 3 == 1) for n in range(30)]
    answers = [future.result() for future in [background(lambda: compete(work, *batch)) for _ in range(4)]]
    assert [*range(30)] in answers
    for answer in answers:
        for n, outcome in enumerate(answer):
            assert outcome in (n, f"again {n}", "linked_event_failed"), (n, outcome)
    assert figures(work, a) == [[0, sum(range(30)), 0, 0]]


@pytest.mark.parametrize("pending", [True, False])
def test_many_at_once_never_exceed_a_limit(work: UnitOfWork, control: Open, limited: Open, background: Any, pending: bool) -> None:
    a, d = control(), limited(100)

    def some(who: int) -> Told:
        return [outcome for n in range(10) for outcome in compete(work, move(f"{who}:{n}", d, a, 3, pending=pending))]

    answers = [future.result() for future in [background(lambda who=who: some(who)) for who in range(6)]]
    done = [outcome for answer in answers for outcome in answer]
    assert (done.count(3), done.count("exceeds_credits")) == (33, 27)
    assert figures(work, d) == [[99 if pending else 0, 0 if pending else 99, 0, 0]]


def test_of_many_who_resolve_one_transfer_one_does(work: UnitOfWork, control: Open, limited: Open, background: Any) -> None:
    a, d = control(), limited(100)
    carry(work, move("p", d, a, 50, pending=True))
    asked = [Transfer(f"{verb}{n}", **{verb: "p"}) for n in range(4) for verb in ("post", "void")]
    answers = [future.result()[0] for future in [background(lambda t=t: compete(work, t)) for t in asked]]
    assert answers.count(50) == 1
    assert {str(answer) for answer in answers} <= {"50", "pending_transfer_already_posted", "pending_transfer_already_voided"}
    assert figures(work, d)[0] in ([0, 50, 0, 0], [0, 0, 0, 0])


def test_a_closing_waits_for_what_is_being_posted_and_nothing_is_posted_after_it(
    work: UnitOfWork, control: Open, background: Any, waits_for_a_lock: Any
) -> None:
    a, b = control(), control()
    closing = move("c", a, b, 0, pending=True, closing_debit=True)
    with sql.transacting():
        (posted,) = ledger.post(work=work, entries=[Entry("1", "t", (Line(a, Money(5, "CNY")), Line(b, Money(-5, "CNY"))))])
        closer = background(lambda: carry(work, closing))
        waits_for_a_lock()
        (moved,) = ledger.transfer(work=work, transfers=[move("2", a, b)])
    assert closer.result(timeout=10) == [0]
    assert isinstance(posted, Posted)
    assert isinstance(moved, Moved)
    assert figures(work, a) == [[0, 10, 0, 0]]
    assert carry(work, move("3", a, b)) == ["debit_account_already_closed"]


def test_who_closes_at_once_takes_turns(work: UnitOfWork, control: Open, background: Any) -> None:
    pairs = [(control(), control()) for _ in range(4)]

    def some(a: AccountKey, b: AccountKey) -> Told:
        names = [str(uuid4()) for _ in range(8)]
        batches = [(move(n, a, b, 1, pending=True, closing_debit=True), Transfer(f"v{n}", void=n), move(f"m{n}", a, b, 1)) for n in names]
        return [outcome for closing, opening, moving in batches for outcome in [*carry(work, closing), *carry(work, opening, moving)]]

    futures = [background(lambda pair=pair: some(*pair)) for pair in pairs]
    assert [future.result(timeout=30) for future in futures] == [[1] * 24] * 4


@pytest.mark.parametrize("verb", ["post", "transfer"])
def test_what_waited_for_a_closing_is_refused(work: UnitOfWork, control: Open, background: Any, waits_for_a_lock: Any, verb: str) -> None:
    a, b = control(), control()

    def act() -> str | int:
        with sql.transacting():
            if verb == "transfer":
                return told(ledger.transfer(work=work, transfers=[move("1", a, b)])[0])
            return told(ledger.post(work=work, entries=[Entry("1", "t", (Line(a, Money(5, "CNY")), Line(b, Money(-5, "CNY"))))])[0])

    with sql.transacting():
        ledger.transfer(work=work, transfers=[move("c", a, b, 0, pending=True, closing_debit=True)])
        waiting = background(act)
        waits_for_a_lock()
    assert waiting.result(timeout=10) == {"post": "account_closed", "transfer": "debit_account_already_closed"}[verb]
    assert figures(work, a) == [[0, 0, 0, 0]]


def test_who_balances_a_limited_account_at_once_never_takes_it_twice(
    work: UnitOfWork, control: Open, limited: Open, background: Any
) -> None:
    a, d = control(), limited()
    carry(work, move("in", a, d, 100))
    asked = [move(str(n), d, a, 30, balancing_debit=True) for n in range(8)]
    answers = [future.result()[0] for future in [background(lambda t=t: carry(work, t)) for t in asked]]
    assert sorted(answers) == [0, 0, 0, 0, 10, 30, 30, 30]


# -------------------------------------------------------------------------------------------------------------------------- from elsewhere


def test_money_on_hold_cannot_be_spent_bl_hold_01(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, d = control(), limited()
    carry(work, move("in", a, d, 1000))
    assert carry(work, move("hold", d, a, 600, pending=True), move("1", d, a, 500), move("2", d, a, 400)) == [600, "exceeds_credits", 400]


@pytest.mark.parametrize("how", ["one batch", "one by one", "at once"])
@pytest.mark.parametrize("by", ["transfers", "holds"])
def test_holds_count_when_they_are_placed_bl_181(
    work: UnitOfWork, control: Open, limited: Open, background: Any, how: str, by: str
) -> None:
    a, d = control(), limited()
    carry(work, move("in", a, d, 5000))

    def place(*numbers: int) -> list[bool]:
        if by == "transfers":
            return [outcome == 1000 for outcome in carry(work, *[move(f"h{n}", d, a, 1000, pending=True) for n in numbers])]
        with sql.transacting():
            placed = ledger.place_holds(work=work, holds=[Hold(uuid4(), d, Money(1000, "CNY"), work.now + SECOND) for _ in numbers])
        return [isinstance(outcome, Held) for outcome in placed]

    if how == "one batch":
        answers = place(*range(6))
    elif how == "one by one":
        answers = [place(n)[0] for n in range(6)]
    else:
        answers = [future.result()[0] for future in [background(lambda n=n: place(n)) for n in range(6)]]
    assert (answers.count(True), answers.count(False)) == (5, 1)
    assert figures(work, d) == [[5000, 0, 0, 5000]]


@pytest.mark.parametrize("minor", [0, -5])
def test_nothing_and_less_than_nothing_is_taken_of_a_hold_bl_315b(work: UnitOfWork, control: Open, limited: Open, minor: int) -> None:
    """A transfer may post nothing, which releases all (led-2ph-001); less than nothing nobody posts."""
    a, d, hold = control(), limited(100), uuid4()
    with sql.transacting():
        ledger.place_holds(work=work, holds=[Hold(hold, d, Money(50, "CNY"), work.now + SECOND)])
        lines = (Line(d, Money(minor, "CNY")), Line(a, Money(-minor, "CNY")))
        other = (Line(d, Money(10, "CNY")), Line(a, Money(-10, "CNY")))
        use = HoldUse(hold, Money(minor, "CNY"))
        outcomes = ledger.post(work=work, entries=[Entry("1", "t", lines, uses_hold=use), Entry("2", "t", other, uses_hold=use)])
    assert all(isinstance(outcome, Refused) for outcome in outcomes), outcomes
    assert figures(work, d) == [[50, 0, 0, 0]]
    if minor < 0:
        carry(work, move("p", d, a, 50, pending=True))
        assert carry(work, Transfer("q", post="p", amount_minor=minor)) == ["amount_out_of_range"]


def test_a_decline_is_sticky_for_its_key_idem_tb_001(work: UnitOfWork, control: Open, limited: Open) -> None:
    a, d = control(), limited()
    asked = move("T3", d, a, 10)
    assert carry(work, asked) == ["exceeds_credits"]
    assert carry(work, move("funding", a, d, 100), asked) == [100, "id_already_failed"]
    malformed = move("T4", d, d, 10)
    assert carry(work, malformed, move("T4", d, a, 10)) == ["accounts_must_be_different", 10]


def test_an_account_that_was_never_used_has_zero_not_nothing_reg_tb_2045(work: UnitOfWork, control: Open) -> None:
    used, unopened = control(), AccountKey("suspense", uuid4())
    for key in (used, unopened):
        assert queries.balance(work.book.id, key, "CNY") == Money(0, "CNY")
        assert queries.balance(work.book.id, key, "CNY", posted_until=date(2020, 1, 1), recorded_until=work.now) == Money(0, "CNY")
        assert queries.balances(work.book.id, [key], "CNY") == {key: Money(0, "CNY")}
        assert figures(work, key) == [[0, 0, 0, 0]]


def test_a_limit_written_in_decimals_is_exact_bl_prec_08(work: UnitOfWork, control: Open) -> None:
    a, d = control(), AccountKey("merchant_available", uuid4())
    with sql.transacting():
        ledger.open_limited(work=work, accounts=[LimitedAccount(d, Money.parse("0.29", "CNY"))])
    assert carry(work, move("1", d, a, 29), move("2", d, a, 1)) == [29, "exceeds_credits"]
