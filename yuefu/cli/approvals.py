"""`yuefu approval|setting …`: decisions that need two people, and the numbers of the business that change by them."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail

if TYPE_CHECKING:
    from yuefu.errors import Refused
    from yuefu.runtime.approvals import Approval
    from yuefu.runtime.values import UnitOfWork
    from yuefu.settlement.queries.shares import ShareBatch

approval_app = typer.Typer(no_args_is_help=True, help="Requests that a second person decides.")
setting_app = typer.Typer(no_args_is_help=True, help="Versioned settings of the book.")

_NOT_SHOWN: Final = frozenset({"index", "sealed"})
"""What a request keeps for the database to compare; people read the number masked."""


@approval_app.command("list")
def list_approvals(
    state: Annotated[str, typer.Option(help="waiting, approved, rejected, or all.")] = "waiting",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Requests, the oldest first."""
    with context.at_work("approve") as caller:
        from yuefu.runtime import approvals

        if state not in {"waiting", "approved", "rejected", "all"}:
            fail("unknown_state", f"A state is waiting, approved, rejected or all, not {state!r:.40}.")
        with caller.for_the_book().reading():
            asked = approvals.listed(book_id=caller.book.id, state=None if state == "all" else state, limit=limit)
        found = [_value(one) for one in asked]
        rows = [(one["approval"], one["action"], one["content"], one["requested_by"], one["state"], one["decided_by"]) for one in found]
        output.result({"approvals": found}, output.table(["approval", "action", "content", "asked by", "state", "decided by"], rows))


@approval_app.command()
def decide(
    approval: Annotated[str, typer.Argument(metavar="APPROVAL", help="The id of the request (apr_…).")],
    approve: Annotated[bool, typer.Option("--approve/--reject", help="The decision.")],
    reason: Annotated[str, typer.Option(help="Why.")],
) -> None:
    """Approve or reject what somebody else asked for, as a person (--as USER); an approval carries out what it is about."""
    with context.at_work("approve") as caller:
        from yuefu.journeys import breaks
        from yuefu.reconciliation import commands as reconciliation
        from yuefu.runtime import approvals

        if caller.desk.by.user_id is None:
            fail(approvals.PERSON_NEEDED, "A decision needs a person: say who you are with --as USER.")
        wanted = inputs.object_id("approval", approval)
        with caller.for_the_book().reading():
            asked = approvals.by_id(book_id=caller.book.id, approval_id=wanted)
        if asked is None:
            fail(approvals.UNKNOWN_APPROVAL, "There is no such request in this book.")
        done = caller.acting(lambda work: _decide(work, asked, approve=approve, reason=reason) or asked.id)
        if asked.action == reconciliation.FIX and approve and asked.object_id:
            breaks.carry_out(desk=caller.desk, now=caller.now, fix_ids=[asked.object_id])
        value = {"approval": approval, "action": asked.action, "state": "approved" if approve else "rejected"}
        output.result({**value, "version": done} if isinstance(done, int) else value)


def _decide(work: UnitOfWork, asked: Approval, *, approve: bool, reason: str) -> UUID | int | Approval | ShareBatch | Refused | None:
    """The command that knows what follows from the decision; where nothing does, the decision itself."""
    from yuefu.collecting import commands as collecting
    from yuefu.errors import Refused
    from yuefu.journeys import breaks
    from yuefu.ledger import commands as ledger
    from yuefu.merchants import commands as merchants
    from yuefu.offers import commands as offers
    from yuefu.reconciliation import commands as reconciliation
    from yuefu.reconciliation.rules.breaks import RESOLVE
    from yuefu.runtime import approvals, policies
    from yuefu.settlement import commands as settlement

    if asked.action == reconciliation.FIX:
        fix = breaks.decide(work=work, approval_id=asked.id, approve=approve, reason=reason)
        return fix if isinstance(fix, Refused) else fix.id
    if asked.action == RESOLVE:
        ended = reconciliation.decide_ending(work=work, approval_id=asked.id, approve=approve, reason=reason)
        return ended if isinstance(ended, Refused) else None
    if asked.action == policies.ACTION:
        return policies.decide(work=work, approval_id=asked.id, approve=approve, reason=reason)
    if asked.action == offers.PUBLISH:
        return offers.decide_publication(work=work, approval_id=asked.id, approve=approve, reason=reason)
    if asked.action == merchants.AMEND:
        return merchants.decide_amendment(work=work, approval_id=asked.id, approve=approve, reason=reason)
    if asked.action == merchants.CHANGE_ACCOUNT:
        return merchants.decide_account(work=work, approval_id=asked.id, approve=approve, reason=reason)
    of_settlement = {
        settlement.FREEZE: settlement.decide_freeze,
        settlement.UNFREEZE: settlement.decide_unfreeze,
        settlement.CLEAR: settlement.decide_clearing,
        settlement.ADJUST: settlement.decide_adjustment,
    }
    if asked.action in of_settlement:
        return of_settlement[asked.action](work=work, approval_id=asked.id, approve=approve, reason=reason)
    if asked.action == ledger.JOURNAL:
        return ledger.decide_entry(work=work, approval_id=asked.id, approve=approve, reason=reason)
    if asked.action == collecting.MEASURE:
        return collecting.decide_measure(work=work, approval_id=asked.id, approve=approve, reason=reason)
    if asked.action == merchants.CHANGE_PAYEE_ACCOUNT:
        return merchants.decide_payee_account(work=work, approval_id=asked.id, approve=approve, reason=reason)
    if asked.action == settlement.RELEASE:
        released = settlement.decide_share_release(work=work, approval_id=asked.id, approve=approve, reason=reason)
        return released if isinstance(released, Refused) else None
    if asked.action == settlement.PAY:
        return settlement.decide_share_payment(work=work, approval_id=asked.id, approve=approve, reason=reason)
    return approvals.decide(work=work, approval_id=asked.id, approve=approve, reason=reason)


