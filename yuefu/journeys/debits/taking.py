"""Taking what falls due: planned ahead, announced where the channel wants that, sent on its day, ended as its collection ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from yuefu.dates.calendars import Calendar
from yuefu.errors import Refused
from yuefu.journeys import repayment
from yuefu.journeys.desk import Desk, in_batches, on_open_day, unless_held_up
from yuefu.loans import queries as loan_book
from yuefu.loans.rules import OnBook
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments import rules
from yuefu.payments.commands import DebitPlan, Drop, Take
from yuefu.payments.rules import (
    DEBIT_POLICY,
    DEFAULT_POLICY,
    Collection,
    CollectOrder,
    Mandate,
    NoticeOrder,
    NoticeResult,
    Policy,
    Standing,
)
from yuefu.runtime import calendars, policies
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.policies import MissingSetting
from yuefu.runtime.values import Book, UnitOfWork

AT_ONCE: Final = 2_000


def policy_in_force(book: Book, on: date) -> Policy:
    """The policy of a book on a day. A book from before there was one has the values that a new one begins with, as version 0."""
    try:
        version, value = policies.in_force(book_id=book.id, name=DEBIT_POLICY, on=on)
    except MissingSetting:
        version, value = 0, DEFAULT_POLICY
    return rules.policy(version, value)


# ------------------------------------------------------------------------------------------------------------------------------- plan


def plan(*, desk: Desk, now: datetime) -> int:
    """Plans debits for what falls due in the days ahead, and for what fell due lately and was not planned; returns how many are new. What was paid
    ahead and waits for its day is not taken again.

    The event of a planned debit is the prior notice to the consumer: how much is taken, when, and by which mandate.
    """
    planned, after = 0, None
    while page := payment_book.mandates_active(book_id=desk.book.id, after=after, limit=AT_ONCE):
        planned += sum(one for one in plan_mandates(desk=desk, now=now, mandate_ids=[m.id for m in page]) if isinstance(one, int))
        after = page[-1].id
    return planned


def plan_mandates(*, desk: Desk, now: datetime, mandate_ids: Sequence[UUID]) -> list[int | Refused | Quarantined]:
    """Plans what is due by some mandates: how many debits of each are new."""
    return in_batches(desk, now, "debit.plan", mandate_ids, lambda batch: on_open_day(desk, now, batch, _plan))


def _plan(work: UnitOfWork, mandate_ids: Sequence[UUID]) -> list[int | Refused]:
    at = work.now.astimezone(work.book.tz)
    of, calendar = policy_in_force(work.book, work.day.on), calendar_of(work.book, at)
    since, until = at.date() - timedelta(days=of.catch_up_days), at.date() + timedelta(days=of.plan_days)
    held = payment_book.mandates(book_id=work.book.id, ids=mandate_ids)
    of_consumer = {one.consumer_id: one for one in held.values() if one.state == "active"}
    known = payment_book.debits_planned(book_id=work.book.id, mandate_ids=list(held), since=since)
    falling = loan_book.still_asked(work.book.id, list(of_consumer), since, until)
    waiting = payment_book.waiting_of(loan_ids=list({due.loan_id for due in falling}))
    plans = []
    for due in falling:
        mandate = of_consumer[due.consumer_id]
        slot = rules.slot(mandate.kind, due.due_on, at, calendar, of)
        amount = due.amount - Money(waiting.get((due.loan_id, due.due_on), 0), due.amount.currency)
        fresh = amount.minor > 0 and (mandate.id, due.loan_id, due.due_on) not in known
        if fresh and _signed_on(mandate, work.book) <= due.due_on and (mandate.valid_until is None or slot.debit_on <= mandate.valid_until):
            plans.append(DebitPlan(mandate, due.loan_id, due.due_on, amount, slot))
    begun = payments.plan_debits(work=work, plans=plans, policy_version=of.version) if plans else []
    return [sum(debit.mandate_id == mandate_id for debit in begun) for mandate_id in mandate_ids]


def _signed_on(mandate: Mandate, book: Book) -> date:
    assert mandate.signed_at is not None, "a mandate that is active was signed"
    return mandate.signed_at.astimezone(book.tz).date()


def calendar_of(book: Book, at: datetime) -> Calendar:
    """The days on which banks work, of this year and the next."""
    return calendars.calendar(book.calendar, at.year, at.year + 1)


# --------------------------------------------------------------------------------------------------------------------------- announce


def announce(*, desk: Desk, now: datetime) -> int:
    """Gives the prior notices of today, while wallets take them; returns how many were accepted. What is not answered is given again,
    under the same reference.
    """
    at = now.astimezone(desk.book.tz)
    if not rules.announces(at):
        return 0

    def find() -> list[UUID]:
        return payment_book.tries_to_announce(book_id=desk.book.id, on=at.date(), limit=AT_ONCE)

    def act(chosen: Sequence[UUID]) -> int:
        ask_again(desk, now, chosen)
        held = payment_book.standings(book_id=desk.book.id, try_ids=chosen)
        orders = [_notice(one) for one in held.values() if one.latest.state == "planned" and not one.doubted]
        told = book_notices(desk=desk, now=now, results=desk.channel.announce(orders=orders, now=now) if orders else [])
        return sum(one == "announced" for one in told)

    return by_pages(find, act)


def _notice(one: Standing) -> NoticeOrder:
    return NoticeOrder(one.latest.reference, one.mandate.contract, one.latest.amount, one.latest.debit_on)


def book_notices(*, desk: Desk, now: datetime, results: Sequence[NoticeResult]) -> list[str | Refused | Quarantined]:
    """Keeps what the channel says of prior notices: `announced`, `failed`, or "" where that is nothing new."""
    return in_batches(
        desk,
        now,
        "debit.notice",
        results,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: [*payments.settle_notices(work=work, results=given)]),
    )


# ------------------------------------------------------------------------------------------------------------------------------- send


def send(*, desk: Desk, now: datetime) -> int:
    """Sends the debits of today, while the channel takes them, and books what it says; returns how many were sent.

    Each takes no more than is still due of what it is for, less what is under way for the same loan. One of which a part was paid since it was
    announced is not sent, for a wallet takes the announced amount or nothing: it is announced anew.
    """
    at = now.astimezone(desk.book.tz)
    kinds = [kind for kind in rules.KINDS if rules.takes(kind, at, policy_in_force(desk.book, at.date()))]

    def find() -> list[UUID]:
        return payment_book.tries_to_send(book_id=desk.book.id, on=at.date(), kinds=kinds, limit=AT_ONCE)

    def act(chosen: Sequence[UUID]) -> int:
        ask_again(desk, now, chosen)
        return sum(told == "sent" for told in send_tries(desk=desk, now=now, try_ids=chosen))

    sent = by_pages(find, act)
    follow(desk=desk, now=now)
    return sent


def send_tries(*, desk: Desk, now: datetime, try_ids: Sequence[UUID]) -> list[str | Refused | Quarantined]:
    """Sends some tries and books what the channel says of them: `sent` where that was done now, else the state of the try."""
    begun: list[Collection] = []

    def act(batch: Sequence[UUID]) -> list[str | Refused]:
        attempts: list[Collection] = []
        outcomes = on_open_day(desk, now, batch, lambda work, given: _begin(work, given, attempts))
        begun.extend(attempts)  # Only now are they committed: what was rolled back is never sent.
        return outcomes

    outcomes = in_batches(desk, now, "debit.send", try_ids, act)
    orders = [CollectOrder(c.reference, c.instrument, c.amount, payer=str(c.consumer_id)) for c in begun]
    results = desk.channel.collect(orders=orders, now=now) if orders else []
    unless_held_up(lambda given: repayment.book(desk=desk, now=now, results=given), results)
    return outcomes


def _begin(work: UnitOfWork, try_ids: Sequence[UUID], begun: list[Collection]) -> list[str | Refused]:
    today = work.book.day_of(work.now)
    held = payment_book.standings(book_id=work.book.id, try_ids=try_ids, lock=True)
    fit = [one for one in held.values() if _may_go(one, today)]
    takes, drops = _parted(work, sorted(fit, key=lambda one: (one.debit.due_on, one.latest.id)))
    sent = {}
    for take, outcome in zip(takes, payments.begin_tries(work=work, takes=takes), strict=True):
        if isinstance(outcome, Collection):
            sent[take.of.latest.id] = outcome
    begun.extend(sent.values())
    payments.drop_tries(work=work, drops=drops)
    return ["sent" if i in sent else held[i].latest.state if i in held else "" for i in try_ids]


def _may_go(one: Standing, today: date) -> bool:
    """Whether a try that was found is still to be sent, now that it is locked: another worker may have sent it, or the consumer revoked it."""
    ready = one.latest.state == "announced" or (one.latest.state == "planned" and one.latest.announce_on is None)
    return ready and one.latest.debit_on == today and one.debit.state == "open" and one.mandate.state == "active" and not one.doubted


def _parted(work: UnitOfWork, fit: Sequence[Standing]) -> tuple[list[Take], list[Drop]]:
    """Which tries are sent and with how much, in order, and which are not. Of one loan each sees what those before it take."""
    owed = owed_of(work.book.id, [one.debit.loan_id for one in fit], work.day.on)
    under_way = payment_book.under_way(book_id=work.book.id, loan_ids=list(owed))
    taken: dict[UUID, int] = defaultdict(int)
    takes: list[Take] = []
    drops: list[Drop] = []
    for one in fit:
        debt = owed.get(one.debit.loan_id)
        due = debt.due(one.debit.due_on) if debt else 0
        if debt is None or due <= 0:
            drops.append(Drop(one, rules.NOTHING_DUE, "cancelled"))
            continue
        coming = under_way.get(one.debit.loan_id, {})
        may_come = sum(minor for day, minor in coming.items() if day is None or day <= one.debit.due_on)
        minor = min(one.latest.amount.minor, due - taken[one.debit.loan_id] - may_come)
        if minor <= 0:
            drops.append(Drop(one, rules.UNDER_WAY))
        elif minor < one.latest.amount.minor and one.latest.announce_on is not None:
            drops.append(Drop(one, rules.AMOUNT_CHANGED))
        else:
            takes.append(Take(one, Money(minor, one.latest.amount.currency), debt.order_id, debt.funder_id))
            taken[one.debit.loan_id] += minor
    return takes, drops


@dataclass(frozen=True, slots=True)
class Owed:
    """A loan as a debit sees it: whose order and money it is, and what is due by a day, in minor units, and neither paid nor here and waiting for
    a day by then.
    """

    order_id: UUID | None
    funder_id: UUID
    due: Callable[[date], int]


def owed_of(book_id: UUID, loan_ids: Sequence[UUID], on: date) -> dict[UUID, Owed]:
    """Loans of a book as they are seen from a day, by id; others are absent."""
    held = loan_book.on_book(list(dict.fromkeys(loan_ids)), on, book_id=book_id)
    waiting: dict[UUID, list[tuple[date, int]]] = defaultdict(list)
    for (loan_id, day), minor in payment_book.waiting_of(loan_ids=list(held)).items():
        waiting[loan_id].append((day, minor))

    def due_of(loan: OnBook) -> Callable[[date], int]:
        here = waiting[loan.dims.loan_id]
        return lambda on: loan.due(on).minor - sum(minor for day, minor in here if day <= on)

    return {i: Owed(loan.dims.order_id, loan.dims.funder_id, due_of(loan)) for i, loan in held.items()}


def ask_again(desk: Desk, now: datetime, try_ids: Sequence[UUID]) -> None:
    """Asks the channel for tries that failed, up to these: what it now tells otherwise is kept as a contradiction."""
    references = payment_book.collections_failed(book_id=desk.book.id, try_ids=try_ids)
    answers = desk.channel.query(references=references, now=now) if references else {}
    differing = [answer for answer in answers.values() if answer.outcome == "succeeded"]
    if differing:
        repayment.book(desk=desk, now=now, results=differing)


# ----------------------------------------------------------------------------------------------------------------------------- follow


def follow(*, desk: Desk, now: datetime) -> int:
    """Ends tries as their collections ended, whoever heard of it; returns how many."""

    def find() -> list[UUID]:
        answered = payment_book.tries_answered(book_id=desk.book.id, limit=AT_ONCE)
        return answered or payment_book.tries_late(book_id=desk.book.id, limit=AT_ONCE)

    return by_pages(find, lambda chosen: sum(told in ("succeeded", "failed") for told in follow_tries(desk=desk, now=now, try_ids=chosen)))


def follow_tries(*, desk: Desk, now: datetime, try_ids: Sequence[UUID]) -> list[str | Refused | Quarantined]:
    """Ends some tries as their collections ended: `succeeded`, `failed`, or "" where that is nothing new."""
    return in_batches(
        desk,
        now,
        "debit.follow",
        try_ids,
        lambda batch: on_open_day(desk, now, batch, lambda work, given: [*payments.follow_tries(work=work, try_ids=given)]),
    )


def by_pages(find: Callable[[], list[UUID]], act: Callable[[Sequence[UUID]], int]) -> int:
    """Acts on page after page, until there is none, or nothing of a page was done: what is left is for the next run."""
    done, before = 0, None
    while (page := find()) and page != before:
        done += act(page)
        before = page
    return done
