"""Who gets in where: every route, with everybody who might try."""

from __future__ import annotations

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.test import Client, override_settings

from tests.web.conftest import Placed, place_declined
from yuefu import ids as public
from yuefu.access import commands as access
from yuefu.access import queries as memberships
from yuefu.orders import queries as orders
from yuefu.runtime import sql
from yuefu.runtime.values import Book, UnitOfWork
from yuefu.web import demo
from yuefu.web.places import PLACES
from yuefu.web.urls import urlpatterns

Person = Callable[..., Client]

# What each visitor is answered: a status, "login" for being sent there, "home" for being sent to the start page.
VISITORS = ("anonymous", "nobody", "finance", "support", "owner", "staff", "other_merchant", "other_book")
MATRIX: dict[str, dict[str, object]] = {
    "home": dict.fromkeys(VISITORS, 200) | {"anonymous": "login"},
    "scan": dict.fromkeys(VISITORS, 404),
    "scan_picture": dict.fromkeys(VISITORS, 404),
    "checkout": dict.fromkeys(VISITORS, 404),
    "checkout_phone": dict.fromkeys(VISITORS, 404),
    "checkout_code": dict.fromkeys(VISITORS, 404),
    "checkout_plan": dict.fromkeys(VISITORS, 404),
    "checkout_terms": dict.fromkeys(VISITORS, 404),
    "checkout_agree": dict.fromkeys(VISITORS, 404),
    "checkout_leave": dict.fromkeys(VISITORS, 404),
    "find": dict.fromkeys(("finance", "support", "owner", "staff"), "trace")
    | {"anonymous": "login", "nobody": 404, "other_merchant": 404, "other_book": 404},
    "trace": dict.fromkeys(("finance", "support", "owner", "staff"), 200)
    | {"anonymous": "login", "nobody": 404, "other_merchant": 404, "other_book": 404},
    "closing": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "other_book": 200},
    "closing_retry": dict.fromkeys(VISITORS, 405) | {"anonymous": "login"},
    "suspense": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "support": 200, "other_book": 200},
    "receipt": dict.fromkeys(VISITORS, 404) | {"anonymous": "login"},
    "receipt_act": dict.fromkeys(VISITORS, 405) | {"anonymous": "login"},
    "recon": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "other_book": 200},
    "funds": dict.fromkeys(VISITORS, 200) | {"anonymous": "login", "nobody": 404, "staff": 404, "other_book": 404},
    "funds_act": dict.fromkeys(VISITORS, 405) | {"anonymous": "login"},
    "reports": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "other_book": 200},
    "money_flow": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200},
    "settlements": dict.fromkeys(VISITORS, 200) | {"anonymous": "login", "nobody": 404, "staff": 404},
    "invoices": dict.fromkeys(VISITORS, 200) | {"anonymous": "login", "nobody": 404, "staff": 404},
    "shares": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "support": 200, "other_book": 200},
    "share": dict.fromkeys(VISITORS, 404) | {"anonymous": "login"},
    "share_file": dict.fromkeys(VISITORS, 404) | {"anonymous": "login"},
    "payee": dict.fromkeys(VISITORS, 404) | {"anonymous": "login"},
    "fees": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "support": 200, "owner": 200},
    "fees_act": dict.fromkeys(VISITORS, 405) | {"anonymous": "login"},
    "settlement": dict.fromkeys(VISITORS, 404) | {"anonymous": "login"},
    "settlement_file": dict.fromkeys(VISITORS, 404) | {"anonymous": "login"},
    "settlement_month": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "support": 200, "owner": 200},
    "settlement_month_file": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "support": 200, "owner": 200},
    "breaks": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "other_book": 200},
    "break": dict.fromkeys(VISITORS, 404) | {"anonymous": "login"},
    "break_act": dict.fromkeys(VISITORS, 405) | {"anonymous": "login"},
    "break_evidence": dict.fromkeys(VISITORS, 404) | {"anonymous": "login"},
    "late_loans": dict.fromkeys(VISITORS, 404) | {"anonymous": "login", "finance": 200, "support": 200, "other_book": 200},
    "loan": dict.fromkeys(VISITORS, 404) | {"anonymous": "login"},
    "login": dict.fromkeys(VISITORS, "home") | {"anonymous": 200},
    "logout": dict.fromkeys(VISITORS, 405),
    "set_language": dict.fromkeys(VISITORS, "home"),
    "healthz": dict.fromkeys(VISITORS, 200),
    "readyz": dict.fromkeys(VISITORS, 200),
    "metrics": dict.fromkeys(VISITORS, 404),
}
OVERVIEW_SEEN_BY = {"finance", "other_book"}


