"""The day as the accountants' system takes it: every component under its code, exact, and the same whenever it is made."""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from yuefu.errors import Refused
from yuefu.journeys import founding, general_ledger, settings
from yuefu.journeys.general_ledger import Export
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import CHART, AccountKey, Entry, LimitedAccount, Line, Posted
from yuefu.ledger.rules.gl import COLUMNS, DEFAULT_CODES, GL_CODES, checked, decimal_text
from yuefu.money.amounts import Money
from yuefu.runtime import policies, sql
from yuefu.runtime.values import UnitOfWork

FIRST = date(2026, 10, 1)


def export(work: UnitOfWork, on: date, *, draft: bool = True) -> Export:
    found = general_ledger.daily(book=work.book, on=on, draft=draft)
    assert isinstance(found, Export), found
    return found


def rows(found: Export) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(found.text)))


def test_three_days_add_up_to_what_was_posted(work: UnitOfWork, next_day: Any) -> None:
    """Against a plain sum of the lines, with checkpoints in between, several currencies, funders, products and a limited account."""
    draw = random.Random(7)
    funders, shops = [None, uuid4(), uuid4()], [AccountKey("merchant_available", uuid4()) for _ in range(3)]
    plain = [
        AccountKey(code, None, funder, product)
        for code in ("fee_income", "loan_principal")
        for funder in funders
        for product in ("", "a,b")
    ]
    with sql.transacting():
        ledger.open_limited(work=work, accounts=[LimitedAccount(key, Money(10**9, c)) for key in shops for c in ("CNY", "JPY", "KWD")])
    facts: list[tuple[date, str, str, UUID | None, str, int]] = []
    here = work
    for day in range(3):
        entries = []
        for n in range(12):
            currency, minor = draw.choice(["CNY", "JPY", "KWD"]), draw.randrange(1, 10**6)
            pair = draw.sample([*plain, *shops], 2)
            lines = tuple(Line(key, Money(sign * minor, currency)) for key, sign in zip(pair, (1, -1), strict=True))
            entries.append(Entry(f"{day}:{n}", "t", lines))
            facts += [(here.day.on, x.account.code, currency, x.account.funder_id, x.account.product, x.amount.minor) for x in lines]
        with sql.transacting():
            assert all(isinstance(outcome, Posted) for outcome in ledger.post(work=here, entries=entries))
        if day == 1:
            with sql.transacting():
                ledger.roll_up(work=here)
        here = next_day(here)
    for on in (FIRST + timedelta(days=n) for n in range(3)):
        expected: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
        for posted, *key, minor in facts:
            if posted < on:
                expected[tuple(key)][0] += minor
            elif posted == on:
                expected[tuple(key)][1 if minor > 0 else 2] += abs(minor)
        found = export(work, on)
        assert {(m.component, m.currency, m.funder_id, m.product): [m.opening, m.debit, m.credit] for m in found.moved} == {
            key: figures for key, figures in expected.items() if any(figures[1:])
        }
        for currency in ("CNY", "JPY", "KWD"):
            mine = [row for row in rows(found) if row["currency"] == currency]
            assert sum(Decimal(row["debit"]) for row in mine) == sum(Decimal(row["credit"]) for row in mine)
            assert all(Decimal(r["opening"]) + Decimal(r["debit"]) - Decimal(r["credit"]) == Decimal(r["closing"]) for r in mine)
        assert export(work, on).text == found.text
        with sql.transacting():
            ledger.roll_up(work=here)
        assert export(work, on).text == found.text, "rolled up or not, it is the same file"


