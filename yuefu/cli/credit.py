"""`yuefu credit …`: the credit account of a consumer, named by the consumer's reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import batches, context, inputs, output
from yuefu.cli.consumers import Reference, consumer_named
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail
from yuefu.money.amounts import Money

if TYPE_CHECKING:
    from yuefu.credit.rules import CreditAccount

app = typer.Typer(no_args_is_help=True, help="Credit accounts of consumers.")
Key = Annotated[str | None, typer.Option(help="The key of the request; a new one unless given.")]
Limit = Annotated[str, typer.Option("--limit", help="A decimal, e.g. 5000.00.")]
Currency = Annotated[str | None, typer.Option("--currency", help="The currency of the limit; the book's unless given.")]
Reason = Annotated[str, typer.Option(help="Why, as a code, e.g. overdue.")]


@app.command("open")
def open_account(
    reference: Reference,
    limit: Limit,
    repayment_day: Annotated[int, typer.Option(help="The day of the month on which instalments fall due, 1 to 28.")],
    bill_day: Annotated[
        int | None, typer.Option(help="The day of the month of the bill; ten days before the repayment day unless given.")
    ] = None,
    currency: Currency = None,
    key: Key = None,
) -> None:
    """Give a consumer a credit line under the risk policy in force."""
    with context.at_work("credit.open") as caller:
        from yuefu import ids
        from yuefu.credit import commands as credit
        from yuefu.credit.rules import usual_bill_day
        from yuefu.journeys.checkout import RISK_POLICY
        from yuefu.runtime import policies

        named = consumer_named(caller.for_the_book(), reference)
        line = _limit(caller, limit, currency)
        with caller.reading():
            policy, _ = policies.in_force(book_id=caller.book.id, name=RISK_POLICY, on=caller.today)
        days = (usual_bill_day(repayment_day) if bill_day is None else bill_day, repayment_day)
        for day in days:
            if not 1 <= day <= 28:
                fail("day_invalid", "A day of the month is between 1 and 28, so that every month has it.")
        new = credit.OpenAccount(inputs.key_or_new(key), named, line, *days, policy)
        done = batches.only_one(caller, lambda work: credit.open_accounts(work=work, accounts=[new]))
        value = {"credit_account": ids.text("credit_account", done.id), "consumer": reference, "limit": line}
        output.result(
            {**value, "bill_day": days[0], "repayment_day": repayment_day, "policy_version": policy, "key": new.key, "again": done.again}
        )


@app.command("limit")
def change_limit(
    reference: Reference,
    limit: Limit,
    reasons: Annotated[list[str], typer.Option("--reason", help="Why, as a code, e.g. income_proven; repeat for several.")],
    currency: Currency = None,
    key: Key = None,
) -> None:
    """Change a limit. It may be cut below what is drawn; that can then only fall."""
    with context.at_work("credit.change_limit") as caller:
        from yuefu.credit import commands as credit

        account = _account(caller.for_the_book(), reference)
        request = inputs.key_or_new(key)
        change = credit.ChangeLimit(request, account.id, _limit(caller, limit, currency), tuple(map(inputs.reason_code, reasons)))
        done = batches.only_one(caller, lambda work: credit.change_limits(work=work, changes=[change]))
        output.result({**_value(caller, reference), "key": request, "again": done.again})


@app.command()
def freeze(reference: Reference, reason: Reason) -> None:
    """Let nothing more be drawn. Again, it stays frozen."""
    _change(reference, reason, "credit.freeze", "freeze", "frozen")


@app.command()
def unfreeze(reference: Reference, reason: Reason) -> None:
    """Let a frozen account be drawn on again."""
    _change(reference, reason, "credit.freeze", "unfreeze", "active")


@app.command()
def close(reference: Reference, reason: Reason) -> None:
    """Close an account on which nothing is drawn or held; there is no way back."""
    _change(reference, reason, "credit.close", "close", "closed")


@app.command()
def show(reference: Reference) -> None:
    """The account and every step of its limit."""
    with context.at_work("consumer.read") as caller:
        from yuefu.credit import queries as credit

        account = _account(caller.for_the_book(), reference)
        with caller.reading():
            steps = credit.limit_history(account_id=account.id)
        currency = account.limit.currency
        history: list[dict[str, Any]] = [
            {
                "at": s.recorded_at,
                "from": Money(s.old_minor, currency),
                "to": Money(s.new_minor, currency),
                "reasons": list(s.reasons),
                "by": s.recorded_by,
            }
            for s in steps
        ]
        value = _value(caller, reference)
        lines = [f"{name}: {output.shown(found)}" for name, found in value.items()]
        table = output.table(["at", "from", "to", "reasons", "by"], [list(step.values()) for step in history])
        output.result({**value, "history": history}, [*lines, table])


def _change(reference: str, reason: str, permission: str, verb: str, state: str) -> None:
    with context.at_work(permission) as caller:
        from yuefu.credit import commands as credit

        account = _account(caller.for_the_book(), reference)
        change = credit.StateChange(account.id, inputs.reason_code(reason))
        act = {"freeze": credit.freeze, "unfreeze": credit.unfreeze, "close": credit.close}[verb]
        if account.state != state:
            caller.acting(lambda work: act(work=work, changes=[change])[0])
        output.result({**_value(caller, reference), "again": account.state == state})


def _limit(caller: Caller, text: str, currency: str | None) -> Money:
    """A limit of nothing is one."""
    return Money.parse(text, currency or caller.book.currency)


def _account(caller: Caller, reference: str) -> CreditAccount:
    from yuefu.credit import queries as credit

    named = consumer_named(caller, reference)
    with caller.reading():
        account = credit.accounts_of(consumer_ids=[named], currency=caller.book.currency).get(named)
    if account is None:
        fail("unknown_account", f"{reference} has no credit account in this book.")
    return account


def _value(caller: Caller, reference: str) -> dict[str, Any]:
    from yuefu import ids

    account = _account(caller, reference)
    return {
        "credit_account": ids.text("credit_account", account.id),
        "consumer": reference,
        "state": account.state,
        "limit": account.limit,
        "bill_day": account.bill_day,
        "repayment_day": account.repayment_day,
    }
