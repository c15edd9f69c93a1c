"""The matrix of amounts and terms over HTTP: every combination of a contract, a certificate where all of it held and none where something did not."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.api.conftest import Merchant, Server
from yuefu import ids
from yuefu.cli.main import main
from yuefu.errors import Refused
from yuefu.journeys import matrix
from yuefu.journeys.matrix import Certified
from yuefu.proofs.matrix import NotReached, Program
from yuefu.runtime import sql
from yuefu.sandbox import queries as practice
from yuefu.sandbox.rules import matrix as rules
from yuefu.sandbox.rules.matrix import Cell, Offered, Outcome, Run

CELL = Cell(1, "free", 3, 100_01, "CNY")


def begun(merchant: Merchant, *amounts: int, through: str = "") -> Run:
    shop = merchant.shop
    found = matrix.begin(desk=shop.desk, now=shop.now(), merchant_id=shop.merchants[0], through=through, amounts=amounts)
    assert isinstance(found, UUID), found
    run = practice.run(run_id=found)
    assert run is not None
    return run


def program(merchant: Merchant, server: Server, run: Run) -> Program:
    return Program(f"http://127.0.0.1:{server.port}", merchant.issued.secret, ids.text("matrix_run", run.id), run.through)


def carried_out(merchant: Merchant, server: Server, run: Run) -> Run:
    this = program(merchant, server, run)
    for one in practice.done(run_id=run.id):
        if one.outcome is None:
            matrix.note(run_id=run.id, no=one.cell.no, outcome=this.carry_out(one.cell))
    return matrix.end(desk=merchant.shop.desk, now=merchant.shop.now(), run_id=run.id)


@pytest.fixture(scope="module")
def passed(regular: Merchant, server: Server) -> Run:
    """A run that was broken off in its second combination, after the sale and a refund of a part, and went on."""
    run = begun(regular, 100_01)
    first, second = (one.cell for one in practice.done(run_id=run.id)[:2])
    this = program(regular, server, run)
    matrix.note(run_id=run.id, no=first.no, outcome=this.carry_out(first))
    order, _ = this._sold(second)
    this._refund(second, order, second.part_minor)
    return carried_out(regular, server, run)


def test_every_combination_of_the_contract_is_carried_out_and_every_figure_agrees(passed: Run) -> None:
    done = practice.done(run_id=passed.id)
    assert [one.outcome.fault if one.outcome else "waits" for one in done] == [""] * 5
    assert [(one.cell.product, one.cell.periods) for one in done] == [("flex", 3), ("flex", 6), ("flex", 12), ("free", 3), ("free", 6)]
    orders = sql.rows("SELECT captured_minor, refunded_minor FROM orders_order WHERE book_id = %s", [passed.book_id])
    assert orders == [(100_01, 100_01)] * 5, "what was sold before the run broke off was not sold again"


def test_a_run_that_passed_has_a_certificate_in_both_languages(passed: Run, regular: Merchant) -> None:
    certified = matrix.certify(run=passed)
    assert isinstance(certified, Certified)
    told = matrix.told(certified)
    assert (told["combinations"], len(told["results"])) == (5, 5)
    papers = [matrix.pdf(desk=regular.shop.desk, certified=certified, language=language) for language in ("zh", "en")]
    assert all(paper.startswith(b"%PDF") for paper in papers)
    assert papers[0] == matrix.pdf(desk=regular.shop.desk, certified=certified, language="zh")
    done = list(certified.done)
    outcome = done[0].outcome
    assert outcome is not None
    other = [replace(done[0], outcome=replace(outcome, figures={"instalments": [1]})), *done[1:]]
    assert rules.digest(passed, other) != certified.sha256 == rules.digest(passed, done)


def test_one_combination_that_failed_has_no_certificate_and_is_named(regular: Merchant) -> None:
    run = begun(regular, 100_01)
    early = matrix.certify(run=run)
    assert isinstance(early, Refused)
    assert (early.code, early.detail) == ("matrix_unfinished", "no. 1 (flex, 3 periods, 10001 CNY) waits")
    for one in practice.done(run_id=run.id):
        matrix.note(run_id=run.id, no=one.cell.no, outcome=Outcome("loan: amount is 1, not 2" if one.cell.no == 4 else ""))
    ended = matrix.end(desk=regular.shop.desk, now=regular.shop.now(), run_id=run.id)
    refused = matrix.certify(run=ended)
    assert isinstance(refused, Refused)
    assert refused.code == "matrix_failed"
    assert refused.detail == "no. 4 (free, 3 periods, 10001 CNY) failed: loan: amount is 1, not 2"
    with pytest.raises(Exception, match="what was found of a combination stays"), sql.transacting():
        sql.run("UPDATE sandbox_matrix_cell SET fault = '' WHERE run_id = %s AND no = 4", [run.id])
    with pytest.raises(Exception, match="ends once"), sql.transacting():
        sql.run("UPDATE sandbox_matrix_run SET state = 'passed' WHERE id = %s", [run.id])


class Integration(BaseHTTPRequestHandler):
    """A merchant's own, in few lines; `wrong` keeps a part of what should be refunded."""

    merchant: Merchant
    wrong = False

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = f"{asked['run']}:{asked['no']}:{asked['do']}:{asked.get('amount')}"
        if asked["do"] == "sell":
            wish = {name: asked[name] for name in ("product", "periods", "amount", "currency", "consumer")}
            quote = self.merchant.post("/v1/quotes", wish, key=None).body["id"]
            order = {"quote": quote, "consumer": asked["consumer"], "merchant_reference": key}
            name = self.merchant.post("/v1/orders", order, key=key).body["id"]
            self.merchant.post(f"/v1/orders/{name}/capture", {}, key=f"{key}:c")
            answer: dict[str, Any] = {"order": name}
        else:
            body = {} if asked["amount"] is None else {"amount": asked["amount"] - self.wrong}
            answer = self.merchant.post(f"/v1/orders/{asked['order']}/refund", body, key=key).body
        said = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def integration(regular: Merchant) -> Iterator[tuple[str, type[Integration]]]:
    handler = type("Ours", (Integration,), {"merchant": regular})
    served = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}/", handler
    served.shutdown()
    served.server_close()


