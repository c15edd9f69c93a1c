"""A new book: its first open day, ledger partitions, accounts of money, and the first version of every setting that it cannot work without.

`CHINA` are the values a lender in China begins with; each later one needs two people. Of law, with its source:

- at most 24 % a year, all costs together: 最高人民法院 法发〔2017〕22号 of 2017-08-04, no. 2 (what is above is not enforced); for small-loan
  companies a prohibition since the guideline 小额贷款公司综合融资成本管理工作指引 of December 2025, for loans through platforms 金规〔2025〕9号.
  The measure is the compound IRR, the stricter reading;
- nobody under 18: 民法典 art. 17 and 18; no students: 银保监办发〔2021〕28号.

Choices of a careful lender, not law: nobody over 65, nobody who is overdue, seven days to capture what was authorised; when and how often people are
written to (`notices.rules.policy`); few tries to take by mandate what is not there; how people are
contacted about arrears (`collecting.rules.policy`). Who speaks in messages is for the operator to say first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal
from zoneinfo import available_timezones

from yuefu.collecting.rules.policy import DEFAULT_POLICY as COLLECT_DEFAULT
from yuefu.collecting.rules.policy import POLICY as COLLECT_POLICY
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys.checkout import AUTHORISATION_DAYS, RISK_POLICY
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules.gl import DEFAULT_CODES, GL_CODES
from yuefu.money.currencies import EXPONENTS
from yuefu.notices.rules import policy as notices
from yuefu.offers.commands import CAPS
from yuefu.papers.rules.quotes import VALID_MINUTES, WHOLE_DAY
from yuefu.payments import commands as payments
from yuefu.payments.rules import DEBIT_POLICY, DEFAULT_POLICY, SANDBOX_ACCOUNTS
from yuefu.runtime import audit, books, calendars, days, policies, sql
from yuefu.runtime.values import Actor, Book, UnitOfWork

BOOK_EXISTS: Final = "book_exists"  # another book has this code
CODE_INVALID: Final = "code_invalid"
ENTITY_INVALID: Final = "entity_invalid"
MODE_UNKNOWN: Final = "mode_unknown"
CURRENCY_UNKNOWN: Final = "currency_unknown"
ZONE_UNKNOWN: Final = "zone_unknown"
CALENDAR_UNKNOWN: Final = "calendar_unknown"
FIRST_DAY_INVALID: Final = "first_day_invalid"  # a live book begins today; a test book while the calendars are known

CHINA: Final[Mapping[str, Any]] = {
    RISK_POLICY: {
        "min_age": 18,
        "max_age": 65,
        "students_blocked": True,
        "max_overdue_days": 0,
        "max_overdue_minor": 0,
        "max_orders_1h": 60,
        "max_orders_24h": 120,
    },
    AUTHORISATION_DAYS: 7,
    CAPS: {"CN": [{"from": "2017-08-04", "measure": "compound_irr", "max_pct": "24"}]},
    GL_CODES: DEFAULT_CODES,
    notices.POLICY: notices.DEFAULT_POLICY,
    notices.SENDER: notices.NO_SENDER,
    DEBIT_POLICY: DEFAULT_POLICY,
    COLLECT_POLICY: COLLECT_DEFAULT,
    VALID_MINUTES: WHOLE_DAY,
}
MONTHS_AHEAD: Final = 15
EARLIEST: Final = date(2005, 1, 1)
LATEST: Final = date(2090, 12, 31)

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")


@dataclass(frozen=True, slots=True)
class NewBook:
    code: str
    legal_entity: str
    mode: Literal["live", "test"]
    first_day: date
    currency: str = "CNY"
    zone: str = "Asia/Shanghai"
    calendar: str = "CN"
    cut_off: time = time(0, 0)
    of_clock: bool = False


@dataclass(frozen=True, slots=True)
class Founded:
    """`again` says that a book of this code and content was there before."""

    book: Book
    again: bool


def found(
    *, new: NewBook, now: datetime, by: Actor, ids: IdSource, settings: Mapping[str, Any] = CHINA, months: int = MONTHS_AHEAD
) -> Founded | Refused:
    """Makes a book, whole or not at all. `now` is the moment at which its first day begins, where a test book's clock then stands.

    The code is the key: the same content again finds the first book (the first day is not compared: it is today unless somebody says
    otherwise), other content is Refused with BOOK_EXISTS; also Refused with the codes above. `months` of ledger partitions are made,
    from the month before the first day on.
    """
    fault = _fault(new)
    if fault:
        return fault
    with sql.transacting():
        books.makers_wait()
        known = books.by_code(new.code)
        if known is not None:
            return _known(known, new)
        book = books.create(
            code=new.code, legal_entity=new.legal_entity, mode=new.mode, now=now, ids=ids, currency=new.currency, zone=new.zone,
            calendar=new.calendar, cut_off=new.cut_off, clock_at=now if new.mode == "test" else None, of_clock=new.of_clock,
        )  # fmt: skip
        assert days.business_date(book, now) == new.first_day, "a book begins on the day that it is there"
        ledger.make_partitions(first=new.first_day - timedelta(days=31), months=months)
        work = UnitOfWork(book, days.open_first(book=book, on=new.first_day, now=now), now, by, ids)
        accounts = payments.open_money_accounts(work=work, accounts=SANDBOX_ACCOUNTS)
        assert not [a for a in accounts if isinstance(a, Refused)], "a new book has no accounts yet"
        for name, value in settings.items():
            policies.establish(work=work, name=name, value=value, valid_from=new.first_day)
        audit.record(work=work, action="books.create", object_kind="book", object_ids=[book.id], detail={"settings": sorted(settings)})
    return Founded(book, again=False)


def _known(known: Book, new: NewBook) -> Founded | Refused:
    for name in ("legal_entity", "mode", "currency", "zone", "calendar", "cut_off", "of_clock"):
        if getattr(known, name) != getattr(new, name):
            return Refused(BOOK_EXISTS, f"there is a book {new.code} with another {name}", "code")
    return Founded(known, again=True)


def _fault(new: NewBook) -> Refused | None:
    if not _CODE.fullmatch(new.code):
        return Refused(CODE_INVALID, "the code of a book has 2 to 40 of a-z, 0-9 and -, and no - first", "code")
    name = new.legal_entity
    if not 1 <= len(name) <= 120 or not name.isprintable() or name != name.strip():
        return Refused(ENTITY_INVALID, "the name of the legal entity has 1 to 120 characters and no blanks around it", "legal_entity")
    if new.mode not in {"live", "test"}:
        return Refused(MODE_UNKNOWN, "a book is live or test", "mode")
    if new.currency not in EXPONENTS:
        return Refused(CURRENCY_UNKNOWN, "this is not an active ISO 4217 currency code", "currency")
    if new.zone not in available_timezones():
        return Refused(ZONE_UNKNOWN, "this is no time zone of the IANA database", "zone")
    if not EARLIEST <= new.first_day <= LATEST:
        return Refused(FIRST_DAY_INVALID, f"the first day is between {EARLIEST} and {LATEST}", "first_day")
    try:
        calendars.calendar(new.calendar, new.first_day.year, new.first_day.year)
    except ValueError:
        return Refused(CALENDAR_UNKNOWN, "a calendar is CN or NONE", "calendar")
    return None
