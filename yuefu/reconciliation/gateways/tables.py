"""Tables with a header: where it stands, in which encoding, and the rows below it with quoted values taken apart."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from yuefu.reconciliation.gateways.cells import require_not_renamed
from yuefu.reconciliation.gateways.streams import BOM, Source, decoded_lines
from yuefu.reconciliation.rules.bills import BillError

# Titles, accounts and periods stand above a header.
_PREFACE_LINES = 20


@dataclass(frozen=True, slots=True)
class Found:
    """A header in its file: its line, the lines above it, and the names in it as they are printed but for parentheses and quotes."""

    encoding: str
    preface: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def line_no(self) -> int:
        return len(self.preface) + 1


def find_header(head: bytes, known: frozenset[str]) -> tuple[int, Found | None]:
    """The line of the first ones in which most names are `known`, and how many are."""
    best, found = 0, None
    for encoding in ("utf-8", "gb18030"):
        # The head may end within a character; whether the file is in this encoding throughout is said when it is read.
        lines = head.removeprefix(BOM).decode(encoding, "ignore").split("\n")[:_PREFACE_LINES]
        for place, line in enumerate(lines):
            names = tuple(plain_name(cell) for cell in line.split(","))
            count = sum(name in known for name in set(names))
            if count > best:
                best, found = count, Found(encoding, tuple(lines[:place]), names)
    return best, found


def plain_name(cell: str) -> str:
    """The name of a column without what varies: spaces, quotes, width of parentheses, and the unit."""
    name = cell.strip().strip('"`').strip().replace("（", "(").replace("）", ")")
    for unit in ("(元)", "(+元)", "(-元)"):
        name = name.removesuffix(unit)
    return name


def places_of_columns(found: Found, renamed: Mapping[str, str], required: Sequence[str], usual: Sequence[str]) -> dict[str, int]:
    """Where each column stands, by its present-day name; a name that is missing, stands twice or is another than usual is refused."""
    at: dict[str, int] = {}
    for place, printed in enumerate(found.names):
        name = renamed.get(printed, printed)
        if name and name in at:
            raise BillError("unknown_layout", f"The header names {name[:40]} twice.", found.line_no)
        at[name] = place
    missing = [name for name in required if name not in at]
    if missing:
        raise BillError("missing_column", f"The header lacks {', '.join(missing)}.", found.line_no)
    require_not_renamed(at, usual, found.line_no)
    return at


def rows_below(source: Source, found: Found) -> Iterator[tuple[int, list[str]]]:
    """The rows with the number of their first line, values in quotes taken apart; a value may hold commas and line ends. Empty lines are left out."""
    lines = decoded_lines(io.BufferedReader(source, 1 << 16), found.encoding)
    for _ in range(found.line_no):
        next(lines, None)
    reader = csv.reader(lines)
    line_no = found.line_no + 1
    try:
        for values in reader:
            if values:
                yield line_no, values
            line_no = found.line_no + reader.line_num + 1
    except csv.Error as error:
        raise BillError("row_width", f"Line {line_no} cannot be taken apart into values: {error}.", line_no) from error


def require_width(values: Sequence[str], width: int, line_no: int) -> None:
    if len(values) != width:
        raise BillError("row_width", f"Line {line_no} has {len(values)} values, the header has {width}.", line_no)


def is_blank(values: Iterable[str]) -> bool:
    return not any(value.strip() for value in values)
