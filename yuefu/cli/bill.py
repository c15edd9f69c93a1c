"""`yuefu bill …`: one bill a month over all loans of a consumer: made, shown, listed and paid, and the days it comes on."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.batches import witnessed
from yuefu.cli.consumers import Reference, consumer_named
from yuefu.cli.context import Caller
from yuefu.cli.day import INSTRUMENT
from yuefu.cli.faults import fail
from yuefu.cli.order import only

if TYPE_CHECKING:
    from uuid import UUID

    from yuefu.billing.rules import Bill
    from yuefu.credit.rules import CreditAccount
    from yuefu.journeys.repayment import RepaidTogether

app = typer.Typer(no_args_is_help=True, help="Bills: make, show, list, pay, give back, change the days.")
Key = Annotated[
    str | None, typer.Option(help="The key of the request: the same key gives the first outcome again. A new one unless given.")
]


@app.command()
def make() -> None:
    """Make the bills of all cycles that are over, also of days that were missed; done again it makes none."""
    with context.at_work("jobs.run") as caller:
        from yuefu import ids
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import billing
        from yuefu.journeys.billing import Made

        released = billing.release(desk=caller.to_write().desk, now=caller.now)
        outcomes = billing.make(desk=caller.desk, now=caller.now)
        refused = next((outcome for outcome in outcomes if isinstance(outcome, Refused)), None)
        if refused:
            raise RefusedError(refused)
        made = [outcome for outcome in outcomes if isinstance(outcome, Made)]
        found = [
            {
                "bill": ids.text("bill", one.bill.bill_id),
                "credit_account": ids.text("credit_account", one.account_id),
                "total": one.bill.total,
                "minimum": one.bill.minimum,
            }
            for one in made
            if one.bill
        ]
        aside = len(outcomes) - len(made)
        value = {"bills": found, "without_a_bill": len(made) - len(found), "set_aside": aside, "applied_on_their_day": released}
        lines = [output.table(["bill", "credit account", "total", "minimum"], [list(row.values()) for row in found])]
        lines.append(f"{len(found)} bills were made; {len(made) - len(found)} cycles ended with nothing to pay.")
        lines += [f"{released} payments that waited for their day were applied."] if released else []
        lines += [f"{aside} accounts broke and were set aside: `yuefu quarantine list`."] if aside else []
        output.result(value, lines)


@app.command()
def show(bill: Annotated[str, typer.Argument(metavar="BILL", help="The id of the bill (bill_…).")]) -> None:
    """A bill as it was made, and what is still to be paid of each instalment, which is named by its loan and due day."""
    with context.at_work("consumer.read") as caller:
        from yuefu import ids

        found = _bill(caller.for_the_book(), bill)
        lines = [
            {
                "loan": ids.text("loan", line.loan_id),
                "due_on": line.due_on,
                "amount": line.amount,
                "to_pay": line.to_pay,
                "waiting": line.waiting,
            }
            for line in found.lines
        ]
        value = {**_value(found, caller.today), **_by_transfer(caller, found)}
        columns = ["loan", "due on", "amount", "to pay", "waiting"]
        table = output.table(columns, [list(line.values()) for line in lines])
        output.result({**value, "lines": lines}, [*(f"{name}: {output.shown(one)}" for name, one in value.items()), table])


@app.command("list")
def list_bills(
    reference: Annotated[str | None, typer.Argument(metavar="[REF]", help="A consumer's reference; all of the book unless given.")] = None,
    bill_on: Annotated[
        date | None, typer.Option("--on", metavar="DATE", parser=inputs.day, help="Only those of one bill day, of all consumers.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
) -> None:
    """The latest bills, newest first, with what is still to be paid of each."""
    with context.at_work("consumer.read") as caller:
        from yuefu.billing import queries as bills

        book_id = caller.for_the_book().book.id
        if reference is not None and bill_on is not None:
            fail("one_target", "Name a consumer or a bill day, not both.")
        account = _account(caller, consumer_named(caller, reference), reference) if reference is not None else None
        with caller.reading():
            if account:
                found = bills.bills_of(account_id=account.id, limit=limit)
            else:
                found = bills.latest(book_id=book_id, bill_on=bill_on, limit=limit)
        values = [_value(one, caller.today) for one in found]
        names = ["bill", "bill_on", "due_on", "total", "minimum", "to_pay", "state"]
        rows = [[value[name] for name in names] for value in values]
        output.result({"bills": values}, output.table([name.replace("_", " ") for name in names], rows))


@app.command()
def pay(
    reference: Reference,
    bill: Annotated[str | None, typer.Option("--bill", help="A bill (bill_…): it, and what those before still ask.")] = None,
    loan: Annotated[
        str | None, typer.Option("--loan", help="One loan (loan_…); all that is asked unless a bill or a loan is given.")
    ] = None,
    amount: Annotated[str | None, typer.Option(help="A decimal; all of it unless given.")] = None,
    ahead: Annotated[
        bool, typer.Option("--ahead", help="What is more than asked pays what falls due next, each on its day; else it goes back.")
    ] = False,
    instrument: Annotated[str, typer.Option(help="The card or wallet at the channel.")] = INSTRUMENT,
    key: Key = None,
) -> None:
    """Collect one payment for the bill, one loan or all, and apply it: what is due at once, the rest on the day on which it falls due."""
    with context.at_work("repayment.record") as caller:
        from yuefu.journeys import billing

        request = billing.PayRequest(
            key=inputs.key_or_new(key),
            consumer_id=consumer_named(caller.for_the_book(), reference),
            instrument=instrument,
            bill_id=inputs.object_id("bill", bill) if bill else None,
            loan_id=inputs.object_id("loan", loan) if loan else None,
            amount=inputs.amount_if_given(amount, caller.book.currency),
            ahead=ahead,
        )
        done = only(billing.pay(desk=caller.desk, now=caller.now, requests=[request]))
        value = _paid(done)
        lines = [f"{name}: {output.shown(one)}" for name, one in value.items() if name != "parts"]
        columns = ["collection", "loan", "amount", "principal", "interest", "excess", "waits for"]
        lines.append(output.table(columns, [["" if cell is None else cell for cell in part.values()] for part in value["parts"]]))
        output.result({**value, "key": request.key}, [*lines, f"key: {request.key}"])


@app.command("give-back")
def give_back(
    reference: Reference,
    payment: Annotated[str, typer.Argument(metavar="PAYMENT", help="The id of the payment (pay_…), from `bill pay`.")],
) -> None:
    """Give back what waits of a payment for the day on which it falls due; what was applied before stays applied."""
    with context.at_work("repayment.record") as caller:
        from yuefu import ids
        from yuefu.errors import one
        from yuefu.journeys import billing

        named, wanted = consumer_named(caller.to_write(), reference), inputs.object_id("collection", payment)
        done = one(billing.give_back(desk=caller.desk, now=caller.now, consumer_id=named, collection_ids=[wanted]))
        output.result({"payment": ids.text("collection", done.collection_id), "amount": done.amount})


@app.command()
def days(
    reference: Reference,
    bill_day: Annotated[int | None, typer.Option(help="The new day of the month of the bill, 1 to 28; as it is unless given.")] = None,
    repayment_day: Annotated[int | None, typer.Option(help="The new repayment day, 1 to 28; as it is unless given.")] = None,
    reasons: Annotated[
        list[str] | None, typer.Option("--reason", help="Why, as a code, e.g. salary_day_moved; repeat for several.")
    ] = None,
    key: Key = None,
) -> None:
    """On which days of the month a consumer is billed and repays, with their history; with --bill-day or --repayment-day, change them from the
    next bill day on.
    """
    changing = bill_day is not None or repayment_day is not None
    with context.at_work("credit.change_days") if changing else context.at_work("consumer.read") as caller:
        from yuefu import ids
        from yuefu.credit import commands as credit
        from yuefu.credit import queries as accounts

        account = _account(caller.for_the_book(), consumer_named(caller, reference), reference)
        request, again = inputs.key_or_new(key), False
        if changing:
            with caller.reading():
                last = accounts.days_history(account_id=account.id)[-1].step
            change = credit.ChangeDays(
                request,
                account.id,
                last.bill_day if bill_day is None else bill_day,
                last.repayment_day if repayment_day is None else repayment_day,
                tuple(map(inputs.reason_code, reasons or ["asked_by_consumer"])),
            )
            seen, witness = witnessed(caller)
            seen.acting(lambda work: credit.change_days(work=work, changes=[change])[0])
            with caller.reading():
                again = accounts.days_history(account_id=account.id)[-1].id not in witness.made
        with caller.reading():
            history = accounts.days_history(account_id=account.id)
            held = accounts.accounts(ids=[account.id])[account.id]
        told = [
            {
                "from": one.step.from_on,
                "bill_day": one.step.bill_day,
                "repayment_day": one.step.repayment_day,
                "reasons": list(one.reasons),
                "by": one.recorded_by,
                "at": one.recorded_at,
            }
            for one in history
        ]
        value: dict[str, Any] = {
            "credit_account": ids.text("credit_account", account.id),
            "consumer": reference,
            "bill_day": held.bill_day,
            "repayment_day": held.repayment_day,
        }
        shown = [f"{name}: {output.shown(one)}" for name, one in value.items()]
        table = output.table(["from", "bill day", "repayment day", "reasons", "by", "at"], [list(one.values()) for one in told])
        output.result({**value, "history": told, **({"key": request, "again": again} if changing else {})}, [*shown, table])


def _bill(caller: Caller, text: str) -> Bill:
    from yuefu.billing import queries as bills

    wanted = inputs.object_id("bill", text)
    with caller.reading():
        found = bills.bills(book_id=caller.book.id, ids=[wanted]).get(wanted)
    if found is None:
        fail("unknown_bill", f"There is no bill {text} in this book.")
    return found


def _by_transfer(caller: Caller, bill: Bill) -> dict[str, Any]:
    """How the bill is paid by bank transfer: to which account, and what is quoted."""
    from yuefu.payments import queries as payments
    from yuefu.payments.rules.references import grouped

    with caller.reading():
        account = payments.money_accounts(book_id=caller.book.id)["operating"]
        known = payments.payer_references(book_id=caller.book.id, consumer_ids=[bill.consumer_id]).get(bill.consumer_id)
    return {"pay_to_account": account.number, "quote_reference": grouped(known) if known else None}


def _account(caller: Caller, consumer_id: UUID, reference: str) -> CreditAccount:
    from yuefu.credit import queries as credit

    with caller.reading():
        account = credit.accounts_of(consumer_ids=[consumer_id], currency=caller.book.currency).get(consumer_id)
    if account is None:
        fail("unknown_account", f"{reference} has no credit account in this book.")
    return account


def _value(bill: Bill, today: date) -> dict[str, Any]:
    from yuefu import ids

    return {
        "bill": ids.text("bill", bill.id),
        "credit_account": ids.text("credit_account", bill.account_id),
        "consumer": ids.text("consumer", bill.consumer_id),
        "no": bill.no,
        "first_on": bill.first_on,
        "bill_on": bill.bill_on,
        "due_on": bill.due_on,
        "total": bill.total,
        "minimum": bill.minimum,
        "to_pay": bill.to_pay,
        "state": bill.state(today),
    }


def _paid(done: RepaidTogether) -> dict[str, Any]:
    from yuefu import ids

    parts = [
        {
            "collection": ids.text("collection", part.collection_id),
            "loan": ids.text("loan", part.loan_id),
            "amount": part.amount,
            "principal": part.principal,
            "interest": part.interest,
            "charges": part.charges,
            "excess": part.excess,
            "waits_for": part.waits_for,
        }
        for part in done.parts
    ]
    return {
        "payment": ids.text("collection", done.collection_id),
        "state": done.state,
        "amount": done.amount,
        "failure_code": done.failure_code,
        "parts": parts,
    }
