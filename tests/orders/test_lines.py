"""What is in a cart comes to the amount, to the minor unit, and is no dearer on credit than at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuefu.money.amounts import LARGEST_MINOR, Money
from yuefu.orders.rules.checkout import url_fault
from yuefu.orders.rules.lines import MOST_LINES, Line, cart_fault

GOOD = Line("Phone", 2, 500_00, sku="PH", cash_price=500_00, tax=115_04, category="phones", image_url="https://shop.example/p.jpg")


def test_a_cart_that_adds_up_is_taken() -> None:
    assert cart_fault([GOOD, Line("Bag", 1, 0)], Money(1_000_00, "CNY")) is None
    assert cart_fault([], Money(1, "CNY")) is None


@given(lines=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9_999)), min_size=1, max_size=9), off=st.sampled_from([-1, 1]))
def test_one_minor_unit_off_is_refused(lines: list[tuple[int, int]], off: int) -> None:
    cart = [Line("x", quantity, unit) for quantity, unit in lines]
    total = sum(quantity * unit for quantity, unit in lines)
    assert cart_fault(cart, Money(total, "CNY")) is None
    refused = cart_fault(cart, Money(total + off, "CNY"))
    assert refused is not None
    assert refused.code == "lines_do_not_add_up"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"unit_amount": 500_01}, "dearer_on_credit"),
        ({"quantity": 0}, "lines_invalid"),
        ({"quantity": 2, "serial_number": "IMEI"}, "lines_invalid"),
        ({"unit_amount": -1}, "lines_invalid"),
        ({"unit_amount": LARGEST_MINOR, "cash_price": LARGEST_MINOR}, "lines_invalid"),
        ({"tax": 1_000_01}, "lines_invalid"),
        ({"tax": -1}, "lines_invalid"),
        ({"name": ""}, "lines_invalid"),
        ({"name": "a\nb"}, "lines_invalid"),
        ({"sku": "x" * 65}, "lines_invalid"),
        ({"category": "Big Things"}, "lines_invalid"),
        ({"image_url": "http://shop.example/p.jpg"}, "lines_invalid"),
    ],
)
def test_a_line_that_is_wrong_is_named(changed: dict[str, Any], code: str) -> None:
    refused = cart_fault([Line("Bag", 1, 0), replace(GOOD, **changed)], None)
    assert refused is not None
    assert (refused.code, "line 2" in refused.detail) == (code, True)
    assert cart_fault([GOOD] * (MOST_LINES + 1), None) is not None


@pytest.mark.parametrize(
    ("url", "in_live", "in_test"),
    [
        ("https://shop.example/thanks?a=1&b=2", True, True),
        ("https://shop.example:8443", True, True),
        ("http://localhost:3000/x", False, True),
        ("http://127.0.0.1/x", False, True),
        *((bad, False, False) for bad in (
            "", "https://", "http://shop.example", "javascript:alert(1)", "https://a:b@shop.example", "https://shop.example@evil.example", "//shop.example",
            "https://shop.example\r\nSet-Cookie: a=b", "https://shop;script-src *", "https://shop.example;script-src", "https://[::1", "https://x:99999",
            "https://商店.example", "https://shop.example/" + "a" * 2_000, "data:text/html,x", "https:shop.example",
        )),
    ],
)  # fmt: skip
def test_a_consumer_is_led_back_to_a_page_that_a_browser_can_be_trusted_with(url: str, in_live: bool, in_test: bool) -> None:
    assert (url_fault(url, field="success_url", live=True) is None) is in_live
    assert (url_fault(url, field="success_url", live=False) is None) is in_test
