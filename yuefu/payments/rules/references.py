"""The reference that a consumer quotes when paying by bank transfer: ten digits and two that check them. Pure.

Only digits, for every bank's form takes them and nobody takes one for another. The last two are those of ISO 7064, MOD 97-10, as in an IBAN:
every single wrong digit and every pair exchanged is seen, and of any other text one in 97 passes. A reference is one of a consumer for good.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final
from unicodedata import normalize
from uuid import UUID

LENGTH: Final = 12
LONGEST_TEXT: Final = 500
_DIGITS: Final = "0123456789"
_GROUP = re.compile(r"[0-9]+")
_BETWEEN = re.compile(r"[ \-./·]{1,2}")


def made_for(consumer_id: UUID, attempt: int) -> str:
    """The reference of a consumer; where another one has it already, that of the next `attempt`, from 0 on."""
    digest = blake2b(consumer_id.bytes + attempt.to_bytes(4, "big"), digest_size=8).digest()
    return _checked(f"{int.from_bytes(digest, 'big') % 10**10:010d}")


def well_formed(text: str) -> bool:
    """Whether a text is a reference as far as its check digits tell."""
    return len(text) == LENGTH and text.isascii() and text.isdigit() and int(text) % 97 == 1


def grouped(reference: str) -> str:
    """As people copy it: in fours."""
    return " ".join(reference[start : start + 4] for start in range(0, len(reference), 4))


def quoted(text: str) -> list[str]:
    """What may be a reference in what a payer wrote, each once, in order; in full width or in groups too."""
    return list(dict.fromkeys(run for run in _runs(text, LENGTH, LENGTH) if well_formed(run)))


def nearly(text: str) -> list[str]:
    """References that a payer may have meant: off by one digit, by one too few or too many, or by two that are exchanged."""
    meant: dict[str, None] = {}
    for run in _runs(text, LENGTH - 1, LENGTH + 1):
        if not well_formed(run):
            meant.update(dict.fromkeys(one for one in _edited(run) if well_formed(one)))
    return list(meant)


def _checked(body: str) -> str:
    return f"{body}{98 - int(body) * 100 % 97:02d}"


def _runs(text: str, shortest: int, longest: int) -> list[str]:
    """Groups of digits that stand next to each other, joined, of such a length."""
    plain = normalize("NFKC", text)[:LONGEST_TEXT]
    groups = list(_GROUP.finditer(plain))
    found = []
    for first in range(len(groups)):
        joined = ""
        for at in range(first, len(groups)):
            if at > first and not _BETWEEN.fullmatch(plain[groups[at - 1].end() : groups[at].start()]):
                break
            joined += groups[at].group()
            if len(joined) > longest:
                break
            if len(joined) >= shortest:
                found.append(joined)
    return found


def _edited(run: str) -> list[str]:
    if len(run) < LENGTH:
        return [run[:at] + digit + run[at:] for at in range(len(run) + 1) for digit in _DIGITS]
    if len(run) > LENGTH:
        return [run[:at] + run[at + 1 :] for at in range(len(run))]
    changed = [run[:at] + digit + run[at + 1 :] for at in range(len(run)) for digit in _DIGITS]
    return changed + [run[:at] + run[at + 1] + run[at] + run[at + 2 :] for at in range(len(run) - 1)]
