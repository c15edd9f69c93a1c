"""What a batch of transfers comes to, in memory: every refusal in its order, chains, and what the same key answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from yuefu.errors import Refused
from yuefu.ledger.rules import CREDIT, DEBIT, EVERYTHING, AccountKey, Moved, Transfer, chains
from yuefu.ledger.rules.transfer_batch import Place, Record, decide
from yuefu.money.amounts import LARGEST_MINOR

NOW = datetime(2026, 10, 1, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def account(name: str) -> AccountKey:
    return AccountKey("suspense", UUID(int=int.from_bytes(name.encode())))


@dataclass
class World:
    """Accounts without a limit (A, B, C), limited to nothing (D by debits, K by credits), closed (X), in dollars only ($)."""

    now: datetime = NOW
    known: dict[str, Record] = field(default_factory=dict)
    places: dict[tuple[AccountKey, str], Place] = field(default_factory=dict)
    numbers: Iterable[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    def __post_init__(self) -> None:
        for name in "ABCDKX$":
            key, currency = account(name), "USD" if name == "$" else "CNY"
            self.places[key, currency] = Place(UUID(int=1000 + ord(name)), key, currency, closed=name == "X")
        for name, side in (("D", DEBIT), ("K", CREDIT)):
            self[name].limit, self[name].side = 0, side

    def __getitem__(self, name: str) -> Place:
        return self.places[account(name), "USD" if name == "$" else "CNY"]

    def figures(self, name: str) -> tuple[int, int, int]:
        place = self[name]
        return place.net, place.debits_pending, place.credits_pending

    def play(self, *transfers: Transfer) -> list[str | int]:
        """Amounts of what was done, `again N` of what had been, the code of what was refused. What was made is known from then on."""
        ids = [UUID(int=next(self.numbers)) for _ in transfers]  # type: ignore[call-overload]
        decided = decide(transfers, places=self.places, known=self.known, now=self.now, ids=ids)
        self.known.update({record.key: replace(record, fresh=False) for record in [*decided.made, *decided.failed]})
        return [_told(outcome) for outcome in decided.outcomes]


def _told(outcome: Moved | Refused) -> str | int:
    if isinstance(outcome, Refused):
        return outcome.code
    return f"again {outcome.amount.minor}" if outcome.again else outcome.amount.minor


def move(key: str, debit: str | None = "A", credit: str | None = "B", amount: int | None = 5, **rest: Any) -> Transfer:
    sides = [None if name is None else account(name) for name in (debit, credit)]
    return Transfer(key, sides[0], sides[1], amount, rest.pop("currency", "CNY"), **rest)


def post(key: str, of: str, amount: int | None = None, **rest: Any) -> Transfer:
    return Transfer(key, amount_minor=amount, post=of, **rest)


def void(key: str, of: str, amount: int | None = None, **rest: Any) -> Transfer:
    return Transfer(key, amount_minor=amount, void=of, **rest)


# ------------------------------------------------------------------------------------------------------------------------- precedence


def _alone() -> list[tuple[str, Transfer]]:
    """Each has the fault it stands for and every later one that it can have beside it."""
    bad: dict[str, Any] = {"timeout": SECOND, "closing_debit": True}
    return [
        ("key_invalid", move("\n", None, None, -1, **bad)),
        ("debit_account_id_must_not_be_zero", move("k", None, None, -1, **bad)),
        ("credit_account_id_must_not_be_zero", move("k", "?", None, -1, **bad)),
        ("accounts_must_be_different", move("k", "?", "?", -1, **bad)),
        ("timeout_reserved_for_pending_transfer", move("k", "?", "!", -1, **bad)),
        ("closing_transfer_must_be_pending", move("k", "?", "!", -1, closing_debit=True)),
        ("amount_out_of_range", move("k", "?", "!", -1, pending=True, timeout=-SECOND)),
        ("timeout_out_of_range", move("k", "?", "!", 5, pending=True, timeout=-SECOND)),
        ("debit_account_not_found", move("k", "?", "!", LARGEST_MINOR + 1)),
        ("credit_account_not_found", move("k", "$", "!", LARGEST_MINOR + 1)),
        ("accounts_must_have_the_same_currency", move("k", "X", "$", LARGEST_MINOR + 1)),
        ("debit_account_already_closed", move("k", "X", "K", LARGEST_MINOR + 1)),
        ("credit_account_already_closed", move("k", "D", "X", LARGEST_MINOR + 1)),
        ("exceeds_credits", move("k", "D", "K", EVERYTHING, pending=True, timeout=timedelta.max)),
        ("exceeds_debits", move("k", "A", "K", EVERYTHING, pending=True, timeout=timedelta.max)),
        ("amount_out_of_range", move("k", "A", "B", LARGEST_MINOR + 1, pending=True, timeout=timedelta.max)),
        ("overflows_timeout", move("k", "A", "B", 5, pending=True, timeout=timedelta.max)),
    ]


@pytest.mark.parametrize(("code", "asked"), _alone(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_first_fault_of_a_transfer_is_the_answer(code: str, asked: Transfer) -> None:
    world = World()
    before = [world.figures(name) for name in "ABCDKX$"]
    assert world.play(asked) == [code]
    assert [world.figures(name) for name in "ABCDKX$"] == before


def _resolving() -> list[tuple[str, Transfer]]:
    wrong: dict[str, Any] = {"debit": account("B"), "credit": account("A"), "currency": "USD"}
    return [
        ("flags_are_mutually_exclusive", post("k", "k", -1, void="k", timeout=SECOND)),
        ("flags_are_mutually_exclusive", void("k", "k", -1, pending=True)),
        ("flags_are_mutually_exclusive", void("k", "k", -1, balancing_debit=True)),
        ("flags_are_mutually_exclusive", post("k", "k", -1, closing_credit=True)),
        ("pending_id_must_be_different", post("k", "k", -1, timeout=SECOND)),
        ("timeout_reserved_for_pending_transfer", post("k", "?", -1, timeout=SECOND)),
        ("amount_out_of_range", post("k", "?", -1)),
        ("pending_transfer_not_found", void("k", "?", 99, **wrong)),
        ("pending_transfer_not_found", void("k", "failed", 99, **wrong)),
        ("pending_transfer_not_pending", void("k", "plain", 99, **wrong)),
        ("pending_transfer_has_different_debit_account_id", void("k", "over", 99, **wrong)),
        ("pending_transfer_has_different_credit_account_id", void("k", "over", 99, **{**wrong, "debit": account("A")})),
        ("pending_transfer_has_different_currency", void("k", "over", 99, currency="USD")),
        ("exceeds_pending_transfer_amount", void("k", "over", 99)),
        ("pending_transfer_has_different_amount", void("k", "posted", 4)),
        ("pending_transfer_already_posted", post("k", "posted")),
        ("pending_transfer_already_voided", post("k", "voided")),
        ("pending_transfer_expired", post("k", "over")),
        ("debit_account_already_closed", post("k", "of closed")),
        ("credit_account_already_closed", post("k", "to closed")),
    ]


@pytest.mark.parametrize(("code", "asked"), _resolving(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_first_fault_of_a_second_step_is_the_answer(code: str, asked: Transfer) -> None:
    """What it resolves is on closed accounts and over, unless the case is about just that."""
    world = World()
    world["X"].closed = False
    world.play(
        move("plain"),
        move("failed", "D"),
        *[move(key, "X", "A", pending=True, timeout=SECOND) for key in ("posted", "voided")],
        move("over", "A", "X", pending=True, timeout=SECOND),
        move("of closed", "X", "C", pending=True),
        move("to closed", "C", "X", pending=True),
        post("p", "posted"),
        void("v", "voided"),
    )
    world["X"].closed = True
    world.now += SECOND
    assert world.play(asked) == [code]


def test_a_known_key_names_the_first_field_that_differs() -> None:
    world = World()
    assert world.play(move("k", pending=True, timeout=SECOND)) == [5]
    other: dict[str, Any] = {"debit": "B", "credit": "C", "amount": 6, "currency": "USD"}
    pending: dict[str, Any] = {"pending": True, "timeout": 2 * SECOND}
    asked = {
        "exists_with_different_flags": move("k", **other, pending=True, linked=False, closing_debit=True),
        "exists_with_different_debit_account_id": move("k", **other, **pending),
        "exists_with_different_credit_account_id": move("k", **{**other, "debit": "A"}, **pending),
        "exists_with_different_amount": move("k", amount=6, currency="USD", **pending),
        "exists_with_different_timeout": move("k", currency="USD", **pending),
        "exists_with_different_currency": move("k", currency="USD", pending=True, timeout=SECOND),
        "again 5": move("k", pending=True, timeout=SECOND),
    }
    assert world.play(*asked.values()) == list(asked)
    for flag in ("linked", "balancing_debit", "balancing_credit", "closing_debit", "closing_credit"):
        asked_again = move("k", pending=True, timeout=SECOND, **{flag: True})
        assert world.play(asked_again, move("other", amount=0))[0] == "exists_with_different_flags", flag
    assert world.play(move("k"), post("k", "?"), void("k", "?")) == ["exists_with_different_flags"] * 3


def test_what_was_resolved_is_known_by_its_amount_and_by_what_it_resolved() -> None:
    world = World()
    world.play(
        *[move(key, amount=9, pending=True) for key in ("p", "q", "r")],
        post("half", "p", 4),
        post("whole", "q", EVERYTHING),
        void("v", "r", 0),
    )
    assert world.play(post("half", "p", 4), post("half", "p"), post("half", "p", 0), post("half", "q", 4)) == [
        "again 4",
        "exists_with_different_amount",
        "exists_with_different_amount",
        "exists_with_different_pending_id",
    ]
    assert world.play(post("whole", "q"), post("whole", "q", 9), post("whole", "q", 8)) == [
        "again 9",
        "again 9",
        "exists_with_different_amount",
    ]
    assert world.play(void("v", "r"), void("v", "r", 9), void("v", "r", 8)) == ["again 9", "again 9", "exists_with_different_amount"]
    named = post("half", "p", 4, debit=account("A"), credit=account("B"), currency="CNY")
    assert world.play(named, replace(named, debit=account("B")), replace(named, credit=account("A")), replace(named, currency="USD")) == [
        "again 4",
        "exists_with_different_debit_account_id",
        "exists_with_different_credit_account_id",
        "exists_with_different_currency",
    ]


@pytest.mark.parametrize(
    ("asked", "burnt"),
    [
        (move("k", "?"), True),
        (move("k", "A", "?"), True),
        (post("k", "?"), True),
        (move("k", "X"), True),
        (move("k", "A", "X"), True),
        (move("k", "D"), True),
        (move("k", "A", "K"), True),
        (move("k", "A", "A"), False),
        (move("k", "A", "$"), False),
        (move("k", amount=-1), False),
        (move("k", amount=LARGEST_MINOR + 1), False),
        (move("k", linked=True), False),
        (post("k", "plain"), False),
    ],
)
def test_only_what_may_change_by_itself_fails_a_key_for_good(asked: Transfer, burnt: bool) -> None:
    world = World()
    world.play(move("plain"))
    world.play(asked)
    assert world.play(move("k", amount=7), move("k", amount=7)) == (["id_already_failed"] * 2 if burnt else [7, "again 7"])


# ----------------------------------------------------------------------------------------------------------------------------- chains


def test_a_chain_is_undone_before_the_next_one_is_decided() -> None:
    world = World()
    world["D"].net = -20
    assert world.play(
        move("1", "D", "A", 15, linked=True),
        move("2", "A", "A", 1, linked=True),
        move("3", "A", "B", 1),
        move("4", "D", "A", 15),
        move("5", "D", "A", 6),
    ) == ["linked_event_failed", "accounts_must_be_different", "linked_event_failed", 15, "exceeds_credits"]
    assert (world.figures("D"), world.figures("A")) == ((-5, 0, 0), (-15, 0, 0))
    assert world.play(move("1", "A", "B", 1), move("3", "A", "B", 1)) == [1, 1]


def test_the_keys_of_a_broken_chain_are_free_for_the_rest_of_its_batch() -> None:
    world = World()
    assert world.play(
        move("1", pending=True, linked=True),
        move("2", "A", "A"),
        post("3", "1"),
        move("1", "B", "C", 7),
        move("2", amount=3),
    ) == ["linked_event_failed", "accounts_must_be_different", "pending_transfer_not_found", 7, 3]


def test_the_open_end_of_a_chain_is_told_as_such_also_where_the_chain_is_broken() -> None:
    world = World()
    assert world.play(move("1", linked=True)) == ["linked_event_chain_open"]
    assert world.play(move("1", linked=True), move("2", linked=True)) == ["linked_event_failed", "linked_event_chain_open"]
    assert world.play(move("1", linked=True), move("2", "A", "A", linked=True), move("3", linked=True)) == [
        "linked_event_failed",
        "accounts_must_be_different",
        "linked_event_chain_open",
    ]
    assert world.figures("A") == (0, 0, 0)
    assert world.play(move("1"), move("2"), move("3")) == [5, 5, 5]


def test_what_a_chain_resolved_closed_and_kept_pending_is_undone() -> None:
    world = World()
    world.play(move("p", pending=True), move("q", pending=True), move("c", "C", "A", 0, pending=True, closing_debit=True))
    before = {name: world.figures(name) for name in "ABC"}
    broken = [
        post("1", "p", 2, linked=True),
        void("2", "q", linked=True),
        void("3", "c", linked=True),
        move("4", "C", "B", 3, pending=True, closing_credit=True, linked=True),
        void("5", "4", linked=True),
        move("6", "D", "A", 1),
    ]
    assert world.play(*broken) == ["linked_event_failed"] * 5 + ["exceeds_credits"]
    assert {name: world.figures(name) for name in "ABC"} == before
    assert (world["C"].closed, world["B"].closed) == (True, False)
    assert world.play(*broken) == ["linked_event_failed"] * 5 + ["id_already_failed"]
    assert world.play(*broken[:4], replace(broken[4], linked=False)) == [2, 5, 0, 3, 3]
    assert world.play(*broken[:1], broken[1]) == ["again 2", "linked_event_chain_open"]
    assert (world["C"].closed, world["B"].closed) == (False, False)


def test_what_exists_breaks_a_chain() -> None:
    world = World()
    world.play(move("1"))
    assert world.play(move("2", linked=True), move("1", linked=True), move("3")) == [
        "linked_event_failed",
        "exists_with_different_flags",
        "linked_event_failed",
    ]
    assert world.play(move("2", linked=True), move("1")) == ["linked_event_failed", "again 5"]
    assert world.figures("A") == (5, 0, 0)
    assert world.play(move("4", linked=True), move("4", linked=False)) == ["linked_event_failed", "exists_with_different_flags"]


def test_the_culprit_of_a_chain_has_failed_for_good_and_the_others_have_not() -> None:
    world = World()
    assert world.play(move("1", linked=True), move("2", "D")) == ["linked_event_failed", "exceeds_credits"]
    assert world.play(move("1"), move("2")) == [5, "id_already_failed"]


def test_a_batch_is_cut_between_chains_only() -> None:
    batch = [move("1"), move("2", linked=True), move("3", linked=True), move("4"), move("5"), move("6", linked=True)]
    assert [[t.key for t in chain] for chain in chains(batch)] == [["1"], ["2", "3", "4"], ["5"], ["6"]]
    assert chains([]) == []


# --------------------------------------------------------------------------------------------------------------------------- balances


def test_a_balancing_transfer_moves_what_its_account_allows_and_may_move_nothing() -> None:
    world = World()
    world["A"].net, world["A"].debits_pending = -10, 1
    world["B"].net, world["B"].credits_pending = 10, 2
    assert world.play(
        move("1", "A", "C", 3, balancing_debit=True),
        move("2", "A", "C", EVERYTHING, balancing_debit=True),
        move("3", "A", "C", 1, balancing_debit=True),
        move("4", "C", "B", 99, balancing_credit=True),
        move("5", "C", "B", 99, balancing_credit=True),
        move("6", "C", "A", 99, balancing_debit=True, balancing_credit=True),
    ) == [3, 6, 0, 8, 0, 0]
    assert world.figures("C") == (-1, 0, 0)
    world["D"].net = -20
    assert world.play(
        move("7", "D", "C", 12, balancing_debit=True, pending=True),
        move("8", "D", "C", 12, balancing_debit=True, pending=True),
        post("9", "7", 5),
        move("10", "D", "C", 99, balancing_debit=True),
    ) == [12, 8, 5, 7]
    assert world.figures("D") == (-8, 8, 0)
    assert world.play(move("7", "D", "C", 11, balancing_debit=True, pending=True)) == ["exists_with_different_amount"]
    assert world.play(move("7", "D", "C", EVERYTHING, balancing_debit=True, pending=True)) == ["again 12"]


def test_what_one_side_balances_may_still_exceed_the_limit_of_the_other() -> None:
    world = World()
    world["D"].net, world["A"].net = -4, 5
    assert world.play(move("1", "D", "A", 10, balancing_credit=True), move("2", "D", "A", 10, balancing_debit=True)) == [
        "exceeds_credits",
        4,
    ]


def test_each_side_of_a_limit_counts_its_own_pending() -> None:
    world = World()
    world["D"].net, world["K"].net = -10, 10
    assert world.play(
        move("1", "A", "D", 100, pending=True),
        move("2", "K", "A", 100, pending=True),
        move("3", "D", "K", 10, pending=True),
        move("4", "D", "A", 1),
        move("5", "A", "K", 1),
        post("6", "3", 4),
        move("7", "D", "A", 6),
        move("8", "A", "K", 6),
        move("9", "D", "K", 1),
    ) == [100, 100, 10, "exceeds_credits", "exceeds_debits", 4, 6, 6, "exceeds_credits"]


def test_nothing_is_moved_above_a_limit_that_is_exceeded_already_but_nothing_at_all_is() -> None:
    world = World()
    world["D"].net = 3
    assert world.play(move("1", "D", amount=0), move("2", "D", amount=1)) == [0, "exceeds_credits"]


def test_a_pending_transfer_runs_out_exactly_at_its_second() -> None:
    world = World()
    world.play(move("p", pending=True, timeout=2 * SECOND), move("q", pending=True, timeout=timedelta(0)))
    world.now = NOW + 2 * SECOND - timedelta(microseconds=1)
    assert world.play(post("1", "p", linked=True), move("2", "A", "A")) == ["linked_event_failed", "accounts_must_be_different"]
    world.now = NOW + 2 * SECOND
    assert world.play(post("1", "p"), void("3", "p"), post("4", "q")) == ["pending_transfer_expired"] * 2 + [5]


def test_only_a_void_goes_to_a_closed_account_and_opens_what_it_voids() -> None:
    world = World()
    assert world.play(
        move("p", "A", "B", pending=True),
        move("c", "A", "B", 0, pending=True, closing_debit=True, closing_credit=True),
        move("1", "A", "C"),
        move("2", "C", "B"),
        post("3", "p"),
        post("4", "c"),
        move("5", "A", "C", 0, pending=True, closing_debit=True),
        void("6", "p"),
        void("7", "c"),
        move("8", "A", "B"),
    ) == [
        5,
        0,
        "debit_account_already_closed",
        "credit_account_already_closed",
        "debit_account_already_closed",
        "debit_account_already_closed",
        "debit_account_already_closed",
        5,
        0,
        5,
    ]


def test_figures_beyond_what_a_table_holds_are_refused() -> None:
    world = World()
    world["A"].net, world["B"].net = EVERYTHING - 1, 1 - EVERYTHING
    world["C"].debits_pending = world["X"].credits_pending = EVERYTHING - 1
    world["X"].closed = False
    assert world.play(
        move("1", "A", "C"),
        move("2", "X", "B"),
        move("3", "C", "A", pending=True),
        move("4", "B", "X", pending=True),
    ) == ["overflows_debits", "overflows_credits", "overflows_debits_pending", "overflows_credits_pending"]
