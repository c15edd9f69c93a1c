"""Reads of after-sales; every answer is a frozen value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from yuefu.aftersales.rules import DEFAULT_POLICY, POLICY, Asked, Case, Policy, policy
from yuefu.money.amounts import Money
from yuefu.runtime import policies, sql


@dataclass(frozen=True, slots=True)
class Step:
    """A step that a case took."""

    case_id: UUID
    no: int
    state: str
    on: date
    at: datetime
    actor: str
    reason: str
    paused_until: date | None


@dataclass(frozen=True, slots=True)
class Change:
    """An instalment of the loan of a capture before and after a case: what it asks in principal, interest and charges, and what is unpaid of it."""

    capture_id: UUID
    no: int
    due_on: date
    before: tuple[Money, Money, Money, Money]
    after: tuple[Money, Money, Money, Money]


@dataclass(frozen=True, slots=True)
class Back:
    """What of a collection goes back to the consumer."""

    collection_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class ChargeBack:
    """What a bank took back of a collection, and what of that is owed again; `won_on`, where a dispute brought it back."""

    id: UUID
    reference: str
    collection_id: UUID
    consumer_id: UUID
    amount: Money
    principal: Money
    interest: Money
    charges: Money
    reason: str
    taken_on: date
    entered_on: date
    entered_at: datetime
    won_by_id: UUID | None
    won_on: date | None

    @property
    def state(self) -> str:
        return "taken" if self.won_on is None else "won"


def policy_of(book_id: UUID, on: date) -> Policy:
    """How after-sales go in a book; as by default where it has no such setting."""
    try:
        return policy(policies.in_force(book_id=book_id, name=POLICY, on=on)[1])
    except policies.MissingSetting:
        return policy(DEFAULT_POLICY)


_CASE = (
    "SELECT c.id, c.no, c.order_id, c.merchant_id, c.consumer_id, c.kind, c.asked_by, c.items, c.reason, c.amount_minor, c.price_minor, c.seen_on,"
    " c.currency, c.state, c.answer_by, c.opened_on, c.opened_at, c.handed_on, c.difference_paid, c.refund_id, c.refunded_minor, c.paused_until"
    " FROM aftersales_case AS c"
)


def _case(*row: Any) -> Case:
    case_id, no, order_id, merchant_id, consumer_id, kind, asked_by, items, reason, amount, price, seen_on, currency, *rest = row
    state, answer_by, opened_on, opened_at, handed_on, difference_paid, refund_id, refunded, paused_until = rest
    asked = Asked(kind, asked_by, items, reason, _money(amount, currency), _money(price, currency), seen_on)
    head = (case_id, no, order_id, merchant_id, consumer_id, asked, currency, state, answer_by, opened_on, opened_at, handed_on)
    return Case(*head, difference_paid, refund_id, Money(refunded, currency), paused_until)


def _money(minor: int | None, currency: str) -> Money | None:
    return None if minor is None else Money(minor, currency)


def cases(*, book_id: UUID, ids: Sequence[UUID], lock: bool = False) -> dict[UUID, Case]:
    """Cases by id; with `lock`, for update until the transaction ends, ids ascending. Unknown ones are absent."""
    ending = " ORDER BY c.id" + (" FOR NO KEY UPDATE" if lock else "")
    found = sql.rows_as(_case, f"{_CASE} WHERE c.book_id = %s AND c.id = ANY(%s){ending}", [book_id, sorted(set(ids))])
    return {one.id: one for one in found}


def listed(
    *, book_id: UUID, order_id: UUID | None, kinds: Sequence[str], states: Sequence[str], unanswered_on: date | None, limit: int
) -> list[Case]:
    """The latest cases of a book, newest first: of an order, of kinds, in states, or those that nobody answered in time before a day."""
    where = (
        " WHERE c.book_id = %(book)s AND (%(order)s::uuid IS NULL OR c.order_id = %(order)s) AND (%(kinds)s::text[] = '{}' OR c.kind = ANY(%(kinds)s))"
        " AND (%(states)s::text[] = '{}' OR c.state = ANY(%(states)s))"
        " AND (%(late)s::date IS NULL OR (c.state = 'asked' AND c.answer_by < %(late)s)) ORDER BY c.opened_at DESC, c.id DESC LIMIT %(limit)s"
    )
    given = {"book": book_id, "order": order_id, "kinds": list(kinds), "states": list(states), "late": unanswered_on, "limit": limit}
    return sql.rows_as(_case, _CASE + where, given)


def open_kinds(*, book_id: UUID, order_ids: Sequence[UUID]) -> set[tuple[UUID, str]]:
    """The kinds of which orders have an open case."""
    found = sql.rows(
        "SELECT order_id, kind FROM aftersales_case WHERE book_id = %s AND order_id = ANY(%s) AND state IN ('asked', 'agreed', 'in_hand')",
        [book_id, list(order_ids)],
    )
    return {(order_id, kind) for order_id, kind in found}


def steps(*, case_ids: Sequence[UUID]) -> dict[UUID, list[Step]]:
    """The steps of cases, in order."""
    found: dict[UUID, list[Step]] = defaultdict(list)
    for one in sql.rows_as(
        Step,
        "SELECT case_id, no, state, taken_on, taken_at, actor, reason, paused_until FROM aftersales_step WHERE case_id = ANY(%s) ORDER BY case_id, no",
        [list(case_ids)],
    ):
        found[one.case_id].append(one)
    return found


def steps_by_id(ids: Sequence[UUID]) -> dict[UUID, Step]:
    found = sql.rows(
        "SELECT id, case_id, no, state, taken_on, taken_at, actor, reason, paused_until FROM aftersales_step WHERE id = ANY(%s)",
        [list(ids)],
    )
    return {row[0]: Step(*row[1:]) for row in found}


_FIGURES = ", ".join(f"g.{part}_{side}_minor" for side in ("before", "after") for part in ("principal", "interest", "charges", "unpaid"))


def changes(*, case_ids: Sequence[UUID]) -> dict[tuple[UUID, int], list[Change]]:
    """What steps of cases changed of instalments, by case and number of the step, in the order of captures and due days."""
    found: dict[tuple[UUID, int], list[Change]] = defaultdict(list)
    for case_id, step_no, capture_id, no, due_on, currency, *figures in sql.rows(
        f"SELECT g.case_id, g.step_no, g.capture_id, g.no, g.due_on, c.currency, {_FIGURES} FROM aftersales_change AS g"
        " JOIN aftersales_case AS c ON c.id = g.case_id WHERE g.case_id = ANY(%s) ORDER BY g.case_id, g.step_no, g.capture_id, g.no",
        [list(case_ids)],
    ):
        one, two, three, four, *rest = (Money(minor, currency) for minor in figures)
        found[case_id, step_no].append(Change(capture_id, no, due_on, (one, two, three, four), (rest[0], rest[1], rest[2], rest[3])))
    return found


def backs(*, case_ids: Sequence[UUID]) -> dict[UUID, list[Back]]:
    """What cases sent back, by collection."""
    found: dict[UUID, list[Back]] = defaultdict(list)
    for case_id, collection_id, minor, currency in sql.rows(
        "SELECT case_id, collection_id, amount_minor, currency FROM aftersales_back WHERE case_id = ANY(%s) ORDER BY case_id, collection_id",
        [list(case_ids)],
    ):
        found[case_id].append(Back(collection_id, Money(minor, currency)))
    return found


_CHARGE_BACK = (
    "SELECT id, reference, collection_id, consumer_id, amount_minor, principal_minor, interest_minor, charges_minor, currency, reason, taken_on,"
    " entered_on, entered_at, won_by_id, won_on FROM aftersales_charge_back"
)


def _charge_back(*row: Any) -> ChargeBack:
    *head, amount, principal, interest, charges, currency = row[:9]
    figures = (Money(minor, currency) for minor in (amount, principal, interest, charges))
    return ChargeBack(*head, *figures, *row[9:])


def charge_backs(*, book_id: UUID, ids: Sequence[UUID]) -> dict[UUID, ChargeBack]:
    found = sql.rows_as(_charge_back, f"{_CHARGE_BACK} WHERE book_id = %s AND id = ANY(%s)", [book_id, list(ids)])
    return {one.id: one for one in found}


def charge_backs_by_reference(*, book_id: UUID, references: Sequence[str], lock: bool = False) -> dict[str, ChargeBack]:
    """Charge-backs by the bank's reference; with `lock`, for update until the transaction ends."""
    ending = " ORDER BY id" + (" FOR NO KEY UPDATE" if lock else "")
    found = sql.rows_as(_charge_back, f"{_CHARGE_BACK} WHERE book_id = %s AND reference = ANY(%s){ending}", [book_id, list(references)])
    return {one.reference: one for one in found}


def charge_backs_won(*, book_id: UUID, collection_ids: Sequence[UUID]) -> dict[UUID, ChargeBack]:
    """Charge-backs that were won, by the collection by which the money came back."""
    found = sql.rows_as(_charge_back, f"{_CHARGE_BACK} WHERE book_id = %s AND won_by_id = ANY(%s)", [book_id, list(collection_ids)])
    return {one.won_by_id: one for one in found if one.won_by_id}


def charge_backs_listed(*, book_id: UUID, limit: int) -> list[ChargeBack]:
    """The latest charge-backs of a book, newest first."""
    return sql.rows_as(_charge_back, f"{_CHARGE_BACK} WHERE book_id = %s ORDER BY entered_at DESC, id DESC LIMIT %s", [book_id, limit])
