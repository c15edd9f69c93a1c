"""Identifiers: UUIDv7 inside, TypeID outside.

The time part is the `now` a journey received and the random part comes from an injected source, so that a seeded
world names everything the same way twice. A TypeID is a prefix of at most five letters, `_` and 26 characters of
Crockford base32: never longer than 32 characters, which fits WeChat Pay's out_trade_no.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import Final
from uuid import UUID, SafeUUID

from typeid.base32 import decode as _decode
from typeid.base32 import encode as _encode

PREFIXES: Final = {
    "book": "book",
    "user": "usr",
    "api_key": "key",
    "quarantine": "qrt",
    "approval": "apr",
    "run": "run",
    "entry": "ent",
    "account": "acc",
    "hold": "hold",
    "consumer": "csm",
    "consent": "cns",
    "merchant": "mch",
    "contract": "ctr",
    "payee": "pye",
    "payee_account": "pya",
    "merchant_account": "mac",
    "funder": "fnd",
    "credit_account": "crd",
    "product": "prod",
    "disclosure": "dis",
    "quote": "quo",
    "checkout": "chk",
    "store": "str",
    "terminal": "trm",
    "qr_code": "qr",
    "decision": "dec",
    "order": "ord",
    "capture": "cap",
    "refund": "rfnd",
    "loan": "loan",
    "bill": "bill",
    "aftersale": "afts",
    "charge_back": "cgb",
    "dispute": "dspt",
    "file": "fil",
    "report": "rpt",
    "payoff_quote": "pqt",
    "certificate": "cert",
    "collection": "pay",
    "channel_refund": "crf",
    "mandate": "mdt",
    "debit": "dbt",
    "debit_try": "dtry",
    "contradiction": "ctd",
    "receipt": "rcpt",
    "match": "mtc",
    "return": "rtn",
    "transfer": "trf",
    "payout": "po",
    "payout_file": "pof",
    "freeze": "frz",
    "batch": "stl",
    "balance_transaction": "btx",
    "share": "shr",
    "share_batch": "shb",
    "invoice": "inv",
    "bill_file": "file",
    "break": "brk",
    "fix": "fix",
    "event": "evt",
    "test_clock": "clk",
    "matrix_run": "mtx",
    "stop": "stop",
    "message": "msg",
    "case": "case",
    "contact": "ctc",
    "promise": "prms",
    "measure": "msr",
    "webhook_endpoint": "we",
    "delivery": "whd",
}

RandomBits = Callable[[int], int]

_VERSION: Final = (7 << 76) | (2 << 62)
_RANDOM: Final = 74
_STEP: Final = 48
_BELOW_TICKS: Final = 21  # microseconds since 1970 fit above it until 2112
_LOW: Final = (1 << 62) - 1
_UNKNOWN: Final = SafeUUID.unknown  # asked of the enumeration each time, it takes as long as all the rest of an id


class BadId(ValueError):
    """A text is not an id of the kind that was asked for."""


class IdSource:
    """Makes UUIDv7 values (RFC 9562) from a given moment and a given source of random bits.

    Ids of one moment rise in the order they were made (the RFC's monotonic random, method 2), so "the latest" means the same to a
    clock that stands still. Safe to share between threads.

    `ticks` gives the microseconds of a real clock: then ids of one moment rise across processes too, which share a book whose clock stands
    still but no source.
    """

    __slots__ = ("_bits", "_last", "_lock", "_moment", "_ticks")

    def __init__(self, bits: RandomBits, ticks: Callable[[], int] | None = None) -> None:
        self._bits = bits
        self._ticks = ticks
        self._lock = Lock()
        self._moment = -1
        self._last = 0

    def new(self, now: datetime) -> UUID:
        return self.many(now, 1)[0]

    def many(self, now: datetime, count: int) -> list[UUID]:
        """`count` ids of one moment; one call to the clock arithmetic for all of them."""
        moment = int(now.timestamp() * 1000)
        head = (moment << 80) | _VERSION
        bits, ids = self._bits, []
        with self._lock:
            # The first bit is left for the steps: 2**25 of the longest fit in before the time part would be touched.
            last = self._last if moment == self._moment else self._first(bits)
            if self._ticks:
                last = max(last, self._first(bits))
            for _ in range(count):
                last += 1 if self._ticks else 1 + bits(_STEP)
                ids.append(_uuid(head | ((last >> 62) << 64) | (last & _LOW)))
            self._moment, self._last = moment, last
        return ids

    def _first(self, bits: RandomBits) -> int:
        """Where ids of a moment begin."""
        return self._ticks() << _BELOW_TICKS | bits(_BELOW_TICKS) if self._ticks else bits(_RANDOM - 1)


def _uuid(number: int) -> UUID:
    """As `UUID(int=number)`, which first asks which of its six arguments it was given; an order takes four ids."""
    made = object.__new__(UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", _UNKNOWN)
    return made


def text(kind: str, value: UUID) -> str:
    """The outside form of an id: `text("order", uuid)` → `ord_01k…`."""
    return f"{PREFIXES[kind]}_{_encode(value.bytes)}"


def moment(value: UUID) -> datetime:
    """When an id was made, to the millisecond, in UTC."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def parse(kind: str, value: str) -> UUID:
    """The inside form; raises BadId where the prefix or the characters are not those of `kind`."""
    prefix = PREFIXES[kind]
    given, _, suffix = value.strip().rpartition("_")
    if given != prefix:
        raise BadId(f"{value!r} names no {kind.replace('_', ' ')}: it should begin with {prefix}_")
    try:
        if suffix[:1] > "7":
            raise ValueError("more than 128 bits")
        return UUID(bytes=_decode(suffix))
    except Exception as error:
        raise BadId(f"{value!r} names no {kind.replace('_', ' ')} ({prefix}_ and 26 characters)") from error
