"""The values of a bill, from their texts: amounts, counts and times, read exactly or refused with BillError."""

from collections.abc import Collection, Sequence
from datetime import datetime

from yuefu.money.amounts import LARGEST_MINOR, Money, MoneyError
from yuefu.reconciliation.rules.bills import BillError

AMOUNT_LIMIT = LARGEST_MINOR
# Fees are printed with up to three more decimals than the currency has.
FEE_PLACES = 3
_FEE_SCALE = 10**FEE_PLACES


def places_of(currency: str) -> int:
    return len(Money(0, currency).decimal_text().partition(".")[2])


def places_of_stated(currency: str, line_no: int | None = None) -> int:
    """As `places_of`, of a currency that a file states: one that does not exist is the file's fault."""
    try:
        return places_of(currency)
    except MoneyError as error:
        raise BillError("other_currency", f"The file is in {currency[:40]!r}, which is no currency that is known.", line_no) from error


def plain_text(value: int, places: int) -> str:
    digits = str(abs(value)).zfill(places + 1)
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return text if value >= 0 else "-" + text


def read_minor(text: str, places: int, line_no: int, limit: int = AMOUNT_LIMIT) -> int:
    """An amount in units of 10^-`places`, exactly, at most `limit` of them.

    Decimals beyond them must be zeros; no exponent, separator, space or plus sign.
    """
    if text == "0.00":
        return 0
    whole, _, fraction = text.removeprefix("-").partition(".")
    digits = whole + fraction[:places].ljust(places, "0")
    # str.isdigit is true of full-width and superscript digits too, and int() reads underscores: both are refused here.
    if not (whole and digits.isascii() and digits.isdigit()) or fraction[places:].strip("0") or text.endswith("."):
        raise BillError("bad_amount", f"Line {line_no} has an amount that is not a plain decimal number: '{text[:40]}'.", line_no)
    # The length is looked at first: reading a number of a million digits takes minutes.
    if len(digits) > 40 or int(digits) > limit:
        raise BillError("bad_amount", f"Line {line_no} has an amount beyond every limit: '{text[:40]}'.", line_no)
    return -int(digits) if text[0] == "-" else int(digits)


def read_total(text: str, places: int, line_no: int) -> int:
    # A sum may be beyond the limit of its items.
    return read_minor(text, places, line_no, AMOUNT_LIMIT * 10**9)


def read_fee(text: str, places: int, line_no: int) -> tuple[int, int]:
    """A fee in minor units, half a unit rounded away from zero; and as it is printed, in units of 10^-(`places` + FEE_PLACES)."""
    printed = read_minor(text, places + FEE_PLACES, line_no, AMOUNT_LIMIT * _FEE_SCALE)
    whole = (abs(printed) + _FEE_SCALE // 2) // _FEE_SCALE
    return (whole if printed >= 0 else -whole), printed


def agree(name: str, printed: str, value: int, computed: int, places: int, line_no: int) -> None:
    """The `value` of a total as `printed` is what the lines add up to, or else BillError summary_mismatch."""
    if value != computed:
        detail = f"The summary prints {name} {printed}, the lines add up to {plain_text(computed, places)}."
        raise BillError("summary_mismatch", detail, line_no)


def require_not_renamed(
    names: Collection[str], usual: Sequence[str], line_no: int, *, of: str = "header", code: str = "missing_column"
) -> None:
    """Columns more are new ones, columns less those of an older layout; one less and another more is a column that got another name."""
    absent = [name for name in usual if name not in names]
    unknown = [name for name in names if name and name not in usual]
    if absent and unknown:
        raise BillError(code, f"The {of} lacks {absent[0]} and has {unknown[0][:40]}: what a column means is not guessed.", line_no)


def read_count(text: str, line_no: int) -> int:
    """A count; some files print it as 20.0."""
    return read_minor(text, 0, line_no)


def read_moment(text: str, line_no: int) -> datetime:
    """A local time as YYYY-MM-DD HH:MM:SS; the documentation's own samples print full-width colons."""
    stamp = text.strip().replace("：", ":")
    # fromisoformat reads other forms of the same length too, one of them with an offset.
    if len(stamp) == 19 and stamp[4] == "-" and stamp[7] == "-" and stamp[10] == " " and stamp[13] == ":" and stamp[16] == ":":
        try:
            return datetime.fromisoformat(stamp)
        except ValueError:
            pass
    raise BillError("bad_time", f"Line {line_no} has a time that is not YYYY-MM-DD HH:MM:SS: '{text[:40]}'.", line_no)
