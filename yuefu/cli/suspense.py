"""`yuefu suspense …`: money that came by bank transfer and that nobody has explained; matched by a person, undone, given back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.consumers import Reference, consumer_named
from yuefu.cli.context import Caller
from yuefu.cli.faults import fail
from yuefu.cli.order import only

if TYPE_CHECKING:
    from uuid import UUID

    from yuefu.payments.rules import Receipt, Return

app = typer.Typer(no_args_is_help=True, help="Bank transfers: what came, whose it is, what goes back.")
Which = Annotated[str, typer.Argument(metavar="RECEIPT", help="The id of the receipt (rcpt_…), from `suspense list`.")]
Amount = Annotated[str | None, typer.Option(help="A decimal; all that is left unless given.")]
Reason = Annotated[str, typer.Option(help="Why; kept with it.")]
Key = Annotated[
    str | None, typer.Option(help="The key of the request: the same key gives the first outcome again. A new one unless given.")
]


@app.command()
def reference(consumer: Reference) -> None:
    """The reference that a consumer quotes in a bank transfer, and the account to pay to; made where they had none."""
    with context.at_work("consumer.read") as caller:
        from yuefu.payments import commands as payments
        from yuefu.payments import queries as payment_book
        from yuefu.payments.rules.references import grouped

        named = consumer_named(caller.for_the_book(), consumer)
        with caller.reading():
            known = payment_book.payer_references(book_id=caller.book.id, consumer_ids=[named])
            account = payment_book.money_accounts(book_id=caller.book.id)["operating"]
        if named not in known:
            known = caller.acting(lambda work: payments.name_payers(work=work, consumer_ids=[named]))
        output.result({"consumer": consumer, "reference": known[named], "written": grouped(known[named]), "account": account.number})


@app.command()
def receive(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The bank's file of an account (CSV, UTF-8 or GB18030); the bank is asked unless given."),
    ] = None,
) -> None:
    """Book what came: what the bank tells of the last days, or line by line what its file says. Again, nothing is new."""
    with context.at_work("jobs.run") as caller:
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import receipts

        now = caller.to_write().now
        if file is None:
            output.result({"book": caller.book.code, "at": now, "new": receipts.poll(desk=caller.desk, now=now)})
            return
        lines = receipts.take_file(desk=caller.desk, now=now, data=inputs.file_content(file))
        if isinstance(lines, Refused):
            raise RefusedError(lines)
        told = [{"line": line.no, **_outcome(line.outcome)} for line in lines]
        new = sum(one["outcome"] == "booked" for one in told)
        failed = sum(one["outcome"] == "refused" for one in told)
        rows = [[one["line"], one["outcome"], one["receipt"], one["left"], one["why"]] for one in told]
        text = [output.table(["line", "outcome", "receipt", "left", "why"], rows)] if rows else []
        output.result({"lines": told, "new": new, "refused": failed}, [*text, f"{new} are new; {failed} lines could not be booked."])


def _outcome(outcome: Any) -> dict[str, Any]:
    from yuefu import ids
    from yuefu.errors import Refused
    from yuefu.payments.commands import Taken

    if isinstance(outcome, Taken):
        receipt = outcome.receipt
        said = "booked" if outcome.fresh else "known"
        return {
            "outcome": said,
            "receipt": ids.text("receipt", receipt.id),
            "left": receipt.left,
            "code": receipt.code or None,
            "why": receipt.code,
        }
    code, why = (outcome.code, outcome.detail) if isinstance(outcome, Refused) else ("broke", outcome.error)
    said = "left_out" if code == "went_out" else "refused"
    return {"outcome": said, "receipt": None, "left": None, "code": code, "why": why}


@app.command("list")
def list_receipts(
    everything: Annotated[bool, typer.Option("--all", help="Those that are explained too.")] = False,
    after: Annotated[str | None, typer.Option(metavar="RECEIPT", help="From behind this one on: `next` of the page before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """What is in suspense, those heard of first first, with how long it has been waiting and why."""
    with context.at_work("suspense.read") as caller:
        from yuefu.payments import queries as payments

        book_id = caller.for_the_book().book.id
        behind = inputs.object_id("receipt", after) if after else None
        listed = payments.receipts_listed if everything else payments.in_suspense
        with caller.reading():
            found = listed(book_id=book_id, after=behind, limit=limit + 1)
            names = _references(caller, found)
        told = [_value(caller, one, names) for one in found[:limit]]
        columns = ["receipt", "came_on", "age_days", "amount", "left", "code", "consumer"]
        more = told[-1]["receipt"] if len(found) > limit else None
        table = output.table([name.replace("_", " ") for name in columns], [[one[name] for name in columns] for one in told])
        text = [table, *([f"There are more: --after {more}"] if more else [])] if told else "Nothing is in suspense."
        output.result({"receipts": told, "next": more}, text)


@app.command()
def show(receipt: Which) -> None:
    """A receipt: who paid and what they wrote, what became of it, and whose it may be."""
    with context.at_work("suspense.read") as caller:
        from dataclasses import asdict

        from yuefu import ids
        from yuefu.journeys import suspense
        from yuefu.payments import queries as payments
        from yuefu.runtime.vault import mask

        found = _receipt(caller, receipt)
        with caller.reading():
            payer = payments.payer(found, vault=caller.desk.vault)
            matches = payments.matches_of(book_id=caller.book.id, receipt_ids=[found.id]).get(found.id, [])
            debts = suspense.debts_paid(book_id=caller.book.id, receipt_id=found.id)
            returns = payments.returns_of(book_id=caller.book.id, receipt_ids=[found.id]).get(found.id, [])
            near = (
                suspense.suggestions(book_id=caller.book.id, vault=caller.desk.vault, receipt=found, on=caller.today) if found.left else []
            )
            names = _references(caller, [found], [*(m.consumer_id for m in matches), *(s.consumer_id for s in near)])
        value = {
            **_value(caller, found, names),
            "payer": {**asdict(payer), "account": mask(payer.account, head=4, tail=4)},
            "matches": [
                {
                    "match": ids.text("match", m.id),
                    "consumer": names[m.consumer_id],
                    "payment": ids.text("collection", m.collection_id),
                    "amount": m.amount,
                    "back": m.back,
                    "by": m.actor,
                    "reason": m.reason,
                    "at": m.matched_at,
                }
                for m in matches
            ],
            "debts": [
                {"merchant": one.merchant.code, "amount": one.amount, "by": one.actor, "reason": one.reason, "at": one.taken_at}
                for one in debts
            ],
            "returns": [_return(one) for one in returns],
            "suggestions": [
                {"consumer": names[s.consumer_id], "why": s.why, "bill": ids.text("bill", s.bill_id) if s.bill_id else None} for s in near
            ],
        }
        lines = [
            f"{name}: {output.shown(one)}"
            for name, one in value.items()
            if name not in ("matches", "debts", "returns", "suggestions", "payer")
        ]
        lines += [f"payer: {payer.name} {value['payer']['account']}", f"text: {payer.text}"]
        for name in ("matches", "debts", "returns", "suggestions"):
            rows = value[name]
            lines += (
                [f"{name}:", output.table(list(rows[0]), [["" if c is None else c for c in row.values()] for row in rows])] if rows else []
            )
        output.result(value, lines)


@app.command()
def match(
    receipt: Which,
    reason: Reason,
    consumer: Annotated[
        str | None, typer.Option(metavar="REF", help="The consumer it is from: over all their loans, what is due first.")
    ] = None,
    loan: Annotated[str | None, typer.Option(metavar="LOAN", help="Or the loan it is for (loan_…).")] = None,
    bill: Annotated[str | None, typer.Option(metavar="BILL", help="Or the bill it is for (bill_…).")] = None,
    amount: Amount = None,
    key: Key = None,
) -> None:
    """Say whose a receipt is, or a part of it: it is then a payment, as of the day on which the bank had it."""
    with context.at_work("suspense.match") as caller:
        from yuefu import ids
        from yuefu.journeys import receipts

        if sum(one is not None for one in (consumer, loan, bill)) != 1:
            fail("one_target", "Name a consumer, a loan or a bill: just one of them.")
        found = _receipt(caller, receipt)
        asked = receipts.MatchRequest(
            inputs.key_or_new(key),
            found.id,
            inputs.reason(reason),
            consumer_id=consumer_named(caller, consumer) if consumer else None,
            loan_id=inputs.object_id("loan", loan) if loan else None,
            bill_id=inputs.object_id("bill", bill) if bill else None,
            amount=inputs.amount_if_given(amount, found.amount.currency),
        )
        done = only(receipts.match(desk=caller.to_write().desk, now=caller.now, requests=[asked]))
        parts = [
            {
                "loan": ids.text("loan", part.loan_id),
                "amount": part.amount,
                "principal": part.principal,
                "interest": part.interest,
                "excess": part.excess,
                "waits_for": part.waits_for,
            }
            for part in done.parts
        ]
        value = {
            "match": ids.text("match", done.match.id),
            "receipt": receipt,
            "payment": ids.text("collection", done.match.collection_id),
            "amount": done.match.amount,
            "left": done.left,
        }
        table = output.table(
            [name.replace("_", " ") for name in parts[0]], [["" if c is None else c for c in part.values()] for part in parts]
        )
        text = [*(f"{name}: {output.shown(one)}" for name, one in value.items()), table, f"key: {asked.key}"]
        output.result({**value, "parts": parts, "key": asked.key}, text)


@app.command()
def unmatch(
    match: Annotated[str, typer.Argument(metavar="MATCH", help="The id of the match (mtc_…), from `suspense show`.")],
    reason: Reason,
    key: Key = None,
) -> None:
    """Undo a match that was wrong: its loans are as if it had never been paid, and its money is left of the receipt again."""
    with context.at_work("suspense.match") as caller:
        from yuefu import ids
        from yuefu.journeys import receipts

        wanted, request = inputs.object_id("match", match), inputs.key_or_new(key)
        done = only(
            [receipts.undo(desk=caller.to_write().desk, now=caller.now, match_id=wanted, key=request, reason=inputs.reason(reason))]
        )
        output.result(
            {"match": match, "receipt": ids.text("receipt", done.match.receipt_id), "back": done.back, "stays": done.stays, "key": request}
        )


@app.command("return")
def give_back(receipt: Which, reason: Reason, amount: Amount = None, key: Key = None) -> None:
    """Give what is left of a receipt, or a part of it, back to the account it came from."""
    with context.at_work("suspense.return") as caller:
        from yuefu.journeys import receipts
        from yuefu.payments.commands import ReturnOrder

        found = _receipt(caller, receipt)
        given = inputs.amount_if_given(amount, found.amount.currency)
        order = ReturnOrder(inputs.key_or_new(key), found.id, given, inputs.reason(reason))
        done = only(receipts.give_back(desk=caller.to_write().desk, now=caller.now, orders=[order]))
        output.result({**_return(done), "receipt": receipt, "key": order.key})


@app.command()
def deposit(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="A decimal.")],
    text: Annotated[str, typer.Option(help="What the payer writes, e.g. their reference.")] = "",
    payer: Annotated[str, typer.Option(help="The account it comes from.")] = "6217000010001234567",
    name: Annotated[str, typer.Option(help="Whose account that is.")] = "李四",
    key: Key = None,
) -> None:
    """Let somebody transfer money to us at the bank of the sandbox, to try it out: test books only. We hear of it when the bank is asked."""
    with context.at_work("jobs.run") as caller:
        from yuefu.payments.gateways.sandbox import SandboxBank
        from yuefu.payments.rules import OPERATING_NUMBER

        bank = caller.to_write().desk.bank
        if caller.book.mode != "test" or not isinstance(bank, SandboxBank):
            fail("live_book", "Only in a test book money comes because somebody says so.")
        request, money = inputs.key_or_new(key), inputs.amount(amount, caller.book.currency)
        if money.minor <= 0:
            fail("amount_not_positive", "An amount above zero is needed.")
        told = bank.deposit(
            account=OPERATING_NUMBER, payer_account=payer, payer_name=name, amount=money, text=text, key=request, now=caller.now
        )
        output.result({"number": told.number, "account": told.account, "amount": told.amount, "key": request})


def _receipt(caller: Caller, text: str) -> Receipt:
    from yuefu.payments import queries as payments

    wanted = inputs.object_id("receipt", text)
    with caller.for_the_book().reading():
        found = payments.receipts(book_id=caller.book.id, ids=[wanted]).get(wanted)
    if found is None:
        fail("unknown_receipt", f"There is no receipt {text:.60} in this book.")
    return found


def _references(caller: Caller, found: list[Receipt], others: list[UUID] | None = None) -> dict[UUID, str]:
    """The references of the consumers that receipts are of, and of others."""
    from yuefu.consumers import queries as consumers

    wanted = sorted({one.consumer_id for one in found if one.consumer_id} | set(others or []))
    return {one: shown.external_ref for one, shown in consumers.shown(ids=wanted, vault=caller.desk.vault).items()}


def _value(caller: Caller, receipt: Receipt, names: dict[UUID, str]) -> dict[str, Any]:
    from yuefu import ids

    return {
        "receipt": ids.text("receipt", receipt.id),
        "number": receipt.number,
        "amount": receipt.amount,
        "left": receipt.left,
        "state": receipt.state,
        "code": receipt.code or None,
        "consumer": names[receipt.consumer_id] if receipt.consumer_id else None,
        "came_on": receipt.came_on,
        "age_days": (caller.today - receipt.came_on).days,
        "heard_by": receipt.heard_by,
        "heard_at": receipt.heard_at,
    }


def _return(one: Return) -> dict[str, Any]:
    from yuefu import ids

    return {
        "return": ids.text("return", one.id),
        "amount": one.amount,
        "state": one.state,
        "failure_code": one.failure_code or None,
        "paid_on": one.paid_on,
        "returned_on": one.returned_on,
        "by": one.actor,
        "reason": one.reason,
    }
