"""Settlement days that count from delivery or from confirmed receipt: until the event what was sold has no day and is in no batch."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from tests.settlement.conftest import TERMS, MakeMerchant
from tests.settlement.scene import DAY, PAY_DAY, accrue, capture, cny, proofs_hold, refund, sell, settle, unproven
from yuefu.errors import Refused
from yuefu.merchants.rules import terms_fault, terms_from_json, terms_json
from yuefu.merchants.rules.holds import Holds
from yuefu.runtime import sql
from yuefu.runtime.values import BusinessDay, UnitOfWork
from yuefu.settlement import commands as settlement
from yuefu.settlement import queries, rules
from yuefu.settlement.commands import CaptureAccrual, NewEvidence, Proven, RefundAccrual
from yuefu.settlement.queries import adjustments
from yuefu.settlement.rules import Item

MONTHS_LATER = date(2027, 3, 1)
NEXT = PAY_DAY + timedelta(days=1)


def on(work: UnitOfWork, day: date) -> UnitOfWork:
    """The same work on another day."""
    return replace(work, day=BusinessDay(work.book.id, day, "open"))


def told(work: UnitOfWork, of: CaptureAccrual, **changes: Any) -> Proven | Refused:
    given = {"kind": "delivered", "reference": "SF1234", "proven_on": DAY, **changes}
    with sql.transacting():
        return settlement.record_evidence(work=work, given=[NewEvidence(of.order_id, of.merchant_id, **given)])[0]


def lines(work: UnitOfWork, day: date) -> int:
    return sum(batch.line_count for batch in settle(work, day))


def undated(work: UnitOfWork) -> int:
    return queries.undated(book_id=work.book.id, currency="CNY").minor


def sold(work: UnitOfWork, of: CaptureAccrual) -> Item:
    (item,) = accrue(work, of)
    assert isinstance(item, Item)
    return item


def another(work: UnitOfWork, of: CaptureAccrual, minor: int) -> CaptureAccrual:
    """A second capture of an order, with its loan."""
    new = replace(of, capture_id=work.ids.new(work.now), loan_id=work.ids.new(work.now), gross=cny(minor))
    for table, key, changed in (
        ("orders_capture", of.capture_id, {"id": new.capture_id, "number": 2, "amount_minor": minor}),
        ("loans_loan", of.loan_id, {"id": new.loan_id, "capture_id": new.capture_id, "principal_minor": minor}),
    ):
        again = f"INSERT INTO {table} SELECT (jsonb_populate_record(o, %s::jsonb)).* FROM {table} AS o WHERE id = %s"
        sql.run(again, [json.dumps(changed, default=str), key])
    return new


def code_of(outcome: object) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


@pytest.mark.parametrize(
    ("settle_from", "kind", "fits"),
    [
        ("delivery", "delivered", True),
        ("delivery", "redeemed", True),
        ("delivery", "received", True),
        ("receipt", "delivered", False),
        ("receipt", "received", True),
        ("receipt", "attested", True),
    ],
)
def test_until_the_event_of_its_contract_a_capture_has_no_day(
    work: UnitOfWork, make_merchant: MakeMerchant, settle_from: str, kind: str, fits: bool
) -> None:
    merchant = make_merchant(settle_from=settle_from, holds=Holds(tier="high", more_days=1))
    one = capture(work, merchant)
    item = sold(work, one)
    assert (item.settles_on, item.due_on, undated(work)) == (None, None, item.net.minor)
    assert settle(work, MONTHS_LATER) == []
    outcome = told(work, one, kind=kind)
    if not fits:
        assert (code_of(outcome), undated(work)) == (rules.OTHER_EVENT, item.net.minor)
        return
    assert outcome == Proven(one.order_id, 1, item.net, NEXT)  # T+1 over the holiday, and a business day more
    assert undated(work) == 0
    assert (lines(work, PAY_DAY), lines(work, NEXT)) == (0, 1)
    assert proofs_hold(work, merchant)
    assert unproven(work) == []


def test_told_twice_it_is_the_same_answer_and_another_is_refused(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = capture(work, make_merchant(settle_from="delivery"))
    item = sold(work, one)
    first = told(work, one)
    assert isinstance(first, Proven)
    assert told(work, one) == replace(first, again=True)
    assert told(work, one, proven_on=None) == replace(first, again=True), "who names no day repeats what was told"
    assert told(on(work, PAY_DAY), one, proven_on=None) == replace(first, again=True)
    for other in (
        {"reference": "SF9"},
        {"kind": "redeemed"},
        {"proven_on": DAY - timedelta(days=1)},
        {"reference": "SF9", "kind": "received"},
    ):
        assert code_of(told(work, one, **other)) == rules.EVIDENCE_DIFFERS
    assert (lines(work, PAY_DAY), item.settles_on) == (1, None)


def test_each_parcel_has_its_own_event_and_a_repeated_one_frees_no_other(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = capture(work, make_merchant(settle_from="delivery"), minor=100_000)
    first = sold(work, one)
    before = told(work, one)
    more = sold(work, another(work, one, 50_000))
    assert isinstance(before, Proven)
    assert told(work, one) == replace(before, again=True)
    assert (undated(work), lines(work, PAY_DAY)) == (more.net.minor, 1)
    after = told(work, one, reference="SF2")
    assert isinstance(after, Proven)
    assert (after.items, after.net, first.net == more.net) == (1, more.net, False)
    assert lines(work, NEXT) == 1


def test_an_event_that_comes_late_settles_with_the_next_business_day(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = capture(work, make_merchant(settle_from="delivery"))
    sold(work, one)
    sunday = on(work, date(2026, 10, 11))
    late = told(sunday, one, proven_on=date(2026, 9, 1))
    assert isinstance(late, Proven)
    assert late.settles_on == date(2026, 10, 12)
    assert (lines(sunday, date(2026, 10, 11)), lines(work, date(2026, 10, 12))) == (0, 1)


def test_an_event_before_the_capture_is_that_of_the_first_one_and_counts_from_the_capture(
    work: UnitOfWork, make_merchant: MakeMerchant
) -> None:
    one = capture(work, make_merchant(settle_from="receipt"), minor=100_000)
    sell(work, one)
    early = {"kind": "received", "proven_on": date(2026, 9, 1)}
    assert code_of(told(work, one)) == rules.OTHER_EVENT
    assert told(work, one, **early) == Proven(one.order_id, 0, cny(0), ahead=True)
    assert told(work, one, **early) == Proven(one.order_id, 0, cny(0), again=True, ahead=True)
    assert code_of(told(work, one, **early | {"reference": "SF9"})) == rules.EVIDENCE_DIFFERS
    item, back = accrue(work, one, refund(work, one, 40_000))
    assert isinstance(item, Item)
    assert isinstance(back, Item)
    assert told(work, one, **early) == Proven(one.order_id, 2, item.net + back.net, PAY_DAY, again=True)
    second = sold(work, another(work, one, 50_000))
    assert undated(work) == second.net.minor, "what is captured later was not delivered before"
    (batch,) = settle(work, PAY_DAY)
    assert (batch.line_count, batch.totals.payout) == (2, item.net + back.net)


def test_what_goes_back_in_part_while_it_waits_settles_with_it(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    merchant = make_merchant(settle_from="delivery")
    one, other = capture(work, merchant), capture(work, merchant)
    item, rest, back = accrue(work, one, other, refund(work, one, 100_000))
    assert isinstance(item, Item)
    assert isinstance(rest, Item)
    assert isinstance(back, Item)
    assert back.settles_on is None
    told(work, other)
    (batch,) = settle(work, PAY_DAY)
    assert (batch.line_count, batch.totals.payout) == (1, rest.net)
    assert told(work, one) == Proven(one.order_id, 2, item.net + back.net, PAY_DAY)
    (late,) = accrue(work, refund(work, one, 100))
    assert isinstance(late, Item)
    assert late.settles_on == PAY_DAY, "after the event it is a refund like any other"
    (batch,) = settle(work, NEXT)
    assert (batch.line_count, batch.totals.payout) == (3, item.net + back.net + late.net)
    assert proofs_hold(work, merchant)


@pytest.mark.parametrize(("fee_on_refund", "left"), [("returned", 0), ("kept", -199_900 * 24 // 1000)])
@pytest.mark.parametrize("event", ["refund", "charge_back"])
def test_after_all_of_it_went_back_nothing_waits(
    work: UnitOfWork, make_merchant: MakeMerchant, fee_on_refund: str, left: int, event: str
) -> None:
    merchant = make_merchant(settle_from="delivery", fee_on_refund=fee_on_refund)
    one = capture(work, merchant)
    first = sold(work, one)
    accrue(work, refund(work, one, 99_900))
    assert undated(work) != 0
    last = RefundAccrual(work.ids.new(work.now), one.capture_id, cny(100_000), DAY, event)
    for _ in range(2):
        assert [isinstance(made, Item) for made in accrue(work, last)] == [True]
    assert (undated(work), first.settles_on) == (0, None)
    assert code_of(told(work, one)) == rules.EVIDENCE_DIFFERS
    (batch,) = settle(work, PAY_DAY)
    assert batch.line_count == 3
    assert abs(batch.totals.net.minor - left) <= 1
    assert proofs_hold(work, merchant)
    assert unproven(work) == []


def test_what_has_no_day_pays_no_debt_yet(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = capture(work, make_merchant(settle_from="delivery", fee_on_refund="kept"))
    item, _ = accrue(work, one, refund(work, one, 199_900))
    assert isinstance(item, Item)
    sold(work, capture(work, one.merchant_id))
    owed = item.fee + item.discount
    assert adjustments.owes(book_id=work.book.id, merchant_id=one.merchant_id, currency="CNY") == owed


def test_a_charge_back_in_part_is_deducted_from_what_waits(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = capture(work, make_merchant(settle_from="receipt"))
    item = sold(work, one)
    (back,) = accrue(work, RefundAccrual(work.ids.new(work.now), one.capture_id, cny(100), DAY, "charge_back"))
    assert isinstance(back, Item)
    assert (back.settles_on, undated(work)) == (None, (item.net + back.net).minor)
    assert settle(work, MONTHS_LATER) == []
    told(work, one, kind="attested")
    assert lines(work, PAY_DAY) == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "given_back"}, rules.EVIDENCE_INVALID),
        ({"reference": " SF1"}, rules.EVIDENCE_INVALID),
        ({"reference": "x" * 65}, rules.EVIDENCE_INVALID),
        ({"proven_on": DAY + timedelta(days=1)}, rules.EVIDENCE_INVALID),
        ({"order_id": None}, rules.NO_EVIDENCE_NEEDED),
        ({"merchant_id": None}, rules.NO_EVIDENCE_NEEDED),
    ],
)
def test_what_is_no_event_changes_nothing(work: UnitOfWork, make_merchant: MakeMerchant, changes: dict[str, Any], code: str) -> None:
    one = capture(work, make_merchant(settle_from="delivery"))
    item = sold(work, one)
    names = {name: work.ids.new(work.now) for name, value in changes.items() if value is None}
    given = {"kind": "delivered", "reference": "SF1", "proven_on": DAY, "order_id": one.order_id, "merchant_id": one.merchant_id}
    with sql.transacting():
        (refused,) = settlement.record_evidence(work=work, given=[NewEvidence(**given | changes | names)])  # type: ignore[arg-type]
    assert (code_of(refused), undated(work)) == (code, item.net.minor)


def test_the_database_puts_nothing_into_a_batch_before_the_day_of_its_event(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = capture(work, make_merchant(settle_from="delivery"))
    item = sold(work, one)
    early = "UPDATE settlement_waiting SET settles_on = %s WHERE book_id = %s"
    sql.run(early, [DAY, work.book.id])
    with pytest.raises(psycopg.errors.CheckViolation, match="waits for it"):
        settle(work, PAY_DAY)
    sql.run("UPDATE settlement_waiting SET settles_on = NULL WHERE book_id = %s", [work.book.id])
    forged = (
        "INSERT INTO settlement_evidence (id, book_id, item_id, merchant_id, kind, reference, proven_on, settles_on, told_on, recorded_by, recorded_at)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, 'x', %s, %s, %s, '', now())"
    )
    for kind, day in (("delivered", DAY), ("given_back", PAY_DAY), ("delivered", None)):
        with pytest.raises(psycopg.errors.CheckViolation), sql.transacting():
            sql.run(forged, [work.book.id, item.id, one.merchant_id, kind, DAY, day, DAY])
    told(work, one)
    sql.run(early, [DAY, work.book.id])
    with pytest.raises(psycopg.errors.CheckViolation, match="waits for it"):
        settle(work, DAY)
    assert lines(work, PAY_DAY) == 1


def test_an_event_and_a_refund_at_once_leave_nothing_behind(
    work: UnitOfWork, make_work: Callable[..., UnitOfWork], make_merchant: MakeMerchant
) -> None:
    """Whoever tells of an order and whoever gives back of it see each other: no refund waits for an event that came."""
    one = capture(work, make_merchant(settle_from="delivery"))
    item = sold(work, one)
    failed: list[Exception] = []

    def give() -> None:
        try:
            accrue(make_work(), refund(work, one, 100))
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    with sql.transacting():
        settlement.record_evidence(work=work, given=[NewEvidence(one.order_id, one.merchant_id, "delivered", "SF1", DAY)])
        other = threading.Thread(target=give)
        other.start()
        other.join(timeout=0.3)
        assert other.is_alive(), "it waits for who tells"
    other.join(timeout=10)
    assert failed == []
    assert (undated(work), item.settles_on, lines(work, PAY_DAY)) == (0, None, 2)


def test_what_was_lost_of_an_event_is_found(work: UnitOfWork, make_merchant: MakeMerchant) -> None:
    one = capture(work, make_merchant(settle_from="delivery"))
    sold(work, one)
    assert queries.left_out(book_id=work.book.id, on=MONTHS_LATER) == []
    told(work, one)
    assert queries.left_out(book_id=work.book.id, on=PAY_DAY) == [one.order_id]
    settle(work, PAY_DAY)
    assert queries.left_out(book_id=work.book.id, on=PAY_DAY) == []


@pytest.mark.parametrize(
    "changes", [{"settle_from": "shipping"}, {"settle_from": ""}, {"settle_from": "receipt", "holds": Holds(evidence_days=3)}]
)
def test_what_no_contract_counts_from(changes: dict[str, Any]) -> None:
    fault = terms_fault(replace(TERMS, **changes), currency="CNY")
    assert fault is not None
    assert (fault.code, fault.field) == ("settle_from_invalid", "settle_from")


def test_what_it_counts_from_is_kept_as_it_was_agreed() -> None:
    for event in ("capture", "delivery", "receipt"):
        assert terms_from_json(terms_json(replace(TERMS, settle_from=event))).settle_from == event
    assert "settle_from" not in terms_json(TERMS)["more"]
