"""Loans out of one book and into another: the same loans, which live on alike; and files that are wrong, of which nothing is booked."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from stdnum.cn import ric

from tests.loans.test_closing import close
from tests.loans.test_living import FEW, LATE, enter, entered, new_book
from tests.plans.lifecycle.lives import lives
from tests.plans.lifecycle.small_loans import fen, terms
from yuefu.consumers import commands as consumers
from yuefu.consumers.commands import NewConsumer
from yuefu.errors import Refused, one
from yuefu.ids import IdSource
from yuefu.journeys import proving
from yuefu.journeys.desk import Desk
from yuefu.journeys.loan_tape import bringing, rows, writing
from yuefu.journeys.loan_tape.bringing import Brought, Proven, Told, Wrong
from yuefu.ledger import queries as ledger
from yuefu.loans import queries as loan_book
from yuefu.loans.commands import living
from yuefu.loans.entries import STANDING
from yuefu.loans.queries import keeping
from yuefu.loans.rules import Party, due_rows
from yuefu.money.rates import Rate
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.plans.lifecycle import events as e
from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.fold import looked_at
from yuefu.plans.lifecycle.terms import LoanTerms
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.runtime.vault import Vault

WHO = "c-1"


def desk_of(work: UnitOfWork, vault: Vault) -> Desk:
    return Desk(work.book, work.by, work.ids, vault, SandboxChannel(work.book), SandboxBank(work.book))


def registered(work: UnitOfWork, vault: Vault, name: str = WHO) -> UUID:
    body = f"1101051990{secrets.randbelow(12) + 1:02d}07{secrets.randbelow(900):03d}"
    new = NewConsumer(f"k-{name}", name, "张三", "13800138000", body + ric.calc_check_digit(body + "0"))
    with sql.transacting():
        return one(consumers.register(work=work, vault=vault, consumers=[new]))


def lent(work: UnitOfWork, consumer_id: UUID, agreed: LoanTerms, *facts: Event | Undone) -> UUID:
    loan_id = work.ids.new(work.now)
    party = Party(loan_id, None, None, consumer_id, None, work.book.id, "flex", agreed.currency, "elsewhere")
    with sql.transacting():
        assert living.agree(work=work, agreements=[(party, agreed)]) == [None]
    entered(work, loan_id, *facts)
    return loan_id


def written(work: UnitOfWork, as_of: date, path: Path) -> writing.Gone:
    with path.open("wb") as file:
        found = writing.write(book=work.book, file=file, as_of=as_of)
    assert isinstance(found, writing.Gone), found
    return found


def brought(work: UnitOfWork, vault: Vault, path: Path, as_of: date, *, chunk: int = 2, origin: str = "core-x", **totals: str) -> Any:
    told = Told(origin, as_of, totals)
    return bringing.bring_in(desk=desk_of(work, vault), now=work.now, path=path, told=told, tell=lambda *n: None, chunk=chunk)


def standing(work: UnitOfWork) -> dict[str, Any]:
    """Every loan of a book by the end of yesterday: its terms, where it stands, what its rows ask and what of that is settled, how late it is."""
    ids = [row[0] for row in sql.rows("SELECT id FROM loans_agreement WHERE book_id = %s", [work.book.id])]
    kept = keeping.read(work.book.id, ids)
    yesterday, told = work.day.on - timedelta(days=1), []
    for loan_id, loan in kept.items():
        then = living.by_yesterday(loan, work.day.on, keeping.facts([loan_id])[loan_id])
        asked = due_rows(looked_at(then.life.state, yesterday).rows)
        late = living._late_by(then, yesterday)
        told.append(tuple(map(str, (loan.life.terms, living._posted(then, work.day.on), asked, late, loan.life.status, loan.life.seq))))
    return {"loans": sorted(told), "ledger": owed_in_ledger(work)}


def owed_in_ledger(work: UnitOfWork) -> dict[str, int]:
    sums = dict.fromkeys(STANDING, 0)
    for (code, *_), minor in ledger.totals(work.book.id, STANDING, posted_until=work.day.on - timedelta(days=1)).items():
        sums[code] += minor
    return sums


def test_they_are_the_same_loans_and_live_on_alike(ids: IdSource, vault: Vault, tmp_path: Path) -> None:
    """Five loans, among them one that is late, one with an undone payment and one paid off, moved on the third day; two months later, with payments of
    the same days entered in both books, they stand where those stand that never moved."""
    here = new_book(ids, date(2026, 3, 30))
    who = registered(here, vault)
    agreed = terms(annual_rate=Rate(120_000), disbursed_on=date(2026, 2, 10), first_due_on=date(2026, 3, 10))
    begun = e.Disbursed(date(2026, 2, 10), agreed.principal)
    first = lent(here, who, agreed, begun, e.Paid(date(2026, 3, 10), fen(30_000)))
    lent(here, who, agreed, begun)
    lent(here, who, agreed, begun, e.Paid(date(2026, 3, 9), fen(40_000)), Undone(2), e.Paid(date(2026, 3, 20), fen(100)))
    lent(here, who, agreed, begun, e.PaidOff(date(2026, 3, 12)))
    lent(here, who, agreed, begun, e.InterestPaused(date(2026, 4, 5), date(2026, 4, 20)))
    here = close(close(here))
    as_of, path = here.day.on - timedelta(days=1), tmp_path / "loans.csv"
    gone = written(here, as_of, path)
    assert gone.loans == 5

    there = new_book(ids, here.day.on)
    registered(there, vault)
    found = brought(there, vault, path, as_of)
    assert isinstance(found, Brought), found
    assert (found.new, found.known, dict(found.proven.totals)) == (5, 0, gone.totals)
    assert found.posted == {name: gone.totals[name] for name in rows.FIGURES}
    again = brought(there, vault, path, as_of)
    assert isinstance(again, Brought)
    assert (again.new, again.known) == (0, 5)
    for day in range(60):
        if day in (9, 40):
            moved = sql.value(
                "SELECT loan_id FROM loans_moved_in WHERE book_id = %s AND reference = %s", [there.book.id, reference_of(path, first)]
            )
            paid = e.Paid(here.day.on, fen(5_000 + day))
            for work, loan_id in ((here, first), (there, moved)):
                assert not [one for one in enter(work, loan_id, paid) if isinstance(one, Refused)]
        here, there = close(here), close(there)
        if day == 0:
            with sql.snapshot():
                proofs = proving.prove(book=there.book, since=there.day.on - timedelta(days=1))
            assert not {name: proof.detail for name, proof in proofs.items() if not proof.holds}
        if day in (0, 10, 59):
            assert standing(there) == standing(here)


def reference_of(path: Path, loan_id: UUID) -> str:
    from yuefu import ids as public

    (found,) = [row["loan"] for row in csv.DictReader(path.open(encoding="utf-8")) if row["loan"] == public.text("loan", loan_id)]
    return found


@FEW
@given(lives(), lives())
def test_any_loans_come_in_as_they_went_out(tmp_path_factory: pytest.TempPathFactory, vault: Vault, one_life: Any, other_life: Any) -> None:
    import random

    ids = IdSource(random.Random(secrets.randbits(64)).getrandbits)
    here, there = new_book(ids), new_book(ids, LATE + timedelta(days=1))
    who = registered(here, vault)
    registered(there, vault)
    for agreed, facts in (one_life, other_life):
        if facts:
            lent(here, who, agreed, *facts)
    here = close(here)
    path = tmp_path_factory.mktemp("tape") / "loans.csv"
    gone = written(here, LATE, path)
    found = brought(there, vault, path, LATE)
    if not gone.loans:
        assert isinstance(found, Refused)
        return
    assert isinstance(found, Brought), found
    here, there = close(here), close(there)
    mine, theirs = standing(there), standing(here)
    assert len(mine["loans"]) == gone.loans
    assert set(mine["loans"]) <= set(theirs["loans"])
    assert mine["ledger"] == theirs["ledger"]


PLAIN: Mapping[str, str] = {
    "loan": "L-1", "consumer": WHO, "product": "tape", "currency": "CNY", "principal": "1200.00", "disbursed_on": "2029-10-01",
    "terms": '{"periods":12,"annual_rate":{"ppm":0}}', "paid": "150.00", "owed_principal": "1050.00",
}  # fmt: skip


def file_of(path: Path, *given: Mapping[str, str], footer: Mapping[str, str] | None = None, columns: Any = rows.COLUMNS) -> Path:
    text = io.StringIO()
    out = csv.DictWriter(text, columns, restval="")
    out.writeheader()
    for row in given:
        out.writerow({**PLAIN, **row})
    if footer is not None:
        out.writerow(footer)
    path.write_bytes(text.getvalue().encode())
    return path


TOTALS = {"loans": "1", "owed_principal": "1050.00", "owed_interest": "0.00", "owed_fees": "0.00"}


@pytest.fixture
def book_of(ids: IdSource, vault: Vault) -> UnitOfWork:
    work = new_book(ids)
    registered(work, vault)
    return work


def test_a_sum_that_was_paid_is_paid_as_it_fell_due(book_of: UnitOfWork, vault: Vault, tmp_path: Path) -> None:
    path = file_of(tmp_path / "f.csv", {})
    found = brought(book_of, vault, path, LATE - timedelta(days=1), **TOTALS)
    assert isinstance(found, Brought), found
    facts = sql.rows("SELECT kind, effective_on FROM loans_fact WHERE book_id = %s ORDER BY no", [book_of.book.id])
    assert facts == [("disbursed", date(2029, 10, 1)), ("paid", date(2029, 11, 1)), ("paid", date(2029, 12, 1))]
    (late,) = sql.rows("SELECT late_since, principal_minor FROM loans_lateness WHERE book_id = %s", [book_of.book.id])
    assert late == (date(2029, 12, 1), 50_00), "half of the second instalment is overdue, the third is due today"
    origin, accepted = sql.rows("SELECT origin, disclosure_id FROM loans_agreement WHERE book_id = %s", [book_of.book.id])[0]
    assert (origin, accepted) == ("core-x", None)


WRONG: list[tuple[Mapping[str, str], str, str]] = [
    ({"loan": ""}, "loan", "name_invalid"),
    ({"consumer": "nobody"}, "consumer", "unknown_consumer"),
    ({"currency": "USD"}, "currency", "currency_differs"),
    ({"principal": "1e6"}, "principal", "amount_exponent"),
    ({"principal": "1,200.00"}, "principal", "amount_separator"),
    ({"principal": "99999999999999999999"}, "principal", "amount_too_large"),
    ({"principal": "-5.00"}, "principal", "principal_not_positive"),
    ({"disbursed_on": "01/10/2029"}, "disbursed_on", "bad_date"),
    ({"disbursed_on": "2029-02-30"}, "disbursed_on", "bad_date"),
    ({"terms": "{"}, "terms", "not_json"),
    ({"terms": "[]"}, "terms", "not_readable"),
    ({"terms": '{"periods":0,"annual_rate":{"ppm":0}}'}, "terms", "periods_out_of_range"),
    ({"terms": '{"periods":12,"annual_rate":{"ppm":0},"colour":1}'}, "terms", "not_readable"),
    ({"terms": '{"periods":12,"annual_rate":{"ppm":1.5}}'}, "terms", "not_readable"),
    ({"terms": '{"periods":12,"annual_rate":{"ppm":0},"calendar":{"calendar":"CN","version":"1"}}'}, "terms", "calendar_not_kept"),
    ({"terms": ""}, "product", "unknown_product"),
    ({"periods": "12"}, "periods", "said_twice"),
    ({"paid": "150.00", "facts": "[]"}, "paid", "said_twice"),
    ({"paid": "", "facts": "{}"}, "facts", "not_readable"),
    ({"paid": "", "facts": "[1]"}, "facts", "not_readable"),
    ({"paid": "", "facts": "[]"}, "facts", "never_lent"),
    ({"paid": "", "facts": '[{"kind":"disbursed","on":"2030-05-01","amount":{"minor":120000,"currency":"CNY"}}]'}, "facts", "after_the_day"),
    ({"paid": "", "facts": '[{"kind":"paid","on":"2029-11-01","amount":{"minor":1,"currency":"CNY"}}]'}, "facts", "not_disbursed"),
    ({"paid": "1.005"}, "paid", "amount_too_many_decimals"),
    ({"paid": "-1.00"}, "paid", "amount_not_positive"),
    ({"owed_principal": "1050.01"}, "owed_principal", "figure_differs"),
    ({"owed_interest": "0.01"}, "owed_interest", "figure_differs"),
    ({"owed_fees": "free"}, "owed_fees", "amount_not_a_number"),
]  # fmt: skip


def test_every_wrong_row_is_told_and_nothing_is_booked(book_of: UnitOfWork, vault: Vault, tmp_path: Path) -> None:
    given = [{"loan": f"L-{n}", **row} for n, (row, _, _) in enumerate(WRONG)]
    path = file_of(tmp_path / "wrong.csv", {"loan": "good"}, *given, {"loan": "good"})
    found = brought(book_of, vault, path, LATE - timedelta(days=1), **TOTALS)
    assert isinstance(found, Wrong)
    expected = [(n, column, code) for n, (_, column, code) in enumerate(WRONG, start=3)]
    assert [(fault.line_no, fault.column, fault.code) for fault in found.faults] == [*expected, (len(WRONG) + 3, "loan", "twice")]
    assert all(fault.detail for fault in found.faults)
    assert sql.value("SELECT count(*) FROM loans_agreement WHERE book_id = %s", [book_of.book.id]) == 0
    assert sql.value("SELECT count(*) FROM loans_import WHERE book_id = %s", [book_of.book.id]) == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda data: data.replace(b"owed_fees", b"fees_owed"), "header_wrong"),
        (lambda data: data.replace(b"loan,", b"loan,loan,", 1), "header_wrong"),
        (lambda data: data[: data.rindex(b",")] + b"\r\n", "row_width"),
        (lambda data: data.replace(b"tape", b"t,ape"), "row_width"),
        (lambda data: data.replace(b"tape", "花".encode("gbk")), "not_utf8"),
        (lambda data: data.replace(b"tape", b"t\x00pe"), "not_text"),
        (lambda data: data + b'"never closed', "not_csv"),
        (lambda data: data + b"TOTAL,1" + b"," * (len(rows.COLUMNS) - 2) + b"\r\n" + data.splitlines()[1], "after_the_total"),
        (lambda data: data + b"TOTAL,1,x" + b"," * (len(rows.COLUMNS) - 3) + b"\r\n", "not_a_total"),
        (lambda data: b"", "header_wrong"),
    ],
)
def test_a_file_that_is_none_is_told_by_line(
    book_of: UnitOfWork, vault: Vault, tmp_path: Path, change: Callable[[bytes], bytes], code: str
) -> None:
    path = file_of(tmp_path / "f.csv", {})
    path.write_bytes(change(path.read_bytes()))
    found = brought(book_of, vault, path, LATE - timedelta(days=1), **TOTALS)
    assert isinstance(found, Wrong), found
    assert code in {fault.code for fault in found.faults}


def test_totals_prove_the_file_or_nothing_is_booked(book_of: UnitOfWork, vault: Vault, tmp_path: Path) -> None:
    as_of = LATE - timedelta(days=1)
    path = file_of(tmp_path / "f.csv", {})
    for totals, code in (
        ({}, "totals_missing"),
        ({"loans": "1", "owed_principal": "1050.00"}, "totals_missing"),
        (TOTALS | {"owed_principal": "a lot"}, "total_malformed"),
        (TOTALS | {"colour": "1"}, "total_unknown"),
    ):
        refused = brought(book_of, vault, path, as_of, **totals)
        assert isinstance(refused, Refused)
        assert refused.code == code
    for totals in (TOTALS | {"loans": "2"}, TOTALS | {"owed_principal": "1050.01"}, TOTALS | {"credit": "0.01"}):
        wrong = brought(book_of, vault, path, as_of, **totals)
        assert isinstance(wrong, Wrong)
        assert [fault.code for fault in wrong.faults] == ["total_differs"]
    with_footer = file_of(
        tmp_path / "g.csv", {}, footer={"loan": "TOTAL", "consumer": "1", **{k: v for k, v in TOTALS.items() if k != "loans"}}
    )
    for day, origin, code in ((LATE, "core-x", "day_invalid"), (as_of, "", "origin_invalid")):
        refused = brought(book_of, vault, with_footer, day, origin=origin)
        assert isinstance(refused, Refused)
        assert refused.code == code
    tried = bringing.prove(desk=desk_of(book_of, vault), path=with_footer, told=Told("core-x", as_of, {}), tell=lambda *n: None)
    assert isinstance(tried, Proven)
    assert sql.value("SELECT count(*) FROM loans_agreement WHERE book_id = %s", [book_of.book.id]) == 0, "a dry run books nothing"
    assert isinstance(brought(book_of, vault, with_footer, as_of), Brought)
    other = brought(book_of, vault, path, as_of, **TOTALS)
    assert isinstance(other, Wrong)
    assert [fault.code for fault in other.faults] == ["here_already"]
    differs = brought(book_of, vault, with_footer, as_of - timedelta(days=1))
    assert isinstance(differs, Wrong | Refused)


def test_an_import_that_was_killed_goes_on_where_it_stood(
    book_of: UnitOfWork, vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_of = LATE - timedelta(days=1)
    path = file_of(tmp_path / "f.csv", *({"loan": f"L-{n}"} for n in range(7)))
    totals = TOTALS | {"loans": "7", "owed_principal": "7350.00"}
    real, calls = bringing.loans.move_in, []

    def dying(**given: Any) -> None:
        calls.append(len(given["newcomers"]))
        real(**given)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as broken, suppress(KeyboardInterrupt):
        broken.setattr(bringing.loans, "move_in", dying)
        brought(book_of, vault, path, as_of, **totals)
    assert calls == [2, 2]
    assert sql.value("SELECT count(*) FROM loans_moved_in WHERE book_id = %s", [book_of.book.id]) == 2, "the second chunk was rolled back"
    found = brought(book_of, vault, path, as_of, chunk=3, **totals)
    assert isinstance(found, Brought)
    assert (found.new, found.known, found.posted["owed_principal"]) == (5, 2, 7350_00)
    assert loan_book.stands(book_of.book.id, LATE) == {}
