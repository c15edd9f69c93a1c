"""What every answer carries: an id, headers, a log line, figures; and what the error pages say."""

from __future__ import annotations

import re
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory, override_settings
from prometheus_client import REGISTRY
from structlog.contextvars import merge_contextvars
from structlog.testing import LogCapture, capture_logs

from tests.web import samples
from tests.web.conftest import PASSWORD
from yuefu.web.middleware import HEADERS, observe
from yuefu.web.orders import trace_page


@pytest.fixture
def browser() -> Client:
    return Client(raise_request_exception=False)


def counted(**labels: str) -> float:
    return REGISTRY.get_sample_value("yuefu_http_requests_total", labels) or 0.0


@pytest.mark.parametrize("given", ["abc-DEF_123", "x" * 64])
def test_a_sane_request_id_is_kept(browser: Client, given: str) -> None:
    assert browser.get("/healthz", headers={"X-Request-Id": given})["Request-Id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "two words", "a\tb", "<b>", "ü", "a;b"])
def test_any_other_request_id_is_replaced(browser: Client, given: str) -> None:
    assert re.fullmatch(r"req_[0-9a-f]{26}", browser.get("/healthz", headers={"X-Request-Id": given})["Request-Id"])


def test_every_answer_keeps_the_browser_safe(browser: Client) -> None:
    for path in ("/healthz", "/login/", "/no/such/page/"):
        response = browser.get(path)
        assert {name: response[name] for name in HEADERS if name != "Cache-Control"} == {
            name: value for name, value in HEADERS.items() if name != "Cache-Control"
        }
        assert "no-store" in response["Cache-Control"]
        assert response["X-Frame-Options"] == "DENY"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_no_page_has_a_style_or_script_inside(browser: Client) -> None:
    with override_settings(ROOT_URLCONF="tests.web.sample_site"):
        for path in ("/", "/empty/", "/trace/late/", "/trace/declined/", "/find/?q=x", "/suspense/", "/suspense/one/"):
            page = browser.get(path).content.decode()
            assert not re.search(r"<style|<script|\sstyle=|\son[a-z]+=|javascript:", page), path
        page = browser.get("/closing/").content.decode()
        assert re.findall(r"<script[^>]*>(.*?)</script>", page) == [""], "one script, and nothing inside"
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)


def test_a_request_is_one_line_of_the_log_without_its_query(browser: Client) -> None:
    with capture_logs() as lines:
        browser.get("/find/?q=13800000000", headers={"X-Request-Id": "r-1"})
    (line,) = [line for line in lines if line["event"] == "request"]
    assert {name: line[name] for name in ("method", "route", "status")} == {"method": "GET", "route": "/find/", "status": 302}
    assert line["ms"] >= 0
    assert "13800000000" not in str(lines)


def test_the_lines_of_a_trace_carry_the_order_and_the_request(browser: Client) -> None:
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[merge_contextvars, capture])
    try:
        request = RequestFactory().get("/", headers={"X-Request-Id": "r-7"})
        request.user = _Somebody()
        observe(lambda given: trace_page(given, samples.ORDER))(request)
        request = RequestFactory().get("/", headers={"X-Request-Id": "r-8"})
        request.user = AnonymousUser()
        observe(lambda given: trace_page(given, samples.ORDER))(request)
    finally:
        structlog.configure(**before)
    seen = [(line.get("request_id"), line.get("order_id")) for line in capture.entries if line["event"] == "request"]
    assert seen == [("r-7", samples.ORDER), ("r-8", None)]


class _Somebody:
    """Has logged in and holds no role."""

    is_authenticated = True
    pk = samples.ORDER_ID
    display_name = "Somebody"


def test_figures_are_by_route_and_never_by_address(browser: Client) -> None:
    before = counted(method="GET", route="/trace/<str:public_id>/", status="302")
    browser.get("/trace/ord_1/")
    browser.get("/trace/ord_2/")
    assert counted(method="GET", route="/trace/<str:public_id>/", status="302") == before + 2
    before = counted(method="OTHER", route="unmatched", status="404")
    browser.generic("BREW", "/coffee/")
    assert counted(method="OTHER", route="unmatched", status="404") == before + 1


@pytest.mark.parametrize(("language", "words", "lang"), [("en", "There is no such page", "en"), ("zh-hans", "没有这个页面", "zh-Hans")])
def test_an_unknown_page_says_so_in_the_language_of_the_visitor(browser: Client, language: str, words: str, lang: str) -> None:
    response = browser.get("/no/such/page/", headers={"Accept-Language": language})
    page = response.content.decode()
    assert response.status_code == 404
    assert words in page
    assert f'<html lang="{lang}">' in page
    assert response["Request-Id"] in page


def test_a_failure_shows_its_request_id_and_nothing_of_its_cause(browser: Client) -> None:
    with override_settings(ROOT_URLCONF="tests.web.sample_site"):
        response = browser.get("/broken/")
    page = response.content.decode()
    assert response.status_code == 500
    assert response["Request-Id"] in page
    assert "secret cause" not in page
    assert "Traceback" not in page


def test_a_foreign_host_is_a_clear_refusal(browser: Client) -> None:
    response = browser.get("/login/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert response["Request-Id"] in response.content.decode()


def test_a_form_from_another_site_changes_nothing_and_says_so() -> None:
    strict = Client(enforce_csrf_checks=True)
    response = strict.post("/login/", {"username": "x", "password": "y"})
    assert response.status_code == 403
    assert "out of date" in response.content.decode()


def test_the_language_is_switched_by_a_form_and_stays(browser: Client) -> None:
    response = browser.post("/language/", {"language": "zh-hans", "next": "/login/"})
    assert response["Location"] == "/login/"
    assert "登录" in browser.get("/login/").content.decode()
    assert browser.post("/language/", {"language": "en", "next": "https://evil.example/"})["Location"] == "/"


def test_a_wrong_password_is_told_from_nothing_else(browser: Client, person: Any) -> None:
    person("finance")
    unknown = browser.post("/login/", {"username": "nobody-here", "password": "x"})
    assert unknown.status_code == 200
    assert "do not belong together" in unknown.content.decode()
    assert not browser.session.get("_auth_user_id")
    assert browser.post("/login/", {"username": "a\x00b", "password": "x"}).status_code == 200


def test_one_goes_on_after_login_where_one_was_going_and_nowhere_else(browser: Client, person: Any) -> None:
    login = person("finance").get("/").wsgi_request.user.login
    for target, landed in (("/find/?q=1", "/find/?q=1"), ("https://evil.example/", "/")):
        fresh = Client()
        response = fresh.post("/login/", {"username": login.upper(), "password": PASSWORD, "next": target})
        assert response["Location"] == landed


def test_logging_out_is_a_form_and_ends_the_session(person: Any) -> None:
    browser = person("finance")
    assert browser.post("/logout/").status_code == 302
    assert browser.get("/").status_code == 302
