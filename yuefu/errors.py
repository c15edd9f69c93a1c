"""Refusals: the expected "no" of a command, as a value.

A refusal is for users (a limit, a state, a duplicate); an assertion is for bugs. `Refused.code` is stable and
documented beside the command that returns it; `detail` is English for engineers; pages translate the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
    """One request was not carried out. Nothing was changed for it, and its neighbours in the batch are not disturbed."""

    code: str
    detail: str = ""
    field: str | None = None


class RefusedError(Exception):
    """A refusal raised for a caller of one request."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.detail}")
        self.refused = refused


def one(outcomes: Sequence[T | Refused]) -> T:
    """The single outcome of a batch of one; raises RefusedError where it is a refusal."""
    (outcome,) = outcomes
    if isinstance(outcome, Refused):
        raise RefusedError(outcome)
    return outcome
