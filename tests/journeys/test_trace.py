"""The life of an order as staff and merchants see it, and whether every order of a book can be followed."""

from __future__ import annotations

import secrets
from contextlib import contextmanager, nullcontext, suppress
from datetime import date, timedelta

import pytest

from tests.journeys.conftest import shop_opened
from yuefu import ids
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import checkout, refund
from yuefu.journeys.checkout import Purchase, Wish
from yuefu.journeys.finding import find_order
from yuefu.journeys.trace import Trace, trace, traced_orders
from yuefu.ledger import queries as ledger
from yuefu.money.amounts import Money
from yuefu.orders.commands import RefundRequest
from yuefu.runtime import sql

STAGES = ("order", "decision", "loan", "posting", "settlement", "repayment", "reconciliation")


def yuan(text):
    return Money.parse(text, "CNY")


def told(shop, order_id) -> Trace:
    with sql.reading(book_id=shop.book_id):
        found = trace(order_id=order_id)
    assert isinstance(found, Trace), found
    return found


def followed(shop, as_of=None, *, reading=True):
    with sql.reading(book_id=shop.book_id) if reading else nullcontext():
        found = traced_orders(book_id=shop.book_id, as_of=as_of or shop.on)
    return f"{found.complete}/{found.total}", list(found.missing)


def states(found: Trace):
    return [stage.state for stage in found.stages]


def kinds(found: Trace):
    return [each.kind for each in found.timeline]


def entries_of(found: Trace, kind: str):
    return [entry.kind for each in found.timeline if each.kind == kind for entry in each.entries]


def every_entry(found: Trace):
    return [entry for each in found.timeline for entry in each.entries]


def lived_with(shop, *, until=date(2026, 10, 25)):
    """Bought, settled, all that is due by a day repaid on it, all of it reconciled."""
    got = shop.bought()
    shop.next_day()
    shop.settle()
    shop.next_day()
    shop.reconcile()
    shop.until(until)
    shop.repay(got.loan_id)
    shop.next_day()
    shop.reconcile()
    return got


@pytest.fixture(scope="module")
def lived(vault):
    """A shop and what was lived with in it, for those who leave both as they were."""
    shop = shop_opened(vault, IdSource(secrets.randbits))
    got = lived_with(shop)
    assert followed(shop) == ("1/1", [])
    return shop, got


class _Undo(Exception):
    pass


NO_PROMISES = """DO $$ DECLARE each record; BEGIN
  FOR each IN SELECT conrelid::regclass AS owner, conname AS name FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 LOOP
    EXECUTE format('ALTER TABLE %%s DROP CONSTRAINT %%I', each.owner, each.name);
  END LOOP;
  FOR each IN SELECT tgrelid::regclass AS owner, tgname AS name FROM pg_trigger WHERE NOT tgisinternal AND tgparentid = 0 LOOP
    EXECUTE format('DROP TRIGGER %%I ON %%s', each.name, each.owner);
  END LOOP;
END $$"""


@contextmanager
def tampered(statement, params):
    """As the owner, with every foreign key and trigger dropped, and only until the end: what no role can do takes something away."""
    with suppress(_Undo), sql.owning():
        sql.run(NO_PROMISES)
        assert sql.run(statement, params)
        yield
        raise _Undo


# ------------------------------------------------------------------------------------------------------------------------- one order


def test_an_order_that_waits_for_its_capture_says_until_when(shop):
    order_id = shop.buy(shop.consumer()).order_id
    found = told(shop, order_id)
    assert tuple(stage.code for stage in found.stages) == STAGES
    assert states(found) == ["waiting", "done", "waiting", "waiting", "waiting", "waiting", "waiting"]
    assert found.stages[0].on == shop.on + timedelta(days=7)
    assert kinds(found) == ["quote.shown", "order.created", "decision.approved", "order.authorised"]
    assert (found.state, found.captured, found.instalments, found.as_of) == ("authorised", yuan("0.00"), (), shop.on)


def test_an_order_that_nobody_captured_nor_expired_is_overdue(shop):
    order_id = shop.buy(shop.consumer()).order_id
    shop.until(shop.on + timedelta(days=7))
    shop.next_day(close=False)
    assert states(told(shop, order_id))[0] == "overdue"