@pytest.fixture
def visitor(person: Person, placed: Placed, request: pytest.FixtureRequest) -> Callable[[str], Client]:
    def come(name: str) -> Client:
        if name == "anonymous":
            return Client()
        if name == "other_book":
            return request.getfixturevalue("stranger")
        roles: dict[str, tuple[Any, ...]] = {
            "nobody": (None,), "finance": ("finance",), "support": ("support",), "owner": ("merchant_owner", placed.merchant_id),
            "staff": ("merchant_staff", placed.merchant_id), "other_merchant": ("merchant_owner", placed.other_merchant_id),
        }  # fmt: skip
        return person(*roles[name])

    return come


@pytest.fixture
def stranger(person: Person, second_book: Book) -> Client:
    return person("finance", book=second_book)


def address(route: str, placed: Placed) -> str:
    batch, month = (
        "/settlements/stl_01m4psz9m0egnsh56jknyf32m3/",
        f"/settlements/months/{public.text('merchant', placed.merchant_id)}/2026-10/",
    )
    session = "/checkout/chk_01m4psz9m0egnsh56jknyf32m3/"
    return {
        "scan": "/q/qr_01m4psz9m0egnsh56jknyf32m3/", "scan_picture": "/q/qr_01m4psz9m0egnsh56jknyf32m3/code.svg",
        "checkout": session, "checkout_phone": f"{session}phone/", "checkout_code": f"{session}code/", "checkout_plan": f"{session}plan/",
        "checkout_terms": f"{session}terms/quo_01m4psz9m0egnsh56jknyf32m3/", "checkout_agree": f"{session}agree/", "checkout_leave": f"{session}leave/",
        "settlement": batch, "settlement_file": f"{batch}statement.csv", "settlement_month": month, "settlement_month_file": f"{month}statement.csv",
        "share": "/settlements/shares/shb_01m4psz9m0egnsh56jknyf32m3/", "payee": "/settlements/payees/pye_01m4psz9m0egnsh56jknyf32m3/",
        "share_file": "/settlements/shares/shb_01m4psz9m0egnsh56jknyf32m3/shares.csv",
        "fees": month.replace("months", "fees"), "fees_act": f"{month.replace('months', 'fees')}act/",
        "home": "/", "find": f"/find/?q={placed.reference}", "trace": f"/trace/{placed.public_id}/", "set_language": "/language/",
        "loan": "/loans/loan_01m4nvbnz0e44r30qama92cgm4/",
        "break": "/breaks/brk_01m4nvbnz0e44r30qama92cgm4/", "break_act": "/breaks/brk_01m4nvbnz0e44r30qama92cgm4/act/",
        "break_evidence": "/breaks/brk_01m4nvbnz0e44r30qama92cgm4/evidence/1/",
        "receipt": "/suspense/rcpt_01m4nvbnz0e44r30qama92cgm4/", "receipt_act": "/suspense/rcpt_01m4nvbnz0e44r30qama92cgm4/act/",
    }.get(route) or "/" + next(str(pattern.pattern) for pattern in urlpatterns if pattern.name == route)  # fmt: skip


def answer(response: Any) -> object:
    if response.status_code != 302:
        return response.status_code
    target = response["Location"].split("?")[0]
    return "home" if target == "/" else target.strip("/").split("/")[0]


