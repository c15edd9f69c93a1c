"""What the clients were told against what the database has: counted from the files that stand outside it.

An operation is known in the database by what its client alone gave it: an order by its reference, a repayment by its card, the rest by
its order and their number and amounts. Keys are not asked, for it is they that are on trial. What loans owe follows from the same files, and
is to be found in four places: the ledger, where a loan stands, its instalments, what became of the money that came for it.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from yuefu.proofs.installation import Installation
    from yuefu.runtime.values import Book

_NAMED: Final = 5
_DONE: Final = (200, 201)


@dataclass(slots=True)
class Found:
    lost: int = 0
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)

    def compare(self, what: str, promised: Mapping[Any, int], there: Mapping[Any, int]) -> None:
        """Counts what lacks and what is too much, object by object."""
        differing = [one for one in promised.keys() | there.keys() if promised.get(one, 0) != there.get(one, 0)]
        for one in differing:
            more = there.get(one, 0) - promised.get(one, 0)
            self.doubled += max(more, 0)
            self.lost += max(-more, 0)
        self.wrong += [f"{what} of {one}: {promised.get(one, 0)} acknowledged, {there.get(one, 0)} there" for one in differing[:_NAMED]]

    def equal(self, what: str, right: Mapping[Any, Any], there: Mapping[Any, Any]) -> None:
        """Names what differs without counting it: sums, events and entries of what was counted by its rows."""
        differing = [one for one in right.keys() | there.keys() if right.get(one) != there.get(one)]
        self.wrong += [f"{what} of {one}: {right.get(one)} is right, {there.get(one)} there" for one in differing[:_NAMED]]


def acknowledged(files: Sequence[Path]) -> list[dict[str, Any]]:
    """All that was acknowledged, in the order of each file. A line that was cut off was never told to anybody."""
    lines = []
    for path in files:
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                continue
    return lines


def reckon(book: Book, files: Sequence[Path]) -> Found:
    """Everything that was acknowledged, exactly once; the books add up; holds are what the limits count."""
    from yuefu.journeys import proving
    from yuefu.proofs.victim import FIRST_DAY
    from yuefu.runtime import sql

    told = acknowledged(files)
    found = Found()
    with sql.snapshot():
        _orders(found, book.id, told)
        _acts(found, told)
        _repayments(found, told)
        _quarantined(found, book.id)
        proofs = proving.prove(book=book, since=FIRST_DAY)
        found.wrong += [f"{name}: {proof.detail}" for name, proof in proofs.items() if not proof.holds]
    return found


def _orders(found: Found, book_id: UUID, told: Sequence[Mapping[str, Any]]) -> None:
    from yuefu import ids
    from yuefu.runtime import sql

    placed = {line["order"]: line["answer"] for line in told if line["verb"] == "order" and line["status"] in (201, 402)}
    refused = {line["order"] for line in told if line["verb"] == "order"} - placed.keys()
    there = sql.rows(
        "SELECT merchant_reference, id, state = 'declined' FROM orders_order WHERE book_id = %s AND merchant_reference = ANY(%s)",
        [book_id, [*placed, *refused]],
    )
    counts: dict[str, int] = defaultdict(int)
    for reference, order_id, declined in there:
        counts[reference] += 1
        if reference in refused:
            continue  # counted: there must be none
        answer = placed[reference]
        said = answer.get("id") or answer.get("order")
        if (ids.text("order", order_id), declined) != (said, "id" not in answer):
            found.lost += 1
            found.wrong.append(f"order {reference} was told as {said}, and is {order_id}")
    found.compare("orders", dict.fromkeys(placed, 1), counts)


_ROWS: Final = {
    "capture": "SELECT order_id, count(*), sum(amount_minor)::bigint FROM orders_capture WHERE order_id = ANY(%s) GROUP BY order_id",
    "refund": "SELECT order_id, count(DISTINCT refund_id), sum(amount_minor)::bigint FROM orders_refund WHERE order_id = ANY(%s)"
    " GROUP BY order_id",
    "void": "SELECT object_id, count(*), sum((snapshot->'released'->>'minor')::bigint)::bigint FROM runtime_outbox"
    " WHERE object_id = ANY(%s) AND type = 'order.voided' GROUP BY object_id",
}
# What the acts of an order must have led to: captures, refunds, shares of refunds by captures, voids → how many there are.
_FOLLOWING: Final[Mapping[str, tuple[str, Callable[[Acts], int]]]] = {
    "loans": (
        "SELECT order_id, count(*) FROM (SELECT order_id FROM loans_loan UNION ALL SELECT order_id FROM loans_agreement) AS l"
        " WHERE order_id = ANY(%s) GROUP BY order_id",
        lambda acts: acts.captures,
    ),
    "loans lent and paid for": (
        "SELECT a.order_id, count(*) FROM loans_agreement a JOIN loans_fact f ON f.loan_id = a.id AND f.kind IN ('disbursed', 'paid')"
        " WHERE a.order_id = ANY(%s) GROUP BY a.order_id",
        lambda acts: acts.captures + acts.shares,
    ),
    "items": (
        "SELECT order_id, count(*) FROM settlement_item WHERE order_id = ANY(%s) GROUP BY order_id",
        lambda acts: acts.captures + acts.shares,
    ),
    "entries": (
        "SELECT order_id, count(DISTINCT entry_id) FROM ledger_line WHERE order_id = ANY(%s) GROUP BY order_id",
        lambda acts: 2 * (acts.captures + acts.shares),
    ),
    "events": (
        "SELECT object_id, count(*) FROM runtime_outbox WHERE object_id = ANY(%s) GROUP BY object_id",
        lambda acts: 1 + acts.captures + acts.refunds + acts.voids + acts.expiries,
    ),
    "last events": (
        "SELECT object_id, max(seq) FROM runtime_outbox WHERE object_id = ANY(%s) GROUP BY object_id",
        lambda acts: 1 + acts.captures + acts.refunds + acts.voids + acts.expiries,
    ),
}
_EXPIRIES: Final = "SELECT object_id, count(*) FROM runtime_outbox WHERE object_id = ANY(%s) AND type = 'order.expired' GROUP BY object_id"
# What loans owe of their principal, by the loans of orders or by themselves: of the books, and of each of their own tables.
_OWED: Final = {
    "in the ledger": "SELECT a.{by}, sum(l.amount_minor)::bigint FROM loans_agreement a JOIN ledger_line l ON l.order_id = a.order_id"
    " AND l.loan_id = a.id JOIN ledger_account c ON c.id = l.account_id AND c.code = 'loan_principal' WHERE a.{by} = ANY(%s) GROUP BY a.{by}",
    "where they stand": "SELECT a.{by}, sum(s.loan_principal)::bigint FROM loans_agreement a JOIN loans_stretch s ON s.loan_id = a.id"
    " WHERE a.{by} = ANY(%s) AND s.replaced_on = (SELECT max(replaced_on) FROM loans_stretch WHERE loan_id = a.id) GROUP BY a.{by}",
    "by instalments": "SELECT a.{by}, sum(d.principal_minor - d.principal_settled_minor)::bigint FROM loans_agreement a"
    " JOIN loans_due d ON d.loan_id = a.id WHERE a.{by} = ANY(%s) GROUP BY a.{by}",
    "by what was applied": "SELECT a.{by}, (sum(a.principal_minor) - sum(coalesce(p.principal, 0)))::bigint FROM loans_agreement a"
    " LEFT JOIN (SELECT loan_id, sum(principal_minor) AS principal FROM loans_applied GROUP BY loan_id) AS p ON p.loan_id = a.id"
    " WHERE a.{by} = ANY(%s) GROUP BY a.{by}",
}
_APPLIED: Final = (
    "SELECT a.order_id, sum(p.amount_minor)::bigint, sum(p.interest_minor + p.charges_minor + p.excess_minor)::bigint"
    " FROM loans_agreement a JOIN loans_applied p ON p.loan_id = a.id WHERE a.order_id = ANY(%s) GROUP BY a.order_id"
)
_SUMS: Final = {"capture": "lent", "refund": "taken_back"}
_SHARES: Final = "SELECT order_id, count(*) FROM orders_refund WHERE order_id = ANY(%s) GROUP BY order_id"


@dataclass(slots=True)
class Acts:
    captures: int = 0
    refunds: int = 0
    voids: int = 0
    shares: int = 0
    expiries: int = 0
    lent: int = 0
    taken_back: int = 0
    """What was captured and what was refunded, in minor units."""


def _acts(found: Found, told: Sequence[Mapping[str, Any]]) -> None:
    """Captures, refunds and voids by their orders, and what each has to have led to."""
    from yuefu import ids
    from yuefu.runtime import sql

    orders = sorted({ids.parse("order", line["answer"]["id"]) for line in told if line["verb"] == "order" and line["status"] == 201})
    acts = {order_id: Acts() for order_id in orders}
    for order_id, count in sql.rows(_SHARES, [orders]):
        acts[order_id].shares = count
    expired = dict(sql.rows(_EXPIRIES, [orders]))  # whether the hour of one had come, the proofs of a close say
    found.equal("expiries", dict.fromkeys(expired, 1), expired)
    for order_id in expired:
        acts[order_id].expiries = 1
    for verb, query in _ROWS.items():
        counts: dict[UUID, int] = defaultdict(int)
        sums: dict[UUID, int] = defaultdict(int)
        for line in told:
            if line["verb"] == verb and line["status"] in _DONE:
                order_id = ids.parse("order", line["answer"]["order"])
                counts[order_id] += 1
                sums[order_id] += line["answer"]["amount"]
        for order_id, count in counts.items():
            setattr(acts[order_id], f"{verb}s", count)
            if verb in _SUMS:
                setattr(acts[order_id], _SUMS[verb], sums[order_id])
        there = sql.rows(query, [orders])
        found.compare(f"{verb}s", counts, {order: count for order, count, _ in there})
        found.equal(f"sum of {verb}s", sums, {order: minor for order, _, minor in there})
    for what, (query, right) in _FOLLOWING.items():
        expected = {order_id: count for order_id, one in acts.items() if (count := right(one))}
        found.equal(what, expected, dict(sql.rows(query, [orders])))
    _owed_for_orders(found, acts)


def _owed_for_orders(found: Found, acts: Mapping[UUID, Acts]) -> None:
    """Nobody pays for these orders: owed is what was captured and not taken back, but for what refunds paid of the interest of nights before."""
    from yuefu.runtime import sql

    orders = sorted(acts)
    applied = {order_id: (minor, beside) for order_id, minor, beside in sql.rows(_APPLIED, [orders])}
    found.equal(
        "refunds applied", {i: one.taken_back for i, one in acts.items() if one.refunds}, {i: one for i, (one, _) in applied.items()}
    )
    owed = {i: one.lent - one.taken_back + applied.get(i, (0, 0))[1] for i, one in acts.items() if one.captures}
    for where, query in _OWED.items():
        found.equal(f"principal owed {where}", owed, dict(sql.rows(query.format(by="order_id"), [orders])))


def _repayments(found: Found, told: Sequence[Mapping[str, Any]]) -> None:
    """By card, each of which is used once: one attempt, one debit at the channel, once to its loan, which owes as much less."""
    from yuefu.runtime import sql

    repaid = [line for line in told if line["verb"] == "repay" and line["status"] == 201]
    cards = {line["order"]: 1 for line in repaid}
    there = sql.rows(
        "SELECT c.instrument, count(*), count(*) FILTER (WHERE c.state = 'succeeded'),"
        " count(*) FILTER (WHERE c.state IN ('attempted', 'unknown')),"
        " count(*) FILTER (WHERE t.status = 'SUCCESS'), count(p.id), count(f.source_id),"
        " coalesce(sum(p.amount_minor), 0)::bigint"
        " FROM payments_collection c"
        " LEFT JOIN payments_sandbox_trade t ON t.reference = c.reference AND t.kind = 'payment'"
        " LEFT JOIN loans_applied p ON p.id = c.id AND p.kind = 'repaid'"
        " LEFT JOIN loans_fact f ON f.source_id = c.id AND f.kind = 'paid'"
        " WHERE c.instrument = ANY(%s) GROUP BY c.instrument",
        [list(cards)],
    )
    found.compare("repayments", cards, {card: count for card, count, *_ in there})
    debits = {card: debited for card, _, _, _, debited, *_ in there}
    found.compare("debits", {card: succeeded for card, _, succeeded, *_ in there}, debits)
    found.equal("repayments of the loan", debits, {card: applied for card, *_, applied, _, _ in there})
    found.equal("facts of the loan", debits, {card: facts for card, *_, facts, _ in there})
    paid = {line["order"]: line["body"]["amount"] * debits.get(line["order"], 0) for line in repaid}
    found.equal("money for the loan", paid, {card: minor for card, *_, minor in there})
    found.equal("outcomes not known", {}, {card: unknown for card, _, _, unknown, *_ in there if unknown})
    _owed_by_loans(found, sorted({UUID(line["body"]["loan"]) for line in repaid}))


def _owed_by_loans(found: Found, loans: Sequence[UUID]) -> None:
    """What is still owed of loans that were paid, which only they can say: each of their tables and the books the same."""
    from yuefu.runtime import sql

    (first, right), *others = [(where, dict(sql.rows(query.format(by="id"), [loans]))) for where, query in _OWED.items()]
    found.compare(f"loans {first}", dict.fromkeys(loans, 1), dict.fromkeys(right, 1))
    for where, owed in others:
        found.equal(f"principal owed {where}", right, owed)


def _quarantined(found: Found, book_id: UUID) -> None:
    """An outage is nobody's fault: no request may have been put aside for one."""
    from yuefu.runtime import sql

    put_aside = sql.rows("SELECT command, error FROM runtime_quarantine WHERE book_id = %s", [book_id])
    found.wrong += [f"put aside: {command}: {error}"[:300] for command, error in put_aside[:_NAMED]]


