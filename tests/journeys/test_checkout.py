"""Quote → authorise → capture → void or expiry: decisions, keys, references, and what a later capture may cost."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from tests.journeys.conftest import RISK
from tests.people import person
from yuefu.consumers import commands as consumers
from yuefu.credit import commands as credit
from yuefu.credit import queries as accounts
from yuefu.credit.commands import StateChange as AccountState
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys import checkout, proving
from yuefu.journeys.checkout import Captured, Purchase, Quoted, Released, Wish
from yuefu.journeys.desk import open_day
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.merchants import commands as merchants
from yuefu.merchants.commands import Amendment
from yuefu.merchants.commands import StateChange as MerchantState
from yuefu.merchants.rules import ContractTerms
from yuefu.money.amounts import Money
from yuefu.offers import commands as offers
from yuefu.offers import queries as products
from yuefu.orders import queries as order_book
from yuefu.orders.commands import CaptureRequest, VoidRequest
from yuefu.risk import queries as decisions
from yuefu.risk.rules.decision import policy
from yuefu.runtime import sql
from yuefu.runtime.jsontext import dumps
from yuefu.runtime.values import Actor


def yuan(text):
    return Money.parse(text, "CNY")


def quoted(shop, consumer_id, amount="600.00", *, product="free", periods=3, merchant=0, language="zh") -> Quoted:
    wish = Wish(shop.merchants[merchant], consumer_id, product, yuan(amount), periods, language)
    (found,) = checkout.quote(desk=shop.desk, now=shop.now(), wishes=[wish])
    assert isinstance(found, Quoted), found
    return found


def purchase(shop, consumer_id, key="w1", *, reference=None, **plan) -> Purchase:
    shown = quoted(shop, consumer_id, **plan)
    return Purchase(key, shop.merchants[plan.get("merchant", 0)], reference or f"W-{key}", consumer_id, shown.quote_id)


def authorised(shop, *purchases):
    return checkout.authorise(desk=shop.desk, now=shop.now(), purchases=purchases)


def capture(shop, order_id, key, amount=None):
    request = CaptureRequest(key, shop.seller(order_id), order_id, yuan(amount) if amount else None)
    return checkout.capture(desk=shop.desk, now=shop.now(11), requests=[request])[0]


def void(shop, order_id, key):
    return checkout.void(desk=shop.desk, now=shop.now(12), requests=[VoidRequest(key, shop.seller(order_id), order_id)])[0]


def working(shop, act, *, by=None):
    with open_day(shop.desk, shop.now()) as work:
        assert not isinstance(work, Refused)
        return act(replace(work, by=by) if by else work)


def line(shop, consumer_id):
    account = accounts.accounts_of(consumer_ids=[consumer_id], currency="CNY")[consumer_id]
    found = ledger.limited(shop.book_id, "credit_line", [account.id])[account.id]
    return found.posted.minor, found.held.minor


# ------------------------------------------------------------------------------------------------------------------------ the happy way


def test_a_purchase_holds_then_draws_the_line_part_by_part_and_gives_the_rest_back(shop):
    consumer = shop.consumer(limit="1000.00")
    (order,) = authorised(shop, purchase(shop, consumer))
    assert (order.approved, order.reasons, order.amount) == (True, (), yuan("600.00"))
    assert order.expires_at == shop.now() + timedelta(days=7)
    assert line(shop, consumer) == (0, 600_00)
    first = capture(shop, order.order_id, "x1", "250.00")
    assert line(shop, consumer) == (250_00, 350_00)
    second = capture(shop, order.order_id, "x2", "50.00")
    assert line(shop, consumer) == (300_00, 300_00)
    assert void(shop, order.order_id, "v1") == Released(order.order_id, yuan("300.00"))
    assert line(shop, consumer) == (300_00, 0)
    held = loan_book.loans_of([order.order_id])[order.order_id]
    assert [(h.dims.loan_id, h.state.terms.principal) for h in held] == [(first.loan_id, yuan("250.00")), (second.loan_id, yuan("50.00"))]
    assert order_book.orders([order.order_id])[order.order_id].state == "captured"
    shop.prove()


def test_a_declined_order_holds_nothing_and_cannot_be_captured_or_voided(shop):
    consumer = shop.consumer(limit="500.00")
    (order,) = authorised(shop, purchase(shop, consumer))
    assert (order.approved, order.reasons) == (False, ("limit",))
    assert line(shop, consumer) == (0, 0)
    assert capture(shop, order.order_id, "x1").code == "order_declined"
    assert void(shop, order.order_id, "v1").code == "order_declined"
    shop.prove()


# ----------------------------------------------------------------------------------------------------------------------- every decline


def test_the_limit_counts_what_is_held_and_what_is_drawn_and_what_the_batch_took_before(shop):
    consumer = shop.consumer(limit="1300.00")
    capture(shop, authorised(shop, purchase(shop, consumer, "w1", amount="400.00"))[0].order_id, "x1")
    batch = [purchase(shop, consumer, f"w{n}", amount="400.00") for n in (2, 3, 4)]
    assert [o.reasons for o in authorised(shop, *batch)] == [(), (), ("limit",)]
    assert line(shop, consumer) == (400_00, 800_00)
    exactly = purchase(shop, consumer, "w5", amount="100.00")
    assert authorised(shop, exactly)[0].approved
    shop.prove()


def test_whoever_owes_something_overdue_gets_nothing_new_until_it_is_paid(shop):
    consumer = shop.consumer()
    loan = capture(shop, authorised(shop, purchase(shop, consumer))[0].order_id, "x1").loan_id
    shop.until(shop.on.replace(day=26))
    late = purchase(shop, consumer, "w2")
    assert authorised(shop, late)[0].reasons == ("overdue",)
    shop.repay(loan)
    assert authorised(shop, late)[0].reasons == ("overdue",)
    assert authorised(shop, purchase(shop, consumer, "w3"))[0].approved


def test_a_frozen_account_a_closed_consumer_and_a_missing_account_are_declined(shop):
    frozen, closed = shop.consumer(), shop.consumer()
    account = accounts.accounts_of(consumer_ids=[frozen], currency="CNY")[frozen]
    sent = [purchase(shop, frozen, "w1"), purchase(shop, closed, "w2")]
    working(shop, lambda work: credit.freeze(work=work, changes=[AccountState(account.id, "suspicion")]))
    working(shop, lambda work: consumers.close(work=work, consumer_ids=[closed]))
    assert [o.reasons for o in authorised(shop, *sent)] == [("account_frozen",), ("consumer_closed",)]
    working(shop, lambda work: credit.unfreeze(work=work, changes=[AccountState(account.id, "cleared")]))
    assert authorised(shop, purchase(shop, frozen, "w3"))[0].approved


def test_a_suspended_merchant_and_a_retired_product_sell_nothing(shop):
    consumer = shop.consumer()
    suspended, retired = purchase(shop, consumer, "w1", merchant=1), purchase(shop, consumer, "w2", product="flex")
    working(shop, lambda work: merchants.change_states(work=work, changes=[MerchantState(shop.merchants[1], "suspended", "complaints")]))
    product = products.published(book_id=shop.book_id, codes=["flex"])["flex"]
    working(shop, lambda work: offers.retire(work=work, product_ids=[product.id]))
    assert [o.reasons for o in authorised(shop, suspended, retired)] == [("merchant_suspended",), ("product_not_offered",)]
    (found,) = checkout.quote(desk=shop.desk, now=shop.now(), wishes=[Wish(shop.merchants[0], consumer, "flex", yuan("600.00"), 3)])
    assert found.code == "unknown_product"


def test_a_product_that_is_retired_after_the_consent_is_still_delivered(shop):
    order_id = shop.buy(shop.consumer(), product="flex").order_id
    product = products.published(book_id=shop.book_id, codes=["flex"])["flex"]
    working(shop, lambda work: offers.retire(work=work, product_ids=[product.id]))
    assert isinstance(capture(shop, order_id, "x1"), Captured)
    shop.prove()


def test_a_plan_that_left_the_contract_after_the_consent_is_refused_and_the_order_can_be_voided(shop):
    order_id = shop.buy(shop.consumer(), merchant=0).order_id
    terms = ContractTerms(shop.on + timedelta(days=1), 6_000, 1, "online", ((6, 36_000),), "returned", yuan("50000.00"))
    author, second = person("alice"), person("bob")
    (approval,) = working(
        shop, lambda work: merchants.propose_amendments(work=work, amendments=[Amendment(shop.merchants[0], terms, "dearer")]), by=author
    )
    assert not isinstance(approval, Refused), approval
    made = working(shop, lambda work: merchants.decide_amendment(work=work, approval_id=approval, approve=True, reason="read"), by=second)
    assert not isinstance(made, Refused), made
    shop.next_day()
    again = purchase(shop, shop.consumer(), "w9", product="flex", periods=6)
    assert authorised(shop, again)[0].approved
    refused = capture(shop, order_id, "x1")
    assert (refused.code, refused.field) == ("no_such_plan", "order_id")
    stranger = CaptureRequest("x1", shop.merchants[1], order_id)
    (foreign,) = checkout.capture(desk=shop.desk, now=shop.now(11), requests=[stranger])
    assert foreign.code == "unknown_order", "the contract is looked at first, and its answer must not tell that there is such an order"
    assert isinstance(void(shop, order_id, "v1"), Released)
    shop.prove()


# ---------------------------------------------------------------------------------------------------------------------- keys and twins


def test_a_key_sent_again_says_what_it_said_first_whatever_became_of_the_order(shop):
    consumer = shop.consumer()
    asked = purchase(shop, consumer)
    (first,) = authorised(shop, asked)
    captured = capture(shop, first.order_id, "x1", "250.00")
    voided = void(shop, first.order_id, "v1")
    shop.refund(first.order_id)
    shop.next_day()
    shop.next_day()
    assert authorised(shop, asked) == [first]
    assert capture(shop, first.order_id, "x1", "250.00") == captured
    assert void(shop, first.order_id, "v1") == voided == Released(first.order_id, yuan("350.00"))
    assert line(shop, consumer) == (0, 0)
    shop.prove()


def test_a_decline_stays_a_decline_for_its_key_and_a_new_key_is_decided_anew(shop):
    consumer = shop.consumer(limit="500.00")
    asked = purchase(shop, consumer)
    (declined,) = authorised(shop, asked)
    account = accounts.accounts_of(consumer_ids=[consumer], currency="CNY")[consumer]
    change = credit.ChangeLimit("c1", account.id, yuan("5000.00"), ("income_shown",))
    working(shop, lambda work: credit.change_limits(work=work, changes=[change]), by=person("alice"))
    assert authorised(shop, asked) == [declined]
    assert authorised(shop, replace(asked, key="w2"))[0].approved


def test_a_refusal_stays_a_refusal_for_its_key(shop):
    order_id = shop.buy(shop.consumer(), "600.00").order_id
    refused = capture(shop, order_id, "x1", "700.00")
    assert refused.code == "capture_exceeds_authorised"
    assert capture(shop, order_id, "x1", "700.00") == refused
    assert capture(shop, order_id, "x1", "600.00").code == "key_reused"
    assert isinstance(capture(shop, order_id, "x2", "600.00"), Captured)


@pytest.mark.parametrize("field", ["merchant_reference", "consumer_id", "quote_id", "channel"])
def test_a_key_with_other_content_is_refused_and_the_field_is_named(shop, field):
    consumer = shop.consumer()
    asked = purchase(shop, consumer)
    authorised(shop, asked)
    other = {
        "merchant_reference": "another",
        "consumer_id": shop.consumer(),
        "quote_id": quoted(shop, consumer, "700.00").quote_id,
        "channel": "store",
    }
    (refused,) = authorised(shop, replace(asked, **{field: other[field]}))
    assert (refused.code, refused.field) == ("key_reused", field)


def test_the_same_key_of_two_merchants_is_two_orders(shop):
    consumer = shop.consumer()
    ours, theirs = purchase(shop, consumer, "w1"), purchase(shop, consumer, "w1", merchant=1)
    first, second = authorised(shop, ours, theirs)
    assert first.approved
    assert second.approved
    assert first.order_id != second.order_id


def test_twins_in_a_batch_are_one_order_and_their_neighbours_are_not_disturbed(shop):
    consumer = shop.consumer(limit="1000.00")
    asked, neighbour = purchase(shop, consumer, "w1"), purchase(shop, shop.consumer(), "w2")
    first, unknown, twin, other, last = authorised(
        shop, asked, replace(asked, key="w9", channel="post"), asked, replace(asked, channel="store"), neighbour
    )
    assert first == twin
    assert (unknown.code, other.code, other.field) == ("unknown_channel", "key_reused", "channel")
    assert last.approved
    assert line(shop, consumer) == (0, 600_00)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
def test_a_merchant_reference_stands_for_one_order_until_that_one_is_declined(shop, together):
    consumer, poor = shop.consumer(), shop.consumer(limit="500.00")
    declined = purchase(shop, poor, "w0", reference="R")
    first, second = purchase(shop, consumer, "w1", reference="R"), purchase(shop, consumer, "w2", reference="R", amount="700.00")
    elsewhere = purchase(shop, consumer, "w3", reference="R", merchant=1)
    sent = [declined, first, second, elsewhere]
    outcomes = authorised(shop, *sent) if together else [authorised(shop, one)[0] for one in sent]
    assert [o.reasons for o in outcomes] == [("limit",), (), ("duplicate",), ()]
    shop.prove()


# ---------------------------------------------------------------------------------------------------------------- what can be mended


def test_what_can_be_mended_is_refused_without_using_the_key(shop):
    consumer = shop.consumer()
    asked = purchase(shop, consumer)
    unknown = IdSource(random.Random(1).getrandbits).new(shop.now())
    wrong = {
        "unknown_merchant": replace(asked, merchant_id=unknown),
        "unknown_consumer": replace(asked, consumer_id=unknown),
        "unknown_channel": replace(asked, channel="post"),
        "unknown_quote": replace(asked, quote_id=unknown),
        "merchant_reference_invalid": replace(asked, merchant_reference=" padded "),
    }
    assert [o.code for o in authorised(shop, *wrong.values())] == list(wrong)
    assert authorised(shop, asked)[0].approved


def test_a_price_shown_yesterday_has_to_be_shown_again_today(shop):
    asked = purchase(shop, shop.consumer())
    shop.next_day()
    (refused,) = authorised(shop, asked)
    assert (refused.code, refused.field) == ("quote_outdated", "quote_id")


def test_a_quote_is_for_one_merchant_one_consumer_and_one_day_and_any_other_leaves_the_key_free(shop):
    mine, theirs = shop.consumer(), shop.consumer()
    asked = purchase(shop, mine)
    strangers = {
        "another consumer's": quoted(shop, theirs).quote_id,
        "another merchant's": quoted(shop, mine, merchant=1).quote_id,
        "another merchant's, to nobody": quoted(shop, None, merchant=1).quote_id,
        "nobody's": asked.consumer_id,
    }
    refused = {whose: authorised(shop, replace(asked, quote_id=quote_id))[0] for whose, quote_id in strangers.items()}
    assert {(r.code, r.field) for r in refused.values()} == {("unknown_quote", "quote_id")}
    assert len(set(refused.values())) == 1, "nobody learns whose quote it is"
    shop.next_day()
    (late,) = authorised(shop, asked)
    assert (late.code, late.field) == ("quote_outdated", "quote_id")
    assert authorised(shop, replace(asked, quote_id=strangers["another consumer's"]))[0].code == "unknown_quote"
    assert authorised(shop, replace(asked, quote_id=quoted(shop, mine).quote_id))[0].approved


def test_a_quote_of_another_book_is_none_here(shop, other_shop):
    foreign = quoted(other_shop, None)
    asked = purchase(shop, shop.consumer())
    (refused,) = authorised(shop, replace(asked, quote_id=foreign.quote_id))
    assert refused.code == "unknown_quote"
    assert authorised(shop, asked)[0].approved
    wishes = [
        Wish(other_shop.merchants[0], None, "free", yuan("600.00"), 3),
        Wish(shop.merchants[0], other_shop.consumer(), "free", yuan("600.00"), 3),
    ]
    found = checkout.quote(desk=shop.desk, now=shop.now(), wishes=wishes)
    assert [q.code for q in found] == ["unknown_merchant", "unknown_consumer"]


def test_what_was_shown_to_nobody_in_particular_holds_for_whoever_has_the_same_due_days(shop):
    same, other = shop.consumer(repayment_day=shop.on.day), shop.consumer(repayment_day=25)
    calculator = quoted(shop, None).quote_id
    asked = replace(purchase(shop, other), quote_id=calculator)
    (refused,) = authorised(shop, asked)
    assert (refused.code, refused.field) == ("quote_not_personal", "quote_id")
    assert authorised(shop, replace(purchase(shop, same, "w2"), quote_id=calculator))[0].approved
    assert authorised(shop, replace(asked, quote_id=quoted(shop, other).quote_id))[0].approved


def test_equal_first_due_days_are_not_an_equal_calendar(shop_at_the_end_of_january):
    shop = shop_at_the_end_of_january
    calculator = quoted(shop, None)
    assert [str(row.due_on) for row in calculator.quote.instalments] == ["2027-02-28", "2027-03-31", "2027-04-30"]
    consumer = shop.consumer(repayment_day=28)
    assert [str(row.due_on) for row in quoted(shop, consumer).quote.instalments] == ["2027-02-28", "2027-03-28", "2027-04-28"]
    (refused,) = authorised(shop, replace(purchase(shop, consumer), quote_id=calculator.quote_id))
    assert refused.code == "quote_not_personal"


def test_one_cost_table_shown_twice_is_two_quotes_that_say_when_to_whom_and_in_which_language(shop):
    first, second = shop.consumer(), shop.consumer()
    one, other = quoted(shop, first), quoted(shop, second, language="en", merchant=1)
    assert one.disclosure_id == other.disclosure_id
    assert one.quote_id != other.quote_id
    kept = products.quotes(ids=[one.quote_id, other.quote_id], book_id=shop.book_id)
    said = [(q.disclosure_id, q.merchant_id, q.consumer_id, q.language, q.shown_at, q.shown_on) for q in kept.values()]
    assert sorted(said, key=lambda row: row[3], reverse=True) == [
        (one.disclosure_id, shop.merchants[0], first, "zh", shop.now(), shop.on),
        (one.disclosure_id, shop.merchants[1], second, "en", shop.now(), shop.on),
    ]
    order_id = shop.buy(first).order_id
    order = order_book.orders([order_id])[order_id]
    bought = products.quotes(ids=[order.quote_id], book_id=shop.book_id)[order.quote_id]
    assert (bought.disclosure_id, bought.consumer_id) == (order.disclosure_id, first)


def test_a_plan_is_shown_in_chinese_or_english(shop):
    wish = Wish(shop.merchants[0], None, "free", yuan("600.00"), 3, "fr")
    (refused,) = checkout.quote(desk=shop.desk, now=shop.now(), wishes=[wish])
    assert (refused.code, refused.field) == ("unknown_language", "language")


DECIDED = "INSERT INTO risk_decision SELECT (json_populate_record(d, %s::json)).* FROM risk_decision d WHERE order_id = %s"
NOBODY = "00000000-0000-0000-0000-000000000000"
COPIED = "INSERT INTO orders_order SELECT (json_populate_record(o, %s::json)).* FROM orders_order o WHERE id = %s"


def test_the_database_places_no_order_on_a_quote_of_another_merchant_consumer_day_book_or_cost_table(shop, other_shop, as_role):
    consumer, neighbour = (shop.consumer(repayment_day=shop.on.day) for _ in range(2))  # with the due days of nobody in particular
    order_id, abroad = shop.buy(consumer).order_id, other_shop.buy(other_shop.consumer()).order_id
    foreign = order_book.orders([abroad])[abroad]
    other_table = quoted(shop, consumer, "700.00")
    elsewhere = quoted(shop, consumer, "1999.00", merchant=1)
    new = {"id": str(consumer), "merchant_reference": "forged", "decision_id": str(consumer)}

    def forge(writer, changes):
        writer.execute(DECIDED, [json.dumps({"id": str(consumer), "order_id": str(consumer)}), order_id])
        writer.execute(COPIED, [json.dumps(new | changes), order_id])

    theirs, anybodys = quoted(shop, neighbour, "1999.00"), quoted(shop, None, "1999.00")
    assert theirs.disclosure_id == anybodys.disclosure_id == order_book.orders([order_id])[order_id].disclosure_id
    forged = [
        {"quote_id": str(theirs.quote_id)},
        {"quote_id": str(theirs.quote_id), "quote_shown_to": NOBODY},
        {"quote_id": str(anybodys.quote_id)},
        {"quote_shown_to": NOBODY},
        {"created_on": str(shop.on + timedelta(days=1))},
        {"created_on": str(shop.on - timedelta(days=1))},
        {"quote_id": str(elsewhere.quote_id)},
        {"quote_id": str(other_table.quote_id)},
        {"quote_id": str(foreign.quote_id), "disclosure_id": str(foreign.disclosure_id)},
    ]
    for changes in forged:
        with (
            pytest.raises(psycopg.errors.ForeignKeyViolation, match=r"names a row of offers_(quote|disclosure)"),
            as_role("default") as writer,
        ):
            forge(writer, changes)
    for missing in ({"quote_id": None}, {"disclosure_id": None}, {"quote_shown_to": None}, {"quote_shown_to": str(neighbour)}):
        with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
            forge(writer, missing)
    with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
        writer.execute("UPDATE orders_order SET quote_id = %s, disclosure_id = %s WHERE id = %s", [*_ids(other_table), order_id])
    with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
        writer.execute("UPDATE orders_order SET quote_id = %s, quote_shown_to = %s WHERE id = %s", [anybodys.quote_id, NOBODY, order_id])
    for own in (
        dict(zip(("quote_id", "disclosure_id"), map(str, _ids(other_table)), strict=True)),
        {"quote_id": str(anybodys.quote_id), "quote_shown_to": NOBODY},
    ):
        with as_role("default") as writer:
            forge(writer, own)
            writer.rollback()


def _ids(found: Quoted):
    return found.quote_id, found.disclosure_id


def test_the_database_keeps_a_quote_as_it_was_and_of_one_book(shop, other_shop, as_role):
    shown, new = quoted(shop, None), shop.consumer()
    for statement in ("UPDATE offers_quote SET language = 'en'", "DELETE FROM offers_quote", "TRUNCATE offers_quote"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), as_role("default") as writer:
            writer.execute(statement)
    columns = "id, book_id, disclosure_id, merchant_id, consumer_id, language, shown_at, shown_on"
    copied = (
        f"INSERT INTO offers_quote ({columns}) SELECT {columns} FROM json_populate_record("
        "(SELECT q FROM offers_quote q WHERE id = %(id)s), %(changes)s::json)"
    )
    for column in ("merchant_id", "consumer_id", "disclosure_id", "book_id"):
        stranger = {"merchant_id": other_shop.merchants[0], "consumer_id": other_shop.consumer(), "book_id": other_shop.book_id}
        changes = {"id": str(new), column: str(stranger.get(column, new))}
        with pytest.raises(psycopg.errors.ForeignKeyViolation), as_role("default") as writer:
            writer.execute(copied, {"changes": json.dumps(changes), "id": shown.quote_id})
    with pytest.raises(psycopg.errors.CheckViolation), as_role("default") as writer:
        writer.execute(copied, {"changes": json.dumps({"id": str(new), "language": "fr"}), "id": shown.quote_id})


def test_a_merchant_and_a_consumer_read_their_own_quotes_only(shop):
    mine, theirs = shop.consumer(), shop.consumer()
    a, b, c = quoted(shop, mine), quoted(shop, theirs), quoted(shop, None, merchant=1)
    every = [a.quote_id, b.quote_id, c.quote_id]
    with sql.reading(merchant_id=shop.merchants[0]):
        assert products.quotes(ids=every, book_id=shop.book_id).keys() == {a.quote_id, b.quote_id}
    with sql.reading(merchant_id=shop.merchants[1]):
        assert products.quotes(ids=every, book_id=shop.book_id).keys() == {c.quote_id}
    with sql.reading(consumer_id=mine):
        assert products.quotes(ids=every, book_id=shop.book_id).keys() == {a.quote_id}
    with sql.reading(book_id=mine):
        assert products.quotes(ids=every, book_id=shop.book_id) == {}


def test_a_quote_names_what_is_not_on_offer(shop):
    consumer = shop.consumer()
    wishes = [
        Wish(shop.merchants[0], consumer, "gold", yuan("600.00"), 3),
        Wish(consumer, consumer, "free", yuan("600.00"), 3),
        Wish(shop.merchants[0], consumer, "free", yuan("600.00"), 12),
        Wish(shop.merchants[0], consumer, "free", yuan("600.00"), 3),
    ]
    found = checkout.quote(desk=shop.desk, now=shop.now(), wishes=wishes)
    assert [q.code for q in found[:2]] == ["unknown_product", "unknown_merchant"]
    assert isinstance(found[2], Refused)
    assert isinstance(found[3], Quoted)


# ------------------------------------------------------------------------------------------------------------------------------- time


def test_what_is_held_of_an_order_refunded_in_part_expires_too(shop):
    consumer = shop.consumer()
    order_id = shop.buy(consumer, "600.00").order_id
    shop.capture(order_id, "200.00")
    shop.refund(order_id, "90.00")
    assert line(shop, consumer)[1] == 400_00
    with sql.snapshot():
        proof = proving.prove(book=shop.desk.book, ended=shop.now() + timedelta(days=8))["nothing_unposted"]
    assert (proof.holds, dict(proof.detail)) == (False, {"holds_outlived": 1})
    # The close of the day on which its time is over frees it first.
    shop.until(shop.on + timedelta(days=8))
    assert line(shop, consumer)[1] == 0
    assert order_book.orders([order_id])[order_id].released == 400_00
    shop.prove()


def test_a_limit_that_the_ledger_alone_was_given_is_found_by_the_close(shop, as_role):
    """The writer may set limits, because it changes them; what a credit account was granted is compared line by line."""
    first, second = shop.consumer(limit="1000.00"), shop.consumer(limit="2000.00")
    shop.prove()
    writer = as_role("default")
    for consumer, change in ((first, 300_00), (second, -300_00)):  # together they are what they were
        writer.execute("UPDATE ledger_limit SET limit_minor = limit_minor + %s WHERE consumer_id = %s", [change, consumer])
    writer.commit()
    with sql.snapshot():
        proof = proving.prove(book=shop.desk.book)["subledgers_equal_control"]
    assert (proof.holds, dict(proof.detail)) == (False, {"credit_line/limits": (0, 2)})


def test_a_capture_after_the_authorisation_ended_is_refused_and_its_hold_is_freed(shop):
    consumer = shop.consumer()
    order_id = shop.buy(consumer, "600.00").order_id
    shop.until(shop.on + timedelta(days=7))
    assert capture(shop, order_id, "x1").code == "authorisation_expired"
    assert checkout.expire(desk=shop.desk, now=shop.now()) == 1
    assert checkout.expire(desk=shop.desk, now=shop.now()) == 0
    assert line(shop, consumer) == (0, 0)
    assert capture(shop, order_id, "x2").code == "nothing_left_to_capture"
    shop.prove()


def test_a_later_capture_keeps_the_calendar_and_costs_less(shop):
    order_id = shop.buy(shop.consumer(), "3000.00", product="flex", periods=6).order_id
    due_days = [row.due_on for row in quoted(shop, shop.consumer(), "3000.00", product="flex", periods=6).quote.instalments]
    shop.until(shop.on + timedelta(days=5))
    state = loan_book.loans([(got := capture(shop, order_id, "x1")).loan_id])[got.loan_id].state
    order = order_book.orders([order_id])[order_id]
    assert [row.due_on for row in state.rows] == due_days
    assert sum(row.principal + row.interest for row in state.rows) < order.shown_total
    assert max(row.principal + row.interest for row in state.rows) <= order.shown_instalment


def test_nothing_happens_in_a_book_without_an_open_day(shop):
    consumer = shop.consumer()
    asked = purchase(shop, consumer)
    elsewhere = replace(shop.desk, book=replace(shop.desk.book, id=consumer))
    (refused,) = checkout.authorise(desk=elsewhere, now=shop.now(), purchases=[asked])
    assert refused.code == "no_open_day"


def test_an_empty_batch_is_no_work(shop):
    assert checkout.authorise(desk=shop.desk, now=shop.now(), purchases=[]) == []
    assert checkout.capture(desk=shop.desk, now=shop.now(), requests=[]) == []


def test_the_final_schedule_is_told_when_a_loan_is_booked(shop):
    got = shop.bought("1200.00", product="flex")
    told = sql.value("SELECT snapshot FROM runtime_outbox WHERE object_id = %s AND type = 'loan.booked'", [got.loan_id])
    rows = loan_book.loans([got.loan_id])[got.loan_id].state.rows
    assert len(rows) == 3
    as_money = [
        {"no": r.no, "due_on": r.due_on, "principal": Money(r.principal, "CNY"), "interest": Money(r.interest, "CNY")} for r in rows
    ]
    assert told["instalments"] == json.loads(dumps(as_money)), "amounts look as they do everywhere"


def test_velocity_counts_what_was_ordered_in_the_hour_and_the_day_before_and_earlier_in_the_batch(shop):
    consumer, other = shop.consumer(), shop.consumer()
    shop.buy(other)
    shop.on -= timedelta(days=1)
    long_ago = [shop.now(9), shop.now(10)]  # more than a day ago, and just a day ago
    shop.on += timedelta(days=1)
    moments = [*long_ago, shop.now(8), shop.now(9), shop.now(9) + timedelta(seconds=1)]
    earlier = [shop.buy(consumer, f"{100 + n}.00").order_id for n in range(len(moments))]
    for order_id, at in zip(earlier, moments, strict=True):
        _placed_at(order_id, at)
    declined = shop.buy(consumer, "19999.00")
    assert not declined.approved
    wishes = [quoted(shop, consumer, "150.00") for _ in range(2)]
    purchases = [Purchase(f"v{n}", shop.merchants[0], f"V-{n}", consumer, w.quote_id) for n, w in enumerate(wishes)]
    outcomes = checkout.authorise(desk=shop.desk, now=shop.now(10), purchases=purchases)
    seen = [_features(o.order_id) for o in outcomes]
    # Of an hour: one second younger than it, and the declined one; of a day: all but the first two.
    before = 102_00 + 103_00 + 104_00
    assert [(f["orders_1h"], f["orders_24h"], f["amount_24h_minor"]) for f in seen] == [(2, 4, before), (3, 5, before + 150_00)]


def _placed_at(order_id, at):
    with sql.owning():
        sql.run("ALTER TABLE orders_order DISABLE TRIGGER USER")
        sql.run("UPDATE orders_order SET created_at = %s WHERE id = %s", [at, order_id])
        sql.run("ALTER TABLE orders_order ENABLE TRIGGER USER")


def _features(order_id):
    return decisions.of_orders(order_ids=[order_id])[order_id].features


def test_too_many_orders_in_an_hour_are_declined_with_their_reason(shop, monkeypatch):
    strict = policy(9, {**RISK, "max_orders_1h": 2})
    monkeypatch.setattr("yuefu.journeys.checkout.authorising.policy", lambda version, value: strict)
    consumer = shop.consumer()
    assert [shop.buy(consumer, "100.00").reasons for _ in range(3)] == [(), (), ("velocity",)]


def test_velocity_holds_against_orders_at_the_same_moment(shop, monkeypatch):
    strict = policy(9, {**RISK, "max_orders_1h": 1})
    monkeypatch.setattr("yuefu.journeys.checkout.authorising.policy", lambda version, value: strict)
    for n in range(4):
        consumer = shop.consumer()
        wanted = [purchase(shop, consumer, f"v{n}-{m}", merchant=m) for m in (0, 1)]
        both = shop.at_once(*[lambda p=p: authorised(shop, p)[0] for p in wanted])
        assert sorted(o.reasons for o in both) == [(), ("velocity",)]


def test_a_void_names_who_did_it_whoever_else_tried_in_the_same_batch(shop):
    order_id = shop.buy(shop.consumer()).order_id
    mine, other = (Actor("user", name, request_id=f"req_{name}") for name in ("mine", "other"))
    requests = [VoidRequest("a", shop.merchants[0], order_id, by=mine), VoidRequest("b", shop.merchants[1], order_id, by=other)]
    done, refused = checkout.void(desk=shop.desk, now=shop.now(12), requests=requests)
    assert isinstance(done, Released)
    assert isinstance(refused, Refused)
    told = sql.rows("SELECT key, request_id FROM runtime_outbox WHERE object_id = %s AND type = 'order.voided'", [order_id])
    assert told == [("a", "req_mine")]
    trail = sql.value("SELECT detail FROM runtime_audit WHERE book_id = %s AND action = 'order.voided'", [shop.book_id])
    assert trail == {"by": [["user:mine", "req_mine"]]}