def test_every_route_is_in_the_matrix() -> None:
    assert MATRIX.keys() == {pattern.name for pattern in urlpatterns}
    assert all(row.keys() == set(VISITORS) for row in MATRIX.values())


@pytest.mark.parametrize("name", VISITORS)
def test_everybody_gets_what_the_matrix_says(visitor: Callable[[str], Client], placed: Placed, vault_file: Path, name: str) -> None:
    browser = visitor(name)
    got = {route: answer(browser.get(address(route, placed), REMOTE_ADDR="203.0.113.9")) for route in MATRIX}
    assert got == {route: row[name] for route, row in MATRIX.items()}


@pytest.mark.parametrize("name", VISITORS)
def test_a_trace_shows_its_order_to_those_it_concerns_and_to_nobody_else(
    visitor: Callable[[str], Client], placed: Placed, name: str
) -> None:
    body = visitor(name).get(f"/trace/{placed.public_id}/?format=json").content.decode()
    assert ((placed.reference in body) is True) == (MATRIX["trace"][name] == 200)


@pytest.mark.parametrize("name", VISITORS[1:])
def test_the_overview_of_a_book_is_for_those_who_may_read_its_ledger(visitor: Callable[[str], Client], placed: Placed, name: str) -> None:
    page = visitor(name).get("/").content.decode()
    assert ("Trial balance" in page) == (name in OVERVIEW_SEEN_BY)


@pytest.mark.parametrize("name", VISITORS[1:])
def test_the_bar_of_a_page_offers_what_somebody_may_see_and_nothing_else(
    visitor: Callable[[str], Client], placed: Placed, name: str
) -> None:
    browser = visitor(name)
    bar = browser.get("/").content.decode().partition('<nav class="wide places"')[2].partition("</nav>")[0]
    offered = {unescape(link.partition('"')[0]) for link in bar.split('href="')[1:]}
    to = {"merchants"} if name in ("owner", "other_merchant") else {"staff"}
    assert {link.split("?")[0] for link in offered} == {
        address(place.route, placed) for place in PLACES if MATRIX[place.route][name] == 200 and place.offered_to in {"both", *to}
    }
    assert {link: browser.get(link).status_code for link in offered} == dict.fromkeys(offered, 200)


def test_a_page_with_its_bar_and_links_asks_once_for_memberships(visitor: Callable[[str], Client]) -> None:
    browser = visitor("finance")
    with mock.patch.object(memberships, "memberships_of", wraps=memberships.memberships_of) as asked:
        assert [browser.get(page).status_code for page in ("/", "/loans/", "/recon/")] == [200, 200, 200]
    assert asked.call_count == 3


@pytest.mark.parametrize("name", ["owner", "staff", "support"])
def test_the_home_page_of_the_demo_has_no_link_that_somebody_may_not_follow(
    visitor: Callable[[str], Client], placed: Placed, name: str
) -> None:
    browser = visitor(name)
    with override_settings(YUEFU_DEMO=True):
        page = browser.get("/").content.decode()
        assert "Trial balance" in page
        links = {unescape(link.partition('"')[0]) for link in page.split('href="/')[1:]} - {""}
        wrong = {link for link in links if not link.startswith(("static/", "trace/")) and browser.get(f"/{link}").status_code != 200}
    assert wrong == set()


def test_a_foreign_order_looks_like_one_that_never_was(person: Person, placed: Placed) -> None:
    browser = person("merchant_owner", placed.other_merchant_id)
    foreign = browser.get(f"/trace/{placed.public_id}/").content.decode()
    unknown_id = placed.public_id[:-4] + ("0000" if placed.public_id[-4:] != "0000" else "0001")
    unknown = browser.get(f"/trace/{unknown_id}/").content.decode()
    assert _still(foreign, placed.public_id) == _still(unknown, unknown_id)


def _still(page: str, public_id: str) -> list[str]:
    """The page without what differs from one request to the next."""
    lines = page.replace(public_id, "ID").splitlines()
    return [line for line in lines if "csrfmiddlewaretoken" not in line and "req_" not in line]


