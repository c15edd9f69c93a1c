"""`yuefu aftersale …`: return, part return, exchange, repair and price protection: asked, previewed, decided, done, shown and listed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.faults import fail
from yuefu.cli.order import OrderName, only, order_of

if TYPE_CHECKING:
    from uuid import UUID

    from yuefu.aftersales.rules import Case
    from yuefu.cli.context import Caller
    from yuefu.journeys.aftersales import Effect

app = typer.Typer(no_args_is_help=True, help="After-sales: open, preview, decide, goods, done, cancel, show, list.")

CaseName = Annotated[str, typer.Argument(metavar="CASE", help="The id of the case (afts_…).")]
Reason = Annotated[str, typer.Option(help="Why; kept with the case.")]
Paid = Annotated[str, typer.Option(help="For dearer goods: the payment to the merchant, or the new order, that pays the difference.")]
Key = Annotated[
    str | None, typer.Option(help="The key of the request: the same key gives the first outcome again. A new one unless given.")
]


@app.command("open")
def open_case(
    order: OrderName,
    kind: Annotated[str, typer.Option(help="return, part_return, exchange, repair or price_protection.")],
    items: Annotated[str, typer.Option(help="Which goods.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    amount: Annotated[
        str | None, typer.Option(help="A decimal: of a part return what goes back, of an exchange what the old goods were sold for.")
    ] = None,
    price: Annotated[
        str | None, typer.Option(help="A decimal: of an exchange the price of the other goods, else the lower one of all that is kept.")
    ] = None,
    seen_on: Annotated[
        date | None, typer.Option(metavar="DATE", parser=inputs.day, help="Of price protection, the day on which the lower price was seen.")
    ] = None,
    asked_by: Annotated[str, typer.Option(help="consumer, merchant or platform.")] = "consumer",
    key: Key = None,
) -> None:
    """Ask for something after a sale. Nothing happens yet; `preview` tells to the cent what will."""
    with context.at_work("order.refund") as caller:
        from yuefu.aftersales.rules import Asked
        from yuefu.journeys import aftersales

        found = order_of(caller.to_write(), order)
        money = [inputs.amount_if_given(text, found.currency) for text in (amount, price)]
        asked = Asked(kind, asked_by, items, reason, money[0], money[1], seen_on)
        request = aftersales.CaseRequest(inputs.key_or_new(key), found.id, asked)
        case = only(aftersales.ask(desk=caller.desk, now=caller.now, requests=[request]))
        output.result({**_value(case), "key": request.key})


@app.command()
def preview(case: CaseName, difference_paid: Paid = "") -> None:
    """What a case will do, found by doing it and undoing that: instalments before and after, the merchant's side, what goes back and from where."""
    with context.at_work("order.refund") as caller:
        from yuefu.errors import Refused, RefusedError
        from yuefu.journeys import aftersales

        named = inputs.object_id("aftersale", case)
        told = aftersales.preview(desk=caller.to_write().desk, now=caller.now, case_id=named, difference_paid=difference_paid)
        if isinstance(told, Refused):
            raise RefusedError(told)
        output.result({"case": case, "effect": _effect(told)}, _told(told))


@app.command()
def decide(
    case: CaseName,
    agree: Annotated[bool, typer.Option("--agree/--decline", help="Whether it is agreed to.")],
    reason: Reason,
    by_merchant: Annotated[bool, typer.Option(help="The merchant answers, who has so many days; else the platform does.")] = False,
    key: Key = None,
) -> None:
    """Agree to what was asked, or decline it: before the goods come in, or when they were looked at."""
    _step(case, "agreed" if agree else "declined", reason, key, by_merchant=by_merchant)


@app.command()
def goods(
    case: CaseName,
    reason: Reason,
    on: Annotated[
        date | None, typer.Option(metavar="DATE", parser=inputs.day, help="The day on which they came; today unless given.")
    ] = None,
    key: Key = None,
) -> None:
    """The goods came in, today or on an earlier day. While they are repaired the loan rests, as the book has it."""
    _step(case, "in_hand", reason, key, handed_on=on)


@app.command()
def done(case: CaseName, reason: Reason, difference_paid: Paid = "", key: Key = None) -> None:
    """Do what the case is about: refund, exchange, or hand repaired goods back."""
    _step(case, "done", reason, key, difference_paid=difference_paid)


@app.command()
def cancel(case: CaseName, reason: Reason, key: Key = None) -> None:
    """End a case whose goods have not come in."""
    _step(case, "cancelled", reason, key)


def _step(case: str, to: str, reason: str, key: str | None, **more: Any) -> None:
    with context.at_work("order.refund") as caller:
        from yuefu.journeys import aftersales

        named = inputs.object_id("aftersale", case)
        request = aftersales.StepRequest(inputs.key_or_new(key), named, to, inputs.reason(reason), **more)
        moved = only(aftersales.take(desk=caller.to_write().desk, now=caller.now, requests=[request]))
        value = {"case": case, "state": moved.state, "step": moved.no, "effect": _effect(moved.effect), "key": request.key}
        output.result(value, [f"The case is {moved.state}.", *_told(moved.effect)])


