"""What may be registered as a person, and how a person is shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import phonenumbers
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from yuefu.errors import Refused

EXTERNAL_REF_INVALID: Final = "external_ref_invalid"  # 1 to 64 printable ASCII characters without spaces
NAME_INVALID: Final = "name_invalid"  # 1 to 60 characters
PHONE_INVALID: Final = "phone_invalid"
ID_NUMBER_INVALID: Final = "id_number_invalid"  # length, region, birth date or check digit
CONSENT_INVALID: Final = "consent_invalid"

TRANSITIONS: Final = {("active", "closed")}

_REFERENCE = re.compile(r"[!-~]{1,64}")
_CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to: a purpose, the version of its text, and the SHA-256 (hex) of the text as shown."""

    purpose: str
    version: str
    text_hash: str


@dataclass(frozen=True, slots=True)
class Person:
    """Personal data in the form in which it is kept."""

    name: str
    phone: str
    id_number: str
    birth_on: date


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision may know of a consumer. `age_years` are completed years."""

    id: UUID
    state: str
    age_years: int
    is_student: bool


def person(*, name: str, phone: str, id_number: str) -> Person | Refused:
    """Checks and normalises personal data: phone to E.164 (a national number is read as Chinese), identity number per GB 11643."""
    plain_name = " ".join(name.split())
    if not 1 <= len(plain_name) <= 60 or not plain_name.isprintable():
        return Refused(NAME_INVALID, "a name has 1 to 60 characters", "name")
    number = phone_form(phone)
    if number is None:
        return Refused(PHONE_INVALID, "this is not a phone number that can exist", "phone")
    try:
        checked = ric.validate(id_number)
        birth_on = ric.get_birth_date(checked)
    except (ValidationError, ValueError):
        return Refused(ID_NUMBER_INVALID, "the identity number has a wrong length, region, birth date or check digit", "id_number")
    return Person(plain_name, number, checked, birth_on)


def phone_form(phone: str) -> str | None:
    """A phone number as it is kept (E.164), or None where it cannot exist."""
    try:
        number = phonenumbers.parse(phone, "CN")
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else None


def reference_fault(external_ref: str) -> Refused | None:
    """The reference under which a client knows this consumer."""
    if _REFERENCE.fullmatch(external_ref):
        return None
    return Refused(EXTERNAL_REF_INVALID, "an external reference has 1 to 64 printable ASCII characters", "external_ref")


def consents_fault(consents: Sequence[Consent]) -> Refused | None:
    """Purposes and versions are codes, the hash is a SHA-256; a purpose is named once."""
    purposes = [consent.purpose for consent in consents]
    if len(set(purposes)) != len(purposes):
        return Refused(CONSENT_INVALID, "a purpose is named twice", "consents")
    for consent in consents:
        if not (_CODE.fullmatch(consent.purpose) and _CODE.fullmatch(consent.version) and _SHA256.fullmatch(consent.text_hash)):
            return Refused(CONSENT_INVALID, "a consent names its purpose, version and the SHA-256 of its text", "consents")
    return None


def age_years(birth_on: date, on: date) -> int:
    """Completed years. Who is born on 29 February completes a year on 1 March where there is no 29 February."""
    return on.year - birth_on.year - ((on.month, on.day) < (birth_on.month, birth_on.day))


def masked_name(name: str) -> str:
    """The first character and stars: `王**`."""
    return name[:1] + "*" * max(1, len(name) - 1)


def national_phone(phone: str) -> str:
    """An E.164 number as people of its country write it, without spaces."""
    number = phonenumbers.parse(phone)
    return str(number.national_number) if number.country_code == 86 else phone


CODE_WRONG: Final = "code_wrong"  # try again, a few times
CODE_OVER: Final = "code_over"  # used, too late, or tried too often: ask for another
TOO_MANY_CODES: Final = "too_many_codes"
CODES_UNAVAILABLE: Final = "codes_unavailable"  # nothing sends codes in this book yet

MOST_TRIES: Final = 5
MOST_CODES: Final = 5
MOST_TO_A_PHONE: Final = 20
"""For one thing, and to one phone, within `CODES_WITHIN`."""
CODES_WITHIN: Final = timedelta(hours=1)
CODE_LASTS: Final = timedelta(minutes=10)
KNOWN_FOR: Final = timedelta(hours=1)
"""How long a code that was confirmed says who somebody is."""

_DIGITS = re.compile(r"[0-9]{6}")
_NEVER: Final = "999999"


@dataclass(frozen=True, slots=True)
class Code:
    """A code that was sent to a phone, for a subject."""

    id: UUID
    subject_id: UUID
    consumer_id: UUID | None
    state: str
    tries: int
    expires_at: datetime
    confirmed_at: datetime | None


def try_code(code: Code | None, digits: str, now: datetime) -> Code | Refused:
    """What becomes of a code by a try. In a test book nothing is sent, and any six digits are right but 999999; the fifth wrong ones are the last."""
    if code is None or code.state != "asked" or code.expires_at <= now:
        return Refused(CODE_OVER, "the code was used, is too old, or was tried too often", "code")
    tries = code.tries + 1
    if _DIGITS.fullmatch(digits) and digits != _NEVER:
        return replace(code, state="confirmed", tries=tries, confirmed_at=now)
    return replace(code, state="spent" if tries >= MOST_TRIES else "asked", tries=tries)
