"""Opening balances of a book: what merchants are owed, what lies at banks and channels, and the rest of a trial balance, as one entry, posted once.

A file is CSV in UTF-8: a row an account, with its debit or its credit, and control totals in its last row or told beside it. Debits are credits, or
nothing is posted: what is missing is named as funds of the funder by whoever makes the file, never made up here. What other commands bring with what
stands behind it (loans, credit lines, money in suspense) is not opened by a figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.loan_tape.reading import Tape
from yuefu.journeys.loan_tape.rows import Fault, RowFault, day_in, money_in, name_in
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as ledger_book
from yuefu.ledger.rules import CHART, AccountKey, Entry, Line
from yuefu.ledger.rules.chart import OPENING
from yuefu.ledger.rules.posting import MOST_LINES
from yuefu.merchants import queries as merchants
from yuefu.money.amounts import Money, MoneyError
from yuefu.payments import queries as payments
from yuefu.payments.entries import COMPONENTS
from yuefu.runtime import days, keys
from yuefu.runtime.values import UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement.commands import Owed

COLUMNS: Final = ("component", "owner", "currency", "debit", "credit", "due_on")
TOTALS: Final = ("rows", "debit", "credit")
OPENED: Final = "opened_already"  # a book is opened once: what is wrong is corrected by an entry of its own
DAY_INVALID: Final = "day_invalid"
KIND: Final = "opening"

_OWED: Final = frozenset({"merchant_pending", "merchant_reserve"})
_ELSEWHERE: Final = frozenset({"suspense", "client_cash"})
"""Components that people may post to by hand and that are not opened by a figure: receipts stand behind the one, payouts behind the other."""


@dataclass(frozen=True, slots=True)
class Row:
    """A balance: debit positive. `owner` is the account of money or the merchant that has it, where there is one; a merchant is paid from `due_on` on."""

    line_no: int
    component: str
    owner: str
    amount: Money
    due_on: date | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is sound: so many balances, of which debits and credits are the same. `entry_id` is what was posted, None where nothing was;
    `again`: this very file was posted before."""

    rows: int
    debit: Money
    entry_id: UUID | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    faults: tuple[Fault, ...]


def bring_in(
    *, desk: Desk, now: datetime, path: Path, as_of: date, totals: Mapping[str, str], dry_run: bool = False
) -> Opened | Wrong | Refused:
    """Posts the balances of a file as they were by the end of `as_of`, a day before the open one. Refused with day_invalid, opened_already or
    no_open_day."""
    today = days.open_date(desk.book.id)
    if today is None or as_of >= today:
        return Refused(DAY_INVALID, f"the balances are those of the end of a day before the open one, {today}", "as_of")
    with path.open("rb") as file:
        tape = Tape(file, COLUMNS, "owner", "rows", ("debit", "credit"))
        read = [_row(line_no, cells, desk.book.currency) for line_no, cells in tape.rows()]
    sound, faults = [one for one in read if isinstance(one, Row)], [one for one in read if isinstance(one, Fault)]
    accounts = {(COMPONENTS[one.kind, one.purpose], code): one.id for code, one in payments.money_accounts(book_id=desk.book.id).items()}
    sellers = merchants.by_codes(book_id=desk.book.id, codes=sorted({one.owner for one in sound if one.component in _OWED}))
    faults += [*tape.faults, *_owners(sound, accounts, sellers), *_twice(sound)]
    faults = faults or _totals(sound, [given for given in (tape.footer, totals) if given], desk.book.currency)
    if faults:
        return Wrong(tuple(sorted(faults, key=lambda one: one.line_no)))
    found = Opened(len(sound), Money(sum(max(one.amount.minor, 0) for one in sound), desk.book.currency))
    if dry_run:
        return found
    with open_day(desk, now) as work:
        return work if isinstance(work, Refused) else _post(work, sound, as_of, found, accounts, sellers)


def _row(line_no: int, cells: Mapping[str, str], currency: str) -> Row | Fault:
    try:
        component, owner = name_in(cells, "component"), cells["owner"] and name_in(cells, "owner")
        if component not in CHART:
            raise RowFault("component", "unknown_component", f"the chart has no component {component!r:.40}")
        if not (component in _OWED or (CHART[component].manual and component not in _ELSEWHERE)):
            raise RowFault("component", "not_opened_here", f"{component} is not opened by a figure: what stands behind it comes with it")
        if cells["currency"] != currency:
            raise RowFault("currency", "currency_differs", f"this book is kept in {currency}, not in {cells['currency']!r:.10}")
        debit, credit = (money_in(cells, side, currency).minor for side in ("debit", "credit"))
        if min(debit, credit) < 0 or (debit > 0) == (credit > 0):
            raise RowFault("debit", "one_side_needed", "a balance is a debit or a credit above zero, and not both")
        due_on = day_in(cells, "due_on") if cells["due_on"] else None
        if due_on is not None and component not in _OWED:
            raise RowFault("due_on", "due_not_allowed", "only what merchants are owed has a day on which it is due")
        if component == "merchant_reserve" and (due_on is None or debit):
            raise RowFault("due_on", "due_missing", "a reserve is owed, and released on a day")
        return Row(line_no, component, owner, Money(debit - credit, currency), due_on)
    except RowFault as fault:
        return Fault(line_no, fault.column, fault.code, fault.detail)


