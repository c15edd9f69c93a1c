"""Loans of another core into this book: proven whole, then booked in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Final
from uuid import UUID

from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.loan_tape.reading import Tape, digest
from yuefu.journeys.loan_tape.rows import FIGURES, Fault, Taped, declared, names_of, taped, totals_of
from yuefu.ledger import queries as ledger
from yuefu.loans import commands as loans
from yuefu.loans.commands.moving_in import Import, Newcomer
from yuefu.loans.queries import moved_in as known
from yuefu.loans.rules import Party, retold_life
from yuefu.money.amounts import LARGEST_MINOR, Money
from yuefu.money.currencies import EXPONENTS
from yuefu.offers import queries as offers
from yuefu.offers.rules.product import Product
from yuefu.runtime import days, sql
from yuefu.runtime.values import UnitOfWork

ORIGIN_INVALID: Final = "origin_invalid"  # the name of the other core
DAY_INVALID: Final = "day_invalid"  # the figures are those of the end of a day that is over
EMPTY: Final = "empty"  # there is no loan in it
OTHER_TERMS: Final = "import_differs"  # this file has begun with another name or day
CHUNK: Final = 2_000
MOST_FAULTS: Final = 1_000

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Proven:
    """A file without a fault: how many loans, and what they come to."""

    sha256: str
    loans: int
    totals: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a file, line by line; there may be more where there are very many."""

    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Brought:
    """A file that is in: `new` loans were booked now, `known` had been before. `posted` is what its entries in the ledger come to."""

    proven: Proven
    new: int
    known: int
    posted: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Told:
    """From which core the loans come, by the end of which day its figures are true, and the control totals that were told beside the file."""

    origin: str
    as_of: date
    totals: Mapping[str, str]


def prove(*, desk: Desk, path: Path, told: Told, tell: Tell) -> Proven | Wrong | Refused:
    """Reads all of a file and books nothing. Every row is a loan whose figures its terms and its past come to, of a consumer who is registered here, once;
    the totals are those of all rows. Refused with origin_invalid, day_invalid, empty, or as the totals are."""
    with path.open("rb") as file:
        return _prove(desk, file, told, tell)


def bring_in(*, desk: Desk, now: datetime, path: Path, told: Told, tell: Tell, chunk: int = CHUNK) -> Brought | Wrong | Refused:
    """Proves a file, then books what of it is not here yet, `chunk` loans a transaction. Refused as `prove`, and with import_differs or no_open_day.

    What is booked is what was proven, whatever becomes of the file meanwhile: it is copied first, into a file without a name.
    """
    with TemporaryFile() as own:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                own.write(block)
        found = _prove(desk, own, told, tell)
        return found if not isinstance(found, Proven) else _bring_in(desk, now, own, told, found, tell, chunk)


def _prove(desk: Desk, file: BinaryIO, told: Told, tell: Tell) -> Proven | Wrong | Refused:
    if refused := _told_fault(desk, told):
        return refused
    sha256, tape = digest(file), Tape(file)
    begun = known.import_of(book_id=desk.book.id, sha256=sha256)
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    sums: dict[str, int] = {}
    with sql.snapshot():
        for rows in _chunks(desk, tape, told):
            sound = [one for one in rows if isinstance(one, Taped)]
            faults += [one for one in rows if isinstance(one, Fault)]
            faults += _unknown_or_twice(desk, told, sound, seen, begun.id if begun else None)
            for name, minor in totals_of(sound).items():
                sums[name] = sums.get(name, 0) + minor
            tell("proven", sums["loans"], max(sums["loans"], begun.loans if begun else 0))
            if len(faults) >= MOST_FAULTS:
                break
    faults += tape.faults
    if faults:
        return Wrong(tuple(sorted(faults, key=lambda one: one.line_no)[:MOST_FAULTS]))
    if not sums.get("loans"):
        return Refused(EMPTY, "there is no loan in this file", "file")
    return _as_declared(desk, tape, told, sha256, sums)


def _told_fault(desk: Desk, told: Told) -> Refused | None:
    name = told.origin
    if not 1 <= len(name) <= 64 or not name.isprintable() or name != name.strip():
        return Refused(ORIGIN_INVALID, "the name of the core that the loans come from has 1 to 64 printable characters", "origin")
    today = days.open_date(desk.book.id)
    if today is None or told.as_of >= today:
        return Refused(DAY_INVALID, f"the figures are those of the end of a day before the open one, {today}", "as_of")
    return None


def _as_declared(desk: Desk, tape: Tape, told: Told, sha256: str, sums: Mapping[str, int]) -> Proven | Wrong | Refused:
    """Control totals in the last row and those told beside the file are held against the rows; both, where both are there."""
    wrong: list[Fault] = []
    given = [one for one in (tape.footer, told.totals) if one]
    totals = [declared(one, desk.book.currency) for one in given] or [declared({}, desk.book.currency)]
    for one in totals:
        if isinstance(one, Refused):
            return one
        wrong += [
            Fault(0, name, "total_differs", f"{_shown(name, minor, desk)} was declared, the rows come to {_shown(name, sums[name], desk)}")
            for name, minor in one.items()
            if minor != sums[name]
        ]
    return Wrong(tuple(wrong)) if wrong else Proven(sha256, sums["loans"], dict(sums))


