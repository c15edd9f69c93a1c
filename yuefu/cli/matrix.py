"""`yuefu matrix run|list|show|certificate`: every amount with every term through a merchant's integration, and the certificate that all of it held."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from yuefu.cli import context, inputs, installation, output
from yuefu.cli.faults import FAILED, fail

if TYPE_CHECKING:
    from yuefu.access.rules import ApiKey
    from yuefu.journeys.desk import Desk
    from yuefu.sandbox.rules.matrix import Done, Run

SECRET: Final = "YUEFU_API_KEY"  # noqa: S105 - the name of a variable
URL: Final = "http://127.0.0.1:8000"

app = typer.Typer(no_args_is_help=True, help="Every amount with every term, through a merchant's integration in the sandbox.")

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The id of the run (mtx_…).")]


@app.command()
def run(
    url: Annotated[str, typer.Option(help="Where the API is served.")] = URL,
    through: Annotated[
        str | None, typer.Option(metavar="URL", help="The merchant's own integration, which sells and refunds as docs/sandbox.md says.")
    ] = None,
    amount: Annotated[
        list[str] | None, typer.Option(help="A decimal; again for more. Usual ones and the ends of each product unless given.")
    ] = None,
    go_on: Annotated[str | None, typer.Option("--continue", metavar="RUN", help="Go on with a run that broke off.")] = None,
) -> None:
    """Run every combination from quote to refund and hold every figure against another; the test key is read from YUEFU_API_KEY."""
    for one in filter(None, (url, through)):
        if urlsplit(one).scheme not in ("http", "https") or not urlsplit(one).hostname:
            fail("url_invalid", "An address begins with http:// or https://.")
    with installation.installed():
        from yuefu import ids
        from yuefu.errors import one as the
        from yuefu.journeys import matrix
        from yuefu.proofs.matrix import NotReached, Program, carried_out
        from yuefu.runtime import books
        from yuefu.sandbox import queries as practice

        desk, key, secret = _holder()
        if go_on is None:
            minors = [inputs.amount(text, desk.book.currency).minor for text in amount or ()]
            begun = matrix.begin(desk=desk, now=books.now_in(desk.book), merchant_id=key.merchant_id, through=through or "", amounts=minors)
            run_id = the([begun])
        else:
            if through is not None or amount:
                fail("already_begun", "The run that goes on has its combinations and its address: leave --through and --amount out.")
            run_id = _known(go_on, key).id
        this = practice.run(run_id=run_id)
        assert this is not None, "it was noted"
        name = ids.text("matrix_run", run_id)
        output.say(f"Run {name}: if it breaks off, go on with --continue {name}.")
        done = practice.done(run_id=run_id)
        waiting = [one.cell for one in done if one.outcome is None]
        program = Program(url.rstrip("/"), secret, name, this.through)
        try:
            with output.progress("combinations") as progress:
                for count, (cell, outcome) in enumerate(carried_out(program, waiting), start=len(done) - len(waiting) + 1):
                    matrix.note(run_id=run_id, no=cell.no, outcome=outcome)
                    progress(count, len(done))
        except NotReached as error:
            fail("not_reached", f"{error}. Go on later with --continue {name}.")
        ended = matrix.end(desk=desk, now=books.now_in(desk.book), run_id=run_id) if this.state == "running" else this
        value = _told(ended, practice.done(run_id=run_id))
        output.result(value, _lines(value))
        if ended.state != "passed":
            raise typer.Exit(FAILED)


def _holder() -> tuple[Desk, ApiKey, str]:
    """The desk of the book of the key that was given, and the key."""
    from yuefu.access import queries as keys
    from yuefu.access.rules import secret_hash
    from yuefu.errors import RefusedError
    from yuefu.journeys import jobs
    from yuefu.runtime import books

    secret = os.environ.get(SECRET, "").strip()
    found = keys.keys_by_hash(hashes=[secret_hash(secret)]).values() if secret else ()
    key = next(iter(found), None)
    book = books.by_id(key.book_id) if key else None
    if key is None or book is None:
        fail("key_unknown", f"Put the merchant's test key into {SECRET}: yuefu key issue --merchant CODE gives one.")
    if refused := keys.out_of_force(key, books.now_in(book)):
        raise RefusedError(refused)
    output.current().zone = book.tz
    return jobs.desk_of(book, "matrix"), key, secret


def _known(text: str, key: ApiKey) -> Run:
    from yuefu.sandbox import queries as practice

    found = practice.run(run_id=inputs.object_id("matrix_run", text))
    if found is None or found.merchant_id != key.merchant_id:
        fail("unknown_matrix_run", f"There is no run {text!r:.60} of this merchant.")
    return found


def _told(this: Run, done: list[Done]) -> dict[str, Any]:
    from yuefu import ids

    failed = [one for one in done if one.outcome and one.outcome.fault]
    return {
        "run": ids.text("matrix_run", this.id),
        "merchant": ids.text("merchant", this.merchant_id),
        "through": this.through or None,
        "state": this.state,
        "combinations": this.cells,
        "passed": sum(bool(one.outcome and not one.outcome.fault) for one in done),
        "failed": [
            {"no": one.cell.no, "product": one.cell.product, "periods": one.cell.periods, "amount": one.cell.amount_minor,
             "currency": one.cell.currency, "order": one.outcome.order if one.outcome else "", "fault": one.outcome.fault if one.outcome else ""}
            for one in failed
        ],
        "started_at": this.started_at,
        "finished_at": this.finished_at,
    }  # fmt: skip


def _lines(value: dict[str, Any]) -> list[str]:
    rows = [[one["no"], one["product"], one["periods"], one["amount"], one["order"], one["fault"]] for one in value["failed"]]
    said = f"{value['run']}: {value['passed']} of {value['combinations']} combinations passed; {value['state']}."
    return [said, output.table(["no", "product", "periods", "amount", "order", "what does not hold"], rows)] if rows else [said]


@app.command("list")
def list_runs() -> None:
    """The latest runs of a book, newest first."""
    with context.at_work("merchant.read") as caller:
        from yuefu.sandbox import queries as practice

        found = [_told(one, practice.done(run_id=one.id)) for one in practice.runs(book_id=caller.for_the_book().book.id)]
        rows = [[one["run"], one["merchant"], one["state"], one["passed"], one["combinations"]] for one in found]
        output.result({"runs": found}, output.table(["run", "merchant", "state", "passed", "combinations"], rows))


@app.command()
def show(name: RunId) -> None:
    """A run with the combinations that failed."""
    with context.at_work("merchant.read") as caller:
        from yuefu.sandbox import queries as practice

        this = _of_book(name, caller)
        value = _told(this, practice.done(run_id=this.id))
        output.result(value, _lines(value))


@app.command()
def certificate(
    name: RunId,
    language: Annotated[str, typer.Option(metavar="LANGUAGE", help="zh or en.")] = "zh",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the PDF is written.")] = None,
) -> None:
    """The certificate of a run in which every combination passed, with the digest of all that was found; with --out as a PDF."""
    if language not in ("zh", "en"):
        raise typer.BadParameter("zh or en", param_hint="--language")
    with context.at_work("merchant.read") as caller:
        from yuefu.errors import one as the
        from yuefu.journeys import matrix

        certified = the([matrix.certify(run=_of_book(name, caller))])
        value = matrix.told(certified)
        if out is not None:
            out.write_bytes(matrix.pdf(desk=caller.desk, certified=certified, language=language))  # type: ignore[arg-type]
        said = f"{value['matrix_run']}: all of {value['combinations']} combinations passed; SHA-256 {value['sha256']}"
        output.result({**value, "file": str(out) if out else None}, [said, *([f"Written to {out}."] if out else [])])


def _of_book(text: str, caller: Any) -> Run:
    from yuefu.sandbox import queries as practice

    found = practice.run(run_id=inputs.object_id("matrix_run", text))
    if found is None or found.book_id != caller.for_the_book().book.id:
        fail("unknown_matrix_run", f"There is no run {text!r:.60} in this book.")
    return found
