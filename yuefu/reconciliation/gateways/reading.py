"""Reads a file of any known layout: says from its bytes what it is and calls the reader of that layout."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from yuefu.money.amounts import Money, MoneyError
from yuefu.reconciliation.gateways import adyen, affirm, alipay, camt, json_files, klarna, mt940, wechat, wechat_columns
from yuefu.reconciliation.gateways.streams import BOM, GZIP_MAGIC, ZIP_MAGIC, Source, members, unpacking
from yuefu.reconciliation.gateways.tables import Found, find_header
from yuefu.reconciliation.rules.bills import Bill, BillError
from yuefu.reconciliation.rules.pairs import summary_differences
from yuefu.reconciliation.rules.settlements import joined

_Reader = Callable[[Source, str | None], list[Bill]]


@dataclass(frozen=True, slots=True)
class _Table:
    """A layout with a header: the columns it is known by, and its reader."""

    columns: frozenset[str]
    read: Callable[[Source, str | None, Found], list[Bill]]


def _wechat(source: Source, currency: str | None, _: Found | None = None) -> list[Bill]:
    return [wechat.read_source(source, currency)]


_TABLES: Sequence[_Table] = (
    _Table(wechat_columns.KNOWN, _wechat),
    _Table(alipay.KNOWN, alipay.read_source),
    _Table(adyen.KNOWN, adyen.read_source),
)
_LAYOUTS = "WeChat Pay, Alipay, Adyen, Klarna, Affirm, camt.053, MT940"


def read(data: bytes, *, currency: str | None = None, sha1: str | None = None) -> list[Bill]:
    """The bills in a file, plain, gzipped or zipped, each checked as a whole, or BillError: nothing is half-read.

    What the file is is said by its first bytes and the names in its header, never by its name. `currency` is what it must be in; None
    takes the currency that the file states, CNY where its layout states none. `sha1` is the checksum of the unpacked bytes that came
    along; a file that differs from it is refused as checksum_mismatch before anything in it is used. A `currency` that does not exist is a
    MoneyError, the caller's mistake.
    """
    if currency is not None:
        Money(0, currency)
    with unpacking():
        if not data.startswith(ZIP_MAGIC):
            return _read(Source.of(data), currency, sha1)
        bills = [bill for number, source in enumerate(members(data), start=1) for bill in _read_member(number, source, currency, sha1)]
    _require_summaries(bills)
    return bills


def read_one(data: bytes) -> Bill:
    """The one bill in a file, in whatever currency it states, or BillError; also where there are several, for then it is not said which is meant."""
    found = read(data)
    # What comes beside its details was held against them.
    bills = joined([bill for bill in found if bill.layout != "alipay.summary"] or found)
    if len(bills) != 1:
        accounts = ", ".join(sorted({bill.account[:40] for bill in bills})) or "none"
        raise BillError("several_accounts", f"The file holds {len(bills)} bills, of {accounts}: give them one by one.")
    return bills[0]


def _read_member(number: int, source: Source, currency: str | None, sha1: str | None) -> list[Bill]:
    """As `_read`; of several files it is said which one is not as it should be."""
    try:
        return _read(source, currency, sha1)
    except BillError as error:
        raise BillError(error.code, f"In file {number} of the zip file: {error.detail}", error.line_no) from error


def _read(source: Source, currency: str | None, sha1: str | None) -> list[Bill]:
    try:
        bills = _reader(source.head())(source, currency)
    except MoneyError as error:
        raise BillError("bad_amount", f"A sum in the file cannot be: {error.detail}") from error
    source.exhaust()
    if sha1 is not None and source.sha1() != sha1.strip().lower():
        detail = f"The file has the SHA-1 {source.sha1()}, its channel said {sha1.strip().lower()[:40]}: fetch it again."
        raise BillError("checksum_mismatch", detail)
    return bills


def _reader(head: bytes) -> _Reader:
    start = head.removeprefix(BOM).lstrip()
    if start.startswith((*ZIP_MAGIC, GZIP_MAGIC)):
        raise BillError("unknown_layout", "There is a packed file in the packed file: unpack it once, then give what is in it.")
    if start.startswith(b"PAR1"):
        raise BillError("unknown_layout", "This is Parquet, not a bill: `yuefu match` matches two sides in Parquet.")
    if mt940.is_statement(start):
        return mt940.read_source
    if start.startswith((b"{", b"[")):
        return _json
    if _is_other_xml(head, start):
        return camt.read_source
    return _reader_of_table(head, start)


def _is_other_xml(head: bytes, start: bytes) -> bool:
    """XML that is not the answer of the channel of WeChat Pay; UTF-16 is XML too, wherever its first character is one of a tag."""
    wide = head.startswith((b"\xff\xfe<\0", b"\xfe\xff\0<"))
    return wide or (start.startswith(b"<") and b"<return_code>" not in head and not start.startswith(b"<xml>"))


def _json(source: Source, currency: str | None) -> list[Bill]:
    document = json_files.load(source)
    if "payouts" in document:
        return klarna.read_payouts(document, currency, source.sha256())
    if "totals" in document and "payment_reference" in document:
        return klarna.read_payouts({"payouts": [document]}, currency, source.sha256())
    if "transactions" in document:
        return klarna.read_transactions(document, currency, source.sha256())
    if "data" in document:
        return affirm.read_events(document, currency, source.sha256())
    if "hash_value" in document:
        raise BillError("unknown_layout", "This is not a bill but the checksum of one: leave it beside its bill, where it is looked at.")
    raise BillError("unknown_layout", "The JSON file is not of a known channel: it has neither payouts, transactions nor data.")


def _reader_of_table(head: bytes, start: bytes) -> _Reader:
    """The layout that knows most of the names in one of the first lines; bytes that are no text, and answers instead of bills, go to one that tells it."""
    best = 0
    reader: _Reader = _wechat
    for table in _TABLES:
        known, found = find_header(head, table.columns)
        if found is not None and known > best:
            best, reader = known, _bound(table, found)
    if not best and start and not start.startswith(b"<") and _is_text(start):
        raise BillError(
            "unknown_layout", f"The file is of no layout that is known ({_LAYOUTS}): its first lines have none of their columns."
        )
    return reader


def _is_text(start: bytes) -> bool:
    try:
        return start.partition(b"\n")[0].decode().replace("\t", "").strip("\r").isprintable()
    except UnicodeDecodeError:
        return False


def _bound(table: _Table, found: Found) -> _Reader:
    return lambda source, currency: table.read(source, currency, found)


def _require_summaries(bills: Sequence[Bill]) -> None:
    """A summary that comes with its details is what they add up to."""
    for summary in bills:
        for detail in bills:
            for name, said, computed in summary_differences(summary, detail):
                text = f"The summary in the file says {name} {said}, the details beside it add up to {computed} (minor units)."
                raise BillError("summary_mismatch", text)
