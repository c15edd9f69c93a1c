"""Bills of a day from end to end: what a clean day leaves, each class of fault, and files that are refused."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from yuefu.errors import Refused
from yuefu.journeys import breaks, reconciliation
from yuefu.payments import queries as payments
from yuefu.payments.gateways.sandbox import SandboxChannel
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.commands import DayOutcome, FileIn
from yuefu.runtime import sql
from yuefu.sim import faults
from yuefu.sim.faults import Bill, Fault, Injector

DUE = date(2026, 10, 25)


def paid_day(shop, loans=3):
    """A day on which people paid; it is the day after."""
    bought = [shop.bought("600.00") for _ in range(loans)]
    shop.until(DUE)
    for got in bought:
        shop.repay(got.loan_id)
    shop.next_day()


def sent(shop, files, on=DUE):
    given = [FileIn(source, data, on) for source, data in files.items()]
    return reconciliation.reconcile(desk=shop.desk, now=shop.now(8), files=given)


def bridges(shop):
    return [b for b in found.day_bridges(book_id=shop.book_id) if b.on == DUE]


def kept(shop):
    """How much of bills the book keeps."""
    return [
        sql.value(f"SELECT count(*) FROM reconciliation_{table} WHERE book_id = %s", [shop.book_id]) for table in ("file", "day", "item")
    ]


def spoilt(files, source, cls, reference):
    """The files of the day with one fault, totals mended as a bill's would be."""
    fault = Fault(cls, reference, source, DUE)
    late: list = []
    bill = Bill(source, files[source]).spoil({reference: fault}, [], late, DUE + timedelta(days=1), random.Random(1))
    return {**files, source: bill}, late


def test_a_clean_day_closes_every_bridge_to_zero_and_opens_no_break(shop):
    paid_day(shop)
    outcomes = sent(shop, reconciliation.fetch(desk=shop.desk, on=DUE))
    assert all(isinstance(o.outcome, DayOutcome) and o.outcome.opened == 0 for o in outcomes)
    assert len(bridges(shop)) == 4
    assert all(b.residual is not None and b.residual.minor == 0 for b in bridges(shop))
    assert found.unclassified(book_id=shop.book_id, through=DUE) == (0, 0)
    assert found.found_by_class(book_id=shop.book_id) == {}


@pytest.mark.parametrize(
    ("source", "cls"),
    [
        *(("channel_trade", cls) for cls in faults.CLASSES),
        *(("channel_fund", cls) for cls in faults.CLASSES if cls != faults.STATUS_DIFFERS),
    ],
)
def test_each_fault_is_found_as_what_it_is_and_the_bridge_still_closes(shop, source, cls):
    paid_day(shop)
    files = reconciliation.fetch(desk=shop.desk, on=DUE)
    orders = payments.orders_of_references
    injector = Injector(1.0, random.Random(3), lambda given: orders(book_id=shop.book_id, references=given))
    injector.turns = [(cls, source)]
    injector._owed = 1.0 - 3.0  # one fault of the three payments
    following = DUE + timedelta(days=1)
    bad = injector.spoil(on=DUE, following=following, files=files, allowed=True)
    assert [(f.cls, f.source) for f in injector.injected] == [(cls, source)]
    assert all(isinstance(o.outcome, DayOutcome) for o in sent(shop, bad))
    shop.next_day()
    next_files = injector.spoil(
        on=following, following=following + timedelta(days=1), files=reconciliation.fetch(desk=shop.desk, on=following), allowed=False
    )
    assert all(isinstance(o.outcome, DayOutcome) for o in sent(shop, next_files, following))
    assert found.found_by_class(book_id=shop.book_id) == injector.by_class()
    assert all(b.residual is not None and b.residual.minor == 0 for b in found.day_bridges(book_id=shop.book_id))
    if cls == faults.STATUS_DIFFERS:
        (one,) = found.breaks(book_id=shop.book_id)
        assert breaks.seen(desk=shop.desk, break_ids=[one.id], on=shop.on)[one.id].stated == ("REVOKED", "SUCCESS")


