"""Chromium against a server in this process, and people with roles."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="session")
def sample_site() -> Iterator[str]:
    """The address of a server that shows the real pages with sample values, through the real middleware."""
    with override_settings(ROOT_URLCONF="tests.web.sample_site", SECRET_KEY="for-this-test-run-only"):
        server = make_server("127.0.0.1", 0, StaticFilesHandler(WSGIHandler()), server_class=_Server, handler_class=_Quiet)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    assert path is not None, "Chromium is missing: apt-get install chromium fonts-noto-cjk"
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page opened in the browser, and whatever it complained about meanwhile."""

    page: Any
    complaints: list[str]


@pytest.fixture
def visit(chromium: Any, sample_site: str) -> Iterator[Any]:
    """`visit(path, width=…, language="en"|"zh-hans", js=True, dark=False)` opens a page of the sample site."""
    contexts: list[Any] = []

    def open_page(path: str, *, width: int = 1280, language: str = "en", js: bool = True, dark: bool = False) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 800 if width > 600 else 740},
            java_script_enabled=js,
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.add_cookies([{"name": "django_language", "value": language, "url": sample_site}])
        page = context.new_page()
        found = Visit(page, [])
        page.on("console", lambda message: found.complaints.append(message.text) if message.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.goto(sample_site + path, wait_until="load")
        return found

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots are kept for a person to look at: YUEFU_SHOTS, or a directory of this run."""
    given = os.environ.get("YUEFU_SHOTS")
    place = Path(given) if given else tmp_path_factory.mktemp("screens")
    place.mkdir(parents=True, exist_ok=True)
    return place
