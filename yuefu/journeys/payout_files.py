"""Payouts by file: one file of all that may go to the bank now, taken there by a person, and what the bank answers (ADR 0043).

What is in a file is on its way: neither settlement nor a poll sends it again, and no second file has it unless the first was cancelled. The file is
kept as it was made, so that it can be handed out again byte for byte; under the same references a bank carries nothing out twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from yuefu.errors import Refused, RefusedError
from yuefu.journeys import settlement as paying
from yuefu.journeys import stopping
from yuefu.journeys.desk import Desk, open_day
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments import rules
from yuefu.payments.commands import FileWanted
from yuefu.payments.gateways import pain_answer, pain_file
from yuefu.payments.rules import Payout, PayoutFile, PayResult, Pays
from yuefu.runtime.calendars import calendar
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries as batches
from yuefu.settlement.queries import shares as share_book

_TEXTS: Final[Mapping[Pays, str]] = {"merchants": "settlement", "payees": "profit share"}
"""What whoever is paid reads of it."""
MOST: Final = 10_000
"""Payouts in one file: what banks take."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer came to: payouts that are paid, rejected, or still on their way."""

    file: PayoutFile
    paid: int
    rejected: int
    pending: int


def export(
    *, desk: Desk, now: datetime, layout: str = rules.FORMATS[0], pay_on: date | None = None, pays: Pays = "merchants"
) -> tuple[PayoutFile, bytes] | Refused:
    """Makes the file of payouts that wait, to be carried out today or on the next business day: all of them, or those of one pay day. Merchants are paid
    out of the account of client money, payees out of our own, so each have files of their own.

    What a stop is for, what goes to a merchant who is not active or to an account that is flagged, and what our account does not hold yet, waits for
    another file. Refused with unknown_format, debtor_unknown, nothing_to_export, read_only or no_open_day.
    """
    if layout not in rules.FORMATS:
        return Refused(rules.UNKNOWN_FORMAT, f"a format is {' or '.join(rules.FORMATS)}", "format")
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        payer = paying.how_paid(book_id=desk.book.id, on=work.day.on)
        if not payer.debtor:
            return Refused(rules.DEBTOR_UNKNOWN, "nobody is named who pays: propose the setting payments.payouts with a debtor", "debtor")
        account = payment_book.money_accounts(book_id=desk.book.id)[rules.PAID_FROM[pays]]
        execute_on = calendar(desk.book.calendar, work.day.on.year, work.day.on.year + 1).next_business_day(work.day.on)
        write = partial(
            pain_file.write,
            layout=layout,
            made_at=now.astimezone(desk.book.tz),
            execute_on=execute_on,
            account=account.number,
            payer=payer,
            text=f"{desk.book.code} {_TEXTS[pays]}",
        )
        made = payments.make_file(
            work=work,
            vault=desk.vault,
            wanted=FileWanted(
                account=account,
                payouts=paying.not_kept(work, _waiting(desk, now, pay_on, pays)),
                layout=layout,
                execute_on=execute_on,
                write=lambda message_id, lines: write(message_id=message_id, lines=lines),
                pays=pays,
            ),
        )
    return made if isinstance(made, Refused) else (made, payment_book.payout_file_content(file_id=made.id, vault=desk.vault))


def _waiting(desk: Desk, now: datetime, pay_on: date | None, pays: Pays) -> list[Payout]:
    all_stopped, stopped = stopping.payouts_stopped(book_id=desk.book.id, now=now)
    if all_stopped:
        return []
    if pay_on is None:
        return paying.payouts_waiting(desk=desk, limit=MOST, stopped=stopped, pays=pays)
    of_day = (
        batches.batches_on(book_id=desk.book.id, pay_on=pay_on)
        if pays == "merchants"
        else share_book.on(book_id=desk.book.id, pay_on=pay_on)
    )
    meant = {batch.payout_id for batch in of_day if batch.state == "scheduled"}
    found = paying.payouts_waiting(desk=desk, limit=MOST + len(meant), stopped=stopped, pays=pays)
    return [payout for payout in found if payout.id in meant][:MOST]


def again(*, desk: Desk, file_id: UUID) -> tuple[PayoutFile, bytes] | Refused:
    """A file as it was made, byte for byte. Refused with unknown_file, or file_cancelled: what was cancelled is not handed out again."""
    found = payment_book.payout_file(book_id=desk.book.id, file_id=file_id)
    if found is None:
        return Refused(rules.UNKNOWN_FILE, "there is no such file of payouts in this book", "file")
    if found.state == "cancelled":
        return Refused(rules.FILE_CANCELLED, f"{found.cancelled_by} cancelled this file: {found.reason}", "file")
    return found, payment_book.payout_file_content(file_id=found.id, vault=desk.vault)


def cancel(*, desk: Desk, now: datetime, file_id: UUID, reason: str) -> PayoutFile | Refused:
    """Cancels a file that the bank was not given, or does not carry out; its payouts wait for the next, but for what was frozen meanwhile. Refused as
    `payments.cancel_file`."""
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        in_it = payment_book.payouts_of_file(book_id=desk.book.id, file_id=file_id)
        cancelled = payments.cancel_file(work=work, file_id=file_id, reason=reason)
        if isinstance(cancelled, PayoutFile):
            settlement.keep_what_is_there(work=work, merchant_ids=sorted({p.merchant_id for p in in_it if p.merchant_id}))
    return cancelled


def take_answer(*, desk: Desk, now: datetime, data: bytes) -> Answered | Refused:
    """Books what the bank answers to a file, all of it or nothing. What is accepted and not settled stays on its way; what is rejected is available
    or owed again, its batch returned, and where the account is at fault that is flagged.

    Refused with not_an_answer or cut_off, as `payments.keep_answer` refuses, and with contradicts where the bank said otherwise before.
    """
    answer = pain_answer.read(data)
    if isinstance(answer, Refused):
        return answer
    try:
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return work
            kept = payments.keep_answer(work=work, answer=answer, data=data)
            if isinstance(kept, Refused):
                return kept
            file, results = kept
            booked = payments.settle_payouts(work=work, results=results)
            for outcome in booked:
                if isinstance(outcome, Refused):
                    raise RefusedError(outcome)
            settlement.follow_payouts(work=work, payouts=[p for p in booked if isinstance(p, Payout)])
    except RefusedError as error:
        return error.refused
    counts = [sum(result.outcome == said for result in results) for said in ("paid", "rejected", "sent")]
    return Answered(file, *counts)


def came_back(*, desk: Desk, now: datetime, reference: str, amount: Money, on: date, code: str) -> Payout | Refused:
    """Books that the bank sent a payout back after it was paid, as its statement says. Again, nothing is new. Refused with
    returned_on_invalid where that day is not here yet, and as `payments.settle_payouts`."""
    results: Sequence[PayResult] = [PayResult(reference, "returned", amount, "", on, code)]
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        if on > max(work.day.on, now.astimezone(desk.book.tz).date()):
            return Refused(rules.RETURNED_ON_INVALID, "what came back came back on a day, today at the latest", "on")
        (outcome,) = payments.settle_payouts(work=work, results=results)
        if isinstance(outcome, Payout):
            settlement.follow_payouts(work=work, payouts=[outcome])
    return outcome
