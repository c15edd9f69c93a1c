"""`yuefu book create|list`: the books of this installation."""

from __future__ import annotations

import secrets
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import context, inputs, installation, output
from yuefu.cli.faults import fail

if TYPE_CHECKING:
    from yuefu.runtime.values import Book

OPENS_AT: Final = time(9, 0)
"""Where the clock of a test book stands on its first day."""

app = typer.Typer(no_args_is_help=True, help="Books: one legal entity, live or test.")


@app.command()
def create(
    code: Annotated[str, typer.Argument(help="The code of the book, e.g. main; its key as well.")],
    entity: Annotated[str, typer.Option(help="The legal entity whose books these are.")],
    mode: Annotated[str, typer.Option(help="test (with a clock of its own, which only moves when told) or live.")],
    first_day: Annotated[
        date | None,
        typer.Option(metavar="DATE", parser=inputs.day, help="The first open day; today unless given. A live book begins today."),
    ] = None,
    currency: Annotated[str, typer.Option(help="ISO 4217.")] = "CNY",
    zone: Annotated[str, typer.Option(help="The time zone that its days are of.")] = "Asia/Shanghai",
    calendar: Annotated[str, typer.Option(help="Business days: CN, or NONE for weekends only.")] = "CN",
) -> None:
    """Make a book with its first open day and the settings of a lender in China: caps, risk policy, days to capture.

    Only the owner of the installation makes books. Again with the same content it finds the book that is there.
    """
    with installation.installed():
        from yuefu.errors import one
        from yuefu.ids import IdSource
        from yuefu.journeys import founding
        from yuefu.runtime import days

        if output.current().login is not None or output.current().book is not None:
            fail(
                context.NOT_ALLOWED,
                "A book is made by the owner of the installation, whom no book has given a role: leave --as and --book out.",
            )
        by = context.the_owner()
        now, begins = _beginning(mode, zone, first_day)
        new = founding.NewBook(code, entity, mode, begins, currency, zone, calendar)  # type: ignore[arg-type]
        founded = one([founding.found(new=new, now=now, by=by, ids=IdSource(secrets.randbits))])
        opened = days.first_of(founded.book.id)
        if founded.again and first_day not in (None, opened):
            fail(founding.BOOK_EXISTS, f"There is a book {code}, whose first day is {opened}.")
        output.result({**_value(founded.book), "first_day": opened, "again": founded.again})


def _beginning(mode: str, zone: str, first_day: date | None) -> tuple[datetime, date]:
    """The moment at which a book begins, and its first day there; a zone that is none is left to be refused."""
    from zoneinfo import ZoneInfo, available_timezones

    from yuefu.runtime.clock import system_now

    tz = ZoneInfo(zone if zone in available_timezones() else "UTC")
    now = system_now()
    today = now.astimezone(tz).date()
    if mode == "live" and first_day not in (None, today):
        fail("first_day_invalid", f"A live book begins today, {today}; its clock is the clock of the world.")
    begins = first_day or today
    return (now, begins) if mode == "live" else (datetime.combine(begins, OPENS_AT, tz), begins)


@app.command("list")
def list_books() -> None:
    """The books of this installation; with --as those in which the user has a role."""
    with installation.installed():
        from yuefu.runtime import books

        seen = _seen_by(output.current().login)
        found = [_value(book) for book in books.all_books() if seen is None or book.id in seen]
        rows = [[*list(one.values())[:-1], f"{one['clock']:%Y-%m-%d %H:%M}" if one["clock"] else None] for one in found]
        output.result({"books": found}, output.table(_COLUMNS, rows))


def _seen_by(login: str | None) -> set[Any] | None:
    """The books of a user; None for all of them."""
    from yuefu.access import queries as access

    if login is None:
        context.the_owner()
        return None
    person = access.user_by_login(login=login)
    if person is None or not person.is_active:
        fail("unknown_login", "Nobody logs in with this name.")
    return {membership.book_id for membership in access.memberships_of(user_id=person.id)}


_COLUMNS: Final = ("book", "code", "legal entity", "mode", "currency", "zone", "calendar", "clock")


def _value(book: Book) -> dict[str, Any]:
    return {
        "book": book.public_id,
        "code": book.code,
        "legal_entity": book.legal_entity,
        "mode": book.mode,
        "currency": book.currency,
        "zone": book.zone,
        "calendar": book.calendar,
        "clock": book.clock_at.astimezone(book.tz) if book.clock_at else None,
    }
