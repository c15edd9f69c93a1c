"""A file of cases of loans, replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from yuefu.plans.faults import PlanError
from yuefu.proofs.cases import Case, Difference, Report, Unsupported, judge
from yuefu.proofs.conform_loans.judging import play


def run(lines: Iterable[str], *, progress: Callable[[int, int], None] | None = None) -> Report:
    """Replays the case of each line that is not blank."""
    return judge(lines, _guarded, progress=progress)


def _guarded(case: Case) -> list[Difference]:
    """A case that our engine refuses is unsupported and says why; the others go on."""
    try:
        return play(case)
    except PlanError as error:
        raise Unsupported(f"refused: {error.detail}") from error
