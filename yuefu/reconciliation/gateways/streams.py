"""The bytes of a bill as a stream of text lines: unpacked, hashed, bounded and decoded on the way, never held twice."""

import codecs
import contextlib
import gzip
import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Protocol, Self

from yuefu.reconciliation.rules.bills import BillError

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
BOM = b"\xef\xbb\xbf"
HEAD_SIZE = 1 << 16
_SIZE_LIMIT = 1 << 30
# A real bill shrinks to about a tenth. The ratio is looked at only beyond a size that no memory fears.
_RATIO_LIMIT = 200
_RATIO_FREE_SIZE = 64 << 20
_MEMBERS_LIMIT = 100
_WIDE = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_NOT_FOR_US = (b"\xff\xfe<\0", b"\xfe\xff\0<", b"\xff\xfe\0\0")
"""XML, which says its encoding once more within and has a reader that knows it, and UTF-32."""

_Recode = Callable[[bytes], bytes]
"""What readers get for a piece of the file; the last one is empty, and the answer to it may not be."""


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Source(io.RawIOBase):
    """The decompressed bytes as a stream: hashed as they pass, and stopped when they are too many for an honest bill. Tables in UTF-16 that say so come
    in UTF-8, lines that end in CR alone in LF.
    """

    def __init__(self, stream: Readable, packed_size: int | None = None) -> None:
        """`packed_size` is the size before unpacking, None where nothing is unpacked."""
        super().__init__()
        self._stream = stream
        self._ratio_size = _SIZE_LIMIT if packed_size is None else max(_RATIO_FREE_SIZE, packed_size * _RATIO_LIMIT)
        self._sha256 = hashlib.sha256()
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._size = 0
        self._ended = False
        self._recode: _Recode = bytes
        self._ahead = self._first()

    @classmethod
    def of(cls, data: bytes) -> Self:
        """A file that is plain or gzipped."""
        if data.startswith(GZIP_MAGIC):
            return cls(gzip.GzipFile(fileobj=io.BytesIO(data)), len(data))
        return cls(io.BytesIO(data))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # io hands in a memoryview, typeshed says any buffer
        piece = self._ahead or self._take(len(buffer))
        self._ahead = piece[len(buffer) :]
        piece = piece[: len(buffer)]
        buffer[: len(piece)] = piece
        return len(piece)

    def head(self) -> bytes:
        """The first bytes, about HEAD_SIZE at most, without taking them out of the stream; of no use once something was."""
        return self._ahead

    def _first(self) -> bytes:
        ahead = b""
        while len(ahead) < HEAD_SIZE and (piece := self._pass(HEAD_SIZE - len(ahead))):
            ahead += piece
        if ahead[:2] in _WIDE and not ahead.startswith(_NOT_FOR_US):
            self._recode = _from(_WIDE[ahead[:2]])
            ahead = self._recode(ahead)
        if b"\r" in ahead and b"\n" not in ahead:
            inner = self._recode
            self._recode = lambda piece: inner(piece).replace(b"\r", b"\n")
            ahead = ahead.replace(b"\r", b"\n")
        return ahead

    def _take(self, size: int) -> bytes:
        while not self._ended:
            piece = self._pass(size)
            self._ended = not piece
            if found := self._recode(piece):
                return found
        return b""

    def _pass(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._sha256.update(piece)
        self._sha1.update(piece)
        self._size += len(piece)
        if self._size > _SIZE_LIMIT:
            raise BillError("too_large", f"The bill is larger than {_SIZE_LIMIT >> 20} MiB.")
        if self._size > self._ratio_size:
            raise BillError("too_large", f"The packed file unpacks to more than {_RATIO_LIMIT} times its size.")
        return piece

    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def sha1(self) -> str:
        return self._sha1.hexdigest()

    def exhaust(self) -> None:
        """Takes what is left, so that the hashes are those of the whole file and its own checksum has been looked at."""
        self._ahead = b""
        while self._take(HEAD_SIZE):
            pass


def _from(encoding: str) -> _Recode:
    decoder = codecs.getincrementaldecoder(encoding)()

    def recode(piece: bytes) -> bytes:
        try:
            return decoder.decode(piece, final=not piece).removeprefix("\ufeff").encode()
        except UnicodeDecodeError as error:
            code, what = ("truncated", "ends in the middle of a character") if "trunc" in error.reason else ("bad_encoding", "is no UTF-16")
            raise BillError(code, f"The file begins as UTF-16 and {what}: fetch it again.") from error

    return recode


if TYPE_CHECKING:
    BufferedSource = io.BufferedReader[Source]
else:
    BufferedSource = io.BufferedReader


@contextlib.contextmanager
def unpacking() -> Iterator[None]:
    """What the unpackers say of a broken file, as BillError."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise BillError("truncated", "The packed file is cut short or damaged: fetch it again.") from error
    except (NotImplementedError, RuntimeError) as error:
        # What zipfile says of a method it has not, and of a member that is under a password.
        if isinstance(error, RecursionError):
            raise
        raise BillError("unknown_layout", "The zip file is encrypted or packed in a way that is not read: unpack it first.") from error


def members(data: bytes) -> Iterator[Source]:
    """The files in a zip file, one after the other. Their names are not looked at: some are in GBK without saying so."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (ValueError, OSError, LookupError, struct.error) as error:
        raise zipfile.BadZipFile("the directory cannot be read") from error
    with archive:
        # What a Mac puts beside each file when it packs them is of none of them.
        found = [member for member in archive.infolist() if not member.is_dir() and not member.filename.startswith("__MACOSX/")]
        if not found:
            raise BillError("truncated", "There is no file in the zip file.")
        if len(found) > _MEMBERS_LIMIT:
            raise BillError("too_large", f"There are {len(found)} files in the zip file; a bill has {_MEMBERS_LIMIT} at most.")
        if sum(member.file_size for member in found) > _SIZE_LIMIT:
            raise BillError("too_large", f"The zip file unpacks to more than {_SIZE_LIMIT >> 20} MiB.")
        for member in found:
            with _opened(archive, member) as stream:
                yield Source(stream, member.compress_size)


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError(member.compress_type)
    try:
        return archive.open(member)
    except (ValueError, OSError, LookupError, struct.error) as error:
        raise zipfile.BadZipFile("a file in it cannot be found") from error


def decoded_lines(stream: BufferedSource, encoding: str, first: int = 1) -> Iterator[str]:
    """The lines with their line ends. `first` is the number of the first of them, for what is said of a fault."""
    line_no = first - 1
    text = io.TextIOWrapper(stream, encoding=encoding, newline="\n")
    try:
        for line_no, line in enumerate(text, start=first):  # noqa: B007  # a fault is said to be after the last line that was read
            yield line
    except UnicodeDecodeError as error:
        if "unexpected end" in error.reason or "incomplete" in error.reason:
            raise BillError("truncated", f"The file ends in the middle of a character, after line {line_no}.") from error
        raise BillError("bad_encoding", f"After line {line_no} the file is not {encoding.upper()}, which its header is.") from error


def text_lines(stream: BufferedSource, encoding: str) -> Iterator[tuple[int, str]]:
    """The lines after the header with their numbers, without line ends; empty lines hold nothing and are left out."""
    for line_no, line in enumerate(decoded_lines(stream, encoding, 2), start=2):
        content = line.rstrip("\r\n")
        if content.strip():
            yield line_no, content
