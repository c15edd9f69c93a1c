"""docs/sandbox.md says of the sandbox what its code does; `yuefu sandbox fixtures` says the same."""

from __future__ import annotations

import json
import re

from tests.structure.ladder import ROOT
from tools import sandbox
from yuefu.cli import main
from yuefu.payments.gateways import sandbox as gateway
from yuefu.sandbox.rules.fixtures import BEHAVIOURS


def test_the_tables_are_written_from_the_code() -> None:
    """They are written anew by `python -m tools.sandbox`."""
    for target in sandbox.TARGETS:
        page = target.read_text(encoding="utf-8")
        assert page == sandbox.written(page)
        assert all(f"| `{name}` |" in page for name in BEHAVIOURS)


def test_every_word_that_the_channel_acts_on_is_in_the_table() -> None:
    words = {*gateway._REFUSALS, *gateway._REFUSING, *gateway._SILENT, gateway._TWO_TONGUES, "refund_unknown"}
    told = set(re.findall(r"^(?:collections)? +([a-z_]+) {2,}", sandbox.instruments().partition("payouts")[0], re.MULTILINE))
    assert told == words
    assert all(f"…{digits}" in sandbox.instruments() for digits in gateway._BENEFICIARIES)


def test_every_mandate_of_a_behaviour_is_one_that_the_channel_knows() -> None:
    words = {one.mandate for one in BEHAVIOURS.values() if one.mandate not in (None, "ok")}
    assert not [word for word in words if not re.search(rf" {word} ", sandbox.instruments())]


def test_the_command_lists_them_in_both_languages(capsys) -> None:
    for language in ("en", "zh"):
        assert main.main(["--json", "sandbox", "fixtures", "--language", language]) == 0
        found = json.loads(capsys.readouterr().out)["fixtures"]
        assert [one["behaviour"] for one in found] == list(BEHAVIOURS)
        assert found[0]["description"] == getattr(BEHAVIOURS["approved"], language)
    assert (ROOT / "docs" / "sandbox.md").exists()
