"""After-sales of orders whose loans are of rule version 2026-2: what each case does, told before and after, with every proof after each step."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from tests.journeys.conftest import LATE_DAY, Shop
from tests.journeys.test_events import wrong_in
from yuefu import ids
from yuefu.aftersales import queries, rules
from yuefu.aftersales.rules import Asked, Case
from yuefu.errors import Refused
from yuefu.journeys import aftersales, proving, refund, repayment, set_aside
from yuefu.journeys.aftersales import CaseRequest, Effect, Moved, StepRequest
from yuefu.journeys.desk import open_day
from yuefu.journeys.repayment import RepayRequest
from yuefu.journeys.trace import trace
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import living
from yuefu.loans.commands.living import Entered, NewFact
from yuefu.loans.queries import keeping
from yuefu.money.amounts import Money
from yuefu.payments import queries as payment_book
from yuefu.plans.lifecycle.arrears import arrears
from yuefu.plans.lifecycle.events import InterestPaused, WrittenOff
from yuefu.runtime import policies, quarantine, sql
from yuefu.runtime.batch import Quarantined
from yuefu.settlement import queries as settlement_book

DUE = date(2026, 10, 25)


@pytest.fixture
def shop(late_shop: Shop) -> Shop:
    return late_shop


def yuan(text: str) -> Money:
    return Money.parse(text, "CNY")


def asked(kind: str, amount: str | None = None, price: str | None = None, seen_on: date | None = None, by: str = "consumer") -> Asked:
    return Asked(kind, by, "one lamp", "it does not shine", yuan(amount) if amount else None, yuan(price) if price else None, seen_on)


def ask(shop: Shop, order_id, what: Asked, key: str | None = None):
    (outcome,) = aftersales.ask(desk=shop.desk, now=shop.now(12), requests=[CaseRequest(key or f"c{next(shop._count)}", order_id, what)])
    return outcome


def opened(shop: Shop, order_id, what: Asked) -> Case:
    outcome = ask(shop, order_id, what)
    assert isinstance(outcome, Case), outcome
    return outcome


def take(shop: Shop, case_id, to: str, key: str | None = None, **more):
    request = StepRequest(key or f"s{next(shop._count)}", case_id, to, "as agreed", **more)
    (outcome,) = aftersales.take(desk=shop.desk, now=shop.now(13), requests=[request])
    return outcome


def taken(shop: Shop, case_id, *steps: str, **more) -> Moved:
    for to in steps:
        outcome = take(shop, case_id, to, **(more if to == steps[-1] else {}))
        assert isinstance(outcome, Moved), outcome
    return outcome


def preview(shop: Shop, case_id, **more) -> Effect:
    told = aftersales.preview(desk=shop.desk, now=shop.now(12), case_id=case_id, **more)
    assert isinstance(told, Effect), told
    return told


def stored(shop: Shop, case_id) -> dict[int, Effect]:
    return aftersales.effects(book_id=shop.book_id, case_ids=[case_id])[case_id]


def rows(shop: Shop, loan_id):
    return loan_book.on_book([loan_id], shop.on, book_id=shop.book_id)[loan_id].rows


def unpaid(shop: Shop, loan_id) -> list[int]:
    return [row.unpaid for row in rows(shop, loan_id)]


def late_days(shop: Shop, loan_id) -> int:
    return arrears(keeping.read(shop.book_id, [loan_id])[loan_id].life.state, shop.on).days


def control(shop: Shop, code: str) -> int:
    return sum(ledger.totals(shop.book_id, [code]).values())


def setting(shop: Shop, **values) -> None:
    with open_day(shop.desk, shop.now(8)) as work:
        policies.establish(work=work, name=rules.POLICY, value={**rules.DEFAULT_POLICY, **values}, valid_from=LATE_DAY)


@pytest.mark.parametrize("product", ["free", "flex"])
def test_a_return_is_told_before_it_is_done_as_it_is_told_afterwards(shop, product):
    got = shop.bought("900.00", product=product)
    shop.until(DUE)
    paid = shop.repay(got.loan_id)
    before = unpaid(shop, got.loan_id)
    case = opened(shop, got.order_id, asked("return"))
    told = preview(shop, case.id)
    assert unpaid(shop, got.loan_id) == before, "a preview changes nothing"
    assert queries.cases(book_id=shop.book_id, ids=[case.id])[case.id].state == "asked"
    shop.prove()
    done = taken(shop, case.id, "agreed", "in_hand", "done")
    assert done.effect == told
    assert stored(shop, case.id) == {4: told}
    assert told.refunded == yuan("900.00")
    assert told.owed_back == paid.amount, "all that was paid goes back"
    assert [(one.collection_id, one.amount) for one in told.back] == [(paid.collection_id, paid.amount)]
    assert [change.before[3].minor for change in told.instalments] == before
    assert [change.after[3].minor for change in told.instalments] == unpaid(shop, got.loan_id) == [0, 0, 0]
    (side,) = told.merchant
    assert (side.gross, side.net) == (-yuan("900.00"), side.gross - side.fee - side.discount)
    assert side.fee == -yuan("5.40"), "by contract the fee comes back"
    assert side.discount == (-yuan("16.20") if product == "free" else yuan("0.00"))
    if product == "flex":
        assert told.interest_less.minor > 0
    item = settlement_book.of_orders(order_ids=[got.order_id])[got.order_id][-1].item
    assert (item.gross, item.settles_on) == (side.gross, side.settles_on)
    shop.next_day()
    shop.prove()


def test_a_part_return_lowers_every_instalment_and_gives_nothing_back_that_was_not_paid(shop):
    got = shop.bought("900.00", product="flex")
    first = unpaid(shop, got.loan_id)
    case = opened(shop, got.order_id, asked("part_return", "300.00"))
    told = preview(shop, case.id)
    done = taken(shop, case.id, "agreed", "in_hand", "done")
    assert done.effect == told == stored(shop, case.id)[4]
    left = unpaid(shop, got.loan_id)
    assert all(now < was for now, was in zip(left, first, strict=True))
    assert sum(first) - sum(left) == 300_00 + told.interest_less.minor
    assert (told.owed_back.minor, told.back) == (0, ())
    shop.prove()


def test_a_refund_of_a_paid_off_loan_goes_back_through_the_channel_all_of_it(shop):
    got = shop.bought("600.00")
    paid = []
    for _ in range(3):
        shop.until(next(row.due_on for row in rows(shop, got.loan_id) if row.unpaid))
        paid.append(shop.repay(got.loan_id))
    assert loan_book.on_book([got.loan_id], shop.on, book_id=shop.book_id)[got.loan_id].ended
    case = opened(shop, got.order_id, asked("return"))
    told = preview(shop, case.id)
    assert told.owed_back == yuan("600.00")
    assert taken(shop, case.id, "agreed", "in_hand", "done").effect == told
    assert sorted(one.collection_id for one in told.back) == sorted(one.collection_id for one in paid)
    back = payment_book.not_failed(book_id=shop.book_id, loan_ids=[got.loan_id])
    assert back == {got.loan_id: 600_00}
    assert control(shop, "consumer_balance") == 0
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize("product", ["free", "flex"])
def test_a_return_of_which_the_loan_was_written_off_meanwhile_recovers_what_was_given_up(shop, product):
    got = shop.bought("900.00", product=product)
    case = opened(shop, got.order_id, asked("return"))
    taken(shop, case.id, "agreed", "in_hand")
    with open_day(shop.desk, shop.now(14)) as work:
        (lost,) = living.enter(work=work, facts=[NewFact(work.ids.new(work.now), got.loan_id, WrittenOff(shop.on))])
        assert not isinstance(lost, Refused), lost
    told = aftersales.preview(desk=shop.desk, now=shop.now(15), case_id=case.id)
    done = taken(shop, case.id, "done")
    assert done.effect == told
    assert (done.effect.refunded, done.effect.owed_back) == (yuan("900.00"), yuan("0.00"))
    assert -control(shop, "recovery_income") == control(shop, "credit_loss") == 900_00
    assert control(shop, "purchase_clearing") == 0
    shop.next_day()
    shop.prove()


def test_an_exchange_for_goods_of_the_same_price_leaves_the_loan_alone(shop):
    got = shop.bought("900.00", product="flex")
    before = rows(shop, got.loan_id)
    case = opened(shop, got.order_id, asked("exchange", "400.00", "400.00"))
    done = taken(shop, case.id, "agreed", "in_hand", "done")
    assert (done.effect.refunded.minor, done.effect.instalments, done.effect.merchant) == (0, (), ())
    assert rows(shop, got.loan_id) == before
    shop.prove()


def test_an_exchange_for_cheaper_goods_refunds_the_difference(shop):
    got = shop.bought("900.00")
    case = opened(shop, got.order_id, asked("exchange", "400.00", "250.00"))
    told = preview(shop, case.id)
    done = taken(shop, case.id, "agreed", "in_hand", "done")
    assert done.effect == told
    assert told.refunded == yuan("150.00")
    assert sum(unpaid(shop, got.loan_id)) == 750_00
    shop.prove()


def test_dearer_goods_are_never_lent_for(shop):
    got = shop.bought("900.00")
    case = opened(shop, got.order_id, asked("exchange", "400.00", "450.00"))
    taken(shop, case.id, "agreed", "in_hand")
    refused = take(shop, case.id, "done")
    assert isinstance(refused, Refused)
    assert refused.code == "difference_unpaid"
    assert "50.00" in refused.detail
    assert queries.cases(book_id=shop.book_id, ids=[case.id])[case.id].state == "in_hand", "a refused step changes nothing"
    done = taken(shop, case.id, "done", difference_paid="till receipt 17")
    assert (done.effect.refunded.minor, sum(unpaid(shop, got.loan_id))) == (0, 900_00)
    assert queries.cases(book_id=shop.book_id, ids=[case.id])[case.id].difference_paid == "till receipt 17"
    shop.prove()


def test_days_without_interest_that_are_told_after_a_loan_ended_give_back_what_was_paid_for_them(shop):
    setting(shop, repair_pauses="arrears_and_interest")
    got = shop.bought("900.00", product="flex")
    shop.until(DUE)
    case = opened(shop, got.order_id, asked("repair"))
    shop.until(DUE + timedelta(days=5))
    request = RepayRequest("ends", got.loan_id, None, "card:1:ok", ahead="settle")
    (paid,) = repayment.repay(desk=shop.desk, now=shop.now(10), requests=[request])
    assert loan_book.on_book([got.loan_id], shop.on, book_id=shop.book_id)[got.loan_id].ended
    taken(shop, case.id, "agreed")
    told = preview(shop, case.id)
    moved = taken(shop, case.id, "in_hand", handed_on=DUE)
    assert moved.effect.owed_back == moved.effect.interest_less
    assert 1_00 < moved.effect.owed_back.minor < 3_00, "five nights on 900 at 14.4 per cent"
    assert told.owed_back < moved.effect.owed_back, "as if the goods came in today"
    assert [one.collection_id for one in moved.effect.back] == [paid.collection_id]
    assert (control(shop, "consumer_balance"), loan_book.credit_kept(shop.book_id)) == (0, 0), "it is on its way"
    shop.prove()
    with sql.reading(book_id=shop.book_id):
        seen = trace(order_id=got.order_id)
    assert [each.kind for each in seen.timeline].count("loan.credit_refunded") == 1
    assert not [s for s in seen.stages if s.code == "posting" and s.state != "done"], seen.stages
    shop.next_day()
    taken(shop, case.id, "done")
    shop.prove()


def test_what_a_loan_keeps_that_has_ended_is_given_back_by_whoever_tries_refunds_again(shop):
    got = shop.bought("900.00", product="flex")
    shop.until(DUE + timedelta(days=5))
    request = RepayRequest("ends", got.loan_id, None, "card:1:ok", ahead="settle")
    assert isinstance(repayment.repay(desk=shop.desk, now=shop.now(10), requests=[request])[0], repayment.Repaid)
    with open_day(shop.desk, shop.now(11)) as work:
        paused = NewFact(work.ids.new(work.now), got.loan_id, InterestPaused(DUE, DUE + timedelta(days=3)))
        assert isinstance(living.enter(work=work, facts=[paused])[0], Entered)
    kept = loan_book.credit_kept(shop.book_id)
    assert kept > 0
    with sql.snapshot():
        held = proving.prove(book=shop.desk.book, since=LATE_DAY)["nothing_unposted"]
    assert held.detail == {"kept_by_ended_loans": [ids.text("loan", got.loan_id)]}
    assert [one.amount.minor for one in refund.retry(desk=shop.desk, now=shop.now(15))] == [kept]
    assert refund.retry(desk=shop.desk, now=shop.now(16)) == []
    assert (control(shop, "consumer_balance"), loan_book.credit_kept(shop.book_id)) == (0, 0)
    shop.prove()
    shop.next_day()
    shop.prove()


@pytest.mark.parametrize(("pauses", "paused"), [("nothing", False), ("arrears", True), ("arrears_and_interest", True)])
def test_while_goods_are_repaired_the_loan_rests_as_the_book_wants(shop, pauses, paused):
    setting(shop, repair_pauses=pauses, repair_days=20)
    got = shop.bought("900.00", product="flex")
    shop.until(DUE - timedelta(days=3))
    asks = sum(row.interest for row in rows(shop, got.loan_id))
    case = opened(shop, got.order_id, asked("repair"))
    told = preview(shop, case.id)
    taken(shop, case.id, "agreed")
    handed = taken(shop, case.id, "in_hand")
    assert handed.effect == told
    assert handed.effect.paused_until == (shop.on + timedelta(days=19) if paused else None)
    shop.prove()
    shop.until(DUE + timedelta(days=4))
    assert late_days(shop, got.loan_id) == (0 if paused else 4)
    done = taken(shop, case.id, "done")
    assert done.effect.paused_until == (shop.on if paused else None)
    assert stored(shop, case.id).get(3, handed.effect) == handed.effect, "what a step did stays told as it was"
    shop.prove()
    shop.until(DUE + timedelta(days=7))
    assert late_days(shop, got.loan_id) == (0 if paused else 7), "the eight days before count for the seven after"
    shop.until(DUE + timedelta(days=9))
    assert late_days(shop, got.loan_id) == (2 if paused else 9)
    if pauses == "arrears_and_interest":
        assert sum(row.interest for row in rows(shop, got.loan_id)) < asks
        assert done.effect.instalments, "the interest of the days that were too many in the pause comes back"
    shop.prove()


def test_price_protection_gives_the_difference_once_and_takes_no_goods(shop):
    got = shop.bought("900.00")
    shop.until(LATE_DAY + timedelta(days=5))
    case = opened(shop, got.order_id, asked("price_protection", price="820.00", seen_on=shop.on - timedelta(days=1)))
    told = preview(shop, case.id)
    assert take(shop, case.id, "done").code == "step_not_possible"
    taken(shop, case.id, "agreed")
    assert take(shop, case.id, "in_hand").code == "step_not_possible"
    assert taken(shop, case.id, "done").effect == told
    assert told.refunded == yuan("80.00")
    assert sum(unpaid(shop, got.loan_id)) == 820_00
    again = ask(shop, got.order_id, asked("price_protection", price="820.00", seen_on=shop.on))
    assert again.code == "price_not_lower"
    lower = opened(shop, got.order_id, asked("price_protection", price="800.00", seen_on=shop.on))
    assert taken(shop, lower.id, "agreed", "done").effect.refunded == yuan("20.00")
    shop.prove()


def test_price_protection_never_gives_more_than_the_difference_that_is_left(shop):
    got = shop.bought("900.00")
    case = opened(shop, got.order_id, asked("price_protection", price="820.00", seen_on=shop.on))
    taken(shop, case.id, "agreed")
    shop.refund(got.order_id, "85.00")
    refused = take(shop, case.id, "done")
    assert isinstance(refused, Refused)
    assert refused.code == "price_not_lower"
    assert sum(unpaid(shop, got.loan_id)) == 815_00
    shop.prove()


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (asked("theft"), "unknown_kind"),
        (asked("return", by="nobody"), "unknown_asker"),
        (asked("return", "5.00"), "amount_not_asked"),
        (asked("part_return"), "amount_needed"),
        (asked("part_return", "900.01"), "more_than_kept"),
        (asked("part_return", "0.00"), "amount_not_positive"),
        (asked("exchange", "5.00"), "price_needed"),
        (asked("repair", price="5.00"), "price_not_asked"),
        (Asked("part_return", "consumer", "lamp", "broken", Money.parse("5.00", "EUR")), "other_currency"),
        (Asked("return", "consumer", " ", "broken"), "text_invalid"),
        (Asked("return", "consumer", "lamp", "x" * 501), "text_invalid"),
        (asked("price_protection", price="5.00"), "seen_on_needed"),
        (asked("price_protection", price="5.00", seen_on=date(2027, 1, 1)), "seen_ahead"),
        (asked("price_protection", price="5.00", seen_on=LATE_DAY - timedelta(days=1)), "price_too_late"),
        (asked("price_protection", price="900.00", seen_on=LATE_DAY), "price_not_lower"),
    ],
)
def test_what_cannot_be_asked_says_why_and_opens_nothing(shop, what, code):
    got = shop.bought("900.00")
    refused = ask(shop, got.order_id, what)
    assert isinstance(refused, Refused)
    assert refused.code == code
    assert not queries.listed(book_id=shop.book_id, order_id=None, kinds=[], states=[], unanswered_on=None, limit=9)


def test_the_price_is_protected_for_so_many_days(shop):
    setting(shop, price_days=2)
    got = shop.bought("900.00")
    shop.until(LATE_DAY + timedelta(days=4))
    late = ask(shop, got.order_id, asked("price_protection", price="5.00", seen_on=LATE_DAY + timedelta(days=3)))
    assert late.code == "price_too_late"
    assert isinstance(ask(shop, got.order_id, asked("price_protection", price="800.00", seen_on=LATE_DAY + timedelta(days=2))), Case)


def test_an_order_of_which_nothing_was_delivered_or_nothing_is_kept_has_no_case(shop, other_shop):
    order = shop.buy(shop.consumer(), "900.00")
    assert ask(shop, order.order_id, asked("return")).code == "not_delivered"
    got = shop.capture(order.order_id)
    shop.refund(order.order_id)
    assert ask(shop, got.order_id, asked("return")).code == "nothing_left_to_return"
    assert ask(other_shop, got.order_id, asked("return")).code == "unknown_order"


def test_one_open_case_an_order_and_kind_and_the_same_key_is_the_same_case(shop):
    got = shop.bought("900.00")
    one = ask(shop, got.order_id, asked("return"), "k")
    assert ask(shop, got.order_id, asked("return"), "k") == one
    assert ask(shop, got.order_id, asked("repair"), "k").code == "key_reused"
    assert ask(shop, got.order_id, asked("return")).code == "case_open"
    assert isinstance(ask(shop, got.order_id, asked("repair")), Case)
    both = [CaseRequest(f"b{n}", got.order_id, asked("exchange", "5.00", "5.00")) for n in range(2)]
    outcomes = aftersales.ask(desk=shop.desk, now=shop.now(12), requests=both)
    assert [getattr(each, "code", "opened") for each in outcomes] == ["opened", "case_open"]
    taken(shop, one.id, "cancelled")
    assert isinstance(ask(shop, got.order_id, asked("return")), Case), "it ended"


def test_a_step_is_taken_once_by_its_key_and_ended_cases_stay_ended(shop):
    got = shop.bought("900.00")
    case = opened(shop, got.order_id, asked("part_return", "100.00"))
    taken(shop, case.id, "agreed", "in_hand")
    first = take(shop, case.id, "done", "pay")
    assert take(shop, case.id, "done", "pay") == first
    assert take(shop, case.id, "cancelled", "pay").code == "key_reused"
    refused = take(shop, case.id, "done")
    assert refused.code == "step_not_possible"
    assert "ended" in refused.detail
    assert sum(unpaid(shop, got.loan_id)) == 800_00
    assert [(one.no, one.state) for one in queries.steps(case_ids=[case.id])[case.id]] == [
        (1, "asked"), (2, "agreed"), (3, "in_hand"), (4, "done"),
    ]  # fmt: skip
    told = sql.rows("SELECT type, seq FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [case.id])
    assert told == [("aftersale.asked", 1), ("aftersale.agreed", 2), ("aftersale.in_hand", 3), ("aftersale.done", 4)]
    events = sql.rows("SELECT type, snapshot, changed, key FROM runtime_outbox WHERE object_id = %s ORDER BY seq", [case.id])
    assert not [fault for kind, snapshot, changed, _ in events for fault in wrong_in(kind, snapshot) + wrong_in(kind, changed)]
    assert events[-1][3] == "pay"
    assert [key for (key,) in sql.rows("SELECT key FROM runtime_outbox WHERE book_id = %s AND type = 'loan.refunded'", [shop.book_id])] == [
        "pay"
    ]
    shop.prove()


def test_the_merchant_answers_in_time_or_the_platform_does(shop):
    got = shop.bought("900.00")
    case = opened(shop, got.order_id, asked("return"))
    shop.until(LATE_DAY + timedelta(days=4))
    late = queries.listed(book_id=shop.book_id, order_id=None, kinds=[], states=[], unanswered_on=shop.on, limit=9)
    assert [one.id for one in late] == [case.id]
    assert take(shop, case.id, "declined", by_merchant=True).code == "answer_too_late"
    assert taken(shop, case.id, "agreed").state == "agreed"
    assert take(shop, case.id, "in_hand", handed_on=LATE_DAY - timedelta(days=1)).code == "goods_ahead"
    assert taken(shop, case.id, "in_hand", handed_on=LATE_DAY + timedelta(days=3)).state == "in_hand"
    assert taken(shop, case.id, "declined").state == "declined"
    assert sum(unpaid(shop, got.loan_id)) == 900_00


def test_two_who_end_a_case_at_once_end_it_once(shop):
    got = shop.bought("900.00")
    case = opened(shop, got.order_id, asked("part_return", "100.00"))
    taken(shop, case.id, "agreed", "in_hand")
    found = shop.at_once(lambda: take(shop, case.id, "done", "one"), lambda: take(shop, case.id, "done", "two"))
    assert sorted(type(one).__name__ for one in found) == ["Moved", "Refused"]
    assert sum(unpaid(shop, got.loan_id)) == 800_00
    shop.prove()


def test_the_tables_let_no_case_go_back_or_end_twice(shop):
    got = shop.bought("900.00")
    case = opened(shop, got.order_id, asked("return"))
    taken(shop, case.id, "cancelled")
    for change in ("state = 'agreed', no = no + 1", "no = no + 2", "state = 'done', no = no + 1"):
        with pytest.raises(Exception, match="no such step"), sql.transacting():
            sql.run(f"UPDATE aftersales_case SET {change} WHERE id = %s", [case.id])
    with pytest.raises(Exception, match="permission denied"), sql.transacting():
        sql.run("UPDATE aftersales_case SET amount_minor = 1 WHERE id = %s", [case.id])


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_asked_in_whatever_order_every_proof_holds_and_every_preview_comes_true(shop, seed):
    chance = random.Random(seed)
    setting(shop, repair_pauses=chance.choice(["nothing", "arrears", "arrears_and_interest"]))
    got = [shop.bought(f"{chance.randint(300, 3000)}.{chance.randint(0, 99):02d}", product=product) for product in ("free", "flex", "flex")]
    cases: list[Case] = []
    done = 0
    for _ in range(16):
        one = chance.choice(got)
        match chance.choice(["pay", "over", "ask", "ask", "step", "step", "step", "day", "far"]):
            case "pay":
                if loan_book.on_book([one.loan_id], shop.on, book_id=shop.book_id)[one.loan_id].due(shop.on).minor:
                    shop.repay(one.loan_id)
            case "over":
                shop.repay(one.loan_id, f"{chance.randint(1, 900)}.00")
            case "ask":
                kind = chance.choice(rules.KINDS)
                amount = f"{chance.randint(1, 300)}.{chance.randint(0, 99):02d}" if kind in ("part_return", "exchange") else None
                price = f"{chance.randint(1, 900)}.00" if kind in ("exchange", "price_protection") else None
                opened_one = ask(shop, one.order_id, asked(kind, amount, price, shop.on if kind == "price_protection" else None))
                cases += [opened_one] if isinstance(opened_one, Case) else []
            case "step" if cases:
                done += _step(shop, chance, chance.choice(cases).id)
            case "day":
                shop.next_day()
            case "far":
                shop.until(shop.on + timedelta(days=chance.randint(5, 12)))
        shop.prove()
    for one in cases:
        while queries.cases(book_id=shop.book_id, ids=[one.id])[one.id].state in rules.OPEN and _step(shop, chance, one.id):
            done += 1
            shop.prove()
    assert done, "something happened"
    shop.next_day()
    shop.prove()


def _step(shop: Shop, chance: random.Random, case_id) -> int:
    """Takes a case a step on; what was previewed, refusals too, is what comes of it."""
    case = queries.cases(book_id=shop.book_id, ids=[case_id])[case_id]
    ways = [to for state, to in sorted(rules.STEPS) if state == case.state]
    if case.state == "agreed":
        ways = ["in_hand" if rules.needs_goods(case.asked.kind) else "done"]
    if not ways:
        return 0
    to = chance.choice(ways)
    told = aftersales.preview(desk=shop.desk, now=shop.now(12), case_id=case_id)
    outcome = take(shop, case_id, to)
    previewed = to == ("in_hand" if case.asked.kind == "repair" and case.state != "in_hand" else "done")
    if isinstance(outcome, Moved):
        if previewed:
            assert outcome.effect == told
        assert stored(shop, case_id).get(outcome.no, outcome.effect) == outcome.effect
        return 1
    assert isinstance(outcome, Refused)
    assert not previewed or told == outcome
    return 0


@pytest.mark.parametrize(("command", "broken"), [("aftersale.open", "open_case"), ("aftersale.step", "take_step")])
def test_what_breaks_waits_and_is_carried_out_once_when_sent_again(shop, monkeypatch, command, broken):
    got = shop.bought("900.00")

    def act():
        if command == "aftersale.open":
            return ask(shop, got.order_id, asked("part_return", "100.00"), "k")
        return take(shop, case.id, "done", "k")

    if command == "aftersale.step":
        case = opened(shop, got.order_id, asked("part_return", "100.00"))
        taken(shop, case.id, "agreed", "in_hand")

    def breaks(**given):
        raise ValueError("no")

    with monkeypatch.context() as patch:
        patch.setattr(aftersales.commands, broken, breaks)
        assert isinstance(act(), Quarantined)
        assert sum(unpaid(shop, got.loan_id)) == 900_00, "nothing of it stays"
        shop.prove()
    (aside,) = quarantine.waiting(book_id=shop.book_id)
    assert aside.command == command
    (done,) = set_aside.retry(desk=shop.desk, now=shop.now(14), quarantine_ids=[aside.id])
    assert done.outcome == act(), "the same request by whoever sends it"
    assert sum(unpaid(shop, got.loan_id)) == (800_00 if command == "aftersale.step" else 900_00)
    shop.prove()
