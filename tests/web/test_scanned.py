"""Whoever scans a QR code comes to the page of a session: that of the code, that of the cashier, or one for the amount keyed in."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.test import Client, override_settings

from tests.journeys.conftest import Shop, shop_opened
from yuefu import ids as public
from yuefu.ids import IdSource
from yuefu.journeys import places
from yuefu.journeys.checkout import scanning, sessions
from yuefu.journeys.checkout.scanning import NewQrCode
from yuefu.journeys.checkout.sessions import NewSession
from yuefu.merchants.commands.stores import Closing, NewStore, NewTerminal
from yuefu.money.amounts import Money
from yuefu.orders.queries import checkout as found
from yuefu.runtime import vault as vaults


@dataclass
class World:
    shop: Shop
    merchant: UUID
    store: UUID
    till: UUID

    def code(self, **of: Any) -> str:
        (made,) = scanning.make(desk=self.shop.desk, now=self.shop.now(), requests=[NewQrCode(secrets.token_hex(4), self.merchant, **of)])
        return f"/q/{public.text('qr_code', made.code.id)}/"

    def session(self, **more: Any) -> UUID:
        name = secrets.token_hex(4)
        new = NewSession(name, self.merchant, name, Money(1_999_00, "CNY"), **more)
        (done,) = sessions.open_sessions(desk=self.shop.desk, now=self.shop.now(8), requests=[new])
        return done.session.id


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path = Path(tmp_path_factory.mktemp("keys")) / "keys.json"
    shop = shop_opened(vaults.create(path), IdSource(secrets.randbits))
    merchant = shop.merchants[0]
    (store,) = places.open_stores(desk=shop.desk, now=shop.now(8), requests=[NewStore("s", merchant, "road", "路店", "Road", "1")])
    (till,) = places.open_terminals(desk=shop.desk, now=shop.now(8), requests=[NewTerminal("t", merchant, store.id, "till")])
    with override_settings(YUEFU_KEYS_FILE=path):
        yield World(shop, merchant, store.id, till.id)


def leads_to(address: str) -> str | None:
    answer = Client().get(address)
    return answer["Location"] if answer.status_code == 302 else None


def page_of(session: UUID) -> str:
    return f"/checkout/{public.text('checkout', session)}/"


def test_a_code_of_a_session_leads_to_it(world: World) -> None:
    session = world.session()
    assert leads_to(world.code(session_id=session)) == page_of(session)


def test_a_till_leads_to_what_the_cashier_opened_last_and_no_other_till(world: World) -> None:
    address, of_the_store = world.code(terminal_id=world.till), world.code(store_id=world.store)
    assert "Wait for the cashier" in Client(HTTP_ACCEPT_LANGUAGE="en").get(address).content.decode()
    for _ in range(2):
        session = world.session(channel="store", terminal_id=world.till)
        assert leads_to(address) == page_of(session)
    assert leads_to(of_the_store) is None
    sessions.cancel(desk=world.shop.desk, now=world.shop.now(8), checkout_ids=[session])
    before = leads_to(address)
    assert before not in (None, page_of(session))
    left = public.parse("checkout", before.split("/")[2])
    sessions.cancel(desk=world.shop.desk, now=world.shop.now(8), checkout_ids=[left])
    given = {"form": secrets.token_hex(12), "amount": "1999.00"}
    keyed_in = Client().post(world.code(terminal_id=world.till, amount_by="consumer"), given)
    assert keyed_in.status_code == 302
    assert leads_to(address) is None, "what one consumer keyed in is not for the next one"


def test_an_amount_is_keyed_in_once(world: World) -> None:
    address = world.code(store_id=world.store, amount_by="consumer")
    visitor = Client(HTTP_ACCEPT_LANGUAGE="en")
    form = re.search(r'name="form" value="([0-9a-f]+)"', visitor.get(address).content.decode())
    assert form
    given = {"form": form[1], "amount": "1999.00"}
    first, again = (visitor.post(address, given) for _ in range(2))
    assert first.status_code == 302
    assert first["Location"] == again["Location"]
    session = found.sessions([public.parse("checkout", first["Location"].split("/")[2])]).popitem()[1]
    assert (session.amount, session.channel, session.store_id) == (Money(1_999_00, "CNY"), "store", world.store)
    assert 'href=""' not in visitor.get(first["Location"]).content.decode()
    for amount, told in (
        ("", "no amount"),
        ("-1", "no plan"),
        ("1,5", "no amount"),
        ("1.999", "no amount"),
        ("0", "no plan"),
        ("1", "no plan"),
        ("9" * 20, "no amount"),
    ):
        refused = visitor.post(address, given | {"amount": amount, "form": secrets.token_hex(12)})
        assert (refused.status_code, told in refused.content.decode()) == (422, True), (amount, refused.content.decode()[-900:])
    assert visitor.post(address, given | {"form": "x" * 100}).status_code == 200, "a form that is not ours is sent anew"
    assert Client(enforce_csrf_checks=True).post(address, given).status_code == 403


def test_a_picture_is_of_the_code_and_of_nothing_else(world: World) -> None:
    address = world.code(store_id=world.store)
    svg, png = (Client().get(f"{address}code.{form}") for form in ("svg", "png"))
    assert (svg["Content-Type"], svg.content[:5]) == ("image/svg+xml", b"<?xml")
    assert (png["Content-Type"], png.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert Client().get(f"{address}code.pdf").status_code == 404


def test_a_closed_store_sells_nothing(world: World) -> None:
    address = world.code(store_id=world.store, amount_by="consumer")
    closing = Closing("c", world.merchant, "store", world.store)
    places.close(desk=world.shop.desk, now=world.shop.now(), requests=[closing])
    assert Client().get(address).status_code == 410
    assert Client().post(address, {"form": secrets.token_hex(12), "amount": "1999.00"}).status_code == 410
