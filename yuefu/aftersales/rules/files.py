"""Files that merchants send as evidence: what one is, told by its bytes and not by what it is called. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from yuefu.errors import Refused

LARGEST: Final = 5 * 1024 * 1024
LONGEST_NAME: Final = 100
PURPOSES: Final = ("dispute_evidence",)

FILE_EMPTY = "file_empty"
FILE_TOO_LARGE = "file_too_large"
FILE_UNREADABLE = "file_kind_unknown"  # neither PDF, PNG, JPEG nor a text in UTF-8
NAME_INVALID = "file_name_invalid"

_BEGINNINGS: Final = ((b"%PDF-", "application/pdf"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"))
CONTENT_TYPES: Final = (*(kind for _, kind in _BEGINNINGS), "text/plain; charset=utf-8")


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is kept, without its bytes."""

    id: UUID
    merchant_id: UUID
    purpose: str
    name: str
    content_type: str
    size: int
    sha256: bytes
    recorded_at: datetime


def content_type(content: bytes) -> str | Refused:
    """What a file is."""
    if not content:
        return Refused(FILE_EMPTY, "the file has no bytes", "content")
    if len(content) > LARGEST:
        return Refused(FILE_TOO_LARGE, f"a file has at most {LARGEST} bytes; this one has {len(content)}", "content")
    for beginning, kind in _BEGINNINGS:
        if content.startswith(beginning):
            return kind
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if any(not (one.isprintable() or one in "\t\r\n\ufeff") for one in text):
        return Refused(FILE_UNREADABLE, "a file is a PDF, a PNG, a JPEG, or a text in UTF-8", "content")
    return CONTENT_TYPES[-1]


def fault_of_name(name: str) -> Refused | None:
    """Why a file cannot be called so: it is a name and no path."""
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or not name.strip() or set(name) & set('/\\"'):
        return Refused(NAME_INVALID, f"a name has 1 to {LONGEST_NAME} printable characters, without slashes and quotes", "name")
    return None
