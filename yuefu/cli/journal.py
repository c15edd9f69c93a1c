"""`yuefu journal …`: entries by hand, each with a reason and a second person's approval."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail

if TYPE_CHECKING:
    from yuefu.journeys.journal import Side

app = typer.Typer(no_args_is_help=True, help="Entries by hand, approved by a second person.")

Sides = Annotated[
    list[str], typer.Option(metavar="CODE=AMOUNT", help="A component and its amount; of an account of money CODE/ACCOUNT=AMOUNT.")
]


@app.command()
def propose(
    debit: Sides,
    credit: Sides,
    reason: Annotated[str, typer.Option(help="Why; the second person reads it, and it stays.")],
    effective: Annotated[
        date | None,
        typer.Option("--effective", metavar="DATE", parser=inputs.day, help="When it was true; the day of the approval unless given."),
    ] = None,
    funder: Annotated[str | None, typer.Option(help="Whose money (fnd_…); own funds unless given.")] = None,
    movement: Annotated[str, typer.Option(help="What the bank or channel shows for it: fee, funding, other, …")] = "",
    reference: Annotated[str, typer.Option(help="The reference that is shown with it.")] = "",
) -> None:
    """Ask for an entry; nothing is posted until a second person approves: `yuefu approval decide`."""
    with context.at_work("journal.propose") as caller:
        from yuefu import ids
        from yuefu.journeys import journal

        currency = caller.for_the_book().book.currency
        sides = [_side(text, currency, 1) for text in debit] + [_side(text, currency, -1) for text in credit]
        funder_id = inputs.object_id("funder", funder) if funder else None
        asked = caller.acting(
            lambda work: journal.propose(
                work=work,
                sides=sides,
                reason=inputs.reason(reason),
                effective_on=effective,
                funder_id=funder_id,
                movement=movement,
                reference=reference,
            )
        )
        output.result({"approval": ids.text("approval", asked), "state": "waiting"})


def _side(text: str, currency: str, sign: int) -> Side:
    from yuefu.journeys.journal import Side

    name, equals, minor = text.partition("=")
    if not equals:
        fail("bad_line", f"A line is CODE=AMOUNT, e.g. fee_income=100.00, not {text!r:.60}.")
    component, slash, account = name.partition("/")
    found = inputs.amount(minor, currency)
    return Side(component, found if sign > 0 else -found, account if slash else None)


@app.command("list")
def list_entries(
    state: Annotated[str, typer.Option(help="waiting, approved, rejected, or all.")] = "all",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Entries by hand, the oldest first, with who asked, who decided, and the entry that was posted."""
    with context.at_work("ledger.read") as caller:
        from yuefu import ids
        from yuefu.ledger import queries as ledger
        from yuefu.ledger.commands import JOURNAL
        from yuefu.money.amounts import Money
        from yuefu.runtime import approvals

        if state not in {"waiting", "approved", "rejected", "all"}:
            fail("unknown_state", f"A state is waiting, approved, rejected or all, not {state!r:.40}.")
        with caller.for_the_book().reading():
            asked = approvals.listed(book_id=caller.book.id, state=None if state == "all" else state, action=JOURNAL, limit=limit)
            entries = ledger.journal_entries(caller.book.id, [one.id for one in asked])
        found = [
            {
                "approval": ids.text("approval", one.id),
                "state": one.state,
                "reason": one.content["reason"],
                "effective_on": one.content["effective_on"],
                "lines": [
                    {
                        "account": line["account"],
                        "amount": Money(line["minor"], line["currency"]),
                        "movement": line["movement"],
                        "reference": line["reference"],
                    }
                    for line in one.content["lines"]
                ],
                "requested_by": one.requested_by,
                "decided_by": one.decided_by,
                "entry": ids.text("entry", entries[one.id]) if one.id in entries else None,
            }
            for one in asked
        ]
        rows = [
            (one["approval"], one["state"], one["entry"], ", ".join(f"{x['account']} {x['amount']}" for x in one["lines"]), one["reason"])
            for one in found
        ]
        output.result({"entries": found}, output.table(["approval", "state", "entry", "lines", "reason"], rows))
