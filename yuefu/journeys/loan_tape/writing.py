"""The loans of a book to a file, as another book can bring them in."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Final
from uuid import UUID

from yuefu import ids
from yuefu.consumers import queries as consumers
from yuefu.errors import Refused
from yuefu.journeys.loan_tape.rows import COLUMNS, FIGURES, TOTAL, figures_of
from yuefu.ledger.rules.gl import decimal_text
from yuefu.loans import entries
from yuefu.loans.queries import keeping
from yuefu.loans.queries import moved_in as known
from yuefu.loans.queries.keeping import Kept
from yuefu.loans.rules import Life, retold_life
from yuefu.plans.lifecycle.plain import sheet_texts
from yuefu.runtime import days, sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import Book

NOT_CLOSED: Final = "day_not_closed"  # the figures of a day are those of its end
UNKNOWN_DAY: Final = "unknown_day"
CHUNK: Final = 1_000


@dataclass(frozen=True, slots=True)
class Gone:
    """What a file was given: so many loans, and what they come to."""

    loans: int
    totals: dict[str, int]


def write(*, book: Book, file: BinaryIO, as_of: date) -> Gone | Refused:
    """Writes the loans of rule version 2026-2 as they stood by the end of a closed day, of one snapshot, and their totals in the last row. What was entered
    later is not in it. Refused with unknown_day or day_not_closed."""
    state = days.state_of(book.id, as_of)
    if state != "closed":
        code = UNKNOWN_DAY if state is None else NOT_CLOSED
        return Refused(code, f"{as_of} is {state or 'no day of this book'}: name a closed day", "as_of")
    sums = {"loans": 0, "principal": 0} | dict.fromkeys(FIGURES, 0)
    _put(file, [COLUMNS])
    after: UUID | None = None
    with sql.snapshot():
        while loan_ids := known.agreed_by(book_id=book.id, until=as_of, after=after, limit=CHUNK):
            after = loan_ids[-1]
            _put(file, _rows(book, loan_ids, as_of, sums))
    footer = dict.fromkeys(COLUMNS, "") | {"loan": TOTAL, "consumer": str(sums["loans"])}
    footer |= {name: decimal_text(sums[name], book.currency) for name in ("principal", *FIGURES)}
    _put(file, [list(footer.values())])
    return Gone(sums["loans"], sums)


def _rows(book: Book, loan_ids: Sequence[UUID], as_of: date, sums: dict[str, int]) -> list[list[str]]:
    kept, written = keeping.read(book.id, loan_ids), keeping.facts_written(loan_ids, until=as_of)
    lives = {i: retold_life(kept[i].life.terms, keeping.read_facts(written[i]), as_of) for i in loan_ids if written[i]}
    lent = [i for i in loan_ids if i in lives and lives[i].state.lent]
    refs = consumers.external_refs(ids=sorted({kept[i].party.consumer_id for i in lent}))
    sheets = sheet_texts([kept[i].life.terms for i in lent], dumps)
    return [_row(kept[i], lives[i], written[i], sheet, refs, as_of, sums) for i, sheet in zip(lent, sheets, strict=True)]


def _row(one: Kept, life: Life, facts: Sequence[str], sheet: str, refs: dict[UUID, str], as_of: date, sums: dict[str, int]) -> list[str]:
    terms, figures = one.life.terms, figures_of(entries.position(life.state, life.tally, as_of))
    sums["loans"] += 1
    sums["principal"] += terms.principal.minor
    for name, minor in figures.items():
        sums[name] += minor
    cells = dict.fromkeys(COLUMNS, "") | {
        "loan": ids.text("loan", one.party.loan_id),
        "consumer": refs.get(one.party.consumer_id, ids.text("consumer", one.party.consumer_id)),
        "product": one.party.product,
        "currency": one.party.currency,
        "principal": terms.principal.decimal_text(),
        "disbursed_on": terms.disbursed_on.isoformat(),
        "first_due_on": terms.first_due_on.isoformat() if terms.first_due_on else "",
        "due_days": " ".join(day.isoformat() for day in terms.due_days or ()),
        "terms": sheet,
        "facts": f"[{','.join(facts)}]",
        **{name: decimal_text(minor, one.party.currency) for name, minor in figures.items()},
    }
    return list(cells.values())


def _put(file: BinaryIO, rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    file.write(text.getvalue().encode())
