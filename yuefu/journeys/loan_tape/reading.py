"""A file of loans, row by row: never more than a chunk of it in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import BinaryIO, Final

from yuefu.journeys.loan_tape.rows import COLUMNS, FIGURES, TOTAL, Fault

LONGEST_CELL: Final = 1_000_000
"""A life of some thousand facts."""

_FOOTER: Final = ("principal", *FIGURES)


@dataclass(slots=True)
class Tape:
    """What is read of a file: rows as they come, then its footer and what was wrong with its form."""

    file: BinaryIO
    columns: tuple[str, ...] = COLUMNS
    count_column: str = "consumer"
    count_name: str = "loans"
    figures: tuple[str, ...] = _FOOTER
    footer: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def rows(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Each row with its line and its cells by column; a row of another width is a fault, and so is all that is no text or no CSV."""
        self.file.seek(0)
        self.footer.clear()
        self.faults.clear()
        line_no = 0
        before = csv.field_size_limit(LONGEST_CELL)
        try:
            lines = csv.reader(io.TextIOWrapper(_Open(self.file), encoding="utf-8-sig", newline=""), strict=True)
            header = next(lines, None)
            if not self._is_header(header):
                return
            assert header is not None
            for cells in lines:
                line_no = lines.line_num
                if not cells:
                    continue
                if self.footer:
                    self.faults.append(Fault(line_no, "", "after_the_total", "nothing follows the row of totals"))
                    return
                if len(cells) != len(header):
                    self.faults.append(Fault(line_no, "", "row_width", f"{len(cells)} cells, and the header has {len(header)}"))
                    continue
                row = dict(zip(header, cells, strict=True))
                if any("\0" in cell for cell in cells):
                    self.faults.append(Fault(line_no, "", "not_text", "a cell holds the character NUL"))
                elif cells[0] == TOTAL:
                    self._foot(line_no, row)
                else:
                    yield line_no, row
        except UnicodeDecodeError as error:
            self.faults.append(Fault(line_no + 1, "", "not_utf8", f"the file is UTF-8, and here it is not: {error.reason}"))
        except csv.Error as error:
            self.faults.append(Fault(line_no + 1, "", "not_csv", f"this is no CSV: {error}"))
        finally:
            csv.field_size_limit(before)

    def _is_header(self, header: list[str] | None) -> bool:
        found = header or []
        wrong = [
            *(f"{name} is missing" for name in self.columns if name not in found),
            *(f"{name!r:.40} is no column" for name in found if name not in self.columns),
            *(f"{name} is there twice" for name in sorted({name for name in found if found.count(name) > 1})),
        ]
        self.faults += [Fault(1, "", "header_wrong", one) for one in wrong]
        return not wrong

    def _foot(self, line_no: int, row: Mapping[str, str]) -> None:
        self.footer[self.count_name] = row[self.count_column]
        self.footer |= {name: row[name] for name in self.figures if row[name]}
        allowed = {self.columns[0], self.count_column, *self.figures}
        extra = [name for name in self.columns if row[name] and name not in allowed]
        self.faults += [Fault(line_no, name, "not_a_total", "the row of totals has their number and sums, nothing else") for name in extra]


class _Open(io.BufferedReader):
    """A file that stays open when what reads it as text is done."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)  # type: ignore[arg-type]

    def close(self) -> None:
        self.detach()


def digest(file: BinaryIO) -> str:
    """The SHA-256 of the bytes of a file."""
    file.seek(0)
    seen = sha256()
    while block := file.read(1 << 20):
        seen.update(block)
    return seen.hexdigest()
