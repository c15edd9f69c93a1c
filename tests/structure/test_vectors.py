"""Each published case has a test with its id in the name, or a reason in docs/vectors.md why it has none; never both, never neither."""

import json
import re

from tests.structure.ladder import ROOT

SAID = (ROOT / "docs" / "vectors.md").read_text(encoding="utf-8")


def ids() -> set[str]:
    lines = (ROOT / "tests" / "data" / "payments_vectors.jsonl").read_text(encoding="utf-8").splitlines()
    return {json.loads(line)["id"] for line in lines}


def with_a_test() -> set[str]:
    """Ids in the names of tests; ledger scripts are parameters of one."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    names = "\n".join(name for source in sources for name in re.findall(r"^ *(?:async )?def (test_\w+)", source, re.MULTILINE)) + "\n"
    return {i for i in ids() if i.startswith("led-") or re.search(rf"_{i.replace('-', '_')}(?:_|$)", names, re.MULTILINE)}


def excused() -> set[str]:
    return set(re.findall(r"^- ([a-z0-9-]+): \S", SAID, re.MULTILINE))


def test_each_case_is_tested_or_excused() -> None:
    assert ids() - with_a_test() - excused() == set(), "give it a test, or a reason in docs/vectors.md"
    assert with_a_test() & excused() == set(), "it has a test now: take its reason out of docs/vectors.md"
    assert excused() - ids() == set(), "there is no such case"


def test_the_tests_that_are_named_are_there() -> None:
    found = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)", SAID)
    assert len(found) > 10
    assert [test for path, test in found if f"def {test}(" not in (ROOT / path).read_text(encoding="utf-8")] == []