def test_the_file_is_exact_and_says_whose(work: UnitOfWork, ids: Any) -> None:
    funder = ids.new(work.now)
    lines = (Line(AccountKey("loan_principal", None, funder, "flex"), Money(5, "CNY")), Line(AccountKey("suspense"), Money(-5, "CNY")))
    yen = (Line(AccountKey("fee_income", None, work.book.id), Money(-7, "JPY")), Line(AccountKey("suspense"), Money(7, "JPY")))
    with sql.transacting():
        ledger.post(work=work, entries=[Entry("a", "t", lines), Entry("b", "t", yen)])
    from yuefu import ids as texts

    assert export(work, FIRST).text == (
        f"{','.join(COLUMNS)}\n"
        f"2026-10-01,1303,loan_principal,CNY,{texts.text('funder', funder)},flex,0.05,0.00,0.00,0.05\n"
        "2026-10-01,2241.99,suspense,CNY,,,0.00,0.05,0.00,-0.05\n"
        "2026-10-01,2241.99,suspense,JPY,,,7,0,0,7\n"
        "2026-10-01,6021,fee_income,JPY,own,,0,7,0,-7\n"
    )


def test_a_day_on_which_nothing_moved_is_a_header(work: UnitOfWork) -> None:
    assert export(work, FIRST).text == ",".join(COLUMNS) + "\n"


def test_only_a_closed_day_is_final(work: UnitOfWork, next_day: Any) -> None:
    def refusal(on: date) -> str:
        found = general_ledger.daily(book=work.book, on=on)
        return found.code if isinstance(found, Refused) else "given"

    assert (refusal(FIRST), refusal(date(2020, 1, 1))) == ("day_not_closed", "unknown_day")
    next_day(work)
    assert refusal(FIRST) == "day_not_closed"
    with sql.owning():
        sql.run(
            "UPDATE runtime_business_day SET state = 'closed', closed_at = now() WHERE book_id = %s AND on_date = %s", [work.book.id, FIRST]
        )
    assert refusal(FIRST) == "given"
    assert export(work, FIRST, draft=False).draft is False


def test_sums_beyond_what_one_amount_may_be_are_exact() -> None:
    assert decimal_text(-(10**18) - 1, "CNY") == "-10000000000000000.01"
    assert [decimal_text(5, c) for c in ("JPY", "CNY", "KWD")] == ["5", "0.05", "0.005"]
    assert [decimal_text(0, c) for c in ("JPY", "CNY", "KWD")] == ["0", "0.00", "0.000"]


# ----------------------------------------------------------------------------------------------------------------------------- codes


def test_a_book_begins_with_a_code_for_every_component() -> None:
    assert checked(founding.CHINA[GL_CODES]).keys() == CHART.keys()
    assert all(account.code in DEFAULT_CODES for account in CHART.values())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (None, "it is an object"),
        ([], "it is an object"),
        ({**DEFAULT_CODES, "piggy_bank": "1"}, "piggy_bank"),
        ({k: v for k, v in DEFAULT_CODES.items() if k != "suspense"}, "suspense has no code"),
        *[({**DEFAULT_CODES, "suspense": code}, "code of suspense") for code in ("", "1" * 21, " 1", "1\n", 1002, None)],
    ],
)
def test_codes_that_cannot_be_are_not_even_asked_for(work: UnitOfWork, wrong: Any, says: str) -> None:
    with sql.transacting():
        refused = settings.propose(work=work, name=GL_CODES, value=wrong, valid_from=FIRST, reason="x")
    assert isinstance(refused, Refused)
    assert refused.code == "setting_invalid"
    assert says in refused.detail


def test_other_codes_need_two_people_and_a_book_from_before_can_have_them(work: UnitOfWork) -> None:
    """The book of this test was never given codes."""
    from tests.people import person

    other = {**DEFAULT_CODES, "suspense": "9999"}
    with sql.transacting():
        asked = settings.propose(work=replace(work, by=person("alice")), name=GL_CODES, value=other, valid_from=FIRST, reason="x")
    assert isinstance(asked, UUID)
    assert dict(general_ledger.codes(book=work.book, on=FIRST)) == DEFAULT_CODES
    with sql.transacting():
        assert policies.decide(work=replace(work, by=person("bob")), approval_id=asked, approve=True, reason="x") == 2
    assert dict(general_ledger.codes(book=work.book, on=FIRST)) == other
    assert {account.code: code for account, code in general_ledger.chart(book=work.book, on=FIRST)} == other
