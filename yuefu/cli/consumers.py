"""`yuefu consumer …`: who buys. Personal data comes from a file or standard input, never from the line, and is shown masked."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final
from uuid import UUID

import typer

from yuefu.cli import batches, context, inputs, items, output
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail
from yuefu.cli.items import Fields
from yuefu.cli.quote import consumer_of

if TYPE_CHECKING:
    from datetime import date

    from yuefu.consumers.commands import NewConsumer
    from yuefu.loans.rules import OnBook

CONSUMER: Final = "external_ref name phone id_number is_student? consents?"

_REFERENCE = re.compile(r"[!-~]{1,64}")

app = typer.Typer(no_args_is_help=True, help="Consumers; personal data is shown masked.")
Reference = Annotated[str, typer.Argument(metavar="REF", help="The consumer's reference.")]


@app.command("show")
def show_consumer(reference: Annotated[str, typer.Argument(metavar="REF", help="The consumer's reference.")]) -> None:
    """One consumer with credit line, and the loans of their orders of which something is unpaid: how much of it is overdue, since how many days."""
    with context.at_work("consumer.read") as caller:
        from yuefu import ids
        from yuefu.consumers import queries as consumers
        from yuefu.credit import queries as credit
        from yuefu.ledger import queries as ledger

        wanted = consumer_named(caller.for_the_book(), reference)
        with caller.reading():
            shown = consumers.shown(ids=[wanted], vault=caller.desk.vault)[wanted]
            account = credit.accounts_of(consumer_ids=[wanted], currency=caller.book.currency).get(wanted)
            line = ledger.limited(caller.book.id, "credit_line", [account.id]).get(account.id) if account else None
            owing = _owing(caller, wanted)
        value: dict[str, Any] = {**asdict(shown), "id": ids.text("consumer", wanted)}
        if account and line:
            value |= {
                "credit_account": ids.text("credit_account", account.id),
                "credit_state": account.state,
                "limit": line.limit,
                "used": line.posted,
                "held": line.held,
                "repayment_day": account.repayment_day,
            }
        said = [f"{name}: {output.shown(found)}" for name, found in value.items()]
        said += (
            [output.table(list(owing[0]), [list(each.values()) for each in owing])]
            if owing
            else ["Nothing is unpaid of loans of their orders."]
        )
        output.result({**value, "loans": owing}, said)


def _owing(caller: Caller, consumer_id: UUID) -> list[dict[str, Any]]:
    """The loans of orders with anything unpaid, as they are today: of all their instalments, and of those whose day has passed."""
    from yuefu.loans import queries as loan_book

    unpaid = {row.loan_id for row in loan_book.of_consumers(book_id=caller.book.id, consumer_ids=[consumer_id]) if row.unpaid}
    loans = loan_book.on_book(sorted(unpaid), caller.today, book_id=caller.book.id)
    return [_owed(one, caller.today) for one in sorted(loans.values(), key=lambda one: _next_due(one, caller.today))]


def _next_due(loan: OnBook, today: date) -> date:
    return next((row.due_on for row in loan.rows if row.unpaid), today)


def _owed(loan: OnBook, today: date) -> dict[str, Any]:
    from yuefu import ids
    from yuefu.money.amounts import Money

    due = _next_due(loan, today)
    return {
        "loan": ids.text("loan", loan.dims.loan_id),
        "unpaid": Money(sum(row.unpaid for row in loan.rows), loan.dims.currency),
        "next_due": due,
        "overdue": Money(sum(row.unpaid for row in loan.rows if row.due_on < today), loan.dims.currency),
        "days_late": max((today - due).days, 0),
    }


@app.command("list")
def list_consumers(
    after: Annotated[str, typer.Option(metavar="REF", help="Only references after this one.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
) -> None:
    """The consumers of the book by reference."""
    with context.at_work("consumer.read") as caller, caller.for_the_book().reading():
        from yuefu import ids
        from yuefu.consumers import queries as consumers

        page = consumers.listed(book_id=caller.book.id, after=after, limit=limit)
        shown = consumers.shown(ids=page, vault=caller.desk.vault)
        found = [{**asdict(shown[one]), "id": ids.text("consumer", one)} for one in page]
        rows = [(one["id"], one["external_ref"], one["state"], one["name_masked"], one["phone_masked"]) for one in found]
        output.result({"consumers": found}, output.table(["consumer", "reference", "state", "name", "phone"], rows))


@app.command()
def register(
    file: Annotated[str, typer.Option(metavar="FILE", help="JSON: one consumer or a list of them; - is standard input.")],
    key: Annotated[
        str | None, typer.Option(help="For items without a key of their own; repeating it finds who was registered before.")
    ] = None,
) -> None:
    """Register consumers: all of a file or none.

    An item: {external_ref, name, phone, id_number (its birth date is the consumer's), is_student: false, consents: [{purpose, version,
    text_sha256 (of the text as it was shown)}]}.
    """
    with context.at_work("consumer.register") as caller:
        from yuefu import ids
        from yuefu.consumers import commands as consumers
        from yuefu.consumers import queries as known

        caller.for_the_book()
        given = items.read(file, CONSUMER, _consumer, key=key)
        vault = caller.desk.vault
        done = batches.all_or_nothing(caller, given, lambda work, new: consumers.register(work=work, vault=vault, consumers=new))
        with caller.reading():
            shown = known.shown(ids=[one.id for one in done], vault=vault)
        found = [{**asdict(shown[one.id]), "id": ids.text("consumer", one.id), "again": one.again} for one in done]
        rows = [(row["id"], row["external_ref"], row["name_masked"], row["phone_masked"], row["again"]) for row in found]
        output.result({"consumers": found}, output.table(["consumer", "reference", "name", "phone", "again"], rows))


def _consumer(fields: Fields, key: str) -> NewConsumer:
    from yuefu.consumers.commands import NewConsumer
    from yuefu.consumers.rules import Consent

    return NewConsumer(
        key=key,
        external_ref=fields.text("external_ref"),
        name=fields.text("name"),
        phone=fields.text("phone"),
        id_number=fields.text("id_number"),
        is_student=fields.yes_no("is_student", default=False),
        consents=tuple(
            Consent(one.text("purpose"), one.text("version"), one.text("text_sha256"))
            for one in fields.each("consents", "purpose version text_sha256")
        ),
    )


@app.command()
def consent(
    reference: Reference,
    purpose: Annotated[str, typer.Option(help="What for, as a code, e.g. credit_service.")],
    version: Annotated[str, typer.Option(help="The version of the text.")],
    text_sha256: Annotated[str, typer.Option("--text-sha256", help="The SHA-256 of the text as it was shown, in hex.")],
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Take back a consent instead.")] = False,
    key: Annotated[str | None, typer.Option(help="The key of the request; a new one unless given.")] = None,
) -> None:
    """Record a consent given, or with --withdraw taken back."""
    with context.at_work("consumer.consent") as caller:
        from yuefu import ids
        from yuefu.consumers import commands as consumers
        from yuefu.consumers.rules import Consent

        named = consumer_named(caller.for_the_book(), reference)
        kind = "withdrawn" if withdraw else "given"
        act = consumers.ConsentAct(inputs.key_or_new(key), named, kind, Consent(purpose, version, text_sha256))
        done = batches.only_one(caller, lambda work: consumers.record_consents(work=work, acts=[act]))
        value = {"consent": ids.text("consent", done.id), "consumer": reference, "purpose": purpose, "version": version, "kind": kind}
        output.result({**value, "key": act.key, "again": done.again})


@app.command()
def close(reference: Reference) -> None:
    """Close a consumer: no new orders; what is owed stays owed. One that is closed already stays so."""
    with context.at_work("consumer.close") as caller:
        from yuefu import ids
        from yuefu.consumers import commands as consumers
        from yuefu.consumers import queries as known

        named = consumer_named(caller.for_the_book(), reference)
        with caller.reading():
            again = known.shown(ids=[named], vault=caller.desk.vault)[named].state == "closed"
        if not again:
            caller.acting(lambda work: consumers.close(work=work, consumer_ids=[named])[0])
        output.result({"consumer": ids.text("consumer", named), "external_ref": reference, "state": "closed", "again": again})


def consumer_named(caller: Caller, reference: str) -> UUID:
    """The consumer of a reference; a text that cannot be one names nobody."""
    if not _REFERENCE.fullmatch(reference):
        fail("unknown_consumer", f"There is no consumer {reference!r:.80} in this book.")
    return consumer_of(caller, reference)
