"""What may be registered as a person, and how a person is shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
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
