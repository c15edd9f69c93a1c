"""One payment over several loans: a whole that the channel knows, and parts that are the loans'. A part may come before its day and wait for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import Posted
from yuefu.money.amounts import Money, total
from yuefu.payments import entries, queries, rules
from yuefu.payments.commands.accounts import accounts_of, missing
from yuefu.payments.commands.collections import insert
from yuefu.payments.rules import Collection, MoneyAccount
from yuefu.runtime import audit, sql
from yuefu.runtime.values import UnitOfWork

MOST_PARTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """What of a payment is for a loan; with `waits_for`, on that day, should it come before. `funder_id` is whose money the loan is."""

    loan_id: UUID
    order_id: UUID
    funder_id: UUID
    amount: Money
    waits_for: date | None = None
    ahead: str | None = None


@dataclass(frozen=True, slots=True)
class TogetherAttempt:
    """Collect the sum of 1 to MOST_PARTS parts from a consumer by one payment; with `channel` BANK it is here already, by bank transfer."""

    consumer_id: UUID
    instrument: str
    parts: tuple[Part, ...]
    channel: str = "sandbox"


def attempt_together(*, work: UnitOfWork, attempts: Mapping[UUID, TogetherAttempt]) -> dict[UUID, Collection | Refused]:
    """Stores payments by the ids that their wholes will have, each with its parts. Commit, then call the channel for the wholes.

    Refused with AMOUNT_NOT_POSITIVE, CURRENCY_DIFFERS or NO_MONEY_ACCOUNT. Posts nothing. The caller claims the keys.
    """
    accounts = accounts_of(work) if attempts else {}
    outcomes: dict[UUID, Collection | Refused] = {}
    storing: list[Collection] = []
    for whole_id, attempt in attempts.items():
        assert 1 <= len(attempt.parts) <= MOST_PARTS, "the caller knows how many parts there are"
        code = rules.OPERATING if attempt.channel == rules.BANK else rules.CHANNEL
        account = accounts.get(code)
        refused = next((no for part in attempt.parts if (no := rules.amount_refusal(part.amount, work.book.currency))), None)
        if refused or account is None:
            outcomes[whole_id] = refused or missing(code)
            continue
        whole = _whole(work, whole_id, attempt, account)
        new = work.ids.many(work.now, len(attempt.parts))
        storing += [whole, *(_part(whole, part_id, part) for part_id, part in zip(new, attempt.parts, strict=True))]
        outcomes[whole_id] = whole
    insert(work, storing, together=True)
    return outcomes


def _whole(work: UnitOfWork, whole_id: UUID, attempt: TogetherAttempt, account: MoneyAccount) -> Collection:
    nothing = Money.zero(work.book.currency)
    return Collection(
        id=whole_id,
        reference=ids.text("collection", whole_id),
        money_account_id=account.id,
        consumer_id=attempt.consumer_id,
        loan_id=None,
        order_id=None,
        funder_id=work.book.id,
        amount=total([part.amount for part in attempt.parts], work.book.currency),
        fee=nothing,
        instrument=attempt.instrument,
        provider_id="",
        state="attempted",
        failure_code="",
        attempted_at=work.now,
        settled_on=None,
        posted_on=None,
        refunded=nothing,
        parts=len(attempt.parts),
        channel=attempt.channel,
    )


def _part(whole: Collection, part_id: UUID, part: Part) -> Collection:
    return Collection(
        id=part_id,
        reference=whole.reference,
        money_account_id=whole.money_account_id,
        consumer_id=whole.consumer_id,
        loan_id=part.loan_id,
        order_id=part.order_id,
        funder_id=part.funder_id,
        amount=part.amount,
        fee=whole.fee,
        instrument=whole.instrument,
        provider_id="",
        state=whole.state,
        failure_code="",
        attempted_at=whole.attempted_at,
        settled_on=None,
        posted_on=None,
        refunded=whole.refunded,
        part_of=whole.id,
        waits_for=part.waits_for,
        ahead=part.ahead,
        channel=whole.channel,
    )


def release_parts(*, work: UnitOfWork, part_ids: Sequence[UUID]) -> list[Collection]:
    """Releases parts that wait to their loans, by one entry each, on the business day, whether theirs has come or not; returns those that
    were released now, ids ascending. Whoever calls applies them in the same transaction; the loans are locked before.
    """
    locked = queries.collections(book_id=work.book.id, ids=sorted(set(part_ids)), lock=True)
    waiting = [part for _, part in sorted(locked.items()) if part.is_waiting]
    for posted in ledger.post(work=work, entries=[entries.part_released(part) for part in waiting]):
        assert isinstance(posted, Posted), f"what waits is always released: {posted}"
    sql.update("payments_collection", "id", {"id": "uuid", "released_on": "date"}, [(part.id, work.day.on) for part in waiting])
    if waiting:
        audit.record(work=work, action="payments.release_parts", object_kind="collection", object_ids=[part.id for part in waiting])
    return waiting