def test_a_trace_repeats_the_price_as_it_was_shown(shop):
    found = told(shop, shop.bought("3000.00", product="flex", periods=6).order_id)
    assert (found.product, found.product_en, found.product_zh) == ("flex", "Flexible plan", "灵活分期")
    assert found.price_label.endswith(f"¥{found.total_payable.decimal_text()[:1]},{found.total_payable.decimal_text()[1:]}")
    assert found.total_payable > yuan("3000.00")
    assert sum(row.principal.minor + row.interest.minor for row in found.instalments) == found.total_payable.minor
    assert float(found.annual_cost_pct) > float(found.annual_cost_simple_pct) > 14
    assert len(found.disclosure_hash) == 64


def test_a_trace_begins_with_when_to_whom_and_in_which_language_the_plan_was_shown(shop):
    consumer = shop.consumer()
    for to in (consumer, None):
        calendar = shop.consumer(repayment_day=shop.on.day) if to is None else consumer
        (shown,) = checkout.quote(desk=shop.desk, now=shop.now(9), wishes=[Wish(shop.merchants[0], to, "flex", yuan("600.00"), 3, "en")])
        sent = Purchase(f"t-{to}", shop.merchants[0], f"T-{to}", calendar, shown.quote_id)
        (order,) = checkout.authorise(desk=shop.desk, now=shop.now(), purchases=[sent])
        first = told(shop, order.order_id).timeline[0]
        assert (first.kind, first.at, first.on, first.amount) == ("quote.shown", shop.now(9), shop.on, shown.quote.total)
        to_whom = ids.text("consumer", consumer) if to else "anybody"
        assert first.params == {"quote": ids.text("quote", shown.quote_id), "shown_to": to_whom, "language": "en"}
        with sql.reading(merchant_id=shop.merchants[0]):
            seen = trace(order_id=order.order_id, audience="merchant", book=shop.desk.book)
        assert seen.timeline[0].params["shown_to"] == ("shopper" if to else "anybody")


def test_a_declined_order_has_a_decision_with_reasons_and_nothing_after(shop):
    outcome = shop.buy(shop.consumer(limit="500.00"))
    found = told(shop, outcome.order_id)
    assert (found.decision, found.reasons, found.state) == ("declined", ("limit",), "declined")
    assert states(found) == ["done", "done", "none", "none", "none", "none", "none"]
    assert kinds(found) == ["quote.shown", "order.created", "decision.declined"]
    assert found.timeline[2].params["reasons"] == "limit"


def test_a_voided_order_is_over(shop):
    order_id = shop.buy(shop.consumer()).order_id
    shop.void(order_id)
    found = told(shop, order_id)
    assert (found.state, states(found)) == ("voided", ["done", "done", "none", "none", "none", "none", "none"])


def test_an_expired_order_tells_when_its_hold_ran_out(shop):
    order_id = shop.buy(shop.consumer()).order_id
    shop.until(shop.on + timedelta(days=8))
    found = told(shop, order_id)
    assert kinds(found)[-1] == "order.expired"
    assert (found.timeline[-1].amount, found.timeline[-1].on) == (yuan("1999.00"), shop.on - timedelta(days=1))
    assert set(states(found)) == {"done", "none"}


def test_a_captured_order_has_its_loan_and_both_entries_and_waits_for_the_rest(shop):
    got = shop.bought()
    found = told(shop, got.order_id)
    assert states(found) == ["done", "done", "done", "done", "waiting", "waiting", "waiting"]
    assert [stage.on for stage in found.stages[4:6]] == [date(2026, 10, 13), date(2026, 10, 25)]
    assert entries_of(found, "order.captured") == ["settlement_capture"]
    assert entries_of(found, "loan.booked") == ["loan.booked"]
    assert [(row.no, row.state) for row in found.instalments] == [(1, "upcoming"), (2, "upcoming"), (3, "upcoming")]
    for entry in every_entry(found):
        debited, credited = ([getattr(line, side).minor for line in entry.lines if getattr(line, side)] for side in ("debit", "credit"))
        assert sum(debited) == sum(credited) > 0
        assert len(debited) + len(credited) == len(entry.lines)
        assert all(line.account_en and line.account_zh for line in entry.lines)


