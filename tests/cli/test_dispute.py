"""Disputes from the command line: opened, answered by the merchant, ruled on, told; and who may do what."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.cli.conftest import Command
from tests.cli.test_aftersales_and_charge_backs import bought  # noqa: F401 - a fixture
from yuefu import ids
from yuefu.aftersales.rules.disputes import Evidence
from yuefu.aftersales.rules.files import File
from yuefu.journeys import disputes, jobs
from yuefu.journeys.disputes import EvidenceRequest, FileRequest, Moved, StepRequest
from yuefu.orders import queries as orders
from yuefu.runtime import books


def test_a_dispute_goes_its_way_and_is_told(
    cli: Command,
    town: Any,
    bought: dict[str, Any],  # noqa: F811
    person: Callable[..., str],
    tmp_path: Path,
) -> None:
    words = (
        "dispute",
        "open",
        bought["order"],
        "--reason",
        "goods_not_received",
        "--claim",
        "it never came",
        "--key",
        f"k-{bought['order']}",
    )
    made = cli(*words, "--as", person("support"))
    assert (made.status, made.last["state"]) == (0, "initiated"), made.out
    dispute = made.last["dispute"]
    assert cli(*words).last == made.last
    assert cli("dispute", "rule", dispute, "--lost", "--note", "too early").code == "dispute_step_not_possible"
    named, file = answered(town.book, ids.parse("order", bought["order"]), ids.parse("dispute", dispute))
    shown = cli("dispute", "show", dispute).last
    assert [one["state"] for one in shown["history"]] == ["initiated", "representment"]
    assert shown["evidence"] == [{"kind": "delivery", "text": "signed for", "file": file}]
    target = tmp_path / "waybill.txt"
    assert cli("dispute", "file", file, "--to", str(target)).status == 0
    assert target.read_bytes() == b"a signature"
    assert cli("dispute", "rule", dispute, "--won", "--note", "x", "--as", person("support")).code == "not_allowed"
    assert (
        cli("dispute", "rule", dispute, "--won", "--note", "it was signed for", "--as", person("risk")).last["state"] == "pre_arbitration"
    )
    assert cli("dispute", "appeal", dispute, "--note", "not by me").last["state"] == "arbitration"
    assert cli("dispute", "rule", dispute, "--lost", "--note", "another hand").last["state"] == "closed"
    (listed,) = [one for one in cli("dispute", "list", "--state", "closed").last["disputes"] if one["dispute"] == dispute]
    assert (listed["outcome"], listed["refunded"]) == ("lost", {"minor": 90_000, "currency": "CNY"})
    assert cli("dispute", "withdraw", dispute, "--note", "y").code == "dispute_step_not_possible"
    assert cli("dispute", "show", ids.text("dispute", named)).code == "unknown_dispute"
    assert cli("dispute", "list", "--state", "nonsense").code == "unknown_state"


def answered(code: str, order_id: Any, dispute_id: Any) -> tuple[Any, str]:
    """As its merchant's program does; gives an id that is no dispute's, and that of the file."""
    book = books.by_code(code)
    assert book is not None
    desk, now = jobs.desk_of(book, "test"), books.now_in(book)
    merchant = orders.orders([order_id])[order_id].merchant_id
    content = b"a signature"
    sent = FileRequest("F", merchant, "dispute_evidence", "waybill.txt", sha256(content).digest(), content)
    (file,) = disputes.keep_files(desk=desk, now=now, requests=[sent])
    assert isinstance(file, File), file
    (added,) = disputes.add_evidence(
        desk=desk, now=now, requests=[EvidenceRequest("E", merchant, dispute_id, "delivery", "signed for", file.id)]
    )
    assert isinstance(added, Evidence), added
    (moved,) = disputes.take(desk=desk, now=now, requests=[StepRequest("S", merchant, dispute_id, "submit")])
    assert isinstance(moved, Moved), moved
    return added.id, ids.text("file", file.id)
