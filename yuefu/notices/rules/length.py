"""How many parts a text message has: each is paid for. GSM 03.38 where its letters are enough, else UTF-16 (3GPP TS 23.038, 23.040). Pure."""

from __future__ import annotations

from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("^{}\\[~]|€\f")
ONE_BASIC, EACH_BASIC = 160, 153
ONE_WIDE, EACH_WIDE = 70, 67


def parts(text: str) -> int:
    """In how many parts a text is sent. A long one has a header in each, and no character, however it is written, is torn in two."""
    if all(c in _BASIC or c in _EXTENDED for c in text):
        return _parts([2 if c in _EXTENDED else 1 for c in text], ONE_BASIC, EACH_BASIC)
    return _parts([2 if ord(c) > 0xFFFF else 1 for c in text], ONE_WIDE, EACH_WIDE)


def _parts(widths: list[int], one: int, each: int) -> int:
    if sum(widths) <= one:
        return 1
    count, used = 1, 0
    for width in widths:
        if used + width > each:
            count, used = count + 1, 0
        used += width
    return count
