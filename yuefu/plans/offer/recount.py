"""Whether a printed cost table adds up, from the table alone: no terms, no schedule, nothing but what the consumer was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from yuefu.money.amounts import Money
from yuefu.money.rates import Rounding, divide
from yuefu.plans.annual_cost import AnnualCost, AnnualCostError, DatedFlow, annual_cost
from yuefu.plans.offer.disclosure import ABOVE_CASH_PRICE, EACH_PERIOD, INTEREST, NOTHING_ELSE, ONCE


def faults(content: Mapping[str, Any]) -> list[str]:
    """The names of what does not add up in a cost table; empty for a true one. Raises KeyError for what is no such table."""
    rows, items = content["instalments"], content["items"]
    received = content["principal_minor"] - _excess(content)
    paid = sum(row["total_minor"] for row in rows)
    at_start = sum(row["total_minor"] for row in rows if not row["no"])
    checks = {
        "principal_of_instalments": sum(row["principal_minor"] for row in rows) == content["principal_minor"],
        "each_instalment": all(row["total_minor"] == _parts(row) for row in rows),
        "paid_total": paid == content["paid_total_minor"],
        "net_received": content["net_received_minor"] == received - at_start,
        "term": _term(content),
        "each_item": all(item["amount_minor"] == _charged(content, item) for item in items),
        "items_of_instalments": _items_of_rows(rows) <= {item["code"] for item in items},
        "basis": all(_basis_holds(content, item) for item in (*items, *content["paid_by_others"])),
        "items_total": sum(item["amount_minor"] for item in items) == content["items_total_minor"],
        "nothing_else": content["items_total_minor"] == paid - received and content["statement"] == NOTHING_ELSE,
        "annualised": all(item["annualised_pct"] == _alone(content, item) for item in items),
        "annual_cost": content["annual_cost"] == _all_in(content, received),
        "late_cap": all(_cap_holds(content, cost["basis"]) for cost in content["contingent"] if cost["code"] == "late_cap"),
    }
    return [name for name, holds in checks.items() if not holds]


def _excess(content: Mapping[str, Any]) -> int:
    """What the principal is above the cash price."""
    cash = content["cash_price_minor"]
    return 0 if cash is None else max(content["principal_minor"] - cash, 0)


def _parts(row: Mapping[str, Any]) -> int:
    return int(row["principal_minor"] + row["interest_minor"] + sum(row["fees_minor"].values()))


def _term(content: Mapping[str, Any]) -> bool:
    """The numbers run on, the days rise from the day of lending, and the term says how many, from when to when."""
    rows, said = content["instalments"], content["term"]
    later = [row for row in rows if row["no"]]
    days = [content["drawn_on"], *(row["due_on"] for row in later)]
    return (
        [row["no"] for row in rows] == list(range(rows[0]["no"], rows[0]["no"] + len(rows)))
        and rows[0]["no"] in (0, 1)
        and all(row["due_on"] == content["drawn_on"] for row in rows if not row["no"])
        and all(one < other for one, other in pairwise(days))
        and [len(later), later[0]["due_on"], later[-1]["due_on"]] == [said[name] for name in ("periods", "first_due_on", "last_due_on")]
    )


def _of_row(item: Mapping[str, Any], row: Mapping[str, Any]) -> int:
    """What of an item a row asks."""
    return int(row["interest_minor"] if item["code"] == INTEREST else row["fees_minor"].get(item["code"], 0))


def _charged(content: Mapping[str, Any], item: Mapping[str, Any]) -> int:
    """An item summed up from the instalments; the excess over the cash price is in their principal."""
    if item["code"] == ABOVE_CASH_PRICE:
        return _excess(content)
    return sum(_of_row(item, row) for row in content["instalments"])


def _items_of_rows(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The codes of all that instalments ask beside principal."""
    return {code for row in rows for code in row["fees_minor"]} | ({INTEREST} if any(row["interest_minor"] for row in rows) else set())


def _basis_holds(content: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Whether the amount of an item is what its basis says, as far as a basis says an amount."""
    basis = item["basis"]
    if basis["code"] == "cash_price":
        return bool(basis["cash_price_minor"] == content["cash_price_minor"])
    if "times" not in basis:
        return True
    times = {ONCE: 1, EACH_PERIOD: content["term"]["periods"]}[item["charged"]]
    share = basis["code"] != "share_of_principal" or basis["each_minor"] == _share(content, basis["rate_ppm"])
    return bool(share and basis["times"] == times and item["amount_minor"] == basis["each_minor"] * times)


def _share(content: Mapping[str, Any], ppm: int) -> int:
    unit = content["rounding"]["unit_minor"]
    return divide(content["principal_minor"] * ppm, 1_000_000 * unit, Rounding(content["rounding"]["mode"])) * int(unit)


def _cap_holds(content: Mapping[str, Any], basis: Mapping[str, Any]) -> bool:
    most = divide(content["principal_minor"] * basis["rate_ppm"], 1_000_000, Rounding(content["rounding"]["mode"]))
    return bool(basis["amount_minor"] == most)


def _all_in(content: Mapping[str, Any], received: int) -> dict[str, str] | None:
    cost = _cost(content, received, [row["total_minor"] for row in content["instalments"]])
    return None if cost is None else {"compound_pct": cost.compound_text(), "simple_pct": cost.simple_text()}


def _alone(content: Mapping[str, Any], item: Mapping[str, Any]) -> str | None:
    excess = _excess(content) if item["code"] == ABOVE_CASH_PRICE else 0
    payments = [row["principal_minor"] + _of_row(item, row) for row in content["instalments"]]
    cost = _cost(content, content["principal_minor"] - excess, payments)
    return None if cost is None else cost.compound_text()


def _cost(content: Mapping[str, Any], received: int, payments: Sequence[int]) -> AnnualCost | None:
    """The annual cost of payments on the printed days; None where no rate balances them."""
    currency, days = content["currency"], [date.fromisoformat(row["due_on"]) for row in content["instalments"]]
    try:
        return annual_cost(
            draws=[DatedFlow(date.fromisoformat(content["drawn_on"]), Money(received, currency))],
            payments=[DatedFlow(on, Money(minor, currency)) for on, minor in zip(days, payments, strict=True) if minor],
        )
    except AnnualCostError:
        return None