@app.command()
def show(case: CaseName) -> None:
    """A case with its history, and what each step did."""
    with context.at_work("order.read") as caller:
        from yuefu.aftersales import queries
        from yuefu.journeys import aftersales

        named = inputs.object_id("aftersale", case)
        with caller.for_the_book().reading():
            found = queries.cases(book_id=caller.book.id, ids=[named]).get(named)
            if found is None:
                fail("unknown_case", f"There is no case {case} in this book: `yuefu aftersale list` has them.")
            steps = queries.steps(case_ids=[named])[named]
            effects = aftersales.effects(book_id=caller.book.id, case_ids=[named])[named]
        history = [
            {
                "step": one.no,
                "state": one.state,
                "on": one.on,
                "by": one.actor,
                "reason": one.reason,
                **({"effect": _effect(effects[one.no])} if one.no in effects else {}),
            }
            for one in steps
        ]
        value = {**_value(found), "history": history}
        columns = ["kind", "state", "amount", "price", "refunded", "answer_by"]
        lines = [output.table(columns, [[value[name] for name in columns]])]
        lines.append(
            output.table(["step", "state", "on", "by", "reason"], [[one.no, one.state, one.on, one.actor, one.reason] for one in steps])
        )
        for effect in effects.values():
            lines += _told(effect)
        output.result(value, lines)


@app.command("list")
def list_cases(
    order: Annotated[str | None, typer.Option(metavar="ORDER", help="Only those of this order.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only those of this kind; repeatable.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only those in this state; repeatable.")] = None,
    unanswered: Annotated[bool, typer.Option("--unanswered", help="Only those that the merchant did not answer in time.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
) -> None:
    """Cases, newest first."""
    with context.at_work("order.read") as caller:
        from yuefu.aftersales import queries, rules

        for code, given, known in (("unknown_kind", kind, rules.KINDS), ("unknown_state", state, rules.STATES)):
            for one in given or []:
                if one not in known:
                    fail(code, f"It is one of {', '.join(known)}, not {one!r:.40}.")
        order_id = _order_id(caller.for_the_book(), order)
        with caller.reading():
            found = queries.listed(
                book_id=caller.book.id,
                order_id=order_id,
                kinds=kind or [],
                states=state or [],
                unanswered_on=caller.today if unanswered else None,
                limit=limit,
            )
        told = [_value(one) for one in found]
        columns = ["case", "order", "kind", "state", "amount", "price", "refunded", "answer_by"]
        rows = [[one[name] for name in columns] for one in told]
        output.result({"cases": told}, output.table(columns, rows) if told else "There is no such after-sales case.")


def _order_id(caller: Caller, order: str | None) -> UUID | None:
    return order_of(caller, order).id if order else None


def _value(case: Case) -> dict[str, Any]:
    from yuefu import ids

    asked = case.asked
    return {
        "case": ids.text("aftersale", case.id),
        "order": ids.text("order", case.order_id),
        "kind": asked.kind,
        "state": case.state,
        "asked_by": asked.asked_by,
        "items": asked.items,
        "reason": asked.reason,
        "amount": asked.amount,
        "price": asked.price,
        "seen_on": asked.seen_on,
        "opened_on": case.opened_on,
        "answer_by": case.answer_by,
        "goods_came_on": case.handed_on,
        "difference_paid": case.difference_paid,
        "refunded": case.refunded,
        "paused_until": case.paused_until,
    }


def _effect(effect: Effect) -> dict[str, Any]:
    from yuefu import ids

    parts = ("principal", "interest", "charges", "unpaid")
    return {
        "refunded": effect.refunded,
        "owed_back": effect.owed_back,
        "interest_less": effect.interest_less,
        "charges_less": effect.charges_less,
        "paused_until": effect.paused_until,
        "instalments": [
            {
                "capture": ids.text("capture", one.capture_id),
                "no": one.no,
                "due_on": one.due_on,
                "before": dict(zip(parts, one.before, strict=True)),
                "after": dict(zip(parts, one.after, strict=True)),
            }
            for one in effect.instalments
        ],
        "merchant": [
            {
                "capture": ids.text("capture", one.capture_id),
                "gross": one.gross,
                "fee": one.fee,
                "discount": one.discount,
                "net": one.net,
                "fee_on_refund": one.fee_on_refund,
                "settles_on": one.settles_on,
            }
            for one in effect.merchant
        ],
        "back": [{"collection": ids.text("collection", one.collection_id), "amount": one.amount} for one in effect.back],
    }


def _told(effect: Effect) -> list[str]:
    """An effect for people: a sentence or a table for each side of it that there is."""
    from yuefu import ids

    lines = [f"Refunded: {effect.refunded}; of that to the consumer: {effect.owed_back}; interest less: {effect.interest_less}."]
    if effect.instalments:
        rows = [[one.due_on, one.before[3], one.after[3]] for one in effect.instalments]
        lines.append(output.table(["due on", "unpaid before", "unpaid after"], rows))
    if effect.merchant:
        sides = [[one.gross, one.fee, one.discount, one.net, one.settles_on or "with the sale"] for one in effect.merchant]
        lines.append(output.table(["gross", "fee", "discount", "net to the merchant", "settles on"], sides))
    lines += [f"{one.amount} goes back through {ids.text('collection', one.collection_id)}." for one in effect.back]
    lines += [f"The loan rests until {effect.paused_until}."] if effect.paused_until else []
    return lines
