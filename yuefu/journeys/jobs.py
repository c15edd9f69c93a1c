"""Background jobs, run by `yuefu worker` from the queue in the database. Each is one of the journeys, for every book in turn.

A job that fails is logged and counted and leaves the others alone; the next run takes up what is left. A test book lives by its
own clock, which stands still unless somebody moves it, so nothing falls due there by itself. A read-only book is passed over.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings
from procrastinate.contrib.django import app

from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import (
    billing,
    breaks,
    callbacks,
    checkout,
    close_of_day,
    collecting,
    debits,
    disputes,
    dunning,
    engines,
    levels,
    mandates,
    papers,
    receipts,
    reconciliation,
    refund,
    reminders,
    repayment,
    reports,
    sending,
    settlement,
    stopping,
    transfers,
)
from yuefu.journeys import heads as kept_heads
from yuefu.journeys.checkout import sessions
from yuefu.journeys.desk import Desk, open_day
from yuefu.journeys.heads import Kept
from yuefu.journeys.sending import Carriers
from yuefu.journeys.webhooks import alerting
from yuefu.ledger import commands as ledger
from yuefu.ledger import queries as sealing
from yuefu.notices.gateways.http_sms import HttpTexter, provider_of
from yuefu.notices.gateways.letterbox import Letterbox
from yuefu.notices.gateways.smtp import SmtpMailer, server_of
from yuefu.payments.gateways.callbacks import CallbackReader
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.payments.gateways.sandbox_callbacks import SandboxCallbacks
from yuefu.runtime import books, days, stops, vault
from yuefu.runtime.clock import system_now
from yuefu.runtime.logs import logger
from yuefu.runtime.metrics import DAYS_CLOSING, JOBS
from yuefu.runtime.values import Book, system_actor
from yuefu.runtime.vault import Vault

SEAL_BATCH: Final = 5_000
SEALS: Final = "seals.jsonl"

log = logger(__name__)


def id_source() -> IdSource:
    """Ids from the randomness of the system."""
    return IdSource(secrets.randbits)


def desk_of(book: Book, name: str) -> Desk:
    """The desk of a job in a book, with the gateways of the sandbox."""
    keys = vault.load(Path(settings.YUEFU_KEYS_FILE))
    by = system_actor(name, secrets.token_hex(8))
    return Desk(book, by, id_source(), keys, SandboxChannel(book), SandboxBank(book), matching=engines.matching)


def callback_readers(keys: Vault) -> dict[str, CallbackReader]:
    """What reads the callbacks of each channel, by its name in the address."""
    return {"sandbox": SandboxCallbacks(keys)}


def carriers_of(book: Book) -> Carriers:
    """Who carries messages of a book: of a test book a directory below YUEFU_HOME, for its people are invented and must never be somebody
    else's numbers; of a live one the mail server and the provider of text messages that the settings name. Raises GatewayUnfit.
    """
    if book.mode == "test":
        box = letterbox_of(book)
        return Carriers(box, box)
    mailer, texter = None, None
    if settings.YUEFU_SMTP_URL:
        mailer = SmtpMailer(server_of(settings.YUEFU_SMTP_URL, sender=settings.YUEFU_MAIL_FROM, sender_name=book.legal_entity))
    if settings.YUEFU_SMS_URL:
        texter = HttpTexter(provider_of(settings.YUEFU_SMS_URL, secret=settings.YUEFU_SMS_SECRET))
    return Carriers(mailer, texter)


def letterbox_of(book: Book) -> Letterbox:
    """Where the messages of a test book lie."""
    return Letterbox(Path(settings.YUEFU_HOME) / "letterbox" / book.code)


def _each_book(name: str, act: Callable[[Desk, datetime], object]) -> None:
    for book in books.with_jobs():
        try:
            desk, now = desk_of(book, name), books.now_in(book)
            stopping.tell(desk=desk, now=now)
            if _is_read_only(desk, now):
                JOBS.labels(task=name, outcome="skipped").inc()
                continue
            act(desk, now)
            JOBS.labels(task=name, outcome="done").inc()
        except Exception as error:
            JOBS.labels(task=name, outcome="failed").inc()
            log.exception("job failed", task=name, book=book.code, error=type(error).__name__)


_told: Final[dict[UUID, str]] = {}
"""Why a book was passed over last, by book: said once, not every minute."""


def _is_read_only(desk: Desk, now: datetime) -> bool:
    refused = stops.read_only(book_id=desk.book.id, now=now)
    why = refused.detail if refused else ""
    if why and _told.get(desk.book.id) != why:
        log.warning("jobs pass over a book", book=desk.book.code, why=why)
    _told[desk.book.id] = why
    return bool(why)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="expire_authorisations", pass_context=False)
def expire_authorisations(timestamp: int) -> None:
    """Frees holds whose time is over, of orders and of transfers, ends checkout sessions that ran out, and closes disputes that nobody answered in time."""
    del timestamp
    _each_book("expire_authorisations", expire)


def expire(desk: Desk, now: datetime) -> None:
    """One round of freeing in a book; the one has nothing to do with the other, so each has its turn."""
    rounds: list[Callable[[], object]] = [
        lambda: checkout.expire(desk=desk, now=now),
        lambda: transfers.expire(desk=desk, now=now),
        lambda: sessions.lapse(desk=desk, now=now),
        lambda: disputes.pass_days(desk=desk, now=now),
    ]
    _all_of(rounds)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="poll_gateways", pass_context=False)
def poll_gateways(timestamp: int) -> None:
    """Asks channel and bank for outcomes that are not known; nothing is sent again blind."""
    del timestamp
    _each_book("poll_gateways", poll)


def poll(desk: Desk, now: datetime) -> int:
    """One round of asking in a book: collections and their refunds, mandates, payouts, transfers that broke off, and what came by bank
    transfer. Refunds that failed are tried again, once a business day; returns how many were.

    Each is asked for whatever becomes of the others, for a channel that is down has nothing to do with payouts; what failed is raised in
    the end, as it is or, of several, as an ExceptionGroup.
    """
    paid_since = days.business_date(desk.book, now) - timedelta(days=7)
    tried_again: list[object] = []
    rounds: list[Callable[[], object]] = [
        lambda: callbacks.handle(desk=desk, now=now, readers=callback_readers(desk.vault)),
        lambda: repayment.poll(desk=desk, now=now),
        lambda: tried_again.extend(refund.retry(desk=desk, now=now)),
        lambda: mandates.poll(desk=desk, now=now),
        lambda: settlement.poll_payouts(desk=desk, now=now, paid_since=paid_since),
        lambda: settlement.resume_transfers(desk=desk, now=now),
        lambda: receipts.poll(desk=desk, now=now),
    ]
    _all_of(rounds)
    return len(tried_again)


def _all_of(acts: Sequence[Callable[[], object]]) -> None:
    """Does all of them, then raises what some raised."""
    errors: list[Exception] = []
    for act in acts:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - raised below, when the others have had their turn
            errors.append(error)
    if len(errors) > 1:
        raise ExceptionGroup("several failed", errors)
    if errors:
        raise errors[0]


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="take_debits", pass_context=False)
def take_debits(timestamp: int) -> None:
    """Announces and sends what is planned by mandate, within the hours of each channel, and follows what was sent."""
    del timestamp
    _each_book("take_debits", lambda desk, now: debits.run(desk=desk, now=now, planning=False))


@app.periodic(cron="20 * * * *")
@app.task(queueing_lock="plan_debits", pass_context=False)
def plan_debits(timestamp: int) -> None:
    """Plans what falls due in the days ahead by the mandates of each book."""
    del timestamp
    _each_book("plan_debits", lambda desk, now: debits.plan(desk=desk, now=now))


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="close_days", pass_context=False)
def close_days(timestamp: int) -> None:
    """Closes the days whose cut-off has passed; one that fails its proof stays closing and is counted until it closes."""
    del timestamp
    _each_book("close_days", close)


def close(desk: Desk, now: datetime) -> None:
    """Closes the days of a book that wait, oldest first."""
    close_of_day.close_days(desk=desk, now=now)
    DAYS_CLOSING.labels(book=desk.book.code).set(len(days.waiting_to_close(desk.book.id)))


@app.periodic(cron="*/10 * * * *")
@app.task(queueing_lock="plan_reminders", pass_context=False)
def plan_reminders(timestamp: int) -> None:
    """Plans the reminders of the day, once: again, there are none."""
    del timestamp
    _each_book("plan_reminders", remind)


def remind(desk: Desk, now: datetime) -> None:
    """Plans what people of a book are to be reminded of today, and told of what is overdue."""
    planned = reminders.plan(desk=desk, now=now)
    _say_why_not(desk, "plan_reminders", planned if isinstance(planned, Refused) else dunning.plan(desk=desk, now=now))


@app.periodic(cron="25 * * * *")
@app.task(queueing_lock="look_after_arrears", pass_context=False)
def look_after_arrears(timestamp: int) -> None:
    """Opens and closes cases, ends promises, and closes credit for what was missed in a row."""
    del timestamp
    _each_book("look_after_arrears", look)


def look(desk: Desk, now: datetime) -> None:
    """One look at the arrears of a book."""
    collecting.run(desk=desk, now=now)


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="send_messages", pass_context=False)
def send_messages(timestamp: int) -> None:
    """Hands over the messages that may go now, and asks for those that broke off."""
    del timestamp
    _each_book("send_messages", send)


def send(desk: Desk, now: datetime) -> None:
    """One round of sending in a book: to consumers, and to merchants whose webhooks fail; the one has nothing to do with the other."""
    carriers = carriers_of(desk.book)
    _all_of(
        [
            lambda: _say_why_not(desk, "send_messages", sending.send(desk=desk, carriers=carriers, now=now)),
            lambda: alerting.alert(desk=desk, carriers=carriers, now=now, world=system_now()),
        ]
    )


_silent: Final[dict[tuple[UUID, str], str]] = {}
"""Why nobody is told anything, by book and task: said once, not every minute."""


def _say_why_not(desk: Desk, task: str, outcome: object) -> None:
    why = outcome.code if isinstance(outcome, Refused) else ""
    if isinstance(outcome, Refused) and _silent.get((desk.book.id, task)) != why:
        log.warning("people are told nothing", book=desk.book.code, task=task, why=why, detail=outcome.detail)
    _silent[desk.book.id, task] = why


@app.periodic(cron="5 * * * *")
@app.task(queueing_lock="bill_accounts", pass_context=False)
def bill_accounts(timestamp: int) -> None:
    """Applies what was paid before its day and whose day has come, and makes the bills of the cycles that are over."""
    del timestamp
    _each_book("bill_accounts", bill)


@app.periodic(cron="25 * * * *")
@app.task(queueing_lock="review_papers", pass_context=False)
def review_papers(timestamp: int) -> None:
    """Withdraws the certificates of loans that were opened again and of which nobody said so."""
    del timestamp
    _each_book("review_papers", review)


def review(desk: Desk, now: datetime) -> None:
    """One round of review in a book; what no open day is there for waits for the next."""
    papers.review(desk=desk, now=now)


def bill(desk: Desk, now: datetime) -> None:
    """One round of billing in a book; the one has nothing to do with the other, so each has its turn."""
    _all_of([lambda: billing.release(desk=desk, now=now), lambda: billing.make(desk=desk, now=now)])


@app.periodic(cron="10 * * * *")
@app.task(queueing_lock="settle_merchants", pass_context=False)
def settle_merchants(timestamp: int) -> None:
    """Builds and pays the batches of today's pay day, once: again, it only sends what was not sent."""
    del timestamp
    _each_book("settle_merchants", lambda desk, now: settlement.settle(desk=desk, now=now))


