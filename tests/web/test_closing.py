"""The page of the close against the database: what it shows, to whom, and trying again as the person who asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from yuefu import ids as public
from yuefu.journeys import close_of_day, closing_progress
from yuefu.loans.commands import closing
from yuefu.runtime import days, locks, quarantine, runs, sql
from yuefu.runtime.batch import Quarantined
from yuefu.runtime.values import Book, UnitOfWork

Person = Callable[..., Client]


def progress(work: UnitOfWork) -> closing_progress.ProgressView:
    return closing_progress.progress(book_id=work.book.id, with_errors=True)


@pytest.fixture
def over(work: UnitOfWork) -> UnitOfWork:
    """The first day of the book is over, and nobody has begun to close it."""
    with sql.transacting():
        rolled = days.roll_over(book=work.book, now=work.now + timedelta(days=1))
    assert isinstance(rolled, tuple), rolled
    return work


def begun(work: UnitOfWork) -> runs.Run:
    with sql.transacting():
        return runs.start(
            book_id=work.book.id,
            kind=close_of_day.KIND,
            on=work.day.on,
            steps=close_of_day.STEPS,
            now=work.now,
            ids=work.ids,
            actor="system:x",
        )


def put_aside(work: UnitOfWork, error: str = "AssertionError: broke") -> str:
    with sql.transacting():
        (kept,) = quarantine.put_aside(
            book_id=work.book.id,
            command=closing.LOOK_AT,
            culprits=[(work.ids.new(work.now), Quarantined(error))],
            now=work.now,
            ids=work.ids,
        )
    return public.text("quarantine", kept)


def test_nothing_waits_until_a_day_is_over_and_then_its_steps_are_told(work: UnitOfWork) -> None:
    assert (progress(work).now, progress(work).waiting, progress(work).last) == (None, (), ())


def test_a_close_is_told_step_by_step_with_chunks_and_who_is_at_work(over: UnitOfWork) -> None:
    waiting = progress(over).now
    assert waiting is not None
    assert (waiting.on, waiting.state, waiting.took_s, {step.state for step in waiting.steps}) == (
        over.day.on,
        "waiting",
        None,
        {"waiting"},
    )
    run = begun(over)
    with sql.transacting():
        runs.advance(run_id=run.id, name="due", cursor="", now=over.now)
        runs.finish_step(run_id=run.id, name="due", state="done", detail={}, now=over.now)
        ranges = [(over.ids.new(over.now), over.ids.new(over.now)) for _ in range(3)]
        runs.make_chunks(book_id=over.book.id, run_id=run.id, name="advance", ranges=ranges)
        runs.chunk_done(run_id=run.id, name="advance", no=1)
        locks.wait(locks.HANDS, run.id, shared=True)
        now = progress(over).now
    assert now is not None
    assert (now.state, now.workers, now.by) == ("running", 1, "system:x")
    assert [(step.name, step.state, step.done, step.chunks) for step in now.steps[:4]] == [
        ("due", "done", 1, 0), ("accrue", "running", 0, 0), ("overdue", "waiting", 0, 0), ("advance", "waiting", 1, 3),
    ]  # fmt: skip
    assert now.took_s is not None
    assert 0 <= now.took_s < 60
    after = progress(over).now
    assert after is not None
    assert after.workers == 0, "who is done is not counted"


def test_a_proof_that_failed_is_named_and_a_close_that_is_done_has_taken_its_time(over: UnitOfWork) -> None:
    run = begun(over)
    with sql.transacting():
        detail = {"client_money": {}, "failed": ["client_money"]}
        runs.finish_step(run_id=run.id, name="prove", state="failed", detail=detail, now=over.now)
        runs.finish(run_id=run.id, state="failed", now=over.now)
    failed = progress(over).now
    assert failed is not None
    assert (failed.state, failed.steps[-1].wrong) == ("failed", ("client_money",))
    begun(over)
    with sql.transacting():
        runs.finish(run_id=run.id, state="done", now=over.now)
        assert days.close(book_id=over.book.id, on=over.day.on, now=over.now) is None
    found = progress(over)
    assert (found.now, [one.on for one in found.last]) == (None, [over.day.on])
    took = found.last[0].took_s
    assert took is not None
    assert took > 0


@pytest.mark.parametrize(("role", "sees", "may"), [("finance", True, False), ("operator", True, True), ("compliance", False, False)])
def test_what_a_stuck_loan_raised_is_for_those_who_may_read_it(
    person: Person, over: UnitOfWork, role: str, *, sees: bool, may: bool
) -> None:
    name = put_aside(over, "ValueError: the secret cause")
    page = person(role).get("/closing/", {"book": over.book.code}).content.decode()
    assert "1 loan could not be gone on with" in page
    assert ("the secret cause" in page) == sees
    assert (f"retry-{name}" in page) == may


def test_trying_again_is_done_as_the_person_who_asked(person: Person, over: UnitOfWork, vault_file: Path) -> None:
    name, browser = put_aside(over), person("operator")
    response: Any = browser.post("/closing/retry/", {"book": over.book.code, "quarantine": name})
    assert (response.status_code, response["Location"]) == (302, f"/closing/?book={over.book.code}&tried=went_on#stuck")
    kept = quarantine.by_id(book_id=over.book.id, quarantine_id=public.parse("quarantine", name))
    assert kept is not None
    assert kept.state == "retried"
    assert (kept.decided_by or "").startswith("user:operator-")
    again: Any = browser.post("/closing/retry/", {"book": over.book.code, "quarantine": name})
    assert "tried=refused" in again["Location"]
    assert "It was not tried" in browser.get(again["Location"].split("#")[0]).content.decode()


@pytest.mark.parametrize(
    "given", [{"quarantine": "qrt_nonsense"}, {"quarantine": "loan_01m4nvbnz0e44r30qama92cgm4"}, {"book": "no-such"}, {}]
)
def test_what_cannot_be_tried_is_not_found(person: Person, over: UnitOfWork, vault_file: Path, given: dict[str, str]) -> None:
    good = {"book": over.book.code, "quarantine": put_aside(over)} if given else {}
    assert person("operator").post("/closing/retry/", {**good, **given}).status_code == 404


def test_who_may_not_or_is_of_another_book_tries_nothing(person: Person, over: UnitOfWork, second_book: Book, vault_file: Path) -> None:
    name = put_aside(over)
    for browser in (person("finance"), person("operator", book=second_book), person("support")):
        assert browser.post("/closing/retry/", {"book": over.book.code, "quarantine": name}).status_code == 404
    kept = quarantine.by_id(book_id=over.book.id, quarantine_id=public.parse("quarantine", name))
    assert kept is not None
    assert kept.state == "waiting"
    assert person("operator", book=second_book).get("/closing/", {"book": over.book.code}).status_code == 404


def test_the_part_that_is_asked_for_again_is_no_whole_page(person: Person, over: UnitOfWork) -> None:
    part = person("finance").get("/closing/", {"book": over.book.code, "part": "1"}).content.decode()
    assert part.lstrip().startswith('<div id="progress"')
    assert "<html" not in part
    assert 'hx-trigger="every 20s"' in part
    begun(over)
    moving = person("finance").get("/closing/", {"book": over.book.code, "part": "1"}).content.decode()
    assert 'hx-trigger="every 2s"' in moving
