"""`yuefu loan list|show|late`: which loans there are, one with all that belongs to it, and which are late by how much."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from yuefu.cli import context, inputs, output
from yuefu.cli.consumers import consumer_named
from yuefu.cli.faults import fail
from yuefu.cli.order import only
from yuefu.cli.quote import merchant_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from yuefu.journeys.late_loans import LateBook
    from yuefu.journeys.servicing import ListedLoan, LoanFile
    from yuefu.loans.queries.lateness import BucketSum, LateLoan
    from yuefu.loans.queries.shown import Look

MOST: Final = 1_000
NONE: Final = "none"
"""How a bucket is named that a late loan is in none of."""
_PARTS: Final = ("principal", "interest", "fees", "penalties")
_COLUMNS: Final = (
    *("loan", "order", "consumer", "merchant", "product", "currency", "overdue_since", "days_past_due", "bucket"),
    *(*_PARTS, "overdue"),
    "set_aside",
)
SET_ASIDE: Final = (
    "The close could not go on with loans that are set aside: `yuefu quarantine list` says why, `yuefu quarantine retry` tries them again."
)

LoanId = Annotated[str, typer.Argument(metavar="LOAN", help="The id of the loan (loan_…).")]
Bucket = Annotated[str | None, typer.Option(metavar="BUCKET", help=f"Only those in this bucket, e.g. M1; {NONE}: late, but in no bucket.")]
After = Annotated[str | None, typer.Option(metavar="LOAN", help="Those after this loan: the last of the page before.")]
Behind = Annotated[str | None, typer.Option("--after", metavar="PLACE", help="Those behind this place, which the page before has named.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to those of `loan`."""
    for name, command in (("list", list_loans), ("show", show), ("late", late)):
        app.command(name)(command)


def list_loans(
    consumer: Annotated[str | None, typer.Option(metavar="REF", help="Only those of this consumer.")] = None,
    merchant: Annotated[str | None, typer.Option(metavar="CODE", help="Only those of orders at this merchant.")] = None,
    product: Annotated[str | None, typer.Option(metavar="CODE", help="Only those of this product.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those that are pending, active, overpaid, closed or written_off.")] = None,
    only_late: Annotated[bool, typer.Option("--late", help="Only those of which something is overdue.")] = False,
    bucket: Bucket = None,
    set_aside: Annotated[bool, typer.Option("--set-aside", help="Only those with which a close could not go on.")] = False,
    due_from: Annotated[
        date | None,
        typer.Option("--due-from", metavar="DATE", parser=inputs.day, help="Only those that ask something due on this day or later …"),
    ] = None,
    due_until: Annotated[
        date | None, typer.Option("--due-until", metavar="DATE", parser=inputs.day, help="… and on this day or earlier, which is unpaid.")
    ] = None,
    after: After = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="How many at most.")] = 50,
) -> None:
    """Loans as they stand today, the newest first: what is unpaid, what is asked next, how late they are."""
    with context.at_work("collect.read") as caller:
        from yuefu.journeys import servicing
        from yuefu.loans.queries.listing import STATES, Wanted

        if state is not None and state not in STATES:
            fail("unknown_state", f"A state is one of {', '.join(STATES)}, not {state!r:.40}.")
        if due_from and due_until and due_until < due_from:
            fail("days_out_of_order", f"The range ends on {due_until}, before its first day {due_from}.")
        start = inputs.object_id("loan", after) if after else None
        named = consumer_named(caller.for_the_book(), consumer) if consumer else None
        with caller.reading():
            shop = merchant_of(caller, merchant) if merchant else None
            wanted = Wanted(named, shop, product, state, only_late, due_from, due_until, set_aside)
            found = servicing.listed(
                book_id=caller.book.id, on=caller.today, wanted=wanted, bucket=_bucket(bucket), after=start, limit=limit + 1
            )
        told = [_listed(one) for one in found[:limit]]
        more = told[-1]["loan"] if len(found) > limit else None
        aside = any(one["set_aside"] for one in told)
        columns = ["loan", "consumer", "product", "state", "principal", "unpaid", "next_due", "overdue", "days_past_due", "bucket"]
        columns += ["set_aside"] if aside else []
        table = output.table([name.replace("_", " ") for name in columns], [[one[name] for name in columns] for one in told])
        more_text = [f"There are more: --after {more}"] if more else []
        text = [table, *more_text, *([SET_ASIDE] if aside else [])] if told else "There is no such loan."
        output.result({"on": caller.today, "loans": told, "next": more}, text)


def _bucket(text: str | None) -> str | None:
    return "" if text == NONE else text


