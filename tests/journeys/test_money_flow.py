"""Where the money of a day came from and went: exact, place by place, down to each entry."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any
from uuid import uuid4

from tests.journeys.conftest import FIRST_DAY, Shop
from yuefu.errors import Refused
from yuefu.insight.rules.flows import Picture
from yuefu.insight.rules.places import ALL_PLACES, PLACE_OF
from yuefu.journeys import money_flow
from yuefu.journeys.money_flow import Day, Entries
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import AccountKey, Entry, LimitedAccount, Line, Posted
from yuefu.money.amounts import Money
from yuefu.runtime import sql
from yuefu.runtime.values import Book, UnitOfWork


def pictures(book: Book, on: Any) -> tuple[Picture, ...]:
    with sql.reading(book_id=book.id, at_one_moment=True):
        found = money_flow.of_day(book=book, on=on)
    assert isinstance(found, Day), found
    return found.pictures


def test_a_day_of_a_shop(shop: Shop) -> None:
    bought = shop.bought("1999.00")
    shop.next_day()
    shop.settle()
    shop.repay(bought.loan_id, "700.00")
    (first,), (second,) = (pictures(shop.desk.book, on) for on in (FIRST_DAY, shop.on))
    net = 1999_00 - 11_99 - 35_98
    assert first.between() == {
        ("funders", "bank"): 1_000_000_00,
        ("clearing", "loans"): 1999_00,
        ("merchants", "clearing"): net,
        ("merchant_fees", "clearing"): 11_99,
        ("unearned", "clearing"): 35_98,
    }
    at = {one.place: (one.opening, one.came, one.went, one.closing) for one in second.places}
    assert at["client_bank"] == (0, net, net, 0)
    assert at["merchants"] == (-net, net, 0, 0)
    assert at["loans"] == (1999_00, 0, at["loans"][2], 1999_00 - at["loans"][2])
    assert second.between()["clearing", "channel"] == 700_00 - 4_20
    with sql.reading(book_id=shop.book_id):
        (paid,) = entries(shop, "merchants", "clearing").entries
        assert (paid.minor, paid.order_id, paid.kind) == (net, bought.order_id, "settlement_capture")
        assert entries(shop, "channel", "suspense").entries == ()
        for wrong, code in (
            ({"origin": "moon"}, "unknown_place"),
            ({"currency": "XXX"}, "currency_unknown"),
            ({"cursor": "x"}, "cursor_malformed"),
        ):
            given: dict[str, Any] = {"origin": "merchants", "target": "clearing", "currency": "CNY"} | wrong
            refused = money_flow.entries(book=shop.desk.book, on=FIRST_DAY, **given)
            assert isinstance(refused, Refused)
            assert refused.code == code


def entries(shop: Shop, origin: str, target: str) -> Entries:
    found = money_flow.entries(book=shop.desk.book, on=FIRST_DAY, origin=origin, target=target, currency="CNY")
    assert isinstance(found, Entries)
    return found


def test_any_entries_flow_to_the_cent(work: UnitOfWork) -> None:
    """Entries of up to six lines by dice, in two currencies: what leaves and reaches each place is what each entry says, and pages of entries are all of
    them, each once."""
    draw = random.Random(11)
    shops = [AccountKey("merchant_available", uuid4()) for _ in range(2)]
    codes = (
        "loan_principal",
        "consumer_balance",
        "fee_income",
        "channel_fee_expense",
        "suspense",
        "merchant_pending",
        "credit_loss",
        "loan_interest",
    )
    keys = [AccountKey(code) for code in codes] + shops
    with sql.transacting():
        ledger.open_limited(work=work, accounts=[LimitedAccount(key, Money(10**12, c)) for key in shops for c in ("CNY", "JPY")])
        made = []
        for n in range(60):
            chosen = draw.sample(keys, draw.randrange(2, 7))
            minors = [draw.choice([-1, 1]) * draw.randrange(1, 1_000) for _ in chosen[1:]]
            if not sum(minors):
                minors[0] += 1
            currency = draw.choice(["CNY", "JPY"])
            lines = [Line(key, Money(minor, currency)) for key, minor in zip(chosen, (-sum(minors), *minors), strict=True)]
            made.append(Entry(f"e{n}", f"kind{n % 3}", tuple(lines)))
        assert all(isinstance(one, Posted) for one in ledger.post(work=work, entries=made))
    came: dict[tuple[str, str], int] = defaultdict(int)
    went: dict[tuple[str, str], int] = defaultdict(int)
    for entry in made:
        nets: dict[str, int] = defaultdict(int)
        for line in entry.lines:
            nets[PLACE_OF[line.account.code]] += line.amount.minor
        for place, minor in nets.items():
            (came if minor > 0 else went)[entry.lines[0].amount.currency, place] += abs(minor)
    found = pictures(work.book, work.day.on)
    assert [one.currency for one in found] == ["CNY", "JPY"]
    for one in found:
        assert {at.place: (at.came, at.went) for at in one.places if at.came or at.went} == {
            place: (came[one.currency, place], went[one.currency, place])
            for place in ALL_PLACES
            if came[one.currency, place] or went[one.currency, place]
        }
        (origin, target), minor = max(one.between().items(), key=lambda pair: pair[1])
        with sql.reading(book_id=work.book.id):
            pages, cursor = [], ""
            while not pages or cursor:
                page = money_flow.entries(
                    book=work.book, on=work.day.on, origin=origin, target=target, currency=one.currency, cursor=cursor, limit=2
                )
                assert isinstance(page, Entries)
                pages.append(page)
                cursor = page.next_cursor
        listed = [entry for page in pages for entry in page.entries]
        assert sum(entry.minor for entry in listed) == minor
        assert (
            len({entry.id for entry in listed})
            == len(listed)
            == sum(f.entries for f in one.flows if (f.origin, f.target) == (origin, target))
        )
        assert not cursor
