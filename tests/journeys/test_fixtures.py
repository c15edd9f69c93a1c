"""People whose address says how they behave: through the real decision, the real debits and the real loans, the same for ever."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from stdnum.cn import ric

from tests.journeys.conftest import ZONE, Shop, shop_opened
from yuefu.aftersales.queries import disputes as contests
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import disputes, fixtures, test_clocks
from yuefu.journeys.disputes import EvidenceRequest, StepRequest
from yuefu.journeys.fixtures import Practised
from yuefu.journeys.test_clocks import ClockMade
from yuefu.journeys.test_clocks.making import desk_in
from yuefu.orders import queries as orders
from yuefu.payments import queries as payments
from yuefu.runtime import books, sql
from yuefu.runtime.vault import Vault
from yuefu.sandbox.commands import AdvanceRequest, NewClock, Registered
from yuefu.sandbox.rules import fixtures as rules
from yuefu.sandbox.rules.fixtures import BEHAVIOURS, Behaviour, Does, Seen, does

NOON = datetime(2026, 10, 15, 12, tzinfo=ZONE)
GOLDEN = Path(__file__).parents[1] / "data" / "sandbox_behaviours.json"
DUE = date(2026, 10, 25)


def registered(shop: Shop, *emails: str, key: str = "") -> list[Registered | Refused]:
    requests = [Practised(f"{key or secrets.token_hex(6)}:{email}", shop.merchants[0], email) for email in emails]
    outcomes = fixtures.register(desk=shop.desk, now=shop.now(), requests=requests)
    assert not [one for one in outcomes if not isinstance(one, Registered | Refused)], outcomes
    return [one for one in outcomes if isinstance(one, Registered | Refused)]


def address(name: str, tag: str = "") -> str:
    return f"consumer+{name}{'+' + tag if tag else ''}@test.example"


class World:
    """A clock with one person of each behaviour, each of whom tried to buy something for 300.00 in three months, and got it where they could."""

    def __init__(self, vault: Vault) -> None:
        self.parent = shop_opened(vault, IdSource(secrets.randbits), version="2026-2")
        (clock,) = test_clocks.create(
            desk=self.parent.desk, now=self.parent.now(), requests=[NewClock("c", self.parent.merchants[0], NOON)]
        )
        assert isinstance(clock, ClockMade)
        self.clock, self.numbers = clock, itertools.count(1)
        found = registered(self.shop(), *map(address, BEHAVIOURS))
        assert not [one for one in found if isinstance(one, Refused)], found
        self.people = {one.behaviour: one.consumer_id for one in found if isinstance(one, Registered)}
        shop = self.shop()
        self.bought = {name: shop.buy(consumer, "300.00") for name, consumer in self.people.items()}
        self.loans = {name: shop.capture(one.order_id).loan_id for name, one in self.bought.items() if one.approved}

    def shop(self) -> Shop:
        book = books.by_id(self.clock.clock.clock_book_id or UUID(int=0))
        assert book is not None
        assert book.clock_at is not None
        return Shop(desk_in(self.parent.desk, book), (self.clock.shop_id,), book.day_of(book.clock_at), self.numbers)

    def until(self, on: date) -> None:
        """To one o'clock in the afternoon: people have done what they do that day."""
        request = AdvanceRequest(str(on), self.parent.merchants[0], self.clock.clock.id, datetime.combine(on, time(13), ZONE))
        test_clocks.advance(desk=self.parent.desk, now=self.parent.now(), requests=[request])
        assert test_clocks.go_on(desk=self.parent.desk, now=self.parent.now(), clock_id=self.clock.clock.id)

    def answer(self, *reasons: str) -> None:
        """The merchant answers what was contested for these reasons."""
        shop = self.shop()
        for one in contests.listed(book_id=shop.book_id, state="initiated", limit=10):
            if one.reason in reasons:
                evidence = EvidenceRequest(f"e:{one.id}", one.merchant_id, one.id, "delivery", "it was signed for")
                disputes.add_evidence(desk=shop.desk, now=shop.now(14), requests=[evidence])
                step = StepRequest(f"s:{one.id}", one.merchant_id, one.id, "submit")
                (moved,) = disputes.take(desk=shop.desk, now=shop.now(14), requests=[step])
                assert not isinstance(moved, Refused), moved

    def events(self, name: str) -> list[tuple[str, date]]:
        """What was told of the order and the loan of somebody, and of what they paid, in order."""
        loan = self.loans[name]
        paid = [row[0] for row in sql.rows("SELECT id FROM payments_collection WHERE loan_id = %s", [loan])]
        found = sql.rows(
            "SELECT type, recorded_at FROM runtime_outbox WHERE object_id = ANY(%s) ORDER BY epoch, xid, id",
            [[loan, self.bought[name].order_id, *paid]],
        )
        return [(kind, at.astimezone(ZONE).date()) for kind, at in found]

    def days(self, name: str, kind: str) -> list[date]:
        return [on for told, on in self.events(name) if told == kind]


