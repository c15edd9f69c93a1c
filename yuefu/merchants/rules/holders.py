"""Where a merchant's money goes: a corporate account in its own name. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from yuefu.errors import Refused

HOLDER_DIFFERS: Final = "holder_differs"  # the account is in another name than the merchant's
BANK_CODE_INVALID: Final = "bank_code_invalid"  # a number of CNAPS (联行号, 12 digits) or a BIC, or nothing

_CNAPS = re.compile(r"[0-9]{12}")
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")


def holder_form(given: str, *, name_zh: str, name_en: str) -> str | None:
    """The name of the merchant that the account is in, as the merchant has it; None where it is another's. Width, case and blanks do not tell
    names apart, and nothing given is the Chinese name."""
    wanted = _plain(given)
    return next((name for name in (name_zh, name_en) if not wanted or _plain(name) == wanted), None)


def fault(holder: str, bank_code: str, *, name_zh: str, name_en: str) -> Refused | None:
    """Why an account is not the merchant's own, or its bank cannot be named so."""
    if holder_form(holder, name_zh=name_zh, name_en=name_en) is None:
        return Refused(HOLDER_DIFFERS, f"the account is in another name than the merchant's, {name_zh}", "settlement_account_holder")
    return bank_code_fault(bank_code)


def bank_code_fault(code: str) -> Refused | None:
    """The bank that keeps the account, as banks write it."""
    if not code or _CNAPS.fullmatch(code) or _BIC.fullmatch(code):
        return None
    return Refused(
        BANK_CODE_INVALID, "a bank is named by its CNAPS number (12 digits) or its BIC (8 or 11 characters)", "settlement_bank_code"
    )


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())