def test_a_partly_captured_order_is_partly_done_until_the_rest_is_captured_or_given_back(shop):
    order_id = shop.buy(shop.consumer()).order_id
    shop.capture(order_id, "500.00")
    shop.capture(order_id, "700.00")
    found = told(shop, order_id)
    assert states(found)[:4] == ["partly", "done", "partly", "partly"]
    assert kinds(found).count("order.captured") == kinds(found).count("loan.booked") == 2
    assert all(len(each.entries) == 1 for each in found.timeline if each.kind in ("order.captured", "loan.booked"))
    assert len({row.loan for row in found.instalments}) == 2


def test_an_instalment_not_paid_on_its_day_is_overdue_the_day_after(shop):
    got = shop.bought()
    shop.until(date(2026, 10, 25))
    assert [row.state for row in told(shop, got.order_id).instalments] == ["due", "upcoming", "upcoming"]
    shop.next_day()
    found = told(shop, got.order_id)
    assert [row.state for row in found.instalments] == ["overdue", "upcoming", "upcoming"]
    assert (found.stages[5].state, found.stages[5].on) == ("overdue", date(2026, 10, 25))
    assert found.timeline[-1].kind == "instalment.due"
    assert found.timeline[-1].amount == yuan("666.33")


def test_a_repayment_shows_both_its_entries_and_its_lines_in_both_bills_of_the_channel(shop):
    got = shop.bought()
    shop.until(date(2026, 10, 25))
    shop.repay(got.loan_id)
    assert told(shop, got.order_id).stages[5].on == date(2026, 11, 25)
    shop.next_day()
    shop.reconcile()
    found = told(shop, got.order_id)
    (repaid,) = [each for each in found.timeline if each.kind == "loan.repaid"]
    assert [entry.kind for entry in repaid.entries] == ["collection", "loan.repaid"]
    assert [(b.source, b.kind, b.amount, b.outcome) for b in repaid.bills] == [
        ("channel_trade", "payment", yuan("666.33"), "matched"),
        ("channel_fund", "payment", yuan("666.33"), "matched"),
        ("channel_fund", "fee", -repaid.entries[0].lines[1].debit, "matched"),
    ]
    assert (repaid.amount, repaid.params["loan"]) == (yuan("666.33"), ids.text("loan", got.loan_id))
    assert [row.state for row in found.instalments] == ["paid", "upcoming", "upcoming"]
    assert found.stages[5].state == "partly"


def test_a_settled_order_shows_the_payout_of_its_batch_with_the_line_of_the_bank(shop):
    got, _other = shop.bought(), shop.bought("888.00")
    shop.next_day()
    shop.settle()
    shop.next_day()
    shop.reconcile()
    found = told(shop, got.order_id)
    assert (found.stages[4].state, found.stages[4].on) == ("done", date(2026, 10, 13))
    (batched,) = [each for each in found.timeline if each.kind == "settlement.batched"]
    (paid,) = [each for each in found.timeline if each.kind == "payout.paid"]
    assert [entry.kind for entry in batched.entries] == ["settlement_batch", "payout_ordered"]
    assert [entry.kind for entry in paid.entries] == ["payout_paid"]
    assert batched.amount == yuan("1951.03")
    assert paid.amount > batched.amount
    assert [(b.source, b.kind, b.amount, b.outcome) for b in paid.bills] == [("bank_client", "payout", -paid.amount, "matched")]


def test_a_merchant_that_was_not_settled_on_its_day_is_overdue(shop):
    got = shop.bought()
    shop.next_day()
    assert told(shop, got.order_id).stages[4].state == "waiting"
    shop.next_day()
    assert told(shop, got.order_id).stages[4].state == "overdue"


def test_a_payout_that_came_back_is_told_and_overdue(shop):
    got = shop.bought(merchant=1)
    shop.next_day()
    shop.settle()
    shop.next_day()
    shop.poll_payouts()
    shop.next_day()
    shop.reconcile()
    found = told(shop, got.order_id)
    assert kinds(found)[-2:] == ["payout.paid", "payout.returned"]
    assert [entry.kind for entry in found.timeline[-1].entries] == ["payout_returned"]
    assert [(b.source, b.kind) for b in found.timeline[-1].bills] == [("bank_client", "payout_returned")]
    assert found.stages[4].state == "overdue"


