"""What becomes of breaks and their fixes is told outside, whole, in order and without a gap."""

from __future__ import annotations

from dataclasses import replace

from tests.journeys.test_breaks import ALICE, asked, decided, open_breaks, spoilt
from tests.journeys.test_events import wrong_in
from tests.journeys.test_reconciliation import paid_day, sent
from yuefu.journeys import reconciliation
from yuefu.journeys.desk import open_day
from yuefu.reconciliation import commands
from yuefu.reconciliation import queries as found
from yuefu.reconciliation.commands import Assignment, Ending, Evidence, Note
from yuefu.reconciliation.rules.fixes import Kind
from yuefu.runtime import sql
from yuefu.sim import faults
from yuefu.sim.faults import Bill


def outside(shop, *prefixes):
    """The events of a book whose types begin so, in order: type, object, number, snapshot and old values."""
    found = sql.rows(
        "SELECT type, object_id, seq, snapshot, changed, key FROM runtime_outbox WHERE book_id = %s ORDER BY epoch, xid, id", [shop.book_id]
    )
    return [row for row in found if row[0].startswith(prefixes)]


def test_what_becomes_of_a_break_and_its_fix_is_told_outside_in_order_and_without_a_gap(shop):
    paid_day(shop)
    bad, _, _ = spoilt(shop, "channel_fund", faults.MISSING_THERE)
    sent(shop, bad)
    payment = next(b for b in open_breaks(shop) if b.kind == "payment")
    with open_day(replace(shop.desk, by=ALICE), shop.now()) as work:
        commands.assign_breaks(work=work, assignments=[Assignment(payment.id, "finance")])
        commands.note_breaks(work=work, notes=[Note(payment.id, "secret text"), Note(payment.id, "and more")])
        commands.prove_breaks(work=work, evidence=[Evidence(payment.id, "mail 7")])
    asked(shop, payment, Kind.CHASE, key="chase")
    waiting = asked(shop, payment, Kind.WRITE_OFF, key="off")
    decided(shop, waiting, approve=False)
    again = asked(shop, payment, Kind.WRITE_OFF, key="again")
    decided(shop, again)
    asked(shop, payment, Kind.WRITE_OFF, key="again")  # the same request says nothing more
    with open_day(replace(shop.desk, by=ALICE), shop.now()) as work:
        commands.resolve_breaks(work=work, endings=[Ending(payment.id, "open", "wrong"), Ending(payment.id, "explained", "right")])
        commands.resolve_breaks(work=work, endings=[Ending(payment.id, "closed", "over")])
    events = outside(shop, "break.", "fix.")
    assert {(row[0], row[1]) for row in events if row[0] == "break.found"} == {
        ("break.found", b.id) for b in found.breaks(book_id=shop.book_id, state=None)
    }
    mine = [(row[0], row[2]) for row in events if row[1] == payment.id]
    assert mine == [
        (f"break.{name}", number)
        for number, name in enumerate(
            ["found", "assigned", "noted", "noted", "evidence_kept", "resolved", "reopened", "resolved", "closed"], start=1
        )
    ]
    fixes = [(row[0], row[2], row[3]["kind"], row[5]) for row in events if row[0].startswith("fix.")]
    assert fixes == [
        *(("fix.proposed", 1, "chase_provider", "chase"), ("fix.done", 2, "chase_provider", "chase")),
        *(("fix.proposed", 1, "write_off", "off"), ("fix.rejected", 2, "write_off", "")),
        *(("fix.proposed", 1, "write_off", "again"), ("fix.approved", 2, "write_off", ""), ("fix.booked", 3, "write_off", "")),
    ]
    booked = next(row for row in events if row[0] == "break.resolved")
    assert booked[3]["fix_id"] == str(again.id)
    assert booked[4] == {"state": "open", "reason": "", "closed_on": None, "fix_id": None}
    faults_ = [fault for kind, _, _, snapshot, changed, _ in events for fault in wrong_in(kind, snapshot) + wrong_in(kind, changed)]
    assert not faults_
    assert "secret text" not in str(events)


def test_the_other_half_that_comes_is_told_too(shop):
    paid_day(shop)
    bad, late, reference = spoilt(shop, "channel_fund", faults.OTHER_DAY)
    sent(shop, bad)
    on = shop.on
    shop.next_day()
    files = reconciliation.fetch(desk=shop.desk, on=on)
    mine = [row | {"记账时间": f"{on} 10:00:00"} for row in late if row["业务凭证号"] == reference]
    mine[1]["收支金额(元)"] = "1.00"
    sent(shop, {**files, "channel_fund": Bill("channel_fund", files["channel_fund"], 100_00).written(mine)}, on)
    told_of = [(row[0], row[2], row[3]["class"], row[3]["kind"], row[4]) for row in outside(shop, "break.")]
    assert [row[:4] for row in told_of[:2]] == [("break.found", 1, "missing_there", "payment"), ("break.found", 1, "missing_there", "fee")]
    assert sorted(row[:4] for row in told_of[2:]) == [
        ("break.changed", 2, "amount_differs", "fee"),
        ("break.resolved", 2, "other_day", "payment"),
    ]
    assert {row[0]: sorted(row[4]) for row in told_of[2:]} == {
        "break.resolved": ["class", "closed_on", "line", "owner_role", "reason", "state"],
        "break.changed": ["class", "line"],
    }
