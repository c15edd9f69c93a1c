"""`yuefu break …`: what reconciliation found, who looks at it, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output

if TYPE_CHECKING:
    from yuefu.reconciliation.queries import Break

app = typer.Typer(no_args_is_help=True, help="Breaks that reconciliation found.")

BreakId = Annotated[str, typer.Argument(metavar="BREAK", help="The id of the break (brk_…).")]


@app.command("list")
def list_breaks(
    state: Annotated[str, typer.Option(help="open, explained, corrected, closed, or all.")] = "open",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
) -> None:
    """Breaks, the oldest first."""
    with context.at_work("reconcile") as caller:
        from yuefu.cli.faults import fail
        from yuefu.reconciliation import queries as reconciliation
        from yuefu.reconciliation.rules.breaks import STATES

        if state not in {*STATES, "all"}:
            fail("unknown_state", f"A state is one of {', '.join(STATES)} or all, not {state!r:.40}.")
        wanted = None if state == "all" else state
        with caller.for_the_book().reading():
            found = [_value(one) for one in reconciliation.breaks(book_id=caller.book.id, state=wanted, limit=limit)]
        columns = ["break", "source", "class", "kind", "reference", "line", "movement", "owner", "state", "opened_on"]
        output.result({"breaks": found}, output.table(columns, [[one[name] for name in columns] for one in found]))


@app.command()
def assign(
    name: BreakId,
    role: Annotated[str, typer.Option(help="The role that looks at it.")],
    user: Annotated[str | None, typer.Option(help="A person of that role.")] = None,
) -> None:
    """Give a break to a role or a person."""
    with context.at_work("break.resolve") as caller:
        from yuefu.access import queries as access
        from yuefu.access.rules import MERCHANT_ROLES, ROLES
        from yuefu.cli.faults import fail
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
        assignment = reconciliation.Assignment(inputs.object_id("break", name), role, owner)
        done = caller.for_the_book().acting(lambda work: reconciliation.assign_breaks(work=work, assignments=[assignment])[0])
        output.result(_value(done))


@app.command()
def resolve(
    name: BreakId,
    state: Annotated[str, typer.Option(help="explained, corrected, closed, or open again.")],
    reason: Annotated[str, typer.Option(help="The code of the reason.")],
) -> None:
    """End a break, or open it again, with a reason."""
    with context.at_work("break.resolve") as caller:
        from yuefu.reconciliation import commands as reconciliation

        ending = reconciliation.Ending(inputs.object_id("break", name), state, reason)
        done = caller.for_the_book().acting(lambda work: reconciliation.resolve_breaks(work=work, endings=[ending])[0])
        output.result(_value(done))


def _value(found: Break) -> dict[str, Any]:
    from yuefu import ids

    return {
        "break": ids.text("break", found.id),
        "source": found.source,
        "class": str(found.cls),
        "kind": found.kind,
        "reference": found.reference,
        "line": found.line,
        "movement": found.movement,
        "order": ids.text("order", found.order_id) if found.order_id else None,
        "owner": found.owner_role,
        "state": found.state,
        "reason": found.reason,
        "opened_on": found.opened_on,
        "closed_on": found.closed_on,
    }