@app.periodic(cron="40 * * * *")
@app.task(queueing_lock="reconcile_days", pass_context=False)
def reconcile_days(timestamp: int) -> None:
    """Fetches the bills of days that are over, reconciles what is not done, and carries out fixes of breaks that broke off."""
    del timestamp
    _each_book("reconcile_days", reconcile)


def reconcile(desk: Desk, now: datetime) -> None:
    """One round of reconciling in a book: bills, fixes of breaks that broke off, and what is said of the last days, each whatever becomes of the others."""
    rounds: list[Callable[[], object]] = [
        lambda: reconciliation.catch_up(desk=desk, now=now),
        lambda: breaks.carry_out(desk=desk, now=now),
        lambda: levels.catch_up(desk=desk, now=now),
    ]
    _all_of(rounds)


@app.periodic(cron="50 * * * *")
@app.task(queueing_lock="make_reports", pass_context=False)
def make_reports(timestamp: int) -> None:
    """Gives out the reports of days that closed since, and of the months that these end."""
    del timestamp
    _each_book("make_reports", report)


def report(desk: Desk, now: datetime) -> None:
    """One round of giving out in a book; again, there is nothing left."""
    reports.give_out(desk=desk, now=now)


@app.periodic(cron="*/5 * * * *")
@app.task(queueing_lock="keep_ledger", pass_context=False)
def keep_ledger(timestamp: int) -> None:
    """Rolls lines up into checkpoints, seals entries, and makes the partitions of the months ahead."""
    del timestamp
    _each_book("keep_ledger", keep)


