"""Collections from consumers: the attempt is stored before the channel is called, its answer is booked afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.ledger.rules import Entry
from yuefu.money.amounts import Money
from yuefu.payments import entries, queries, rules
from yuefu.payments.commands import changes
from yuefu.payments.commands.accounts import accounts_of, missing
from yuefu.payments.commands.contradictions import keep_contradictions
from yuefu.payments.rules import ChannelResult, Collection, MoneyAccount
from yuefu.runtime import audit, keys, sql
from yuefu.runtime.values import Actor, UnitOfWork

_SCOPE: Final = "payments.collect"
_SEQ: Final = {(begun, end): 1 for begun in ("attempted", "unknown") for end in ("succeeded", "failed")} | {("failed", "succeeded"): 2}


@dataclass(frozen=True, slots=True)
class CollectionAttempt:
    """Collect `amount` from a consumer. `key` names the reason once, e.g. loan, due day and number of the try; it is the consumer's, or that of
    the `sender` who asks: of another one it is another key. `funder_id` is whose money the loan is, own funds (the book) unless given; it
    follows from the loan. `whole`: no amount was asked for, but all that was due. `ahead`: in what way the loan takes what is more than what is due.
    `reference`: the one by which the channel knows it already, because it came without being asked for (a dispute that was won); it follows from
    the key.
    """

    key: str
    consumer_id: UUID
    loan_id: UUID | None
    order_id: UUID | None
    amount: Money
    instrument: str
    funder_id: UUID | None = field(default=None, compare=False)
    by: Actor | None = field(default=None, compare=False)
    sender: UUID | None = field(default=None, compare=False)
    whole: bool = False
    ahead: str | None = None
    reference: str = field(default="", compare=False)


def attempt_collections(*, work: UnitOfWork, attempts: Sequence[CollectionAttempt]) -> list[Collection | Refused]:
    """Stores attempts with the reference the channel will know them by. Commit, then call the channel.

    A known key returns its collection as it stands now: where that is attempted or unknown, ask the channel before anything else.
    Refused with AMOUNT_NOT_POSITIVE, CURRENCY_DIFFERS or NO_MONEY_ACCOUNT. Posts nothing.
    """
    new = work.ids.many(work.now, len(attempts))

    def decide(fresh: list[int]) -> Mapping[int, Collection | Refused]:
        outcomes: dict[int, Collection | Refused] = {}
        account = accounts_of(work).get(rules.CHANNEL) if fresh else None
        for i in fresh:
            refused = rules.amount_refusal(attempts[i].amount, work.book.currency)
            outcomes[i] = refused or (_begun(work, new[i], attempts[i], account) if account else missing(rules.CHANNEL))
        insert(work, [o for o in outcomes.values() if isinstance(o, Collection)])
        return outcomes

    def recall(known: Sequence[UUID]) -> Mapping[UUID, Collection]:
        return queries.collections(book_id=work.book.id, ids=known)

    scopes = [keys.scope_of(_SCOPE, attempt.sender or attempt.consumer_id) for attempt in attempts]
    return keys.answer(work=work, scope=scopes, requests=attempts, object_ids=new, decide=decide, recall=recall)


def attempted(*, work: UnitOfWork, keyed: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], Collection]:
    """The collections that keys (their consumer or sender, key) stand for already; of a key not used, or refused, there is none."""
    names = {(keys.scope_of(_SCOPE, owner_id), key): (owner_id, key) for owner_id, key in keyed}
    stored = keys.stored(work=work, names=list(names))
    collections = queries.collections(book_id=work.book.id, ids=[known.object_id for known in stored.values()])
    return {names[name]: collections[known.object_id] for name, known in stored.items() if known.object_id in collections}


def settle_collections(*, work: UnitOfWork, results: Sequence[ChannelResult]) -> list[Collection | Refused]:
    """Books what the channel says, in order. The same answer again changes nothing and returns the collection.

    Refused with UNKNOWN_REFERENCE, AMOUNT_DIFFERS, CONTRADICTS, or as the ledger refuses. Posts one entry per success, effective on
    the channel's day. The parts of a payment over several loans go with it. An answer that is refused because of what stands of its collection
    is kept, once, for a person to look at; one that a person accepted is booked.
    """
    known = queries.collections_by_reference(book_id=work.book.id, references=[r.reference for r in results], lock=True)
    wholes = [c.id for c in known.values() if c.parts]
    parts = queries.parts_of(book_id=work.book.id, whole_ids=wholes, lock=True) if wholes else {}
    late = [c.id for r in results if (c := known.get(r.reference)) and (c.state, r.outcome) in rules.LATE_STEPS]
    accepted = {x.answer for x in queries.accepted(book_id=work.book.id, collection_ids=late)} if late else set()

    def apply(current: Collection | None, result: ChannelResult) -> Collection | Refused:
        return rules.collected(current, result, work.day.on, accepted=result in accepted)

    def entries_of(before: Collection, after: Collection) -> list[Entry]:
        return _entries(before, after, parts.get(after.id, []))

    decided = changes.decide(results, known, lambda r: r.reference, apply, entries_of)
    changes.post(work, decided)
    _keep_what_contradicts(work, results, known, decided)
    gone_with = [(part, rules.shared(whole, part)) for whole in decided.changed.values() for part in parts.get(whole.id, [])]
    decided.before.update({part.id: part for part, _ in gone_with})
    settled = [*decided.changed.values(), *(part for _, part in gone_with)]
    _store(settled)
    changes.tell(
        work, action="payments.settle_collections", kind="collection", things=settled, before=decided.before, seq=_SEQ, snapshot=_snapshot
    )
    return decided.outcomes


def _store(settled: Sequence[Collection]) -> None:
    """Parts and wholes by one statement, which is where the table compares them."""
    sql.update(
        "payments_collection",
        "id",
        {
            "id": "uuid",
            "state": "text",
            "fee_minor": "bigint",
            "provider_id": "text",
            "failure_code": "text",
            "settled_on": "date",
            "posted_on": "date",
            "released_on": "date",
        },
        [(c.id, c.state, c.fee.minor, c.provider_id, c.failure_code, c.settled_on, c.posted_on, c.released_on) for c in settled],
    )


def _keep_what_contradicts(
    work: UnitOfWork, results: Sequence[ChannelResult], known: Mapping[str, Collection], decided: changes.Changes[Collection]
) -> None:
    refused = [(r, o) for r, o in zip(results, decided.outcomes, strict=True) if isinstance(o, Refused) and r.reference in known]
    found = [(decided.changed.get((c := known[r.reference]).id, c), r, o.code) for r, o in refused if o.code in rules.KEPT]
    keep_contradictions(work=work, found=found)


def _entries(before: Collection, after: Collection, parts: Sequence[Collection]) -> list[Entry]:
    if after.state != "succeeded" or before.state == "succeeded":
        return []
    if not parts:
        return [entries.collection_succeeded(after)]
    return [entries.shared_succeeded(after, [rules.shared(after, part) for part in parts])]


def _begun(work: UnitOfWork, new_id: UUID, attempt: CollectionAttempt, account: MoneyAccount) -> Collection:
    nothing = Money.zero(attempt.amount.currency)
    return Collection(
        id=new_id,
        reference=attempt.reference or ids.text("collection", new_id),
        money_account_id=account.id,
        consumer_id=attempt.consumer_id,
        loan_id=attempt.loan_id,
        order_id=attempt.order_id,
        funder_id=attempt.funder_id or work.book.id,
        amount=attempt.amount,
        fee=nothing,
        instrument=attempt.instrument,
        provider_id="",
        state="attempted",
        failure_code="",
        attempted_at=work.now,
        settled_on=None,
        posted_on=None,
        refunded=nothing,
        ahead=attempt.ahead,
    )


def insert(work: UnitOfWork, begun: Sequence[Collection], *, together: bool = False) -> None:
    """Stores attempts; with `together`, wholes and their parts, by the one statement in which the table adds them up."""
    ahead = any(one.ahead for one in begun)
    columns = {
        "id": "uuid",
        "book_id": "uuid",
        "reference": "text",
        "money_account_id": "uuid",
        "consumer_id": "uuid",
        "loan_id": "uuid",
        "order_id": "uuid",
        "funder_id": "uuid",
        "amount_minor": "bigint",
        "fee_minor": "bigint",
        "refunded_minor": "bigint",
        "currency": "text",
        "channel": "text",
        "instrument": "text",
        "provider_id": "text",
        "state": "text",
        "failure_code": "text",
        "attempted_at": "timestamptz",
        **({"part_of_id": "uuid", "parts": "smallint", "waits_for": "date"} if together else {}),
        **({"ahead": "text"} if ahead else {}),
    }
    book = work.book.id
    values = [
        (
            *(c.id, book, c.reference, c.money_account_id, c.consumer_id, c.loan_id, c.order_id, c.funder_id),
            *_fresh_money(c),
            c.channel,
            c.instrument,
            "",
            c.state,
            "",
            work.now,
            *((c.part_of, c.parts, c.waits_for) if together else ()),
            *((c.ahead,) if ahead else ()),
        )
        for c in begun
    ]
    sql.insert("payments_collection", columns, values)
    audit.record(work=work, action="payments.attempt_collections", object_kind="collection", object_ids=[c.id for c in begun])


def _fresh_money(c: Collection) -> tuple[int, int, int, str]:
    return c.amount.minor, 0, 0, c.amount.currency


def _snapshot(collection: Collection) -> Mapping[str, Any]:
    return {
        "amount": collection.amount,
        "state": collection.state,
        "failure_code": collection.failure_code,
        "loan_id": collection.loan_id,
        "order_id": collection.order_id,
        "settled_on": collection.settled_on,
        **({"part_of_id": collection.part_of, "waits_for": collection.waits_for} if collection.part_of else {}),
    }
