"""Reads the bills of WeChat Pay, and the files of banks that use the same layout.

Layouts: the trade bill in its types ALL, SUCCESS and REFUND, with the present and both earlier sets of column names, the statement of
merchants outside of the mainland (38 columns), and the fund-flow bill with half- or full-width parentheses. Source: the public
documentation of WeChat Pay API v2 and v3 (tradebill, fundflowbill, global/statements). A file is read line by line as a stream, its columns
by header name; every value starts with a backtick, so that a value may hold a comma.
"""

import io
from collections.abc import Iterator, Sequence
from datetime import date
from types import MappingProxyType

from yuefu.reconciliation.gateways.cells import require_not_renamed
from yuefu.reconciliation.gateways.streams import BOM, BufferedSource, Source, text_lines, unpacking
from yuefu.reconciliation.gateways.wechat_columns import COLUMN_NAMES, FUND_COLUMNS, TRADE_COLUMNS, Header, cells_of_header
from yuefu.reconciliation.gateways.wechat_rows import FundRows, GlobalRows, Rows, TradeRows
from yuefu.reconciliation.rules.bills import Bill, BillError, BillLine

_HEADER_LIMIT = 1 << 16


def read_bill(data: bytes, *, currency: str = "CNY") -> Bill:
    """Read a whole WeChat Pay bill, plain or gzipped, in UTF-8 (with or without BOM) or GB18030, or raise BillError: nothing is half-read.

    Checked: every header, row, amount and time; one day, one account, `currency` only; the number of lines and each total the summary
    prints; in a fund flow the running balance. A bill without lines is a Bill with `on` None; the older interface's answer that there is
    none is BillError no_bill. The codes are named at BillError. Line numbers count from 1, the header's. A `currency` that does not exist
    is a MoneyError, the caller's mistake.
    """
    with unpacking():
        return read_source(Source.of(data), currency)


def read_source(source: Source, currency: str | None) -> Bill:
    """As read_bill. Without a `currency` that which a trade bill states is taken, and CNY for a fund flow, which states none."""
    stream = io.BufferedReader(source, 1 << 16)
    encoding, names = _header(stream)
    header = Header.of(names)
    rows = _rows_of(header, currency)
    lines = _body(text_lines(stream, encoding), header, rows)
    return Bill(
        layout=header.layout,
        account=rows.account,
        on=lines[0].occurred_on if lines else None,
        currency=rows.currency or "CNY",
        lines=tuple(lines),
        sha256=source.sha256(),
        totals=MappingProxyType(rows.totals()),
    )


def _rows_of(header: Header, currency: str | None) -> Rows:
    if header.is_fund_flow:
        return FundRows(header, currency or "CNY")
    return GlobalRows(header, currency) if header.is_global else TradeRows(header, currency)


def _header(stream: BufferedSource) -> tuple[str, list[str]]:
    """The encoding, decided by the header line alone (it is Chinese in every layout), and the column names.

    A file that changes its encoding on the way is broken; trying the other one for the whole file would hide where.
    """
    raw = stream.readline(_HEADER_LIMIT).removeprefix(BOM)
    if not raw.strip():
        raise BillError("truncated", "The file is empty or does not begin with a header.", 1)
    if raw.lstrip().startswith(b"<"):
        raise _answer_instead(raw + stream.read(_HEADER_LIMIT))
    for encoding in ("utf-8", "gb18030"):
        try:
            cells = cells_of_header(raw.decode(encoding).rstrip("\r\n"))
        except UnicodeDecodeError:
            continue
        # Broken UTF-8 often decodes as GB18030, to characters nobody wrote: only a known column shows that it is.
        if encoding == "utf-8" or any(COLUMN_NAMES.get(cell, cell) in (*TRADE_COLUMNS, *FUND_COLUMNS) for cell in cells):
            return encoding, cells
    raise BillError("bad_encoding", "The header is neither UTF-8 nor GB18030.", 1)


def _answer_instead(xml: bytes) -> BillError:
    if b"<error_code><![CDATA[20002]]>" in xml or b"<error_code>20002<" in xml or b"No Bill Exist" in xml:
        return BillError("no_bill", "The channel answered that there is no bill for this day (20002 No Bill Exist).")
    return BillError("unknown_layout", "The file is an XML answer of the channel, not a bill.", 1)


def _body(lines: Iterator[tuple[int, str]], header: Header, rows: Rows) -> list[BillLine]:
    """All rows up to the summary, which must be there, agree with them and be the end of the file."""
    read: list[BillLine] = []
    first_on: date | None = None
    width = header.width
    for line_no, text in lines:
        if text[0] != "`" and _is_summary_header(text, rows):
            _check_summary(lines, cells_of_header(text), rows)
            return read
        values = _values(text)
        if len(values) != width or text[0] != "`":
            raise BillError("row_width", f"Line {line_no} has {len(values)} values, the header has {width}.", line_no)
        line = rows.read(line_no, values)
        first_on = first_on or line.occurred_on
        if line.occurred_on != first_on:
            raise BillError("several_days", f"Line {line_no} is of {line.occurred_on}, the bill of {first_on}.", line_no)
        read.append(line)
    raise BillError("summary_missing", f"The file ends without its summary, after {len(read)} lines.")


def _values(text: str) -> list[str]:
    # The separator is the comma with the backtick of the next value: a name of goods holds commas and backticks of its own.
    return text.removeprefix("`").split(",`")


def _is_summary_header(text: str, rows: Rows) -> bool:
    return any(name in rows.summary for name in _summary_names(cells_of_header(text)))


def _summary_names(cells: Sequence[str]) -> list[str]:
    return [COLUMN_NAMES.get(cell, cell) for cell in cells]


def _check_summary(lines: Iterator[tuple[int, str]], cells: Sequence[str], rows: Rows) -> None:
    names = _summary_names(cells)
    missing = [name for name, needed in rows.summary.items() if needed and name not in names]
    if missing:
        raise BillError("summary_missing", f"The summary lacks {', '.join(missing)}.")
    if rows.strict:
        require_not_renamed(names, list(rows.summary), 0, of="summary", code="summary_missing")
    line_no, text = next(lines, (0, ""))
    if not text:
        raise BillError("summary_missing", "The file ends after the header of its summary.")
    values = _values(text)
    if len(values) != len(names):
        raise BillError("row_width", f"Line {line_no} has {len(values)} values, the summary's header has {len(names)}.", line_no)
    for name, printed in zip(names, values, strict=True):
        if name in rows.summary:
            rows.check(name, printed.strip(), line_no)
    after = next(lines, None)
    if after:
        raise BillError("after_summary", f"The file goes on after its summary, in line {after[0]}.", after[0])
