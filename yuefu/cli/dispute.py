"""`yuefu dispute open|rule|appeal|withdraw|show|file|list`: purchases that consumers contest, as the platform looks after them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail
from yuefu.cli.order import OrderName, only, order_of

if TYPE_CHECKING:
    from yuefu.aftersales.rules.disputes import Dispute

app = typer.Typer(no_args_is_help=True, help="Disputes: open, rule, appeal, withdraw, show, file, list.")

DisputeName = Annotated[str, typer.Argument(metavar="DISPUTE", help="The id of the dispute (dspt_…).")]
Note = Annotated[str, typer.Option(help="Why; kept with the step.")]
Key = Annotated[
    str | None, typer.Option(help="The key of the request: the same key gives the first outcome again. A new one unless given.")
]


@app.command("open")
def open_dispute(
    order: OrderName,
    reason: Annotated[
        str,
        typer.Option(help="return, goods_not_received, faulty_goods, incorrect_invoice, already_paid, unauthorised or high_risk_order."),
    ],
    claim: Annotated[str, typer.Option(help="What the consumer says.")],
    amount: Annotated[str | None, typer.Option(help="A decimal: what is contested; all that is kept of the order unless given.")] = None,
    key: Key = None,
) -> None:
    """A consumer contests an order. Its merchant has so many days to answer, or has lost."""
    with context.at_work("dispute.work") as caller:
        from yuefu.journeys import disputes

        found = order_of(caller.to_write(), order)
        money = inputs.amount_if_given(amount, found.currency)
        request = disputes.OpenRequest(inputs.key_or_new(key), found.id, reason, claim, money)
        made = only(disputes.begin(desk=caller.desk, now=caller.now, requests=[request]))
        output.result({**_value(made), "key": request.key})


@app.command()
def rule(
    dispute: DisputeName,
    won: Annotated[bool, typer.Option("--won/--lost", help="Whether the merchant is right.")],
    note: Note,
    key: Key = None,
) -> None:
    """Rule on what a merchant answered; on appeal, for good. What is lost for good goes back to the consumer."""
    with context.at_work("dispute.rule") as caller:
        _step(caller, dispute, "rule_won" if won else "rule_lost", note, key)


@app.command()
def appeal(dispute: DisputeName, note: Note, key: Key = None) -> None:
    """The consumer appeals against a ruling for the merchant."""
    with context.at_work("dispute.work") as caller:
        _step(caller, dispute, "appeal_of_consumer", note, key)


@app.command()
def withdraw(dispute: DisputeName, note: Note, key: Key = None) -> None:
    """The consumer contests it no longer: the merchant has won."""
    with context.at_work("dispute.work") as caller:
        _step(caller, dispute, "withdraw", note, key)


def _step(caller: context.Caller, dispute: str, step: str, note: str, key: str | None) -> None:
    from yuefu.journeys import disputes

    named = inputs.object_id("dispute", dispute)
    request = disputes.StepRequest(inputs.key_or_new(key), None, named, step, inputs.reason(note))
    moved = only(disputes.take(desk=caller.to_write().desk, now=caller.now, requests=[request]))
    output.result({"dispute": dispute, "step": moved.step, "state": moved.state, "no": moved.no, "key": request.key})


@app.command()
def show(dispute: DisputeName) -> None:
    """A dispute with its steps and the evidence of its merchant."""
    with context.at_work("dispute.read") as caller:
        from yuefu import ids
        from yuefu.aftersales.queries import disputes as queries

        named = inputs.object_id("dispute", dispute)
        with caller.for_the_book().reading():
            found = queries.seen(ids=[named]).get(named)
            if found is None:
                fail("unknown_dispute", f"There is no dispute {dispute} in this book: `yuefu dispute list` has them.")
            steps = queries.steps(dispute_ids=[named])[named]
            proofs = queries.evidence(dispute_ids=[named]).get(named, [])
        history = [{"no": one.no, "step": one.step, "state": one.state, "on": one.taken_on, "note": one.note} for one in steps]
        evidence = [{"kind": one.kind, "text": one.text, "file": ids.text("file", one.file_id) if one.file_id else None} for one in proofs]
        value = {**_value(found), "history": history, "evidence": evidence}
        lines = [output.table(list(_COLUMNS), [[value[name] for name in _COLUMNS]])]
        lines.append(output.table(list(history[0]), [list(one.values()) for one in history]))
        lines += [output.table(list(evidence[0]), [list(one.values()) for one in evidence])] if evidence else []
        output.result(value, lines)


@app.command()
def file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The id of a file of evidence (fil_…).")],
    to: Annotated[Path, typer.Option(metavar="PATH", help="Where it is written.")],
) -> None:
    """Write a file of evidence as its merchant sent it."""
    with context.at_work("dispute.read") as caller:
        from yuefu.aftersales.queries import files

        named = inputs.object_id("file", file)
        with caller.for_the_book().reading():
            content = files.content(file_id=named, vault=caller.desk.vault)
        if content is None:
            fail("unknown_file", f"There is no file {file} in this book.")
        with inputs.writing(to) as written:
            written.write(content)
        output.result({"file": file, "path": str(to), "bytes": len(content)})


_COLUMNS = ("order", "reason", "state", "amount", "ruling", "outcome", "due_on", "refunded")


@app.command("list")
def list_disputes(
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Disputes, newest first."""
    with context.at_work("dispute.read") as caller:
        from yuefu.aftersales.queries import disputes as queries
        from yuefu.aftersales.rules.disputes import STATES

        if state is not None and state not in STATES:
            fail("unknown_state", f"It is one of {', '.join(STATES)}, not {state!r:.40}.")
        with caller.for_the_book().reading():
            found = queries.listed(book_id=caller.book.id, state=state, limit=limit)
        told = [_value(one) for one in found]
        columns = ["dispute", *_COLUMNS]
        rows = [[one[name] for name in columns] for one in told]
        output.result({"disputes": told}, output.table(columns, rows) if told else "There is no such dispute.")


def _value(one: Dispute) -> dict[str, Any]:
    from yuefu import ids

    return {
        "dispute": ids.text("dispute", one.id),
        "order": ids.text("order", one.order_id),
        "reason": one.reason,
        "claim": one.claim,
        "state": one.state,
        "amount": one.amount,
        "answer_by": one.answer_by,
        "appeal_by": one.appeal_by,
        "due_on": one.due_on,
        "ruling": one.ruling,
        "outcome": one.outcome,
        "closed_on": one.closed_on,
        "refunded": one.refunded,
    }
