"""Events of a whole life: every snapshot has one form, old values have the form of the new, and the key and the request are told."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

import pytest

from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import ChangeDays, ChangeLimit
from yuefu.journeys import billing, checkout, places
from yuefu.journeys.billing import PayRequest
from yuefu.journeys.checkout import Captured, sessions
from yuefu.journeys.desk import open_day
from yuefu.loans import queries as loan_book
from yuefu.merchants.commands.stores import Closing, NewStore, NewTerminal
from yuefu.money.amounts import Money
from yuefu.orders.commands import CaptureRequest
from yuefu.orders.commands.extending import ExtendRequest
from yuefu.runtime import sql
from yuefu.runtime.values import Actor

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DAY_OR_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?\+00:00)?")
# The words for what is counted in minor units anywhere in the tables; as a bare number none of them may leave in an event.
AMOUNTS = re.compile(r"(amount|principal|interest|excess|limit|total|net|fee|payout|captured|refunded|released|authorised)(_|$)")


def wrong_in(name: str, value: object) -> list[str]:
    """What breaks the form of `outbox`, with the place."""
    if isinstance(value, dict):
        if set(value) == {"minor", "currency"}:
            return [] if type(value["minor"]) is int and len(value["currency"]) == 3 else [f"{name}: {value}"]
        return [fault for key, inner in value.items() for fault in wrong_in(f"{name}.{key}", inner)]
    if isinstance(value, list):
        return [fault for inner in value for fault in wrong_in(f"{name}[]", inner)]
    last = name.rpartition(".")[2]
    faults = []
    if (last == "id" or last.endswith("_id")) and value is not None and not (isinstance(value, str) and UUID_TEXT.fullmatch(value)):
        faults.append(f"{name} is no uuid: {value}")
    if (last.endswith(("_on", "_at"))) and value is not None and not (isinstance(value, str) and DAY_OR_MOMENT.fullmatch(value)):
        faults.append(f"{name} is no day or moment: {value}")
    if isinstance(value, str) and UUID_TEXT.fullmatch(value) and not (last == "id" or last.endswith("_id")):
        faults.append(f"{name} holds a uuid and does not say so")
    if last.endswith("_minor") or (type(value) is int and AMOUNTS.search(last)) or last == "currency":
        faults.append(f"{name} is an amount without its currency: {value}")
    if isinstance(value, float):
        faults.append(f"{name} is a float")
    return faults


@pytest.fixture
def lived(shop):
    """A shop after a life with every kind of event it can have."""
    shop.desk = replace(shop.desk, by=replace(shop.desk.by, request_id="req-life"))
    first = shop.buy(shop.consumer(repayment_day=28), "3000.00", product="flex", periods=3)
    loan = shop.capture(first.order_id, "1000.00")
    shop.capture(first.order_id, "500.00")
    shop.void(first.order_id)
    late = shop.capture(shop.buy(shop.consumer(repayment_day=22), periods=3).order_id)
    shop.buy(shop.consumer(limit="10.00"))
    person = shop.consumer()
    with open_day(shop.desk, shop.now()) as work:
        account = accounts.accounts_of(consumer_ids=[person], currency="CNY")[person]
        credit.change_limits(work=work, changes=[ChangeLimit("more", account.id, Money(30_000_00, "CNY"), ("asked",))])
        credit.change_days(work=work, changes=[ChangeDays("other", account.id, 5, 15, ("asked",))])
    shop.repay(loan.loan_id, "50.00")
    shop.next_day()
    shop.settle()
    shop.refund(first.order_id, "200.00")
    until = shop.on.replace(day=24)
    shop.until(until)
    shop.repay(late.loan_id, "1.00")
    billing.make(desk=shop.desk, now=shop.now())
    payer = loan_book.loans([loan.loan_id])[loan.loan_id].dims.consumer_id
    billing.pay(
        desk=shop.desk, now=shop.now(15), requests=[PayRequest("bill", payer, "card:1:ok", ahead=True, amount=Money(900_00, "CNY"))]
    )
    shop.reconcile()
    sell(shop, person)
    return shop


def sell(shop, person):
    """A store with a till, sessions at it that end in different ways, and an order that is held longer."""
    at = {"desk": shop.desk, "now": shop.now(16)}
    seller = shop.merchants[0]
    (store,) = places.open_stores(**at, requests=[NewStore("s", seller, "road", "路店", "Road", "1")])
    (till,) = places.open_terminals(**at, requests=[NewTerminal("t", seller, store.id, "till")])
    new = [
        sessions.NewSession(f"n{n}", seller, f"N-{n}", Money(300_00, "CNY"), channel="store", terminal_id=till.id, consumer_id=person)
        for n in range(3)
    ]
    first, second, third = (done.session.id for done in sessions.open_sessions(**at, requests=new))
    sessions.expire_sessions(**at, requests=[sessions.EndSession("x", seller, first)])
    sessions.cancel(**at, checkout_ids=[second])
    (shown,) = checkout.quote(**at, wishes=[checkout.Wish(seller, person, "free", new[0].amount, 3)])
    (bought,) = sessions.consent(**at, consents=[sessions.Consent(third, person, shown.quote_id)])
    (longer,) = checkout.extend(desk=shop.desk, now=shop.now(18), requests=[ExtendRequest("longer", seller, bought.order_id)])
    assert longer.order_id == bought.order_id
    places.close(**at, requests=[Closing("c", seller, kind, place.id) for kind, place in (("terminal", till), ("store", store))])


def events(shop):
    return sql.rows(
        "SELECT type, object_kind, object_id, seq, snapshot, changed, request_id, key, schema_version FROM runtime_outbox"
        " WHERE book_id = %s ORDER BY epoch, xid, id",
        [shop.book_id],
    )


def test_every_snapshot_and_every_old_value_has_the_one_form(lived):
    found = events(lived)
    kinds = {row[0] for row in found}
    assert {
        "order.authorised", "order.declined", "order.captured", "order.voided", "order.refunded", "loan.booked", "loan.repaid",
        "loan.refunded", "loan.overdue", "instalment.due", "collection.succeeded", "channel_refund.succeeded", "payout.paid",
        "settlement_batch.scheduled", "settlement_batch.paid", "consumer.registered", "credit_account.opened",
        "credit_account.limit_changed", "credit_account.days_changed", "bill.issued", "reconciliation_day.done", "order.extended",
        "checkout.session.opened", "checkout.session.completed", "checkout.session.expired", "checkout.session.cancelled", "store.opened",
        "store.closed", "terminal.opened", "terminal.closed",
    } <= kinds  # fmt: skip
    faults = []
    for kind, _, object_id, _, snapshot, changed, _, _, _ in found:
        if snapshot.get("id") != str(object_id):
            faults.append(f"{kind}: the snapshot is of {snapshot.get('id')}, not of {object_id}")
        faults += wrong_in(kind, snapshot) + wrong_in(f"{kind} changed", changed)
        faults += [f"{kind}: {name} was, and is not told any more" for name in changed if name not in snapshot]
        faults += [f"{kind}: {name} is as it was" for name, old in changed.items() if snapshot.get(name) == old]
    assert not sorted(set(faults))


def test_events_of_one_object_are_counted_without_a_gap(lived):
    seen: dict[tuple[str, UUID], int] = {}
    for _, kind, object_id, seq, *_ in events(lived):
        assert seq == seen.get((kind, object_id), 0) + 1, (kind, object_id, seq)
        seen[kind, object_id] = seq


def test_an_event_tells_the_request_and_its_key(lived):
    found = [(row[0], row[6], row[7]) for row in events(lived)]
    mine = [row for row in found if row[0].startswith(("order.", "loan.booked", "loan.refunded", "credit_account."))]
    assert all(key for _, _, key in mine), [row for row in mine if not row[2]]
    assert {request for kind, request, _ in found if kind.startswith("order.")} == {"req-life"}
    captured = [key for kind, _, key in found if kind == "order.captured"]
    assert captured == [key for kind, _, key in found if kind == "loan.booked"]
    assert len(set(captured)) == len(captured) == 3
    assert [key for kind, _, key in found if kind == "order.refunded"] == [key for kind, _, key in found if kind == "loan.refunded"][:1]


def test_a_booking_tells_the_final_schedule(lived):
    for snapshot in [row[4] for row in events(lived) if row[0] == "loan.booked"]:
        rows = snapshot["instalments"]
        assert [row["no"] for row in rows] == [1, 2, 3]
        assert sum(row["principal"]["minor"] for row in rows) == snapshot["principal"]["minor"]
        assert rows[0]["due_on"] == snapshot["first_due_on"]


def test_of_one_batch_each_request_is_told_under_its_own_sender(shop):
    orders = [shop.buy(shop.consumer(), merchant=m).order_id for m in (0, 1)]
    senders = [Actor("user", f"person_{m}", request_id=f"req_of_{m}") for m in (0, 1)]
    requests = [CaptureRequest("same key", shop.seller(o), o, by=by) for o, by in zip(orders, senders, strict=True)]
    assert all(isinstance(o, Captured) for o in checkout.capture(desk=shop.desk, now=shop.now(11), requests=requests))
    told = sql.rows(
        "SELECT request_id, type FROM runtime_outbox WHERE book_id = %s AND type IN ('order.captured', 'loan.booked') ORDER BY 1, 2",
        [shop.book_id],
    )
    assert told == [(f"req_of_{m}", kind) for m in (0, 1) for kind in ("loan.booked", "order.captured")]
    entries = sql.rows(
        "SELECT DISTINCT l.order_id, e.actor, e.request_id FROM ledger_entry e JOIN ledger_line l ON l.entry_id = e.id WHERE l.order_id = ANY(%s)",
        [orders],
    )
    assert set(entries) == {(o, by.label, by.request_id) for o, by in zip(orders, senders, strict=True)}
    trail = sql.rows("SELECT action, object_ids, detail FROM runtime_audit WHERE book_id = %s AND action = 'order.capture'", [shop.book_id])
    assert trail == [("order.capture", [str(o) for o in orders], {"by": [[by.label, by.request_id] for by in senders]})]
