"""Loans of rule version 2026-2 through the tables: kept, locked, posted; as the pure loan has it, whatever the order of entry."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.plans.lifecycle.lives import LIVES, lives
from tests.plans.lifecycle.small_loans import FEB, LENT, MAR, fen, terms
from yuefu.dates.calendars import Calendar
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_book
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.entries import Position
from yuefu.loans.queries import keeping
from yuefu.loans.rules import Party
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle import terms as t
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import as_of, in_order
from yuefu.plans.lifecycle.plain import written_state
from yuefu.plans.lifecycle.tally import told
from yuefu.plans.lifecycle.terms import LoanTerms, PaidBy, Part
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import UnitOfWork, system_actor

LATE = date(2030, 1, 1)
ZONE = ZoneInfo("Asia/Shanghai")
FEW = settings(
    max_examples=max(LIVES // 20, 10),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@pytest.fixture
def late(ids: IdSource) -> UnitOfWork:
    """A book whose first day is later than all that these loans live through."""
    return new_book(ids)


def new_book(ids: IdSource, on: date = LATE) -> UnitOfWork:
    now = datetime.combine(on, time(10), ZONE)
    with sql.transacting():
        made = books.create(code=f"test-{secrets.token_hex(6)}", legal_entity="Test Lender", mode="test", now=now, ids=ids, clock_at=now)
        ledger.make_partitions(first=on.replace(day=1), months=2)
        day = days.open_first(book=made, on=on, now=now)
    return UnitOfWork(made, day, now, system_actor("test"), ids)


def lend(work: UnitOfWork, agreed: LoanTerms, product: str = "flex") -> UUID:
    new = work.ids.many(work.now, 2)
    party = Party(new[0], None, None, new[1], None, work.book.id, product, agreed.currency, "elsewhere")
    with sql.transacting():
        assert living.agree(work=work, agreements=[(party, agreed)]) == [None]
    return new[0]


def enter(work: UnitOfWork, loan_id: UUID, *entries: Event | Undone) -> list[Entered | Refused]:
    sources = work.ids.many(work.now, len(entries))
    with sql.transacting():
        return living.enter(work=work, facts=[NewFact(s, loan_id, one) for s, one in zip(sources, entries, strict=True)])


def entered(work: UnitOfWork, loan_id: UUID, *entries: Event | Undone) -> Entered:
    outcomes = enter(work, loan_id, *entries)
    assert all(isinstance(one, Entered) for one in outcomes), outcomes
    last = outcomes[-1]
    assert isinstance(last, Entered)
    return last


def stored(loan_id: UUID) -> dict[str, Any]:
    """All that is kept of a loan but the order in which its facts were entered."""
    (book_id,) = sql.rows("SELECT book_id FROM loans_agreement WHERE id = %s", [loan_id])[0]
    life = keeping.read(book_id, [loan_id])[loan_id].life
    columns = ", ".join([*keeping.LINES, *keeping.ACCOUNTS, "until", "late_since", "bucket", "late_principal_minor"])
    stretch = sql.rows(f"SELECT {columns} FROM loans_stretch WHERE loan_id = %s", [loan_id])
    dues = sql.rows(
        "SELECT no, kind, start_on, due_on, principal_minor, interest_minor, fees_minor, penalties_minor, principal_settled_minor,"
        " interest_settled_minor, fees_settled_minor, penalties_settled_minor FROM loans_due WHERE loan_id = %s ORDER BY no",
        [loan_id],
    )
    return {"life": (life.waits_for, life.status, written_state(life.state), life.tally.told()), "stretch": stretch, "dues": dues}


def books_of(work: UnitOfWork) -> dict[str, int]:
    """What the ledger has of each component of a position."""
    found = ledger_book.totals(work.book.id, list(Position.__slots__))
    sums = dict.fromkeys(Position.__slots__, 0)
    for (code, *_), minor in found.items():
        sums[code] += minor
    return sums


def kept_positions(work: UnitOfWork) -> dict[str, int]:
    ids = [row[0] for row in sql.rows("SELECT loan_id FROM loans_checkpoint WHERE book_id = %s", [work.book.id])]
    with sql.transacting():
        kept = keeping.lock(work.book.id, ids)
    return {name: sum(getattr(one.running.position, name) for one in kept.values()) for name in Position.__slots__}


# --- as the pure loan has it ---


@FEW
@given(lives(), st.randoms(use_true_random=False))
def test_any_order_of_entry_leads_to_the_same_tables_and_the_same_ledger(
    ids: IdSource, life: tuple[LoanTerms, list[Event]], random: Random
) -> None:
    agreed, happened = life
    days_: dict[date, list[Event]] = {}
    for _, event in in_order(happened):
        days_.setdefault(event.on, []).append(event)
    first, *rest = days_.values()
    random.shuffle(rest)
    straight, other = new_book(ids), new_book(ids)
    one, two = lend(straight, agreed), lend(other, agreed)
    entered(straight, one, *happened)
    facts, refused = [*first], 0
    entered(other, two, *first)
    for of_day in rest:
        outcome = enter(other, two, *of_day)
        facts += [event for event, did in zip(of_day, outcome, strict=True) if isinstance(did, Entered)]
        refused += sum(isinstance(did, Refused) for did in outcome)
        assert books_of(other) == kept_positions(other), "after each step the ledger has what the loans have"
    if not refused:  # an event may need one that is entered later
        assert stored(two) == stored(one)
        assert books_of(other) == books_of(straight)
    state, tally = told(agreed, facts)
    with sql.transacting():
        kept = keeping.lock(other.book.id, [two])[two]
    assert (kept.life.state, kept.life.tally) == (state, tally)


@FEW
@given(lives(), st.data())
def test_done_and_undone_is_nothing(ids: IdSource, life: tuple[LoanTerms, list[Event]], data: st.DataObject) -> None:
    agreed, happened = life
    if len(happened) < 2:
        return
    work = new_book(ids)
    loan_id = lend(work, agreed)
    entered(work, loan_id, *happened[:-1])
    before, ledger_before = stored(loan_id), books_of(work)
    entered(work, loan_id, happened[-1])
    entered(work, loan_id, Undone(len(happened)))
    assert stored(loan_id) == before
    assert books_of(work) == ledger_before


@FEW
@given(lives())
def test_a_checkpoint_that_was_dropped_is_made_again(ids: IdSource, life: tuple[LoanTerms, list[Event]]) -> None:
    agreed, happened = life
    work = new_book(ids)
    loan_id = lend(work, agreed)
    entered(work, loan_id, *happened)
    with sql.transacting():
        kept = keeping.lock(work.book.id, [loan_id])[loan_id]
        sql.run("UPDATE loans_checkpoint SET state = '{\"format\": 0}' WHERE loan_id = %s", [loan_id])
        again = keeping.lock(work.book.id, [loan_id])[loan_id]
    assert again == kept


# --- one thing each ---


def test_a_loan_that_is_agreed_is_nothing_yet(late: UnitOfWork) -> None:
    loan_id = lend(late, terms())
    assert stored(loan_id)["dues"] == []
    assert not any(books_of(late).values())
    assert isinstance(enter(late, loan_id, e.Paid(FEB, fen(1)))[0], Refused)


def test_what_is_lent_and_paid_is_posted_and_stands_in_the_dues(late: UnitOfWork) -> None:
    loan_id = lend(late, terms(waterfall=t.Waterfall(excess=t.Excess.NEXT)))
    entered(late, loan_id, e.Disbursed(LENT, fen(1200_00)))
    done = entered(late, loan_id, e.Paid(FEB, fen(407_92)))
    assert (done.no, done.life.state.balance) == (2, 1200_00 - 395_69)
    first = stored(loan_id)["dues"][0]
    assert first[3:6] + first[8:10] == (FEB, 395_69, 12_23, 395_69, 12_23)
    assert books_of(late) == kept_positions(late)
    lines = sql.rows("SELECT e.effective_on, e.posted_on FROM ledger_entry e WHERE e.book_id = %s AND e.kind = 'loan.paid'", [late.book.id])
    assert lines == [(FEB, LATE)]


def test_a_refused_fact_disturbs_no_other_and_keeps_nothing(late: UnitOfWork) -> None:
    loan_id = lend(late, terms())
    entered(late, loan_id, e.Disbursed(LENT, fen(1200_00)))
    before = stored(loan_id)
    outcomes = enter(late, loan_id, e.Recovered(FEB, fen(1)), e.Disbursed(FEB, fen(1)), e.Paid(date(2031, 1, 1), fen(1)))
    assert [one.code for one in outcomes if isinstance(one, Refused)] == ["not_written_off", "more_than_agreed", "future_dated"]
    assert stored(loan_id) == before
    outcomes = enter(late, loan_id, e.Recovered(FEB, fen(1)), e.Paid(FEB, fen(10_00)))
    assert [type(one) for one in outcomes] == [Refused, Entered]


def test_a_back_dated_fact_that_leaves_a_later_one_impossible_is_refused(late: UnitOfWork) -> None:
    loan_id = lend(late, terms())
    entered(late, loan_id, e.Disbursed(LENT, fen(1200_00)), e.PaidOff(MAR))
    outcome = enter(late, loan_id, e.PaidOff(FEB))[0]
    assert isinstance(outcome, Refused)
    assert outcome.code == "nothing_owed"
    assert isinstance(enter(late, loan_id, Undone(2), e.PaidOff(FEB))[1], Entered)


def test_of_one_source_one_thing_is_entered(late: UnitOfWork) -> None:
    loan_id, source = lend(late, terms()), late.ids.new(late.now)
    fact = NewFact(source, loan_id, e.Disbursed(LENT, fen(600_00)))
    with sql.transacting():
        outcomes = living.enter(work=late, facts=[fact, fact])
    assert isinstance(outcomes[1], Refused)
    with sql.transacting():
        again = living.enter(work=late, facts=[fact])[0]
    assert isinstance(again, Refused)
    assert {outcomes[1].code, again.code} == {"already_entered"}


def test_a_loan_of_another_book_is_unknown(late: UnitOfWork, ids: IdSource) -> None:
    loan_id = lend(late, terms())
    outcome = enter(new_book(ids), loan_id, e.Disbursed(LENT, fen(1)))[0]
    assert isinstance(outcome, Refused)
    assert outcome.code == "unknown_loan"


def test_terms_in_another_currency_are_refused(late: UnitOfWork) -> None:
    new = late.ids.many(late.now, 2)
    with sql.transacting():
        outcome = living.agree(
            work=late, agreements=[(Party(new[0], None, None, new[1], None, late.book.id, "flex", "USD", "elsewhere"), terms())]
        )[0]
    assert isinstance(outcome, Refused)
    assert outcome.code == "currency_differs"


def test_terms_whose_calendar_could_not_be_read_again_are_refused_and_disturb_no_other(late: UnitOfWork) -> None:
    calendar = Calendar("CN", "1", frozenset(), frozenset(), date(2030, 12, 31))
    moving, new = terms(adjust=t.Adjust.FOLLOWING, calendar=calendar), late.ids.many(late.now, 3)
    agreements = [
        (Party(loan_id, None, None, new[2], None, late.book.id, "flex", "CNY", "elsewhere"), agreed)
        for loan_id, agreed in ((new[0], moving), (new[1], terms()))
    ]
    with sql.transacting():
        refused, kept = living.agree(work=late, agreements=agreements)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field, kept) == ("calendar_not_kept", "calendar", None)
    assert sql.rows("SELECT id FROM loans_agreement WHERE id = ANY(%s)", [new]) == [(new[1],)]


# --- what the database keeps ---


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE loans_agreement SET principal_minor = 1 WHERE id = %(loan)s",
        "UPDATE loans_sheet SET terms = '{}'",
        "DELETE FROM loans_agreement WHERE id = %(loan)s",
        "UPDATE loans_fact SET body = '{}' WHERE loan_id = %(loan)s",
        "DELETE FROM loans_fact WHERE loan_id = %(loan)s",
        "DELETE FROM loans_checkpoint WHERE loan_id = %(loan)s",
        "UPDATE loans_checkpoint SET seq = seq - 1 WHERE loan_id = %(loan)s",
        "UPDATE loans_stretch SET since = since - 1, until = until - 1 WHERE loan_id = %(loan)s",
        "UPDATE loans_stretch SET told = told - 1 WHERE loan_id = %(loan)s",
        "UPDATE loans_stretch SET loan_interest = loan_interest + 1 WHERE loan_id = %(loan)s",
        "DELETE FROM loans_stretch WHERE loan_id = %(loan)s",
        "UPDATE loans_checkpoint SET book_id = gen_random_uuid() WHERE loan_id = %(loan)s",
        "UPDATE loans_due SET interest_settled_minor = interest_minor + 1 WHERE loan_id = %(loan)s",
        "INSERT INTO loans_fact (id, book_id, loan_id, no, kind, undoes_no, body, source_id, recorded_at, recorded_on)"
        " VALUES (gen_random_uuid(), %(book)s, %(loan)s, 9, 'undone', 8, '{}', gen_random_uuid(), now(), '2030-01-01')",
        "INSERT INTO loans_fact (id, book_id, loan_id, no, kind, undoes_no, body, source_id, recorded_at, recorded_on)"
        " VALUES (gen_random_uuid(), %(book)s, %(loan)s, 9, 'paid', 1, '{}', gen_random_uuid(), now(), '2030-01-01')",
        "INSERT INTO loans_fact (id, book_id, loan_id, no, kind, effective_on, body, source_id, recorded_at, recorded_on)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), %(loan)s, 9, 'paid', '2025-02-01', '{}', gen_random_uuid(), now(), '2030-01-01')",
        "INSERT INTO loans_fact (id, book_id, loan_id, no, kind, effective_on, body, source_id, recorded_at, recorded_on)"
        " VALUES (gen_random_uuid(), %(book)s, %(loan)s, 1, 'paid', '2025-02-01', '{}', gen_random_uuid(), now(), '2030-01-01')",
    ],
)
def test_the_writer_cannot_rewrite_what_happened(
    statement: str, late: UnitOfWork, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    loan_id = lend(late, terms())
    entered(late, loan_id, e.Disbursed(LENT, fen(1200_00)), e.Paid(FEB, fen(1_00)))
    with pytest.raises(psycopg.Error), as_role("default") as writer:
        writer.execute(statement, {"loan": loan_id, "book": late.book.id})


def test_a_consumer_reads_its_own_loan_and_no_other(
    late: UnitOfWork, as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]]
) -> None:
    mine, other = lend(late, terms()), lend(late, terms())
    for loan_id in (mine, other):
        entered(late, loan_id, e.Disbursed(LENT, fen(1200_00)))
    consumer = sql.value("SELECT consumer_id FROM loans_agreement WHERE id = %s", [mine])
    with as_role("reader") as reader:
        for table, column in (("loans_agreement", "id"), ("loans_fact", "loan_id"), ("loans_due", "loan_id")):
            assert reader.execute(f"SELECT 1 FROM {table}").fetchall() == []
            reader.execute("SELECT set_config('yuefu.consumer', %s, true)", [str(consumer)])
            assert set(reader.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall()) == {(mine,)}
            reader.execute("SELECT set_config('yuefu.consumer', '', true)")


def test_figures_beyond_64_bits_are_kept_exactly(late: UnitOfWork) -> None:
    agreed = terms(principal=fen(10**13))
    loan_id = lend(late, agreed)
    entered(late, loan_id, e.Disbursed(LENT, fen(10**13)), e.Paid(FEB, fen(10**12), PaidBy.GOODWILL))
    with sql.transacting():
        kept = keeping.lock(late.book.id, [loan_id])[loan_id]
    expected, _ = told(agreed, [e.Disbursed(LENT, fen(10**13)), e.Paid(FEB, fen(10**12), PaidBy.GOODWILL)])
    assert max(kept.life.state.columns[7]) > 2**63
    assert written_state(kept.life.state) == written_state(expected)


def test_whoever_owes_something_that_falls_due_is_found_with_what_is_left_of_it(late: UnitOfWork) -> None:
    loan_id = lend(late, terms())
    entered(late, loan_id, e.Disbursed(LENT, fen(1200_00)), e.Paid(FEB, fen(100_00)))
    consumer = sql.value("SELECT consumer_id FROM loans_agreement WHERE id = %s", [loan_id])
    (found,) = loan_book.falling_due(late.book.id, FEB, "CNY")
    assert (found.consumer_id, found.loans) == (consumer, 1)
    first = stored(loan_id)["dues"][0]
    assert found.amount.minor == first[4] + first[5] - 100_00
    assert loan_book.falling_due(late.book.id, FEB, "USD") == loan_book.falling_due(late.book.id, LENT, "CNY") == []
    entered(late, loan_id, e.PaidOff(MAR))
    assert loan_book.falling_due(late.book.id, FEB, "CNY", consumer_ids=[consumer]) == []


def test_a_waiver_and_a_charge_are_posted(late: UnitOfWork) -> None:
    loan_id = lend(late, terms())
    charge = e.Charged(LENT, "post", Part.FEE, fen(5_00), FEB)
    entered(late, loan_id, e.Disbursed(LENT, fen(1200_00)), charge, e.Waived(FEB, Part.FEE, fen(2_00)))
    stands = books_of(late)
    assert (stands["loan_fees"], stands["loan_fee_income"], stands["fees_given_up"]) == (3_00, -5_00, 2_00)
    assert as_of(kept_state(late, loan_id), LATE).rows().fees[0] == 5_00


def kept_state(work: UnitOfWork, loan_id: UUID) -> Any:
    with sql.transacting():
        return keeping.lock(work.book.id, [loan_id])[loan_id].life.state


@pytest.mark.parametrize("upfront", [0, 3_00])
def test_an_early_default_is_of_the_first_instalments_and_of_nothing_that_is_due_at_once(late: UnitOfWork, upfront: int) -> None:
    agreed = terms(periods=3, fees=(t.Fee("opening", t.FeeWhen.UPFRONT, amount=fen(upfront)),) if upfront else ())
    loan_id = lend(late, agreed)
    entered(late, loan_id, e.Disbursed(LENT, agreed.principal))
    if upfront:
        assert loan_book.missed_early(late.book.id, [(loan_id, 12, 0)], LENT) == set()
        entered(late, loan_id, e.Paid(LENT, fen(upfront)))
    asked = [(row[3], fen(sum(row[4:8]))) for row in keeping.dues([loan_id])[loan_id] if row[1] == 0]
    for k, (due_on, amount) in enumerate(asked, start=1):
        for first, missed in [(k - 1, set()), (k, {loan_id}), (12, {loan_id})]:
            assert loan_book.missed_early(late.book.id, [(loan_id, first, 9)], due_on + timedelta(days=9)) == missed
        assert loan_book.missed_early(late.book.id, [(loan_id, k, 9)], due_on + timedelta(days=8)) == set()
        entered(late, loan_id, e.Paid(due_on, amount))
    assert len(asked) == 3


def checkpoint(loan_id: UUID) -> tuple[Any, ...]:
    """What is written of a loan, which may not know its last fact."""
    (row,) = sql.rows(
        "SELECT c.seq, c.waits_for, c.status, c.state::text, c.tally::text, s.behind FROM loans_checkpoint c JOIN loans_stretch s USING (loan_id)"
        " WHERE c.loan_id = %s",
        [loan_id],
    )
    return row


@pytest.mark.parametrize("last", [e.Paid(FEB, fen(50_00)), e.Paid(LENT, fen(50_00)), e.Paid(FEB, fen(2000_00)), Undone(2)])
def test_what_is_written_does_not_depend_on_what_came_together(late: UnitOfWork, last: Event | Undone) -> None:
    agreed = terms()
    facts = [e.Disbursed(LENT, agreed.principal), e.Paid(FEB, fen(10_00)), e.Paid(FEB, fen(30_00)), last, e.Paid(MAR, fen(1_00))]
    written = []
    for cuts in ([5], [1, 1, 1, 1, 1], [1, 3, 1], [2, 2, 1], [4, 1]):
        loan_id, left = lend(late, agreed), list(facts)
        for count in cuts:
            entered(late, loan_id, *left[:count])
            del left[:count]
        written.append(checkpoint(loan_id))
        life = keeping.read(late.book.id, [loan_id])[loan_id].life
        assert (life.state, life.tally) == told(agreed, [event for _, event in in_order(facts)])
        assert life.seq == written[-1][0] + written[-1][5] == 5
    assert written == [written[0]] * 5