def test_a_file_sent_again_changes_nothing_and_says_the_same(shop):
    paid_day(shop)
    files = reconciliation.fetch(desk=shop.desk, on=DUE)
    first = sent(shop, files)
    before = kept(shop)
    again = sent(shop, files)
    assert [o.outcome.bridge for o in again] == [o.outcome.bridge for o in first]
    assert all(o.outcome.again for o in again)
    assert kept(shop) == before


def test_another_content_for_the_same_day_is_refused(shop):
    paid_day(shop)
    files = reconciliation.fetch(desk=shop.desk, on=DUE)
    sent(shop, files)
    before = kept(shop)
    reference = Bill("channel_trade", files["channel_trade"]).payments()[0]
    other, _ = spoilt(files, "channel_trade", faults.MISSING_THERE, reference)
    (refused,) = sent(shop, {"channel_trade": other["channel_trade"]})
    assert isinstance(refused.received, Refused)
    assert (refused.received.code, refused.outcome) == ("day_already_has_a_file", None)
    assert kept(shop) == before


def test_the_bill_of_another_merchant_is_refused(shop):
    paid_day(shop)
    before = kept(shop)
    foreign = SandboxChannel(shop.desk.book, account="1900000999").trade_bill(on=DUE)
    (refused,) = sent(shop, {"channel_trade": foreign})
    assert isinstance(refused.received, Refused)
    assert refused.received.code == "foreign_account"
    assert kept(shop) == before


@pytest.mark.parametrize(
    "broken",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-40] + b"\xff\xfe" + data[-40:],
        lambda data: data.replace(b"200.00", b"200.01", 1),
    ],
    ids=["cut off", "broken letters", "sums that do not add up"],
)
def test_of_a_broken_file_nothing_is_kept_and_its_neighbours_are_read(shop, broken):
    paid_day(shop)
    files = reconciliation.fetch(desk=shop.desk, on=DUE)
    outcomes = {o.source: o for o in sent(shop, {**files, "channel_trade": broken(files["channel_trade"])})}
    assert isinstance(outcomes["channel_trade"].received, Refused)
    assert isinstance(outcomes["channel_fund"].outcome, DayOutcome)
    assert {b.source for b in bridges(shop)} == {"channel_fund", "bank", "bank_client"}
    mended = sent(shop, {"channel_trade": files["channel_trade"]})
    assert isinstance(mended[0].outcome, DayOutcome)
    assert found.unclassified(book_id=shop.book_id, through=DUE) == (0, 0)


def test_a_failed_day_is_run_again_from_its_file_and_keeps_no_other_source(shop, monkeypatch):
    paid_day(shop)
    files = reconciliation.fetch(desk=shop.desk, on=DUE)
    reference = Bill("channel_trade", files["channel_trade"]).payments()[0]
    given, _ = spoilt(files, "channel_fund", faults.MISSING_THERE, reference)  # by hand: not what the channel gives
    whole = reconciliation.reconciliation.reconcile_day

    def broken(**asked):
        if asked["source"] == "channel_fund":
            raise RuntimeError("broken")
        return whole(**asked)

    def states(on):
        return {b.source: b.state for b in found.day_bridges(book_id=shop.book_id, since=on)}

    with monkeypatch.context() as patched:
        patched.setattr(reconciliation.reconciliation, "reconcile_day", broken)
        with pytest.raises(RuntimeError, match="broken"):
            sent(shop, {"channel_fund": given["channel_fund"]})
        with pytest.raises((RuntimeError, ExceptionGroup)):
            reconciliation.catch_up(desk=shop.desk, now=shop.now(9))
        assert states(DUE) == {"channel_trade": "done", "channel_fund": "failed", "bank": "done", "bank_client": "done"}
    reconciliation.catch_up(desk=shop.desk, now=shop.now(10))
    assert set(states(DUE).values()) == {"done"}
    assert reference in {b.reference for b in found.breaks(book_id=shop.book_id)}, "by the file that was given"
