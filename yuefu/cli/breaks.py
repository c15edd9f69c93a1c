"""`yuefu break …`: what reconciliation found, who looks at it and until when, what is done about it, and how it ends."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail
from yuefu.cli.order import only

if TYPE_CHECKING:
    from yuefu.cli.context import Caller
    from yuefu.journeys.breaks import Seen
    from yuefu.reconciliation.queries import Break, BreakEvent, Fix

app = typer.Typer(no_args_is_help=True, help="Breaks that reconciliation found: worked until each has ended.")

BreakId = Annotated[str, typer.Argument(metavar="BREAK", help="The id of the break (brk_…).")]
_COLUMNS = ("break", "source", "class", "kind", "reference", "difference", "owner", "due_on", "age_days", "state")


@app.command("list")
def list_breaks(
    state: Annotated[str, typer.Option(help="open, explained, corrected, closed, or all.")] = "open",
    source: Annotated[str | None, typer.Option(help="channel_trade, channel_fund, bank or bank_client; all unless given.")] = None,
    cls: Annotated[str | None, typer.Option("--class", help="One class only, e.g. missing_here.")] = None,
    owner: Annotated[str | None, typer.Option(help="Those of one role.")] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Those that should have been dealt with before today.")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="Those of which something waits for a second person.")] = False,
    after: Annotated[str | None, typer.Option(metavar="BREAK", help="From behind this one on: `next` of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
) -> None:
    """Breaks, the oldest first, with what is in question of each, until when it is to be dealt with, and how old it is."""
    with context.at_work("reconcile") as caller:
        from yuefu.reconciliation import queries as reconciliation
        from yuefu.reconciliation.rules.breaks import STATES

        if state not in {*STATES, "all"}:
            fail("unknown_state", f"A state is one of {', '.join(STATES)} or all, not {state!r:.40}.")
        on, behind = caller.for_the_book().today, inputs.object_id("break", after) if after else None
        with caller.reading():
            found = reconciliation.breaks_listed(
                book_id=caller.book.id,
                state=None if state == "all" else state,
                source=source,
                cls=cls,
                owner=owner,
                overdue_on=on if overdue else None,
                waiting=waiting,
                after=behind,
                limit=limit + 1,
            )
            told = _values(caller, found[:limit], on)
        more = told[-1]["break"] if len(found) > limit else None
        rows = [[one[name] for name in _COLUMNS] for one in told]
        table = output.table([name.replace("_", " ") for name in _COLUMNS], rows, figures={"difference"})
        text = [table, *([f"There are more: --after {more}"] if more else [])] if told else "There is no such break."
        output.result({"breaks": told, "next": more}, text)


@app.command()
def show(name: BreakId) -> None:
    """A break whole: both halves, what is suggested today, what was asked for, and all that happened to it."""
    with context.at_work("reconcile") as caller:
        from yuefu import ids
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import breaks

        break_id, on = inputs.object_id("break", name), caller.for_the_book().today
        with caller.reading():
            seen = breaks.seen(desk=caller.desk, break_ids=[break_id], on=on).get(break_id)
            if seen is None:
                raise RefusedError(Refused(breaks.UNKNOWN_BREAK, "there is no such break in this book"))
            value = _value(seen.found, on, seen.case.difference)
        value |= {
            "line_status": seen.stated[0],
            "movement_status": seen.stated[1],
            "suggested": [{"fix": str(one.kind), "amount": one.amount, "second_person": one.second} for one in seen.suggested],
            "waits_until": seen.waits_until,
            "opposite": ids.text("break", seen.opposite) if seen.opposite else None,
            "fixes": [_fix(fix) for fix in seen.fixes],
            "history": [_event(event) for event in seen.history],
        }
        output.result(value, _told(value, seen))


@app.command()
def assign(
    name: BreakId,
    role: Annotated[str, typer.Option(help="The role that looks at it.")],
    user: Annotated[str | None, typer.Option(help="A person of that role.")] = None,
    due: Annotated[
        date | None, typer.Option(metavar="DATE", parser=inputs.day, help="Until when it is to be dealt with; as it was unless given.")
    ] = None,
) -> None:
    """Give a break to a role or a person, until a day."""
    with context.at_work("break.resolve") as caller:
        from yuefu.access import queries as access
        from yuefu.access.rules import MERCHANT_ROLES, ROLES
        from yuefu.errors import Refused, RefusedError
        from yuefu.reconciliation import commands as reconciliation

        if role not in ROLES.keys() - MERCHANT_ROLES:
            fail("unknown_role", f"A role is one of {', '.join(sorted(ROLES.keys() - MERCHANT_ROLES))}, not {role!r:.40}.")
        owner = None
        if user is not None:
            known = access.actor_for_login(login=user, book_id=caller.for_the_book().book.id)
            if isinstance(known, Refused):
                raise RefusedError(known)
            if known[1].role != role:
                fail("role_differs", f"{user} has the role {known[1].role}, not {role}.")
            owner = known[0].user_id
        assignment = reconciliation.Assignment(inputs.object_id("break", name), role, owner, due)
        done = caller.for_the_book().acting(lambda work: reconciliation.assign_breaks(work=work, assignments=[assignment])[0])
        output.result(_value(done, caller.today))


@app.command()
def note(name: BreakId, text: Annotated[str, typer.Argument(help="What is to be remembered.")]) -> None:
    """Write a note into the history of a break."""
    with context.at_work("break.resolve") as caller:
        from yuefu.reconciliation import commands as reconciliation

        given = reconciliation.Note(inputs.object_id("break", name), text)
        done = caller.for_the_book().acting(lambda work: reconciliation.note_breaks(work=work, notes=[given])[0])
        output.result(_value(done, caller.today))


@app.command()
def evidence(
    name: BreakId,
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A file, which is kept.")] = None,
    reference: Annotated[str | None, typer.Option(help="Or what names it where it lies, e.g. a ticket of the provider.")] = None,
    text: Annotated[str, typer.Option(help="What it shows.")] = "",
) -> None:
    """Keep evidence with a break, with its SHA-256."""
    if (file is None) == (reference is None):
        fail("file_or_reference", "Evidence is a file or a reference.")
    with context.at_work("break.resolve") as caller:
        from yuefu.reconciliation import commands as reconciliation

        content = None if file is None else inputs.file_content(file)
        given = reconciliation.Evidence(inputs.object_id("break", name), file.name if file else reference or "", content, text)
        done = caller.for_the_book().acting(lambda work: reconciliation.prove_breaks(work=work, evidence=[given])[0])
        output.result({**_value(done, caller.today), "evidence": given.name, "sha256": given.sha256})


@app.command()
def save(
    name: BreakId,
    number: Annotated[int, typer.Argument(metavar="NO", help="The number in the history of the break.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
) -> None:
    """Write a file of evidence as it was given."""
    with context.at_work("reconcile") as caller:
        from yuefu.reconciliation import queries as reconciliation

        break_id = inputs.object_id("break", name)
        with caller.for_the_book().reading():
            kept = reconciliation.evidence(book_id=caller.book.id, break_id=break_id, no=number)
        if kept is None:
            fail("no_such_evidence", "Under this number no file is kept.")
        with inputs.writing(file) as out:
            out.write(kept[1])
        sha256 = hashlib.sha256(kept[1]).hexdigest()
        output.result({"break": name, "no": number, "name": kept[0], "bytes": len(kept[1]), "sha256": sha256, "file": str(file)})


@app.command()
def fix(
    name: BreakId,
    kind: Annotated[
        str,
        typer.Argument(
            metavar="FIX", help="post_fee, post_repayment, confirmed_by_money, offset, chase_provider, write_off or send_refund_again."
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why.")],
    other: Annotated[str | None, typer.Option(metavar="BREAK", help="offset: the break with the opposite difference.")] = None,
    until: Annotated[
        date | None,
        typer.Option(metavar="DATE", parser=inputs.day, help="chase_provider: when an answer is expected; by the setting unless given."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The key of the request: the same key gives the first outcome again. A new one unless given.")
    ] = None,
) -> None:
    """Have something done about a break: see `break show` for what is suggested. Above a limit a second person decides: `approval decide`."""
    with context.at_work("break.resolve") as caller:
        from yuefu.journeys import breaks
        from yuefu.reconciliation.commands import NewFix
        from yuefu.reconciliation.rules.fixes import Kind

        if kind not in list(Kind):
            fail("unknown_fix", f"What is done is one of {', '.join(Kind)}, not {kind!r:.40}.")
        opposite = inputs.object_id("break", other) if other else None
        asked = NewFix(inputs.key_or_new(key), inputs.object_id("break", name), Kind(kind), reason, opposite, until)
        found = only(breaks.ask(desk=caller.to_write().desk, now=caller.now, fixes=[asked]))
        value = _fix(found)
        waits = f" It waits for a second person: approval decide {value['approval']}." if found.state == "waiting" else ""
        why = f": {found.code}" if found.code else ""
        output.result(value, f"{value['fix']} of {name}: {found.state}{why}.{waits}")


@app.command()
def resolve(
    name: BreakId,
    state: Annotated[str, typer.Option(help="explained, corrected, closed, or open again.")],
    reason: Annotated[str, typer.Option(help="The code of the reason.")],
) -> None:
    """End a break, or open it again, with a reason. Above the limit of fixes a second person decides: `approval decide`."""
    with context.at_work("break.resolve") as caller:
        from yuefu import ids
        from yuefu.journeys import breaks
        from yuefu.reconciliation import commands as reconciliation
        from yuefu.reconciliation.queries import Break

        ending = reconciliation.Ending(inputs.object_id("break", name), state, reason)
        done: object = caller.for_the_book().acting(lambda work: breaks.end(work=work, ending=ending))
        if isinstance(done, UUID):
            output.result({"break": name, "approval": ids.text("approval", done), "state": "waiting"})
        else:
            assert isinstance(done, Break)
            output.result(_value(done, caller.today))


def _values(caller: Caller, found: list[Break], on: date) -> list[dict[str, Any]]:
    from yuefu.reconciliation import queries as reconciliation

    cases = reconciliation.cases(book_id=caller.book.id, breaks=found)
    return [_value(one, on, cases[one.id].difference) for one in found]


def _value(found: Break, on: date, difference: Any = None) -> dict[str, Any]:
    """`difference` is bill less books, with what was corrected of it."""
    from yuefu import ids
    from yuefu.reconciliation.queries import difference as left

    return {
        "break": ids.text("break", found.id),
        "source": found.source,
        "class": str(found.cls),
        "kind": found.kind,
        "reference": found.reference,
        "line": found.line,
        "movement": found.movement,
        "difference": left(found) if difference is None else difference,
        "order": ids.text("order", found.order_id) if found.order_id else None,
        "owner": found.owner_role,
        "owner_user": ids.text("user", found.owner_id) if found.owner_id else None,
        "state": found.state,
        "reason": found.reason,
        "opened_on": found.opened_on,
        "due_on": found.due_on,
        "overdue": found.state == "open" and found.due_on < on,
        "age_days": found.age_days(on),
        "closed_on": found.closed_on,
    }


def _fix(found: Fix) -> dict[str, Any]:
    from yuefu import ids

    return {
        "id": ids.text("fix", found.id),
        "break": ids.text("break", found.break_id),
        "fix": str(found.kind),
        "amount": found.amount,
        "state": found.state,
        "code": found.code or None,
        "reason": found.reason,
        "until": found.until,
        "other": ids.text("break", found.other_id) if found.other_id else None,
        "approval": ids.text("approval", found.approval_id) if found.approval_id else None,
        "entry": ids.text("entry", found.entry_id) if found.entry_id else None,
        "asked_by": found.asked_by,
        "asked_on": found.asked_on,
        "ended_on": found.ended_on,
    }


def _event(found: BreakEvent) -> dict[str, Any]:
    return {
        "no": found.no,
        "on": found.on,
        "at": found.at,
        "actor": found.actor,
        "action": found.action,
        "state": found.state,
        "text": found.text,
        "until": found.until,
        "evidence": found.evidence_name or None,
        "sha256": found.evidence_sha256 or None,
        "kept": found.has_content,
    }


def _told(value: dict[str, Any], seen: Seen) -> list[str]:
    names = (
        "break",
        "source",
        "class",
        "kind",
        "reference",
        "line",
        "line_status",
        "movement",
        "movement_status",
        "difference",
        "owner",
        "state",
        "opened_on",
        "due_on",
    )
    lines = [output.table(["", ""], [[name.replace("_", " "), value[name]] for name in names])]
    if seen.suggested:
        rows = [[one["fix"], one["amount"], "yes" if one["second_person"] else "no"] for one in value["suggested"]]
        lines += ["", output.table(["suggested", "amount", "second person"], rows, figures={"amount"})]
    if seen.waits_until:
        lines += ["", f"Its other half may still come by itself; from {seen.waits_until} on something is done about it."]
    if seen.fixes:
        columns = ["id", "fix", "amount", "state", "until", "approval", "asked_by"]
        rows = [[one[name] for name in columns] for one in value["fixes"]]
        lines += ["", output.table([name.replace("_", " ") for name in columns], rows, figures={"amount"})]
    if seen.history:
        columns = ["no", "on", "actor", "action", "state", "text", "evidence"]
        lines += ["", output.table(columns, [[one[name] for name in columns] for one in value["history"]])]
    return lines
