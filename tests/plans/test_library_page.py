"""`docs/plans.md` runs as it stands, on the standard library alone."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from yuefu.plans.lifecycle.events import Event, Undone
from yuefu.plans.lifecycle.terms import LoanTerms

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "plans.md"

# Code blocks end with a fence, which doctest would take for output: an empty line ends an example too.
RUN = """
import doctest, sys
text = open(sys.argv[1], encoding="utf-8").read().replace("```", "")
test = doctest.DocTestParser().get_doctest(text, {}, "plans.md", sys.argv[1], 0)
found = doctest.DocTestRunner().run(test)
others = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"yuefu", "__main__"}
print(found.attempted, found.failed, sorted(others))
"""


def test_the_page_runs_without_any_package_and_prints_what_it_says() -> None:
    ran = subprocess.run([sys.executable, "-S", "-c", RUN, str(PAGE)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ran.stderr == ""
    *failures, told = ran.stdout.splitlines()
    assert failures == []
    attempted, failed, others = told.split(" ", 2)
    assert (int(attempted) > 30, failed, others) == (True, "0", "[]")


def test_the_page_names_every_term_and_every_event_with_its_fields() -> None:
    text = PAGE.read_text()
    terms, events = text[text.index("## All terms") : text.index("## All events")], text[text.index("## All events") :]
    assert set(re.findall(r"`(\w+)`", terms)) >= {field.name for field in dataclasses.fields(LoanTerms)}
    for kind in (*get_args(Event), Undone):
        (row,) = [line for line in events.splitlines() if line.startswith("|") and f"`{kind.__name__}`" in line]
        assert set(re.findall(r"`(\w+)`", row)) >= {field.name for field in dataclasses.fields(kind)}