def test_a_login_that_is_switched_off_is_out_at_once(person: Person, placed: Placed, work: Any) -> None:
    browser = person("finance")
    user_id = UUID(browser.session["_auth_user_id"])
    assert browser.get(f"/trace/{placed.public_id}/").status_code == 200
    with sql.transacting():
        access.set_active(work=work, user_ids=[user_id], active=False)
    assert answer(browser.get(f"/trace/{placed.public_id}/")) == "login"


def test_a_role_that_ended_opens_nothing(person: Person, placed: Placed, work: Any) -> None:
    browser = person("finance")
    with sql.transacting():
        access.end_memberships(work=work, user_ids=[UUID(browser.session["_auth_user_id"])])
    assert browser.get(f"/trace/{placed.public_id}/").status_code == 404


def test_an_order_is_found_by_its_id_too(person: Person, placed: Placed) -> None:
    response = person("support").get("/find/", {"q": f"  {placed.public_id} "})
    assert response["Location"] == f"/trace/{placed.public_id}/"


def test_of_several_orders_with_one_reference_one_can_be_chosen(person: Person, placed: Placed, work: UnitOfWork) -> None:
    """The other merchant sent the same reference: staff choose, and each merchant goes to its own."""
    consumer_id = orders.orders([placed.order_id])[placed.order_id].consumer_id
    with sql.transacting():
        again = place_declined(work, placed.other_merchant_id, consumer_id, placed.reference)
    response = person("support").get("/find/", {"q": placed.reference})
    assert response.status_code == 300
    body = response.content.decode()
    assert "Which order?" in body
    assert all(f"/trace/{public_id}/" in body for public_id in (placed.public_id, public.text("order", again)))
    owner = person("merchant_owner", placed.merchant_id).get("/find/", {"q": placed.reference})
    assert owner["Location"] == f"/trace/{placed.public_id}/"


@pytest.mark.parametrize(
    "text", ["", " ", "x" * 101, "a\x00b", "ord_", "ord_" + "z" * 26, "' OR 1=1 --", "<script>alert(1)</script>", "订单"]
)
def test_a_search_for_anything_else_says_what_to_do(person: Person, placed: Placed, text: str) -> None:
    response = person("support").get("/find/", {"q": text})
    assert response.status_code == 404
    assert "No such order" in response.content.decode()
    assert "<script>alert" not in response.content.decode()


@pytest.mark.parametrize("cursor", ["nonsense", "x" * 201, "a\x00b"])
def test_a_broken_place_in_the_list_is_a_clear_refusal(person: Person, cursor: str) -> None:
    response = person("finance").get("/", {"after": cursor})
    assert response.status_code == 400
    assert "cannot be read" in response.content.decode()


def test_another_book_is_shown_only_by_name_and_only_where_one_may(person: Person, book: Book, second_book: Book) -> None:
    browser = person("finance")
    assert browser.get("/", {"book": book.code}).status_code == 200
    assert browser.get("/", {"book": second_book.code}).status_code == 404


def test_the_demo_shows_a_test_book_and_its_logins_to_everybody(tmp_path: Path, book: Book) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "logins.json").write_text(json.dumps([{"role": "finance", "login": "fin@demo", "password": "shown to all"}]))
    with override_settings(YUEFU_DEMO=True, YUEFU_HOME=tmp_path):
        page = Client().get("/").content.decode()
    assert "Trial balance" in page
    assert "fin@demo" in page
    assert "shown to all" in page


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"role": "finance"}]', "null"])
def test_a_broken_file_of_logins_breaks_no_page(tmp_path: Path, book: Book, content: str) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "logins.json").write_text(content)
    with override_settings(YUEFU_DEMO=True, YUEFU_HOME=tmp_path):
        response = Client().get("/")
    assert response.status_code == 200
    assert "Logins of the demo" not in response.content.decode()


def test_the_demo_never_shows_a_live_book(live_book: Book) -> None:
    with override_settings(YUEFU_DEMO=True):
        shown = demo.book()
    assert shown is None or (shown.mode == "test" and shown.id != live_book.id)
