"""The seeded world: the same seed is the same world, and what is injected is found, by reference."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings

from tests import fresh
from yuefu.errors import Refused
from yuefu.journeys import carried
from yuefu.loans.queries import Due
from yuefu.money.amounts import Money
from yuefu.proofs import reconciliation as proof
from yuefu.reconciliation import queries as reconciliation
from yuefu.runtime import books, sql
from yuefu.runtime.vault import Vault
from yuefu.sim import faults, files, play, purchases
from yuefu.sim.faults import CLASSES
from yuefu.sim.people import customer

AS_OF = date(2026, 10, 31)
CONSUMER = UUID(int=1)


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A play founds its book under a name of its own, so that it can live in one database with others, and keeps the heads of its seals in a
    home of its own: ids follow from the seed, and heads of an earlier run would accuse it.
    """
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("YUEFU_HOME", str(home))  # for the process of the nights, which begins with nothing
    monkeypatch.setattr(settings, "YUEFU_HOME", home)
    found, code = play.world.found, f"play-{secrets.token_hex(6)}"
    monkeypatch.setattr(play.world, "found", lambda **given: found(**given, code=code, people=False))
    return code


def test_days_with_faults_of_every_class_hold_every_proof_and_every_fault_is_found(elsewhere, vault: Vault, tmp_path):
    said = []
    result = play.play(
        days=18,
        seed=7,
        as_of=AS_OF,
        faults=0.6,
        vault=vault,
        out=tmp_path,
        progress=lambda *heard: said.append(heard),
        spoil_a_file_every=1,
    )
    proofs = dict(result["proofs"])
    done, _, total = proofs.pop("orders_traced").partition("/")
    assert done == total == str(result["orders"])
    assert all(proofs.values()), proofs
    assert result["faults"]["injected"] == result["faults"]["found"]
    assert all(result["faults"]["same_references"].values())
    assert set(result["faults"]["injected"]) == set(CLASSES)
    assert min(result["faults"]["injected"].values()) > 0
    assert min(result[name] for name in ("declined", "refunds", "repayments", "settlements")) > 0
    truth = json.loads((tmp_path / "truth.json").read_text("utf-8"))
    assert {cls: len(references) for cls, references in truth.items()} == {c: n for c, n in result["faults"]["injected"].items() if n}
    assert play.holds(result)
    assert [heard[:2] for heard in said] == [(n, 18) for n in range(1, 19)]
    assert said[-1][2] == result["orders"]
    assert result["approved"] + result["declined"] == result["orders"]
    levelled, lived, late = sql.rows(
        "SELECT (SELECT count(*) FROM loans_loan l WHERE l.book_id = b.id), (SELECT count(*) FROM loans_agreement a WHERE a.book_id = b.id),"
        " (SELECT count(*) FROM loans_agreement a JOIN loans_sheet s ON s.id = a.sheet_id WHERE a.book_id = b.id AND a.product = 'flex'"
        "  AND (s.terms::jsonb #>> '{late,fee,minor}')::bigint > 0) FROM runtime_book b WHERE b.code = %s",
        [elsewhere],
    )[0]
    assert (levelled, lived) == (0, result["loans"]), "the world lends by the rules of today"
    assert late > 0, "being late costs something where there is interest"
    statements_follow_one_another(elsewhere)
    every_break_is_one_that_was_injected_and_is_mended(result, json.loads((tmp_path / "faults.json").read_text("utf-8")), vault)


def every_break_is_one_that_was_injected_and_is_mended(result, truth, vault) -> None:
    """As `prove reconciliation` compares and works them; here the share that is spoilt is large, so that every fault is there in a few days."""
    said: list[str] = []
    proven = proof.judged(played=result, truth=truth, vault=vault, seed=7, as_of=AS_OF, say=said.append)
    wanted = {f"{source}: {cls}" for source in ("channel_fund", "bank", "bank_client") for cls in faults.CLASSES if cls != "status_differs"}
    wanted |= {f"channel_trade: {cls}" for cls in faults.CLASSES} | {"channel_fund: fee_differs", "channel_trade: refund_stuck"}
    wanted |= {"channel_trade: unheard", "channel_fund: unheard"}
    assert {fault for fault, row in proven["faults"].items() if row["injected"]} == wanted
    assert proven["false"] == 0, proven["faults"]
    assert set(proven["files"]) == set(files.KINDS)
    assert {"chase_provider", "confirmed_by_money", "offset", "post_fee", "post_repayment", "write_off"} <= set(proven["fixes"])
    assert proven["fixes"]["by_two_people"] > 0
    assert (proven["chains"]["found"], proven["chains"]["false"]) == (proven["chains"]["injected"], 0)
    assert proven["chains"]["injected"] > 0
    assert proven["last_day"]["verdict"] == "reconciled", proven
    assert proven["ok"], proven


