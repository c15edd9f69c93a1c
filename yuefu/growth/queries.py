"""Reads of what merchants plan and tell, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from yuefu.growth.rules.plans import Envelope, Plan
from yuefu.money.amounts import Money
from yuefu.runtime import sql


@dataclass(frozen=True, slots=True)
class Payable:
    """What a merchant owes a supplier; `how` it ended, where it did."""

    id: UUID
    supplier: str
    reference: str
    amount: Money
    due_on: date
    how: str | None
    ended_on: date | None


def plans(*, merchant_id: UUID) -> list[Plan]:
    """All versions of the plan of a merchant, the oldest first; none where it never chose."""
    return sql.rows_as(
        _plan, "SELECT merchant_id, version, valid_from, envelopes FROM growth_plan WHERE merchant_id = %s ORDER BY version", [merchant_id]
    )


def _plan(merchant_id: UUID, version: int, valid_from: date, envelopes: list[list[Any]]) -> Plan:
    return Plan(merchant_id, version, valid_from, tuple(Envelope(name, share) for name, share in envelopes))


def revenue(*, merchant_id: UUID, since: date, until: date) -> dict[date, Money]:
    """What a merchant said that it took, by month; a month of which it said nothing is absent."""
    found = sql.rows(
        "SELECT DISTINCT ON (month) month, amount_minor, currency FROM growth_revenue"
        " WHERE merchant_id = %s AND month BETWEEN %s AND %s ORDER BY month, version DESC",
        [merchant_id, since, until],
    )
    return {month: Money(minor, currency) for month, minor, currency in found}


def payables(*, merchant_id: UUID, ended: bool = False) -> list[Payable]:
    """What a merchant owes its suppliers, by due day; what has ended too where that is asked for."""
    return sql.rows_as(
        _payable,
        "SELECT p.id, p.supplier, p.reference, p.amount_minor, p.currency, p.due_on, e.how, e.ended_on FROM growth_payable AS p"
        " LEFT JOIN growth_payable_end AS e ON e.payable_id = p.id WHERE p.merchant_id = %s AND (%s OR e.payable_id IS NULL)"
        " ORDER BY p.due_on, p.supplier, p.reference",
        [merchant_id, ended],
    )


def _payable(row_id: UUID, supplier: str, reference: str, minor: int, currency: str, *rest: Any) -> Payable:
    return Payable(row_id, supplier, reference, Money(minor, currency), *rest)
