"""What the benchmark of the close measures has happened: loans were filled in, paid, brought to the end of two days and proven."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from yuefu.proofs import bench_close
from yuefu.runtime import sql, vault
from yuefu.runtime.beside import Beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from yuefu.proofs.bench_close import Progress

LOANS = 600
FIGURES = {
    *("ordinary_day_s", "month_end_s", "python_peak_mb", "generate_s", "repayments_per_s", "reproject_2400_events_s"),
    "per_loan_ratio_1m_100k",
}


def test_two_days_of_a_filled_book_are_paid_closed_and_measured():
    shown: list[tuple[str, int, int]] = []

    @contextmanager
    def watch(name: str) -> Iterator[Progress]:
        yield lambda done, total: shown.append((name, done, total))

    found = bench_close.measure(lambda text: None, loans=LOANS, watch=watch, events=50)
    assert set(found) == {*FIGURES, "detail"}
    assert {name for name in FIGURES if not found[name] > 0} == set()
    book, smaller = found["detail"]["book"], found["detail"]["smaller_book"]
    assert (book["loans"], smaller["loans"]) == (LOANS, LOANS // 10)
    ordinary, month_end = book["2026-04-29"], book["2026-04-30"]
    for day in (ordinary, month_end):
        assert (day["close"]["loans"], day["close"]["stuck"]) == (LOANS, 0)
        assert day["close"]["opened"] >= day["paid"]["repayments"] > 0
        assert {"interest", "discount", "penalties"} <= set(day["close"]["brought_minor"])
    assert month_end["paid"]["repayments"] > ordinary["paid"]["repayments"], "those of the 31st pay on the 30th too"
    assert 0.03 * LOANS <= ordinary["close"]["late"] <= month_end["close"]["late"] < 0.05 * LOANS
    assert _closed(LOANS) == [("2026-04-29", "closed"), ("2026-04-30", "closed"), ("2026-05-01", "open")]
    assert shown[-1][1:] == (1, 1)
    assert ("loans", LOANS, LOANS) in shown


def _closed(loans: int) -> list[tuple[str, Any]]:
    """The days of the book of so many loans, by the run of the last benchmark."""
    return sql.rows(
        "SELECT d.on_date::text, d.state FROM runtime_business_day d WHERE d.book_id = (SELECT id FROM runtime_book WHERE code LIKE %s"
        " ORDER BY id DESC LIMIT 1) ORDER BY d.on_date",
        [f"close-{loans}-%"],
    )


def test_a_long_loan_is_told_anew_with_all_its_events(tmp_path: Path):
    found = bench_close.reproject(vault.create(tmp_path / "keys.json"), events=60)
    assert found["entered_s"] > found["fold_s"] > 0
    counts = sql.rows(
        "SELECT count(*) FROM loans_fact f JOIN loans_agreement a ON a.id = f.loan_id WHERE a.product = 'long' GROUP BY a.id ORDER BY 1"
    )
    assert (60 + found["rounds"],) in counts


def test_memory_is_that_of_all_our_processes_of_python_together():
    with bench_close.peak_of_python() as before:
        pass
    with bench_close.peak_of_python() as peak:
        kept = bytearray(80 * 2**20)
        for page in range(0, len(kept), 4096):
            kept[page] = 1
    assert peak() >= before() + 70
    del kept
    with Beside("builtins:list", ()) as other, bench_close.peak_of_python() as both:
        other.call("copy")
    assert both() >= before() + 20
