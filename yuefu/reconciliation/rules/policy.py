"""The setting `reconciliation.policy` of a book: how long a side may be late, rules for suggestions, and checks of balances. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from yuefu.reconciliation.rules.checks import SetCheck, check_set
from yuefu.reconciliation.rules.criteria import Amount, Comparison, Criterion, Reference, Rule, When
from yuefu.reconciliation.rules.matching import DEFAULT_WINDOW_DAYS
from yuefu.reconciliation.rules.references import Grace

POLICY: Final = "reconciliation.policy"
DEFAULT_POLICY: Final[Mapping[str, Any]] = {
    "here_days": 1,
    "there_days": DEFAULT_WINDOW_DAYS,
    "suggestions": [
        {"name": "same_reference", "reference": "contains", "amount_drift": "0", "days": 30},
        {"name": "same_amount", "amount_drift": "0", "days": 7},
        {"name": "same_sum", "amount_drift": "0", "days": 7, "together": True},
        {"name": "near_amount", "reference": "contains", "amount_drift": "0.01", "days": 30},
    ],
    "checks": [],
}
_MOST_DAYS: Final = 365
_MOST_RULES: Final = 20
_CRITERIA: Final = ("reference", "amount_drift", "days")


@dataclass(frozen=True, slots=True)
class Policy:
    """How a book is reconciled: grace before what is late is a break, rules for suggestions in their order, and checks of balances."""

    grace: Grace
    rules: tuple[Rule, ...]
    checks: tuple[SetCheck, ...]


def policy(value: Mapping[str, Any]) -> Policy:
    """Raises ValueError or KeyError for what is no such setting. A drift is a decimal text from 0 to 1: "0.01" is one percent."""
    if set(value) != set(DEFAULT_POLICY):
        raise ValueError(f"it has {', '.join(DEFAULT_POLICY)} and nothing else")
    rules = tuple(map(_rule, _list("suggestions", value["suggestions"])))
    checks = tuple(map(check_set, _list("checks", value["checks"])))
    if len({rule.name for rule in rules}) < len(rules) or len({check.name for check in checks}) < len(checks):
        raise ValueError("each rule and each check has a name of its own")
    return Policy(Grace(_days("here_days", value["here_days"]), _days("there_days", value["there_days"])), rules, checks)


def _list(name: str, given: Any) -> list[Any]:
    if not isinstance(given, list) or len(given) > _MOST_RULES:
        raise ValueError(f"{name} is a list of at most {_MOST_RULES}")
    return given


def _rule(given: Any) -> Rule:
    if not isinstance(given, dict) or not set(given) <= {"name", "together", *_CRITERIA}:
        raise ValueError(f"a rule has a name, {', '.join(_CRITERIA)}, together, and nothing else")
    name, together = given.get("name"), given.get("together", False)
    if not isinstance(name, str) or not name.isidentifier() or not isinstance(together, bool):
        raise ValueError("a rule has a name of letters, digits and underscores; together is true or false")
    criteria = tuple(_criterion(kind, given[kind]) for kind in _CRITERIA if kind in given)
    if not criteria:
        raise ValueError(f"the rule {name} has none of {', '.join(_CRITERIA)}: it would fit nothing")
    return Rule(name, criteria, together)


def _criterion(kind: str, value: Any) -> Criterion:
    if kind == "reference":
        return Reference(Comparison(value))
    if kind == "days":
        return When(timedelta(days=_days(kind, value)))
    return Amount(_drift(value))


def _drift(value: Any) -> Fraction:
    if not isinstance(value, str) or not value.isascii() or not value.replace(".", "", 1).isdigit() or Fraction(value) > 1:
        raise ValueError('amount_drift is a decimal text from "0" to "1"')
    return Fraction(value)


def _days(name: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST_DAYS:
        raise ValueError(f"{name} is a whole number of days from 0 to {_MOST_DAYS}")
    return value