def test_an_order_paid_off_and_found_in_every_bill_is_done_in_all_stages(shop):
    got = lived_with(shop, until=date(2026, 12, 25))
    found = told(shop, got.order_id)
    assert states(found) == ["done"] * 7
    assert {stage.on for stage in found.stages[5:]} == {date(2026, 12, 25)}


def test_a_movement_that_no_bill_was_asked_about_is_overdue_a_day_later(shop):
    got = shop.bought()
    shop.next_day()
    shop.settle()
    assert told(shop, got.order_id).stages[6].state == "waiting"
    shop.next_day()
    assert told(shop, got.order_id).stages[6].state == "waiting"
    shop.next_day()
    assert told(shop, got.order_id).stages[6].state == "overdue"


def test_goods_sent_back_are_credited_and_what_was_paid_goes_back_through_the_channel(shop):
    got = shop.bought()
    shop.next_day()
    shop.settle()
    shop.repay(got.loan_id, "1000.00")
    shop.refund(got.order_id)
    shop.next_day()
    shop.reconcile()
    found = told(shop, got.order_id)
    assert (found.state, found.refunded) == ("refunded", yuan("1999.00"))
    assert entries_of(found, "order.refunded") == ["settlement_refund"]
    assert entries_of(found, "loan.refunded") == ["loan.refunded"]
    assert entries_of(found, "channel.refunded") == ["channel_refund"]
    (given,) = [each for each in found.timeline if each.kind == "channel.refunded"]
    assert {(b.source, b.kind, b.outcome) for b in given.bills} == {
        ("channel_trade", "refund", "matched"), ("channel_fund", "refund", "matched"),
    }  # fmt: skip
    assert found.stages[5].state == "done"
    assert found.stages[4].state == "partly", "the refund is taken off on the next pay day"


def test_two_equal_refunds_of_one_moment_each_have_their_entries(shop):
    got = shop.bought()
    refund.refund(
        desk=shop.desk,
        now=shop.now(13),
        requests=[RefundRequest(key, shop.seller(got.order_id), got.order_id, yuan("100.00")) for key in "ab"],
    )
    found = told(shop, got.order_id)
    assert [len(each.entries) for each in found.timeline if each.kind.endswith(".refunded")] == [1, 1, 1, 1]


def test_a_line_of_a_collection_that_we_never_booked_is_a_happening_of_its_own(shop):
    got = shop.bought()
    shop.next_day()
    assert shop.repay(got.loan_id, "100.00", card="card:1:unknown_then_success").state == "unknown"
    shop.next_day()
    shop.reconcile()
    found = told(shop, got.order_id)
    lines = [each for each in found.timeline if each.kind == "bill.line"]
    assert {(each.bills[0].source, each.bills[0].outcome) for each in lines} == {
        ("channel_trade", "missing_here"), ("channel_fund", "missing_here"),
    }  # fmt: skip


def test_every_entry_of_an_order_is_told_once_and_the_timeline_runs_forward(shop):
    got = lived_with(shop)
    shop.refund(got.order_id, "300.00")
    found = told(shop, got.order_id)
    with sql.reading(book_id=shop.book_id):
        recorded = {ids.text("entry", line.entry_id) for line in ledger.lines_of_order([got.order_id])}
    shown = [entry.public_id for entry in every_entry(found)]
    assert len(shown) == len(set(shown))
    assert recorded <= set(shown)
    assert [each.at for each in found.timeline] == sorted(each.at for each in found.timeline)


def test_an_entry_that_is_missing_makes_the_posting_overdue(shop):
    got = shop.bought()
    with tampered("DELETE FROM ledger_line WHERE loan_id = %s", [got.loan_id]):
        assert trace(order_id=got.order_id).stages[3].state == "overdue"


def counted(function, seen):
    def call(*args):
        seen.append(args)
        return function(*args)

    return call


def test_a_trace_takes_as_many_queries_for_a_long_life_as_for_a_short_one(shop, monkeypatch):
    short, long = shop.bought(), shop.bought("999.00")
    shop.next_day()
    shop.settle()
    for _ in range(4):
        shop.repay(long.loan_id, "50.00")
    shop.repay(short.loan_id, "50.00")
    shop.refund(long.order_id, "10.00")
    shop.refund(long.order_id, "20.00")
    counts = []
    for order_id in (short.order_id, long.order_id):
        seen = []
        with monkeypatch.context() as patched:
            patched.setattr(sql, "rows", counted(sql.rows, seen))
            patched.setattr(sql, "rows_as", counted(sql.rows_as, seen))
            told(shop, order_id)
        counts.append(len(seen))
    assert counts[0] == counts[1] < 40


