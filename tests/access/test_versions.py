"""Old versions of the API: what is given out and taken in has the form that it had."""

from __future__ import annotations

from yuefu.access.rules import versions


def test_versions_are_days_in_order() -> None:
    assert list(versions.VERSIONS) == sorted(set(versions.VERSIONS))
    assert versions.VERSIONS[-1] == versions.CURRENT


def test_an_old_version_is_given_the_old_names_wherever_the_object_stands() -> None:
    order = {"object": "order", "id": "ord_1", "consumer": "csm_1", "quote": None}
    found = versions.given_out({"object": "list", "data": [order], "of": {"object": "event", "data": {"object": order}}}, versions.FIRST)
    old = {"object": "order", "id": "ord_1", "consumer_id": "csm_1", "quote_id": None}
    assert found == {"object": "list", "data": [old], "of": {"object": "event", "data": {"object": old}}}
    assert versions.given_out({"object": "list", "data": [order]}, versions.CURRENT)["data"] == [order]
    assert order["consumer"] == "csm_1"


def test_what_an_old_version_sends_is_taken_under_its_new_name() -> None:
    sent = {"quote_id": "quo_1", "consumer_id": "csm_1", "channel": "online"}
    assert versions.taken_in("NewOrder", sent, versions.FIRST) == {"quote": "quo_1", "consumer": "csm_1", "channel": "online"}
    assert versions.taken_in("NewOrder", sent, versions.CURRENT) == sent
    assert versions.taken_in("Part", sent, versions.FIRST) == sent


def test_a_member_under_both_of_its_names_keeps_the_old_one_to_be_refused() -> None:
    sent = {"quote_id": "quo_1", "quote": "quo_2"}
    assert versions.taken_in("NewOrder", sent, versions.FIRST) == sent


def test_a_pointer_names_a_member_as_it_was_sent() -> None:
    assert versions.pointer_as_sent("NewOrder", "#/quote", versions.FIRST) == "#/quote_id"
    assert versions.pointer_as_sent("NewOrder", "#/quote", versions.CURRENT) == "#/quote"
    assert versions.pointer_as_sent("NewOrder", "#/host", versions.FIRST) == "#/host"
    assert versions.pointer_as_sent("NewOrder", "#", versions.FIRST) == "#"


def test_what_a_merchant_noted_has_the_names_that_it_chose() -> None:
    noted = {"object": "order", "consumer": "7", "quote": "by mail"}
    assert versions.given_out({"object": "refund", "metadata": noted}, versions.FIRST)["metadata"] == noted
