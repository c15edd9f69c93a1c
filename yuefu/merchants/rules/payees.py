"""Who has a part of a merchant's fees and is no merchant: agents 代理商, who bring merchants, and hosts 主播, who sell live. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from yuefu.errors import Refused
from yuefu.merchants.rules.holders import HOLDER_DIFFERS, holder_form

UNKNOWN_PAYEE: Final = "unknown_payee"
KIND_INVALID: Final = "payee_kind_invalid"
IDENTITY_INVALID: Final = "identity_invalid"  # the credit code of a company, the identity number of a person
PARENT_INVALID: Final = "parent_invalid"  # agents stand below agents of the book that are active
TOO_DEEP: Final = "agents_too_deep"  # more levels than the setting allows
PAYEE_ACCOUNT_INVALID: Final = "payee_account_invalid"
ACCOUNT_OF_MERCHANT: Final = "account_of_merchant"  # the agent is paid to the account of the merchant it brought
PAYEE_ENDED: Final = "payee_ended"
NO_ACCOUNT: Final = "no_account"  # nobody has said where a funder is paid to

LONGEST_HOLDER: Final = 70

KINDS: Final = ("agent", "host")
FORMS: Final = ("company", "person")


@dataclass(frozen=True, slots=True)
class Payee:
    """An agent or host as everybody may see it who may see it at all. `parent_id` is the agent above an agent."""

    id: UUID
    code: str
    kind: str
    form: str
    name_zh: str
    name_en: str
    parent_id: UUID | None
    state: str
    account_masked: str


def kind_fault(kind: str, form: str) -> Refused | None:
    """What it is."""
    good = kind in KINDS and form in FORMS
    return None if good else Refused(KIND_INVALID, f"a payee is {' or '.join(KINDS)}, and {' or '.join(FORMS)}", "kind")


def account_fault(form: str, account_kind: str) -> Refused | None:
    """A company is paid to its corporate account, a person to a personal one."""
    wanted = {"company": "corporate", "person": "personal"}.get(form)
    return None if account_kind == wanted else Refused(PAYEE_ACCOUNT_INVALID, f"a {form} is paid to a {wanted} account", "account_kind")


def holder_of(given: str, payee: Payee | None) -> str | Refused:
    """In whose name an account is: the payee's own, which is meant where none is given; a funder, who has no row, says its name."""
    if payee is None:
        good = 0 < len(given) <= LONGEST_HOLDER and given.isprintable() and given == given.strip()
        return (
            given
            if good
            else Refused(HOLDER_DIFFERS, f"say in whose name the account is, in at most {LONGEST_HOLDER} characters", "holder")
        )
    own = holder_form(given, name_zh=payee.name_zh, name_en=payee.name_en)
    return own or Refused(HOLDER_DIFFERS, f"the account is in another name than the payee's, {payee.name_zh}", "holder")


def identity_form(number: str) -> str | None:
    """The number of an identity card as it is kept, or None where its form, date or check digit is wrong."""
    try:
        return str(ric.validate(number))
    except ValidationError:
        return None