# -------------------------------------------------------------------------------------------------------------------- who sees what


def test_a_merchant_sees_its_side_and_nothing_of_the_lender(shop):
    got = lived_with(shop)
    with sql.reading(merchant_id=shop.merchants[0]):
        found = trace(order_id=got.order_id, audience="merchant", book=shop.desk.book)
    assert isinstance(found, Trace)
    assert [stage.code for stage in found.stages] == ["order", "decision", "settlement"]
    assert set(states(found)) == {"done"}
    assert kinds(found) == [
        "quote.shown", "order.created", "decision.approved", "order.authorised", "order.captured", "settlement.batched", "payout.paid",
    ]  # fmt: skip
    assert (every_entry(found), found.instalments, found.consumer_ref, found.reasons) == ([], (), "", ())
    assert found.price_label == told(shop, got.order_id).price_label == "¥666.33 × 2 + ¥666.34 = ¥1,999.00"
    assert found.as_of == shop.on


def test_a_merchant_sees_that_an_order_was_declined_but_not_why(shop):
    outcome = shop.buy(shop.consumer(limit="500.00"))
    with sql.reading(merchant_id=shop.merchants[0]):
        found = trace(order_id=outcome.order_id, audience="merchant")
    assert isinstance(found, Trace)
    assert (found.decision, found.reasons, found.as_of) == ("declined", (), shop.on)
    assert kinds(found) == ["quote.shown", "order.created", "decision.declined"]


def test_the_order_of_another_merchant_or_book_does_not_exist(shop):
    got = shop.bought()
    with sql.reading(merchant_id=shop.merchants[1]):
        assert trace(order_id=got.order_id, audience="merchant").code == "unknown_order"
        assert find_order(ids.text("order", got.order_id), book_id=shop.book_id).code == "unknown_order"
    with sql.reading(book_id=got.order_id):
        assert trace(order_id=got.order_id).code == "unknown_order"


def test_an_order_is_found_by_its_id_and_by_its_reference(shop):
    first, second = shop.bought(), shop.bought("500.00")
    with sql.reading(book_id=shop.book_id):
        assert find_order(f" {ids.text('order', first.order_id)} ", book_id=shop.book_id) == first.order_id
        assert find_order("REF-0003", book_id=shop.book_id) == second.order_id
        for text in ("", "REF-9999", "ord_", ids.text("order", first.loan_id), ids.text("loan", first.order_id)):
            assert isinstance(find_order(text, book_id=shop.book_id), Refused), text


@pytest.mark.parametrize("version", ["shop", "lived_shop"])
def test_an_order_is_found_by_its_loan_by_who_may_see_it(request, version):
    shop = request.getfixturevalue(version)
    got = shop.bought()
    name = ids.text("loan", got.loan_id)
    with sql.reading(book_id=shop.book_id):
        assert find_order(name, book_id=shop.book_id) == got.order_id
        assert find_order(name, book_id=got.order_id).code == "unknown_order"
    with sql.reading(merchant_id=shop.merchants[1]):
        assert find_order(name, book_id=shop.book_id).code == "unknown_order"


def test_a_reference_that_several_orders_have_is_refused_with_a_list_and_each_merchant_finds_its_own(shop):
    declined = shop.buy(shop.consumer(limit="500.00"))
    shop._count = iter([1, 2])
    shop.next_day()
    theirs = shop.buy(shop.consumer(), merchant=1)
    with sql.reading(book_id=shop.book_id):
        several = find_order(" REF-0001", book_id=shop.book_id)
    assert (several.code, several.field) == ("ambiguous_order", "order")
    assert several.detail == (
        "several orders have the reference 'REF-0001', name one by its id:"
        f" {ids.text('order', theirs.order_id)} (Shop 2, authorised), {ids.text('order', declined.order_id)} (Shop 1, declined)"
    )
    for merchant, own in zip(shop.merchants, (declined, theirs), strict=True):
        with sql.reading(merchant_id=merchant):
            assert find_order("REF-0001", book_id=shop.book_id) == own.order_id


