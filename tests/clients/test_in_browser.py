"""The browser's client in a real Chromium against the real server: the static page of examples/, and what it does when things go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.api.conftest import Merchant, Server
from tests.clients.pages import aside, example, publishable, serving

pytestmark = pytest.mark.browser

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def addresses(seller: Merchant, server: Server) -> Iterator[dict[str, str]]:
    """The static page by language."""
    serve, key = example("static_page", "static-page/serve.py"), publishable(seller)
    with ExitStack() as stack:
        base = f"http://127.0.0.1:{server.port}"
        yield {locale: stack.enter_context(serving(serve.opened(key, base, locale=locale))) for locale in ("en", "zh")}


@pytest.fixture
def visit(chromium: Any, addresses: dict[str, str]) -> Iterator[Visit]:
    """`visit(locale=…, dark=…, before=…)` opens the static page; `complaints` are what the browser says of it."""
    with ExitStack() as stack:

        def opened(*, locale: str = "en", dark: bool = False, before: Callable[[Any], None] = lambda page: None) -> Any:
            context = chromium.new_context(color_scheme="dark" if dark else "light", viewport={"width": 360, "height": 800})
            stack.callback(context.close)
            context.set_default_timeout(10_000)
            page = context.new_page()
            page.complaints = []
            page.on("console", lambda message: page.complaints.append(message.text) if message.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: page.complaints.append(str(error)))
            before(page)
            page.goto(addresses[locale])
            return page

        yield opened


def test_label_and_calculator_show_what_the_server_says(visit: Visit) -> None:
    page = visit()
    label = page.locator("#label")
    label.get_by_text("6 months · up to ¥333.20 each · interest-free").wait_for()
    label.get_by_text("¥333.16 × 5 + ¥333.20 = ¥1,999.00").wait_for()
    calculator = page.locator("#calculator")
    calculator.get_by_role("group", name="Choose how many instalments").wait_for()
    radios = calculator.get_by_role("radio")
    assert [radio.is_checked() for radio in radios.all()] == [False, False, False, False, True], (
        "the one that costs least, the longest of these"
    )
    radios.nth(4).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert calculator.get_by_role("row").count() == 1 + 12 + 3
    calculator.get_by_role("row", name="Total to be repaid ¥2,158.29").wait_for()
    calculator.get_by_role("row", name="Annual cost, all-in 15.39%").wait_for()
    assert calculator.get_by_role("status").inner_text() == "12 months · up to ¥179.86 each · 15.39% a year"
    assert page.locator("#chosen").inner_text() == "flex: 12"
    page.get_by_label("Pieces").fill("2")
    page.get_by_label("Pieces").press("Tab")
    label.get_by_text("= ¥3,998.00").wait_for()
    assert calculator.get_by_role("radio", checked=True).locator("xpath=..").inner_text().startswith("12 months"), "the choice stays"
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it fits a phone"


def test_in_chinese_and_in_the_dark(visit: Visit) -> None:
    page = visit(locale="zh", dark=True)
    page.locator("#label").get_by_text("6 期 · 每期至多 ¥333.20 · 免息").wait_for()
    calculator = page.locator("#calculator")
    calculator.get_by_role("row", name="应还总额").wait_for()
    assert "综合年化成本" in calculator.locator("form").inner_text()
    ink, paper = (
        page.evaluate(f"getComputedStyle(document.querySelector('#calculator > div').shadowRoot.querySelector('form')).{name}")
        for name in ("color", "backgroundColor")
    )
    assert (ink, paper) == ("rgb(255, 255, 255)", "rgb(18, 18, 18)")
    assert page.complaints == []


def test_what_is_answered_is_never_html_and_a_failure_is_told(visit: Visit) -> None:
    evil = "<img src=x onerror=document.title='taken'>"
    plan = {
        "product": evil, "periods": 1, "amount": 100, "currency": "CNY", "instalments": [{"count": 1, "amount": 100}], "largest_instalment": 100,
        "total_payable": 100, "total_interest": 1, "annual_cost_pct": evil, "first_due_on": "2026-10-25", "label": evil, "disclosure": evil, "lender": evil,
    }  # fmt: skip
    answers: list[dict[str, Any]] = [
        {"status": 503, "json": {"code": "busy", "detail": evil}},
        {"status": 200, "body": "<html>"},
        {"status": 200, "json": {"data": []}},
        {"status": 200, "json": {"data": [plan]}},
    ]
    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}

    def answer(route: Any) -> None:
        route.fulfill(headers=headers, **answers[0])

    def before(page: Any) -> None:
        page.route("**/v1/price_labels?*", answer)
        page.add_init_script("addEventListener('yuefu:error', ({detail}) => { (window.told ||= []).push(detail.code) })")

    page = visit(before=before)
    calculator = page.locator("#calculator")
    calculator.get_by_role("alert").get_by_text("cannot be worked out").wait_for()
    assert not page.locator("#label > div").is_visible()
    page.wait_for_function("window.told?.length === 2")
    assert page.evaluate("told") == ["busy", "busy"]
    again = calculator.get_by_role("button", name="Try again")
    answers.pop(0)
    with page.expect_response("**/v1/price_labels?*"):
        again.click()
    page.wait_for_function("told.length == 3")
    answers.pop(0)
    again.click()
    calculator.get_by_text("There is no plan for this amount.").wait_for()
    answers.pop(0)
    page.get_by_label("Pieces").fill("3")
    page.get_by_label("Pieces").press("Tab")
    page.locator("#label").get_by_text(evil).first.wait_for()
    page.locator("#chosen").get_by_text(
        f"{evil}: 1"
    ).wait_for()  # The calculator has an answer of its own, which may come after the label's.
    assert page.title() == "A page that sells a record player"
    made = "[...document.querySelectorAll('#label > div, #calculator > div')].map((host) => host.shadowRoot.querySelectorAll('img').length)"
    assert page.evaluate(made) == [0, 0]


def test_the_button_runs_once_tells_errors_and_takes_only_addresses_of_the_web(visit: Visit) -> None:
    page = visit()
    page.evaluate(
        """async () => {
          const { Yuefu } = await import('/yuefu.js');
          window.calls = [];
          window.createSession = () => new Promise((...ends) => calls.push(ends));
          Yuefu('pk_test_x', { baseUrl: '/' }).checkoutButton(document.body, { createSession: () => createSession() });
        }"""
    )
    button = page.get_by_role("button", name="Pay monthly")
    button.dblclick()
    waiting = page.get_by_role("button", name="On the way…")
    assert waiting.is_disabled()
    assert page.evaluate("calls.length") == 1
    page.evaluate("calls[0][1](new Error('no'))")
    page.get_by_text("could not be opened").wait_for()
    assert button.is_enabled()
    assert page.evaluate("document.activeElement.shadowRoot.activeElement.textContent") == "Pay monthly"
    button.click()
    page.evaluate("calls[1][0]({ url: 'javascript:document.title=1' })")
    page.get_by_text("could not be opened").wait_for()
    assert page.title() == "A page that sells a record player"
    button.press("Enter")
    page.evaluate("calls[2][0]({ url: '/page.css' })")
    page.wait_for_url("**/page.css")


@pytest.mark.parametrize("key", ["sk_test_1", "rk_live_1", "", "pk_test_ x"])
def test_only_a_publishable_key_is_taken(visit: Visit, key: str) -> None:
    page = visit()
    told = page.evaluate(
        "async (key) => { const { Yuefu } = await import('/yuefu.js'); try { Yuefu(key, { baseUrl: '/' }) } catch (e) { return e.name } }",
        key,
    )
    assert told == "TypeError"


def test_the_shop_sells_by_the_month_from_the_cart_to_the_refund(
    chromium: Any, seller: Merchant, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = example("flask_shop", "flask-shop/shop.py")
    base, database = f"http://127.0.0.1:{server.port}", Path(tmp_path_factory.mktemp("shop")) / "shop.sqlite3"
    app = shop.create_app(shop.Settings(seller.issued.secret, publishable(seller), base, "a staff password", (), database))
    aside(seller.consumer)
    with serving(make_server("127.0.0.1", 0, app, threaded=True)) as address:
        context = chromium.new_context(
            locale="en-GB", http_credentials={"username": "any", "password": "a staff password", "origin": address}
        )
        context.set_default_timeout(10_000)
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(address)
        page.get_by_text("6 months · up to ¥333.20 each · interest-free").wait_for()
        page.get_by_role("button", name="Put the record player in the cart").click()
        page.get_by_role("status").get_by_text("interest-free").wait_for()
        page.get_by_role("button", name="Pay monthly").click()
        page.wait_for_url(f"{base}/checkout/*/")
        page.get_by_label("Your mobile number").fill("13800138000")
        page.get_by_role("button", name="Send me a code").click()
        page.get_by_label("The six digits").fill("123456")
        page.get_by_role("button", name="Go on").click()
        page.locator("input[value='free:3']").check()
        page.get_by_role("button", name="Show all costs of this plan").click()
        page.get_by_role("checkbox").check()
        page.locator("form[action$='/agree/'] button").click()
        page.wait_for_url(f"{address}/thanks?*")
        page.get_by_text("is paid by the month").wait_for()
        page.goto(f"{address}/orders")
        page.locator("main a").click()
        assert page.locator("#state").inner_text() == "authorised"
        page.get_by_role("button", name="The goods are sent: capture").click()
        page.get_by_role("status").get_by_text("captured").wait_for()
        page.get_by_label("Amount").fill("99.50")
        page.get_by_role("button", name="Refund").click()
        page.get_by_role("status").get_by_text("refunded").wait_for()
        assert [page.locator(f"#{name}").inner_text() for name in ("state", "captured", "refunded")] == [
            "part_refunded",
            "¥1,999.00",
            "¥99.50",
        ]
        assert complaints == []
        context.close()
