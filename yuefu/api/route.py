"""What a route is: an address, who may ask there, what it takes and gives. Each file of a resource has its own; `routes` has them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import IO, Any

from pydantic import BaseModel

from yuefu.api.calls import Call
from yuefu.api.reading import LARGEST_BODY

Parameter = tuple[str, dict[str, Any], str]
"""The name of a parameter of the address, its schema, and what it says."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is given out: what it is called, what it is, and its bytes from the first on. Whoever sends it closes it."""

    name: str
    content_type: str
    file: IO[bytes]


@dataclass(frozen=True, slots=True)
class Route:
    """`scope` is what a key must be allowed, "" where any key in force may ask. A `keyed` route moves money and needs an Idempotency-Key.
    What it `takes` is always sent: an absent body stands for nothing, least of all for everything. What `may_fail` is declined with 402,
    for good. `public` may be asked by browsers of anybody, with a publishable key. `expands` are the paths that `expand[]` may be given,
    of a list `data.order` for instance. `named` is what stands in the address beside ids. A route that `gives` None gives a file, of one
    of the kinds in `files`. Of the `parameters` those that it `needs` are always given. `agents` ask it for themselves. A body has at most `largest` bytes.
    """

    method: str
    path: str
    scope: str
    handler: Callable[[Call], Awaitable[dict[str, Any] | Download]]
    takes: type[BaseModel] | None
    gives: type[BaseModel] | None
    status: int
    keyed: bool
    summary: str
    parameters: tuple[Parameter, ...] = ()
    may_fail: bool = False
    public: bool = False
    expands: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    agents: bool = False
    named: tuple[Parameter, ...] = ()
    files: tuple[str, ...] = ()
    largest: int = LARGEST_BODY


def gets(
    path: str,
    scope: str,
    handler: Callable[[Call], Awaitable[dict[str, Any] | Download]],
    gives: type[BaseModel] | None,
    summary: str,
    parameters: tuple[Parameter, ...] = (),
    *,
    expands: tuple[str, ...] = (),
    named: tuple[Parameter, ...] = (),
    files: tuple[str, ...] = (),
) -> Route:
    """A route that reads."""
    return Route("GET", path, scope, handler, None, gives, 200, False, summary, parameters, expands=expands, named=named, files=files)
