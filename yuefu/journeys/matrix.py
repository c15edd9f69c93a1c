"""The matrix of amounts and terms: which combinations a merchant's contract has, what was found of each, and the certificate of a run that passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from yuefu import ids
from yuefu.errors import Refused
from yuefu.journeys.checkout import NO_CONTRACT
from yuefu.journeys.desk import Desk, open_day
from yuefu.merchants import queries as sellers
from yuefu.money.amounts import Money
from yuefu.offers import queries as products
from yuefu.offers.rules.product import MERCHANT, PUBLISHED
from yuefu.papers.rules.setting import row, section, typeset
from yuefu.runtime import sql
from yuefu.runtime.values import UnitOfWork
from yuefu.sandbox import commands as sandbox
from yuefu.sandbox import queries as practice
from yuefu.sandbox.rules import matrix as rules
from yuefu.sandbox.rules.clocks import TEST_MODE_ONLY
from yuefu.sandbox.rules.matrix import Done, Offered, Outcome, Run


@dataclass(frozen=True, slots=True)
class Certified:
    """A run in which every combination passed, with the digest of what was found."""

    run: Run
    merchant_zh: str
    merchant_en: str
    done: tuple[Done, ...]
    sha256: str


def begin(*, desk: Desk, now: datetime, merchant_id: UUID, through: str = "", amounts: Sequence[int] = ()) -> UUID | Refused:
    """Notes a run of every combination of the merchant's contract in force. Refused with test_mode_only, no_contract, nothing_to_run or matrix_too_large."""
    if desk.book.mode != "test":
        return Refused(TEST_MODE_ONLY, "the matrix is run in a test book: use a test key")
    with open_day(desk, now) as work:
        if isinstance(work, Refused):
            return work
        contract = sellers.contracts_in_force(merchant_ids=[merchant_id], on=work.day.on).get(merchant_id)
        if contract is None:
            return Refused(NO_CONTRACT, "the merchant has no contract in force")
        paid = {periods for periods, _ in contract.terms.discounts}
        cells = rules.cells(_offered(work, paid), currency=desk.book.currency, amounts=amounts)
        if not cells:
            return Refused(rules.NOTHING_TO_RUN, "no product of the contract is for these amounts")
        if len(cells) > rules.MOST_CELLS:
            return Refused(rules.MATRIX_TOO_LARGE, f"{len(cells)} combinations are more than {rules.MOST_CELLS}: name fewer amounts")
        return sandbox.begin_run(work=work, merchant_id=merchant_id, through=through, cells=cells)


def _offered(work: UnitOfWork, paid: set[int]) -> list[Offered]:
    """What is on offer: plans that the merchant pays for, those that its contract has, and the others with all their terms."""
    latest = {one.terms.code: one.terms for one in products.versions(book_id=work.book.id) if one.state == PUBLISHED}
    return [
        Offered(code, tuple(n for n in terms.periods if terms.payer != MERCHANT or n in paid), terms.minimum.minor, terms.maximum.minor)
        for code, terms in latest.items()
    ]


def note(*, run_id: UUID, no: int, outcome: Outcome) -> None:
    """Keeps what was found of a combination."""
    with sql.transacting():
        sandbox.note_cell(run_id=run_id, no=no, outcome=outcome)


def end(*, desk: Desk, now: datetime, run_id: UUID) -> Run:
    """Ends a run of which no combination waits; again, it has ended."""
    done = practice.done(run_id=run_id)
    assert all(one.outcome for one in done), "a run ends when nothing of it waits"
    with open_day(desk, now) as work:
        assert isinstance(work, UnitOfWork), "the runs of a test book are ended on a day of it"
        sandbox.end_run(work=work, run_id=run_id, passed=all(one.outcome and not one.outcome.fault for one in done))
    found = practice.run(run_id=run_id)
    assert found is not None, "it was there"
    return found


def certify(*, run: Run) -> Certified | Refused:
    """The certificate of a run. Refused with matrix_failed, which names the combination, or matrix_unfinished."""
    done = practice.done(run_id=run.id)
    if fault := rules.certificate_fault(run, done):
        return fault
    merchant = sellers.shown(ids=[run.merchant_id])[run.merchant_id]
    return Certified(run, merchant.name_zh, merchant.name_en, tuple(done), rules.digest(run, done))


def told(certified: Certified) -> dict[str, Any]:
    """The certificate as plain values."""
    run = certified.run
    return {
        "matrix_run": ids.text("matrix_run", run.id),
        "merchant": ids.text("merchant", run.merchant_id),
        "name_zh": certified.merchant_zh,
        "name_en": certified.merchant_en,
        "through": run.through or None,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "combinations": run.cells,
        "results": [
            {"no": d.cell.no, "product": d.cell.product, "periods": d.cell.periods, "amount": d.cell.amount_minor, "currency": d.cell.currency,
             "order": d.outcome.order, "figures": dict(d.outcome.figures)}
            for d in certified.done
            if d.outcome
        ],
        "sha256": certified.sha256,
    }  # fmt: skip


def pdf(*, desk: Desk, certified: Certified, language: Literal["zh", "en"]) -> bytes:
    """The certificate as a paper."""

    def text(name: str) -> str:
        return rules.TEXTS[name][0 if language == "zh" else 1]

    run, number = certified.run, ids.text("matrix_run", certified.run.id)
    assert run.finished_at is not None, "a run that passed has ended"
    columns = [
        {"name": text(name), "number": name == "count", "wide": name == "amounts"} for name in ("product", "terms", "amounts", "count")
    ]
    code = [[text("number"), number], [text("code"), certified.sha256]]
    return typeset(
        language,
        title=text("title"),
        lender=desk.book.legal_entity,
        fields=[
            [text("number"), number],
            [text("merchant"), certified.merchant_zh if language == "zh" else certified.merchant_en],
            [text("through"), run.through or text("direct")],
            [text("finished"), run.finished_at.astimezone(desk.book.tz).strftime("%Y-%m-%d %H:%M:%S %z")],
            [text("count"), f"{run.cells} ({text('passed')})"],
        ],
        body=[text("body")],
        sections=[section("", [], columns, [row("plain", cells) for cells in _by_product(certified.done)])],
        notes=[text("note")],
        code=code,
        footer=number,
    )


def _by_product(done: Sequence[Done]) -> list[list[str]]:
    rows = []
    for product in sorted({one.cell.product for one in done}):
        mine = [one.cell for one in done if one.cell.product == product]
        amounts = sorted({(cell.amount_minor, cell.currency) for cell in mine})
        said = ", ".join(Money(minor, currency).decimal_text() for minor, currency in amounts)
        rows.append([product, ", ".join(map(str, sorted({cell.periods for cell in mine}))), f"{said} {mine[0].currency}", str(len(mine))])
    return rows