def _owners(rows: Sequence[Row], accounts: Mapping[tuple[str, str], UUID], sellers: Mapping[str, UUID]) -> list[Fault]:
    found = []
    for one in rows:
        if one.component in _OWED:
            wrong = one.owner not in sellers
        elif CHART[one.component].kind == "money":
            wrong = (one.component, one.owner) not in accounts
        else:
            wrong = bool(one.owner)
        if wrong:
            found.append(Fault(one.line_no, "owner", "unknown_owner", f"{one.component} has no owner {one.owner!r:.70} here"))
    return found


def _twice(rows: Sequence[Row]) -> list[Fault]:
    seen: dict[tuple[str, str, date | None], int] = {}
    found = []
    for one in rows:
        first = seen.setdefault((one.component, one.owner, one.due_on), one.line_no)
        if first != one.line_no:
            found.append(Fault(one.line_no, "component", "twice", f"this balance is on line {first} too"))
    return found


def _totals(rows: Sequence[Row], given: Sequence[Mapping[str, str]], currency: str) -> list[Fault]:
    """Debits are credits; and both, and their number, are what was declared."""
    sums = {
        "rows": len(rows),
        "debit": sum(max(one.amount.minor, 0) for one in rows),
        "credit": -sum(min(one.amount.minor, 0) for one in rows),
    }
    if not 2 <= len(rows) <= MOST_LINES:
        return [Fault(0, "", "rows_out_of_range", f"an opening has 2 to {MOST_LINES} balances, not {len(rows)}")]
    if sums["debit"] != sums["credit"]:
        return [Fault(0, "", "does_not_balance", f"debits are {Money(sums['debit'], currency)}, credits {Money(sums['credit'], currency)}")]
    missing = [name for name in TOTALS if not given or any(name not in one for one in given)]
    found = [Fault(0, name, "totals_missing", "the proof needs the number of rows, and the sums of debits and credits") for name in missing]
    for one in given:
        for name, text in one.items():
            if name not in sums:
                found.append(Fault(0, name, "total_unknown", f"there are {', '.join(TOTALS)}"))
            elif _number(name, text, currency) != sums[name]:
                found.append(Fault(0, name, "total_differs", f"{text!r:.40} was declared, the rows come to something else"))
    return found


def _number(name: str, text: str, currency: str) -> int | None:
    try:
        return int(text) if name == "rows" and text.isascii() and text.isdigit() else Money.parse(text, currency).minor
    except MoneyError:
        return None


def _post(
    work: UnitOfWork, rows: Sequence[Row], as_of: date, found: Opened, accounts: Mapping[tuple[str, str], UUID], sellers: Mapping[str, UUID]
) -> Opened | Refused:
    lines = [_line(work, one, accounts, sellers) for one in rows]
    before = keys.stored(work=work, names=[("ledger", KIND)])
    (posted,) = ledger.post(work=work, entries=[Entry(KIND, KIND, tuple(lines), effective_on=as_of)])
    if isinstance(posted, Refused):
        return Refused(OPENED, "this book was opened before, with other balances", "file") if posted.code == "key_reused" else posted
    if not before:
        owed = [
            Owed(sellers[one.owner], one.component, -one.amount, as_of, one.due_on or work.day.on)  # type: ignore[arg-type]
            for one in rows
            if one.component in _OWED
        ]
        settlement.bring_in(work=work, owed=owed, source_ids=[uuid5(posted.entry_id, str(n)) for n in range(len(owed))])
    sums = {"debit": 0, "credit": 0}
    for entry in ledger_book.written(work.book.id, [posted.entry_id]):
        for line in entry.lines:
            sums["debit" if line.amount.minor > 0 else "credit"] += abs(line.amount.minor)
    assert sums["debit"] == sums["credit"] == found.debit.minor, "what the ledger holds is what the file declared"
    return Opened(found.rows, found.debit, posted.entry_id, again=bool(before))


def _line(work: UnitOfWork, one: Row, accounts: Mapping[tuple[str, str], UUID], sellers: Mapping[str, UUID]) -> Line:
    if one.component in _OWED:
        return Line(AccountKey(one.component), one.amount, merchant_id=sellers[one.owner], funder_id=work.book.id)
    if CHART[one.component].kind == "money":
        key = AccountKey(one.component, accounts[one.component, one.owner])
        return Line(key, one.amount, funder_id=work.book.id, movement=OPENING, reference=OPENING)
    funder = work.book.id if one.component == "funder_capital" else None
    return Line(AccountKey(one.component, None, funder), one.amount, funder_id=work.book.id)