def _value(asked: Approval) -> dict[str, Any]:
    from yuefu import ids

    return {
        "approval": ids.text("approval", asked.id),
        "action": asked.action,
        "object_kind": asked.object_kind,
        "object_id": asked.object_id,
        "content": {name: value for name, value in asked.content.items() if name not in _NOT_SHOWN},
        "requested_by": asked.requested_by,
        "state": asked.state,
        "decided_by": asked.decided_by,
    }


@setting_app.command("list")
def list_settings(
    on: Annotated[
        date | None, typer.Option("--on", metavar="DATE", parser=inputs.day, help="In force on this day; today unless given.")
    ] = None,
) -> None:
    """All settings of the book with the version in force; version 0 is what a setting is that the book was never given."""
    with context.at_work("setting.read") as caller:
        from yuefu.journeys import settings

        with caller.for_the_book().reading():
            found = settings.standing(book_id=caller.book.id, on=on or caller.today)
        rows = [(one.name, one.version, one.valid_from or "by default", json.dumps(one.value, ensure_ascii=False)) for one in found]
        value = [{"name": one.name, "version": one.version, "valid_from": one.valid_from, "value": one.value} for one in found]
        output.result({"settings": value}, output.table(["setting", "version", "in force from", "value"], rows))


@setting_app.command()
def show(
    name: Annotated[str, typer.Argument(help="The name of the setting, e.g. risk.policy.")],
    on: Annotated[
        date | None, typer.Option("--on", metavar="DATE", parser=inputs.day, help="In force on this day; today unless given.")
    ] = None,
) -> None:
    """The version of a setting that is in force; version 0 is what it is where the book was never given it."""
    with context.at_work("setting.read") as caller:
        from yuefu.journeys import settings

        day = on or caller.for_the_book().today
        with caller.reading():
            found = {one.name: one for one in settings.standing(book_id=caller.book.id, on=day)}.get(name)
        if found is None:
            fail("missing_setting", f"setting {name:.80} has no version in force on {day}")
        output.result({"name": name, "version": found.version, "value": found.value})


@setting_app.command()
def propose(
    name: Annotated[str, typer.Argument(help="The name of the setting.")],
    value: Annotated[str, typer.Argument(metavar="JSON", help="The new value as JSON.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    valid_from: Annotated[
        date | None, typer.Option("--from", metavar="DATE", parser=inputs.day, help="In force from; today unless given.")
    ] = None,
) -> None:
    """Ask for a new version; nothing changes until a second person approves."""
    with context.at_work("setting.propose") as caller:
        from yuefu import ids
        from yuefu.journeys import settings

        given = _json(value)
        begins = valid_from or caller.for_the_book().today
        asked = caller.acting(lambda work: settings.propose(work=work, name=name, value=given, valid_from=begins, reason=reason))
        output.result({"approval": ids.text("approval", asked), "name": name, "value": given, "valid_from": begins, "state": "waiting"})


def _json(text: str) -> Any:
    def no_constant(name: str) -> None:
        raise ValueError(name)

    try:
        return json.loads(text, parse_constant=no_constant)
    except (ValueError, RecursionError):
        fail("bad_json", f"{text!r:.80} is not JSON.")
