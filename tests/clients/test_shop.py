"""The Flask shop of examples/ against the real server: messages and forms that come twice, late, or from somebody else."""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Merchant, Server
from tests.clients.pages import example, publishable
from yuefu_client import webhooks

SECRET, OLD = ("whsec_" + b64encode(letter * 32).decode() for letter in (b"n", b"o"))
STAFF = {"Authorization": "Basic " + b64encode(b"any:a staff password").decode()}


@pytest.fixture(scope="module")
def shop() -> Any:
    return example("flask_shop", "flask-shop/shop.py")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("shop")) / "shop.sqlite3"


@pytest.fixture(scope="module")
def app(shop: Any, regular: Merchant, server: Server, database: Path) -> Any:
    base = f"http://127.0.0.1:{server.port}"
    return shop.create_app(shop.Settings(regular.issued.secret, publishable(regular), base, "a staff password", (SECRET, OLD), database))


class Visitor:
    """A browser without scripts."""

    def __init__(self, app: Any) -> None:
        self.client = app.test_client()

    def post(self, path: str, *, csrf: str | None = None, headers: dict[str, str] | None = None, **form: str) -> Any:
        page = self.client.get("/").text
        token = re.findall(r'data-csrf="(\w+)"', page)[0] if csrf is None else csrf
        return self.client.post(path, data={"csrf": token, **form}, headers=headers or {})


def pay(app: Any) -> tuple[Visitor, str]:
    """A visitor whose cart is being paid for, and the reference of the purchase."""
    visitor = Visitor(app)
    assert visitor.post("/cart", sku="player").status_code == 303
    away = visitor.post("/checkout")
    assert away.status_code == 303
    assert away.headers["Location"].startswith(f"{app.config['YUEFU']}/checkout/"), "a session is on the server that opened it"
    with visitor.client.session_transaction() as kept:
        return visitor, str(kept["reference"])


def message(reference: str, name: str, *, secret: str = SECRET, at: int | None = None) -> dict[str, Any]:
    body = json.dumps({"type": "checkout.session.completed", "data": {"object": {"merchant_reference": reference}}})
    seconds = int(time.time()) if at is None else at
    headers = {"webhook-id": name, "webhook-timestamp": str(seconds), "webhook-signature": webhooks.sign(secret, name, seconds, body)}
    return {"data": body, "headers": headers}


def test_a_cart_is_one_session_however_often_somebody_pays(app: Any, regular: Merchant) -> None:
    visitor, reference = pay(app)
    again = visitor.post("/checkout", headers={"X-CSRF": ""})
    found = regular.get(f"/v1/checkout_sessions?merchant_reference={reference}").body["data"]
    assert (again.status_code, len(found), found[0]["amount"], found[0]["lines"][0]["sku"]) == (303, 1, 199_900, "player")
    assert again.headers["Location"] == found[0]["url"]
    assert regular.post(f"/v1/checkout_sessions/{found[0]['id']}/expire", {}).status == 200
    assert "is expired" in visitor.client.get(f"/thanks?reference={reference}").text
    other = visitor.post("/checkout").headers["Location"]
    assert other != found[0]["url"], "what is over is not gone back to"


def test_whoever_comes_back_is_believed_nothing(app: Any) -> None:
    visitor, reference = pay(app)
    page = visitor.client.get(f"/thanks?reference={reference}&session_id=chk_forged")
    assert (page.status_code, "Not paid" in page.text) == (200, True)
    assert Visitor(app).client.get(f"/thanks?reference={reference}").status_code == 404, "another's purchase"
    assert visitor.post("/checkout", csrf="").status_code == 400
    assert visitor.post("/cart", sku="none").status_code == 404


def test_messages_are_verified_and_dealt_with_once(app: Any, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, reference = pay(app)
    asked: list[str] = []
    found = shop.Till.refreshed
    monkeypatch.setattr(shop.Till, "refreshed", lambda till, purchase: asked.append(purchase.reference) or found(till, purchase))
    client = app.test_client()
    now = int(time.time())
    assert [client.post("/webhooks", **message(reference, "msg_1")).status_code for _ in range(2)] == [204, 204]
    assert client.post("/webhooks", **message(reference, "msg_2", secret=OLD)).status_code == 204
    assert client.post("/webhooks", **message("of nobody", "msg_3")).status_code == 204
    assert asked == [reference, reference]
    for bad in (message(reference, "msg_4", secret="whsec_" + "QUJD" * 8), message(reference, "msg_5", at=now - 301), {"data": "{}"}):
        assert client.post("/webhooks", **bad).status_code == 400
    assert len(asked) == 2


def test_only_staff_see_orders_and_a_form_that_is_sent_twice_is_done_once(app: Any, shop: Any, regular: Merchant, database: Path) -> None:
    store = shop.Store(database)
    order = regular.placed()
    reference = regular.get(f"/v1/orders/{order}").body["merchant_reference"]
    store.keep(shop.Purchase(reference, 199_900, "chk_none", "completed", order))
    visitor = Visitor(app)
    assert visitor.client.get("/orders").status_code == 401
    assert visitor.post(f"/orders/{reference}/capture", once="1").status_code == 401
    assert reference in visitor.client.get("/orders", headers=STAFF).text
    once = re.findall(r'name="once" value="(\w+)"', visitor.client.get(f"/orders/{reference}", headers=STAFF).text)[0]
    for verb, form in (("capture", {}), ("capture", {}), ("refund", {"amount": "12.5"}), ("refund", {"amount": "12.50"})):
        assert visitor.post(f"/orders/{reference}/{verb}", headers=STAFF, once=once, **form).status_code == 303
    shown = regular.get(f"/v1/orders/{order}").body
    assert (shown["amount_captured"], shown["amount_refunded"], len(shown["captures"])) == (199_900, 1_250, 1)
    assert visitor.post(f"/orders/{reference}/refund", headers=STAFF, once=once, amount="1e3").status_code == 400
    assert visitor.post(f"/orders/{reference}/refund", headers=STAFF, once="other", amount="99999").status_code == 303
    assert "more than can be refunded" in visitor.client.get(f"/orders/{reference}", headers=STAFF).text


def test_an_api_that_cannot_be_reached_is_told_without_its_details(shop: Any, tmp_path: Path) -> None:
    app = shop.create_app(shop.Settings("sk_test_x", "pk_test_x", "http://127.0.0.1:9", "s", (), tmp_path / "shop.sqlite3"))
    visitor = Visitor(app)
    visitor.post("/cart", sku="needle")
    page = visitor.post("/checkout")
    assert (page.status_code, "Nothing was charged twice" in page.text, "127.0.0.1:9/" in page.text) == (502, True, False)
    assert app.test_client().post("/webhooks", data="{}").status_code == 503
