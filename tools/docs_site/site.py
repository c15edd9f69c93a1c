"""Puts the site together: which pages there are, what is around them, and where their links lead."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.template import Context, Engine
from django.utils.safestring import mark_safe

from docs_site.languages import EN, LANGUAGES, REPOSITORY, SITE, ZH, Language, SiteError, Wording
from docs_site.reference import Reference
from docs_site.text import rendered
from yuefu.sandbox.rules.fixtures import BEHAVIOURS

__all__ = ["SiteError", "build"]

WRITTEN = (
    ("begin", ("index", "quick-start", "going-live")),
    ("guides", ("online", "store", "mini-program", "live", "agent")),
    (
        "concepts",
        ("money-and-orders", "keys", "idempotency", "problems", "pagination", "expanding", "metadata", "versions", "limits", "webhooks", "sandbox", "clients"),
    ),
)  # fmt: skip
ELSEWHERE = {name: REPOSITORY / "docs" / name for name in ("webhooks", "sandbox", "clients", "versions")}
"""Pages that are documents of the repository, of which the Chinese is NAME.zh-CN.md."""


@dataclass(frozen=True)
class Page:
    name: str
    title: str
    group: str
    content: str


def build(target: Path) -> int:
    """Builds the site in a directory, which it replaces, and returns how many pages there are. Raises SiteError where a text or a page is missing."""
    description = json.loads((REPOSITORY / "docs" / "openapi.json").read_text("utf-8"))
    found = {language.key: _pages(language, description) for language in LANGUAGES}
    if [page.name for page in found["en"]] != [page.name for page in found["zh"]]:
        raise SiteError("the languages have different pages")
    fresh = target.with_name(f"{target.name}.new-{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    engine = Engine(dirs=[str(SITE / "theme")])
    for language, other in ((EN, ZH), (ZH, EN)):
        (fresh / language.key).mkdir(parents=True)
        for page in found[language.key]:
            shown = engine.get_template("page.html").render(Context(_around(page, found[language.key], language, other)))
            (fresh / language.key / f"{page.name}.html").write_text(shown, "utf-8")
    (fresh / "index.html").write_text(engine.get_template("choose.html").render(Context()), "utf-8")
    for source in (SITE / "theme" / "site.css", SITE / "theme" / "site.js", REPOSITORY / "docs" / "openapi.json"):
        shutil.copyfile(source, fresh / source.name)
    for name in ("yuefu.css", "yuefu.svg"):
        shutil.copyfile(REPOSITORY / "yuefu" / "web" / "static" / name, fresh / name)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return 1 + sum(map(len, found.values()))


def _around(page: Page, pages: list[Page], language: Language, other: Language) -> dict[str, object]:
    order = list(dict.fromkeys(one.group for one in pages))
    groups = [
        {
            "title": language.says[group],
            "pages": [{"href": f"{one.name}.html", "title": one.title, "current": one is page} for one in pages if one.group == group],
        }
        for group in order
    ]
    return {
        "page": page,
        "content": mark_safe(page.content),
        "groups": groups,
        "root": "../",
        "lang": {**language.says, "key": language.key, "code": language.code},
        "other": {"href": f"../{other.key}/{page.name}.html", "key": other.key, "code": other.code, "shown": other.shown},
    }


def _pages(language: Language, description: dict[str, object]) -> list[Page]:
    say = Wording(language)
    reference = Reference(description, say)
    made = list(reference.pages())
    sources = {name: _source(language, name) for _, names in WRITTEN for name in names}
    link = _linker(sources, {name for name, _, _ in made})
    pages = []
    for group, names in WRITTEN:
        for name in names:
            text = sources[name].read_text("utf-8").replace("{{behaviours}}", _behaviours())
            title, content = rendered(text, lambda to, here=sources[name]: link(here, to), reference.named)
            pages.append(Page(name, title, group, content))
    pages += [Page(name, title, "reference", content()) for name, title, content in made]
    if say.missing:
        raise SiteError("no Chinese in docs/site/zh/reference.json for:\n" + "\n".join(sorted(say.missing)))
    return pages


def _source(language: Language, name: str) -> Path:
    if name in ELSEWHERE:
        return ELSEWHERE[name].with_suffix(".md" if language is EN else ".zh-CN.md")
    return SITE / language.key / f"{name}.md"


def _linker(sources: dict[str, Path], made: set[str]) -> Callable[[Path, str], str | None]:
    """Where a link of a source leads: another page, an address elsewhere, or None for a file of the repository that is no page."""
    names = {*sources, *made}
    pages = {_source(language, name).resolve(): f"../{language.key}/{name}" for language in LANGUAGES for name in sources}

    def leads(here: Path, to: str) -> str | None:
        path, mark, part = to.partition("#")
        if "://" in to or not path:
            return to
        if Path(path).name == "openapi.json":
            return "../openapi.json"
        if here.is_relative_to(SITE) and (name := path.removesuffix(".md")) in names:
            return f"{name}.html{mark}{part}"
        found = (here.parent / path).resolve()
        if found in pages:
            return f"{pages[found]}.html{mark}{part}"
        if not found.exists() or here.is_relative_to(SITE):
            raise SiteError(f"{here.relative_to(REPOSITORY)} has a link to nothing: {to}")
        return None

    return leads


def _behaviours() -> str:
    """The Chinese table of who there is to practise with; the English one stands in docs/sandbox.md."""
    rows = [f"| `{one.name}` | {one.zh} | {'、'.join(f'`{reason}`' for reason in one.reasons) or '通过'} |" for one in BEHAVIOURS.values()]
    return "\n".join(["| 行为 | 会发生什么 | 下单结果 |", "|---|---|---|", *rows])
