"""The journal in the plain text of Beancount, whose own checker proves it: every entry balances, and what is left is what we say. Pure.

An account is Class:Component, and below it the funder and product where the component is kept by them; whose it is stands with the posting.
What is off the balance sheet is below Equity:Memorandum, where its two sides cancel out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.ledger.rules.chart import CHART
from yuefu.ledger.rules.gl import decimal_text
from yuefu.ledger.rules.posting import AccountKey
from yuefu.ledger.rules.reversing import Written

_ROOTS: Final = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
    "memorandum": "Equity:Memorandum",
}
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9-]+")
_NAMED: Final = (("order", "order_id"), ("loan", "loan_id"), ("merchant", "merchant_id"))


@dataclass(frozen=True, slots=True)
class Sum:
    """What all accounts of a component × funder × product hold, in minor units, debit positive."""

    component: str
    funder_id: UUID | None
    product: str
    currency: str
    minor: int


def account_name(component: str, funder_id: UUID | None, product: str, own_funds: UUID) -> str:
    """The Beancount account of a component; two of ours are never one of theirs."""
    parts = [_ROOTS[CHART[component].cls], "".join(word.capitalize() for word in component.split("_"))]
    if funder_id is not None:
        parts.append("Own" if funder_id == own_funds else f"Funder-{funder_id.hex}")
    if product:
        plain = _NOT_IN_A_NAME.sub("-", product)
        # What had to be changed to be a name could be another product's: a few digits of the whole tell them apart.
        parts.append(f"Product-{plain}" if plain == product else f"Product-{plain}-{sha256(product.encode()).hexdigest()[:8]}")
    return ":".join(parts)


def beginning(*, title: str, currency: str, on: date, sums: Sequence[Sum], own_funds: UUID) -> Iterator[str]:
    """Options, and every account that is used, open from `on` for its currencies."""
    yield f'option "title" {_quoted(title)}\noption "operating_currency" "{currency}"\n\n'
    currencies: dict[str, set[str]] = {}
    for one in sums:
        currencies.setdefault(account_name(one.component, one.funder_id, one.product, own_funds), set()).add(one.currency)
    for name, held in sorted(currencies.items()):
        yield f"{on} open {name} {','.join(sorted(held))}\n"


def transactions(entries: Iterable[Written], own_funds: UUID) -> Iterator[str]:
    """Each entry on the day it was posted to, with its id and the day on which it was true."""
    for entry in entries:
        head = f'\n{entry.posted_on} * {_quoted(entry.kind)}\n  entry: "{ids.text("entry", entry.entry_id)}"\n  effective: {entry.effective_on}\n'
        lines = []
        for line in entry.lines:
            account: AccountKey = line.account
            name = account_name(account.code, account.funder_id, account.product, own_funds)
            lines.append(f"  {name}  {decimal_text(line.amount.minor, line.amount.currency)} {line.amount.currency}\n")
            told = {key: ids.text(key, value) for key, attribute in _NAMED if (value := getattr(line, attribute))}
            if account.owner_id:
                told["owner"] = str(account.owner_id)
            if line.funder_id not in (None, own_funds, account.funder_id):
                told["funder"] = ids.text("funder", line.funder_id)
            if line.movement:
                told |= {"movement": line.movement, "reference": line.reference}
            lines += [f"    {key}: {_quoted(value)}\n" for key, value in told.items()]
        yield head + "".join(lines)


def ending(*, on: date, sums: Sequence[Sum], own_funds: UUID) -> Iterator[str]:
    """What each account holds at the beginning of `on`: the checker compares it with what the entries add up to."""
    yield "\n"
    for one in sums:
        name = account_name(one.component, one.funder_id, one.product, own_funds)
        yield f"{on} balance {name}  {decimal_text(one.minor, one.currency)} {one.currency}\n"


def _quoted(text: str) -> str:
    plain = "".join(character if character.isprintable() else " " for character in text)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
