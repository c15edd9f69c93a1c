"""`yuefu notice …`: what people are told: plan reminders, send what may go now, look at messages, and what people want to be told."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import batches, context, inputs, items, output
from yuefu.cli.consumers import consumer_named
from yuefu.cli.faults import fail
from yuefu.cli.items import Fields

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from yuefu.errors import Refused
    from yuefu.notices.commands import NewContact
    from yuefu.notices.queries import Message
    from yuefu.runtime.values import UnitOfWork

CONTACT: Final = "external_ref language? channel? zone? email?"

app = typer.Typer(no_args_is_help=True, help="Messages to people: reminders, receipts, announcements; by text message and e-mail.")
Reference = Annotated[str, typer.Argument(metavar="REF", help="The consumer's reference.")]
Kind = Annotated[str, typer.Argument(metavar="KIND", help="The kind of message, e.g. due_today.")]


@app.command()
def plan() -> None:
    """Plan today's reminders: of what falls due in three days, tomorrow and today. Again, there are none left to plan."""
    with context.at_work("jobs.run") as caller:
        from yuefu.errors import one
        from yuefu.journeys import reminders

        def watch(done: int) -> None:
            if done:
                output.say(f"planned: {done}")

        planned = one([reminders.plan(desk=caller.desk, now=caller.to_write().now, watch=watch)])
        output.result({"book": caller.book.code, "on": planned.on, "again": planned.again, "planned": planned.planned})


@app.command()
def send() -> None:
    """Send what may go now, and ask what became of what broke off. What is put off or kept back says why."""
    with context.at_work("jobs.run") as caller:
        from yuefu.errors import one
        from yuefu.journeys import jobs, sending
        from yuefu.notices import queries as notices

        now = caller.to_write().now
        total = notices.waiting_count(book_id=caller.book.id, now=now)
        carriers = jobs.carriers_of(caller.book)
        with output.progress("sending") as update:

            def watch(done: int) -> None:
                update(done, max(done, total, 1))

            done = one([sending.send(desk=caller.desk, carriers=carriers, now=now, watch=watch)])
        told = {"book": caller.book.code, "at": now, "became": done.became, "is_down": done.is_down}
        lines = [f"{name}: {count}" for name, count in sorted(done.became.items())] or ["Nothing may go now."]
        if done.is_down:
            lines.append("A carrier did not answer; the rest goes with the next round.")
        output.result(told, lines)


