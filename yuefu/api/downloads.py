"""Statements as files: none is given out that did not prove itself against the ledger."""

from __future__ import annotations

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import IO, Final, Literal, cast

from yuefu.api.calls import Call
from yuefu.api.problems import Problem
from yuefu.api.route import Download, Parameter
from yuefu.errors import Refused
from yuefu.journeys import statement_details, statement_files, statements
from yuefu.journeys.statement_files import CONTENT_TYPES, Form
from yuefu.journeys.statement_words import LANGUAGES, Language
from yuefu.journeys.statements import Statement
from yuefu.runtime.values import Book

FORMS: Final = (*CONTENT_TYPES, "details")
FORM: Final[Parameter] = (
    "form",
    {"type": "string", "enum": list(FORMS)},
    "A paper (pdf), a table (csv, xlsx), or `details`: a CSV with fixed columns for programs.",
)
LANGUAGE: Final[Parameter] = ("language", {"type": "string", "enum": list(LANGUAGES), "default": "zh"}, "The language of the file.")
KINDS: Final = tuple(dict.fromkeys(CONTENT_TYPES.values()))
_IN_MEMORY: Final = 1024 * 1024

Asked = Form | Literal["details"]


def form_of(call: Call) -> Asked:
    """The form that the address names."""
    if call.params["form"] not in FORMS:
        raise Problem("not_found")
    return cast("Asked", call.params["form"])


def language_of(call: Call) -> Language:
    """The language that was asked for, Chinese unless one was."""
    language = call.query_of("language").get("language", "zh")
    if language not in LANGUAGES:
        raise Problem("invalid_parameter", f"language is one of {', '.join(LANGUAGES)}.")
    return language


async def statement(call: Call, missing: str, find: Callable[[], Statement | None]) -> Download:
    """The statement that `find` reads as the merchant, as the file that was asked for. Where there is none, the problem `missing`."""
    form, language, book = form_of(call), language_of(call), call.holder.book
    made = await call.counter.make(call.holder, lambda: _made(find(), form, language, book))
    if made is None:
        raise Problem(missing)
    if isinstance(made, Refused):
        raise Problem("statement_not_proven", f"{made.detail}: no file is given out.")
    return made


def _made(found: Statement | None, form: Asked, language: Language, book: Book) -> Download | Refused | None:
    if found is None:
        return None
    proven = statements.prove(book_id=book.id, statement=found)
    if isinstance(proven, Refused):
        return proven
    to = cast("IO[bytes]", SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - whoever sends it closes it
    if form == "details":
        statement_details.write(proven=proven, to=to)
        return Download(f"{found.name}-details.csv", CONTENT_TYPES["csv"], to)
    statement_files.write(proven=proven, form=form, language=language, lender=book.legal_entity, to=to)
    return Download(f"{found.name}.{form}", CONTENT_TYPES[form], to)
