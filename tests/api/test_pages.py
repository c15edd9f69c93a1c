"""The server beside the API: the pages are still there, and each problem has a page that explains it."""

from __future__ import annotations

import pytest

from tests.api.conftest import Server
from yuefu.api.problems import KINDS


@pytest.mark.parametrize("code", KINDS)
def test_the_type_of_a_problem_is_a_page_that_explains_it(server: Server, code: str) -> None:
    page = server.ask("GET", f"/errors/{code}", headers=[("Accept-Language", "en")])
    assert page.status == 200
    for text in (code, KINDS[code].title, KINDS[code].advice):
        assert text.replace("…", "…").encode() in page.raw
    chinese = server.ask("GET", f"/errors/{code}", headers=[("Accept-Language", "zh-CN")])
    assert chinese.status == 200
    assert code.encode() in chinese.raw
    assert KINDS[code].title.encode() not in chinese.raw


def test_a_code_that_there_is_not_has_no_page(server: Server) -> None:
    assert server.ask("GET", "/errors/nonsense").status == 404
    assert server.ask("POST", "/errors/busy").status in (403, 405)


def test_pages_probes_and_files_are_served_beside_the_api(server: Server) -> None:
    assert server.ask("GET", "/healthz").raw == b"ok"
    assert server.ask("GET", "/readyz").status == 200
    assert server.ask("GET", "/login/").status == 200
    assert server.ask("GET", "/nowhere").status == 404
    figures = server.ask("GET", "/metrics")
    assert figures.status == 200
    assert server.ask("GET", "/v1/orders").status == 401
    assert b'route="/v1/orders",status="401"' in server.ask("GET", "/metrics").raw


def test_a_form_is_read_beside_the_api(server: Server) -> None:
    """A browser posts a form with its token; the bridge to the pages has to hand the body over."""
    page = server.ask("GET", "/login/")
    token = page.raw.split(b'name="csrfmiddlewaretoken" value="')[1].split(b'"')[0].decode()
    cookie = page.headers["set-cookie"].split(";")[0]
    headers = [
        ("Cookie", cookie),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Referer", f"http://127.0.0.1:{server.port}/login/"),
    ]
    form = f"csrfmiddlewaretoken={token}&username=nobody&password=wrong".encode()
    for body in (form, form + b"&more=" + b"x" * 200_000):
        assert server.ask("POST", "/login/", raw=body, headers=headers).status == 200  # the form again, with a word about what was wrong
    without = server.ask("POST", "/login/", raw=b"username=nobody&password=wrong", headers=headers)
    assert without.status == 403
