"""`yuefu collect reage|reschedule|reamortise|pause-interest|pause-arrears|waive|charge-off|write-off|undo-write-off|recover`: what is done about a loan."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from yuefu.cli import batches, context, inputs, output
from yuefu.cli.faults import fail
from yuefu.cli.order import only

if TYPE_CHECKING:
    from collections.abc import Callable

    from yuefu.cli.context import Caller
    from yuefu.loans.commands.trying import Look, Trial
    from yuefu.plans.lifecycle.events import Event, Undone

Loan = Annotated[str, typer.Argument(metavar="LOAN", help="The id of the loan (loan_…).")]
Reason = Annotated[str, typer.Option(help="Why, in words that a second person reads.")]
Try = Annotated[bool, typer.Option("--try", help="Only show what would change; nothing is proposed.")]
Key = Annotated[str | None, typer.Option(help="The key of the request; a new one unless given.")]
Periods = Annotated[int, typer.Option(min=1, max=600, help="How many instalments.")]
_WHY = "asked for by the borrower"


def register(app: typer.Typer) -> None:
    """Adds the commands to those of `collect`."""
    for name, command in (
        ("reage", reage),
        ("reschedule", reschedule),
        ("reamortise", reamortise),
        ("pause-interest", pause_interest),
        ("pause-arrears", pause_arrears),
        ("waive", waive),
        ("charge-off", charge_off),
        ("write-off", write_off),
        ("undo-write-off", undo_write_off),
        ("recover", recover),
    ):
        app.command(name)(command)


def _day(option: str, words: str) -> Any:
    return typer.Option(option, metavar="DATE", parser=inputs.day, help=words)


def reage(
    loan: Loan,
    first: Annotated[date, _day("--first", "The day on which the first new instalment falls due.")],
    periods: Periods,
    reason: Reason = _WHY,
    only_try: Try = False,
    key: Key = None,
) -> None:
    """Let all unpaid principal fall due anew, month by month; a second person approves it."""

    def event(caller: Caller) -> Event:
        from yuefu.plans.lifecycle.events import Reaged

        return Reaged(caller.today, first, periods)

    _propose(loan, event, reason, only_try, key)


def reschedule(
    loan: Loan,
    from_: Annotated[date, _day("--from", "The due day from which on it changes.")],
    to: Annotated[date | None, _day("--to", "Another due day for it and, month by month, those after.")] = None,
    extra: Annotated[int, typer.Option(min=0, max=600, help="So many more instalments.")] = 0,
    grace: Annotated[int, typer.Option(min=0, max=600, help="So many instalments without principal first.")] = 0,
    rate: Annotated[str | None, typer.Option(metavar="PERCENT", help="Another rate a year, e.g. 9.5.")] = None,
    reason: Reason = _WHY,
    only_try: Try = False,
    key: Key = None,
) -> None:
    """Move, stretch or cheapen what is to come of a loan; a second person approves it."""

    def event(caller: Caller) -> Event:
        from yuefu.money.rates import Rate
        from yuefu.plans.lifecycle.events import Rescheduled

        try:
            new_rate = None if rate is None else Rate.parse_percent(rate)
        except ValueError:
            fail("rate_invalid", f"A rate is a percentage with at most 4 decimals like 9.5, not {rate!r:.40}.")
        return Rescheduled(caller.today, from_, to, extra_periods=extra, annual_rate=new_rate, grace_principal=grace)

    _propose(loan, event, reason, only_try, key)


def reamortise(loan: Loan, reason: Reason = _WHY, only_try: Try = False, key: Key = None) -> None:
    """Spread unpaid principal of what fell due over the instalments to come; a second person approves it."""

    def event(caller: Caller) -> Event:
        from yuefu.plans.lifecycle.events import Reamortised

        return Reamortised(caller.today)

    _propose(loan, event, reason, only_try, key)


def pause_interest(
    loan: Loan,
    first: Annotated[date, _day("--first", "The first day without interest.")],
    last: Annotated[date, _day("--last", "The last day without interest.")],
    reason: Reason = _WHY,
    only_try: Try = False,
    key: Key = None,
) -> None:
    """Let a loan bear no interest for some days; a second person approves it."""

    def event(_: Caller) -> Event:
        from yuefu.plans.lifecycle.events import InterestPaused

        return InterestPaused(first, last)

    _propose(loan, event, reason, only_try, key)


def pause_arrears(
    loan: Loan,
    first: Annotated[date, _day("--first", "The first day that does not count.")],
    last: Annotated[date, _day("--last", "The last day that does not count.")],
    reason: Reason = _WHY,
    only_try: Try = False,
    key: Key = None,
) -> None:
    """Let some days not count as days of delinquency: no amount changes, and one person may do it."""

    def event(_: Caller) -> Event:
        from yuefu.plans.lifecycle.events import ArrearsPaused

        return ArrearsPaused(first, last)

    _propose(loan, event, reason, only_try, key)


def waive(
    loan: Loan,
    part: Annotated[str, typer.Argument(help="interest, fee or penalty.")],
    amount: Annotated[str, typer.Argument(help="A decimal.")],
    reason: Reason = _WHY,
    only_try: Try = False,
    key: Key = None,
) -> None:
    """Give up unpaid interest, fees or penalties: within the limit of `collect.policy` alone, above it with a second person."""

    def event(caller: Caller) -> Event:
        from yuefu.plans.lifecycle.events import Waived
        from yuefu.plans.lifecycle.terms import Part

        if part not in {"interest", "fee", "penalty"}:
            fail("part_invalid", f"What is waived is interest, fee or penalty, not {part!r:.40}; principal is written off.")
        return Waived(caller.today, Part(part), inputs.amount(amount, caller.book.currency))

    _propose(loan, event, reason, only_try, key)


def charge_off(
    loan: Loan,
    stop_interest: Annotated[bool, typer.Option("--stop-interest", help="It bears no more interest from today on.")] = False,
    reason: Reason = "not expected to be paid",
    only_try: Try = False,
    key: Key = None,
) -> None:
    """Mark a loan whose money is not expected any more; it stays owed. A second person approves it."""

    def event(caller: Caller) -> Event:
        from yuefu.plans.lifecycle.events import ChargedOff

        return ChargedOff(caller.today, stop_interest)

    _propose(loan, event, reason, only_try, key)


def write_off(loan: Loan, reason: Reason, only_try: Try = False, key: Key = None) -> None:
    """Give up all that is unpaid of a loan; what comes in afterwards is a recovery. A second person approves it."""

    def event(caller: Caller) -> Event:
        from yuefu.plans.lifecycle.events import WrittenOff

        return WrittenOff(caller.today)

    _propose(loan, event, reason, only_try, key)


def undo_write_off(loan: Loan, reason: Reason, only_try: Try = False, key: Key = None) -> None:
    """Take back a write-off that was a mistake: the loan is what it would be, and what came in meanwhile pays it. A second person approves it."""

    def event(caller: Caller) -> Undone:
        from yuefu.loans.commands import telling
        from yuefu.plans.lifecycle.events import Undone

        with caller.reading():
            return Undone(telling.write_off_of(inputs.object_id("loan", loan)) or 0)

    _propose(loan, event, reason, only_try, key)


def recover(
    loan: Loan,
    amount: Annotated[str, typer.Option(help="A decimal.")],
    instrument: Annotated[str, typer.Option(help="The card or wallet at the channel.")],
    key: Key = None,
) -> None:
    """Collect what still comes of a loan that was written off."""
    with context.at_work("repayment.record") as caller:
        from yuefu import ids
        from yuefu.journeys import collecting
        from yuefu.journeys.collecting import RecoverRequest

        wanted = inputs.object_id("loan", loan)
        request = RecoverRequest(inputs.key_or_new(key), wanted, inputs.amount(amount, caller.book.currency), instrument)
        done = only(collecting.recover(desk=caller.to_write().desk, now=caller.now, requests=[request]))
        told = {"collection": ids.text("collection", done.collection_id), "loan": loan, "state": done.state, "amount": done.amount}
        output.result({**told, "failure_code": done.failure_code, "key": request.key})


def _propose(loan: str, make: Callable[[Caller], Event | Undone], reason: str, only_try: bool, key: str | None) -> None:
    with context.at_work("collect.propose") as caller:
        from yuefu import ids
        from yuefu.collecting import commands as collecting
        from yuefu.collecting import queries as cases
        from yuefu.collecting.commands import NewMeasure
        from yuefu.errors import one
        from yuefu.journeys import collecting as journey

        wanted = inputs.object_id("loan", loan)
        event = make(caller.for_the_book())
        if only_try:
            trial = caller.acting(lambda work: collecting.try_out(work=work, loan_id=wanted, event=event))
            output.result({"loan": loan, **_told(trial)}, _lines(trial))
            return
        new = NewMeasure(inputs.key_or_new(key), wanted, event, inputs.reason(reason))
        seen, witness = batches.witnessed(caller.to_write())
        made = one(journey.propose(desk=seen.desk, now=caller.now, measures=[new]))
        with caller.reading():
            measure = cases.measures_by_id(book_id=caller.book.id, ids=[made])[made]
        approval = ids.text("approval", measure.approval_id) if measure.approval_id else None
        told = {"measure": ids.text("measure", made), "loan": loan, "kind": measure.kind, "state": measure.state, "approval": approval}
        lines = [f"{name}: {output.shown(value)}" for name, value in told.items()]
        lines += [f"A second person decides: `yuefu approval decide {approval} --approve --reason … --as USER`."] if approval else []
        output.result({**told, "again": made not in witness.made, "key": new.key}, lines)


def _told(trial: Trial) -> dict[str, Any]:
    from yuefu.collecting.commands.measures import told

    return {"on": trial.on, "before": told(trial.before), "after": told(trial.after)}


def _lines(trial: Trial) -> list[str]:
    days = sorted({one.due_on for look in (trial.before, trial.after) for one in look.asked})
    before, after = ({one.due_on: one.amount for one in look.asked} for look in (trial.before, trial.after))
    rows = [[day, before.get(day, "-"), after.get(day, "-")] for day in days]
    return [
        f"as seen on {trial.on}: nothing was changed",
        output.table(["", "before", "after"], [[name, *_both(trial, name)] for name in ("status", "unpaid", "overdue", "past_due_days")]),
        "",
        output.table(["asked on", "before", "after"], rows, figures=("before", "after")),
    ]


def _both(trial: Trial, name: str) -> list[Any]:
    def of(look: Look) -> Any:
        return getattr(look, name)

    return [of(trial.before), of(trial.after)]
