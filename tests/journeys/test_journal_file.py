"""The journal leaves as a file, comes into another book to the cent, and Beancount's own checker agrees with our sums."""

from __future__ import annotations

import io
import json
import random
import re
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import journal_file
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.journal_file import Come
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries
from yuefu.ledger.rules import AccountKey, Entry, LimitedAccount, Line, Posted, Reversal
from yuefu.ledger.rules.files import FileFault
from yuefu.ledger.rules.posting import CREDIT, DEBIT
from yuefu.money.amounts import Money
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import Book, UnitOfWork, system_actor

SOURCE_DAYS = 3


def quiet(done: int, total: int) -> None:
    assert 0 < done <= total


@pytest.fixture
def funders() -> list[UUID]:
    return [uuid4(), uuid4()]


@pytest.fixture
def shops() -> list[AccountKey]:
    return [AccountKey("merchant_available", uuid4()) for _ in range(3)]


@pytest.fixture
def source(work: UnitOfWork, next_day: Any, funders: list[UUID], shops: list[AccountKey]) -> UnitOfWork:
    """A book with entries of three days, some of them true earlier, on limited and other accounts, and a limit below what was once used."""
    draw = random.Random(11)
    keys = [
        AccountKey("fee_income", None, work.book.id, "flex"),
        AccountKey("fee_income", None, funders[0], 'flèx "q"'),
        AccountKey("suspense"),
        *shops,
    ]
    with sql.transacting():
        sides = zip(shops, (DEBIT, DEBIT, CREDIT), strict=True)
        ledger.open_limited(work=work, accounts=[LimitedAccount(key, Money(10**9, "CNY"), uuid4(), side=side) for key, side in sides])
    here = work
    for day in range(SOURCE_DAYS):
        entries = []
        for n in range(20):
            pair, minor = draw.sample(keys, 2), draw.randrange(1, 10**6)
            named = {"order_id": uuid4(), "funder_id": draw.choice([None, *funders]), "movement": "other", "reference": 'r"\\ü'}
            lines = tuple(Line(key, Money(sign * minor, "CNY"), **named) for key, sign in zip(pair, (1, -1), strict=True))
            entries.append(Entry(f"{day}:{n}", "move", lines, effective_on=here.day.on - timedelta(days=draw.randrange(40))))
        with sql.transacting():
            outcomes = ledger.post(work=here, entries=entries)
            assert all(isinstance(outcome, Posted) for outcome in outcomes)
            ledger.reverse(work=here, requests=[Reversal(f"r{day}", outcomes[0].entry_id)])  # type: ignore[union-attr]
        here = here if day == SOURCE_DAYS - 1 else next_day(here)
    with sql.transacting():
        ledger.set_limits(work=here, limits=[(key, Money(0, "CNY")) for key in shops])
        ledger.roll_up(work=here)
    return here


@pytest.fixture
def make_desk(vault: Any, ids: IdSource) -> Callable[[], tuple[Desk, datetime]]:
    """A desk in another book, whose open day is the last of the source."""

    def make() -> tuple[Desk, datetime]:
        now = datetime.combine(date(2026, 10, SOURCE_DAYS), time(10), ZoneInfo("Asia/Shanghai"))
        with sql.transacting():
            other = books.create(code=f"other-{secrets.token_hex(6)}", legal_entity="Other", mode="test", now=now, ids=ids, clock_at=now)
            days.open_first(book=other, on=now.date(), now=now)
        return Desk(other, system_actor("test"), ids, vault, SandboxChannel(other), SandboxBank(other)), now

    return make


