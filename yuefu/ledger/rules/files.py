"""The journal as a file, so that it can be kept elsewhere and brought into another book. Pure.

JSON, one object a line, UTF-8. The first line is the header, then come the limited accounts, then the entries in the order in which they
committed, and at last the end, which counts them: a file without its end was cut off. Amounts are whole minor units, debit positive; own
funds are "own", whatever the book.

    {"header": {"format": "yuefu.journal/1", "book": "book_…", "code": "…", "currency": "CNY", "from": null, "to": null, "chain": {…}}}
    {"account": {"code": "credit_line", "owner": "…", "funder": null, "product": "", "currency": "CNY", "limit": 100000, "side": 1,
        "merchant": null, "consumer": "…"}}
    {"entry": {"id": "…", "kind": "capture", "posted_on": "2026-10-01", "effective_on": "2026-10-01", "recorded_at": "…", "actor": "…",
        "request": "…", "lines": [["loan_principal", null, "own", "flex", 10000, "CNY", order, loan, merchant, "own", movement, reference], …]}}
    {"end": {"entries": 2, "sha256": "…"}}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

import orjson

from yuefu import ids
from yuefu.ids import BadId
from yuefu.ledger.rules.chart import CHART
from yuefu.ledger.rules.posting import CREDIT, DEBIT, AccountKey, Entry, LimitedAccount, Line, shape_refusal
from yuefu.money.amounts import LARGEST_MINOR, Money, MoneyError

FORMAT: Final = "yuefu.journal/1"
LONGEST_LINE: Final = 16 << 20
LINE_FIELDS: Final = (
    "code", "owner", "account_funder", "product", "minor", "currency", "order", "loan", "merchant", "funder", "movement", "reference",
)  # fmt: skip
OWN: Final = "own"

_TEXT = 1_000


class FileFault(ValueError):
    """What is wrong with a file, and in which line of it, from 1. Codes: bad_encoding, bad_json, bad_line, line_too_long, unknown_format, no_header,
    out_of_order, cut_off, changed, and those of the shape of an entry."""

    def __init__(self, code: str, detail: str, line_no: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.line_no = line_no


@dataclass(frozen=True, slots=True)
class Header:
    """Whose journal it is; `code` is what the book is called there."""

    book_id: UUID
    code: str
    currency: str


@dataclass(frozen=True, slots=True)
class End:
    """How many entries there are; `sha256` is of all lines before, where whoever wrote the file said so."""

    entries: int
    sha256: str | None


Record = Header | LimitedAccount | Entry | End


def record(line: bytes, line_no: int, own_funds: UUID, source: UUID | None) -> Record:
    """What a line says, `own` funds being those of the book it is brought into; `source` is the book of the header, None for the first line.

    An entry comes with the key, kind and dates that it has there: `import:BOOK:ENTRY`, `imported:KIND`, and true on the day on which it was.
    Raises FileFault.
    """
    name, body = _object(line, line_no)
    try:
        if name == "header":
            return _header(body)
        if source is None:
            raise FileFault("no_header", "the first line of a journal is its header")
        if name == "account":
            return _account(body, own_funds)
        if name == "entry":
            return _entry(body, own_funds, source)
        if name == "end":
            return End(_whole(body["entries"]), body.get("sha256"))
    except FileFault as fault:
        raise FileFault(fault.code, fault.detail, line_no) from None
    except KeyError as error:
        raise FileFault("bad_line", f"{error.args[0]!r} is missing", line_no) from None
    except (BadId, MoneyError, ValueError, TypeError, AttributeError) as error:
        raise FileFault(
            "bad_line", f"this is not {'an' if name in {'account', 'entry', 'end'} else 'a'} {name}: {error}", line_no
        ) from None
    raise FileFault("bad_line", f"there is nothing called {name!r:.40} in a journal", line_no)


def _object(line: bytes, line_no: int) -> tuple[str, Mapping[str, Any]]:
    if len(line) > LONGEST_LINE:
        raise FileFault("line_too_long", f"a line has at most {LONGEST_LINE >> 20} MiB", line_no)
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise FileFault("bad_encoding", f"byte {error.start + 1} of the line is not UTF-8", line_no) from None
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise FileFault("bad_json", f"this is not JSON: {error}", line_no) from None
    if not isinstance(found, dict) or len(found) != 1:
        raise FileFault("bad_line", "a line is an object with one name", line_no)
    ((name, body),) = found.items()
    if not isinstance(body, dict):
        raise FileFault("bad_line", "what is named is an object", line_no)
    return name, body


def _header(body: Mapping[str, Any]) -> Header:
    if body.get("format") != FORMAT:
        raise FileFault("unknown_format", f"the format is {FORMAT}, not {body.get('format')!r:.40}")
    return Header(ids.parse("book", _text(body["book"])), _text(body["code"]), _text(body["currency"]))


def _account(body: Mapping[str, Any], own_funds: UUID) -> LimitedAccount:
    key = AccountKey(_text(body["code"]), _uuid(body["owner"]), _funder(body["funder"], own_funds), _text(body["product"]))
    if key.code not in CHART or CHART[key.code].kind != "limited":
        raise ValueError(f"{key.code!r:.40} is no limited component")
    side = body["side"]
    if side not in (DEBIT, CREDIT):
        raise ValueError(f"the side that counts is {DEBIT} or {CREDIT}")
    limit = Money(_whole(body["limit"]), _text(body["currency"]))
    return LimitedAccount(key, limit, _uuid(body["merchant"]), _uuid(body["consumer"]), side)


def _entry(body: Mapping[str, Any], own_funds: UUID, source: UUID) -> Entry:
    written_on = date.fromisoformat(_text(body["posted_on"]))
    lines = tuple(_line(one, own_funds) for one in body["lines"])
    made = Entry(
        key=f"import:{source}:{UUID(_text(body['id']))}",
        kind=f"imported:{_text(body['kind'])}",
        lines=lines,
        effective_on=date.fromisoformat(_text(body["effective_on"])),
    )
    refused = shape_refusal(made, written_on)
    if refused:
        raise FileFault(refused.code, refused.detail)
    return made


def _line(given: Any, own_funds: UUID) -> Line:
    if not isinstance(given, list) or len(given) != len(LINE_FIELDS):
        raise ValueError(f"a line of an entry has {len(LINE_FIELDS)} fields: {', '.join(LINE_FIELDS)}")
    code, owner, account_funder, product, minor, currency, order, loan, merchant, funder, movement, reference = given
    return Line(
        AccountKey(_text(code), _uuid(owner), _funder(account_funder, own_funds), _text(product)),
        Money(_whole(minor), _text(currency)),
        _uuid(order),
        _uuid(loan),
        _uuid(merchant),
        _funder(funder, own_funds),
        _text(movement),
        _text(reference),
    )


def _text(value: Any) -> str:
    if type(value) is not str or len(value) > _TEXT or not value.isprintable():
        raise ValueError(f"{value!r:.40} is not a text of at most {_TEXT} printable characters")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) > LARGEST_MINOR:
        raise ValueError(f"{value!r:.40} is not a whole number of at most {LARGEST_MINOR}")
    return value


def _uuid(value: Any) -> UUID | None:
    return None if value is None else UUID(_text(value))


def _funder(value: Any, own_funds: UUID) -> UUID | None:
    return own_funds if value == OWN else _uuid(value)
