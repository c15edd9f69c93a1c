"""Bank transfers: with a reference, without, twice, too much, for nothing; matched by a person, undone, given back, proven and reconciled."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from yuefu import ids as public
from yuefu.errors import Refused
from yuefu.journeys import billing, jobs, proving, receipts, repayment
from yuefu.journeys import suspense as suspense_book
from yuefu.journeys.desk import open_day
from yuefu.journeys.receipts import Matched, MatchRequest, Unmatched
from yuefu.journeys.suspense import Suggestion
from yuefu.journeys.trace import trace, traced_orders
from yuefu.ledger import commands as ledger_commands
from yuefu.ledger import queries as ledger
from yuefu.ledger.rules import AccountKey, Entry, Line
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import living
from yuefu.loans.commands.living import NewFact
from yuefu.money.amounts import Money
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments import rules
from yuefu.payments.commands import ReturnOrder
from yuefu.payments.rules import OPERATING_NUMBER
from yuefu.payments.rules.references import grouped
from yuefu.plans.lifecycle.events import WrittenOff
from yuefu.runtime import sql

BILL_DAY, DUE = date(2026, 10, 15), date(2026, 10, 25)
"""Of a consumer of the shop, who comes on 12 October."""
PAYER = "6217000010001234567"


def yuan(text):
    return Money.parse(text, "CNY")


def suspense(shop, currency="CNY"):
    """Minor units that nobody has explained, as the ledger has them."""
    totals = ledger.totals(shop.book_id, ["suspense"])
    return -sum(amount for key, amount in totals.items() if key[3] == currency)


def reference_of(shop, consumer_id):
    with open_day(shop.desk, shop.now()) as work:
        return payments.name_payers(work=work, consumer_ids=[consumer_id])[consumer_id]


def deposit(shop, amount, text="", *, key="d1", payer=PAYER, hour=12):
    """Somebody transfers money; the bank knows of it, we do not yet."""
    return shop.desk.bank.deposit(
        account=OPERATING_NUMBER, payer_account=payer, payer_name="李四", amount=yuan(amount), text=text, key=key, now=shop.now(hour)
    )


def poll(shop, hour=13):
    return receipts.poll(desk=shop.desk, now=shop.now(hour))


def taken(shop, amount, text="", **given):
    """A receipt that the bank told of just now, as it stands."""
    credit = deposit(shop, amount, text, **given)
    poll(shop)
    return receipt(shop, credit)


def receipt(shop, credit):
    account = payment_book.money_accounts(book_id=shop.book_id)["operating"]
    return payment_book.receipts_numbered(book_id=shop.book_id, money_account_id=account.id, numbers=[credit.number])[credit.number]


def match(shop, found, key="m1", *, reason="the payer called", hour=14, **target):
    return receipts.match(desk=shop.desk, now=shop.now(hour), requests=[MatchRequest(key, found.id, reason, **target)])[0]


def give_back(shop, found, amount=None, *, key="b1", hour=15):
    order = ReturnOrder(key, found.id, yuan(amount) if amount else None, "not ours")
    return receipts.give_back(desk=shop.desk, now=shop.now(hour), orders=[order])[0]


def row(shop, loan_id, no=1):
    return loan_book.loans([loan_id])[loan_id].state.rows[no - 1]


def loan(shop, consumer_id, amount, *, merchant=0):
    return shop.capture(shop.buy(consumer_id, amount, merchant=merchant).order_id)


@pytest.fixture
def two(shop):
    """A consumer with loans of 300 and 150 a month, whose first bill is made, on its day; and the reference they quote."""
    consumer_id = shop.consumer()
    first, second = loan(shop, consumer_id, "900.00"), loan(shop, consumer_id, "450.00", merchant=1)
    while shop.on < BILL_DAY:
        shop.next_day()
        shop.settle()
    (made,) = billing.make(desk=shop.desk, now=shop.now(6))
    return consumer_id, first, second, made.bill.bill_id


def test_who_is_billed_has_a_reference_and_keeps_it(shop, two):
    named = payment_book.payer_references(book_id=shop.book_id, consumer_ids=[two[0]])
    assert list(named) == [two[0]]
    assert reference_of(shop, two[0]) == named[two[0]]
    assert len(named[two[0]]) == 12


def test_a_transfer_that_quotes_the_reference_pays_the_bill_over_all_loans(shop, two):
    consumer_id, first, second, _ = two
    found = taken(shop, "450.00", f"还款 {grouped(reference_of(shop, consumer_id))} 谢谢")
    assert (found.consumer_id, found.code, found.left, found.state) == (consumer_id, "", yuan("0.00"), "explained")
    (matched,) = payment_book.matches_of(book_id=shop.book_id, receipt_ids=[found.id])[found.id]
    assert (matched.amount, matched.back, matched.state, matched.reason) == (yuan("450.00"), yuan("0.00"), "succeeded", "its reference")
    parts = payment_book.parts_of(book_id=shop.book_id, whole_ids=[matched.collection_id])[matched.collection_id]
    assert {(p.loan_id, p.amount.minor, p.waits_for, p.channel) for p in parts} == {
        (first.loan_id, 300_00, DUE, "bank"), (second.loan_id, 150_00, DUE, "bank"),
    }  # fmt: skip
    assert suspense(shop) == 0
    shop.prove()
    shop.until(date(2026, 10, 26))
    assert row(shop, first.loan_id).unpaid == row(shop, second.loan_id).unpaid == 0
    shop.prove()


def test_what_is_due_is_paid_at_once_as_of_the_day_on_which_the_bank_had_it(shop, two):
    consumer_id, first, second, _ = two
    shop.until(DUE)
    credit = deposit(shop, "450.00", reference_of(shop, consumer_id), hour=20)
    shop.next_day()
    assert row(shop, first.loan_id).unpaid == 300_00
    assert poll(shop) == 1
    assert row(shop, first.loan_id).unpaid == row(shop, second.loan_id).unpaid == 0
    assert receipt(shop, credit).came_on == DUE
    assert {event.effective_on for group in loan_book.recorded(_orders(shop)).values() for event in group if event.kind == "repaid"} == {
        DUE
    }
    shop.prove()


def _orders(shop):
    return [i for (i,) in sql.rows("SELECT order_id FROM payments_collection WHERE book_id = %s AND loan_id IS NOT NULL", [shop.book_id])]


def test_the_same_credit_by_notice_twice_late_and_in_a_file_is_booked_once(shop, two):
    credit = deposit(shop, "450.00", reference_of(shop, two[0]))
    assert [poll(shop), poll(shop)] == [1, 0]
    outcomes = receipts.take(desk=shop.desk, now=shop.now(15), came=[credit, credit], heard_by="file")
    assert [(o.fresh, o.receipt.heard_by, o.receipt.left.minor) for o in outcomes] == [(False, "notice", 0)] * 2
    shop.next_day()
    assert poll(shop) == 0
    assert sql.value("SELECT count(*) FROM payments_receipt WHERE book_id = %s", [shop.book_id]) == 1
    shop.prove()


def test_two_who_are_told_the_same_at_once_book_it_once(shop, two):
    told = [deposit(shop, "450.00", reference_of(shop, two[0])), deposit(shop, "20.00", key="d2")]
    outcomes = shop.at_once(
        lambda: receipts.take(desk=shop.desk, now=shop.now(13), came=told),
        lambda: receipts.take(desk=shop.desk, now=shop.now(13), came=told[::-1], heard_by="file"),
        lambda: poll(shop),
    )
    assert not [o for o in outcomes if isinstance(o, Exception)], outcomes
    assert sql.value("SELECT count(*) FROM payments_receipt WHERE book_id = %s", [shop.book_id]) == 2
    assert sql.value("SELECT count(*) FROM payments_receipt_match WHERE book_id = %s", [shop.book_id]) == 1
    assert suspense(shop) == 20_00
    shop.prove()


def test_an_order_that_was_repaid_by_transfer_is_traced_whole(shop, two):
    _, first, _, _ = two
    taken(shop, "450.00", reference_of(shop, two[0]))
    shop.next_day()
    shop.reconcile()  # No bill of the channel shows it, and none has to.
    shop.until(date(2026, 10, 26))
    shop.settle()
    found = traced_orders(book_id=shop.book_id, as_of=shop.on)
    assert (found.missing, found.complete) == ((), 2), found
    told = trace(order_id=first.order_id, audience="staff", book=shop.desk.book)
    assert not isinstance(told, Refused)
    assert any(happening.kind == "loan.repaid" for happening in told.timeline)


def test_two_of_one_consumer_told_at_once_pay_one_after_the_other(shop, two):
    quoted = reference_of(shop, two[0])
    for n in range(2):
        deposit(shop, "450.00", quoted, key=f"d{n}")
    assert poll(shop) == 2
    waiting = sql.rows(
        "SELECT waits_for, sum(amount_minor)::int FROM payments_collection WHERE loan_id IS NOT NULL AND book_id = %s GROUP BY 1 ORDER BY 1",
        [shop.book_id],
    )
    assert waiting == [(DUE, 450_00), (date(2026, 11, 25), 450_00)]
    assert suspense(shop) == 0
    shop.prove()


def test_more_than_all_loans_owe_stays_in_suspense_and_can_be_given_back(shop, two):
    found = taken(shop, "1400.00", reference_of(shop, two[0]))
    assert found.left == yuan("50.00")
    assert suspense(shop) == 50_00
    shop.prove()
    back = give_back(shop, found)
    assert (back.state, back.amount, back.failure_code) == ("paid", yuan("50.00"), "")
    assert suspense(shop) == 0
    shop.prove()


@pytest.mark.parametrize(("text", "code"), [("", "no_reference"), ("还款 12345678", "no_reference"), ("OTHERS", "reference_not_ours")])
def test_what_names_nobody_waits_in_suspense(shop, two, text, code):
    text = _nobodys(shop) if text == "OTHERS" else text
    found = taken(shop, "450.00", text)
    assert (found.consumer_id, found.code, found.left) == (None, code, yuan("450.00"))
    assert payment_book.in_suspense(book_id=shop.book_id, after=None, limit=9) == [found]
    assert suspense(shop) == 450_00
    shop.prove()


def _nobodys(shop):
    return rules_made_for(shop.desk.ids.new(shop.now()))


def rules_made_for(consumer_id):
    from yuefu.payments.rules.references import made_for

    return made_for(consumer_id, 0)


def test_a_text_with_two_references_is_for_a_person(shop, two):
    other = shop.consumer()
    found = taken(shop, "450.00", f"{reference_of(shop, two[0])}, {reference_of(shop, other)}")
    assert (found.consumer_id, found.code) == (None, "several_references")


def test_a_reference_of_somebody_who_owes_nothing_waits_with_its_consumer(shop):
    consumer_id = shop.consumer()
    found = taken(shop, "100.00", reference_of(shop, consumer_id))
    assert (found.consumer_id, found.code, found.left) == (consumer_id, "nothing_to_pay", yuan("100.00"))
    assert poll(shop) == 0
    shop.prove()


def test_another_currency_waits_however_well_it_is_referenced(shop, two):
    credit = replace(deposit(shop, "450.00", reference_of(shop, two[0])), number="USD-1", amount=Money.parse("60.00", "USD"))
    (outcome,) = receipts.take(desk=shop.desk, now=shop.now(13), came=[credit], heard_by="file")
    assert (outcome.receipt.code, outcome.receipt.left) == ("other_currency", Money.parse("60.00", "USD"))
    assert suspense(shop, "USD") == 60_00
    assert match(shop, outcome.receipt, consumer_id=two[0]).code == "currency_differs"
    shop.prove()


def test_a_credit_that_is_told_otherwise_or_cannot_be_one_is_refused_and_changes_nothing(shop, two):
    credit = deposit(shop, "450.00")
    poll(shop)
    told = [
        replace(credit, amount=yuan("451.00")),
        replace(credit, at=credit.at + timedelta(days=1)),
        replace(credit, number="N2", amount=yuan("0.00")),
        replace(credit, number=""),
        replace(credit, number="N3", account="6100000000000002"),
        replace(credit, number="N4", text="x" * 501),
        replace(credit, number="N5"),
    ]
    outcomes = receipts.take(desk=shop.desk, now=shop.now(14), came=told)
    codes = [o.code if isinstance(o, Refused) else "" for o in outcomes]
    assert codes == ["credit_differs", "credit_differs", "amount_not_positive", "credit_invalid", "unknown_account", "credit_invalid", ""]
    assert suspense(shop) == 900_00
    shop.prove()


def test_the_proof_of_suspense_finds_what_the_ledger_or_the_count_has_otherwise(shop, two):
    found = taken(shop, "450.00", "?")
    with sql.owning():
        sql.run("UPDATE payments_receipt SET left_minor = 400_00 WHERE id = %s", [found.id])
    proof = proving.prove(book=shop.desk.book)["subledgers_equal_control"]
    assert (proof.holds, proof.detail) == (False, {"receipts_left": [public.text("receipt", found.id)]})
    with sql.owning():
        sql.run("UPDATE payments_receipt SET left_minor = 450_00 WHERE id = %s", [found.id])
    with open_day(shop.desk, shop.now()) as work:
        lines = (Line(AccountKey("suspense"), yuan("7.00")), Line(AccountKey("fee_income"), -yuan("7.00")))
        ledger_commands.post(work=work, entries=[Entry(key="wrong", kind="other", lines=lines)])
    proof = proving.prove(book=shop.desk.book)["subledgers_equal_control"]
    assert (proof.holds, proof.detail) == (False, {"suspense/CNY": (450_00, 443_00)})


# ----------------------------------------------------------------------------------------------------------------------- by a person


def test_a_person_matches_the_whole_or_parts_to_consumer_loan_and_bill(shop, two):
    _, first, second, bill_id = two
    found = taken(shop, "450.00", "no idea")
    one_loan = match(shop, found, "m1", loan_id=second.loan_id, amount=yuan("150.00"))
    assert isinstance(one_loan, Matched)
    assert [(p.loan_id, p.amount.minor) for p in one_loan.parts] == [(second.loan_id, 150_00)]
    assert one_loan.left == yuan("300.00")
    assert match(shop, found, "m1", loan_id=second.loan_id, amount=yuan("150.00")).match.id == one_loan.match.id
    assert match(shop, found, "m1", loan_id=second.loan_id, amount=yuan("151.00")).code == "key_reused"
    rest = match(shop, found, "m2", bill_id=bill_id)
    assert [(p.loan_id, p.amount.minor) for p in rest.parts] == [(first.loan_id, 300_00)]
    assert (rest.left, suspense(shop)) == (yuan("0.00"), 0)
    assert {m.reason for m in payment_book.matches_of(book_id=shop.book_id, receipt_ids=[found.id])[found.id]} == {"the payer called"}
    shop.prove()


def test_a_person_matches_to_a_loan_of_either_rule_version(lived_shop):
    got = lived_shop.bought("900.00")
    lived_shop.until(DUE)
    found = taken(lived_shop, "300.00", "no idea")
    done = match(lived_shop, found, loan_id=got.loan_id)
    assert isinstance(done, Matched), done
    assert [(p.loan_id, p.principal) for p in done.parts] == [(got.loan_id, yuan("300.00"))]
    lived_shop.prove()


def test_a_person_matches_to_a_loan_that_was_written_off_which_recovers_no_more_than_was_given_up(lived_shop):
    shop = lived_shop
    got = shop.bought("900.00")
    shop.until(DUE)
    found = taken(shop, "1000.00", "no idea")
    with open_day(shop.desk, shop.now(13)) as work:
        (lost,) = living.enter(work=work, facts=[NewFact(work.ids.new(work.now), got.loan_id, WrittenOff(shop.on))])
    assert not isinstance(lost, Refused), lost
    first = match(shop, found, loan_id=got.loan_id, amount=yuan("250.00"))
    assert isinstance(first, Matched), first
    assert [(p.loan_id, p.principal, p.excess.minor) for p in first.parts] == [(got.loan_id, yuan("250.00"), 0)]
    assert (recovered(shop), first.left) == (250_00, yuan("750.00"))
    rest = match(shop, found, "m2", loan_id=got.loan_id)
    assert isinstance(rest, Matched), rest
    assert (recovered(shop), rest.left) == (900_00, yuan("100.00")), "what is more than was given up is nobody's"
    assert match(shop, found, "m3", loan_id=got.loan_id).code == "nothing_due"
    shop.prove()
    undone = receipts.undo(desk=shop.desk, now=shop.now(15), match_id=first.match.id, key="u1", reason="another's")
    assert isinstance(undone, Unmatched), undone
    assert (undone.back, undone.stays) == (yuan("150.00"), yuan("100.00")), "what was left of the other match recovers in its place"
    assert (recovered(shop), suspense(shop)) == (750_00, 250_00)
    shop.next_day()
    shop.prove()


def recovered(shop):
    """Minor units of income from what was written off, as the ledger has them."""
    return -sum(ledger.totals(shop.book_id, ["recovery_income"]).values())


def test_a_match_that_cannot_be_made_is_refused_and_books_nothing(shop, two):
    consumer_id, first, _, _ = two
    found, poor = taken(shop, "450.00"), shop.consumer()
    somebody = shop.desk.ids.new(shop.now())
    wrong = {
        "one_target": {"consumer_id": consumer_id, "loan_id": first.loan_id},
        "reason_invalid": {"consumer_id": consumer_id, "reason": " "},
        "unknown_loan": {"loan_id": somebody},
        "unknown_bill": {"bill_id": somebody},
        "nothing_due": {"consumer_id": poor},
        "more_than_left": {"consumer_id": consumer_id, "amount": yuan("450.01")},
        "amount_not_positive": {"consumer_id": consumer_id, "amount": yuan("0.00")},
        "currency_differs": {"consumer_id": consumer_id, "amount": Money.parse("1.00", "USD")},
    }
    codes = {code: match(shop, found, f"w-{code}", **given).code for code, given in wrong.items()}
    assert codes == {code: code for code in wrong}
    assert match(shop, replace(found, id=somebody), "w", consumer_id=consumer_id).code == "unknown_receipt"
    assert receipts.undo(desk=shop.desk, now=shop.now(), match_id=somebody, key="u", reason="wrong").code == "unknown_match"
    assert suspense(shop) == 450_00
    shop.prove()


def test_a_wrong_match_is_undone_and_its_money_can_be_matched_again(shop, two):
    consumer_id, first, _, _ = two
    other = shop.consumer()
    theirs = loan(shop, other, "900.00")
    shop.until(DUE)
    found = taken(shop, "500.00", "?")
    wrong = match(shop, found, consumer_id=consumer_id)
    assert row(shop, first.loan_id).unpaid == 0
    undone = receipts.undo(desk=shop.desk, now=shop.now(15), match_id=wrong.match.id, key="u1", reason="another payer")
    assert isinstance(undone, Unmatched)
    assert (undone.back, undone.stays) == (yuan("500.00"), yuan("0.00"))
    assert row(shop, first.loan_id).unpaid == 300_00
    assert suspense(shop) == 500_00
    shop.prove()
    assert receipts.undo(desk=shop.desk, now=shop.now(15), match_id=wrong.match.id, key="u2", reason="again").code == "already_undone"
    again = match(shop, receipt_now(shop, found), "m2", consumer_id=other)
    assert isinstance(again, Matched)
    assert row(shop, theirs.loan_id).unpaid == 0
    assert suspense(shop) == 0
    shop.prove()
    shop.next_day()


def receipt_now(shop, found):
    return payment_book.receipts(book_id=shop.book_id, ids=[found.id])[found.id]


def test_two_who_match_or_give_back_at_once_never_use_more_than_there_is(shop, two):
    found = taken(shop, "450.00", "?")
    outcomes = shop.at_once(
        lambda: match(shop, found, "m1", consumer_id=two[0], amount=yuan("450.00")),
        lambda: match(shop, found, "m2", consumer_id=two[0], amount=yuan("400.00")),
        lambda: give_back(shop, found, "300.00"),
    )
    done = [o for o in outcomes if not isinstance(o, Refused)]
    assert not [o for o in outcomes if isinstance(o, Exception)], outcomes
    assert len(done) == 1
    assert receipt_now(shop, found).left.minor == 450_00 - (done[0].match.amount if isinstance(done[0], Matched) else done[0].amount).minor
    shop.prove()


def test_a_refund_of_goods_paid_for_by_transfer_waits_for_a_person_to_give_it_back(shop):
    consumer_id = shop.consumer()
    order = shop.buy(consumer_id, "300.00")
    shop.capture(order.order_id)
    shop.until(DUE)
    found = taken(shop, "300.00", reference_of(shop, consumer_id))
    assert found.left.minor == 0
    shop.refund(order.order_id)
    assert receipt_now(shop, found).left.minor == suspense(shop) > 0
    shop.prove()
    assert give_back(shop, found).state == "paid"
    assert suspense(shop) == 0
    shop.next_day()


# ------------------------------------------------------------------------------------------------------------------------- given back


def test_what_is_given_back_goes_to_the_account_it_came_from(shop, two):
    found = taken(shop, "450.00", "?")
    part = give_back(shop, found, "100.00")
    assert (part.state, part.paid_on, receipt_now(shop, found).left) == ("paid", shop.on, yuan("350.00"))
    assert give_back(shop, found, "100.00") == part
    assert give_back(shop, found, "350.01", key="b2").code == "more_than_left"
    assert give_back(shop, found, key="b3").amount == yuan("350.00")
    assert give_back(shop, found, key="b4").code == "nothing_left"
    assert shop.desk.bank.balance(account=OPERATING_NUMBER).minor == ledger.code_sums(shop.book_id, ["bank_cash"])["bank_cash"]
    shop.prove()


def test_a_bank_that_refuses_leaves_the_money_in_suspense(shop, two):
    found = taken(shop, "450.00", "?", payer="6217000019990001")
    back = give_back(shop, found)
    assert (back.state, back.failure_code) == ("failed", "beneficiary_rejected")
    assert (receipt_now(shop, found).left, suspense(shop)) == (yuan("450.00"), 450_00)
    shop.prove()


def test_what_the_payers_bank_sends_back_days_later_is_in_suspense_again(shop, two):
    found = taken(shop, "450.00", "?", payer="6217000019990003")
    assert give_back(shop, found).state == "paid"
    shop.next_day()
    poll(shop)
    (back,) = payment_book.returns_of(book_id=shop.book_id, receipt_ids=[found.id])[found.id]
    assert (back.state, back.failure_code) == ("returned", "beneficiary_account_closed")
    assert (receipt_now(shop, found).left, suspense(shop)) == (yuan("450.00"), 450_00)
    shop.prove()


def test_what_is_on_its_way_is_asked_for_and_never_paid_twice(shop, two):
    found = taken(shop, "450.00", "?", payer="6217000019990002")
    assert give_back(shop, found).state == "sent"
    assert suspense(shop) == 450_00
    shop.prove()
    poll(shop)
    (back,) = payment_book.returns_of(book_id=shop.book_id, receipt_ids=[found.id])[found.id]
    assert (back.state, suspense(shop)) == ("paid", 0)
    shop.prove()


class _Stopped(Exception):
    pass


def test_who_breaks_off_between_storing_and_booking_is_finished_by_the_next_poll(shop, two, monkeypatch):
    found = taken(shop, "450.00", "?")

    def stop(**_):
        raise _Stopped

    with monkeypatch.context() as broken:
        broken.setattr(repayment, "book", stop)
        with pytest.raises(_Stopped):
            match(shop, found, consumer_id=two[0])
    assert (receipt_now(shop, found).left.minor, suspense(shop)) == (0, 450_00)
    shop.prove()
    repayment.poll(desk=shop.desk, now=shop.now(16))
    assert not sql.rows("SELECT 1 FROM payments_sandbox_trade WHERE kind = 'payment' AND book_id = %s", [shop.book_id])
    poll(shop, 17)
    assert suspense(shop) == 0
    assert match(shop, found, consumer_id=two[0]).match.state == "succeeded"
    shop.prove()


def test_the_worker_asks_for_what_came(shop, two):
    deposit(shop, "450.00", reference_of(shop, two[0]))
    jobs.poll(shop.desk, shop.now(13))
    assert suspense(shop) == 0
    assert sql.value("SELECT count(*) FROM payments_receipt_match WHERE book_id = %s", [shop.book_id]) == 1


def test_the_bank_statement_shows_what_came_and_what_went_back(shop, two):
    found = taken(shop, "450.00", "?")
    give_back(shop, found, "100.00")
    match(shop, receipt_now(shop, found), consumer_id=two[0])
    shop.next_day()
    shop.reconcile()
    outcome = sql.rows(
        "SELECT outcome, count(*) FROM reconciliation_item WHERE book_id = %s AND kind IN ('receipt', 'payout') GROUP BY 1", [shop.book_id]
    )
    assert [name for name, _ in outcome] == ["matched"]
    assert sql.value("SELECT count(*) FROM reconciliation_break WHERE book_id = %s", [shop.book_id]) == 0


# ------------------------------------------------------------------------------------------------------------------------ suggestions


def test_whose_it_may_be_is_suggested_by_reference_payer_and_amount_and_nothing_is_done(shop, two):
    consumer_id, _, _, bill_id = two
    quoted = reference_of(shop, consumer_id)
    garbled = quoted[:4] + str((int(quoted[4]) + 1) % 10) + quoted[5:]
    found = taken(shop, "450.00", f"还款{garbled}")
    assert found.code == "no_reference"
    told = suspense_book.suggestions(book_id=shop.book_id, vault=shop.desk.vault, receipt=found, on=shop.on)
    assert told == [Suggestion(consumer_id, "near_reference"), Suggestion(consumer_id, "amount_of_bill", bill_id)]
    assert isinstance(match(shop, found, consumer_id=consumer_id), Matched)
    later = taken(shop, "1.00", "hello", key="d2")
    assert suspense_book.suggestions(book_id=shop.book_id, vault=shop.desk.vault, receipt=later, on=shop.on) == [
        Suggestion(consumer_id, "same_payer")
    ]
    assert (
        suspense_book.suggestions(book_id=shop.book_id, vault=shop.desk.vault, receipt=taken(shop, "2.00", key="d3", payer="x"), on=shop.on)
        == []
    )
    assert later.left == yuan("1.00")


def test_who_paid_is_kept_sealed(shop, two):
    found = taken(shop, "450.00", "我是李四")
    assert payment_book.payer(found, vault=shop.desk.vault) == rules.Payer(PAYER, "李四", "我是李四")
    stored = sql.value("SELECT r::text FROM payments_receipt AS r WHERE r.id = %s", [found.id])
    audited = "".join(row[0] for row in sql.rows("SELECT a::text FROM runtime_audit AS a WHERE a.book_id = %s", [shop.book_id]))
    for secret in (PAYER, "李四"):
        assert secret not in stored
        assert secret.encode().hex() not in stored
        assert secret not in audited
