"""Breaks: a list with their ages, and each with its history and what a person may do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from yuefu import ids
from yuefu.access.rules import MERCHANT_ROLES, ROLES
from yuefu.errors import Refused, RefusedError
from yuefu.journeys import breaks
from yuefu.journeys.breaks import Listed, Seen
from yuefu.journeys.desk import Desk, open_day
from yuefu.reconciliation import commands as reconciliation
from yuefu.reconciliation import queries as found_breaks
from yuefu.reconciliation.commands import Assignment, Ending, Evidence, NewFix, Note
from yuefu.reconciliation.queries import Fix
from yuefu.reconciliation.rules.breaks import STATES, TRANSITIONS
from yuefu.reconciliation.rules.fixes import Kind
from yuefu.reconciliation.rules.matching import SOURCES
from yuefu.runtime import books, days
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Book, UnitOfWork
from yuefu.web import cases
from yuefu.web.acting import desk_of, holds
from yuefu.web.cases import Outcome, Pages, id_of, text_of
from yuefu.web.pages import after, misread, missing
from yuefu.web.scopes import Scope

READ: Final = "reconcile"
WORK: Final = "break.resolve"
DECIDE: Final = "approve"
DONE: Final = frozenset({"fixed", "asked", "dropped", "decided", "noted", "kept", "assigned", "moved"})
WAITING: Final = "waiting"
CHOICES: Final = (*STATES, WAITING, "all")
"""What the list can be of: a state, all, or what was asked for and waits for a second person."""
WORKERS: Final = tuple(role for role in ROLES if role not in MERCHANT_ROLES and WORK in ROLES[role])


@login_required
@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Breaks of the book that `?book=` names, else of the first one; of `?state=` (open unless given) and `?source=`, page by page by `?after=`."""
    scope = _PAGES.scope(request.user, request.GET.get("book", ""))
    if scope is None:
        return missing(request)
    state, source = request.GET.get("state", "open"), request.GET.get("source", "")
    if state not in CHOICES or source not in {*SOURCES, ""}:
        return misread(request)
    with scope.reading():
        found = breaks.listed(
            book_id=scope.book.id,
            on=_today(scope.book),
            state=state if state in STATES else None,
            source=source or None,
            waiting=state == WAITING,
            cursor=after(request),
        )
    if isinstance(found, Refused):
        return misread(request)
    return show_list(request, found, book=scope.book, state=state, source=source)


def show_list(request: HttpRequest, found: Listed, *, book: Book, state: str = "open", source: str = "") -> HttpResponse:
    """The page of the list."""
    more = {"state": state, "source": source, "states": CHOICES, "sources": SOURCES}
    return cases.show_list(request, "web/breaks.html", found, book=book, **more)


