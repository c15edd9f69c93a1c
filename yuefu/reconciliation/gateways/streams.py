"""The bytes of a bill as a stream of text lines: unpacked, hashed, bounded and decoded on the way, never held twice."""

import gzip
import hashlib
import io
from collections.abc import Iterator

from yuefu.reconciliation.rules.bills import BillError

_GZIP_MAGIC = b"\x1f\x8b"
_SIZE_LIMIT = 1 << 30
# A real bill shrinks to about a tenth. The ratio is looked at only beyond a size that no memory fears.
_RATIO_LIMIT = 200
_RATIO_FREE_SIZE = 64 << 20


class Source(io.RawIOBase):
    """The decompressed bytes as a stream: hashed as they pass, and stopped when they are too many for an honest bill."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        packed = data.startswith(_GZIP_MAGIC)
        self._stream: io.BytesIO | gzip.GzipFile = gzip.GzipFile(fileobj=io.BytesIO(data)) if packed else io.BytesIO(data)
        self._ratio_size = max(_RATIO_FREE_SIZE, len(data) * _RATIO_LIMIT) if packed else _SIZE_LIMIT
        self._hash = hashlib.sha256()
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # io hands in a memoryview, typeshed says any buffer
        count = self._stream.readinto(buffer)
        self._hash.update(buffer[:count])
        self._size += count
        if self._size > _SIZE_LIMIT:
            raise BillError("too_large", f"The bill is larger than {_SIZE_LIMIT >> 20} MiB.")
        if self._size > self._ratio_size:
            raise BillError("too_large", f"The gzip file unpacks to more than {_RATIO_LIMIT} times its size.")
        return count

    def sha256(self) -> str:
        return self._hash.hexdigest()


def text_lines(stream: io.BufferedReader, encoding: str) -> Iterator[tuple[int, str]]:
    """The lines after the header with their numbers, without line ends; empty lines hold nothing and are left out."""
    line_no = 1
    text = io.TextIOWrapper(stream, encoding=encoding, newline="\n")
    try:
        for line_no, line in enumerate(text, start=2):
            content = line.rstrip("\r\n")
            if content:
                yield line_no, content
    except UnicodeDecodeError as error:
        if "unexpected end" in error.reason or "incomplete" in error.reason:
            raise BillError("truncated", f"The file ends in the middle of a character, after line {line_no}.") from error
        raise BillError("bad_encoding", f"After line {line_no} the file is not {encoding.upper()}, which its header is.") from error