# -------------------------------------------------------------------------------------------------------------------------- what is stuck

_STUCK: Final = {
    "attempts whose outcome is not known": "SELECT (SELECT count(*) FROM payments_collection WHERE state IN ('attempted', 'unknown'))"
    " + (SELECT count(*) FROM payments_channel_refund WHERE state IN ('attempted', 'unknown'))",
    "events not handed out": "SELECT count(*) FROM runtime_outbox o WHERE (o.epoch, o.xid, o.id) >"
    " (SELECT c.epoch, c.xid::xid8, coalesce(c.row_id, '00000000-0000-0000-0000-000000000000'::uuid) FROM runtime_cursor c WHERE c.name = 'metrics')",
    "days that are over and not closed": "SELECT count(*) FROM runtime_business_day d JOIN runtime_book b ON b.id = d.book_id"
    " WHERE d.state <> 'closed' AND ((b.clock_at AT TIME ZONE b.zone) - b.cut_off::interval)::date > d.on_date",
    "transactions left open": "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    " AND datname = current_database() AND state_change < now() - interval '2 seconds'",
    "advisory locks": "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory'"
    " AND a.state = 'idle'",
    "locks that are waited for": "SELECT count(*) FROM pg_locks WHERE NOT granted",
}


def stuck(installation: Installation, *, within_s: float) -> list[str]:
    """What is still not at rest when nobody asks for anything any more, after `within_s`. The worker has to do it."""
    from yuefu.proofs import crash_world

    until = time.monotonic() + within_s
    crash_world.give_jobs()
    with installation.superuser() as connection:
        while True:
            left = {what: (connection.execute(query).fetchone() or (0,))[0] for what, query in _STUCK.items()}
            if not any(left.values()):
                return []
            if time.monotonic() > until:
                return [f"{what}: {count}" for what, count in left.items() if count] + installation.ended()
            crash_world.give_jobs()
            time.sleep(0.2)
