"""The proofs of a close: the books balance, every sub-ledger equals its control account, nothing is left unposted.

Each proof compares two figures that were written by different code: what packages keep of their own, and what the ledger has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.billing import queries as billing
from yuefu.credit import queries as credit
from yuefu.journeys import replay
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loans
from yuefu.loans.entries import STANDING
from yuefu.loans.queries import Position
from yuefu.merchants.rules.sharing import PARTIES
from yuefu.orders import queries as orders
from yuefu.payments import queries as payments
from yuefu.payments.queries import GivenBack
from yuefu.runtime import days
from yuefu.runtime.values import Book
from yuefu.settlement import queries as settlement
from yuefu.settlement.queries import shares as share_book

_NAMED: Final = 20

Control = Mapping[tuple[str, UUID | None, str, str], int]
"""Balances as `ledger.totals` gives them."""

_PROVEN: Final = (
    *(
        "loan_principal",
        "loan_interest",
        "unearned_discount",
        "credit_line_contra",
        "merchant_pending",
        "merchant_reserve",
        "merchant_frozen",
        "payouts_in_transit",
    ),
    *("funder_share", "agent_share", "host_share"),
    *("suspense", "purchase_clearing", "collections_clearing", "consumer_balance", "client_cash"),
)
_STANDING: Final = tuple(code for code in STANDING if code != "consumer_balance")
"""What is held against something, now and by the end of a day, asked for by one statement: to plan it takes longer than to carry it out."""


@dataclass(frozen=True, slots=True)
class Proof:
    holds: bool
    detail: Mapping[str, Any]


def prove(*, book: Book, since: date | None = None, ended: datetime | None = None, workers: int = 1) -> dict[str, Proof]:
    """All proofs of a book; statements are append only, so a close asks only for those paid `since` its day, and it replays the loans of
    which something was recorded on it (`replay.verify` asks for all). With `ended`, holds that ran out before that moment are proven to
    be freed. So many `workers` share the loans that are replayed.

    Run in one snapshot of the database, so that both sides of each are of one moment.
    """
    read = _read(book, since)
    proofs = {
        "trial_balance_zero": _trial_balance(book),
        "subledgers_equal_control": _subledgers(book, since, read),
        "nothing_unposted": _nothing_unposted(book, since, ended, read),
        "statements_add_up": _statements(book, since),
        "bills_add_up": _bills(book, since),
        "client_money": _client_money(book, read),
    }
    return proofs | ({"loans_equal_replay": _replayed(book, since, workers)} if since else {})


@dataclass(frozen=True, slots=True)
class _Read:
    """What several proofs hold something against: balances now and by the end of the day, which portfolios of 2026-2 there are, whether later days
    are closing too, payouts on their way, and what is kept available for merchants or frozen of it.
    """

    control: Control
    by_then: Control
    portfolios: set[tuple[UUID, str, str]]
    later_days_wait: bool
    in_transit: int
    kept: int
    frozen: int


def _read(book: Book, on: date | None) -> _Read:
    control, by_then = (
        (ledger.totals(book.id, _PROVEN), {}) if on is None else ledger.totals_now_and_by(book.id, sorted({*_PROVEN, *_STANDING}), on)
    )
    portfolios = loans.portfolios(book.id)
    # What a kept credit pays on a later day is posted when that closes; a loan that was touched since says so already, and the last of these days
    # proves it.
    later = on is not None and bool(portfolios) and any(day > on for day in days.waiting_to_close(book.id))
    kept = settlement.kept_available(book_id=book.id, currency=book.currency).minor
    frozen = settlement.frozen(book_id=book.id, currency=book.currency).minor
    return _Read(control, by_then, portfolios, later, payments.in_transit(book_id=book.id), kept, frozen)


def _trial_balance(book: Book) -> Proof:
    sums = ledger.sums_now(book.id)
    return Proof(not any(sums.values()), sums)


def _subledgers(book: Book, on: date | None, read: _Read) -> Proof:
    """Loans, credit lines, holds, merchants, receipts and consumers against the accounts that sum them up; limits, one by one, against theirs."""
    wrong: dict[str, Any] = {}
    positions: Mapping[Any, Position] = loans.positions(book.id)
    control = read.control
    held = {(f, p, c) for code, f, p, c in control if code in ("loan_principal", "loan_interest", "unearned_discount")}
    for key in (held - read.portfolios) | set(positions):
        funder, product, currency = key
        own = positions.get(key)
        pairs = {
            "loan_principal": (own.principal if own else 0, control.get(("loan_principal", funder, product, currency), 0)),
            "loan_interest": (own.interest if own else 0, control.get(("loan_interest", funder, product, currency), 0)),
            "unearned_discount": (own.unearned_discount if own else 0, -control.get(("unearned_discount", funder, product, currency), 0)),
        }
        wrong.update({f"{code}/{product}": pair for code, pair in pairs.items() if pair[0] != pair[1]})
    if on is not None:
        wrong |= _stands(book, on, read.by_then)
    wrong.update({name: pair for name, pair in _pairs(book, read, positions).items() if pair[0] != pair[1]})
    wrong |= _suspense(book, control)
    return Proof(not wrong, wrong)


def _suspense(book: Book, control: Control) -> dict[str, Any]:
    """What receipts have that nobody explained, against the account of it; and what is left of each, against what became of it."""
    own = payments.unexplained(book_id=book.id)
    held = {currency: -amount for (code, _, _, currency), amount in control.items() if code == "suspense"}
    pairs = {f"suspense/{c}": (own.get(c, 0), held.get(c, 0)) for c in own.keys() | held.keys()}
    wrong: dict[str, Any] = {name: pair for name, pair in sorted(pairs.items()) if pair[0] != pair[1]}
    if miscounted := payments.left_counted_wrong(book_id=book.id, limit=_NAMED):
        wrong["receipts_left"] = [ids.text("receipt", one) for one in miscounted]
    return wrong


def _stands(book: Book, on: date, control: Control) -> dict[str, Any]:
    """Where loans of rule version 2026-2 stood by the end of the day, against what was posted to their accounts until then; what the next day
    posts meanwhile is not of it. A product is lent by one rule version."""
    wrong: dict[str, Any] = {}
    for (funder, product, currency), own in sorted(loans.stands(book.id, on).items(), key=str):
        pairs = {code: (own[code], control.get((code, funder, product, currency), 0)) for code in _STANDING}
        wrong |= {f"{code}/{product}": pair for code, pair in pairs.items() if pair[0] != pair[1]}
    return wrong


def _pairs(book: Book, read: _Read, positions: Mapping[Any, Any]) -> dict[str, tuple[int, int]]:
    sums, control = ledger.limited_sums(book.id, ("credit_line", "merchant_available")), read.control
    (lines, held), (available, _) = sums["credit_line"], sums["merchant_available"]
    drawn = {"credit_line/loans": (sum(p.principal for p in positions.values()) + loans.drawn(book.id), lines)}
    return ({} if read.later_days_wait else drawn) | {
        "credit_line/contra": (lines, -_total(control, "credit_line_contra")),
        "credit_line/limits": (0, _limits_differing(book)),
        "holds/orders": (orders.held(book.id), held),
        "holds/ledger": (ledger.holds_pending(book.id, "credit_line"), held),
        "merchant_pending": (settlement.unsettled(book_id=book.id, currency=book.currency).minor, -_total(control, "merchant_pending")),
        "merchant_reserve": (settlement.in_reserve(book_id=book.id, currency=book.currency).minor, -_total(control, "merchant_reserve")),
        "merchant_frozen": (read.frozen, -_total(control, "merchant_frozen")),
        "merchant_available": (read.kept, -available),
        **_shares(book, control),
        "payouts_in_transit": (read.in_transit, -_total(control, "payouts_in_transit")),
    }


def _shares(book: Book, control: Control) -> dict[str, tuple[int, int]]:
    """What agents, hosts and funders are owed of fees."""
    owed = share_book.owed(book_id=book.id, currency=book.currency)
    return {f"{party}_share": (owed.get(party, 0), -_total(control, f"{party}_share")) for party in PARTIES}


def _limits_differing(book: Book) -> int:
    """How many credit lines have another limit in the ledger than in their credit account, or stand in one of the two only."""
    own, kept = credit.limits(book_id=book.id), ledger.limits(book.id, "credit_line")
    return sum(own.get(line) != kept.get(line) for line in own.keys() | kept.keys())


def _total(control: Control, code: str) -> int:
    return sum(amount for key, amount in control.items() if key[0] == code)


def _nothing_unposted(book: Book, since: date | None, ended: datetime | None, read: _Read) -> Proof:
    """Clearing accounts are empty: every capture has its loan and its item, every collection was applied, nobody is owed back unattended,
    and no hold outlives its time."""
    cleared = ("purchase_clearing", "collections_clearing")
    wrong: dict[str, Any] = {
        f"{code}/{currency}": amount for (code, _, _, currency), amount in read.control.items() if code in cleared and amount
    }
    wrong.update(_owed_back(book, since, read))
    if ended is not None and (outlived := ledger.holds_outlived(book.id, ended)):
        wrong["holds_outlived"] = outlived
    return Proof(not wrong, wrong)


def _owed_back(book: Book, since: date | None, read: _Read) -> dict[str, Any]:
    """What consumers are owed back is on its way to them, or the channel refused it since the day began; it is tried again on the next. What was
    paid before its day is owed to them until then, and not a day longer.

    Two comparisons, both to the cent: by loan, what it could not take with the refunds of it; over all, those and what waits with the ledger.
    """
    began = datetime.combine(since, book.cut_off, book.tz) if since else None
    given, excess = payments.given_back(book_id=book.id, failed_since=began), loans.excesses(book.id)
    none = GivenBack(0, 0, failed_lately=False)
    attended, unattended = 0, dict[UUID, tuple[int, int]]()
    for loan_id in excess.keys() | given.keys():
        owes, back = excess.get(loan_id, 0), given.get(loan_id, none)
        refused = owes - back.succeeded - back.under_way
        attended += back.under_way
        if refused > 0 and back.failed_lately:
            attended += refused
        elif refused:
            unattended[loan_id] = (owes, back.succeeded + back.under_way)
    wrong: dict[str, Any] = {f"owed_back/{ids.text('loan', one)}": unattended[one] for one in sorted(unattended)[:_NAMED]}
    if since and (kept := loans.overpaid(book.id)):
        wrong["kept_by_ended_loans"] = [ids.text("loan", one) for one in kept[:_NAMED]]
    if since and (late := payments.waiting(book_id=book.id, until=since, limit=_NAMED)):
        wrong["waiting_past_its_day"] = [ids.text("collection", part.id) for part in late]
    if read.later_days_wait:
        return wrong
    attended += payments.waiting_in_all(book_id=book.id)
    owed = -_total(read.control, "consumer_balance") - loans.credit_kept(book.id)
    return wrong if owed == attended else {**wrong, "consumer_balance": (attended, owed)}


def _replayed(book: Book, on: date, workers: int) -> Proof:
    """Loans that changed on a day are stored as a replay of their terms and events has them."""
    wrong = replay.verify(book=book, loan_ids=loans.changed_on(book.id, on), workers=workers)
    named = {str(loan_id): list(names) for loan_id, names in sorted(wrong.items())[:20]}
    return Proof(not wrong, {"loans": named, "count": len(wrong)} if wrong else {})


def _client_money(book: Book, read: _Read) -> Proof:
    """No own money lies in the client account, or is on its way there: never more than the packages know to be owed to merchants at once,
    or to be frozen of it.

    Less may: between the first batch of a pay day and its safeguarding transfer, after one that failed until settlement orders it anew, and
    in a book from before there was such an account. What lacks is told as `shortfall`; a payout is not sent on it.
    """
    owed = read.in_transit + read.kept + read.frozen
    held = _total(read.control, "client_cash")
    under_way = payments.safeguarding_under_way(book_id=book.id)
    return Proof(held + under_way <= owed, {"owed": owed, "held": held, "under_way": under_way, "shortfall": owed - held - under_way})


def _bills(book: Book, since: date | None) -> Proof:
    wrong = billing.not_adding_up(book_id=book.id, since=since)
    return Proof(not wrong, {"bills": [ids.text("bill", bill) for bill in wrong[:_NAMED]], "count": len(wrong)})


def _statements(book: Book, since: date | None) -> Proof:
    wrong = settlement.not_adding_up(book_id=book.id, since=since)
    return Proof(not wrong, {"batches": [str(batch) for batch in wrong[:_NAMED]], "count": len(wrong)})
