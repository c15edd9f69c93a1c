"""Attacks on transfers by raw SQL, as the writer: what a transfer says is what the tables hold, or it is not taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from yuefu.errors import Refused
from yuefu.ledger import commands as ledger
from yuefu.ledger.rules import CREDIT, DEBIT, AccountKey, LimitedAccount, Moved, Release, Transfer
from yuefu.money.amounts import Money
from yuefu.runtime import books, days, sql
from yuefu.runtime.values import UnitOfWork

FIRST = date(2026, 10, 1)
Writer = psycopg.Connection[Any]


@dataclass
class Town:
    """Accounts by name: a and b without a limit, d limited by its debits, k by its credits, both to 100; the writer with psql in hand."""

    writer: Writer
    work: UnitOfWork
    keys: dict[str, AccountKey]
    ids: dict[str, UUID]
    made: dict[str, UUID] = field(default_factory=dict)

    def entry(
        self, entry_id: UUID, debit: str, credit: str, minor: int, *, kind: str = "transfer", holds: tuple[Any, Any] = (None, None)
    ) -> None:
        self.writer.execute(
            "INSERT INTO ledger_entry (id, book_id, posted_on, effective_on, recorded_at, kind, line_count, actor, request_id)"
            " VALUES (%s, %s, %s, %s, now(), %s, 2, 'user:mallory', '')",
            [entry_id, self.work.book.id, FIRST, FIRST, kind],
        )
        self.writer.execute(
            "INSERT INTO ledger_line (posted_on, entry_id, line_no, book_id, account_id, amount_minor, currency, funder_id, hold_id)"
            " VALUES (%(on)s, %(e)s, 1, %(b)s, %(d)s, %(m)s, 'CNY', %(b)s, %(h)s), (%(on)s, %(e)s, 2, %(b)s, %(c)s, -%(m)s, 'CNY', %(b)s, %(i)s)",
            {
                "on": FIRST,
                "e": entry_id,
                "b": self.work.book.id,
                "d": self.ids[debit],
                "c": self.ids[credit],
                "m": minor,
                "h": holds[0],
                "i": holds[1],
            },
        )

    def hold(self, on: str, minor: int, side: int = 1, *, order_id: UUID | None = None) -> UUID:
        self.writer.execute(
            "INSERT INTO ledger_hold (id, book_id, account_id, amount_minor, placed_at, side, order_id) VALUES (%s, %s, %s, %s, now(), %s, %s)",
            [made := uuid4(), self.work.book.id, self.ids[on], minor, side, order_id],
        )
        return made

    def insert(self, **given: Any) -> UUID:
        """A transfer of 5 from b to a that moved nothing yet, but for what is given."""
        row = {
            "id": uuid4(),
            "book_id": self.work.book.id,
            "key": str(uuid4()),
            "kind": "pending",
            "debit_account_id": self.ids["a"],
            "credit_account_id": self.ids["b"],
            "currency": "CNY",
            "amount_minor": 5,
            "recorded_at": self.work.now,
            **given,
        }
        self.writer.execute(
            f"INSERT INTO ledger_transfer ({', '.join(row)}) VALUES ({', '.join(f'%({name})s' for name in row)})",  # type: ignore[arg-type]
            row,
        )
        return row["id"]

    def transfer(self, *transfers: Transfer) -> list[UUID]:
        """By the command, committed."""
        with sql.transacting():
            outcomes = ledger.transfer(work=self.work, transfers=transfers)
        assert all(isinstance(outcome, Moved) for outcome in outcomes), outcomes
        return [outcome.transfer_id for outcome in outcomes if isinstance(outcome, Moved)]

    def pending(self, debit: str = "d", credit: str = "b", minor: int = 5, **rest: Any) -> UUID:
        return self.transfer(Transfer(str(uuid4()), self.keys[debit], self.keys[credit], minor, "CNY", pending=True, **rest))[0]

    def hold_of(self, transfer: UUID, side: str = "debit") -> UUID:
        found: UUID = sql.value(f"SELECT {side}_hold_id FROM ledger_transfer WHERE id = %s", [transfer])
        return found


@pytest.fixture
def town(as_role: Callable[[str], Writer], work: UnitOfWork) -> Town:
    keys = {name: AccountKey("suspense" if name in "ab" else "merchant_available", uuid4()) for name in "abdk"}
    with sql.transacting():
        ledger.open_control(work=work, accounts=[(keys[name], "CNY") for name in "ab"])
        ledger.open_limited(
            work=work,
            accounts=[LimitedAccount(keys["d"], Money(100, "CNY"), side=DEBIT), LimitedAccount(keys["k"], Money(100, "CNY"), side=CREDIT)],
        )
    found = dict(sql.rows("SELECT owner_id, id FROM ledger_account WHERE book_id = %s", [work.book.id]))
    return Town(as_role("default"), work, keys, {name: found[key.owner_id] for name, key in keys.items()})


def test_what_is_sound_by_raw_sql_is_taken(town: Town) -> None:
    moved = uuid4()
    town.entry(moved, "a", "b", 5)
    town.insert(id=moved, kind="transfer", posted_on=FIRST)
    town.insert(kind="transfer", amount_minor=0)
    kept = town.insert(
        debit_account_id=town.ids["d"],
        credit_account_id=town.ids["k"],
        debit_hold_id=town.hold("d", 5),
        credit_hold_id=town.hold("k", 5, -1),
    )
    town.insert(kind="failed", debit_account_id=None, credit_account_id=None, currency=None, amount_minor=None, refused="exceeds_credits")
    town.writer.execute(
        "UPDATE ledger_hold SET state = 'voided', released_minor = 5 WHERE amount_minor = 5 AND book_id = %s", [town.work.book.id]
    )
    town.insert(kind="void", pending_id=kept, debit_account_id=town.ids["d"], credit_account_id=town.ids["k"])
    assert town.writer.execute("SELECT ended FROM ledger_transfer WHERE id = %s", [kept]).fetchone() == ("voided",)
    town.writer.commit()


# --------------------------------------------------------------------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"kind": "gift"}, "ledger_transfer_kind"),
        ({"amount_minor": -1}, "ledger_transfer_amount"),
        ({"amount_minor": 10**15 + 1}, "ledger_transfer_amount"),
        ({"amount_minor": None}, "ledger_transfer_whole_or_failed"),
        ({"refused": "because"}, "ledger_transfer_whole_or_failed"),
        ({"kind": "failed"}, "ledger_transfer_whole_or_failed"),
        ({"credit_account_id": "a"}, "ledger_transfer_two_accounts"),
        ({"kind": "void"}, "ledger_transfer_resolves_one"),
        ({"pending_id": "p"}, "ledger_transfer_resolves_one"),
        ({"kind": "transfer", "amount_minor": 0, "closing_debit": True}, "ledger_transfer_only_pending_ends"),
        ({"kind": "transfer", "amount_minor": 0, "expires_at": "2027-01-01"}, "ledger_transfer_only_pending_ends"),
        ({"kind": "void", "pending_id": "p", "balancing_debit": True}, "ledger_transfer_balancing"),
        ({"kind": "transfer"}, "ledger_transfer_moves_by_an_entry"),
        ({"posted_on": FIRST}, "ledger_transfer_moves_by_an_entry"),
        ({"kind": "transfer", "amount_minor": 0, "posted_on": FIRST}, "ledger_transfer_moves_by_an_entry"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_transfer_that_contradicts_itself_is_refused(town: Town, change: dict[str, Any], constraint: str) -> None:
    names = {"a": town.ids["a"], "p": town.pending("a")}
    with pytest.raises(errors.CheckViolation) as refused:
        town.insert(**{name: names.get(value, value) if isinstance(value, str) else value for name, value in change.items()})
    assert refused.value.diag.constraint_name == constraint


def test_a_key_is_one_transfer_of_its_book(town: Town) -> None:
    town.insert(key="k", amount_minor=0)
    with pytest.raises(errors.UniqueViolation):
        town.insert(key="k", kind="failed", debit_account_id=None, credit_account_id=None, currency=None, amount_minor=None, refused="x")


def test_a_transfer_is_between_accounts_of_its_book_and_currency(town: Town) -> None:
    with pytest.raises(errors.CheckViolation, match="not of the currency"):
        town.insert(currency="USD")
    town.writer.rollback()
    with sql.transacting():
        other = books.create(code=f"other-{uuid4().hex}", legal_entity="Other", mode="test", now=town.work.now, ids=town.work.ids)
        days.open_first(book=other, on=FIRST, now=town.work.now)
    with pytest.raises(errors.ForeignKeyViolation):
        town.insert(book_id=other.id)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_transfer",
        "TRUNCATE ledger_transfer",
        "UPDATE ledger_transfer SET amount_minor = 0",
        "UPDATE ledger_transfer SET key = 'mine'",
        "UPDATE ledger_transfer SET pending_id = id",
        "UPDATE ledger_transfer SET debit_hold_id = NULL",
        "INSERT INTO ledger_transfer (id, ended) VALUES (gen_random_uuid(), 'voided')",
        "UPDATE ledger_limit SET side = -side",
        "UPDATE ledger_hold SET side = -side",
        "ALTER TABLE ledger_transfer DISABLE TRIGGER USER",
        "SELECT ledger_close_by_transfers(ARRAY[]::uuid[])",
    ],
)
def test_the_writer_has_no_right_to(town: Town, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        town.writer.execute(statement)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------------------- what was moved


@pytest.mark.parametrize(
    "wrong", ["nothing", "another amount", "the other way", "another credit", "another debit", "another kind", "an older entry"]
)
def test_what_a_transfer_says_it_moved_was_posted_by_it(town: Town, wrong: str) -> None:
    moved = uuid4()
    if wrong == "another amount":
        town.entry(moved, "a", "b", 6)
    elif wrong == "the other way":
        town.entry(moved, "b", "a", 5)
    elif wrong == "another credit":
        town.entry(moved, "a", "d", 5)
    elif wrong == "another debit":
        town.entry(moved, "d", "b", 5)
    elif wrong in ("another kind", "an older entry"):
        town.entry(moved, "a", "b", 5, kind="gift" if wrong == "another kind" else "transfer")
    if wrong == "an older entry":
        town.writer.commit()
    with pytest.raises(errors.CheckViolation, match="was not posted"):
        town.insert(id=moved, kind="transfer", posted_on=FIRST)


# ----------------------------------------------------------------------------------------------------------------------- what is kept pending


@pytest.mark.parametrize("wrong", ["nothing", "less", "of another account", "released", "of no limit", "of nothing"])
def test_what_is_pending_is_held_of_each_limit_that_counts_it(town: Town, wrong: str) -> None:
    given: dict[str, Any] = {"debit_account_id": town.ids["d"]}
    if wrong == "less":
        given["debit_hold_id"] = town.hold("d", 4)
    elif wrong == "of another account":
        given["debit_hold_id"] = town.hold("k", 5, -1)
    elif wrong == "released":
        given["debit_hold_id"] = town.hold("d", 5)
        town.writer.execute("UPDATE ledger_hold SET released_minor = 1 WHERE id = %s", [given["debit_hold_id"]])
    elif wrong == "of no limit":
        given = {"debit_hold_id": town.hold("d", 5)}
    elif wrong == "of nothing":
        given |= {"amount_minor": 0, "debit_hold_id": town.hold("d", 5)}
    with pytest.raises(errors.CheckViolation, match="is not held of the limits"):
        town.insert(**given)


def test_a_limit_of_credits_is_held_of_too(town: Town) -> None:
    with pytest.raises(errors.CheckViolation, match="is not held of the limits"):
        town.insert(credit_account_id=town.ids["k"])


def test_one_hold_is_of_one_transfer(town: Town) -> None:
    hold = town.hold("d", 5)
    town.insert(debit_account_id=town.ids["d"], debit_hold_id=hold)
    with pytest.raises(errors.UniqueViolation):
        town.insert(debit_account_id=town.ids["d"], debit_hold_id=hold)


@pytest.mark.parametrize(("on", "side"), [("d", -1), ("k", 1), ("a", 1)])
def test_a_hold_is_on_the_side_of_its_limit(town: Town, on: str, side: int) -> None:
    with pytest.raises(errors.CheckViolation, match="no limit of its side"):
        town.hold(on, 5, side)


def test_a_hold_on_either_side_by_one_statement_counts_on_its_own(town: Town) -> None:
    town.writer.execute(
        "INSERT INTO ledger_hold (id, book_id, account_id, amount_minor, placed_at, side)"
        " SELECT gen_random_uuid(), %s, unnest(%s::uuid[]), unnest(ARRAY[3, 4, 5]), now(), unnest(ARRAY[1, -1, -1])",
        [town.work.book.id, [town.ids["d"], town.ids["k"], town.ids["k"]]],
    )
    found = town.writer.execute("SELECT account_id, held_minor FROM ledger_limit WHERE book_id = %s", [town.work.book.id]).fetchall()
    assert dict(found) == {town.ids["d"]: 3, town.ids["k"]: 9}


@pytest.mark.parametrize("how", ["a hold", "lines"])
def test_no_way_lifts_net_credits_above_their_limit(town: Town, how: str) -> None:
    town.hold("k", 60, -1)
    attack = (lambda: town.hold("k", 41, -1)) if how == "a hold" else (lambda: town.entry(uuid4(), "a", "k", 41))
    with pytest.raises(errors.CheckViolation, match="would exceed its limit"):
        attack()


def test_a_line_takes_from_a_hold_on_its_side_only(town: Town) -> None:
    hold = town.hold("k", 60, -1)
    town.entry(uuid4(), "a", "k", 40, holds=(None, hold))
    found = town.writer.execute("SELECT posted_minor, held_minor FROM ledger_limit WHERE account_id = %s", [town.ids["k"]]).fetchone()
    assert found == (-40, 20)
    with pytest.raises(errors.CheckViolation, match="does not take from hold"):
        town.entry(uuid4(), "k", "a", 20, holds=(hold, None))


# --------------------------------------------------------------------------------------------------------------------------- how it ends


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("other accounts", "resolves nothing"),
        ("too much", "resolves nothing"),
        ("a part", "resolves nothing"),
        ("not pending", "resolves nothing"),
        ("its hold is kept", "was not taken or released"),
        ("its hold was released", "was not taken or released"),
    ],
)
def test_what_resolves_a_transfer_resolves_it_as_it_is(town: Town, wrong: str, told: str) -> None:
    pending, resolver = town.pending(), uuid4()
    given: dict[str, Any] = {"kind": "void", "pending_id": pending, "debit_account_id": town.ids["d"]}
    release = "UPDATE ledger_hold SET state = 'voided', released_minor = 5 WHERE id = %s"
    if wrong == "other accounts":
        given["debit_account_id"] = town.ids["a"]
    elif wrong == "too much":
        town.entry(resolver, "d", "b", 6)
        given |= {"id": resolver, "kind": "post", "amount_minor": 6, "posted_on": FIRST}
    elif wrong == "a part":
        given["amount_minor"] = 4
    elif wrong == "not pending":
        given["pending_id"] = town.transfer(Transfer(str(uuid4()), town.keys["d"], town.keys["b"], 5, "CNY"))[0]
    elif wrong == "its hold was released":
        town.writer.execute(release, [town.hold_of(pending)])
        town.entry(resolver, "d", "b", 5)
        given |= {"id": resolver, "kind": "post", "posted_on": FIRST}
    with pytest.raises(errors.CheckViolation, match=told):
        town.insert(**given)


def test_a_transfer_is_resolved_once(town: Town) -> None:
    pending = town.pending("a")
    town.insert(kind="void", pending_id=pending)
    for kind, more in (("void", {}), ("post", {"amount_minor": 0})):
        town.writer.execute("SAVEPOINT s")
        with pytest.raises((errors.UniqueViolation, errors.CheckViolation)):
            town.insert(kind=kind, pending_id=pending, **more)
        town.writer.execute("ROLLBACK TO s")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ended = 'posted'", "nothing ends"),
        ("ended = 'voided'", "nothing ends"),
        ("ended = 'expired'", "nothing ends"),
        ("ended = 'gone'", "ledger_transfer_only_pending_ends"),
        ("ended = ''", "was rewritten"),
    ],
)
def test_nobody_ends_a_transfer_by_word_alone(town: Town, change: str, told: str) -> None:
    pending = town.pending("a")
    with pytest.raises(errors.CheckViolation, match=told):
        town.writer.execute(f"UPDATE ledger_transfer SET {change} WHERE id = %s", [pending])  # type: ignore[arg-type]


def test_what_runs_out_gives_back_what_it_held(town: Town) -> None:
    pending = town.pending(timeout=timedelta(seconds=1))
    expire = "UPDATE ledger_transfer SET ended = 'expired' WHERE id = %s"
    with pytest.raises(errors.CheckViolation, match="was not taken or released"):
        town.writer.execute(expire, [pending])
    town.writer.rollback()
    town.writer.execute("UPDATE ledger_hold SET state = 'expired', released_minor = 5 WHERE id = %s", [town.hold_of(pending)])
    town.writer.execute(expire, [pending])
    with pytest.raises(errors.CheckViolation, match="is expired, or was rewritten"):
        town.writer.execute("UPDATE ledger_transfer SET ended = 'voided' WHERE id = %s", [pending])


def test_what_was_never_pending_does_not_end(town: Town) -> None:
    (moved,) = town.transfer(Transfer("t", town.keys["a"], town.keys["b"], 5, "CNY"))
    with pytest.raises(errors.CheckViolation, match="is transfer, or was rewritten"):
        town.writer.execute("UPDATE ledger_transfer SET ended = 'voided' WHERE id = %s", [moved])


# ----------------------------------------------------------------------------------------------------------------------------- closing


def test_a_transfer_closes_no_account_twice(town: Town) -> None:
    town.insert(amount_minor=0, closing_debit=True)
    with pytest.raises(errors.CheckViolation, match="closed already"):
        town.insert(amount_minor=0, closing_debit=True)


def test_two_rows_of_one_statement_close_no_account_twice(town: Town) -> None:
    with pytest.raises(errors.CheckViolation, match="closed already"):
        town.writer.execute(
            "INSERT INTO ledger_transfer (id, book_id, key, kind, debit_account_id, credit_account_id, currency, amount_minor, recorded_at,"
            " closing_debit) SELECT gen_random_uuid(), %s, gen_random_uuid()::text, 'pending', %s, %s, 'CNY', 0, now(), true"
            " FROM generate_series(1, 2)",
            [town.work.book.id, town.ids["a"], town.ids["b"]],
        )


@pytest.mark.parametrize(
    "change",
    [
        "closed_at = NULL",
        "closed_at = NULL, closed_by_id = NULL",
        "closed_by_id = NULL",
        "closed_at = now()",
    ],
)
def test_what_a_pending_transfer_keeps_closed_stays_closed(town: Town, change: str) -> None:
    town.insert(amount_minor=0, closing_debit=True)
    with pytest.raises(errors.CheckViolation, match="stays what it was"):
        town.writer.execute(f"UPDATE ledger_account SET {change} WHERE id = %s", [town.ids["a"]])  # type: ignore[arg-type]


def test_what_is_closed_for_good_is_not_opened_by_an_old_transfer(town: Town) -> None:
    closing = town.insert(amount_minor=0, closing_debit=True)
    town.insert(kind="void", pending_id=closing, amount_minor=0)
    town.writer.execute("UPDATE ledger_account SET closed_at = now() WHERE id = %s", [town.ids["a"]])
    with pytest.raises(errors.CheckViolation, match="stays what it was"):
        town.writer.execute("UPDATE ledger_account SET closed_at = NULL WHERE id = %s", [town.ids["a"]])


@pytest.mark.parametrize("by", ["another", "a void one", "one that closes the other side"])
def test_an_account_is_closed_in_the_name_of_a_transfer_that_closes_it_only(town: Town, by: str) -> None:
    closer = (
        town.pending("a")
        if by == "another"
        else town.insert(amount_minor=0, closing_credit=by != "a void one", closing_debit=by == "a void one")
    )
    if by == "a void one":
        town.insert(kind="void", pending_id=closer, amount_minor=0)
    with pytest.raises(errors.CheckViolation, match="stays what it was"):
        town.writer.execute("UPDATE ledger_account SET closed_at = now(), closed_by_id = %s WHERE id = %s", [closer, town.ids["a"]])


def test_an_account_is_not_born_closed_by_a_transfer(town: Town) -> None:
    closer = town.insert(amount_minor=0, closing_debit=True)
    with pytest.raises(errors.CheckViolation, match="is opened, not closed"):
        town.writer.execute(
            "INSERT INTO ledger_account (id, book_id, code, kind, cls, currency, owner_id, product, opened_at, closed_at, closed_by_id)"
            " VALUES (gen_random_uuid(), %s, 'suspense', 'control', 'liability', 'CNY', gen_random_uuid(), '', now(), now(), %s)",
            [town.work.book.id, closer],
        )


def test_a_closed_control_account_takes_no_line(town: Town) -> None:
    town.insert(amount_minor=0, closing_debit=True)
    with pytest.raises(errors.CheckViolation, match="not an open one"):
        town.entry(uuid4(), "a", "b", 5)


def test_lines_by_raw_sql_that_wait_for_a_closing_find_the_account_closed(
    town: Town, as_role: Callable[[str], Writer], background: Any, waits_for_a_lock: Any
) -> None:
    closer = as_role("default")
    Town(closer, town.work, town.keys, town.ids).insert(amount_minor=0, closing_debit=True)
    waiting = background(lambda: town.entry(uuid4(), "a", "b", 5))
    waits_for_a_lock()
    closer.commit()
    with pytest.raises(errors.CheckViolation, match="not an open one"):
        waiting.result(timeout=10)


def test_people_see_the_transfers_of_their_book_only(town: Town, as_role: Callable[[str], Writer]) -> None:
    town.pending()
    staff = as_role("staff")
    assert staff.execute("SELECT count(*) FROM ledger_transfer").fetchone() == (0,)
    staff.execute("SELECT set_config('yuefu.book', %s, true)", [str(town.work.book.id)])
    assert staff.execute("SELECT DISTINCT book_id FROM ledger_transfer").fetchall() == [(town.work.book.id,)]
    with pytest.raises(errors.InsufficientPrivilege):
        as_role("reader").execute("SELECT 1 FROM ledger_transfer")


def test_what_a_transfer_keeps_pending_ends_only_with_it(town: Town) -> None:
    kept = town.hold_of(town.pending())
    for change in ("state = 'voided', released_minor = 5", "released_minor = 2"):
        town.writer.execute(f"UPDATE ledger_hold SET {change} WHERE id = %s", [kept])  # type: ignore[arg-type]
        with pytest.raises(psycopg.errors.CheckViolation, match="is kept by a transfer"):
            town.writer.commit()
    town.entry(uuid4(), "d", "b", 5, kind="other", holds=(kept, None))
    with pytest.raises(psycopg.errors.CheckViolation, match="is kept by a transfer"):
        town.writer.commit()
    with sql.transacting():
        (refused,) = ledger.release_holds(work=town.work, releases=[Release(kept, "voided")])
    assert isinstance(refused, Refused)
    assert refused.code == "hold_unknown"


def test_a_transfer_keeps_no_hold_of_an_order(town: Town) -> None:
    order = town.hold("d", 5, order_id=uuid4())
    with pytest.raises(psycopg.errors.CheckViolation, match="the hold of an order"):
        town.insert(debit_account_id=town.ids["d"], debit_hold_id=order)


def test_nothing_is_posted_to_a_closed_account_not_even_nothing(town: Town) -> None:
    closing = town.pending("a", "b", 0, closing_debit=True)
    with pytest.raises(psycopg.errors.CheckViolation, match="closed account"):
        town.insert(kind="post", amount_minor=0, pending_id=closing)
