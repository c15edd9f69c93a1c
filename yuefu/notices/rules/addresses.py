"""Where a person can be written to. Pure."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import available_timezones

import phonenumbers
from phonenumbers import PhoneNumberType

from yuefu.errors import Refused
from yuefu.notices.rules.kinds import CHANNELS, LANGUAGES

EMAIL_INVALID: Final = "email_invalid"  # ASCII before the @, a domain name behind it, 254 characters at most
LANGUAGE_UNKNOWN: Final = "language_unknown"
CHANNEL_UNKNOWN: Final = "channel_unknown"
ZONE_UNKNOWN: Final = "zone_unknown"

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_TEXTABLE: Final = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


def email_form(text: str) -> str | None:
    """An e-mail address as it is kept, its domain in ASCII and lower case, or None where it cannot be one. A quoted local part, or one that
    is not ASCII, is refused: too many servers on the way do not take it.
    """
    local, at, domain = text.rpartition("@")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local):
        return None
    try:
        ascii_domain = domain.encode("idna").decode().lower()
    except UnicodeError:
        return None
    labels = ascii_domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        return None
    return f"{local}@{ascii_domain}" if len(local) + len(ascii_domain) < 254 else None


def texting_form(phone: str) -> str | None:
    """An E.164 number that can receive a text message; None for a landline, and for what is no number (nothing, of a person who was erased)."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _TEXTABLE:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def way_fault(*, language: str, channel: str, zone: str | None) -> Refused | None:
    """Why nobody can be written to in this way: LANGUAGE_UNKNOWN, CHANNEL_UNKNOWN or ZONE_UNKNOWN."""
    if language not in LANGUAGES:
        return Refused(LANGUAGE_UNKNOWN, f"a language is one of {', '.join(LANGUAGES)}", "language")
    if channel not in CHANNELS:
        return Refused(CHANNEL_UNKNOWN, f"a channel is one of {', '.join(CHANNELS)}", "channel")
    if zone is not None and zone not in available_timezones():
        return Refused(ZONE_UNKNOWN, "this is no time zone of the IANA database", "zone")
    return None
