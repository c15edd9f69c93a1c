"""What is kept of a loan with a life besides its terms and facts is a cache: each close proves it to be what a replay gives, and it can be rebuilt."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psutil
import psycopg
import pytest

from tests.journeys.conftest import Shop
from tests.journeys.test_loans_replayed import DUE, differing, rebuilt
from yuefu.errors import Refused
from yuefu.journeys import close_of_day, replay
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import Rebuilt
from yuefu.loans.queries import keeping
from yuefu.plans.lifecycle.plain import written_state
from yuefu.runtime import sql


@pytest.fixture
def shop(lived_shop: Shop) -> Shop:
    return lived_shop


def tampered(table: str, query: str, *params: Any) -> None:
    """As somebody who owns the tables, and does not mind what they promise."""
    with sql.owning():
        sql.run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        assert sql.run(query, list(params)) == 1
        sql.run(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def kept(loan_id: UUID) -> list[tuple[Any, ...]]:
    """All that a rebuild may write of a loan."""
    (book_id,) = sql.rows("SELECT book_id FROM loans_agreement WHERE id = %s", [loan_id])[0]
    life = keeping.read(book_id, [loan_id])[loan_id].life
    checkpoint = (life.seq, life.waits_for, life.status, written_state(life.state), life.tally.told())
    return [checkpoint, *sql.rows("SELECT * FROM loans_due WHERE loan_id = %s ORDER BY no", [loan_id])]


def is_behind(loan_id: UUID) -> bool:
    """Whether the checkpoint of a loan does not know its last fact."""
    (behind,) = sql.rows("SELECT behind FROM loans_stretch WHERE loan_id = %s AND replaced_on = %s", [loan_id, keeping.NEVER])[0]
    return bool(behind)


def caught_up(shop: Any, loan_id: UUID) -> None:
    """The checkpoint of a loan that is behind is written, as a rebuild for some other reason does."""
    assert is_behind(loan_id)
    tampered("loans_due", "UPDATE loans_due SET due_on = due_on + 1 WHERE loan_id = %s AND no = 2", loan_id)
    assert rebuilt(shop, loan_id) == [Rebuilt(loan_id, changed=True)]
    assert not is_behind(loan_id)


def test_a_changed_instalment_is_found_by_the_close_of_its_day_and_mended_by_a_rebuild(shop):
    got, other = shop.bought("600.00"), shop.bought("600.00", product="flex")
    shop.next_day(close=False)
    yesterday = shop.on - timedelta(days=1)
    before = [kept(got.loan_id), kept(other.loan_id)]
    for minor, no in ((7, 2), (-7, 1)):
        tampered(
            "loans_due",
            "UPDATE loans_due SET principal_minor = principal_minor + %s WHERE loan_id = %s AND no = %s",
            minor,
            got.loan_id,
            no,
        )
    refused = close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=yesterday)
    assert isinstance(refused, Refused)
    assert "loans_equal_replay" in refused.detail
    assert "subledgers_equal_control" not in refused.detail, "the sums are right: only a replay sees it"
    assert differing(shop) == {got.loan_id: ("instalments",)}
    assert rebuilt(shop, got.loan_id, other.loan_id) == [Rebuilt(got.loan_id, changed=True), Rebuilt(other.loan_id, changed=False)]
    assert differing(shop) == {}
    assert [kept(got.loan_id), kept(other.loan_id)] == before
    assert isinstance(close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=yesterday), close_of_day.Closed)
    shop.prove()


@pytest.mark.parametrize(
    ("table", "tamper", "found"),
    [
        (
            "loans_due",
            "UPDATE loans_due SET principal_settled_minor = principal_settled_minor - 1 WHERE loan_id = %s AND no = 0",
            ["instalments"],
        ),
        ("loans_due", "UPDATE loans_due SET due_on = due_on + 1 WHERE loan_id = %s AND no = 2", ["instalments"]),
        ("loans_due", "DELETE FROM loans_due WHERE loan_id = %s AND no = 2", ["instalments"]),
        (
            "loans_due",
            "INSERT INTO loans_due SELECT loan_id, 9, book_id, kind, start_on, due_on, principal_minor, interest_minor, fees_minor, penalties_minor,"
            " principal_settled_minor, interest_settled_minor, fees_settled_minor, penalties_settled_minor FROM loans_due"
            " WHERE loan_id = %s AND no = 2",
            ["instalments"],
        ),
        ("loans_checkpoint", "UPDATE loans_checkpoint SET status = 'closed' WHERE loan_id = %s", ["status"]),
        ("loans_checkpoint", "UPDATE loans_checkpoint SET seq = seq - 1 WHERE loan_id = %s", ["seq"]),
        (
            "loans_checkpoint",
            "UPDATE loans_checkpoint SET state = jsonb_set(state::jsonb, '{balance}', '1')::json WHERE loan_id = %s",
            ["state"],
        ),
        (
            "loans_checkpoint",
            "UPDATE loans_checkpoint SET tally = jsonb_set(tally::jsonb, '{repaid}', '1')::json WHERE loan_id = %s",
            ["tally"],
        ),
    ],
)
def test_what_was_changed_is_named_and_rebuilt(shop, table, tamper, found):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, "50.00")
    caught_up(shop, got.loan_id)
    before = kept(got.loan_id)
    tampered(table, tamper, got.loan_id)
    assert {i: list(names) for i, names in differing(shop).items()} == {got.loan_id: found}
    assert rebuilt(shop, got.loan_id) == [Rebuilt(got.loan_id, changed=True)]
    assert kept(got.loan_id) == before
    assert differing(shop) == {}
    shop.prove()


@pytest.mark.parametrize(
    ("tamper", "found"),
    [
        ("UPDATE loans_checkpoint SET status = 'closed' WHERE loan_id = %s", {"status"}),
        ("UPDATE loans_checkpoint SET seq = seq - 1 WHERE loan_id = %s", {"state", "tally", "seq"}),
        ("UPDATE loans_checkpoint SET seq = seq + 1 WHERE loan_id = %s", {"state", "tally"}),
        (
            "UPDATE loans_checkpoint SET state = jsonb_set(state::jsonb, '{balance}', '1')::json WHERE loan_id = %s",
            {"state", "tally", "seq"},
        ),
        ("UPDATE loans_checkpoint SET tally = jsonb_set(tally::jsonb, '{lent}', '1')::json WHERE loan_id = %s", {"tally"}),
    ],
)
def test_what_was_changed_of_a_checkpoint_that_is_behind_is_named_and_rebuilt(shop, tamper, found):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, "50.00")
    before = kept(got.loan_id)
    assert is_behind(got.loan_id)
    assert differing(shop) == {}
    tampered("loans_checkpoint", tamper, got.loan_id)
    assert {i: set(names) for i, names in differing(shop).items()} == {got.loan_id: found}
    assert rebuilt(shop, got.loan_id) == [Rebuilt(got.loan_id, changed=True)]
    assert kept(got.loan_id) == before
    assert not is_behind(got.loan_id)
    shop.repay(got.loan_id, "50.00")
    assert is_behind(got.loan_id)
    assert differing(shop) == {}
    shop.prove()


def test_the_close_writes_what_a_checkpoint_was_behind_and_so_does_the_next_payment(shop):
    got = shop.bought("600.00")
    shop.until(DUE)
    counts = []
    for minor in ("50.00", "20.00", "1.00"):
        shop.repay(got.loan_id, minor)
        assert is_behind(got.loan_id)
        counts += [sql.rows("SELECT seq FROM loans_checkpoint WHERE loan_id = %s", [got.loan_id])[0][0]]
    assert counts == [counts[0], counts[0] + 1, counts[0] + 2]
    before = kept(got.loan_id)
    shop.next_day()
    shop.next_day()
    assert not is_behind(got.loan_id)
    assert kept(got.loan_id)[0][0] == before[0][0] == counts[2] + 1
    assert differing(shop) == {}
    shop.prove()


@pytest.mark.parametrize(
    ("table", "tamper", "found", "why"),
    [
        (
            "loans_stretch",
            "UPDATE loans_stretch SET loan_principal = loan_principal + 1, purchase_clearing = purchase_clearing - 1 WHERE loan_id = %s",
            ["position"],
            "it was posted to stand otherwise in the books than a replay has it: which is right is for people to find out",
        ),
        (
            "loans_checkpoint",
            "UPDATE loans_checkpoint SET seq = seq + 1 WHERE loan_id = %s",
            ["seq"],
            "it says that 4 facts were entered of it, 3 are there, and a loan never goes back",
        ),
        (
            "loans_fact",
            "UPDATE loans_fact SET body = jsonb_set(body::jsonb, '{on}', '\"2026-09-01\"')::json WHERE loan_id = %s AND kind = 'paid'",
            ["facts"],
            "what was entered of it cannot be told: Nothing has been lent by 2026-09-01.",
        ),
        (
            "loans_stretch",
            "UPDATE loans_stretch SET stuck = true WHERE loan_id = %s",
            [],
            "the close could not go on with it: mend what it was set aside for",
        ),
    ],
)
def test_a_rebuild_leaves_alone_what_it_cannot_know_better(shop, table, tamper, found, why):
    got = shop.bought("600.00")
    shop.until(DUE)
    shop.repay(got.loan_id, "50.00")
    caught_up(shop, got.loan_id)
    tampered(table, tamper, got.loan_id)
    before = kept(got.loan_id)
    assert {i: list(names) for i, names in differing(shop).items()} == ({got.loan_id: found} if found else {})
    nobody = shop.desk.ids.new(shop.now())
    refused, unknown = rebuilt(shop, got.loan_id, nobody)
    assert refused == Refused("not_rebuildable", why, "loan_id")
    assert unknown.code == "unknown_loan"
    assert kept(got.loan_id) == before


def test_two_who_replay_share_the_loans_and_see_the_same_moment(shop, monkeypatch):
    monkeypatch.setattr(replay, "WORTH_ANOTHER", 1)
    bought = sorted(shop.bought("600.00").loan_id for _ in range(4))
    wrong = "UPDATE loans_checkpoint SET status = 'closed' WHERE loan_id = %s"
    for loan_id in bought[:2]:
        tampered("loans_checkpoint", wrong, loan_id)
    with sql.snapshot():
        assert len(loan_book.all_ids(shop.book_id)) == 4, "the moment begins with what is asked first"
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
            other.execute("ALTER TABLE loans_checkpoint NO FORCE ROW LEVEL SECURITY")
            assert other.execute(wrong.replace("'closed'", "'overpaid'"), [bought[3]]).rowcount == 1
            other.execute("ALTER TABLE loans_checkpoint FORCE ROW LEVEL SECURITY")
        found = replay.verify(book=shop.desk.book, loan_ids=bought, workers=2)
    assert found == {bought[0]: ("status",), bought[1]: ("status",)}, "one of each half, and nothing of what came later"
    assert differing(shop).keys() == {bought[0], bought[1], bought[3]}
    assert replay.verify(book=shop.desk.book, loan_ids=[], workers=2) == {}


def test_what_a_process_that_is_killed_had_to_replay_is_replayed_by_those_that_are_left(shop, monkeypatch, capsys, caplog):
    monkeypatch.setattr(replay, "WORTH_ANOTHER", 1)
    bought = sorted(shop.bought("600.00").loan_id for _ in range(6))
    for loan_id in bought[::2]:
        tampered("loans_checkpoint", "UPDATE loans_checkpoint SET status = 'closed' WHERE loan_id = %s", loan_id)
    seen: list[tuple[int, int]] = []
    with sql.snapshot(), killed_as_they_begin() as killed:
        found = replay.verify(book=shop.desk.book, loan_ids=bought, workers=3, progress=lambda *of: seen.append(of))
    assert len(killed) == 2
    assert found == differing(shop) == dict.fromkeys(bought[::2], ("status",)), "as one process finds it"
    assert seen == sorted(seen)
    assert seen[-1] == (6, 6)
    assert "ended with status -9" in logged(capsys, caplog)


def test_a_close_of_which_one_that_replays_is_killed_says_so_and_closes_the_day(shop, monkeypatch, capsys, caplog):
    monkeypatch.setattr(replay, "WORTH_ANOTHER", 1)
    bought = [shop.bought("600.00").loan_id for _ in range(3)]
    shop.next_day(close=False)
    with killed_as_they_begin() as killed:
        closed = close_of_day.close_day(desk=shop.desk, now=shop.now(1), on=shop.on - timedelta(days=1), workers=2)
    assert isinstance(closed, close_of_day.Closed), closed
    assert len(killed) == 1
    said = logged(capsys, caplog)
    assert "a process that replays ended: its loans are replayed here" in said
    assert re.search(r"loans\W+2\b", said)
    before = [kept(loan_id) for loan_id in bought]
    again = close_of_day.close_day(desk=shop.desk, now=shop.now(2), on=shop.on - timedelta(days=1), workers=2)
    assert again == replace(closed, again=True)
    assert [kept(loan_id) for loan_id in bought] == before
    shop.prove()


def logged(capsys, caplog) -> str:
    """What was logged: to standard output, or where a process that ran other tests before has set logs up to go."""
    said = capsys.readouterr()
    return said.out + said.err + caplog.text


@contextmanager
def killed_as_they_begin() -> Iterator[set[int]]:
    """Every process that begins beside this one is killed, as the system does when memory is short; their numbers."""
    killed: set[int] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.002):
            for child in psutil.Process().children():
                with suppress(psutil.Error):
                    if child.pid not in killed and any("spawn_main" in word for word in child.cmdline()):
                        child.kill()
                        killed.add(child.pid)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield killed
    finally:
        over.set()
        watching.join()