def keep(desk: Desk, now: datetime) -> None:
    """One round of the ledger's upkeep in a book."""
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return
        ledger.make_partitions(first=work.day.on, months=3)
        ledger.roll_up(work=work)
    seal(desk, now)


def seal(desk: Desk, now: datetime) -> int:
    """Chains all entries that can be sealed and keeps the head outside the database. Returns the number of the last link."""
    while True:
        with open_day(desk, now) as work:
            if isinstance(work, Refused):
                return 0
            before = sealing.sealed(desk.book.id)
            number, head = ledger.seal(work=work, limit=SEAL_BATCH)
        if number > before or number > max(heads(desk.book).by_number, default=0):  # a kill may have come before the last head was kept
            publish_head(desk.book, number, head, now)
        if number - before < SEAL_BATCH:
            return number


def publish_head(book: Book, number: int, head: bytes, now: datetime) -> None:
    """Keeps the head of a book's chain outside the database: it tells a chain that was cut off or rewritten as a whole."""
    kept_heads.append(_kept_in(), book=str(book.id), number=number, head=head, at=now.isoformat())


def heads(book: Book) -> Kept:
    """The heads that were kept outside. Raises HeadsBroken."""
    return kept_heads.read(_kept_in(), book=str(book.id))


def _kept_in() -> Path:
    return Path(settings.YUEFU_HOME) / SEALS