# ------------------------------------------------------------------------------------------------------------------------ all orders


def test_every_order_of_a_sound_book_can_be_followed(shop):
    shop.buy(shop.consumer(limit="500.00"))
    shop.void(shop.buy(shop.consumer()).order_id)
    shop.buy(shop.consumer())
    late, back = shop.bought(), shop.bought("700.00", merchant=1)
    lived_with(shop)
    shop.refund(back.order_id, "200.00")
    shop.until(date(2026, 10, 27))
    shop.settle()
    assert shop.repay(late.loan_id, "10.00").state == "succeeded"
    assert followed(shop) == ("6/6", [])


def test_a_book_without_orders_is_followed(shop):
    assert followed(shop) == ("0/0", [])


@pytest.mark.parametrize(
    ("statement", "named", "stage"),
    [
        ("DELETE FROM risk_decision WHERE order_id = %s", "order_id", "decision"),
        ("DELETE FROM loans_loan WHERE id = %s", "loan_id", "loan"),
        ("DELETE FROM ledger_line WHERE loan_id = %s AND movement = 'payment'", "loan_id", "posting"),
        ("DELETE FROM settlement_item WHERE order_id = %s", "order_id", "posting"),
        ("DELETE FROM settlement_batch_line USING settlement_item i WHERE item_id = i.id AND i.order_id = %s", "order_id", "settlement"),
        ("DELETE FROM payments_payout USING settlement_item i, settlement_batch_line l WHERE i.id = l.item_id"
         " AND payments_payout.batch_id = l.batch_id AND i.order_id = %s", "order_id", "settlement"),
        ("UPDATE payments_collection SET loan_id = NULL, order_id = NULL WHERE loan_id = %s", "loan_id", "posting"),
        ("DELETE FROM loans_event WHERE loan_id = %s AND kind = 'repaid'", "loan_id", "posting"),
        ("UPDATE loans_event SET source_id = gen_random_uuid() WHERE loan_id = %s AND kind = 'repaid'", "loan_id", "repayment"),
        ("DELETE FROM reconciliation_item WHERE source = 'channel_trade' AND movement_id IN"
         " (SELECT id FROM payments_collection WHERE loan_id = %s)", "loan_id", "reconciliation"),
        ("DELETE FROM reconciliation_item WHERE source = 'channel_fund' AND kind = 'fee' AND reference IN"
         " (SELECT reference FROM payments_collection WHERE loan_id = %s)", "loan_id", "reconciliation"),
        ("DELETE FROM reconciliation_item WHERE source = 'bank_client' AND kind = 'payout' AND %s::uuid IS NOT NULL"
         " AND book_id IN (SELECT book_id FROM orders_order WHERE id = %s)", "order_id", "reconciliation"),
    ],
)  # fmt: skip
def test_what_is_taken_away_is_missed_at_its_stage(lived, statement, named, stage):
    shop, got = lived
    with tampered(statement, [getattr(got, named)] * statement.count("%s")):
        assert followed(shop, reading=False) == ("0/1", [(got.order_id, stage)])


def test_an_unpaid_instalment_is_missed_only_where_no_close_marked_it(shop):
    got = shop.bought()
    shop.next_day()
    shop.settle()
    shop.until(date(2026, 10, 26))
    assert followed(shop) == ("1/1", [])
    with tampered("UPDATE loans_loan SET arrears_since = NULL WHERE id = %s", [got.loan_id]):
        assert followed(shop, reading=False) == ("0/1", [(got.order_id, "repayment")])
        assert followed(shop, as_of=date(2026, 10, 25), reading=False) == ("1/1", [])


def test_an_item_is_not_missed_before_its_pay_day(shop):
    got = shop.bought()
    assert followed(shop) == ("1/1", [])
    shop.next_day()
    assert followed(shop) == ("0/1", [(got.order_id, "settlement")])
    shop.settle()
    assert followed(shop) == ("1/1", [])


def test_no_more_than_twenty_are_named(shop):
    for _ in range(21):
        shop.buy(shop.consumer())
    with tampered("DELETE FROM risk_decision WHERE book_id = %s", [shop.book_id]):
        proportion, missing = followed(shop, reading=False)
    assert (proportion, len(missing)) == ("0/21", 20)
