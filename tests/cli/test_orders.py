"""An order from the command line: quote, authorise, capture, void, refund, repay, trace; keys; and who may."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Command, Town

Authorised = Callable[..., dict[str, Any]]


def test_an_order_lives_from_consent_to_refund(cli: Command, authorised: Authorised) -> None:
    order = authorised(amount="30.00")
    captured = cli("order", "capture", order["order"], "--amount", "20.00")
    assert captured.last["amount"] == {"minor": 2000, "currency": "CNY"}
    voided = cli("order", "void", order["order"])
    assert voided.last["released"]["minor"] == 1000
    refunded = cli("order", "refund", order["reference"], "--amount", "5")
    assert refunded.last["amount"]["minor"] == 500
    life = cli("trace", order["reference"])
    assert life.status == 0
    assert life.last["public_id"] == order["order"]
    kinds = [happening["kind"] for happening in life.last["timeline"]]
    assert next(kind for kind in kinds if kind.startswith("order.")) == "order.created"
    assert "order.refunded" in kinds


def test_the_same_key_gives_the_first_outcome_again(cli: Command, authorised: Authorised) -> None:
    order = authorised()["order"]
    key = secrets.token_hex(6)
    first = cli("order", "capture", order, "--amount", "10.00", "--key", key)
    again = cli("order", "capture", order, "--amount", "10.00", "--key", key)
    assert (again.status, again.last) == (0, first.last)


def test_the_same_key_with_other_content_is_refused(cli: Command, authorised: Authorised) -> None:
    order = authorised()["order"]
    key = secrets.token_hex(6)
    assert cli("order", "capture", order, "--amount", "10.00", "--key", key).status == 0
    other = cli("order", "capture", order, "--amount", "11.00", "--key", key)
    assert (other.status, other.code) == (1, "key_reused")


@pytest.mark.parametrize("key", ["", " x", "a\nb", "k" * 201])
def test_a_key_that_cannot_be_one_is_refused(cli: Command, authorised: Authorised, key: str) -> None:
    answer = cli("order", "void", authorised()["order"], "--key", key)
    assert (answer.status, answer.code) == (1, "key_invalid")


def test_more_than_was_authorised_is_not_captured(cli: Command, authorised: Authorised) -> None:
    order = authorised()["order"]
    too_much = cli("order", "capture", order, "--amount", "30.01")
    assert (too_much.status, too_much.code) == (1, "capture_exceeds_authorised")
    assert cli("trace", order).last["captured"]["minor"] == 0


@pytest.mark.parametrize("verb", ["capture", "void", "refund"])
def test_an_order_that_is_not_there_is_said_to_be_unknown(cli: Command, verb: str) -> None:
    assert cli("order", verb, "no-such-reference").code == "unknown_order"
    assert cli("order", verb, "ord_01m838z2g0fyvaeekzxfs1k950").code == "unknown_order"


def test_a_reference_of_several_orders_is_refused_with_their_ids(cli: Command, town: Town, shown: Callable[..., str]) -> None:
    reference, shops = secrets.token_hex(5), ("record-house", "disc-city")
    words = ("order", "authorise", "--consumer", town.buyer, "--reference", reference)
    made = [cli(*words, "--quote", shown(merchant=one), "--merchant", one).last["order"] for one in shops]
    for verb in (("trace",), ("order", "capture"), ("order", "void"), ("order", "refund")):
        answer = cli(*verb, reference)
        assert (answer.status, answer.code) == (1, "ambiguous_order")
        assert all(order in answer.last["error"]["detail"] for order in made)
    assert cli("order", "void", made[0]).last["order"] == made[0]


def test_two_merchants_may_use_the_same_key(cli: Command, authorised: Authorised) -> None:
    key = secrets.token_hex(5)
    for merchant in ("record-house", "disc-city"):
        order = authorised(merchant=merchant)["order"]
        assert cli("order", "capture", order, "--key", key).last["order"] == order
        assert cli("order", "refund", order, "--key", key).last["order"] == order


def test_a_quote_nobody_showed_cannot_be_agreed_to(cli: Command, town: Town) -> None:
    answer = cli(
        "order", "authorise", "--quote", "quo_01m838z2g0fyvaeekzxfs1k950", "--consumer", town.buyer, "--reference", "X"
    )  # fmt: skip
    assert (answer.status, answer.code) == (1, "unknown_quote")


def test_a_duplicate_is_declined_with_its_reason_and_is_no_failure(cli: Command, town: Town, shown: Callable[..., str]) -> None:
    reference = secrets.token_hex(5)
    words = ("order", "authorise", "--consumer", town.buyer, "--reference", reference, "--merchant", "record-house")
    first = cli(*words, "--quote", shown()).last
    assert first["decision"] == "approved"
    second = cli(*words, "--quote", shown())
    assert (second.status, second.last["decision"]) == (0, "declined")
    assert second.last["reasons"]
    # The reference still means the order that was approved; the declined one is found by its id.
    assert cli("order", "void", reference).last["order"] == first["order"]
    assert cli("trace", second.last["order"]).last["state"] == "declined"


def test_a_loan_is_repaid_and_what_is_not_due_is_not(cli: Command, authorised: Authorised) -> None:
    loan = cli("order", "capture", authorised()["order"]).last["loan"]
    assert cli("repay", loan).code == "nothing_due"
    paid = cli("repay", loan, "--amount", "7.50")
    assert (paid.status, paid.last["state"], paid.last["amount"]["minor"]) == (0, "succeeded", 750)
    failed = cli("repay", loan, "--amount", "1.00", "--instrument", "wallet:insufficient_funds")
    assert (failed.status, failed.last["state"]) == (0, "failed")


def test_the_orders_of_the_book_are_listed_page_by_page(cli: Command, authorised: Authorised) -> None:
    made = {authorised()["order"] for _ in range(3)}
    whole = [row["order"] for row in cli("order", "list", "--limit", "1000").last["orders"]]
    assert made <= set(whole)
    first = [row["order"] for row in cli("order", "list", "--limit", "2").last["orders"]]
    following = [row["order"] for row in cli("order", "list", "--limit", "2", "--before", first[-1]).last["orders"]]
    assert first + following == whole[:4]


def test_a_merchants_person_sees_and_touches_only_their_own_orders(
    cli: Command, authorised: Authorised, person: Callable[..., str]
) -> None:
    theirs, foreign = authorised(merchant="record-house"), authorised(merchant="disc-city")
    owner = person("merchant_owner", "record-house")
    assert cli("trace", theirs["order"], "--as", owner).last["public_id"] == theirs["order"]
    assert cli("trace", foreign["order"], "--as", owner).code == "unknown_order"
    assert cli("order", "void", foreign["order"], "--as", owner).code == "unknown_order"
    assert cli("order", "refund", foreign["reference"], "--as", owner).code == "unknown_order"
    listed = cli("order", "list", "--as", owner, "--limit", "1000").last["orders"]
    assert theirs["order"] in [row["order"] for row in listed]
    assert foreign["order"] not in [row["order"] for row in listed]
    quoted = cli("quote", "--amount", "5", "--periods", "3", "--merchant", "disc-city", "--as", owner)
    assert quoted.code == "unknown_merchant"


def test_a_repayment_is_taken_off_only_with_a_reason_where_it_was_applied_by_who_may(
    cli: Command, authorised: Callable[..., dict[str, Any]], person: Callable[..., str]
) -> None:
    loan = cli("order", "capture", authorised()["order"]).last["loan"]
    paid = cli("repay", loan, "--amount", "1.00")
    assert paid.last["excess"]["minor"] == 100, "nothing is due yet: it went back at once"
    undo = ("repay-undo", paid.last["collection"], "--reason", "paid twice")
    assert cli(*undo).code == "collection_refunded"
    assert cli(*undo[:3], " ").code == "reason_invalid"
    assert cli("repay-undo", loan, "--reason", "x").code == "bad_id"
    assert cli(*undo, "--as", person("support")).code == "not_allowed"
    assert cli(*undo, "--as", person("finance")).code == "collection_refunded"