@app.command("list")
def list_messages(
    state: Annotated[str, typer.Option(help="queued, sending, sent, failed, suppressed, or all.")] = "all",
    consumer: Annotated[str | None, typer.Option(metavar="REF", help="Only those to this consumer.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 100,
) -> None:
    """Messages, the newest first, without what they say and to whom they went."""
    with context.at_work("notice.read") as caller:
        from yuefu.consumers import queries as consumers
        from yuefu.notices import queries as notices
        from yuefu.notices.rules.kinds import STATES

        if state not in {*STATES, "all"}:
            fail("unknown_state", f"A state is {', '.join(STATES)} or all, not {state!r:.40}.")
        person = None if consumer is None else consumer_named(caller.for_the_book(), consumer)
        with caller.for_the_book().reading():
            chosen = None if state == "all" else state
            stored = notices.listed(book_id=caller.book.id, state=chosen, consumer_id=person, limit=limit)
            shown = consumers.shown(ids=sorted({message.consumer_id for message in stored}), vault=caller.desk.vault)
        found = [{**_value(message), "external_ref": shown[message.consumer_id].external_ref} for message in stored]
        columns = ["message", "kind", "occasion", "external_ref", "channel", "state", "reason", "not_before"]
        rows = [[one[name] for name in columns] for one in found]
        output.result({"messages": found}, output.table(columns, rows) if found else "There are no such messages.")


@app.command()
def show(name: Annotated[str, typer.Argument(metavar="MESSAGE", help="The id of the message (msg_…).")]) -> None:
    """One message with the history of its tries."""
    with context.at_work("notice.read") as caller:
        from yuefu.notices import queries as notices

        wanted = inputs.object_id("message", name)
        with caller.for_the_book().reading():
            message = notices.messages(book_id=caller.book.id, message_ids=[wanted]).get(wanted)
            if message is None:
                fail("unknown_message", "There is no such message in this book.")
            steps = notices.steps([wanted]).get(wanted, [])
        tries = [{name: value for name, value in asdict(step).items() if name != "message_id"} for step in steps]
        output.result({**_value(message), "params": message.params, "history": tries})


@app.command()
def contact(file: Annotated[str, typer.Option(metavar="FILE", help="JSON: one contact or a list of them; - is standard input.")]) -> None:
    """Set how consumers want to be told: all of a file or none. What is left out of an item is not kept.

    An item: {external_ref, language: zh | en, channel: sms | email, zone (of the IANA database; the book's unless given), email}.
    """
    with context.at_work("notice.change") as caller:
        from yuefu.consumers import queries as consumers
        from yuefu.notices import commands as notices

        given = items.read(file, CONTACT, _contact, key=None)
        vault, book = caller.for_the_book().desk.vault, caller.book
        references = [item.request[0] for item in given if isinstance(item.request, tuple)]
        with caller.reading():
            known = consumers.by_external_refs(book_id=book.id, external_refs=references)

        def set_them(work: UnitOfWork, new: Sequence[tuple[str, NewContact]]) -> Sequence[UUID | Refused]:
            contacts = [replace(one, consumer_id=known.get(reference, one.consumer_id)) for reference, one in new]
            return notices.set_contacts(work=work, vault=vault, contacts=contacts)

        done = batches.all_or_nothing(caller, given, set_them, {"consumer_id": "external_ref"})
        output.result({"book": book.code, "set": len(done)}, f"{len(done)} contacts are set.")


def _contact(fields: Fields, key: str) -> tuple[str, NewContact]:
    from uuid import UUID

    from yuefu.notices.commands import NewContact

    del key  # to set the same twice is to set it once
    new = NewContact(
        consumer_id=UUID(int=0),  # nobody, until the reference is looked up
        language=fields.text("language") if fields.has("language") else "zh",
        channel=fields.text("channel") if fields.has("channel") else "sms",
        zone=fields.text("zone") if fields.has("zone") else None,
        email=fields.text("email") if fields.has("email") else None,
    )
    return fields.text("external_ref"), new


@app.command()
def stop(reference: Reference, kind: Kind) -> None:
    """Stop a kind of message for a consumer who asked for it. What law or contract owe them cannot be stopped."""
    _choose(reference, kind, is_wanted=False)


@app.command()
def resume(reference: Reference, kind: Kind) -> None:
    """Send a kind of message to a consumer again who had stopped it."""
    _choose(reference, kind, is_wanted=True)


def _choose(reference: str, kind: str, *, is_wanted: bool) -> None:
    with context.at_work("notice.change") as caller:
        from yuefu.notices import commands as notices
        from yuefu.notices.commands import Choice

        named = consumer_named(caller.for_the_book(), reference)
        changed = caller.acting(lambda work: notices.choose(work=work, choices=[Choice(named, kind, is_wanted)])[0])
        output.result({"external_ref": reference, "kind": kind, "is_wanted": is_wanted, "again": not changed})


@app.command()
def letterbox(limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 20) -> None:
    """What people of a test book would have got, the newest first."""
    with context.at_work("notice.read") as caller:
        from datetime import datetime

        from yuefu.journeys import jobs
        from yuefu.runtime.vault import mask

        if caller.for_the_book().book.mode != "test":
            fail("live_book", "Messages of a live book are sent, not kept; `yuefu notice list` says what became of them.")
        kept = jobs.letterbox_of(caller.book).kept(limit=limit)
        found = [
            {
                "message": k.reference,
                "channel": k.channel,
                "at": datetime.fromisoformat(k.at),
                "to": mask(k.to, head=3, tail=4),
                "subject": k.subject,
                "text": k.text,
            }
            for k in kept
        ]
        lines = [
            f"{output.shown(one['at'])} {one['channel']} to {one['to']}\n{one['subject']}\n{one['text']}\n".replace("\n\n", "\n")
            for one in found
        ]
        output.result({"messages": found}, lines or ["Nobody was told anything yet."])


def _value(message: Message) -> dict[str, Any]:
    from yuefu import ids

    return {
        "message": ids.text("message", message.id),
        "consumer": ids.text("consumer", message.consumer_id),
        "kind": message.kind,
        "occasion": message.occasion,
        "channel": message.channel,
        "language": message.language,
        "state": message.state,
        "reason": message.reason or None,
        "queued_at": message.queued_at,
        "not_before": message.not_before,
        "expires_at": message.expires_at,
        "tries": message.tries,
        "ended_at": message.ended_at,
    }