def _shown(name: str, minor: int, desk: Desk) -> str:
    if name == "loans":
        return str(minor)
    if abs(minor) <= LARGEST_MINOR:
        return str(Money(minor, desk.book.currency))
    return f"{minor} of 10^-{EXPONENTS[desk.book.currency]} {desk.book.currency}"


def _chunks(desk: Desk, tape: Tape, told: Told, size: int = CHUNK) -> Iterator[list[Taped | Fault]]:
    """The rows of a file, so many at a time, each as the loan it tells or what is wrong with it."""
    products: dict[str, Product] = {}
    asked: set[str] = set()
    rows = tape.rows()
    while chunk := list(islice(rows, size)):
        codes = {cells["product"] for _, cells in chunk} - asked
        asked |= codes
        products |= offers.published(book_id=desk.book.id, codes=sorted(codes))
        yield [taped(line_no, cells, as_of=told.as_of, currency=desk.book.currency, products=products) for line_no, cells in chunk]


def _unknown_or_twice(desk: Desk, told: Told, sound: Sequence[Taped], seen: dict[str, int], import_id: UUID | None) -> list[Fault]:
    """Rows of nobody's, rows that are there twice, and loans that another file brought before."""
    refs = consumers.by_external_refs(book_id=desk.book.id, external_refs=sorted({one.consumer for one in sound}))
    here = known.known_here(book_id=desk.book.id, origin=told.origin, references=[one.reference for one in sound])
    faults = names_of(refs, sound)
    for one in sound:
        if one.reference in seen:
            faults.append(Fault(one.line_no, "loan", "twice", f"{one.reference} is on line {seen[one.reference]} too"))
        elif one.reference in here and here[one.reference][1] != import_id:
            faults.append(Fault(one.line_no, "loan", "here_already", f"another file brought {one.reference} of {told.origin} before"))
        seen.setdefault(one.reference, one.line_no)
    return faults


def _bring_in(desk: Desk, now: datetime, file: BinaryIO, told: Told, proven: Proven, tell: Tell, size: int) -> Brought | Refused:
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        begun = known.import_of(book_id=desk.book.id, sha256=proven.sha256)
        if begun is not None and (begun.origin, begun.as_of) != (told.origin, told.as_of):
            return Refused(OTHER_TERMS, f"this file has begun as loans of {begun.origin} by the end of {begun.as_of}", "file")
        of = Import(begun.id if begun else work.ids.new(now), told.origin, proven.sha256, told.as_of, proven.loans, proven.totals)
        if begun is None:
            loans.begin_import(work=work, new=of)
    done = new = 0
    no = begun.chunks if begun else 0
    for rows in _chunks(desk, Tape(file), told, size):
        chunk = [one for one in rows if isinstance(one, Taped)]
        assert len(chunk) == len(rows), "what was proven is sound"
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return work
            fresh = _fresh(work, of, chunk)
            if fresh:
                no += 1
                loans.move_in(work=work, of=of, no=no, newcomers=fresh)
        done, new = done + len(chunk), new + len(fresh)
        tell("booked", done, proven.loans)
    posted = _posted(desk, proven)
    assert all(posted[name] == proven.totals[name] for name in FIGURES), (posted, proven.totals)
    return Brought(proven, new, done - new, posted)


def _fresh(work: UnitOfWork, of: Import, chunk: Sequence[Taped]) -> list[Newcomer]:
    """Those of a chunk that are not here yet, with ids of their own."""
    here = known.known_here(book_id=work.book.id, origin=of.origin, references=[one.reference for one in chunk])
    fresh = [one for one in chunk if one.reference not in here]
    refs = consumers.by_external_refs(book_id=work.book.id, external_refs=sorted({one.consumer for one in fresh}))
    made = []
    for loan_id, one in zip(work.ids.many(work.now, len(fresh)), fresh, strict=True):
        party = Party(loan_id, None, None, refs[one.consumer], None, work.book.id, one.product, work.book.currency, of.origin)
        # What was entered ahead over there may have come true since the day of the file.
        life = one.life if one.life.waits_for is None else retold_life(one.life.terms, one.facts, work.day.on)
        made.append(Newcomer(one.reference, one.line_no, party, one.facts, life, one.stood))
    return made


def _posted(desk: Desk, proven: Proven) -> dict[str, int]:
    """What the entries of an import are of each figure, read back from the ledger."""
    with sql.snapshot():
        begun = known.import_of(book_id=desk.book.id, sha256=proven.sha256)
        assert begun is not None
        assert begun.is_whole, "every loan is in"
        found = ledger.written(desk.book.id, begun.entry_ids)
    sums: dict[str, int] = {}
    for entry in found:
        for line in entry.lines if entry.kind == "loan.moved_here" else ():
            sums[line.account.code] = sums.get(line.account.code, 0) + line.amount.minor
    return {name: sign * sums.get(component, 0) for name, (component, sign) in FIGURES.items()}
