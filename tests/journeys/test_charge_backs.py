"""Charge-backs of repayments of loans of rule version 2026-2, and disputes that are won, with every proof after each step."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from tests.journeys.conftest import Shop
from tests.journeys.test_breaks import asked, days, decided, suggested
from tests.journeys.test_events import wrong_in
from tests.journeys.verbs import Thing, Verbs
from yuefu.aftersales import commands as aftersales_commands
from yuefu.aftersales import queries
from yuefu.aftersales.queries import ChargeBack
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import ChangeLimit
from yuefu.errors import Refused
from yuefu.journeys import breaks, charge_backs, papers, set_aside, undoing
from yuefu.journeys.charge_backs import DisputeWon, TakenBack
from yuefu.journeys.desk import open_day
from yuefu.journeys.trace import trace
from yuefu.journeys.undoing import Undone, UndoRequest
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import living
from yuefu.loans.commands.living import NewFact
from yuefu.money.amounts import Money
from yuefu.papers import queries as paper_book
from yuefu.payments import queries as payment_book
from yuefu.payments.rules import ChannelRefund, CollectOrder, RefundOrder
from yuefu.plans.lifecycle.events import WrittenOff
from yuefu.reconciliation import queries as reconciliation
from yuefu.reconciliation.rules.fixes import Kind
from yuefu.runtime import quarantine, sql
from yuefu.runtime.batch import Quarantined
from yuefu.web.texts import OUTCOMES

DUE = date(2026, 10, 25)


@pytest.fixture
def shop(late_shop: Shop) -> Shop:
    return late_shop


def yuan(text: str) -> Money:
    return Money.parse(text, "CNY")


def enter(shop: Shop, collection_id, amount: Money, key: str = "CB-1", on: date | None = None):
    request = TakenBack(key, collection_id, amount, on or shop.on, "the cardholder disputes it")
    (outcome,) = charge_backs.enter(desk=shop.desk, now=shop.now(15), requests=[request])
    return outcome


def taken(shop: Shop, collection_id, amount: Money, key: str = "CB-1") -> ChargeBack:
    outcome = enter(shop, collection_id, amount, key)
    assert isinstance(outcome, ChargeBack), outcome
    return outcome


def win(shop: Shop, reference: str = "CB-1", key: str = "CB-1-R", on: date | None = None):
    (outcome,) = charge_backs.win(desk=shop.desk, now=shop.now(16), requests=[DisputeWon(key, reference, on or shop.on)])
    return outcome


def known_back(shop: Shop, amount: Money, key: str) -> None:
    """The channel has money that came back by a reference of its own."""
    (said,) = shop.desk.channel.collect(orders=[CollectOrder(key, "card:1:ok", amount)], now=shop.now(15))
    assert said.outcome == "succeeded"


def loan(shop: Shop, loan_id):
    return loan_book.on_book([loan_id], shop.on, book_id=shop.book_id)[loan_id]


def owed(shop: Shop, loan_id) -> int:
    return sum(row.unpaid for row in loan(shop, loan_id).rows)


def control(shop: Shop, code: str) -> int:
    return sum(ledger.totals(shop.book_id, [code]).values())


def paid_once(shop: Shop, amount: str = "900.00", product: str = "flex"):
    got = shop.bought(amount, product=product)
    shop.until(DUE)
    return got, shop.repay(got.loan_id)


def test_what_a_bank_takes_back_is_owed_again_from_that_day(shop):
    got = {product: shop.bought("900.00", product=product).loan_id for product in ("free", "flex")}
    shop.until(DUE)
    repaid = {product: shop.repay(loan_id) for product, loan_id in got.items()}
    left = {product: owed(shop, loan_id) for product, loan_id in got.items()}
    shop.next_day()
    for product, loan_id in got.items():
        paid, cash = repaid[product], control(shop, "channel_cash")
        back = taken(shop, paid.collection_id, paid.amount, f"CB-{product}")
        assert (back.principal, back.interest, back.charges) == (paid.principal, paid.interest, yuan("0.00"))
        more = owed(shop, loan_id) - left[product] - paid.amount.minor
        assert more == 0 if product == "free" else 3_00 < more < 4_00, "interest of a month on 300 at 14.4 per cent"
        assert loan(shop, loan_id).late_since is None, "it was paid on its day, and is owed with what is due next"
        assert control(shop, "channel_cash") == cash - paid.amount.minor
        assert control(shop, "consumer_balance") == 0, "the bank has it already"
        assert payment_book.collections(book_id=shop.book_id, ids=[paid.collection_id])[paid.collection_id].refunded == paid.amount
        kinds = [row[0] for row in sql.rows("SELECT type FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [loan_id])]
        assert kinds[-1] == "loan.charged_back"
        shop.prove()
    shop.until(date(2026, 11, 26))
    assert [loan(shop, loan_id).late_since for loan_id in got.values()] == [date(2026, 11, 25)] * 2
    shop.prove()


def test_a_charge_back_is_told_by_the_channel_that_knows_it_with_its_fee_and_day(shop):
    _, paid = paid_once(shop, product="free")
    collection = payment_book.collections(book_id=shop.book_id, ids=[paid.collection_id])[paid.collection_id]
    shop.next_day()
    order = RefundOrder("BANK-77", collection.reference, paid.amount)
    (said,) = shop.desk.channel.refund(orders=[order], now=shop.now(9))
    assert enter(shop, paid.collection_id, yuan("1.00"), "BANK-77").code == "amount_differs"
    fees = control(shop, "channel_fee_expense")
    assert isinstance(enter(shop, paid.collection_id, paid.amount, "BANK-77"), ChargeBack), "who mistyped an amount tells it again"
    order = RefundOrder("BANK-78", collection.reference, yuan("100.00"))
    assert shop.desk.channel.refund(orders=[order], now=shop.now(9))[0].outcome == "failed", "all of it was taken"
    assert said.fee.minor > 0
    assert control(shop, "channel_fee_expense") == fees - said.fee.minor
    shop.prove()


def test_the_fee_of_what_was_taken_comes_back_as_the_channel_says_and_the_bill_agrees(shop):
    _, paid = paid_once(shop, product="free")
    collection = payment_book.collections(book_id=shop.book_id, ids=[paid.collection_id])[paid.collection_id]
    (said,) = shop.desk.channel.refund(orders=[RefundOrder("BANK-77", collection.reference, paid.amount)], now=shop.now(14))
    fees = control(shop, "channel_fee_expense")
    taken(shop, paid.collection_id, paid.amount, "BANK-77")
    assert control(shop, "channel_fee_expense") == fees - said.fee.minor
    shop.next_day()
    shop.reconcile()
    open_breaks = sql.rows("SELECT reference FROM reconciliation_break WHERE book_id = %s AND reference = 'BANK-77'", [shop.book_id])
    assert not open_breaks, "the bill has the very movement"
    shop.prove()


def test_a_part_may_be_taken_back_and_then_the_rest_and_no_more(shop):
    got, paid = paid_once(shop, product="free")
    left = owed(shop, got.loan_id)
    taken(shop, paid.collection_id, yuan("100.00"), "CB-1")
    taken(shop, paid.collection_id, yuan("200.00"), "CB-2")
    assert owed(shop, got.loan_id) == left + 300_00
    more = enter(shop, paid.collection_id, yuan("0.01"), "CB-3")
    assert isinstance(more, Refused)
    assert more.code == "refund_exceeds_collection"
    shop.prove()


def test_told_twice_it_is_booked_once_and_told_otherwise_it_is_refused(shop):
    got, paid = paid_once(shop)
    first = taken(shop, paid.collection_id, yuan("50.00"))
    left = owed(shop, got.loan_id)
    assert enter(shop, paid.collection_id, yuan("50.00")) == first
    assert enter(shop, paid.collection_id, yuan("60.00")).code == "key_reused"
    assert owed(shop, got.loan_id) == left
    assert len(queries.charge_backs_listed(book_id=shop.book_id, limit=9)) == 1
    shop.prove()


def test_a_charge_back_of_a_paid_off_loan_opens_it_again(shop):
    got = shop.bought("600.00")
    for _ in range(3):
        shop.until(next(row.due_on for row in loan(shop, got.loan_id).rows if row.unpaid))
        paid = shop.repay(got.loan_id)
    assert loan(shop, got.loan_id).ended
    shop.next_day()
    (certificate,) = papers.certify(desk=shop.desk, now=shop.now(9), loan_ids=[got.loan_id])
    assert not isinstance(certificate, Refused)
    taken(shop, paid.collection_id, paid.amount)
    assert paper_book.last_of_loans(book_id=shop.book_id, loan_ids=[got.loan_id])[got.loan_id][0].withdrawn_on == shop.on
    assert not loan(shop, got.loan_id).ended
    assert owed(shop, got.loan_id) == paid.amount.minor
    shop.next_day()
    shop.prove()
    shop.next_day()
    assert loan(shop, got.loan_id).late_since is not None
    shop.repay(got.loan_id)
    assert loan(shop, got.loan_id).ended
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": yuan("9999.00")}, "refund_exceeds_collection"),
        ({"amount": Money(0, "CNY")}, "amount_not_positive"),
        ({"on": date(2027, 5, 1)}, "taken_ahead"),
        ({"on": DUE - timedelta(days=1)}, "taken_before_collected"),
        ({"key": " "}, "reference_invalid"),
        ({"key": "x" * 65}, "reference_invalid"),
        ({"amount": Money(100, "EUR")}, "currency_differs"),
    ],
)
def test_what_cannot_have_been_taken_is_refused_and_changes_nothing(shop, change, code):
    got, paid = paid_once(shop)
    left = owed(shop, got.loan_id)
    refused = enter(shop, paid.collection_id, **{"amount": paid.amount, **change})
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert owed(shop, got.loan_id) == left
    shop.prove()


def test_unknown_refunded_and_undone_collections_cannot_be_charged_back(shop, other_shop):
    got, paid = paid_once(shop)
    assert enter(shop, got.loan_id, paid.amount).code == "unknown_collection"
    assert enter(other_shop, paid.collection_id, paid.amount).code == "unknown_collection"
    undoing.undo(desk=shop.desk, now=shop.now(15), requests=[UndoRequest("u", paid.collection_id, "paid twice")])
    assert enter(shop, paid.collection_id, paid.amount, "CB-2").code == "refund_exceeds_collection"
    again = shop.repay(got.loan_id)
    failed = shop.repay(got.loan_id, "10.00", "card:1:insufficient_funds")
    assert enter(shop, failed.collection_id, yuan("10.00"), "CB-3").code == "collection_not_succeeded"
    reference = payment_book.collections(book_id=shop.book_id, ids=[again.collection_id])[again.collection_id].reference
    assert enter(shop, again.collection_id, again.amount, reference).code == "reference_taken"
    shop.refund(got.order_id)
    assert enter(shop, again.collection_id, again.amount, "CB-4").code == "refund_exceeds_collection"
    shop.prove()


def test_a_collection_that_was_charged_back_is_not_undone_as_well(shop):
    _, paid = paid_once(shop)
    taken(shop, paid.collection_id, yuan("10.00"))
    (undone,) = undoing.undo(desk=shop.desk, now=shop.now(15), requests=[UndoRequest("u", paid.collection_id, "paid twice")])
    assert isinstance(undone, Refused)
    assert undone.code == "collection_refunded"
    shop.prove()


def test_a_credit_line_without_room_refuses_and_the_books_stay_as_they_were(shop):
    consumer = shop.consumer(limit="1000.00")
    got = shop.capture(shop.buy(consumer, "900.00").order_id)
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    shop.buy(consumer, "350.00")
    refused = enter(shop, paid.collection_id, paid.amount)
    assert isinstance(refused, Refused)
    assert refused.code == "limit_exceeded"
    assert "raise its limit" in refused.detail
    assert payment_book.collections(book_id=shop.book_id, ids=[paid.collection_id])[paid.collection_id].refunded.minor == 0
    shop.prove()
    with open_day(shop.desk, shop.now(16)) as work:
        account = accounts.accounts_of(consumer_ids=[consumer], currency="CNY", book_id=shop.book_id)[consumer]
        limit = ChangeLimit("more", account.id, yuan("5000.00"), ("income_proven",))
        assert not isinstance(credit.change_limits(work=work, changes=[limit])[0], Refused)
    assert isinstance(enter(shop, paid.collection_id, paid.amount), ChargeBack), "the bank has one reference for it"
    shop.prove()


def test_a_dispute_that_is_won_pays_the_loan_again_once(shop):
    got, paid = paid_once(shop, product="free")
    before = owed(shop, got.loan_id)
    taken(shop, paid.collection_id, paid.amount)
    shop.next_day()
    won = win(shop)
    assert isinstance(won, ChargeBack)
    assert (won.state, won.won_on) == ("won", shop.on)
    assert owed(shop, got.loan_id) == before
    assert win(shop) == won
    assert win(shop, key="CB-1-R2").code == "already_won"
    assert win(shop, "CB-9", "CB-9-R").code == "unknown_charge_back"
    shop.prove()
    shop.next_day()
    shop.prove()


def test_what_a_won_dispute_brings_beyond_what_is_owed_goes_back_to_the_consumer(shop):
    got, paid = paid_once(shop, product="free")
    taken(shop, paid.collection_id, paid.amount)
    shop.refund(got.order_id)
    assert loan(shop, got.loan_id).ended
    known_back(shop, paid.amount, "CB-1-R")
    assert isinstance(win(shop), ChargeBack)
    assert control(shop, "consumer_balance") == 0, "it is on its way"
    given = payment_book.not_failed(book_id=shop.book_id, loan_ids=[got.loan_id])
    assert given == {got.loan_id: 2 * paid.amount.minor}
    shop.next_day()
    shop.prove()


def test_won_before_it_was_taken_or_later_than_today_is_refused(shop):
    _, paid = paid_once(shop)
    shop.next_day()
    taken(shop, paid.collection_id, paid.amount)
    assert win(shop, on=DUE, key="a").code == "taken_before_collected"
    assert win(shop, on=date(2027, 5, 1), key="b").code == "taken_ahead"
    assert win(shop, key="CB-1").code == "reference_taken"
    shop.prove()


def written_off(shop: Shop, loan_id) -> None:
    with open_day(shop.desk, shop.now(9)) as work:
        (done,) = living.enter(work=work, facts=[NewFact(work.ids.new(work.now), loan_id, WrittenOff(shop.on))])
        assert not isinstance(done, Refused), done


def breaks_of(shop: Shop, reference: str) -> list[tuple[str, ...]]:
    """What reconciliation shows of a reference that is open: what it is, in words and by kind and amount, and who looks at it."""
    found = reconciliation.breaks(book_id=shop.book_id, state="open", limit=99)
    return sorted(
        (one.source, str(OUTCOMES[one.cls]), one.kind, one.line.decimal_text(), one.owner_role)
        for one in found
        if one.reference == reference and one.line
    )


@pytest.mark.parametrize("on_the_day", [True, False])
def test_a_recovery_is_charged_back_and_what_was_given_up_is_still_to_come_in(shop, on_the_day):
    """So is what was paid before: it is lost with the rest."""
    got, paid = paid_once(shop)
    if not on_the_day:
        shop.next_day()
    written_off(shop, got.loan_id)
    given_up = control(shop, "credit_loss")
    came = shop.repay(got.loan_id, "400.00")
    shop.next_day()
    back = enter(shop, came.collection_id, yuan("250.00"))
    assert isinstance(back, ChargeBack), back
    assert (back.amount, back.principal, back.interest, back.charges) == (yuan("250.00"), yuan("250.00"), yuan("0.00"), yuan("0.00"))
    assert (-control(shop, "recovery_income"), control(shop, "credit_loss")) == (150_00, given_up)
    assert (control(shop, "consumer_balance"), control(shop, "collections_clearing")) == (0, 0)
    shop.prove()
    assert isinstance(enter(shop, paid.collection_id, paid.amount, "CB-2"), ChargeBack)
    lost = control(shop, "credit_loss") + control(shop, "recovery_income")
    assert lost == given_up - 150_00 + paid.amount.minor, "of what was lost as much more, or as much less recovered"
    shop.prove()
    assert win(shop).state == "won"
    assert control(shop, "credit_loss") + control(shop, "recovery_income") == lost - 250_00
    shop.prove()
    again = shop.repay(got.loan_id, "900.00")
    assert again.excess.minor == 900_00 - lost + 250_00, "no more is recovered than was lost"
    shop.prove()
    shop.next_day()
    shop.reconcile()
    assert [breaks_of(shop, reference) for reference in ("CB-1", "CB-2")] == [[], []]
    shop.prove()


def test_a_charge_back_that_no_bill_shows_is_never_sent_as_a_refund(shop, monkeypatch):
    _, paid = paid_once(shop)
    taken(shop, paid.collection_id, paid.amount)
    shop.next_day()
    shop.reconcile()
    missing = [b for b in reconciliation.breaks(book_id=shop.book_id) if b.reference == "CB-1"]
    assert {(b.kind, b.cls) for b in missing} == {("refund", "missing_there")}
    days(shop, 4)
    before = shop.desk.channel.balance()
    for one in missing:
        assert suggested(shop, one) == ["chase_provider"]
        assert asked(shop, one, Kind.SEND_REFUND).code == "does_not_fit"
    with monkeypatch.context() as patched:  # as it was asked for before this was looked at
        patched.setattr(ChannelRefund, "is_ordered", True)
        assert decided(shop, asked(shop, missing[0], Kind.SEND_REFUND, key="before")).state == "approved"
    (dropped,) = breaks.carry_out(desk=shop.desk, now=shop.now(17))
    assert (dropped.state, dropped.code) == ("dropped", "does_not_fit")
    assert shop.desk.channel.balance() == before
    shop.prove()


def test_what_a_loan_cannot_owe_again_is_a_break_until_its_repayment_is_undone(other_shop):
    shop, why = other_shop, "rule_version_2026_1"
    _, paid = paid_once(shop)
    shop.next_day()
    collection = payment_book.collections(book_id=shop.book_id, ids=[paid.collection_id])[paid.collection_id]
    (said,) = shop.desk.channel.refund(orders=[RefundOrder("BANK-77", collection.reference, paid.amount)], now=shop.now(14))
    refused = enter(shop, paid.collection_id, paid.amount, "BANK-77")
    assert isinstance(refused, Refused)
    assert (refused.code, refused.detail.partition(": ")[2]) == (why, "undo the repayment, then enter this again")
    shop.prove()
    on = shop.on
    shop.next_day()
    shop.reconcile()
    net = (said.amount - said.fee).decimal_text()
    told = [
        ("channel_fund", "In the bill, not in our books", "refund", f"-{net}", "finance"),
        ("channel_trade", "In the bill, not in our books", "refund", f"-{said.amount.decimal_text()}", "finance"),
    ]
    assert breaks_of(shop, "BANK-77") == told
    (undone,) = undoing.undo(desk=shop.desk, now=shop.now(15), requests=[UndoRequest("u", paid.collection_id, "charged back")])
    assert isinstance(undone, Undone)
    assert control(shop, "consumer_balance") == -paid.amount.minor, "the channel does not give back what the bank has taken"
    shop.prove()
    back = enter(shop, paid.collection_id, paid.amount, "BANK-77", on)
    assert isinstance(back, ChargeBack), back
    assert (back.amount, back.principal, back.interest, back.charges) == (paid.amount, *[yuan("0.00")] * 3), "no loan owes it a second time"
    assert control(shop, "consumer_balance") == 0
    assert enter(shop, paid.collection_id, paid.amount, "BANK-77", on) == back
    assert enter(shop, paid.collection_id, yuan("1.00"), "BANK-78", on).code == "refund_exceeds_collection"
    shop.prove()
    shop.next_day()
    shop.reconcile()
    assert breaks_of(shop, "BANK-77") == []
    shop.prove()
    assert win(shop, "BANK-77", "BANK-77-R").state == "won"
    shop.prove()
    shop.next_day()
    shop.prove()


def test_what_is_not_owed_back_any_more_is_not_taken_off_what_is(shop):
    got, paid = paid_once(shop)
    shop.repay(got.loan_id, paid.amount.decimal_text())  # nothing is due: on its way back
    (undone,) = undoing.undo(desk=shop.desk, now=shop.now(15), requests=[UndoRequest("u", paid.collection_id, "paid twice")])
    assert isinstance(undone, Undone)
    assert undone.owed_back.minor == 0, "what went back takes its place"
    assert payment_book.collections(book_id=shop.book_id, ids=[paid.collection_id])[paid.collection_id].left == paid.amount
    assert enter(shop, paid.collection_id, paid.amount).code == "not_applied"
    shop.prove()


def test_what_waits_for_its_day_is_taken_back_from_then_on_and_a_transfer_never(shop):
    consumer = shop.consumer()
    got = shop.capture(shop.buy(consumer, "900.00").order_id)
    shop.until(DUE)
    verbs = Verbs(shop)
    thing = Thing(consumer, got.order_id, shop.seller(got.order_id), got.loan_id)
    parts = verbs.say("pay_bill", thing).parts
    (waits,) = [part for part in parts if part.waits_for]
    assert enter(shop, waits.collection_id, waits.amount).code == "not_applied"
    shop.until(date(2026, 11, 25))
    verbs.say("transfer", thing)
    assert verbs.say("charge_back", thing).code == "came_by_transfer"
    shop.prove()
    shop.until(date(2026, 11, 26))
    assert isinstance(enter(shop, waits.collection_id, waits.amount), ChargeBack)
    shop.prove()


@pytest.mark.parametrize("goods_back", [False, True])
def test_what_is_owed_back_and_cannot_go_is_given_back_by_what_the_bank_takes(shop, goods_back):
    got = shop.bought("900.00")
    shop.until(DUE)
    paid = shop.repay(got.loan_id, "500.00", "card:1:refund_fails")
    assert paid.excess == yuan("200.00")
    if goods_back:
        shop.refund(got.order_id)
    back = taken(shop, paid.collection_id, paid.amount)
    again = 0 if goods_back else 300_00
    assert (back.amount, back.principal.minor) == (paid.amount, again)
    assert sum(row.unpaid for row in loan(shop, got.loan_id).rows) == (0 if goods_back else 900_00)
    assert control(shop, "consumer_balance") == 0
    shop.prove()
    for _ in range(2):
        shop.next_day()
        shop.prove()
    assert not quarantine.waiting(book_id=shop.book_id)
    assert {one.state for one in payment_book.of_orders(order_ids=[got.order_id])[got.order_id].refunds} == {"failed", "succeeded"}


def test_the_trace_tells_of_charge_backs_and_misses_no_entry(shop):
    got, paid = paid_once(shop)
    taken(shop, paid.collection_id, paid.amount)
    win(shop)
    with sql.reading(book_id=shop.book_id):
        told = trace(order_id=got.order_id)
    kinds = [each.kind for each in told.timeline]
    assert kinds.count("loan.charged_back") == 1
    assert kinds.count("loan.repaid") == 2
    assert not [s for s in told.stages if s.code == "posting" and s.state != "done"], told.stages


@pytest.mark.parametrize("seed", range(3))
def test_whatever_banks_take_and_bring_back_every_proof_holds(shop, seed):
    chance = random.Random(seed)
    got = [shop.bought(f"{chance.randint(300, 3000)}.{chance.randint(0, 99):02d}", product=one) for one in ("free", "flex", "flex")]
    paid, backs, left = [], [], {one.order_id: one.amount.minor for one in got}
    for n in range(16):
        one = chance.choice(got)
        match chance.choice(["pay", "pay", "over", "back", "back", "win", "refund", "day", "far"]):
            case "pay":
                if loan(shop, one.loan_id).due(shop.on).minor:
                    paid.append(shop.repay(one.loan_id))
            case "over":
                paid.append(shop.repay(one.loan_id, f"{chance.randint(1, 900)}.00"))
            case "back" if paid:
                which = chance.choice(paid)
                outcome = enter(shop, which.collection_id, Money(chance.randint(1, which.amount.minor), "CNY"), f"CB-{n}")
                backs += [outcome] if isinstance(outcome, ChargeBack) else []
            case "win" if backs:
                back = backs.pop(chance.randrange(len(backs)))
                known_back(shop, back.amount, f"W-{n}")
                assert isinstance(win(shop, back.reference, f"W-{n}"), ChargeBack)
            case "refund" if left[one.order_id] > 0:
                minor = min(left[one.order_id], chance.randint(1, 900_00))
                left[one.order_id] -= minor
                shop.refund(one.order_id, Money(minor, "CNY").decimal_text())
            case "day":
                shop.next_day()
            case "far":
                shop.until(shop.on + timedelta(days=chance.randint(5, 12)))
        shop.prove()
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize(("command", "broken"), [("charge_back.enter", "enter_charge_backs"), ("charge_back.win", "win_charge_backs")])
def test_what_breaks_waits_and_is_booked_once_when_sent_again(shop, monkeypatch, command, broken):
    got, paid = paid_once(shop, product="free")
    if command == "charge_back.win":
        taken(shop, paid.collection_id, paid.amount)
    left = owed(shop, got.loan_id)

    def act():
        return enter(shop, paid.collection_id, paid.amount) if command == "charge_back.enter" else win(shop)

    def breaks(**given):
        raise ValueError("no")

    with monkeypatch.context() as patch:
        patch.setattr(aftersales_commands, broken, breaks)
        assert isinstance(act(), Quarantined)
        assert owed(shop, got.loan_id) == left, "nothing of it stays"
        shop.prove()
    (aside,) = quarantine.waiting(book_id=shop.book_id)
    assert aside.command == command
    (done,) = set_aside.retry(desk=shop.desk, now=shop.now(17), quarantine_ids=[aside.id])
    assert isinstance(done.outcome, ChargeBack)
    assert act() == done.outcome
    assert abs(owed(shop, got.loan_id) - left) == paid.amount.minor
    shop.prove()


def test_events_of_charge_backs_have_the_one_form(shop):
    _, paid = paid_once(shop)
    back = taken(shop, paid.collection_id, paid.amount)
    win(shop)
    rows = sql.rows("SELECT type, seq, snapshot, changed FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [back.id])
    assert [row[:2] for row in rows] == [("charge_back.taken", 1), ("charge_back.won", 2)]
    faults = [fault for kind, _, snapshot, changed in rows for fault in wrong_in(kind, snapshot) + wrong_in(f"{kind} changed", changed)]
    assert not faults
    assert {row[2]["id"] for row in rows} == {str(back.id)}
    assert rows[1][3] == {"state": "taken", "won_on": None}


def several_paid(shop: Shop, number: int):
    got = [shop.bought("900.00", product="flex") for _ in range(number)]
    shop.until(DUE)
    return [shop.repay(one.loan_id) for one in got]


def statements(monkeypatch, act) -> int:
    """How many statements are asked while somebody acts, but for those that let go of plans every some seconds."""
    asked = []
    with monkeypatch.context() as patch:
        executed = sql._executed
        patch.setattr(sql, "_executed", lambda query, params: asked.append(query) or executed(query, params))
        outcomes = act()
    assert all(isinstance(one, ChargeBack) for one in outcomes), outcomes
    return sum(query != "DISCARD PLANS" for query in asked)


def test_many_charge_backs_and_many_wins_take_as_many_statements_as_one(shop, monkeypatch):
    paid = several_paid(shop, 9)
    taking = [TakenBack(f"CB-{n}", one.collection_id, yuan("50.00"), shop.on, "disputed") for n, one in enumerate(paid)]
    winning = [DisputeWon(f"W-{n}", f"CB-{n}", shop.on) for n in range(len(paid))]
    counts = {}
    for batch in (slice(0, 1), slice(1, 9)):
        counts["enter", batch.start] = statements(
            monkeypatch, lambda given=taking[batch]: charge_backs.enter(desk=shop.desk, now=shop.now(15), requests=given)
        )
        counts["win", batch.start] = statements(
            monkeypatch, lambda given=winning[batch]: charge_backs.win(desk=shop.desk, now=shop.now(16), requests=given)
        )
    assert counts["enter", 1] <= counts["enter", 0] < 90, counts
    assert counts["win", 1] <= counts["win", 0] < 90, counts
    shop.prove()


def test_what_found_no_room_leaves_its_collection_to_what_comes_after(shop):
    consumer = shop.consumer(limit="1000.00")
    got = shop.capture(shop.buy(consumer, "900.00").order_id)
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    shop.buy(consumer, "330.00")  # 70 of the line are left
    requests = [TakenBack(f"CB-{n}", paid.collection_id, yuan(amount), shop.on, "disputed") for n, amount in enumerate(("250.00", "60.00"))]
    refused, back = charge_backs.enter(desk=shop.desk, now=shop.now(15), requests=requests)
    assert isinstance(refused, Refused)
    assert refused.code == "limit_exceeded"
    assert isinstance(back, ChargeBack), back
    shop.prove()


def test_of_a_batch_each_sees_what_those_before_it_took_and_whoever_is_refused_takes_nothing(shop):
    consumer = shop.consumer(limit="1000.00")
    narrow, wide = shop.capture(shop.buy(consumer, "900.00").order_id), shop.bought("900.00")
    shop.until(DUE)
    tight, paid = shop.repay(narrow.loan_id), shop.repay(wide.loan_id)
    shop.buy(consumer, "350.00")  # 50 of the line are left
    wanted = [
        ("A", paid.collection_id, "200.00"),
        ("B", tight.collection_id, "250.00"),
        ("B", tight.collection_id, "250.00"),
        ("C", paid.collection_id, "200.00"),
        ("D", tight.collection_id, "40.00"),
        ("E", paid.collection_id, "100.00"),
        ("A", paid.collection_id, "200.00"),
    ]
    requests = [TakenBack(key, i, yuan(amount), shop.on, "disputed") for key, i, amount in wanted]

    def codes():
        outcomes = charge_backs.enter(desk=shop.desk, now=shop.now(15), requests=requests)
        return [one.code if isinstance(one, Refused) else one.reference for one in outcomes]

    # B finds no room on the line and leaves what is there to D; C finds too little left of its collection, and leaves that to E.
    told = ["A", "limit_exceeded", "limit_exceeded", "refund_exceeds_collection", "D", "E", "A"]
    assert codes() == told
    shop.prove()
    assert codes() == told, "told twice"
    with open_day(shop.desk, shop.now(16)) as work:
        account = accounts.accounts_of(consumer_ids=[consumer], currency="CNY", book_id=shop.book_id)[consumer]
        assert not isinstance(
            credit.change_limits(work=work, changes=[ChangeLimit("m", account.id, yuan("5000.00"), ("income_proven",))])[0], Refused
        )
    told[1:3] = ["B", "B"]
    assert codes() == told, "the reference of what found no room was not used up, that of what is refused for good was"
    shop.prove()
    won = [
        DisputeWon("W-1", "A", shop.on),
        DisputeWon("W-2", "A", shop.on),
        DisputeWon("W-3", "X", shop.on),
        DisputeWon("W-4", "D", shop.on),
    ]
    done = charge_backs.win(desk=shop.desk, now=shop.now(16), requests=won)
    assert [one.code if isinstance(one, Refused) else one.state for one in done] == ["won", "already_won", "unknown_charge_back", "won"]
    assert charge_backs.win(desk=shop.desk, now=shop.now(17), requests=won) == done
    shop.prove()
