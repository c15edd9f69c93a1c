"""The table of all costs 综合融资成本明示表, made from the schedule itself. Pure.

Codes and parameters only; `wording` has the texts. Fields: principal, net amount received, term, each instalment, each cost item with
payee, way of charging, basis, amount and annualised value, the all-in annual cost (compound, and the simple one labelled as such),
contingent items, the statement that nothing else is charged, and the lender with its licence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Final

import orjson

from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding
from yuefu.offers.rules.product import Product
from yuefu.plans.annual_cost import AnnualCost, DatedFlow, annual_cost
from yuefu.plans.schedule import Instalment
from yuefu.plans.terms import Terms

TEMPLATE: Final = "cost-table-1"
INTEREST: Final = "interest"
NOTHING_ELSE: Final = "nothing_else_is_charged"
NO_CONTINGENT: Final = "none"
LATE_FEE: Final = "late_fee"
LATE_INTEREST: Final = "late_interest"
LATE_MOST: Final = "late_most"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """A cost table: its canonical JSON and the SHA-256 of that text (UTF-8)."""

    text: str
    hash: bytes
    template_version: str = TEMPLATE

    @property
    def content(self) -> dict[str, Any]:
        """The table as data."""
        content: dict[str, Any] = orjson.loads(self.text)
        return content


def disclose(*, product: Product, terms: Terms, instalments: Sequence[Instalment], cost: AnnualCost) -> Disclosure:
    """The cost table of a schedule. The same schedule of the same product always gives the same text and hash."""
    said = product.terms
    interest = sum(row.interest.minor for row in instalments)
    content = {
        "template": TEMPLATE,
        "product": {"code": said.code, "version": product.version, "name_zh": said.name_zh, "name_en": said.name_en, "payer": said.payer},
        "lender": {"name_zh": said.lender_zh, "name_en": said.lender_en, "licence": said.lender_licence},
        "currency": terms.principal.currency,
        "principal_minor": terms.principal.minor,
        "net_received_minor": terms.principal.minor,
        "drawn_on": terms.disbursed_on.isoformat(),
        "term": {
            "periods": terms.periods,
            "first_due_on": instalments[0].due_on.isoformat(),
            "last_due_on": instalments[-1].due_on.isoformat(),
        },
        "instalments": [_row(row) for row in instalments],
        "items": [
            {
                "code": INTEREST,
                "payee": "lender",
                "charged": "each_instalment",
                "basis": {"code": "annual_rate", "rate_ppm": terms.annual_rate.ppm, "day_count": terms.day_count.value},
                "amount_minor": interest,
                "annualised_pct": cost.compound_text(),
            }
        ],
        "items_total_minor": interest,
        "paid_total_minor": sum(row.total.minor for row in instalments),
        "annual_cost": {"compound_pct": cost.compound_text(), "simple_pct": cost.simple_text()},
        "contingent": _contingent(terms) or NO_CONTINGENT,
        "statement": NOTHING_ELSE,
        "rule_version": terms.rule_version,
    }
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
    return Disclosure(text.decode(), sha256(text).digest())


def _contingent(terms: Terms) -> list[dict[str, Any]]:
    """What being late costs, and what all of that is at most."""
    late, found = terms.late, list[dict[str, Any]]()
    if late.fee is not None and late.fee.minor:
        found.append({"code": LATE_FEE, "amount_minor": late.fee.minor, "grace_days": late.grace_days})
    if late.interest.ppm:
        found.append({"code": LATE_INTEREST, "rate_ppm": late.interest.ppm, "grace_days": late.grace_days})
    if found and late.cap is not None:
        found.append(
            {"code": LATE_MOST, "rate_ppm": late.cap.ppm, "amount_minor": late.cap.of(terms.principal, rounding=Rounding.DOWN).minor}
        )
    return found


def _row(row: Instalment) -> dict[str, Any]:
    return {
        "no": row.no,
        "due_on": row.due_on.isoformat(),
        "principal_minor": row.principal.minor,
        "interest_minor": row.interest.minor,
        "total_minor": row.principal.minor + row.interest.minor,
    }


def faults(content: Mapping[str, Any]) -> list[str]:
    """What does not add up in a cost table, recomputed from its printed schedule alone; empty for a true one."""
    rows = content["instalments"]
    paid = sum(row["total_minor"] for row in rows)
    cost = _cost_of_printed(content)
    checks = {
        "principal_of_instalments": sum(row["principal_minor"] for row in rows) == content["principal_minor"],
        "each_instalment": all(row["total_minor"] == row["principal_minor"] + row["interest_minor"] for row in rows),
        "paid_total": paid == content["paid_total_minor"],
        "items_total": sum(item["amount_minor"] for item in content["items"]) == content["items_total_minor"],
        "nothing_else": content["items_total_minor"] == paid - content["net_received_minor"],
        "term": [len(rows), rows[0]["due_on"], rows[-1]["due_on"]]
        == [content["term"][k] for k in ("periods", "first_due_on", "last_due_on")],
        "annual_cost": content["annual_cost"] == {"compound_pct": cost.compound_text(), "simple_pct": cost.simple_text()},
    }
    return [name for name, holds in checks.items() if not holds]


def _cost_of_printed(content: Mapping[str, Any]) -> AnnualCost:
    currency = content["currency"]
    return annual_cost(
        draws=[DatedFlow(date.fromisoformat(content["drawn_on"]), Money(content["net_received_minor"], currency))],
        payments=[DatedFlow(date.fromisoformat(row["due_on"]), Money(row["total_minor"], currency)) for row in content["instalments"]],
    )
