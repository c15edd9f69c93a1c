"""Orders whose loans are of rule version 2026-2: what consumers and merchants do, with every proof after each step."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.journeys.conftest import LATE_DAY, Shop, shop_opened
from tests.journeys.verbs import BOB, Thing, Verbs
from yuefu.errors import Refused
from yuefu.journeys import collecting, refund, repayment, undoing
from yuefu.journeys.desk import open_day
from yuefu.journeys.refund import Refunded
from yuefu.journeys.repayment import Repaid, RepayRequest
from yuefu.journeys.trace import trace, traced_orders
from yuefu.journeys.undoing import Undone, UndoRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import Repayment, apply_repayments, living
from yuefu.loans.commands.living import NewFact
from yuefu.money.amounts import Money
from yuefu.money.rates import Rate
from yuefu.offers import queries as offers
from yuefu.offers.rules import wording
from yuefu.orders import queries as orders
from yuefu.orders.commands import RefundRequest
from yuefu.papers import queries as papers
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments.commands import CollectionAttempt
from yuefu.payments.rules import CollectOrder
from yuefu.plans.agreed import loan_terms
from yuefu.plans.lifecycle.choices import Excess, LateTerms
from yuefu.plans.lifecycle.events import Undone as Undoing
from yuefu.plans.lifecycle.events import WrittenOff
from yuefu.plans.lifecycle.schedule import schedule
from yuefu.runtime import sql

DUE = date(2026, 10, 25)


@pytest.fixture
def shop(late_shop: Shop) -> Shop:
    return late_shop


def yuan(text: str) -> Money:
    return Money.parse(text, "CNY")


def loan(shop: Shop, loan_id):
    return loan_book.on_book([loan_id], shop.on, book_id=shop.book_id)[loan_id]


def unpaid(shop: Shop, loan_id) -> list[int]:
    return [row.unpaid for row in loan(shop, loan_id).rows]


def undo(shop: Shop, collection_id, key: str = "u"):
    request = UndoRequest(key, collection_id, "paid twice")
    (outcome,) = undoing.undo(desk=shop.desk, now=shop.now(15), requests=[request])
    return outcome


def control(shop: Shop, code: str) -> int:
    return sum(ledger.totals(shop.book_id, [code]).values())


def test_the_agreement_keeps_what_was_accepted_which_table_when_and_how_long_it_was_seen(shop):
    order = shop.buy(shop.consumer(), "900.00", product="flex")
    got = shop.capture(order.order_id)
    row = sql.rows(
        "SELECT a.disclosure_hash, a.disclosure_version, a.shown_at, a.accepted_at, d.hash, d.template_version, a.capture_id, a.order_id"
        " FROM loans_agreement a JOIN offers_disclosure d ON d.id = a.disclosure_id WHERE a.id = %s",
        [got.loan_id],
    )[0]
    assert bytes(row[0]) == bytes(row[4])
    assert row[1] == row[5]
    assert row[2] <= row[3]
    assert row[6:] == (got.capture_id, order.order_id)
    table = offers.disclosures(ids=[i for (i,) in sql.rows("SELECT disclosure_id FROM loans_agreement WHERE id = %s", [got.loan_id])])
    (shown,) = table.values()
    asked = [row["total_minor"] for row in shown.disclosure.content["instalments"]]
    assert unpaid(shop, got.loan_id) == asked, "who pays on the days pays to the cent what was shown"
    assert shown.disclosure.content["rule_version"] == "2026-2"
    shop.prove()


@pytest.mark.parametrize("version", ["2026-1", "2026-2"])
def test_a_loan_is_in_the_statement_of_its_consumer_or_named_as_left_out_of_it_never_both(vault, ids, version):
    shop = shop_opened(vault, ids, version=version)
    got = shop.bought("900.00")
    with sql.reading(book_id=shop.book_id):
        consumer_id = orders.orders([got.order_id])[got.order_id].consumer_id
        found = papers.statement_of_consumer(book_id=shop.book_id, consumer_id=consumer_id, first=shop.on, last=shop.on, today=shop.on)
    shown, left_out = [one.loan_id for one in found.accounts], list(found.left_out)
    assert (shown, left_out) == (([got.loan_id], []) if version == "2026-2" else ([], [got.loan_id]))


def test_who_pays_on_the_days_pays_what_was_shown_and_all_of_it_is_earned(shop):
    got = {product: shop.bought("1000.00", product=product).loan_id for product in ("free", "flex")}
    asked = {product: unpaid(shop, loan_id) for product, loan_id in got.items()}
    paid = {product: [] for product in got}
    for _ in asked["free"]:
        shop.until(next(row.due_on for row in loan(shop, got["free"]).rows if row.unpaid))
        for product, loan_id in got.items():
            paid[product].append(shop.repay(loan_id).amount.minor)
    assert paid == asked
    assert [loan(shop, loan_id).ended for loan_id in got.values()] == [True, True]
    shop.next_day()
    shop.prove()
    assert control(shop, "loan_principal") == control(shop, "loan_interest") == 0
    assert control(shop, "unearned_discount") == 0
    assert control(shop, "discount_income") < 0
    assert -control(shop, "interest_income") == sum(asked["flex"]) - 1000_00


def test_what_is_not_paid_is_late_after_the_close_and_cured_by_paying(shop):
    consumer = shop.consumer()
    got = shop.capture(shop.buy(consumer, "900.00").order_id)
    shop.until(DUE)
    assert loan(shop, got.loan_id).late_since is None
    shop.next_day()
    assert loan(shop, got.loan_id).late_since == DUE
    (late,) = loan_book.arrears(shop.book_id, [consumer], shop.on, "CNY").values()
    assert (late.overdue, late.days) == (yuan("300.00"), 1)
    shop.prove()
    assert shop.repay(got.loan_id).amount == yuan("300.00")
    assert loan(shop, got.loan_id).late_since is None
    assert not loan_book.arrears(shop.book_id, [consumer], shop.on, "CNY")
    shop.prove()


def test_a_part_payment_goes_to_interest_first_and_more_than_is_due_goes_back(shop):
    got = shop.bought("900.00", product="flex")
    shop.until(DUE)
    row = loan(shop, got.loan_id).rows[0]
    part = shop.repay(got.loan_id, "100.00")
    assert (part.interest.minor, part.principal.minor, part.excess.minor) == (row.interest, 100_00 - row.interest, 0)
    over = shop.repay(got.loan_id, "500.00")
    assert over.excess.minor == 500_00 - (row.asked - 100_00)
    assert unpaid(shop, got.loan_id)[0] == 0
    assert control(shop, "consumer_balance") == 0, "it went back at once"
    shop.next_day()
    shop.prove()


def test_what_is_paid_ahead_stays_where_that_is_wanted(shop):
    got = shop.bought("900.00", product="flex")
    shop.until(DUE)
    due = loan(shop, got.loan_id).due(shop.on)
    with open_day(shop.desk, shop.now(14)) as work:
        assert not isinstance(work, Refused)
        source = work.ids.new(work.now)
        request = Repayment(source, got.loan_id, due + yuan("100.00"), shop.on, ahead=Excess.NEXT)
        (applied,) = apply_repayments(work=work, repayments=[request])
    assert not isinstance(applied, Refused)
    assert not applied.excess.minor
    assert unpaid(shop, got.loan_id)[0] == 0
    assert loan(shop, got.loan_id).rows[1].paid == 100_00


def paid_ahead(shop: Shop, loan_id, ahead, amount: str | None = None, *, card: str = "card:1:ok", key: str = "a"):
    money = yuan(amount) if amount else None
    (outcome,) = repayment.repay(desk=shop.desk, now=shop.now(14), requests=[RepayRequest(key, loan_id, money, card, ahead=ahead)])
    return outcome


def test_a_loan_is_ended_by_what_ends_it_today_and_saves_the_interest_to_come(shop):
    got = shop.bought("900.00", product="flex")
    asked = sum(unpaid(shop, got.loan_id))
    shop.until(DUE + timedelta(days=1))
    ends = loan_book.payoffs([got.loan_id], shop.on, book_id=shop.book_id)[got.loan_id]
    paid = paid_ahead(shop, got.loan_id, "settle")
    assert paid.amount == ends
    assert 900_00 < paid.amount.minor < asked
    assert not paid.excess.minor
    assert loan(shop, got.loan_id).ended
    assert paid_ahead(shop, got.loan_id, "settle") == paid, "the same key gives the same answer"
    assert paid_ahead(shop, got.loan_id, "settle", key="b").code == "nothing_due"
    shop.next_day()
    shop.prove()
    assert control(shop, "loan_principal") == control(shop, "loan_interest") == 0


def test_less_than_what_ends_a_loan_does_not_settle_it(shop):
    got = shop.bought("900.00", product="flex")
    shop.until(DUE)
    ends = loan_book.payoffs([got.loan_id], shop.on, book_id=shop.book_id)[got.loan_id]
    refused = paid_ahead(shop, got.loan_id, "settle", "5.00")
    assert (refused.code, refused.field) == ("not_all", "amount")
    assert str(ends) in refused.detail
    named = f"{ends.minor // 100}.{ends.minor % 100:02}"
    paid = paid_ahead(shop, got.loan_id, "settle", named, key="b")
    assert paid.amount == ends
    assert loan(shop, got.loan_id).ended
    shop.next_day()
    assert paid_ahead(shop, got.loan_id, "settle", named, key="b") == paid, "the same key gives the same answer"
    shop.prove()


def test_an_end_whose_answer_comes_the_next_day_counts_from_the_day_the_money_was_taken(shop):
    got = shop.bought("900.00", product="flex")
    shop.until(DUE)
    began = paid_ahead(shop, got.loan_id, "settle", card="card:1:unknown_then_success")
    assert began.state == "unknown"
    shop.next_day()
    repayment.poll(desk=shop.desk, now=shop.now(9))
    assert loan(shop, got.loan_id).ended
    assert not loan_book.excesses(shop.book_id)
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize("way", ["next", "smaller", "shorter"])
def test_what_is_paid_ahead_lowers_what_is_still_asked_in_the_way_that_was_chosen(shop, way):
    got = shop.bought("900.00", product="flex")
    shop.until(DUE)
    before = unpaid(shop, got.loan_id)
    paid = paid_ahead(shop, got.loan_id, way, f"{before[0] // 100 + 200}.00")
    assert not paid.excess.minor
    after = [row.unpaid for row in loan(shop, got.loan_id).rows if row.unpaid]
    assert sum(after) < sum(before) - before[0] - 199_00
    match way:
        case "next":
            assert after[0] < before[1] - 199_00
        case "smaller":
            assert len(after) == 2
            assert max(after) < before[1] - 90_00
        case "shorter":
            assert after[0] == before[1]
    shop.next_day()
    shop.prove()


def test_a_loan_of_2026_1_takes_nothing_ahead(other_shop):
    got = other_shop.bought("900.00")
    assert paid_ahead(other_shop, got.loan_id, "next", "100.00").code == "nothing_ahead"


def test_a_refund_lowers_all_instalments_and_the_whole_costs_nothing(shop):
    got = shop.bought("900.00", product="flex")
    first = unpaid(shop, got.loan_id)
    shop.until(DUE - timedelta(days=5))
    shop.refund(got.order_id, "300.00")
    left = unpaid(shop, got.loan_id)
    assert all(now < was for now, was in zip(left, first, strict=True))
    shop.prove()
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    shop.next_day()
    shop.refund(got.order_id)
    assert loan(shop, got.loan_id).ended
    assert control(shop, "consumer_balance") == 0, "all that was paid is on its way back"
    given = sql.value("SELECT sum(amount_minor) FROM payments_channel_refund WHERE book_id = %s", [shop.book_id])
    assert given == paid.amount.minor, "who sends all of it back has paid nothing"
    shop.next_day()
    shop.prove()


def test_refunds_of_an_interest_free_loan_return_what_the_merchant_paid_for_it(shop):
    got = shop.bought("900.00")
    bought = control(shop, "unearned_discount") + control(shop, "discount_income")
    assert bought == -(900_00 * 18_000 // 1_000_000)
    shop.refund(got.order_id, "300.00")
    shop.prove()
    shop.refund(got.order_id)
    assert control(shop, "unearned_discount") == control(shop, "discount_income") == 0
    shop.next_day()
    shop.prove()


def test_an_undone_repayment_never_was_and_its_money_goes_back(shop):
    got = shop.bought("600.00", product="flex")
    shop.until(DUE)
    before = unpaid(shop, got.loan_id)
    paid = shop.repay(got.loan_id)
    done = undo(shop, paid.collection_id)
    assert isinstance(done, Undone)
    assert done.owed_back == paid.amount
    assert unpaid(shop, got.loan_id) == before
    assert control(shop, "consumer_balance") == 0
    shop.prove()
    assert undo(shop, paid.collection_id, "again").code == "already_reversed"


def test_money_that_was_too_much_takes_the_place_of_what_is_undone(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    first, second = shop.repay(got.loan_id, "200.00"), shop.repay(got.loan_id, "200.00")
    assert second.excess == yuan("200.00")
    done = undo(shop, first.collection_id)
    assert isinstance(done, Undone)
    assert not done.owed_back.minor, "as much went back before"
    assert unpaid(shop, got.loan_id) == [0, 200_00, 200_00]
    shop.prove()
    then = undo(shop, second.collection_id, "then")
    assert isinstance(then, Refused)
    assert then.code == "collection_refunded"


def test_an_undo_without_room_on_the_credit_line_is_refused_and_changes_nothing(shop):
    consumer = shop.consumer(limit="1000.00")
    got = shop.capture(shop.buy(consumer, "900.00").order_id)
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    shop.buy(consumer, "350.00")
    refused = undo(shop, paid.collection_id)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.detail.split(":")[0]) == ("limit_exceeded", "the credit line cannot take what would be owed again")
    assert loan(shop, got.loan_id).rows[0].unpaid == 0
    shop.prove()


@pytest.mark.parametrize("product", ["free", "flex"])
def test_captures_in_parts_ask_on_each_day_no_more_than_was_shown(shop, product):
    order = shop.buy(shop.consumer(), "1000.01", product=product)
    shown = [r["total_minor"] for (t,) in [list(_tables(order.order_id).values())] for r in t.disclosure.content["instalments"]]
    got = [shop.capture(order.order_id, "333.33")]
    shop.next_day()
    got += [shop.capture(order.order_id, "333.34"), shop.capture(order.order_id)]
    asked = [sum(rows) for rows in zip(*(unpaid(shop, one.loan_id) for one in got), strict=True)]
    assert all(now <= most for now, most in zip(asked, shown, strict=True))
    assert sum(asked) >= 1000_01
    shop.prove()


def _tables(order_id):
    return offers.disclosures(ids=[i for (i,) in sql.rows("SELECT disclosure_id FROM orders_order WHERE id = %s", [order_id])])


def test_the_trace_follows_such_an_order_through_every_stage(shop):
    got = shop.bought("900.00")
    shop.settle()
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    shop.next_day()
    shop.refund(got.order_id, "100.00")
    shop.refund(got.order_id, "100.00")
    undo(shop, paid.collection_id)
    shop.repay(got.loan_id, "500.00")
    with sql.reading(book_id=shop.book_id):
        told = trace(order_id=got.order_id)
        found = traced_orders(book_id=shop.book_id, as_of=shop.on)
    kinds = [each.kind for each in told.timeline]
    for kind in ("loan.booked", "loan.repaid", "loan.refunded", "loan.reversed", "instalment.due", "channel.refunded"):
        assert kind in kinds
    assert not [s for s in told.stages if s.code == "posting" and s.state != "done"], told.stages
    assert {stage for _, stage in found.missing} <= {"settlement", "reconciliation"}, "which were not run here"
    assert sum(row.paid.minor for row in told.instalments) + sum(
        (row.principal + row.interest + row.charges - row.paid).minor for row in told.instalments
    ) == sum((row.principal + row.interest + row.charges).minor for row in told.instalments)


def written_off(shop: Shop, loan_id) -> int:
    """Gives a loan up. The number of that fact."""
    with open_day(shop.desk, shop.now(14)) as work:
        (done,) = living.enter(work=work, facts=[NewFact(work.ids.new(work.now), loan_id, WrittenOff(shop.on))])
        assert not isinstance(done, Refused), done
    return done.no


def paid_then_written_off(shop: Shop, product: str = "free"):
    """A loan of 900.00 of which the first instalment was paid, and that was written off afterwards."""
    got = shop.bought("900.00", product=product)
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    shop.next_day()
    written_off(shop, got.loan_id)
    return got, paid


def test_a_payment_for_a_loan_that_was_written_off_is_a_recovery(shop):
    got, _ = paid_then_written_off(shop)
    paid = shop.repay(got.loan_id, "50.00")
    assert (paid.principal, paid.excess.minor) == (yuan("50.00"), 0)
    assert control(shop, "recovery_income") == -50_00
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize("product", ["free", "flex"])
def test_goods_of_a_loan_that_was_written_off_are_a_recovery_by_the_merchants_money(shop, product):
    got, _ = paid_then_written_off(shop, product)
    given_up, merchant = control(shop, "credit_loss"), shop.seller(got.order_id)
    for n, amount in enumerate(("200.00", None)):
        (done,) = refund.refund(
            desk=shop.desk, now=shop.now(13), requests=[RefundRequest(f"r{n}", merchant, got.order_id, yuan(amount) if amount else None)]
        )
        assert isinstance(done, Refunded), done
        recovered = 200_00 if amount else given_up
        assert -control(shop, "recovery_income") == recovered
        assert done.owed_back.minor == (0 if amount else 900_00 - given_up), "what is more than was given up had been paid by the consumer"
        assert (control(shop, "purchase_clearing"), control(shop, "consumer_balance")) == (0, 0), "it is on its way"
        shop.prove()
    assert payment_book.not_failed(book_id=shop.book_id, loan_ids=[got.loan_id]) == {got.loan_id: 900_00 - given_up}
    shop.settle()
    with sql.reading(book_id=shop.book_id):
        told = trace(order_id=got.order_id)
        found = traced_orders(book_id=shop.book_id, as_of=shop.on)
    assert not [s for s in told.stages if s.code == "posting" and s.state != "done"], told.stages
    entries_of = {each.kind: [entry.kind for entry in each.entries] for each in told.timeline}
    assert entries_of["loan.refunded"] == ["loan.recovered"]
    assert {stage for _, stage in found.missing} <= {"settlement", "reconciliation"}, "which were not run here"
    (event,) = sql.rows(
        "SELECT snapshot->'fact'->>'by' FROM runtime_outbox WHERE object_id = %s AND type = 'loan.recovered' ORDER BY seq DESC LIMIT 1",
        [got.loan_id],
    )
    assert event == ("merchant_refund",)
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize("product", ["free", "flex"])
def test_a_repayment_of_before_a_write_off_leaves_to_the_consumer_what_was_recovered_beyond(shop, product):
    got, _ = paid_then_written_off(shop, product)
    shop.next_day()
    given_up = control(shop, "credit_loss")
    came = shop.repay(got.loan_id, "550.00")
    assert came.excess.minor == 0
    left = given_up - 550_00
    ((consumer, funder),) = sql.rows("SELECT consumer_id, funder_id FROM loans_agreement WHERE id = %s", [got.loan_id])
    attempt = CollectionAttempt("late", consumer, got.loan_id, got.order_id, yuan("200.00"), "card:1:ok", funder)
    with open_day(shop.desk, shop.now(15)) as work:
        (collected,) = payments.attempt_collections(work=work, attempts=[attempt])
    order = CollectOrder(collected.reference, "card:1:ok", collected.amount, payer=str(consumer))
    (said,) = shop.desk.channel.collect(orders=[order], now=shop.now(15))
    (late,) = repayment.book(desk=shop.desk, now=shop.now(15), results=[replace(said, on=DUE)])
    assert isinstance(late, Repaid), late
    lower = given_up - control(shop, "credit_loss")
    assert lower >= 200_00, "it was paid before: interest and late charges were less"
    assert late.excess.minor == lower - left, "all that had been recovered beyond"
    assert -control(shop, "recovery_income") == control(shop, "credit_loss") == given_up - lower
    assert control(shop, "consumer_balance") == 0, "it is on its way"
    shop.prove()
    undone = undo(shop, came.collection_id)
    assert isinstance(undone, Undone)
    assert undone.owed_back == came.amount - late.excess, "what went back was of it"
    assert (control(shop, "credit_loss"), control(shop, "recovery_income")) == (given_up - lower, 0)
    shop.prove()
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize("product", ["free", "flex"])
def test_no_more_is_recovered_of_a_loan_than_was_given_up_and_the_rest_goes_back(shop, product):
    got, _ = paid_then_written_off(shop, product)
    given_up = control(shop, "credit_loss")
    paid = [shop.repay(got.loan_id, "500.00") for _ in range(3)]
    assert -control(shop, "recovery_income") == given_up
    assert [one.excess.minor for one in paid] == [0, 1000_00 - given_up, 500_00]
    assert control(shop, "consumer_balance") == 0, "it is on its way"
    shop.prove()
    undone = undo(shop, paid[0].collection_id)
    assert isinstance(undone, Undone)
    assert undone.owed_back.minor == 0, "what had gone back was too much by as much"
    assert -control(shop, "recovery_income") == given_up, "the other two are enough"
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize("product", ["free", "flex"])
def test_what_came_in_for_a_loan_pays_it_once_it_was_not_written_off_after_all(shop, product):
    got = shop.bought("900.00", product=product)
    shop.until(DUE + timedelta(days=1))
    no = written_off(shop, got.loan_id)
    shop.repay(got.loan_id, "250.00")
    shop.refund(got.order_id, "300.00")
    with open_day(shop.desk, shop.now(15)) as work:
        assert not isinstance(living.enter(work=work, facts=[NewFact(work.ids.new(work.now), got.loan_id, Undoing(no))])[0], Refused)
    assert (control(shop, "recovery_income"), control(shop, "credit_loss"), control(shop, "purchase_clearing")) == (0, 0, 0)
    assert 345_00 < sum(unpaid(shop, got.loan_id)) < 365_00
    shop.prove()
    shop.refund(got.order_id)
    assert loan(shop, got.loan_id).ended
    shop.next_day()
    shop.prove()


def test_a_write_off_is_not_undone_where_the_credit_line_has_no_room_for_what_is_owed_again(shop):
    it, consumer = Verbs(shop), shop.consumer(limit="1000.00")
    got = shop.capture(shop.buy(consumer, "900.00").order_id)
    thing = Thing(consumer, got.order_id, shop.seller(got.order_id), got.loan_id)
    it.say("write_off", thing)
    assert not isinstance(
        collecting.reinstate(desk=replace(shop.desk, by=BOB), now=shop.now(12), consumer_id=consumer, reason="spoke_to_them"), Refused
    )
    shop.capture(shop.buy(consumer, "200.00").order_id)
    refused = it.say("undo_write_off", thing)
    assert isinstance(refused, Refused)
    assert refused.code == "limit_exceeded"
    assert "raise its limit first" in refused.detail
    assert loan(shop, got.loan_id).ended, "nothing has happened"
    shop.prove()


@pytest.mark.parametrize("product", ["free", "flex"])
def test_a_repayment_before_the_one_that_ended_the_loan_is_undone_and_is_owed_again(shop, product):
    got = shop.bought("900.00", product=product)
    shop.until(DUE)
    first = shop.repay(got.loan_id, "100.00")
    shop.next_day()
    assert paid_ahead(shop, got.loan_id, "settle").state == "succeeded"
    assert loan(shop, got.loan_id).ended
    done = undo(shop, first.collection_id)
    assert isinstance(done, Undone)
    assert done.owed_back == first.amount
    assert control(shop, "consumer_balance") == 0
    assert not loan(shop, got.loan_id).ended
    assert 100_00 <= sum(unpaid(shop, got.loan_id)) < 103_00
    shop.prove()
    shop.next_day()
    assert paid_ahead(shop, got.loan_id, "settle", key="again").state == "succeeded"
    assert loan(shop, got.loan_id).ended
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_in_whatever_order_every_proof_holds(shop, seed):
    """Random days of several loans: after each, the sub-ledgers are what the accounts say and every loan is what a replay has."""
    chance = random.Random(seed)
    got = [
        shop.bought(f"{chance.randint(300, 3000)}.{chance.randint(0, 99):02d}", product=chance.choice(["free", "flex"])) for _ in range(3)
    ]
    left = {one.order_id: one.amount.minor for one in got}
    paid, undone = [], 0
    for _ in range(14):
        one = chance.choice(got)
        match chance.choice(["repay", "repay", "over", "part", "refund", "undo", "day", "far"]):
            case "repay":
                if loan(shop, one.loan_id).due(shop.on).minor:
                    paid.append(shop.repay(one.loan_id))
            case "over":
                paid.append(shop.repay(one.loan_id, f"{chance.randint(1, 2000)}.00"))
            case "part":
                paid.append(shop.repay(one.loan_id, f"{chance.randint(1, 50)}.{chance.randint(1, 99):02d}"))
            case "refund" if left[one.order_id] > 0:
                minor = min(left[one.order_id], chance.randint(1, 900_00))
                left[one.order_id] -= minor
                shop.refund(one.order_id, Money(minor, "CNY").decimal_text())
            case "undo" if paid:
                undone += isinstance(undo(shop, chance.choice(paid).collection_id, f"u{len(paid)}-{chance.random()}"), Undone)
            case "day":
                shop.next_day()
            case "far":
                shop.until(shop.on + timedelta(days=chance.randint(5, 12)))
        shop.prove()
    shop.next_day()
    shop.prove()


def test_terms_of_a_product_ask_to_the_cent_what_their_schedule_says():
    from yuefu.dates.daycount import DayCount
    from yuefu.plans.schedule import schedule as shown
    from yuefu.plans.terms import Terms

    for n in range(200):
        chance = random.Random(n)
        first = date(2026, chance.randint(2, 12), chance.randint(1, 28))
        terms = Terms(
            Money(chance.randint(50_00, 50_000_00), "CNY"),
            chance.choice([3, 6, 12]),
            Rate(chance.choice([0, 72_000, 144_000, 240_000])),
            chance.choice(list(DayCount)),
            first - timedelta(days=chance.randint(10, 40)),
            first,
            first.day,
            "2026-2",
        )
        rows = schedule(loan_terms(terms))
        assert [(row.due_on, row.principal, row.interest) for row in rows] == [(r.due_on, r.principal, r.interest) for r in shown(terms)]
        assert sum(row.principal.minor for row in rows) == terms.principal.minor


def test_being_late_costs_what_the_product_says_and_the_cost_table_said_so(vault, ids):
    late = LateTerms(fee=yuan("10.00"), interest=Rate(180_000), grace_days=2, cap=Rate(20_000))
    shop = shop_opened(vault, ids, LATE_DAY, version="2026-2", late=late)
    got = shop.bought("900.00", product="flex")
    (table,) = _tables(got.order_id).values()
    lines = [line.value for line in wording.lines(table.disclosure.content, "en") if line.label == "Costs that may arise"]
    assert lines == [
        "late fee: 10.00 CNY an instalment, once, more than 2 days after the due day",
        "penalty interest: 18.00 % a year on overdue principal, more than 2 days after the due day",
        "all late charges together: at most 18.00 CNY (2.00 % of the credit)",
    ]
    assert len([line for line in wording.lines(table.disclosure.content, "zh") if line.label == "或有费用"]) == 3
    shop.until(DUE + timedelta(days=2))
    assert loan(shop, got.loan_id).rows[0].charges == 0
    shop.until(DUE + timedelta(days=12))
    row = loan(shop, got.loan_id).rows[0]
    assert row.charges == 10_00 + round(row.principal * 0.18 * 12 / 365)
    with sql.reading(book_id=shop.book_id):
        (fell_due,) = [each for each in trace(order_id=got.order_id).timeline if each.kind == "instalment.due"]
    assert fell_due.amount.minor == row.principal + row.interest, "what was due on its day"
    assert Money.parse(fell_due.params["late_charges"].removesuffix(" CNY"), "CNY").minor == row.charges
    shop.prove()
    paid = shop.repay(got.loan_id)
    assert (paid.amount.minor, paid.charges.minor) == (row.asked, row.charges)
    shop.next_day()
    shop.prove()
    assert control(shop, "penalty_income") == -row.charges
    shop.until(date(2026, 11, 30))
    assert sum(each.charges for each in loan(shop, got.loan_id).rows) == 18_00, "a second fee would be more than was said"
    shop.prove()
