"""A small shop that sells by the month: cart → checkout session → back to the shop → webhooks → capture and refund.

YUEFU_API_KEY=sk_test_… YUEFU_PUBLISHABLE_KEY=pk_test_… python examples/flask-shop/shop.py
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, flash, redirect, render_template, request, send_from_directory, session, url_for
from store import Purchase, Store
from werkzeug.wrappers import Response as AnyResponse

from yuefu_client import ProblemError, Yuefu, YuefuError, webhooks

HERE = Path(__file__).resolve().parent
CURRENCY = "CNY"
BODY_AT_MOST = 64 * 1024


@dataclass(frozen=True)
class Good:
    """What is sold, with its price in minor units."""

    sku: str
    name: str
    price: int


GOODS = {good.sku: good for good in (Good("player", "Record player", 199_900), Good("needle", "Needle", 12_900))}


@dataclass(frozen=True)
class Settings:
    """Several secrets of webhooks are right while one is being rolled."""

    api_key: str
    publishable_key: str
    base_url: str
    staff_password: str
    webhook_secrets: tuple[str, ...] = ()
    database: Path = HERE / "shop.sqlite3"
    secret_key: str = ""

    @classmethod
    def of_environment(cls) -> Settings:
        given = os.environ
        return cls(
            given["YUEFU_API_KEY"],
            given["YUEFU_PUBLISHABLE_KEY"],
            given.get("YUEFU_BASE_URL", "http://127.0.0.1:8000"),
            given.get("SHOP_STAFF_PASSWORD", "staff"),
            tuple(given.get("YUEFU_WEBHOOK_SECRETS", "").split()),
            Path(given.get("SHOP_DATABASE", HERE / "shop.sqlite3")),
            given.get("SHOP_SECRET_KEY", ""),
        )


class Till:
    """What the shop does with Yuefu."""

    def __init__(self, client: Yuefu, store: Store) -> None:
        self.client, self.store = client, store

    def open(self, reference: str, cart: dict[str, int]) -> str:
        """Where the consumer goes to pay for a cart. The reference is the key: asked again, however often, it is one session."""
        goods = [(GOODS[sku], count) for sku, count in cart.items()]
        opened = self.client.checkout_sessions.create(
            merchant_reference=reference,
            currency=CURRENCY,
            lines=[{"name": good.name, "quantity": count, "unit_amount": good.price, "sku": good.sku} for good, count in goods],
            success_url=url_for("thanks", reference=reference, _external=True),
            cancel_url=url_for("show_cart", _external=True),
            idempotency_key=f"session-{reference}",
        )
        self.store.keep(Purchase(reference, opened.amount, opened.id, opened.state, None))
        return opened.url

    def refreshed(self, purchase: Purchase) -> Purchase:
        """A purchase as Yuefu knows it. Asked for, and not read from an address or a message: those may be forged, late, or out of order."""
        found = self.client.checkout_sessions.retrieve(purchase.session)
        now = replace(purchase, state=found.state, order_id=found.order if isinstance(found.order, str) else None)
        self.store.keep(now)
        return now

    def is_open(self, reference: str) -> bool:
        purchase = self.store.find(reference)
        return purchase is None or self.refreshed(purchase).state == "open"


def create_app(settings: Settings) -> Flask:
    """The shop as a WSGI application."""
    app = Flask(__name__, root_path=str(HERE))
    app.secret_key = settings.secret_key or secrets.token_hex(32)
    app.config.update(SESSION_COOKIE_SAMESITE="Lax", MAX_CONTENT_LENGTH=BODY_AT_MOST, YUEFU=settings.base_url)
    app.jinja_env.filters["money"] = lambda minor: f"¥{minor // 100:,}.{minor % 100:02d}"
    till = Till(Yuefu(settings.api_key, settings.base_url), Store(settings.database))
    _guard(app, settings)
    _shop_window(app, settings)
    _checkout(app, till)
    _back_office(app, settings, till)
    _messages(app, settings, till)
    return app


def _guard(app: Flask, settings: Settings) -> None:
    """What holds for every page: forms are our own, scripts come from files, and an error of Yuefu is told without its details."""

    @app.before_request
    def forms_are_our_own() -> None:
        session.setdefault("csrf", secrets.token_hex(16))
        if request.method == "POST" and request.endpoint != "messages":
            given = request.headers.get("X-CSRF") or request.form.get("csrf", "")
            if not hmac.compare_digest(given.encode(), str(session["csrf"]).encode()):
                abort(400, "This form is too old. Go back and load the page again.")

    @app.after_request
    def told_to_browsers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = (
            f"default-src 'self'; img-src 'self' data:; connect-src 'self' {settings.base_url}; form-action 'self' {settings.base_url};"
            " base-uri 'none'; frame-ancestors 'none'"
        )
        if response.mimetype == "text/html":
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.errorhandler(YuefuError)
    def not_now(error: YuefuError) -> tuple[Any, int]:
        app.logger.warning("yuefu: %s", error)  # With its code and request id, and without anything of the consumer.
        if request.endpoint == "checkout" and request.headers.get("X-CSRF"):
            return {"error": "unavailable"}, 502
        return render_template("sorry.html"), 502


def _shop_window(app: Flask, settings: Settings) -> None:
    @app.context_processor
    def known() -> dict[str, Any]:
        return {"key": settings.publishable_key, "base_url": settings.base_url, "csrf": session.get("csrf", "")}

    @app.get("/")
    def home() -> str:
        return render_template("home.html", goods=GOODS.values())

    @app.get("/yuefu.js")
    def client_script() -> Response:
        return send_from_directory(HERE.parents[1] / "clients" / "js", "yuefu.min.js", mimetype="text/javascript")

    @app.get("/cart")
    def show_cart() -> str:
        lines = [(GOODS[sku], count) for sku, count in _cart().items()]
        return render_template("cart.html", lines=lines, amount=sum(good.price * count for good, count in lines))

    @app.post("/cart")
    def put_in_cart() -> AnyResponse:
        sku = request.form.get("sku", "")
        if sku not in GOODS:
            abort(404)
        cart = _cart()
        session["cart"] = {**cart, sku: min(cart.get(sku, 0) + 1, 9)}
        session.pop("reference", None)  # Another cart is another purchase.
        return redirect(url_for("show_cart"), 303)


def _cart() -> dict[str, int]:
    return {sku: count for sku, count in session.get("cart", {}).items() if sku in GOODS}


def _checkout(app: Flask, till: Till) -> None:
    @app.post("/checkout")
    def checkout() -> AnyResponse | tuple[dict[str, str], int] | dict[str, str]:
        cart = _cart()
        if not cart:
            abort(400, "The cart is empty.")
        reference = session.get("reference")
        if reference is None or not till.is_open(reference):
            session["reference"] = reference = f"SHOP-{secrets.token_hex(6)}"
        url = till.open(reference, cart)
        return {"url": url} if request.headers.get("X-CSRF") else redirect(url, 303)

    @app.get("/thanks")
    def thanks() -> str:
        """The consumer is back. The address says nothing that is believed: whose purchase it is says the cookie, how it went says Yuefu."""
        reference = session.get("reference", "")
        purchase = till.store.find(reference) if reference == request.args.get("reference") else None
        if purchase is None:
            abort(404)
        purchase = till.refreshed(purchase)
        if purchase.order_id:
            session["cart"] = {}
        return render_template("thanks.html", purchase=purchase)


def _back_office(app: Flask, settings: Settings, till: Till) -> None:
    def is_staff() -> bool:
        given = request.authorization.password if request.authorization else None
        return hmac.compare_digest((given or "").encode(), settings.staff_password.encode())

    @app.before_request
    def staff_only() -> Response | None:
        if request.path.startswith("/orders") and not is_staff():
            return Response("Staff only.", 401, {"WWW-Authenticate": 'Basic realm="staff", charset="UTF-8"'})
        return None

    def sold(reference: str) -> tuple[Purchase, str]:
        purchase = till.store.find(reference)
        if purchase is None or purchase.order_id is None:
            abort(404)
        return purchase, purchase.order_id

    @app.get("/orders")
    def all_orders() -> str:
        return render_template("orders.html", purchases=till.store.purchases())

    @app.get("/orders/<reference>")
    def show_order(reference: str) -> str:
        """Each form has a key of its own, made with the page: sent twice, it is done once."""
        purchase, order_id = sold(reference)
        order = till.client.orders.retrieve(order_id)
        return render_template("order.html", purchase=purchase, order=order, once=secrets.token_hex(8))

    def done(reference: str, act: Callable[[str, str], object], told: str) -> AnyResponse:
        _, order_id = sold(reference)
        once = request.form.get("once", "")
        if not (once.isalnum() and once.isascii() and len(once) <= 64):
            abort(400)
        try:
            act(order_id, f"{reference}-{told}-{once}")
            flash(told)
        except ProblemError as problem:
            flash(f"{problem.title}. {problem.detail}")
        return redirect(url_for("show_order", reference=reference), 303)

    @app.post("/orders/<reference>/capture")
    def capture(reference: str) -> AnyResponse:
        return done(reference, lambda order, key: till.client.orders.capture(order, idempotency_key=key), "captured")

    @app.post("/orders/<reference>/refund")
    def refund(reference: str) -> AnyResponse:
        return done(reference, lambda order, key: till.client.orders.refund(order, amount=_amount(), idempotency_key=key), "refunded")


def _amount() -> int:
    """Yuan and fen as somebody types them, in minor units."""
    whole, dot, part = request.form.get("amount", "").strip().partition(".")
    digits = whole.isascii() and whole.isdigit() and len(whole) <= 9
    if not digits or (dot and not (part.isascii() and part.isdigit() and len(part) <= 2)):
        abort(400, "An amount such as 12.50.")
    return int(whole) * 100 + int(part.ljust(2, "0") or 0)


def _messages(app: Flask, settings: Settings, till: Till) -> None:
    @app.post("/webhooks")
    def messages() -> tuple[str, int]:
        """Verified, and dealt with once. A message only says that something happened; what is so now is asked for, so any order will do. It is
        remembered last: if this fails in between, the message comes again.
        """
        if not settings.webhook_secrets:
            abort(503, "No secret of webhooks is set.")
        try:
            event = webhooks.verify(request.get_data(), dict(request.headers), settings.webhook_secrets)
        except webhooks.SignatureInvalid:
            return "", 400
        message = request.headers["webhook-id"]
        if not till.store.is_seen(message):
            about = event.get("data", {}).get("object", {})
            purchase = till.store.find(str(about.get("merchant_reference", "")))
            if purchase:
                till.refreshed(purchase)
            till.store.see(message)
        return "", 204


if __name__ == "__main__":
    create_app(Settings.of_environment()).run("127.0.0.1", int(os.environ.get("PORT", "5000")))
