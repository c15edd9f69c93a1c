"""`docs/plans.md` runs as it stands, on the standard library alone."""

import subprocess
import sys
from pathlib import Path

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
