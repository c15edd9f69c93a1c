"""Any two things that happen to a loan, one after the other: nothing breaks, and every proof holds after both and when the day has closed.

Each pair has a loan of its own, of which the first instalment was paid in part and is late, with late fee and penalty interest. Each verb is first
once and second once here, beside the pairs that were wrong before; `YUEFU_PAIRS=all` tries every two (half an hour).
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from itertools import product
from typing import Any, Final

import pytest

from tests.journeys.conftest import LATE_DAY, Shop, shop_opened
from tests.journeys.verbs import VERBS, Thing, Verbs
from yuefu.aftersales import rules
from yuefu.errors import Refused
from yuefu.journeys.desk import open_day
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.plans.lifecycle.choices import LateTerms
from yuefu.runtime import policies, quarantine

DUE: Final = date(2026, 10, 25)
LATE: Final = LateTerms(fee=Money(10_00, "CNY"), interest=Rate(180_000), grace_days=1, cap=Rate(500_000))
WRONG_BEFORE: Final = [
    ("settle", "undo_first"), ("pay_quote", "undo_first"), ("settle", "repair"), ("pay_bill", "charge_back"), ("transfer", "charge_back"),
    ("write_off", "recover_all"),
]  # fmt: skip
_NAMES: Final = tuple(VERBS)
_ALL: Final = list(product(_NAMES, _NAMES))
_CHOSEN: Final = [*WRONG_BEFORE, *zip(_NAMES, _NAMES[11:] + _NAMES[:11], strict=True)]
AFTER_A_WRITE_OFF: Final = [
    ("recover_all", "repay_told_late"), ("recover_all", "undo"), ("recover_all", "undo_write_off"), ("recover", "charge_back"),
    ("recover_all", "charge_back"), ("recover", "charge_back_first"), ("recover", "undo_write_off"), ("recover_all", "refund_all"),
    ("refund_part", "undo_write_off"), ("refund_all", "undo_write_off"), ("refund_all", "repay_told_late"), ("refund_part", "recover_all"),
    ("exchange", "repay_told_late"), ("charge_back_first", "undo_write_off"), ("undo_write_off", "write_off"), ("repay_told_late", "recover_all"),
    ("repay_told_late", "undo_write_off"), ("undo_first", "recover_all"),
]  # fmt: skip
PAIRS: Final = _ALL if os.environ.get("YUEFU_PAIRS") == "all" else [pair for pair in dict.fromkeys(_CHOSEN) if pair in _ALL]
AT_ONCE: Final = 42


def late_shop(vault: Any, ids: Any) -> Shop:
    """One where prices are protected for long, and loans rest while goods are repaired."""
    shop = shop_opened(vault, ids, LATE_DAY, version="2026-2", late=LATE)
    with open_day(shop.desk, shop.now(8)) as work:
        assert not isinstance(work, Refused)
        given = {**rules.DEFAULT_POLICY, "price_days": 90, "repair_pauses": "arrears_and_interest"}
        policies.establish(work=work, name=rules.POLICY, value=given, valid_from=shop.on)
    return shop


def paid_in_part(it: Verbs, count: int) -> list[Thing]:
    """Things whose first instalment is five days late, of which 100.00 were paid on its day; goods were to be repaired before that."""
    things = [it.thing(("flex", "free")[n % 2]) for n in range(count)]
    it.shop.until(DUE - timedelta(days=2))
    for thing in things:
        it.ask_for_repair(thing)
    it.shop.until(DUE)
    for thing in things:
        it.say("repay_part", thing)
    it.shop.until(DUE + timedelta(days=5))
    return things


@pytest.mark.parametrize("start", range(0, len(PAIRS), AT_ONCE))
def test_any_two_one_after_the_other_leave_books_that_prove(vault: Any, ids: Any, start: int) -> None:
    it = Verbs(late_shop(vault, ids))
    pairs = PAIRS[start : start + AT_ONCE]
    for (a, b), thing in zip(pairs, paid_in_part(it, len(pairs)), strict=True):
        it.say(a, thing)
        it.say(b, thing)
        try:
            it.shop.prove(loan_ids=[thing.loan])
        except AssertionError as error:
            raise AssertionError(f"{a}, then {b}: {error}") from error
    it.shop.next_day()
    it.shop.next_day()
    it.shop.prove()
    assert not quarantine.waiting(book_id=it.shop.book_id)


def test_any_two_after_a_write_off_leave_books_that_prove(vault: Any, ids: Any) -> None:
    it = Verbs(late_shop(vault, ids))
    for pair, thing in zip(AFTER_A_WRITE_OFF, paid_in_part(it, len(AFTER_A_WRITE_OFF)), strict=True):
        for verb in ("write_off", *pair):
            it.say(verb, thing)
        try:
            it.shop.prove(loan_ids=[thing.loan])
        except AssertionError as error:
            raise AssertionError(f"write_off, then {pair}: {error}") from error
    it.shop.next_day()
    it.shop.next_day()
    it.shop.prove()
    assert not quarantine.waiting(book_id=it.shop.book_id)