def statements_follow_one_another(code: str) -> None:
    """Every day's statement closes and begins with what the one before ended with."""
    book = books.by_code(code)
    assert book is not None
    with sql.reading(book_id=book.id):
        days = sorted({bridge.on for bridge in reconciliation.day_bridges(book_id=book.id)})
        told = [carried.day(book_id=book.id, on=on) for on in days]
    kept: dict[str, Money] = {}
    verdicts = set()
    for day in told:
        assert not isinstance(day, Refused)
        for source in day.sources:
            found = source.statement
            assert found is not None
            assert (found.residual.passed, found.continuity.passed) == (True, True), (day.on, source.source)
            assert found.opening == kept.get(source.source, Money(0, "CNY"))
            kept[source.source] = found.closing
            verdicts.add(str(source.verdict))
    assert verdicts >= {"breaks", "reconciled"}


PAYMENTS = [
    ("punctual", 0, 1, None),
    ("late", 1, 1, "nothing"),
    ("late", 12, 1, None),
    ("partial", 0, 1, 50_01),
    ("partial", 1, 1, "nothing"),
    ("partial", 3, 1, None),
    ("generous", 0, 1, 105_03),
    ("short_of_money", 0, 2, None),
    ("punctual", 0, 2, "nothing"),
    ("never", 30, 1, "nothing"),
]


@pytest.mark.parametrize(("habit", "days_late", "attempt", "paid"), PAYMENTS)
def test_who_pays_what_is_due_pays_what_being_late_has_cost_too(habit, days_late, attempt, paid):
    """None is all that is due on the day of paying: what a close saw of it is less, by the penalty interest of a night."""
    who = replace(customer(number="00001", seed=1, as_of=AS_OF), habit=habit, lag_days=12)
    player = play.Play.__new__(play.Play)
    player._by_id = {CONSUMER: who}
    due = Due(CONSUMER, CONSUMER, CONSUMER, Money(100_03, "CNY"), AS_OF - timedelta(days=days_late))
    asked = player._payment(due, AS_OF, attempt)
    assert ("nothing" if asked is None else asked.amount and asked.amount.minor) == paid


PLAY = """
import json, sys
from datetime import date
from pathlib import Path
import django
django.setup()
from yuefu.runtime import vault
from yuefu.sim import play
keys = vault.create(Path(sys.argv[1]))
print(json.dumps(play.play(days=3, seed=int(sys.argv[2]), as_of=date(2026, 10, 31), faults=0.05, vault=keys)))
"""


def told(seed: int, directory: Path):
    """What a play says in a fresh database; times and passwords left out. Ids follow from the seed, so two need two databases, and two
    places for the heads of their seals: those kept of one book would accuse the other of being rewritten.
    """
    result = json.loads(fresh.run(PLAY, str(directory / f"{secrets.token_hex(6)}.keys"), str(seed), directory=directory))
    return {key: value for key, value in result.items() if key not in ("seconds", "orders_per_second", "logins")}


def test_the_same_seed_tells_the_same_and_another_seed_does_not(tmp_path: Path):
    first, again, other = told(11, tmp_path), told(11, tmp_path), told(12, tmp_path)
    assert first == again
    assert first["orders"] == other["orders"]
    assert {**first, "seed": 0} != {**other, "seed": 0}


def test_rows_of_zero_are_no_purchases_and_are_counted():
    log = purchases.load(days=purchases.DAYS, as_of=AS_OF)
    bought = [p for day in log.purchases.values() for p in day]
    assert (len(bought), log.skipped_zero_rows) == (69_659 - 80, 80)
    assert all(p.amount.minor > 0 for p in bought)
    assert max(log.purchases) <= AS_OF
    assert {p.periods for p in bought} == {3, 6, 12}


def test_the_first_days_of_the_log_end_on_the_day_asked_for():
    log = purchases.load(days=10, as_of=AS_OF)
    assert set(log.purchases) == {date(2026, 10, day) for day in range(22, 32)}
    # The first row of the log: customer 00001 on 1997-01-01 for 11.77 dollars at 7 yuan.
    first = log.purchases[date(2026, 10, 22)][0]
    assert (first.customer, first.amount.minor, first.periods) == ("00001", 11_77 * 7, 3)


@pytest.mark.parametrize("days", [0, -1, purchases.DAYS + 1])
def test_days_that_the_log_does_not_have_are_refused(days):
    with pytest.raises(ValueError, match="cannot be played"):
        purchases.load(days=days, as_of=AS_OF)


def test_a_log_that_is_not_installed_says_what_to_do(monkeypatch):
    def nothing(name):
        raise purchases.PackageNotFoundError(name)

    monkeypatch.setattr(purchases, "files", nothing)
    with pytest.raises(purchases.LogMissing, match="make install"):
        purchases.load(days=1, as_of=AS_OF)
