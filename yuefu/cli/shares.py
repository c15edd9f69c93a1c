"""`yuefu share …`: what agents, hosts and funders have of merchants' fees, and what a proposed contract would give them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from yuefu.cli import context, inputs, items, output
from yuefu.cli.contracts import CONTRACT, CONTRACT_EXAMPLE, agents_of, contract_of
from yuefu.cli.faults import fail
from yuefu.cli.merchants import asked_before, merchant_named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from yuefu.cli.context import Caller
    from yuefu.journeys.share_trial import Split, Trial
    from yuefu.merchants.rules import ContractTerms
    from yuefu.merchants.rules.payees import Payee
    from yuefu.settlement.queries.shares import ShareBatch
    from yuefu.settlement.rules.shares import Share

app = typer.Typer(no_args_is_help=True, help="Profit shares: what agents, hosts and funders have of merchants' fees.")

UNKNOWN_BATCH = "unknown_batch"


@app.command("list")
def list_batches(
    payee: Annotated[str | None, typer.Option(metavar="CODE", help="Of this agent or host; of all unless given.")] = None,
    state: Annotated[
        Literal["accrued", "due", "scheduled", "paid", "returned", "reconciled"] | None,
        typer.Option(help="In this state; in any unless given."),
    ] = None,
    after: Annotated[str | None, typer.Option(metavar="BATCH", help="Those after this one: `next` of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """The batches of payees, the latest pay day first."""
    with context.at_work("settlement.read") as caller:
        from yuefu.settlement.queries import shares

        payee_id = _payee_id(caller.for_the_book(), payee)
        since = inputs.object_id("share_batch", after) if after else None
        with caller.reading():
            found = shares.batches(book_id=caller.book.id, payee_id=payee_id, after=since, state=state, limit=limit + 1)
            names = _names(found)
        told = [_batch(one, names) for one in found[:limit]]
        more = told[-1]["batch"] if len(found) > limit else None
        rows = [[o["batch"], o["pay_on"], o["party"], o["payee"], o["state"], o["net"], o["due"], o["carried"]] for o in told]
        table = output.table(["batch", "pay on", "party", "payee", "state", "net", "due", "carried"], rows)
        lines = [table if told else "Nobody has a share yet.", *([f"There are more: --after {more}"] if more else [])]
        output.result({"batches": told, "next": more}, lines)


@app.command()
def show(
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="The id of the batch (shb_…, from `share list`).")],
    after: Annotated[str | None, typer.Option(metavar="ID", help="Lines after this one: `next` of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many lines at most.")] = 1_000,
) -> None:
    """A batch line by line: which order each share is of, and why it is there."""
    with context.at_work("settlement.read") as caller:
        from yuefu import ids
        from yuefu.settlement.queries import shares

        found = _found(caller.for_the_book(), batch)
        since = inputs.object_id("share", after) if after else None
        with caller.reading():
            lines = shares.lines(batch_id=found.id, after=since, limit=limit + 1)
            names = _names([found])
        told = [_line(one) for one in lines[:limit]]
        more = ids.text("share", lines[limit - 1].id) if len(lines) > limit else None
        shown = _batch(found, names)
        rows = [[one["share"], one["earned_on"], one["kind"], one["order"], one["level"], one["amount"]] for one in told]
        figures = ", ".join(
            f"{name} {shown[name]}" for name in ("earned", "refunded", "defaulted", "opening", "net", "due", "withheld", "pays", "carried")
        )
        text = [
            f"{shown['party']} {shown['payee']}, {shown['pay_on']}, {shown['state']}: {figures}.",
            output.table(["share", "on", "kind", "order", "level", "amount"], rows),
            *([f"There are more: --after {more}"] if more else []),
        ]
        output.result({**shown, "lines": told, "next": more}, text)


@app.command()
def release(
    reason: Annotated[str, typer.Option(help="Why; the second person reads it.")],
    batch: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="BATCH...", help="Batches that are due or came back (shb_…); all that may be paid, up to 1,000, unless given."
        ),
    ] = None,
    pay_day: Annotated[date | None, typer.Option(metavar="DATE", parser=inputs.day, help="All of this pay day.")] = None,
) -> None:
    """Ask for batches to be paid to the accounts of their payees; once a second person approves, they are paid as merchants are: by the bank, or in a
    file (`payout export --to payees`)."""
    with context.at_work("settlement.run") as caller:
        from yuefu import ids
        from yuefu.money.amounts import Money
        from yuefu.settlement import commands as settlement
        from yuefu.settlement.queries import shares

        if batch and pay_day:
            fail("bad_arguments", "Name batches or a pay day, not both.")
        caller.for_the_book()
        left: Mapping[UUID, str] = {}
        wanted = [inputs.object_id("share_batch", one) for one in batch or []]
        if not wanted:
            with caller.reading():
                wanted, left = settlement.releasable(book_id=caller.book.id, pay_on=pay_day)
        asked = settlement.ShareRelease(tuple(wanted), inputs.reason(reason))
        approval = caller.acting(lambda work: settlement.propose_share_release(work=work, release=asked))
        with caller.reading():
            found = shares.batches_by_id(book_id=caller.book.id, ids=wanted)
        total = sum((one.totals.pays.minor for one in found.values()), 0)
        output.result(
            {
                "approval": ids.text("approval", approval),
                "batches": [ids.text("share_batch", one) for one in sorted(found)],
                "total": Money(total, caller.book.currency),
                "left_out": [{"batch": ids.text("share_batch", one), "reason": why} for one, why in left.items()],
                "state": "waiting",
            }
        )


@app.command()
def pay(
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="The id of a batch that is due (shb_…).")],
    reference: Annotated[str, typer.Option(help="By which the bank's statement shows the payment.")],
    reason: Annotated[str, typer.Option(help="Why; the second person reads it.")],
) -> None:
    """Ask for a batch that was paid outside of the platform to be booked as paid from our account; it is once a second person approves."""
    with context.at_work("settlement.run") as caller:
        from yuefu import ids
        from yuefu.settlement import commands as settlement

        found = _found(caller.for_the_book(), batch)
        content = {"reference": reference, "amount_minor": found.totals.pays.minor, "currency": found.totals.pays.currency}
        waiting = asked_before(caller, settlement.PAY, found.id, content)
        payment = settlement.SharePayment(found.id, reference, inputs.reason(reason))
        asked = waiting or caller.acting(lambda work: settlement.propose_share_payments(work=work, payments=[payment])[0])
        output.result(
            {
                "approval": ids.text("approval", asked),
                "batch": batch,
                "due": found.totals.due,
                "pays": found.totals.pays,
                "state": "waiting",
                "again": waiting is not None,
            }
        )


@app.command(
    "dry-run",
    help=f"What a proposed contract would have made of what a merchant sold, next to what there was; nothing is changed.\n\n{CONTRACT_EXAMPLE}",
)
def dry_run(
    merchant: Annotated[str, typer.Argument(metavar="CODE", help="The merchant's code.")],
    file: Annotated[str, typer.Option(metavar="FILE", help="JSON: the whole contract; - is standard input.")],
    since: Annotated[date, typer.Option(metavar="DATE", parser=inputs.day, help="Sold from this day on.")],
    until: Annotated[date | None, typer.Option(metavar="DATE", parser=inputs.day, help="And until this one; today unless given.")] = None,
) -> None:
    with context.at_work("merchant.read") as caller:
        from yuefu.journeys import share_trial

        merchant_id, _ = merchant_named(caller.for_the_book(), merchant)
        terms, last = _terms(caller, merchant_id, file), until or caller.today
        if last < since:
            fail("bad_range", f"{since} is after {last}.")
        with caller.reading():
            found = share_trial.trial(book=caller.book, merchant_id=merchant_id, terms=terms, since=since, until=last)
        was, would_be = (_split(split, found, caller.book.currency) for split in (found.was, found.would_be))
        rows = [[name, was.get(name, ""), would_be.get(name, "")] for name in dict.fromkeys([*was, *would_be])]
        note = f"{found.without_plan} orders have a plan that the proposed contract has not; they keep their discount."
        table = output.table([f"{since} to {last}", "was", "would be"], rows)
        output.result(
            {"merchant": merchant, "since": since, "until": last, "was": was, "would_be": would_be, "without_plan": found.without_plan},
            [table if found.was.count else f"{merchant} sold nothing from {since} to {last}.", *([note] if found.without_plan else [])],
        )


def _terms(caller: Caller, merchant_id: UUID, file: str) -> ContractTerms:
    """The contract of a file, as far as it could be proposed."""
    from yuefu.errors import RefusedError
    from yuefu.merchants import commands as merchants

    agents = agents_of(caller)
    terms = items.one(
        file, CONTRACT, lambda fields, _: contract_of(fields, caller.book.currency, agents), what="This is about one contract: an object"
    )
    with caller.reading():
        fault = merchants.contract_fault(book=caller.book, on=caller.today, merchant_id=merchant_id, contract=terms)
    if fault:
        raise RefusedError(fault)
    return terms


def _split(split: Split, found: Trial, currency: str) -> dict[str, Any]:
    from yuefu.money.amounts import Money

    figures = {"sold": split.sold, "merchant": split.merchant, "discount": split.discount, "tax": split.tax, "platform": split.platform}
    others = {
        f"{party} {level}" if party == "agent" else party: (found.payees, payee_id, minor)
        for (party, level, payee_id), minor in sorted(split.others.items())
    }
    named = {
        f"{place}: {known[payee_id].code}" if payee_id in known else place: minor for place, (known, payee_id, minor) in others.items()
    }
    return {"orders": split.count, **{name: Money(minor, currency) for name, minor in {**figures, **named}.items()}}


def _payee_id(caller: Caller, code: str | None) -> UUID | None:
    from yuefu.merchants.queries import payees

    if code is None:
        return None
    with caller.reading():
        found = payees.by_code(book_id=caller.book.id, codes=[code]).get(code)
    if found is None:
        fail("unknown_payee", f"There is no agent or host {code!r:.60} in this book.")
    return found.id


def _found(caller: Caller, batch: str) -> ShareBatch:
    from yuefu.settlement.queries import shares

    batch_id = inputs.object_id("share_batch", batch)
    with caller.reading():
        found = shares.batches_by_id(book_id=caller.book.id, ids=[batch_id]).get(batch_id)
    if found is None:
        fail(UNKNOWN_BATCH, f"There is no batch {batch!r:.60} here.")
    return found


def _names(found: list[ShareBatch]) -> Mapping[UUID, Payee]:
    from yuefu.merchants.queries import payees

    return payees.by_id(ids=sorted({one.payee_id for one in found}))


def _batch(one: ShareBatch, names: Mapping[UUID, Payee]) -> dict[str, Any]:
    from yuefu import ids

    return {
        "batch": ids.text("share_batch", one.id),
        "pay_on": one.pay_on,
        "party": one.party,
        "payee": names[one.payee_id].code if one.payee_id in names else ids.text("funder", one.payee_id),
        "state": one.state,
        "lines": one.line_count,
        "earned": one.totals.earned,
        "refunded": one.totals.refunded,
        "defaulted": one.totals.defaulted,
        "opening": one.totals.opening,
        "net": one.totals.net,
        "due": one.totals.due,
        "withheld": one.totals.withheld,
        "pays": one.totals.pays,
        "carried": one.totals.carried,
        "reference": one.reference or None,
        "payout": ids.text("payout", one.payout_id) if one.payout_id else None,
        "reason": one.reason or None,
    }


def _line(one: Share) -> dict[str, Any]:
    from yuefu import ids

    return {
        "share": ids.text("share", one.id),
        "kind": one.kind,
        "order": ids.text("order", one.order_id),
        "loan": ids.text("loan", one.loan_id),
        "level": one.level,
        "earned_on": one.earned_on,
        "amount": one.amount,
    }
