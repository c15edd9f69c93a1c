"""What a route is: an address, who may ask there, what it takes and gives. Each file of a resource has its own; `routes` has them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from yuefu.api.calls import Call

Parameter = tuple[str, dict[str, Any], str]
"""The name of a parameter of the address, its schema, and what it says."""


@dataclass(frozen=True, slots=True)
class Route:
    """`scope` is what a key must be allowed. A `keyed` route moves money and needs an Idempotency-Key. What it `takes` is always sent: an
    absent body stands for nothing, least of all for everything. What `may_fail` is declined with 402, for good. `public` may be asked by
    browsers of anybody, with a publishable key. `expands` are the paths that `expand[]` may be given, of a list `data.order` for instance.
    Of the `parameters` those that it `needs` are always given.
    """

    method: str
    path: str
    scope: str
    handler: Callable[[Call], Awaitable[dict[str, Any]]]
    takes: type[BaseModel] | None
    gives: type[BaseModel]
    status: int
    keyed: bool
    summary: str
    parameters: tuple[Parameter, ...] = ()
    may_fail: bool = False
    public: bool = False
    expands: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
