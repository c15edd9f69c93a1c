"""A consumer decides on a purchase on the hosted page: every step, and every step again, stale, tampered with, or taken by somebody else."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.test import Client, override_settings
from django.utils.translation import trans_real
from stdnum.cn import ric

from tests.journeys.conftest import Shop, shop_opened
from yuefu import ids as public
from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.credit import commands as credit
from yuefu.credit.commands import OpenAccount
from yuefu.errors import one
from yuefu.ids import IdSource
from yuefu.journeys.checkout import hosted, sessions
from yuefu.journeys.checkout.sessions import NewSession, Opened
from yuefu.journeys.desk import open_day
from yuefu.money.amounts import Money
from yuefu.orders import queries as orders
from yuefu.orders.queries import checkout as found
from yuefu.orders.rules.lines import Line
from yuefu.runtime import sql
from yuefu.runtime import vault as vaults

PHONE, OTHER_PHONE = "13911112222", "13911113333"
THANKS, CART = "https://shop.example:8443/thanks?cart=7", "https://shop.example/cart"


@dataclass
class World:
    shop: Shop
    people: dict[str, UUID]
    count: int = field(default=0)

    def session(self, **more: Any) -> UUID:
        self.count += 1
        given = {"success_url": THANKS, "cancel_url": CART, **more}
        new = NewSession(f"s{self.count}", self.shop.merchants[0], f"S-{self.count}", Money(1_999_00, "CNY"), **given)
        (done,) = sessions.open_sessions(desk=self.shop.desk, now=self.shop.now(), requests=[new])
        assert isinstance(done, Opened), done
        return done.session.id


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A shop, one person who can buy, and one whose line is too small."""
    path = Path(tmp_path_factory.mktemp("keys")) / "keys.json"
    vault = vaults.create(path)
    shop = shop_opened(vault, IdSource(secrets.randbits))
    people = {}
    with open_day(shop.desk, shop.now()) as work:
        for n, (phone, limit) in enumerate(((PHONE, 20_000_00), (OTHER_PHONE, 100_00))):
            body = f"1101051990010{n + 1}003"
            new = NewConsumer(f"c{n}", f"buyer-{n}", "李四", phone, body + ric.calc_check_digit(body + "0"))
            person = one(consumers.register(work=work, vault=vault, consumers=[new]))
            one(credit.open_accounts(work=work, accounts=[OpenAccount(f"a{n}", person, Money(limit, "CNY"), 15, 25, 1)]))
            people[phone] = person
    with override_settings(YUEFU_KEYS_FILE=path):
        yield World(shop, people)


@dataclass
class Browser:
    """A visitor of a session; `form` is what the page sent last would post."""

    session_id: UUID
    client: Client = field(default_factory=lambda: Client(HTTP_ACCEPT_LANGUAGE="en", enforce_csrf_checks=True))

    @property
    def address(self) -> str:
        return f"/checkout/{public.text('checkout', self.session_id)}/"

    def get(self, path: str = "") -> Any:
        return self.client.get(self.address + path)

    def post(self, path: str, **given: str) -> Any:
        self.get()
        token = self.client.cookies["csrftoken"].value if "csrftoken" in self.client.cookies else ""
        return self.client.post(f"{self.address}{path}/", {"csrfmiddlewaretoken": token, **given})

    def known(self, phone: str = PHONE) -> Browser:
        assert self.post("phone", phone=phone).status_code == 303
        assert self.post("code", code="123456").status_code == 303
        return self

    def chosen(self, plan: str = "free:3") -> dict[str, str]:
        """The form of consent to a plan that was shown."""
        shown = self.post("plan", plan=plan)
        assert shown.status_code == 303, shown.content
        page = self.client.get(shown["Location"]).content.decode()
        assert "All costs of this credit" in page
        return dict(re.findall(r'name="(quote|table)" value="([^"]+)"', page)) | {"consent": "given"}


def state(session_id: UUID) -> tuple[str, int]:
    """The state of a session, and how many orders have its reference."""
    session = found.sessions([session_id])[session_id]
    placed = sql.value(
        "SELECT count(*) FROM orders_order WHERE merchant_id = %s AND merchant_reference = %s",
        [session.merchant_id, session.merchant_reference],
    )
    return session.state, placed