@pytest.fixture(scope="module")
def world(vault: Vault) -> World:
    return World(vault)


def test_what_was_promised_of_a_behaviour_stays_so_for_ever() -> None:
    promised: Mapping[str, Mapping[str, object]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert {name: told_of(BEHAVIOURS[name]) for name in promised if name in BEHAVIOURS} == promised
    assert set(promised) == set(BEHAVIOURS), "a new behaviour is promised as well: add it to the file, and change nothing there"


def told_of(one: Behaviour) -> dict[str, object]:
    told = {name: getattr(one, name) for name in one.__slots__ if name not in ("zh", "en")}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_an_order_is_decided_as_the_address_says(world: World, name: str) -> None:
    order = world.bought[name]
    assert (order.approved, tuple(order.reasons)) == (not BEHAVIOURS[name].reasons, BEHAVIOURS[name].reasons)


def test_the_same_address_is_the_same_person_and_a_tag_makes_another(world: World) -> None:
    shop = world.shop()
    (again,) = registered(shop, address("approved"))
    assert isinstance(again, Registered)
    assert again.consumer_id == world.people["approved"]
    first, other, twin = registered(shop, address("approved", "a"), address("approved", "b"), address("approved", "a"))
    assert isinstance(first, Registered)
    assert isinstance(other, Registered)
    assert first == twin != other
    (reused,) = registered(shop, address("approved", "c"), key="one")
    assert isinstance(reused, Registered)
    requests = [Practised(f"one:{address('approved', 'c')}", shop.merchants[0], address("defaults"))]
    (refused,) = fixtures.register(desk=shop.desk, now=shop.now(), requests=requests)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == ("key_reused", "email")


@pytest.mark.parametrize("name", ["declined", "closed", "fraud"])
def test_who_is_asked_for_at_the_same_time_is_registered_once(world: World, name: str) -> None:
    shop, email = world.shop(), address(name, "twin")
    found = shop.at_once(*(lambda: registered(shop, email) for _ in range(3)))
    assert len({one[0].consumer_id for one in found if isinstance(one, list)}) == 1, found


@pytest.mark.parametrize(
    "email",
    ["", "consumer@test.example", "consumer+nobody@test.example", "consumer+approved@example.com", "consumer+approved+@test.example",
     "CONSUMER+approved@test.example", "consumer+approved+a+b@test.example", "consumer+approved@test.example\n", "x" * 300],
)  # fmt: skip
def test_an_address_that_names_no_behaviour_is_refused(world: World, email: str) -> None:
    (refused,) = registered(world.shop(), email)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == ("unknown_fixture", "email")


def test_everybody_does_what_their_address_says_on_the_day_it_says_api_klarna_01(world: World) -> None:
    world.until(date(2026, 10, 17))
    world.answer("goods_not_received", "unauthorised")
    world.until(date(2026, 10, 28))
    shop = world.shop()
    assert shop.buy(world.people["referred"], "300.00").approved, "the review is over"
    repaid = {name: world.days(name, "loan.repaid") for name in world.loans}
    for name in ("approved", "pays_by_hand", "mandate_refused", "pays_partly", "pays_first_only"):
        assert repaid[name] == [DUE], name
    for name in ("payment_taken_back", "payment_taken_back_and_returned", "refund_fails", "refund_fails_once"):
        assert repaid[name][0] == DUE, name
    assert repaid["answers_late"] == [DUE + timedelta(days=1)]
    assert repaid["pays_late_d1"] == [DUE + timedelta(days=1)]
    assert repaid["funds_at_second"] == [DUE + timedelta(days=1)]
    assert repaid["pays_late_d7"] == repaid["defaults"] == repaid["mandate_lost"] == []
    assert world.days("defaults", "loan.overdue") == [DUE + timedelta(days=2)]  # by the close of the day after it was due
    assert "collection.failed" in {kind for kind, _ in world.events("defaults")}
    assert repaid["pays_early"] == [NOON.date() + timedelta(days=3)]
    assert orders.orders([world.bought["returns"].order_id])[world.bought["returns"].order_id].refunded == 300_00
    assert world.days("returns", "order.refunded") == [NOON.date() + timedelta(days=5)]
    taken = dict(sql.rows("SELECT reason, taken_on FROM aftersales_charge_back WHERE book_id = %s", [shop.book_id]))
    assert taken == dict.fromkeys(("unauthorised", "faulty_goods"), DUE + timedelta(days=2))
    mandates = {one.consumer_id: one.state for one in payments.mandates_listed(book_id=shop.book_id, consumer_id=None, limit=100)}
    assert mandates[world.people["mandate_refused"]] == "failed"
    assert mandates[world.people["mandate_lost"]] == "lost"

    contested = {one.reason: one for one in contests.listed(book_id=shop.book_id, state=None, limit=10)}
    assert {reason: one.opened_on for reason, one in contested.items()} == dict.fromkeys(
        ("goods_not_received", "unauthorised", "faulty_goods"), NOON.date() + timedelta(days=1)
    )
    assert (contested["goods_not_received"].ruling, contested["unauthorised"].ruling) == ("won", "lost")
    assert (contested["faulty_goods"].closed_by, contested["faulty_goods"].closed_on) == ("withdraw", NOON.date() + timedelta(days=6))

    world.until(date(2026, 11, 6))
    ended = {one.reason: (one.outcome, one.closed_by) for one in contests.listed(book_id=shop.book_id, state=None, limit=10)}
    assert ended == {"goods_not_received": ("won", "pass"), "unauthorised": ("lost", "pass"), "faulty_goods": ("won", "withdraw")}
    assert world.days("pays_late_d7", "loan.repaid") == [DUE + timedelta(days=7)]
    assert world.days("mandate_lost", "loan.repaid") == [DUE + timedelta(days=5)]
    assert world.days("pays_partly", "loan.repaid") == [DUE, DUE + timedelta(days=10)]
    won = dict(sql.rows("SELECT reason, won_on FROM aftersales_charge_back WHERE book_id = %s", [shop.book_id]))
    assert won == {"unauthorised": None, "faulty_goods": DUE + timedelta(days=12)}
    world.shop().prove()
    breaks = sql.value("SELECT count(*) FROM reconciliation_break WHERE book_id = %s AND state <> 'explained'", [shop.book_id])
    assert not breaks, "the bills of the sandbox channel know all of it"


@pytest.mark.parametrize(("name", "late"), [("pays_late_d1", 1), ("pays_late_d7", 7), ("pays_late_d30", 30), ("mandate_lost", 5)])
def test_who_pays_late_pays_on_that_day_and_on_none_before(name: str, late: int) -> None:
    seen = Seen(date(2026, 10, 15), 100_00, DUE, DUE, None)
    paid = [day for day in range(-1, 60) if does(BEHAVIOURS[name], seen, DUE + timedelta(days=day)).pays]
    assert paid[0] == late


def test_who_stops_after_the_first_instalment_pays_no_other() -> None:
    second = Seen(date(2026, 10, 15), 100_00, date(2026, 11, 25), DUE, None)
    assert not any(does(BEHAVIOURS["pays_first_only"], second, date(2026, 11, 25) + timedelta(days=day)).pays for day in range(60))


def test_who_owes_nothing_does_nothing() -> None:
    nothing = Seen(date(2026, 10, 15), 0, None, DUE, None)
    since_the_capture = ("settles_after", "returns_after", "contests_after")
    idle = [one for one in BEHAVIOURS.values() if all(getattr(one, name) is None for name in since_the_capture)]
    assert {does(one, nothing, DUE) for one in idle} == {Does()}


@pytest.mark.parametrize("salt", range(3))
def test_invented_people_have_numbers_that_can_be_and_are_as_old_as_they_should_be(salt: int) -> None:
    on = date(2028, 2, 29)
    for one in BEHAVIOURS.values():
        who = rules.invented(one, merchant_id=UUID(int=7), email=address(one.name), on=on, salt=salt)
        born = ric.get_birth_date(ric.validate(who.id_number))
        assert one.age <= (on - born).days / 365.25 <= one.age + 6
        assert len(who.external_ref) <= 64
    assert rules.invented(one, merchant_id=UUID(int=7), email=address(one.name), on=on) != rules.invented(
        one, merchant_id=UUID(int=7), email=address(one.name), on=on, salt=9
    )