def test_an_integration_is_found_out_that_refunds_a_cent_less(
    regular: Merchant, server: Server, integration: tuple[str, type[Integration]]
) -> None:
    address, handler = integration
    run = begun(regular, 100_01, through=address)
    this = program(regular, server, run)
    first, second = (one.cell for one in practice.done(run_id=run.id)[:2])
    assert this.carry_out(first).fault == ""
    handler.wrong = True
    assert "amount_refunded is 3332, not 3333" in this.carry_out(second).fault


def test_an_order_of_another_run_does_not_stand_for_one(regular: Merchant, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = program(regular, server, begun(regular, 100_01))
    run = begun(regular, 100_01)
    cell = practice.done(run_id=run.id)[0].cell
    sold = earlier.carry_out(cell)
    assert sold.fault == ""
    later = program(regular, server, run)
    later.through = "https://shop.example"
    monkeypatch.setattr(Program, "_integration", lambda *_: {"order": sold.order})
    assert "consumer is" in later.carry_out(cell).fault


def test_a_decline_is_told_and_nobody_there_is_no_outcome(regular: Merchant, server: Server) -> None:
    run = begun(regular, 100_01)
    cell = practice.done(run_id=run.id)[0].cell
    broke = program(regular, server, run)
    broke._consumers[0] = regular.consumer(limit="1.00")
    assert broke.carry_out(cell).fault.endswith("(['limit'])")
    gone = program(regular, server, run)
    gone.url = "http://127.0.0.1:9"
    with pytest.raises(NotReached):
        gone.carry_out(cell)


ROWS = [{"no": n, "due_on": f"2026-1{n}-25", "principal": 33_34 - (n > 1), "interest": 1, "total": 33_35 - (n > 1)} for n in (0, 1, 2)]
QUOTE = {"amount": 100_00, "instalments": [row | {"no": n} for n, row in enumerate(ROWS, 1)], "total_payable": 100_03, "total_interest": 3}


@pytest.mark.parametrize(
    ("change", "said"),
    [({"total_payable": 100_02}, "total of the instalments"), ({"total_interest": 4}, "interest of the instalments"), ({"amount": 99_99}, "amount is"),
     ({"instalments": QUOTE["instalments"][:2]}, "number of instalments"), ({"instalments": QUOTE["instalments"][::-1]}, "order of the due days")],
)  # fmt: skip
def test_a_price_that_does_not_add_up_is_found_out(change: dict[str, Any], said: str) -> None:
    cell = Cell(1, "free", 3, 100_01, "CNY")
    sound = QUOTE | {"amount": 100_01, "total_payable": 100_04, "instalments": _plus_one_cent()}
    assert list(rules.quote_faults(cell, sound)) == []
    assert any(said in fault for fault in rules.quote_faults(cell, sound | change))


def _plus_one_cent() -> list[dict[str, Any]]:
    first, *rest = QUOTE["instalments"]
    missing = 100_01 - sum(row["principal"] for row in QUOTE["instalments"])
    return [first | {"principal": first["principal"] + missing, "total": first["total"] + missing}, *rest]


def test_combinations_are_all_of_them_within_what_each_product_is_for() -> None:
    offered = [Offered("b", (3, 6), 100, 200), Offered("a", (12,), 150, 10_000)]
    found = rules.cells(offered, currency="CNY", amounts=[50, 150, 200, 201])
    assert [(c.product, c.periods, c.amount_minor) for c in found] == [
        ("a", 12, 150), ("a", 12, 200), ("a", 12, 201), ("b", 3, 150), ("b", 3, 200), ("b", 6, 150), ("b", 6, 200),
    ]  # fmt: skip
    assert [c.no for c in found] == list(range(1, 8))
    usual = {c.amount_minor for c in rules.cells(offered, currency="CNY") if c.product == "b"}
    assert usual == {100, 101, 200}


def test_the_command_runs_it_shows_it_and_writes_the_certificate(
    regular: Merchant, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> tuple[int, Any]:
        status = main(["--json", *words])
        return status, json.loads(capsys.readouterr().out)

    monkeypatch.setenv("YUEFU_API_KEY", "sk_test_no")
    address = f"http://127.0.0.1:{server.port}"
    status, told = said("matrix", "run", "--url", address)
    assert (status, told["error"]["code"]) == (1, "key_unknown")
    monkeypatch.setenv("YUEFU_API_KEY", regular.issued.secret)
    status, told = said("matrix", "run", "--url", "http://127.0.0.1:9", "--amount", "100.00")
    assert told["error"]["code"] == "not_reached"
    name = re.search(r"mtx_\w+", told["error"]["detail"])[0]
    status, told = said("matrix", "run", "--url", address, "--continue", name)
    assert (status, told["state"], told["passed"], told["failed"]) == (0, "passed", 5, [])
    book = ["--book", regular.shop.desk.book.code]
    paper = tmp_path / "paper.pdf"
    status, told = said("matrix", "certificate", name, "--language", "en", "--out", str(paper), *book)
    assert (status, told["combinations"], paper.read_bytes()[:4]) == (0, 5, b"%PDF")
    assert said("matrix", "list", *book)[1]["runs"][0]["run"] == name
    failed = next(one["run"] for one in said("matrix", "list", *book)[1]["runs"] if one["state"] == "failed")
    status, told = said("matrix", "certificate", failed, *book)
    assert (status, told["error"]["code"]) == (1, "matrix_failed")
    assert said("matrix", "show", failed, *book)[1]["failed"][0]["no"] == 4
