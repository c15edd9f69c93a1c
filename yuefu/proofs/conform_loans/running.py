"""A file of cases of loans, replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from yuefu.plans.faults import PlanError
from yuefu.proofs.cases import Case, Difference, Report, Unsupported, judge
from yuefu.proofs.conform_loans.course import Course
from yuefu.proofs.conform_loans.judging import play
from yuefu.proofs.conform_loans.story import CourseOf


def run(lines: Iterable[str], *, progress: Callable[[int, int], None] | None = None, course: CourseOf = Course) -> Report:
    """Replays the case of each line that is not blank; `course` makes what its loan is entered into."""
    return judge(lines, lambda case: _guarded(case, course), progress=progress)


def _guarded(case: Case, course: CourseOf) -> list[Difference]:
    """A case that our engine refuses is unsupported and says why; the others go on."""
    try:
        return play(case, course)
    except PlanError as error:
        raise Unsupported(f"refused: {error.detail}") from error
