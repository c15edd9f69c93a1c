"""The pages in a real Chromium: phone and desktop, with and without JavaScript, light and dark, in both languages."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.web import samples

pytestmark = pytest.mark.browser

PAGES = {
    "home": "/",
    "empty": "/empty/",
    "stopped": "/stopped/",
    "trace": f"/trace/{samples.ORDER}/",
    "late": "/trace/late/",
    "declined": "/trace/declined/",
    "closing": "/closing/",
    "closing-failed": "/closing/failed/",
    "closing-waiting": "/closing/waiting/",
    "closing-none": "/closing/none/",
    "suspense": "/suspense/",
    "suspense-empty": "/suspense/empty/",
    "receipt": "/suspense/one/",
    "receipt-refused": "/suspense/refused/",
    "receipt-explained": "/suspense/explained/?done=matched",
    "recon": "/recon/",
    "funds": "/funds/",
    "reports": "/reports/",
    "report": "/reports/day/",
    "flow": "/reports/flow/",
    "flow-entries": "/reports/flow/?from=merchants&to=clearing",
    "breaks": "/breaks/",
    "breaks-empty": "/breaks/empty/",
    "break": "/breaks/one/",
    "break-waiting": "/breaks/waiting/",
    "break-ended": "/breaks/ended/?done=fixed",
    "break-refused": "/breaks/refused/",
    "late-loans": "/loans/",
    "late-loans-empty": "/loans/empty/",
    "loan": "/loans/one/",
    "loan-settled": "/loans/settled/",
    "settlements": "/settlements/",
    "settlements-empty": "/settlements/empty/",
    "settlement": "/settlements/one/",
    "settlement-refused": "/settlements/refused/",
    "settlement-month": "/settlements/month/",
    "shares": "/settlements/shares/",
    "share": "/settlements/shares/one/",
    "invoices": "/settlements/invoices/",
    "invoices-empty": "/settlements/invoices/empty/",
    "fees": "/settlements/fees/none/",
    "fees-requested": "/settlements/fees/requested/",
    "fees-refused": "/settlements/fees/refused/",
    "fees-issued": "/settlements/fees/issued/?done=issued",
    "login": "/login/",
    "no-order": "/find/?q=ord_nonsense",
}
WIDTHS = {"phone": 360, "desktop": 1280}
LOOKS = [("phone", "en"), ("desktop", "zh-hans"), *([("phone", "zh-hans"), ("desktop", "en")] if "YUEFU_SHOTS" in os.environ else [])]
"""Both languages and both widths: the longer words where there is less room. The other two are for those who look at the pictures."""

# WCAG 2 contrast of every visible text against the nearest painted background; large text needs 3, other text 4.5.
CONTRAST = """
() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const ink = canvas.getContext('2d', {willReadFrequently: true});
  const rgba = css => { ink.clearRect(0, 0, 1, 1); ink.fillStyle = css; ink.fillRect(0, 0, 1, 1);
    return [...ink.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const f = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
  const behind = node => {
    for (let at = node; at; at = at.parentElement) {
      const c = rgba(getComputedStyle(at).backgroundColor);
      if (c[3] > 250) return c;
    }
    return rgba(getComputedStyle(document.documentElement).colorScheme.includes('dark') ? '#000' : '#fff'); };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    if (!text.data.trim()) continue;
    const node = text.parentElement, style = getComputedStyle(node), box = node.getBoundingClientRect();
    if (!box.width || box.width <= 1 || style.visibility === 'hidden' || node.closest('svg, .skip, .visually-hidden')) continue;
    const a = light(rgba(style.color)), b = light(behind(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) poor.push(`${text.data.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}
"""
OPEN_ALL = "document.querySelectorAll('details').forEach(each => { each.open = true })"
TOO_WIDE = """
() => [...document.querySelectorAll('main *')].filter(node => !node.closest('.scroll, svg, .visually-hidden, .stack thead')
  && node.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(node => node.outerHTML.slice(0, 120))
"""

FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
"""Nothing to scroll sideways. At 320 pixels that is what a browser does to a window of 640 at 200 %: half as many, each twice as large."""

# WCAG 2.2 AA target size: 24 by 24 pixels, links inside a line of text excepted.
TOO_SMALL = """
() => [...document.querySelectorAll('button, summary, .btn, input:not([type=hidden])')].filter(node => {
  const box = node.getBoundingClientRect();
  return box.width && (box.width < 24 || box.height < 24);
}).map(node => node.outerHTML.slice(0, 80))
"""


def save(page: Any, shots: Path | None, name: str) -> None:
    if shots is not None:
        page.screenshot(path=str(shots / f"{name}.png"), full_page=True)


@pytest.mark.parametrize(("width", "language"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_reads_well_by_day_and_night_and_complains_of_nothing(
    visit: Any, shots: Path | None, name: str, width: str, language: str
) -> None:
    """All that is asked of each page, of one that is loaded once: loading is what takes its time."""
    found = visit(PAGES[name], width=WIDTHS[width], language=language)
    page = found.page
    save(page, shots, f"{name}-{width}-{language}")
    page.evaluate(OPEN_ALL)
    save(page, shots, f"{name}-{width}-{language}-open")
    statuses = {"no-order": "404", "receipt-refused": "422", "settlement-refused": "409", "fees-refused": "422", "break-refused": "422"}
    complaints = [text for text in found.complaints if statuses.get(name, "none") not in text]
    assert complaints == []
    assert page.evaluate(FITS)
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.lang") == ("zh-Hans" if language == "zh-hans" else "en")
    page.emulate_media(color_scheme="dark")
    save(page, shots, f"{name}-{width}-{language}-dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 21)", "it is dark"
    assert page.evaluate(CONTRAST) == [], "in the dark"
    if width == "phone":
        assert page.evaluate(TOO_SMALL) == []
        page.set_viewport_size({"width": 320, "height": 370})
        assert page.evaluate(FITS), "at twice the size"


def test_a_page_that_comes_in_the_dark_is_dark(visit: Any) -> None:
    page = visit(PAGES["flow"], dark=True).page
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 22, 21)"
    assert page.evaluate(CONTRAST) == []


def test_the_bar_of_pages_leads_from_one_to_another_by_the_keyboard(visit: Any) -> None:
    page = visit(PAGES["recon"], width=360, js=False).page
    bar = page.get_by_role("navigation", name="Pages of the book")
    assert bar.get_by_role("link").all_inner_texts()[:4] == ["Bills against books", "Breaks", "Money not explained", "Settlement"]
    assert bar.locator("[aria-current=page]").inner_text() == "Bills against books"
    bar.get_by_role("link", name="Settlement").press("Enter")
    page.wait_for_url("**/settlements/?book=demo")
    assert page.get_by_role("navigation", name="Pages of the book").locator("[aria-current=page]").inner_text() == "Settlement"


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_is_there_without_javascript(visit: Any, shots: Path | None, width: str) -> None:
    page = visit("/", width=WIDTHS[width], js=False).page
    page.get_by_role("button", name="中文").click()
    page.get_by_role("heading", name="最近的订单").wait_for()
    page.get_by_role("link", name="CDNOW-19980630-000431").click()
    page.get_by_text("2 笔分录").click()
    page.get_by_role("rowheader", name="待入账还款").first.wait_for()
    save(page, shots, f"trace-no-js-{width}")
    page.get_by_role("button", name="English").click()
    page.get_by_text("2 ledger entries").click()
    assert page.get_by_role("rowheader", name="Collections to be applied").first.is_visible()


def test_a_figure_of_today_leads_to_its_row(visit: Any) -> None:
    page = visit("/", js=False).page
    page.get_by_role("link", name="Repaid ¥8,700.25").click()
    assert page.locator("tr:target").get_by_text("8,700.25").is_visible()


def test_a_break_leads_to_the_order_that_it_is_about(visit: Any) -> None:
    page = visit("/breaks/one/", js=False).page
    page.locator(".facts").get_by_role("link", name="ord_").click()
    page.wait_for_url(f"**/trace/{samples.ORDER}/")


def test_the_keyboard_reaches_the_search_and_an_order(visit: Any) -> None:
    page = visit("/").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top >= 0"), "the skip link shows when it has the focus"
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "q":
            break
    assert page.evaluate("document.activeElement.id") == "q"
    assert page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)") >= 2
    page.keyboard.type("CDNOW-19980630-000431")
    page.keyboard.press("Enter")
    page.wait_for_url("**/trace/*/")
    page.keyboard.press("Tab")
    page.go_back()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "CDNOW-19980630-000430":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/trace/*/")


def test_the_answer_is_on_the_first_screen_of_a_phone(visit: Any) -> None:
    for path, answer in (("/", ".answer"), (PAGES["trace"], ".amount"), (PAGES["late"], ".next")):
        box = visit(path, width=360).page.locator(answer).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 420


def test_the_close_goes_on_by_itself_while_one_looks_on_and_keeps_the_focus(visit: Any) -> None:
    found = visit("/closing/")
    page = found.page
    button = page.get_by_role("button", name="Try loan_").first
    button.focus()
    named = button.get_attribute("id")
    before = page.locator("progress").get_attribute("value")
    page.locator(f'progress:not([value="{before}"])').wait_for(timeout=8_000)
    assert page.evaluate("document.activeElement.id") == named
    assert found.complaints == []


def test_a_loan_is_tried_again_by_the_keyboard_and_the_page_says_what_became_of_it(visit: Any) -> None:
    page = visit("/closing/", js=False).page
    page.get_by_role("button", name="Try loan_").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/closing/?tried=*")
    assert page.get_by_role("status").inner_text() == "The loan went on."
    page = visit("/closing/failed/").page
    assert page.get_by_role("button", name="Try loan_").count() == 0, "who may not try again is not offered it"


def test_the_close_is_all_there_without_javascript(visit: Any) -> None:
    page = visit("/closing/", js=False, language="zh-hans").page
    before = int(page.locator("progress").get_attribute("value"))
    page.get_by_role("link", name="刷新").click()
    page.wait_for_load_state()
    assert int(page.locator("progress").get_attribute("value")) > before


def test_a_receipt_is_matched_by_the_keyboard_without_javascript(visit: Any) -> None:
    page = visit("/suspense/one/", js=False).page
    page.get_by_label("Consumer’s reference, loan or bill").focus()
    page.keyboard.type("C00007")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("they called")
    page.keyboard.press("Enter")
    page.wait_for_url("**/suspense/explained/*")
    assert page.get_by_role("status").inner_text() == "It is a payment now."


def test_what_was_refused_says_why_and_keeps_what_was_typed(visit: Any) -> None:
    page = visit("/suspense/refused/").page
    assert page.get_by_role("alert").inner_text() == "That is more than is left of this receipt. Nothing was changed."
    assert page.locator("#amount").input_value() == "9999.00"
    assert page.locator("#back-amount").input_value() == "", "what was typed into one form stands in no other"


def test_batches_are_chosen_and_one_is_opened_by_the_keyboard_without_javascript(visit: Any) -> None:
    page = visit("/settlements/", js=False).page
    page.get_by_label("Merchant’s code").focus()
    page.keyboard.type("harbour")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Show", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/settlements/?book=demo&merchant=harbour&state=held&on=")
    assert page.get_by_label("State").input_value() == "held"
    page.get_by_role("link", name="stl_").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Payout", exact=True).wait_for()
    assert [link.inner_text() for link in page.locator(".files a").all()] == ["CSV", "XLSX", "PDF"]


def test_a_batch_of_a_payee_is_found_and_opened_by_the_keyboard_without_javascript(visit: Any) -> None:
    page = visit("/settlements/shares/", js=False).page
    page.get_by_label("Payee’s code").focus()
    page.keyboard.type("harbour")
    page.keyboard.press("Enter")
    page.wait_for_url("**/settlements/shares/?book=demo&payee=harbour&state=&on=")
    page.get_by_role("link", name="shb_").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Payout", exact=True).wait_for()
    assert [link.inner_text() for link in page.locator(".files a").all()] == ["CSV"]


def test_an_invoice_is_issued_by_the_keyboard_without_javascript(visit: Any) -> None:
    page = visit("/settlements/fees/requested/", js=False).page
    page.get_by_label("Number", exact=True).focus()
    page.keyboard.type("26119000000000000001")
    page.keyboard.press("Enter")
    page.wait_for_url("**/settlements/fees/issued/*")
    assert page.get_by_role("status").inner_text() == "The invoice is issued."
