"""Ledger scripts: what a ledger answers to batches of transfers, and what its accounts say afterwards, carried out by our real one.

A script is a line of JSON with an id `led-…` and `given.accounts` and `given.steps` (README of the vectors it comes from). Each is played in a
book of its own, through the journey that everybody's transfers take, on real tables; its clock moves where the script moves it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from yuefu.errors import Refused
from yuefu.journeys import jobs, transfers
from yuefu.journeys.desk import Desk, open_day
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import CREDIT, DEBIT, EVERYTHING, AccountKey, LimitedAccount, Moved, Transfer
from yuefu.money.amounts import LARGEST_MINOR, Money
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import UnitOfWork, system_actor

CURRENCY: Final = "CNY"
FIRST_DAY: Final = date(2026, 10, 1)
NOON: Final = datetime.combine(FIRST_DAY, time(12), ZoneInfo("Asia/Shanghai"))
NAMES: Final = UUID("6f1f8a52-5f0e-5d0b-9d7f-3c1c7a3c2f10")
COUNTER: Final = AccountKey("suspense", uuid5(NAMES, "counter"))
SIDES: Final = {"credit_limited": DEBIT, "debit_limited": CREDIT}
FIGURES: Final = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")
FLAGS: Final = ("pending", "linked", "balancing_debit", "balancing_credit", "closing_debit", "closing_credit")
ITEM: Final = frozenset({"id", "dr", "cr", "amount", "timeout_s", "post", "void", "expect", "note", *FLAGS})

Progress = Callable[[int, int], None]


class Unsupported(Exception):
    """A script asks for what it may not, or for what we do not have; `key` says where it stands."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class Account:
    """An account of a script: of which side its limit is, if it has one, and its figures at the start."""

    key: AccountKey
    side: int | None
    start: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Item:
    transfer: Transfer
    expect: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do, and with what: batch (items), balances and amounts (what to find), advance_s (seconds)."""

    at: str
    kind: str
    content: Any


@dataclass(frozen=True, slots=True)
class Script:
    id: str
    accounts: Mapping[str, Account]
    steps: Sequence[Step]


@dataclass(slots=True)
class Found:
    """What came of a file of scripts."""

    cases: int = 0
    passed: int = 0
    skipped: int = 0
    differs: list[dict[str, Any]] = field(default_factory=list)
    unsupported: list[dict[str, str]] = field(default_factory=list)

    @property
    def all_passed(self) -> bool:
        """Whether there was something, and all of it passed."""
        return 0 < self.cases == self.passed


def run(lines: Iterable[str], *, progress: Progress | None = None) -> Found:
    """Plays the scripts among lines of JSON, each of its own. Other lines are skipped; what cannot be read or is not known is unsupported."""
    found = Found()
    scripts = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name = f"line {number}"
        try:
            vector = _object(_json(line), "not an object")
            name = str(vector.get("id", name))
            if not _is_script(vector):
                found.skipped += 1
                continue
            scripts.append(read(vector))
        except Unsupported as error:
            found.cases += 1
            found.unsupported.append({"id": name, "key": error.key})
    total = len(scripts)
    for number, script in enumerate(scripts, start=1):
        _play_one(script, found)
        if progress:
            progress(number, total)
    return found


def _play_one(script: Script, found: Found) -> None:
    found.cases += 1
    try:
        differs = play(script)
    except Unsupported as error:
        found.unsupported.append({"id": script.id, "key": error.key})
        return
    found.differs += differs
    found.passed += not differs


# ------------------------------------------------------------------------------------------------------------------------------ reading


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Unsupported(f"not JSON: {error}"[:200]) from error


def _is_script(vector: Mapping[str, Any]) -> bool:
    given = vector.get("given")
    return str(vector.get("id", "")).startswith("led-") and isinstance(given, dict) and "steps" in given


def read(vector: Mapping[str, Any]) -> Script:
    """A script from its JSON. Raises Unsupported, which says what is missing or not known."""
    given = _object(vector["given"], "given")
    for key in given:
        if key not in ("accounts", "steps", "note"):
            raise Unsupported(f"given.{key}")
    accounts = {name: _account(name, content) for name, content in _object(given.get("accounts"), "given.accounts").items()}
    steps = [
        step
        for number, content in enumerate(_list(given["steps"], "given.steps"))
        for step in _steps(content, f"steps[{number}]", accounts)
    ]
    return Script(str(vector["id"]), accounts, steps)


def _account(name: str, content: Any) -> Account:
    at = f"accounts.{name}"
    given = _object(content, at)
    for key in given:
        if key not in ("limit", "start", "note"):
            raise Unsupported(f"{at}.{key}")
    limit = given.get("limit")
    if limit is not None and (not isinstance(limit, str) or limit not in SIDES):
        raise Unsupported(f"{at}.limit")
    start = _four(given.get("start", [0, 0, 0, 0]), f"{at}.start")
    side = None if limit is None else SIDES[limit]
    return Account(AccountKey("suspense" if side is None else "merchant_available", _owner(name)), side, start)


def _steps(content: Any, at: str, accounts: Mapping[str, Account]) -> list[Step]:
    given = _object(content, at)
    if not given.keys() - {"note"}:
        raise Unsupported(at)
    steps = []
    for kind, what in given.items():
        if kind == "batch":
            items = [_item(item, f"{at}.batch[{n}]", accounts) for n, item in enumerate(_list(what, f"{at}.batch"))]
            steps.append(Step(at, kind, items))
        elif kind == "balances":
            wanted = {name: _four(four, f"{at}.balances.{name}") for name, four in _object(what, f"{at}.balances").items()}
            steps.append(Step(at, kind, wanted))
        elif kind == "amounts":
            amounts = {name: _amount(minor, f"{at}.amounts.{name}") for name, minor in _object(what, f"{at}.amounts").items()}
            steps.append(Step(at, kind, amounts))
        elif kind == "advance_s":
            steps.append(Step(at, kind, _seconds(what, f"{at}.advance_s")))
        elif kind != "note":
            raise Unsupported(f"{at}.{kind}")
    return steps


def _item(content: Any, at: str, accounts: Mapping[str, Account]) -> Item:
    given = _object(content, at)
    for key in given:
        if key not in ITEM:
            raise Unsupported(f"{at}.{key}")
    if "id" not in given:
        raise Unsupported(f"{at}.id")
    for flag in FLAGS:
        if given.get(flag) not in (None, False, True):
            raise Unsupported(f"{at}.{flag}")
    names = {side: _name(given.get(side), f"{at}.{side}") for side in ("dr", "cr", "post", "void")}
    debit, credit = (_key(names[side], accounts) for side in ("dr", "cr"))
    amount = None if given.get("amount") is None else _amount(given["amount"], f"{at}.amount")
    timeout = _seconds(given.get("timeout_s") or 0, f"{at}.timeout_s")
    resolves = names["post"] is not None or names["void"] is not None
    transfer = Transfer(
        _name(given["id"], f"{at}.id") or "",
        debit,
        credit,
        amount,
        None if resolves else CURRENCY,
        timeout=timeout or None,
        post=names["post"],
        void=names["void"],
        **{flag: bool(given.get(flag)) for flag in FLAGS},
    )
    expect = given.get("expect")
    if not isinstance(expect, str | None):
        raise Unsupported(f"{at}.expect")
    return Item(transfer, expect)


def _key(name: str | None, accounts: Mapping[str, Account]) -> AccountKey | None:
    """The account of a name; one that the script does not declare is an account that nobody opened."""
    if name is None:
        return None
    return accounts[name].key if name in accounts else AccountKey("suspense", _owner(name))


def _owner(name: str) -> UUID:
    return uuid5(NAMES, f"account {name}")


def _name(value: Any, at: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise Unsupported(at)
    return None if value is None else str(value)


def _amount(value: Any, at: str) -> int:
    if value == "MAX":
        return EVERYTHING
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 40:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unsupported(at)
    return value


def _seconds(value: Any, at: str) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unsupported(at)
    try:
        return timedelta(seconds=value)
    except (OverflowError, ValueError) as error:
        raise Unsupported(at) from error


def _four(value: Any, at: str) -> tuple[int, ...]:
    four = tuple(_amount(figure, at) for figure in _list(value, at))
    if len(four) != len(FIGURES) or min(four) < 0:
        raise Unsupported(at)
    return four


def _object(value: Any, at: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unsupported(at)
    return value


def _list(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise Unsupported(at)
    return value


# ------------------------------------------------------------------------------------------------------------------------------ playing


def play(script: Script) -> list[dict[str, Any]]:
    """Plays a script in a new book and returns where it differs. Raises Unsupported for figures at the start that cannot be."""
    desk, now = _found(), NOON
    _start(desk, script)
    differs: list[dict[str, Any]] = []
    for step in script.steps:
        if step.kind == "advance_s":
            now = _advanced(desk, now, step)
            continue
        check = {"batch": _batch, "balances": _balances, "amounts": _amounts}[step.kind]
        differs += [
            {"id": script.id, "at": at, "expected": expected, "got": got}
            for at, expected, got in check(desk, now, script, step)
            if expected != got
        ]
    return differs


def _found() -> Desk:
    """A book of its own for one script, on its first day, and a desk in it."""
    maker = system_actor("conform")
    with sql.transacting():
        books.makers_wait()
        number = len(books.all_books()) + 1
        ids = jobs.id_source()
        book = books.create(code=f"conform-{number}", legal_entity="Conformance", mode="test", now=NOON, ids=ids, clock_at=NOON)
        if not ledger.has_partitions(first=FIRST_DAY, months=1):
            ledger.make_partitions(first=FIRST_DAY, months=1)
        day = days.open_first(book=book, on=FIRST_DAY, now=NOON)
        ledger.open_control(work=UnitOfWork(book, day, NOON, maker, ids), accounts=[(COUNTER, CURRENCY)])
    return jobs.desk_of(book, "conform")


def _start(desk: Desk, script: Script) -> None:
    """Opens the accounts and brings them to their figures by transfers from and to a counter account; limits hold from then on."""
    limited = [a for a in script.accounts.values() if a.side is not None]
    with open_day(desk, NOON) as work:
        assert isinstance(work, UnitOfWork), "the first day of a new book is open"
        ledger.open_control(work=work, accounts=[(a.key, CURRENCY) for a in script.accounts.values() if a.side is None])
        ledger.open_limited(
            work=work,
            accounts=[LimitedAccount(a.key, Money(LARGEST_MINOR, CURRENCY), side=DEBIT if a.side == DEBIT else CREDIT) for a in limited],
        )
    for name, account in script.accounts.items():
        outcomes = transfers.transfer(desk=desk, now=NOON, transfers=_opening(name, account))
        if not all(isinstance(outcome, Moved) for outcome in outcomes):
            raise Unsupported(f"accounts.{name}.start")
    with open_day(desk, NOON) as work:
        assert isinstance(work, UnitOfWork), "the first day of a new book is open"
        ledger.set_limits(work=work, limits=[(a.key, Money(0, CURRENCY)) for a in limited])


def _opening(name: str, account: Account) -> list[Transfer]:
    """Transfers that lead to the figures of an account: what is posted before what is pending."""
    made = []
    for place in (3, 1, 0, 2):
        if not account.start[place]:
            continue
        figure = FIGURES[place]
        sides = (account.key, COUNTER) if figure.startswith("debits") else (COUNTER, account.key)
        made.append(Transfer(f"(start) {figure} {name}", *sides, account.start[place], CURRENCY, pending=figure.endswith("pending")))
    return made


def _advanced(desk: Desk, now: datetime, step: Step) -> datetime:
    try:
        later: datetime = now + step.content
    except OverflowError as error:
        raise Unsupported(f"{step.at}.advance_s") from error
    if later < now:
        raise Unsupported(f"{step.at}.advance_s")
    while transfers.expire(desk=desk, now=later):
        pass
    return later


Compared = tuple[str, Any, Any]


def _batch(desk: Desk, now: datetime, script: Script, step: Step) -> list[Compared]:
    del script
    outcomes = transfers.transfer(desk=desk, now=now, transfers=[item.transfer for item in step.content])
    return [
        (f"{step.at}.batch[{n}]", item.expect, _told(outcome))
        for n, (item, outcome) in enumerate(zip(step.content, outcomes, strict=True))
        if item.expect is not None
    ]


def _told(outcome: transfers.Outcome) -> str:
    if isinstance(outcome, Moved):
        return "exists" if outcome.again else "created"
    return outcome.code if isinstance(outcome, Refused) else f"quarantined: {outcome.error}"[:200]


def _balances(desk: Desk, now: datetime, script: Script, step: Step) -> list[Compared]:
    del now
    keys = {name: _key(name, script.accounts) for name in step.content}
    found = queries.figures(desk.book.id, [key for key in keys.values() if key is not None], CURRENCY)
    return [
        (f"{step.at}.balances.{name}", list(four), found[key]) for name, four in step.content.items() if (key := keys[name]) is not None
    ]


def _amounts(desk: Desk, now: datetime, script: Script, step: Step) -> list[Compared]:
    del now, script
    found = queries.transferred(desk.book.id, list(step.content))
    return [(f"{step.at}.amounts.{name}", minor, found.get(name)) for name, minor in step.content.items()]