@login_required
@require_safe
def one(request: HttpRequest, public_id: str) -> HttpResponse:
    """One break, with forms for whoever may use them."""
    return _PAGES.one(request, public_id)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody may do: work on breaks, and decide what another one asked for."""

    work: bool
    decide: bool


def show(
    request: HttpRequest, found: Seen, *, book: Book, allowed: Allowed, refused: str = "", typed: Mapping[str, str] | None = None
) -> HttpResponse:
    """The page of a break; where something was `refused`, with why and what was `typed`."""
    b = found.found
    waiting = next((fix for fix in found.fixes if fix.state == "waiting"), None)
    more = {
        "seen": found,
        "found": b,
        "public_id": ids.text("break", b.id),
        "opposite": ids.text("break", found.opposite) if found.opposite else "",
        "waiting": waiting,
        "mine": waiting is not None and waiting.asked_by == f"user:{request.user.get_username()}",
        "approval": ids.text("approval", waiting.approval_id) if waiting and waiting.approval_id else "",
        "endings": [state for state in STATES if (b.state, state) in TRANSITIONS],
        "roles": WORKERS,
        "allowed": allowed,
    }
    return cases.show_one(request, "web/break.html", book=book, did=DONE, refused=refused, typed=typed, **more)


@login_required
@require_safe
def evidence(request: HttpRequest, public_id: str, no: int) -> HttpResponse:
    """A file of evidence as it was given; it is downloaded, never shown as a page."""
    placed = _PAGES.placed(request.user, public_id)
    kept = None
    if placed is not None:
        with placed[0].reading():
            kept = found_breaks.evidence(book_id=placed[0].book.id, break_id=placed[1], no=no)
    if kept is None:
        return missing(request)
    response = HttpResponse(kept[1], content_type="application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="evidence-{no}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@login_required
@require_POST
def act(request: HttpRequest, public_id: str) -> HttpResponse:
    """Does what `do` says; then the break with what became of it."""
    return _PAGES.act(request, public_id)


def _fix(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    kind = text_of(request, "fix")
    if kind not in list(Kind):
        return Refused("unknown_fix", "there is no such fix", "fix")
    other = id_of("break", text_of(request, "other"))
    until = _day(text_of(request, "until"))
    if isinstance(until, Refused):
        return until
    asked = NewFix(text_of(request, "key"), break_id, Kind(kind), text_of(request, "reason"), other, until)
    (done,) = breaks.ask(desk=desk, now=books.now_in(desk.book), fixes=[asked])
    if isinstance(done, Quarantined):
        return Refused("broke", done.error)
    if isinstance(done, Refused):
        return done
    return _DID.get(done.state, "fixed")


_DID: Final = {"waiting": "asked", "approved": "asked", "dropped": "dropped"}


def _decide(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    approval = id_of("approval", text_of(request, "approval"))
    approve = request.POST.get("do") == "approve"
    asked = found_breaks.fix_of_approval(book_id=desk.book.id, approval_id=approval) if approval else None
    if approval is None or asked is None or asked.break_id != break_id:
        return Refused("unknown_approval", "there is no such request about this break", "approval")

    def act(work: UnitOfWork) -> Fix | Refused:
        return breaks.decide(work=work, approval_id=approval, approve=approve, reason=text_of(request, "reason"))

    done = _within(desk, act)
    if isinstance(done, Refused):
        return done
    breaks.carry_out(desk=desk, now=books.now_in(desk.book), fix_ids=[done.id])
    return "decided"


def _note(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    note = Note(break_id, text_of(request, "text"))
    return _said(_within(desk, lambda work: reconciliation.note_breaks(work=work, notes=[note])[0]), "noted")


def _keep(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    file = request.FILES.get("file")
    if file is not None and (file.size or 0) > reconciliation.MOST_EVIDENCE:
        return Refused("evidence_too_large", "the file is too large", "file")
    kept = Evidence(
        break_id, (file.name or "") if file else text_of(request, "reference"), file.read() if file else None, text_of(request, "text")
    )
    return _said(_within(desk, lambda work: reconciliation.prove_breaks(work=work, evidence=[kept])[0]), "kept")


def _assign(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    role, due = text_of(request, "role"), _day(text_of(request, "due"))
    if role not in WORKERS:
        return Refused("unknown_role", "nobody of this role works on breaks", "role")
    if isinstance(due, Refused):
        return due
    given = Assignment(break_id, role, due_on=due)
    return _said(_within(desk, lambda work: reconciliation.assign_breaks(work=work, assignments=[given])[0]), "assigned")


def _move(desk: Desk, break_id: UUID, request: HttpRequest) -> Outcome:
    ending = Ending(break_id, text_of(request, "state"), text_of(request, "reason"))
    done = _within(desk, lambda work: breaks.end(work=work, ending=ending))
    return _said(done, "asked" if isinstance(done, UUID) else "moved")


def _within(desk: Desk, act: Callable[[UnitOfWork], Any]) -> Any:
    """`act` in one transaction on the open day; what it refuses rolls it back."""
    try:
        with open_day(desk, books.now_in(desk.book)) as work:
            done = work if isinstance(work, Refused) else act(work)
            if isinstance(done, Refused):
                raise RefusedError(done)
    except RefusedError as error:
        return error.refused
    return done


def _said(outcome: object, done: str) -> Outcome:
    return outcome if isinstance(outcome, Refused) else done


def _day(text: str) -> date | Refused | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return Refused("bad_date", "this is no day", "until")


def _today(book: Book) -> date:
    return days.open_date(book.id) or books.today_in(book)


def _is_there(scope: Scope, break_id: UUID) -> bool:
    with scope.reading():
        return bool(found_breaks.breaks_by_id(book_id=scope.book.id, ids=[break_id]))


def _page(request: HttpRequest, scope: Scope, break_id: UUID, *, refused: str = "", typed: Mapping[str, str] | None = None) -> HttpResponse:
    desk = desk_of(request.user, scope.book)
    if isinstance(desk, Refused):
        return missing(request)
    with scope.reading():
        found = breaks.seen(desk=desk, break_ids=[break_id], on=_today(scope.book)).get(break_id)
    if found is None:
        return missing(request)
    allowed = Allowed(holds(request.user, WORK, scope.book), holds(request.user, DECIDE, scope.book))
    return show(request, found, book=scope.book, allowed=allowed, refused=refused, typed=typed)


_PAGES: Final = Pages(
    kind="break",
    route="break",
    read=READ,
    is_there=_is_there,
    page=_page,
    acts={
        "fix": (WORK, _fix),
        "approve": (DECIDE, _decide),
        "reject": (DECIDE, _decide),
        "note": (WORK, _note),
        "evidence": (WORK, _keep),
        "assign": (WORK, _assign),
        "resolve": (WORK, _move),
    },
)