@pytest.fixture
def file(source: UnitOfWork, tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    with path.open("wb") as opened:
        gone = journal_file.write(book=source.book, file=opened, tell=quiet)
    assert (gone.entries, gone.accounts) == (SOURCE_DAYS * 21, 3)
    return path


def bring(desk: tuple[Desk, datetime], path: Path) -> Come:
    come = journal_file.bring_in(desk=desk[0], now=desk[1], path=path, tell=quiet)
    assert isinstance(come, Come), come
    return come


def figures(book: Book, keys: list[AccountKey]) -> list[tuple[int, ...]]:
    on = [date(2026, 8, 20) + timedelta(days=n) for n in range(45)]
    return [tuple(queries.balance(book.id, key, "CNY", effective_until=day).minor for day in on) for key in keys]


def test_balances_by_effective_date_are_the_same_in_the_other_book(
    source: UnitOfWork, file: Path, make_desk: Any, funders: list[UUID], shops: list[AccountKey]
) -> None:
    desk = make_desk()
    other: Book = desk[0].book
    assert bring(desk, file).entries == SOURCE_DAYS * 21

    def keys(own: UUID) -> list[AccountKey]:
        return [
            AccountKey("fee_income", None, own, "flex"),
            AccountKey("fee_income", None, funders[0], 'flèx "q"'),
            AccountKey("suspense"),
            *shops,
        ]

    there, here = figures(source.book, keys(source.book.id)), figures(other, keys(other.id))
    assert there == here
    assert len({row for row in there if any(row)}) > 3
    for shop in shops:
        assert shop.owner_id
        (a, b) = (queries.limited(book.id, shop.code, [shop.owner_id])[shop.owner_id] for book in (source.book, other))
        assert a == b, "its limit and what is used of it too"
    assert queries.sums_now(other.id) == {"CNY": 0}
    assert sql.rows("SELECT DISTINCT posted_on, kind FROM ledger_entry WHERE book_id = %s ORDER BY kind", [other.id]) == [
        (date(2026, 10, SOURCE_DAYS), "imported:move"),
        (date(2026, 10, SOURCE_DAYS), "imported:reversal"),
    ]


def test_bringing_it_in_again_changes_nothing(file: Path, make_desk: Any, source: UnitOfWork) -> None:
    desk = make_desk()
    first, again = bring(desk, file), bring(desk, file)
    assert (first.known, again.known, again.entries) == (0, again.entries, SOURCE_DAYS * 21)
    assert queries.entries_posted(desk[0].book.id) == SOURCE_DAYS * 21
    assert first.source.book_id == source.book.id


def test_what_was_stopped_goes_on(file: Path, make_desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_file, "CHUNK", 10)
    desk = make_desk()

    def stop(done: int, total: int) -> None:
        if done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        journal_file.bring_in(desk=desk[0], now=desk[1], path=file, tell=stop)
    assert queries.entries_posted(desk[0].book.id) == 30
    come = bring(desk, file)
    assert (come.entries, come.known) == (SOURCE_DAYS * 21, 30)
    assert queries.entries_posted(desk[0].book.id) == SOURCE_DAYS * 21


def test_what_is_brought_in_is_what_was_proof_read_whatever_becomes_of_the_file(
    file: Path, make_desk: Any, source: UnitOfWork, shops: list[AccountKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_file, "CHUNK", 10)
    desk, now = make_desk()
    lines = file.read_bytes().splitlines(keepends=True)
    others = [re.sub(rb'"limit" : 0\b', b'"limit" : 7777', line) for line in lines[1:4]] + [
        _entry(lambda entry: entry.update(kind="other"))(line) for line in lines[4:-1]
    ]
    assert all(a != b for a, b in zip(others, lines[1:-1], strict=True))

    def change(done: int, total: int) -> None:
        file.write_bytes(b"".join([lines[0], *others, b'{"end": {"entries": 63}}\n']))

    come = journal_file.bring_in(desk=desk, now=now, path=file, tell=change)
    assert isinstance(come, Come)
    assert come.entries == SOURCE_DAYS * 21
    assert figures(source.book, shops) == figures(desk.book, shops)
    assert set(queries.limits(desk.book.id, "merchant_available").values()) == {0}
    kinds = sql.rows("SELECT DISTINCT kind FROM ledger_entry WHERE book_id = %s ORDER BY kind", [desk.book.id])
    assert kinds == [("imported:move",), ("imported:reversal",)]


def test_parts_by_posting_day_are_the_whole(source: UnitOfWork, make_desk: Any, tmp_path: Path, shops: list[AccountKey]) -> None:
    desk = make_desk()
    for n in range(1, SOURCE_DAYS + 1):
        path, on = tmp_path / f"{n}.jsonl", date(2026, 10, n)
        with path.open("wb") as opened:
            assert journal_file.write(book=source.book, file=opened, tell=quiet, since=on, until=on).entries == 21
        assert bring(desk, path).known == 0
    assert figures(source.book, shops) == figures(desk[0].book, shops)


def test_a_book_without_entries_is_a_file_too(work: UnitOfWork, tmp_path: Path, make_desk: Any) -> None:
    path = tmp_path / "empty.jsonl"
    with path.open("wb") as opened:
        journal_file.write(book=work.book, file=opened, tell=quiet)
    assert len(path.read_text().splitlines()) == 2
    assert bring(make_desk(), path).entries == 0


def test_the_journal_of_this_very_book_is_refused(source: UnitOfWork, file: Path, vault: Any, ids: IdSource) -> None:
    desk = Desk(source.book, source.by, ids, vault, SandboxChannel(source.book), SandboxBank(source.book))
    refused = journal_file.bring_in(desk=desk, now=source.now, path=file, tell=quiet)
    assert isinstance(refused, Refused)
    assert refused.code == "same_book"


def test_a_book_with_entries_of_its_own_takes_no_journal(file: Path, make_desk: Any) -> None:
    desk, now = make_desk()
    with open_day(desk, now) as work:
        assert isinstance(work, UnitOfWork)
        lines = (Line(AccountKey("bank_cash"), Money(1, "CNY")), Line(AccountKey("suspense"), Money(-1, "CNY")))
        assert isinstance(ledger.post(work=work, entries=[Entry("own", "t", lines)])[0], Posted)
    refused = journal_file.bring_in(desk=desk, now=now, path=file, tell=quiet)
    assert isinstance(refused, Refused)
    assert refused.code == "book_in_use"
    assert queries.entries_posted(desk.book.id) == 1


def test_nobodys_limit_is_changed_by_a_file(file: Path, make_desk: Any, shops: list[AccountKey]) -> None:
    desk, now = make_desk()
    with open_day(desk, now) as work:
        assert isinstance(work, UnitOfWork)
        ledger.open_limited(work=work, accounts=[LimitedAccount(shops[1], Money(5, "CNY"), uuid4())])
    with pytest.raises(FileFault, match="open here with another limit") as fault:
        journal_file.bring_in(desk=desk, now=now, path=file, tell=quiet)
    assert fault.value.code == "account_in_use"
    assert queries.limits(desk.book.id, "merchant_available")[shops[1].owner_id, "CNY"] == 5
    assert queries.entries_posted(desk.book.id) == 0


def _entry(change: Callable[[dict[str, Any]], None]) -> Callable[[bytes], bytes]:
    def apply(line: bytes) -> bytes:
        found = json.loads(line)
        change(found["entry"])
        return json.dumps(found, ensure_ascii=False).encode() + b"\n"

    return apply


def _first(field: int, value: Any) -> Callable[[bytes], bytes]:
    return _entry(lambda entry: entry["lines"][0].__setitem__(field, value))


HEADER = b'{"header": {"format": "yuefu.journal/1", "book": "book_00000000000000000000000000", "code": "x", "currency": "CNY"}}\n'
FAULTS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "not UTF-8": ("bad_encoding", lambda line: line.replace(b"move", b"m\xffve")),
    "not JSON": ("bad_json", lambda line: line[:-20] + b"\n"),
    "NaN": ("bad_json", lambda line: line.replace(b'"move"', b"NaN")),
    "a list": ("bad_line", lambda line: b"[" + line.strip() + b"]\n"),
    "another name": ("bad_line", lambda line: line.replace(b'"entry"', b'"entri"')),
    "an empty line": ("bad_json", lambda line: b"\n"),
    "no lines": ("bad_line", _entry(lambda entry: entry.pop("lines"))),
    "one line": ("too_few_lines", _entry(lambda entry: entry["lines"].pop())),
    "unbalanced": ("unbalanced", _first(4, 7)),
    "zero": ("zero_line", _first(4, 0)),
    "a fraction": ("bad_line", _first(4, 7.5)),
    "too much": ("bad_line", _first(4, 10**15 + 1)),
    "a text for an amount": ("bad_line", _first(4, "7")),
    "a field less": ("bad_line", _entry(lambda entry: entry["lines"][0].pop())),
    "a component we do not have": ("unknown_component", _first(0, "piggy_bank")),
    "a currency that is none": ("bad_line", _first(5, "XXZ")),
    "no uuid": ("bad_line", _first(6, "order-1")),
    "a text that no database keeps": ("bad_line", _first(11, "a\u0000b")),
    "no day": ("bad_line", _entry(lambda entry: entry.update(effective_on="2026-02-30"))),
    "true after its day": ("effective_in_future", _entry(lambda entry: entry.update(effective_on="2027-02-01"))),
    "a header in the middle": ("out_of_order", lambda line: HEADER),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_broken_line_is_named_and_nothing_comes_in(file: Path, make_desk: Any, fault: str, tmp_path: Path) -> None:
    code, change = FAULTS[fault]
    lines = file.read_bytes().splitlines(keepends=True)
    lines[9] = change(lines[9])
    path = tmp_path / "broken.jsonl"
    path.write_bytes(b"".join(lines))
    desk = make_desk()
    with pytest.raises(FileFault) as found:
        bring(desk, path)
    assert (found.value.code, found.value.line_no) == (code, 10), found.value.detail
    assert queries.entries_posted(desk[0].book.id) == 0


@pytest.mark.parametrize(
    ("code", "line_no", "change"),
    [
        ("cut_off", 60, lambda lines: [*lines[:59], lines[59][:-5]]),
        ("cut_off", 61, lambda lines: lines[:60]),
        ("cut_off", 67, lambda lines: [*lines[:30], *lines[31:]]),
        ("changed", 68, lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]]),
        ("no_header", 1, lambda lines: lines[1:]),
        ("out_of_order", 69, lambda lines: [*lines, lines[10]]),
        ("cut_off", 1, lambda lines: []),
        ("unknown_format", 1, lambda lines: [lines[0].replace(b"journal/1", b"journal/9"), *lines[1:]]),
    ],
)
def test_a_file_that_is_not_whole_is_refused_as_a_whole(
    file: Path, make_desk: Any, tmp_path: Path, code: str, line_no: int, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    assert len(lines) == 68
    path = tmp_path / "broken.jsonl"
    path.write_bytes(b"".join(change(lines)))
    desk = make_desk()
    with pytest.raises(FileFault) as found:
        bring(desk, path)
    assert (found.value.code, found.value.line_no) == (code, line_no), found.value.detail
    assert queries.entries_posted(desk[0].book.id) == 0


def test_an_entry_of_other_content_than_the_one_that_came_is_refused(file: Path, make_desk: Any, tmp_path: Path) -> None:
    desk = make_desk()
    bring(desk, file)
    lines = file.read_bytes().splitlines(keepends=True)
    lines[9] = _entry(lambda entry: entry.update(kind="other"))(lines[9])
    path = tmp_path / "other.jsonl"
    path.write_bytes(b"".join([*lines[:-1], b'{"end": {"entries": 63}}\n']))
    with pytest.raises(FileFault) as found:
        bring(desk, path)
    assert (found.value.code, found.value.line_no) == ("key_reused", 10)


# ------------------------------------------------------------------------------------------------------------------------ Beancount


def check(text: bytes, tmp_path: Path) -> str:
    """What Beancount's own checker says of a file; nothing where it is content."""
    path = tmp_path / "book.beancount"
    path.write_bytes(text)
    done = subprocess.run([str(Path(sys.executable).with_name("bean-check")), str(path)], capture_output=True, text=True)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit {done.returncode}")


def beancount(book: Book) -> bytes:
    written = io.BytesIO()
    journal_file.write_beancount(book=book, file=written, tell=quiet)
    return written.getvalue()


def test_beancount_accepts_the_journal_and_our_sums(source: UnitOfWork, tmp_path: Path) -> None:
    text = beancount(source.book)
    assert check(text, tmp_path) == ""
    assert text.count(b"\n2026-10-0") > SOURCE_DAYS * 21
    assert text.count(b" balance ") == text.count(b" open ") == 4


@pytest.mark.parametrize("wrong", ["a posting", "a sum", "an account", "a gone entry"])
def test_beancount_finds_what_is_wrong(source: UnitOfWork, tmp_path: Path, wrong: str) -> None:
    """The checker checks: the same file, a little changed, is not accepted."""
    lines = beancount(source.book).decode().splitlines(keepends=True)
    posting = next(n for n, line in enumerate(lines) if line.startswith("  Liabilities:"))
    total = next(n for n, line in enumerate(lines) if " balance " in line)
    if wrong == "a posting":
        lines[posting] = re.sub(r"  (-?)([0-9]+\.)", r"  \g<1>9\2", lines[posting])
    elif wrong == "a sum":
        lines[total] = lines[total].replace(".", "1.")
    elif wrong == "an account":
        lines[posting] = lines[posting].replace("Liabilities:", "Liabilities:No")
    else:  # the first that moves something between two accounts of Beancount
        blocks = "".join(lines).split("\n\n")
        accounts = [set(re.findall(r"^  ([A-Z][^ ]+)  ", block, re.MULTILINE)) for block in blocks]
        del blocks[next(n for n, names in enumerate(accounts) if len(names) > 1)]
        lines = ["\n\n".join(blocks)]
    assert "exit 1" in check("".join(lines).encode(), tmp_path)


def test_beancount_has_orders_and_loans_by_their_ids(work: UnitOfWork, tmp_path: Path, ids: IdSource) -> None:
    order, loan = ids.new(work.now), ids.new(work.now)
    lines = (
        Line(AccountKey("loan_principal", None, work.book.id, "flex"), Money(5, "CNY"), order, loan),
        Line(AccountKey("credit_line_contra"), Money(-7, "JPY"), order, loan),
        Line(AccountKey("suspense"), Money(-5, "CNY"), order, loan),
        Line(AccountKey("suspense"), Money(7, "JPY"), order, loan),
    )
    with sql.transacting():
        ledger.post(work=work, entries=[replace(Entry("k", "capture", lines), effective_on=date(2026, 9, 9))])
    text = beancount(work.book).decode()
    assert check(text.encode(), tmp_path) == ""
    from yuefu import ids as texts

    assert f'    order: "{texts.text("order", order)}"\n    loan: "{texts.text("loan", loan)}"\n' in text
    assert "\n2026-10-01 open Equity:Memorandum:CreditLineContra JPY\n" in text
    assert "\n2026-10-02 balance Assets:LoanPrincipal:Own:Product-flex  0.05 CNY\n" in text
    assert "  effective: 2026-09-09\n" in text


def test_a_book_without_entries_is_a_beancount_file_too(work: UnitOfWork, tmp_path: Path) -> None:
    assert check(beancount(work.book), tmp_path) == ""
