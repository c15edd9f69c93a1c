"""Markdown to HTML: headings with anchors, links between pages, and code that names a route or a problem leads to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)


def slug(text: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-")


def _plain(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def rendered(source: str, link: Callable[[str], str | None], named: Callable[[str], str | None]) -> tuple[str, str]:
    """The title and the HTML of a text. `link` is where a target leads, None where it is not of the site; `named` where a piece of code leads."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("table_open", lambda *_: '<div class="table"><table>\n')
    reader.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = reader.parse(_COMMENT.sub("", source))
    title = ""
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = _plain(tokens[at + 1])
            title = title or heading
            token.attrSet("id", slug(heading))
        elif token.type == "inline":
            _lead(token, link, named, may_link=at == 0 or tokens[at - 1].type != "heading_open")
    return title, str(reader.renderer.render(tokens, reader.options, {}))


def _lead(inline: Token, link: Callable[[str], str | None], named: Callable[[str], str | None], *, may_link: bool) -> None:
    """Puts the addresses of the site into a run of text; a link that leaves the site for a file of the repository becomes its text."""
    kept: list[Token] = []
    open_links: list[bool] = []
    for token in inline.children or ():
        if token.type == "link_open":
            target = link(str(token.attrGet("href")))
            open_links.append(target is not None)
            if target is not None:
                token.attrSet("href", target)
                kept.append(token)
        elif token.type == "link_close":
            if open_links.pop():
                kept.append(token)
        elif token.type == "code_inline" and may_link and not open_links and (place := named(token.content)):
            leading = Token("html_inline", "", 0)
            leading.content = f'<a href="{escape(place)}"><code>{escape(token.content)}</code></a>'
            kept.append(leading)
        else:
            kept.append(token)
    inline.children = kept


def inline(text: str, named: Callable[[str], str | None] = lambda _: None) -> str:
    """A sentence of the description as HTML: what stands between backticks is code."""
    reader: Any = MarkdownIt("commonmark", {"html": False})
    tokens = reader.parseInline(text)
    for token in tokens:
        _lead(token, lambda target: target, named, may_link=True)
    return str(reader.renderer.render(tokens, reader.options, {}))