def test_from_the_cart_to_the_order_and_back_to_the_shop(world: World) -> None:
    lines = (Line("Phone", 1, 1_799_00, serial_number="IMEI-1"), Line("Case", 2, 100_00, sku="C-1"))
    visitor = Browser(session_id := world.session(lines=lines))
    page = visitor.get()
    text = page.content.decode()
    assert "IMEI-1" in text
    assert "¥666.33" in text
    assert "form-action 'self' https://shop.example https://shop.example:8443" in page["Content-Security-Policy"]
    assert visitor.post("plan", plan="free:3").status_code == 409, "nobody has said who they are"
    visitor.known()
    assert "李*" in visitor.get().content.decode()
    form = visitor.chosen()
    done = visitor.post("agree", **form)
    name = public.text("checkout", session_id)
    assert (done.status_code, done["Location"]) == (303, f"{THANKS}&session_id={name}")
    assert state(session_id) == ("completed", 1)
    session = found.sessions([session_id])[session_id]
    order = orders.orders([session.order_id])[session.order_id]
    assert (order.state, order.amount, order.consumer_id, order.periods) == ("authorised", 1_999_00, world.people[PHONE], 3)
    assert found.lines_of_orders([order.id])[order.id] == lines
    again = visitor.post("agree", **form)
    assert (again.status_code, again["Location"]) == (303, done["Location"]), "the same form once more does nothing twice"
    assert state(session_id) == ("completed", 1)
    assert f"{THANKS}&amp;session_id={name}".replace("&amp;session", "&amp;session") in visitor.get().content.decode()
    told = sql.rows("SELECT type, changed FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [session_id])
    assert told == [("checkout.session.opened", {}), ("checkout.session.completed", {"state": "open", "order_id": None})]


def test_without_a_page_of_the_shop_one_stays_where_one_is(world: World) -> None:
    visitor = Browser(session_id := world.session(success_url="", cancel_url="")).known()
    assert "form-action 'self';" in visitor.get()["Content-Security-Policy"]
    done = visitor.post("agree", **visitor.chosen())
    assert (done.status_code, done["Location"], state(session_id)) == (303, visitor.address, ("completed", 1))
    page = visitor.get().content.decode()
    assert "You have bought this by the month" in page
    assert "Back to the shop" not in page
    left = Browser(world.session(success_url="", cancel_url=""))
    assert left.post("leave")["Location"] == left.address


def test_two_tabs_with_two_plans_come_to_one_order(world: World) -> None:
    visitor = Browser(session_id := world.session()).known()
    first, second = visitor.chosen("free:3"), visitor.chosen("free:6")
    outcomes = world.shop.at_once(
        *(lambda form=form: visitor.client.post(f"{visitor.address}agree/", _with_token(visitor, form)) for form in (first, second))
    )
    assert [one.status_code for one in outcomes] == [303, 303], outcomes
    assert state(session_id) == ("completed", 1)


def _with_token(visitor: Browser, form: dict[str, str]) -> dict[str, str]:
    return form | {"csrfmiddlewaretoken": visitor.client.cookies["csrftoken"].value}


def test_forms_that_are_stale_or_tampered_with_buy_nothing(world: World) -> None:
    visitor = Browser(session_id := world.session(products=("free",), periods=(3,))).known()
    form = visitor.chosen()
    other = Browser(world.session()).known()
    theirs = other.chosen("flex:3")
    assert other.post("plan", plan="\0:3").status_code == 400
    for name, tampered, status in (
        ("no consent", form | {"consent": ""}, 422),
        ("another table", form | {"table": "00" * 32}, 409),
        ("the quote of another plan", form | {"quote": theirs["quote"], "table": theirs["table"]}, 409),
        ("no quote", form | {"quote": "x"}, 400),
        ("no hash", form | {"table": "zz"}, 400),
    ):
        assert visitor.post("agree", **tampered).status_code == status, name
    for plan, status in (("free:6", 409), ("flex:3", 409), ("free", 400), ("free:x", 400), ("", 400)):
        assert visitor.post("plan", plan=plan).status_code == status, plan
    stranger = Browser(session_id)
    assert stranger.post("agree", **form).status_code == 409, "who has not said who they are"
    stranger.known(OTHER_PHONE)
    assert stranger.post("agree", **form).status_code == 409, "what was shown to somebody else"
    assert stranger.get(f"terms/{form['quote']}/").status_code == 409
    assert Client(enforce_csrf_checks=True).post(f"{visitor.address}agree/", form).status_code == 403
    assert visitor.get("agree/")["Location"] == visitor.address
    visitor.client.cookies["checkout"] = visitor.client.cookies["checkout"].value[:-1]
    assert visitor.post("agree", **form).status_code == 409, "a cookie that we did not sign"
    assert state(session_id) == ("open", 0)


def test_a_code_is_tried_five_times_in_ten_minutes_and_tells_nobody_whose_a_phone_is(world: World) -> None:
    visitor = Browser(world.session())
    assert visitor.post("phone", phone="1").status_code == 422
    known, unknown = visitor.post("phone", phone=PHONE), Browser(world.session()).post("phone", phone="13700001111")
    assert (known.status_code, unknown.status_code) == (303, 303)
    for _ in range(5):
        assert visitor.post("code", code="999999").status_code == 422
    assert visitor.post("code", code="123456").status_code == 409, "it was tried too often"
    for digits in ("12345", "1234567", "一二三四五六", ""):
        late = Browser(world.session())
        late.post("phone", phone="13700001111")
        assert late.post("code", code=digits).status_code == 422
    nobody = Browser(world.session())
    nobody.post("phone", phone="13700002222")
    assert nobody.post("code", code="123456").status_code == 303
    assert "This phone belongs to nobody" in nobody.get().content.decode()
    assert nobody.post("plan", plan="free:3").status_code == 409
    asked = Browser(world.session())
    statuses = [asked.post("phone", phone="13700003333").status_code for _ in range(6)]
    assert statuses == [303] * 5 + [429]


def test_codes_that_are_asked_for_at_the_same_time_are_counted_too(world: World) -> None:
    session_id, desk, now = world.session(), world.shop.desk, world.shop.now()
    send = partial(hosted.send_code, desk=desk, now=now, session_id=session_id, phone="13700004444")
    outcomes = world.shop.at_once(*[send] * 8)
    assert sorted(type(one).__name__ for one in outcomes) == ["Refused"] * 3 + ["UUID"] * 5, outcomes


def test_the_costs_are_in_the_language_in_which_they_were_shown_and_no_other_language_is_asked_for(world: World) -> None:
    visitor = Browser(world.session(language="zh"))
    visitor.client.cookies["django_language"] = "klingon"
    assert '<html lang="zh-Hans">' in visitor.get().content.decode()
    assert "klingon" not in trans_real._translations, "what is loaded stays for ever"
    visitor.client.cookies["django_language"] = "en"
    shown = visitor.known().post("plan", plan="free:3")
    visitor.client.cookies["django_language"] = "zh-hans"
    page = visitor.client.get(shown["Location"]).content.decode()
    assert "All costs of this credit" in page
    assert "I have read all costs" in page


def test_a_decline_leaves_the_session_open_and_says_why(world: World) -> None:
    visitor = Browser(session_id := world.session()).known(OTHER_PHONE)
    form = visitor.chosen()
    for _ in range(2):
        declined = visitor.post("agree", **form)
        assert declined.status_code == 402
        assert CART in declined.content.decode()
    assert state(session_id) == ("open", 1), "the same consent twice is one decision"


def test_a_session_for_somebody_is_for_nobody_else(world: World) -> None:
    visitor = Browser(world.session(consumer_id=world.people[PHONE]))
    visitor.post("phone", phone=OTHER_PHONE)
    visitor.post("code", code="123456")
    assert "This phone belongs to nobody" in visitor.get().content.decode()
    assert visitor.known().post("plan", plan="free:3").status_code == 303


def test_a_session_that_is_over_sells_nothing(world: World) -> None:
    visitor = Browser(session_id := world.session()).known()
    form = visitor.chosen()
    left = visitor.post("leave")
    assert (left.status_code, left["Location"].partition("?")[0]) == (303, CART)
    assert visitor.post("agree", **form).status_code == 409
    assert "You went back to the shop" in visitor.get().content.decode()
    assert visitor.post("leave").status_code == 200
    assert visitor.post("phone", phone=PHONE).status_code == 409
    assert state(session_id) == ("cancelled", 0)


def test_time_ends_a_session_at_its_second_and_a_job_tells_it(world: World) -> None:
    session_id = world.session(expires_in_s=300)
    later = world.shop.now() + timedelta(seconds=300)
    session = found.sessions([session_id])[session_id]
    assert (session.state_at(later - timedelta(seconds=1)), session.state_at(later)) == ("open", "expired")
    desk = replace(world.shop.desk)
    assert sessions.lapse(desk=desk, now=later - timedelta(seconds=1)) == 0
    assert sessions.lapse(desk=desk, now=later) == 1
    assert sessions.lapse(desk=desk, now=later) == 0
    assert state(session_id) == ("expired", 0)


@pytest.mark.parametrize("name", ["chk_01m4psz9m0egnsh56jknyf32m3", "chk_x", "ord_01m4psz9m0egnsh56jknyf32m3", "%00"])
def test_a_session_that_there_is_not_is_not_found(world: World, name: str) -> None:
    assert Client().get(f"/checkout/{name}/").status_code == 404
    assert Client().post(f"/checkout/{name}/agree/").status_code == 404