def _listed(one: ListedLoan) -> dict[str, Any]:
    return {**_whose(one.look), "consumer": one.consumer or None, **_stands(one.look)}


def _whose(look: Look) -> dict[str, Any]:
    from yuefu import ids

    party = look.party
    return {
        "loan": ids.text("loan", party.loan_id),
        "order": ids.text("order", party.order_id) if party.order_id else None,
        "product": party.product,
        "rule_version": look.rule_version,
    }


def _stands(look: Look) -> dict[str, Any]:
    from yuefu.money.amounts import Money

    currency, late, next_due = look.party.currency, look.late, look.next_due
    overdue = late.principal + late.interest + late.fees + late.penalties
    return {
        "state": look.status,
        "principal": look.terms.principal,
        "disbursed_on": look.terms.disbursed_on,
        "unpaid": Money(look.owed.all, currency),
        "next_due": next_due.due_on if next_due else None,
        "overdue": Money(overdue, currency),
        "overdue_since": late.since,
        "days_past_due": look.days_past_due,
        "bucket": late.bucket or None,
        "set_aside": look.set_aside,
    }


# ----------------------------------------------------------------------------------------------------------------------------- one loan


def show(loan: LoanId) -> None:
    """One loan as it stands today: whose, on what terms, what is owed of each part, each instalment, all that was entered and by whom, and what
    belongs to it."""
    with context.at_work("collect.read") as caller:
        from yuefu.journeys import servicing

        wanted = inputs.object_id("loan", loan)
        with caller.for_the_book().reading():
            found = only([servicing.loan_file(book_id=caller.book.id, vault=caller.desk.vault, loan_id=wanted, on=caller.today)])
        value = _value(found)
        lines = [f"{name.replace('_', ' ')}: {output.shown(one)}" for name, one in value.items() if not isinstance(one, list | dict)]
        lines += [f"{name.replace('_', ' ')}: {_said(value[name])}" for name in ("terms", "owed", "past_due")]
        for name in ("instalments", "events", "related"):
            if value[name]:
                rows = [["" if cell is None else cell for cell in row.values()] for row in value[name]]
                lines += [f"\n{name}", output.table([each.replace("_", " ") for each in value[name][0]], rows)]
        output.result(value, lines)


def _said(parts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {output.shown(one)}" for name, one in parts.items() if one is not None)


def _value(found: LoanFile) -> dict[str, Any]:
    from yuefu import ids
    from yuefu.money.amounts import Money

    look, currency = found.look, found.look.party.currency
    party = look.party
    return {
        **_whose(look),
        "merchant": found.merchant or None,
        "merchant_reference": found.merchant_reference or None,
        "consumer": found.consumer or None,
        "name": found.name or None,
        "credit_account": ids.text("credit_account", party.credit_account_id) if party.credit_account_id else None,
        "funder": ids.text("funder", party.funder_id),
        "origin": party.origin,
        "on": look.on,
        **_stands(look),
        "charged_off_on": look.charged_off_on,
        "written_off_on": look.written_off_on,
        "ends_today_for": None if look.payoff is None else Money(look.payoff, currency),
        "credit_balance": Money(look.credit, currency),
        "terms": {
            "principal": look.terms.principal,
            "periods": look.terms.periods,
            "annual_rate_pct": look.terms.annual_rate.percent_text(),
            "first_due": look.rows[0].due_on if look.rows else look.terms.first_due_on,
        },
        "owed": {**{part: Money(getattr(look.owed, part), currency) for part in _PARTS}, "all": Money(look.owed.all, currency)},
        "past_due": {part: Money(getattr(look.late, part), currency) for part in _PARTS},
        "instalments": _instalments(look),
        "events": [
            {
                "no": one.fact.no,
                "on": one.fact.on,
                "what": one.fact.kind if one.fact.undoes is None else f"{one.fact.kind} {one.fact.undoes}",
                "amount": one.fact.amount,
                "undone_by": one.fact.undone_by,
                "entered_on": one.fact.recorded_on,
                "at": one.fact.recorded_at,
                "by": one.by or None,
            }
            for one in found.facts
        ],
        "related": [
            {"what": f"{one.kind} {one.which}".strip(), "id": one.public_id, "state": one.state, "on": one.on} for one in found.related
        ],
    }


def _instalments(look: Look) -> list[dict[str, Any]]:
    """Those that ask or asked anything; what is nowhere in the loan (refunds, what was given up) is left out as a column."""
    from yuefu.money.amounts import Money

    currency, rows = look.party.currency, [row for row in look.rows if row.asked]
    return [
        {
            "no": row.no,
            "due_on": row.due_on,
            **{part: Money(getattr(row, part), currency) for part in _PARTS},
            "paid": Money(row.paid, currency),
            "refunded": Money(row.refunded, currency),
            "given_up": Money(row.given_up, currency),
            "to_pay": Money(row.unpaid, currency),
            "state": row.state(look.on),
        }
        for row in rows
    ]


# --------------------------------------------------------------------------------------------------------------------------------- late


def late(
    on: Annotated[
        date | None,
        typer.Option(
            "--on", metavar="DATE", parser=inputs.day, help="As it was recorded by the end of this day; as of today unless given."
        ),
    ] = None,
    bucket: Bucket = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write all of them to this file.")] = None,
    after: Behind = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="How many loans are listed at most; the sums are of all.")] = 100,
) -> None:
    """Which loans are late: days past due and what is overdue of each part, loan by loan, with sums by bucket. Of today the sums are as the last close, or
    what was entered since, left each loan."""
    with context.at_work("collect.read") as caller:
        from yuefu.journeys import late_loans

        today, chosen = caller.for_the_book().today, _bucket(bucket)
        with caller.reading():
            asked: Any = {"book_id": caller.book.id, "on": on or today, "open_day": today, "bucket": chosen}
            book = only([late_loans.late_book(**asked, cursor=after or "", limit=limit)])
            shops = late_loans.merchant_codes([one for one, _ in book.rows])
            told = [_late(one, person, shops[one.merchant_id] if one.merchant_id else "") for one, person in book.rows]
            written = _write(csv_file, (_late(*each) for page in late_loans.all_late(**asked) for each in page)) if csv_file else None
        sums = [_sum(one) for one in book.buckets if chosen is None or one.bucket == chosen]
        value = {"book": caller.book.code, "on": book.on, "recorded": book.recorded, "kept_on": book.kept_on, "loans": told}
        value |= {"next": book.next_cursor or None, "sums": sums, "set_aside": book.set_aside}
        text = _late_text(book, told, sums, after)
        if written is not None:
            value |= {"csv": str(csv_file), "rows": written}
            text += [f"{written} loans are in {csv_file}."]
        output.result(value, text)


