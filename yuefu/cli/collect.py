"""`yuefu collect …`: who is overdue and looked after by whom, what was tried and promised, and credit that was closed for what was missed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import batches, context, inputs, output
from yuefu.cli.consumers import Reference, consumer_named
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from yuefu.collecting.queries import Case
    from yuefu.loans.commands.late import Late

app = typer.Typer(
    no_args_is_help=True, help="Arrears: cases, contacts, promises, and what is done about a loan that is not paid as agreed."
)

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="The id of the case (case_…).")]
Key = Annotated[str | None, typer.Option(help="The key of the request; a new one unless given.")]
Channel = Annotated[str, typer.Option(help="call, sms, email, app, letter or visit.")]
Reason = Annotated[str, typer.Option(help="Why, in words that others read.")]
Note = Annotated[str, typer.Option(help="What was said; kept sealed, and only with an outcome.")]
OutcomeOption = Annotated[
    str,
    typer.Option(
        help="no_answer, left_message, reached, promised, refuses, disputes, hardship, wrong_number or delivered; told later unless given."
    ),
]


@app.command()
def look() -> None:
    """Bring cases and promises to what the loans say, and close credit for what was missed in a row; the worker does it by itself."""
    with context.at_work("jobs.run") as caller:
        from dataclasses import asdict

        from yuefu.errors import one
        from yuefu.journeys import collecting

        with output.progress("looking") as update:
            done = one([collecting.run(desk=caller.to_write().desk, now=caller.now, watch=update)])
        output.result({"book": caller.book.code, "on": caller.today, **asdict(done)})


@app.command("list")
def list_cases(
    after: Annotated[str | None, typer.Option(metavar="CASE", help="Those after this case: the last of the page before.")] = None,
    assignee: Annotated[str | None, typer.Option("--of", metavar="USER", help="Only what this person looks after.")] = None,
    unassigned: Annotated[bool, typer.Option("--unassigned", help="Only what nobody looks after.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
) -> None:
    """The worklist: open cases with what is overdue today, those that have been late for longest first; `ends_as` says that nothing of it is any more, and
    how the case will end when it is looked at."""
    with context.at_work("collect.read") as caller:
        from yuefu.collecting import queries as cases

        start = _case(caller, after) if after else None
        person, logins = _user(assignee) if assignee else None, _logins(caller)
        with caller.for_the_book().reading():
            found = cases.worklist(book_id=caller.book.id, after=start, limit=limit, assignee_id=person, unassigned=unassigned)
            told = _told(caller, found, logins)
        columns = ["case", "bucket", "days", "overdue", "loans", "consumer", "assignee"]
        columns += ["ends_as"] if any(one["ends_as"] for one in told) else []
        rows = [[one[name] for name in columns] for one in told]
        last = told[-1]["case"] if len(told) == limit else None
        said = [output.table(columns, rows) if told else "There is no such case. What is late is found by `collect look`."]
        said += [f"There may be more: --after {last}"] if last else []
        output.result({"cases": told, "next": last}, said)


@app.command()
def show(case: CaseId) -> None:
    """One case with its loans and its history: who looked after it, contacts, promises, what was proposed and done."""
    with context.at_work("collect.read") as caller:
        from yuefu import ids
        from yuefu.collecting import queries as cases

        named, logins = _case(caller, case), _logins(caller)
        with caller.reading():
            late = _late(caller, [named]).get(named.consumer_id, [])
            own = _told(caller, [named], logins)[0]
            contacts = cases.contacts(book_id=caller.book.id, case_id=named.id, limit=1_000, vault=caller.desk.vault)
            promises, assignments = cases.promises(case_id=named.id), cases.assignments(case_id=named.id)
            measures = cases.measures_of_case(book_id=caller.book.id, case_id=named.id)
            restrictions = cases.restrictions(consumer_id=named.consumer_id)
            closures = cases.closures(book_id=caller.book.id, consumer_ids=[named.consumer_id])
        value: dict[str, Any] = {
            **own,
            "state": named.state,
            "opened_on": named.opened_on,
            "closed_on": named.closed_on,
            "closed_reason": named.closed_reason or None,
            "overdue_loans": [
                {
                    "loan": ids.text("loan", one.loan_id),
                    "product": one.product,
                    "since": one.since,
                    "overdue": one.overdue,
                    "paused": one.paused,
                }
                for one in late
            ],
            "assignments": [
                {"assignee": logins.get(one.assignee_id), "reason": one.reason, "by": one.recorded_by, "at": one.recorded_at}
                for one in assignments
            ],
            "contacts": [
                {
                    "contact": ids.text("contact", one.id),
                    "channel": one.channel,
                    "inbound": one.inbound,
                    "outcome": one.outcome or None,
                    "note": one.note,
                    "by": one.recorded_by,
                    "at": one.made_at,
                }
                for one in reversed(contacts)
            ],
            "promises": [
                {
                    "promise": ids.text("promise", one.id),
                    "amount": one.amount,
                    "by_day": one.due_on,
                    "state": one.state,
                    "ended_on": one.ended_on,
                    "by": one.recorded_by,
                    "at": one.made_at,
                }
                for one in promises
            ],
            "measures": [
                {
                    "measure": ids.text("measure", one.id),
                    "loan": ids.text("loan", one.loan_id),
                    "kind": one.kind,
                    "event": one.event,
                    "state": one.state,
                    "approval": ids.text("approval", one.approval_id) if one.approval_id else None,
                    "reason": one.reason,
                    "by": one.recorded_by,
                    "at": one.proposed_at,
                }
                for one in measures
            ],
            "restrictions": [
                {"channel": one.channel, "is_set": one.is_set, "reason": one.reason, "by": one.recorded_by, "at": one.recorded_at}
                for one in restrictions
            ],
            "credit_closed": [
                {
                    "loan": ids.text("loan", one.loan_id),
                    "reason": one.reason,
                    "missed": one.missed,
                    "latest_on": one.latest_on,
                    "undone": one.undone,
                }
                for one in closures
            ],
        }
        lines = [f"{name}: {output.shown(found)}" for name, found in value.items() if not isinstance(found, list)]
        for name, found in value.items():
            if isinstance(found, list) and found:
                lines += [f"\n{name.replace('_', ' ')}", output.table(list(found[0]), [list(row.values()) for row in found])]
        output.result(value, lines)


@app.command()
def assign(
    case: CaseId,
    reason: Reason,
    user: Annotated[str | None, typer.Option("--to", metavar="USER", help="Who looks after it; nobody unless given.")] = None,
) -> None:
    """Give a case to somebody of the staff, or take it back."""
    with context.at_work("collect.work") as caller:
        from yuefu.collecting import commands as collecting
        from yuefu.collecting.commands import Assign

        named, person = inputs.object_id("case", case), _user(user) if user else None
        caller.to_write().acting(lambda work: collecting.assign(work=work, assignments=[Assign(named, person, inputs.reason(reason))])[0])
        output.result({"case": case, "assignee": user})


@app.command()
def contact(
    case: CaseId,
    channel: Channel,
    whom: Annotated[str, typer.Option(help="Who is contacted: the borrower and nobody else.")] = "borrower",
    inbound: Annotated[bool, typer.Option("--inbound", help="They contacted us.")] = False,
    outcome: OutcomeOption = "",
    note: Note = "",
    key: Key = None,
) -> None:
    """Ask whether a person may be contacted now, and keep that they are. A refusal says why not: hours, how often, a promise that runs, a wish."""
    with context.at_work("collect.work") as caller:
        from yuefu import ids
        from yuefu.collecting.commands import NewContact
        from yuefu.errors import one
        from yuefu.journeys import collecting

        new = NewContact(inputs.key_or_new(key), inputs.object_id("case", case), channel, whom, inbound, outcome, note)
        seen, witness = batches.witnessed(caller.to_write())
        made = one(collecting.contact(desk=seen.desk, now=caller.now, contacts=[new]))
        told = {"contact": ids.text("contact", made), "case": case, "channel": channel, "inbound": inbound, "outcome": outcome or None}
        output.result({**told, "at": caller.now, "again": made not in witness.made, "key": new.key})


@app.command()
def outcome(
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="The id of the contact (ctc_…).")],
    outcome: Annotated[str, typer.Argument(help="no_answer, left_message, reached, promised, refuses, disputes, hardship, …")],
    note: Note = "",
) -> None:
    """Tell what came of a contact, once."""
    with context.at_work("collect.work") as caller:
        from yuefu.collecting import commands as collecting
        from yuefu.collecting.commands import Outcome

        told = Outcome(inputs.object_id("contact", contact), outcome, note)
        vault = caller.to_write().desk.vault
        caller.acting(lambda work: collecting.tell_outcomes(work=work, vault=vault, outcomes=[told])[0])
        output.result({"contact": contact, "outcome": outcome})


@app.command()
def promise(
    case: CaseId,
    amount: Annotated[str, typer.Option(help="A decimal: what was promised, of all loans together.")],
    by: Annotated[date, typer.Option("--by", metavar="DATE", parser=inputs.day, help="By the end of this day.")],
    key: Key = None,
) -> None:
    """Keep what a person promised to pay. Until its day has passed nobody asks them for it."""
    with context.at_work("collect.work") as caller:
        from yuefu import ids
        from yuefu.collecting.commands import NewPromise
        from yuefu.errors import one
        from yuefu.journeys import collecting

        new = NewPromise(inputs.key_or_new(key), inputs.object_id("case", case), inputs.amount(amount, caller.book.currency), by)
        seen, witness = batches.witnessed(caller.to_write())
        made = one(collecting.promise(desk=seen.desk, now=caller.now, promises=[new]))
        told = {"promise": ids.text("promise", made), "case": case, "amount": new.amount, "by_day": by}
        output.result({**told, "again": made not in witness.made, "key": new.key})


@app.command()
def restrict(
    reference: Reference,
    reason: Reason,
    channel: Annotated[str, typer.Option(help="call, sms, email, app, letter, visit, or all.")] = "all",
    lift: Annotated[bool, typer.Option("--lift", help="They may be contacted so again.")] = False,
) -> None:
    """Keep that a person is not to be contacted about a debt by a channel, or by any."""
    with context.at_work("collect.work") as caller:
        from yuefu.collecting import commands as collecting
        from yuefu.collecting.commands import Restrict

        named = consumer_named(caller.to_write(), reference)
        asked = Restrict(named, channel, not lift, inputs.reason(reason))
        caller.acting(lambda work: collecting.restrict(work=work, restrictions=[asked])[0])
        output.result({"consumer": reference, "channel": channel, "is_restricted": not lift})


@app.command()
def reinstate(reference: Reference, reason: Annotated[str, typer.Option(help="Why, as a code, e.g. spoke_to_them.")]) -> None:
    """Open a credit account again that was closed for instalments missed in a row or a loan given up, as a person (--as USER)."""
    with context.at_work("credit.freeze") as caller:
        from yuefu import ids
        from yuefu.errors import one
        from yuefu.journeys import collecting

        named = consumer_named(caller.to_write(), reference)
        code = inputs.reason_code(reason)
        account = one([collecting.reinstate(desk=caller.desk, now=caller.now, consumer_id=named, reason=code)])
        output.result({"credit_account": ids.text("credit_account", account), "consumer": reference, "state": "active"})


def _case(caller: Caller, text: str) -> Case:
    from yuefu.collecting import queries as cases

    wanted = inputs.object_id("case", text)
    with caller.for_the_book().reading():
        found = cases.cases(book_id=caller.book.id, ids=[wanted]).get(wanted)
    if found is None:
        fail("unknown_case", f"There is no case {text} in this book.")
    return found


def _user(login: str) -> UUID:
    from yuefu.access import queries as access

    person = access.user_by_login(login=login)
    if person is None:
        fail("unknown_login", f"Nobody has the login {login!r:.60}.")
    return person.id


def _logins(caller: Caller) -> dict[UUID | None, str]:
    from yuefu.access import queries as access

    return {one.membership.user_id: one.login for one in access.members(book_id=caller.book.id)}


def _late(caller: Caller, found: Sequence[Case]) -> Mapping[UUID, Sequence[Late]]:
    from yuefu.loans.commands import late

    return late.late_of(caller.book.id, [case.consumer_id for case in found], caller.book.currency, caller.today)


def _told(caller: Caller, found: Sequence[Case], logins: Mapping[UUID | None, str]) -> list[dict[str, Any]]:
    """Cases as they are listed, with what is overdue as of today. One of which nothing is any more ends when it is looked at: `ends_as` says how."""
    from yuefu import ids
    from yuefu.collecting.commands.cases import ends_as, overdue_sum
    from yuefu.collecting.rules.cases import bucket
    from yuefu.consumers import queries as consumers

    late = _late(caller, found)
    over = [case for case in found if case.state == "open" and case.consumer_id not in late]
    ends = {case.id: how for case, how in zip(over, ends_as(over), strict=True)}
    shown = consumers.shown(ids=[case.consumer_id for case in found], vault=caller.desk.vault)
    told = []
    for case in found:
        own = late.get(case.consumer_id, [])
        since = own[0].since if own else None
        told.append(
            {
                "case": ids.text("case", case.id),
                "consumer": shown[case.consumer_id].external_ref,
                "bucket": bucket(since, caller.today) if since else "",
                "days": (caller.today - since).days if since else 0,
                "overdue": overdue_sum(own, caller.book.currency),
                "loans": len(own),
                "late_since": since,
                "ends_as": ends.get(case.id),
                "assignee": logins.get(case.assignee_id),
            }
        )
    return told
