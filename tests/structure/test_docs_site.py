"""The documentation as it is built: everything leads somewhere, and all that the API has is in it, in both languages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from yuefu.api.problems import KINDS
from yuefu.api.routes import ROUTES

REPOSITORY = Path(__file__).resolve().parents[2]
LANGUAGES = ("en", "zh")


class Page(HTMLParser):
    """The links, anchors and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given["id"]} if "id" in given else set()
        if tag == "a":
            self.links.append(given["href"])
        elif tag in ("link", "script", "img"):
            self.loaded.append(given.get("href") or given.get("src") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("docs") / "docs"
    subprocess.run([sys.executable, REPOSITORY / "tools" / "docs.py", target], check=True, capture_output=True, cwd=REPOSITORY)
    return target


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}


def test_every_link_leads_to_something(site: Path, pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        for link in page.links:
            if "://" in link:
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path.resolve()
            found = target.is_relative_to(site.resolve()) and target.exists()
            if not found or (anchor and unquote(anchor) not in pages[site / target.relative_to(site.resolve())].anchors):
                lost.append(f"{path.relative_to(site)}: {link}")
    assert not lost


def test_nothing_is_fetched_from_elsewhere(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert all((path.parent / name).resolve().exists() for name in page.loaded), path
    assert all("://" not in name for page in pages.values() for name in page.loaded)


@cache
def _chinese() -> dict[str, str]:
    return dict(json.loads((REPOSITORY / "docs" / "site" / "zh" / "reference.json").read_text("utf-8")))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_route_and_each_code_is_there(site: Path, language: str) -> None:
    reference = (site / language / "reference.html").read_text("utf-8")
    places = "".join(path.read_text("utf-8") for path in (site / language).glob("reference-*.html"))
    for route in ROUTES:
        assert f"<code>{route.method} {route.path}</code>" in reference
        assert f"<h2>{route.method} {route.path}</h2>" in places
        assert language == "en" or re.search("[一-鿿]", _chinese()[route.summary]), route.summary
    errors = (site / language / "errors.html").read_text("utf-8").split('<section class="one" id="')[1:]
    told = {part.partition('"')[0]: part for part in errors}
    assert set(told) == set(KINDS)
    for code, kind in KINDS.items():
        assert f" {kind.status} · " in told[code]
        assert language == "en" or re.search("<strong>[^<]*[一-鿿]", told[code]), code


def test_bodies_shown_as_examples_are_taken() -> None:
    bodies: dict[str, Any] = json.loads(_examples())
    for route in ROUTES:
        if route.takes:
            route.takes.model_validate_json(json.dumps(bodies[route.takes.__name__]))


def _examples() -> str:
    script = (
        "import json, sys; sys.path[:0] = ['tools']\n"
        "from docs_site.languages import EN, Wording\nfrom docs_site.shapes import Shapes\n"
        "schemas = json.load(open('docs/openapi.json'))['components']['schemas']\n"
        "shapes = Shapes(schemas, Wording(EN))\nprint(json.dumps({name: shapes.example(name) for name in schemas}))"
    )
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=REPOSITORY).stdout


def test_the_chinese_sandbox_knows_every_word_of_the_english() -> None:
    english, chinese = ((REPOSITORY / "docs" / name).read_text("utf-8") for name in ("sandbox.md", "sandbox.zh-CN.md"))
    words = set(re.findall(r"^(?:[a-z]+ +| +)(…\d+|[a-z_]+_[a-z_]+)  ", english, re.MULTILINE))
    assert len(words) > 15
    assert not {word for word in words if word not in chinese}


@pytest.mark.parametrize("name", ["webhooks", "versions"])
def test_tables_are_as_long_in_both_languages(name: str) -> None:
    english, chinese = ((REPOSITORY / "docs" / f"{name}{ending}.md").read_text("utf-8").count("\n|") for ending in ("", ".zh-CN"))
    assert english == chinese