def _late_text(book: LateBook, told: list[dict[str, Any]], sums: list[dict[str, Any]], after: str | None) -> list[str]:
    text = [f"as of {book.on}, {'as it was recorded by its end' if book.recorded else 'which is open'}"]
    if told:
        columns = ["loan", "consumer", "product", "overdue_since", "days_past_due", "bucket", *_PARTS, "overdue"]
        columns += ["set_aside"] if any(one["set_aside"] for one in told) else []
        text += [output.table([name.replace("_", " ") for name in columns], [[one[name] for name in columns] for one in told])]
        text += [f"There are more: --after {book.next_cursor}"] if book.next_cursor else []
    else:
        text += ["No such loan is late." if after is None else "There is nothing more."]
    if sums:
        text += ["", *([] if book.recorded else [f"by bucket, as the close of {book.kept_on} or what was entered since left each loan"])]
        text += [output.table(list(sums[0]), [list(one.values()) for one in sums])]
    return [*text, *([f"Set aside, late or not: {book.set_aside}. {SET_ASIDE}"] if book.set_aside else [])]


def _late(one: LateLoan, person: str, shop: str) -> dict[str, Any]:
    from yuefu import ids

    return {
        "loan": one.public_id,
        "order": ids.text("order", one.order_id) if one.order_id else None,
        "consumer": person or None,
        "merchant": shop or None,
        "product": one.product,
        "currency": one.overdue.currency,
        "overdue_since": one.since,
        "days_past_due": one.days,
        "bucket": one.bucket or None,
        **{part: getattr(one, part) for part in (*_PARTS, "overdue")},
        "set_aside": one.set_aside,
    }


def _sum(one: BucketSum) -> dict[str, Any]:
    """The sums of a bucket, or of all of a currency together."""
    name = "all" if one.bucket is None else one.bucket or NONE
    return {"bucket": name, "loans": one.loans, **{part: getattr(one, part) for part in (*_PARTS, "overdue")}}


def _write(path: Path, told: Iterable[Mapping[str, Any]]) -> int:
    """Writes late loans to a file. Returns how many there are."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    written = 0
    with inputs.writing(path) as file:
        for one in told:
            rows.writerow([_cell(one[name]) for name in _COLUMNS])
            written += 1
            file.write(text.getvalue().encode())
            text.seek(0)
            text.truncate()
        file.write(text.getvalue().encode())
    return written


def _cell(value: Any) -> str:
    from yuefu.money.amounts import Money

    if isinstance(value, Money):
        return value.decimal_text()
    return "" if value is None else str(value)
