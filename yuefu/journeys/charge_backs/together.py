"""Requests that are carried out together, and once more without those that were refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from yuefu.aftersales.queries import ChargeBack
from yuefu.errors import Refused
from yuefu.runtime import sql

R = TypeVar("R")
O = TypeVar("O")


class CannotAll(Exception):
    """Requests that loans, credit lines or payments refused: whatever was done for them and beside them is undone."""

    def __init__(self, refused: Mapping[Any, Refused]) -> None:
        super().__init__(refused)
        self.refused = refused


def without_those_refused(act: Callable[[Mapping[R, Refused]], list[ChargeBack | Refused]]) -> list[ChargeBack | Refused]:
    """`act` is given what was refused so far, by request, and raises CannotAll where more is: then all is done once more, as if those had not been asked.

    Of the money of a collection, and of the room of a credit line, nobody can say how much is left for a request before those that come first are
    carried out or refused."""
    refused: dict[R, Refused] = {}
    while True:
        try:
            with sql.attempting():
                return act(refused)
        except CannotAll as no:
            refused |= no.refused


def carried_out(requests: Sequence[R], outcomes: Sequence[O | Refused]) -> list[O]:
    """What became of requests, none of which may be refused. Raises CannotAll."""
    refused = {request: outcome for request, outcome in zip(requests, outcomes, strict=True) if isinstance(outcome, Refused)}
    if refused:
        raise CannotAll(refused)
    return [outcome for outcome in outcomes if not isinstance(outcome, Refused)]
