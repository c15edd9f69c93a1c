"""`yuefu mandate sign|revoke|list`: what consumers let us take by ourselves."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.consumers import consumer_named
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail
from yuefu.cli.order import only

if TYPE_CHECKING:
    from yuefu.payments.rules import Mandate

app = typer.Typer(no_args_is_help=True, help="Mandates: what falls due is taken from a wallet or a bank account.")

STATES = ("signing", "active", "failed", "revoked", "lost", "expired")


@app.command()
def sign(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The consumer's reference.")],
    kind: Annotated[str, typer.Option(help="wallet or bank.")],
    instrument: Annotated[str, typer.Option(help="The wallet or bank account at the channel, e.g. wallet:sandbox.")],
    limit: Annotated[str, typer.Option(help="A decimal: what one debit takes at most.")],
    valid_until: Annotated[
        date | None, typer.Option("--until", metavar="DATE", parser=inputs.day, help="The last day; without an end unless given.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="The key of the request; a new one unless given.")] = None,
) -> None:
    """Ask the channel for a mandate of a consumer."""
    with context.at_work("mandate.sign") as caller:
        from yuefu.journeys import mandates
        from yuefu.payments.commands import NewMandate

        named = consumer_named(caller.to_write(), reference)
        most = inputs.amount(limit, caller.book.currency)
        new = NewMandate(inputs.key_or_new(key), named, kind, instrument, most, valid_until)
        done = only(mandates.sign(desk=caller.desk, now=caller.now, requests=[new]))
        if done.state == "failed":
            fail(
                "not_signed", f"The channel did not sign the mandate ({done.code}): let the consumer try again, or name another instrument."
            )
        output.result({**_value(done, reference), "key": new.key})


@app.command()
def revoke(
    mandate: Annotated[str, typer.Argument(metavar="MANDATE", help="The id of the mandate (mdt_…).")],
    reason: Annotated[str, typer.Option(help="Why; kept with the mandate.")],
) -> None:
    """Throw the off switch: from now on nothing is announced or taken by this mandate. Again, it stays revoked."""
    with context.at_work("mandate.revoke") as caller:
        from yuefu.journeys import mandates
        from yuefu.payments.commands import Revocation

        asked = Revocation(inputs.object_id("mandate", mandate), inputs.reason(reason))
        done = only(mandates.revoke(desk=caller.to_write().desk, now=caller.now, revocations=[asked]))
        output.result(_value(done, _references(caller, [done])[done.consumer_id]))


@app.command("list")
def list_mandates(
    consumer: Annotated[str | None, typer.Option(metavar="REF", help="Only those of this consumer.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help=f"Only those that are {', '.join(STATES[:-1])} or {STATES[-1]}; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Mandates, newest first, each with the steps it took: who, when, why."""
    with context.at_work("mandate.read") as caller:
        from yuefu.payments import queries as payments

        states = state or []
        for one in states:
            if one not in STATES:
                fail("unknown_state", f"A state is one of {', '.join(STATES)}, not {one!r:.40}.")
        named = consumer_named(caller.for_the_book(), consumer) if consumer else None
        with caller.reading():
            found = payments.mandates_listed(book_id=caller.book.id, consumer_id=named, states=states, limit=limit)
            steps = payments.mandate_steps(mandate_ids=[one.id for one in found])
            names = _references(caller, found)
        told = [
            {
                **_value(one, names[one.consumer_id]),
                "steps": [
                    {"state": s.state, "by": s.actor, "reason": s.reason, "at": s.recorded_at} for s in steps if s.mandate_id == one.id
                ],
            }
            for one in found
        ]
        columns = ["mandate", "consumer", "kind", "limit", "state", "code", "valid_until"]
        rows = [[one[name] for name in columns] for one in told]
        output.result({"mandates": told}, output.table(columns, rows) if told else "There is no such mandate.")


def _references(caller: Caller, found: list[Mandate]) -> dict[Any, str]:
    """The references of the consumers of mandates."""
    from yuefu.consumers import queries as consumers

    shown = consumers.shown(ids=[one.consumer_id for one in found], vault=caller.desk.vault)
    return {consumer_id: one.external_ref for consumer_id, one in shown.items()}


def _value(mandate: Mandate, reference: str) -> dict[str, Any]:
    from yuefu import ids
    from yuefu.runtime.vault import mask

    return {
        "mandate": ids.text("mandate", mandate.id),
        "consumer": reference,
        "kind": mandate.kind,
        "instrument": mask(mandate.instrument, head=0, tail=4),
        "limit": mandate.limit,
        "valid_until": mandate.valid_until,
        "state": mandate.state,
        "code": mandate.code,
        "signed_at": mandate.signed_at,
        "ended_at": mandate.ended_at,
        "channel_knows": mandate.ended_at is None or mandate.told_at is not None,
    }
