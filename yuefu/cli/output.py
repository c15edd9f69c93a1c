"""What a command prints: its result on standard output, everything else on standard error.

With `--json` the result is one JSON object and nothing else reaches standard output, whoever writes to it.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Final, Protocol, TextIO

from yuefu.cli.faults import PIPE_CLOSED, Fault
from yuefu.money.amounts import Money
from yuefu.runtime.jsontext import dumps

WIDTH_OF_NO_TERMINAL: Final = 200
SECONDS_OF_SILENCE: Final = 10.0


class Progress(Protocol):
    """Says how far long work is, with the orders placed so far where that is what it does."""

    def __call__(self, done: int, total: int, orders: int | None = None) -> None: ...


@dataclass(slots=True)
class Run:
    """One invocation: what was asked of it beside the command itself, and where its output goes."""

    as_json: bool
    stdout: TextIO
    request_id: str
    login: str | None = None
    book: str | None = None
    home: Path | None = None
    printed: bool = field(default=False)
    zone: tzinfo | None = None
    """Where the book is that it is about: moments are told as they are there."""


_run: ContextVar[Run] = ContextVar("yuefu_run")


def current() -> Run:
    """The invocation that is under way."""
    return _run.get()


@contextlib.contextmanager
def running(run: Run) -> Iterator[None]:
    """Makes `run` the current one. With `--json` standard output is lent to standard error until the result is printed."""
    token = _run.set(run)
    try:
        with contextlib.redirect_stdout(sys.stderr) if run.as_json else contextlib.nullcontext():
            yield
    finally:
        _run.reset(token)


def result(value: Mapping[str, Any], text: str | Iterable[str] = "") -> None:
    """Prints what a command found: `value` as JSON, else `text` (or, where there is none, the names and values one a line). Moments of `value` are in the
    zone of the book; those of `text` have come through `shown`."""
    run = current()
    run.printed = True
    if run.as_json:
        _write(run, dumps(_in_zone(value, run.zone)))
        return
    lines = [text] if isinstance(text, str) else list(text)
    if lines == [""]:
        lines = [f"{name}: {shown(found)}" for name, found in value.items()]
    _write(run, "\n".join(lines))


_STORED_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?\+00:00")
"""A moment in a refusal: whoever refuses knows no terminal, and tells it as it is stored."""


def failure(run: Run, fault: Fault) -> None:
    """Prints why a command failed: one sentence on standard error, with `--json` an object on standard output instead."""
    run.printed = True
    detail = _STORED_MOMENT.sub(lambda found: _minute(datetime.fromisoformat(found[0]), run.zone), fault.detail)
    if run.as_json:
        _write(run, dumps({"error": {"code": fault.code, "detail": detail}}))
        return
    with contextlib.suppress(OSError, ValueError):
        print(f"yuefu: {detail}", file=sys.stderr, flush=True)


def _write(run: Run, text: str) -> None:
    """Prints to whoever reads; where nobody does any more, the command ends, and quietly."""
    try:
        print(text, file=run.stdout, flush=True)
    except BrokenPipeError:
        _forget(run.stdout)
        raise SystemExit(PIPE_CLOSED) from None


def _forget(stdout: TextIO) -> None:
    """What is still buffered goes nowhere, so that the interpreter does not complain of it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout.fileno())
        os.close(nowhere)


def say(text: str) -> None:
    """Tells whoever watches what is going on."""
    print(text, file=sys.stderr, flush=True)


def terminal_width() -> int | None:
    """How many columns the terminal has that standard output goes to; None where it goes elsewhere, and nothing has to fit."""
    return shutil.get_terminal_size().columns if current().stdout.isatty() else None


_GAP: Final = 2
_TYPED: Final = re.compile(r"[\w.-]{1,40}")


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, figures: Collection[str] = ()) -> str:
    """Rows under headings; numbers and amounts to the right, and the columns named as `figures`, whose texts are amounts."""
    from rich.cells import cell_len  # a Chinese character is two columns wide
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    given = [list(row) for row in rows]
    grid, least = Table(box=None, pad_edge=False, header_style="bold"), -_GAP
    for place, name in enumerate(columns):
        right = name in figures or (bool(given) and all(isinstance(row[place], int | Money) for row in given))
        # What somebody will type again, a name or an id, stands whole in one line; what is long goes on below, and nothing is cut off.
        cells = [str(shown(row[place])) for row in given]
        whole = max([cell_len(name), *(cell_len(cell) for cell in cells if right or _TYPED.fullmatch(cell))])
        least += whole + _GAP
        grid.add_column(name, justify="right" if right else "left", no_wrap=right, min_width=whole, overflow="fold")
    for row in given:
        grid.add_row(*(Text(shown(cell)) for cell in row))  # a Text is shown as it is: no markup of a stranger's name is obeyed
    terminal = terminal_width()
    width = terminal or WIDTH_OF_NO_TERMINAL
    drawn = io.StringIO()  # where whole cells do not fit, the terminal breaks the lines: rich would leave the last columns out
    Console(file=drawn, width=max(width, least), force_terminal=terminal is not None, highlight=False).print(grid)
    return "\n".join(line.rstrip() for line in drawn.getvalue().splitlines())


@contextlib.contextmanager
def progress(label: str) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal, plain lines there where it is not; `update(done, total, orders)` moves it."""
    if not sys.stderr.isatty():
        yield _Lines(label)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def update(done: int, total: int, orders: int | None = None) -> None:
            bar.update(task, completed=done, total=total, description=label + _and_orders(orders))

        yield update


def _and_orders(orders: int | None) -> str:
    return "" if orders is None else f", {orders} orders"


class _Lines:
    """A line at each tenth of the way, and between them where that takes longer than ten seconds: a log shows that it goes on."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._said_at = time.monotonic()
        self._tenths = 0

    def __call__(self, done: int, total: int, orders: int | None = None) -> None:
        tenths = 10 * done // total
        if tenths == self._tenths and time.monotonic() - self._said_at < SECONDS_OF_SILENCE:
            return
        self._tenths, self._said_at = tenths, time.monotonic()
        say(f"{self._label}: {done} of {total}{_and_orders(orders)}")


def shown(value: Any) -> str:
    """A value as people read it in a line or a cell: moments to the minute, in the zone of the book."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return _minute(value, current().zone)
    if isinstance(value, Mapping | list | tuple):
        return dumps(_in_zone(value, current().zone))
    return str(value)


def _minute(at: datetime, zone: tzinfo | None) -> str:
    return f"{_in_zone(at, zone):%Y-%m-%d %H:%M}" if zone else str(at)


def _in_zone(value: Any, zone: tzinfo | None) -> Any:
    """A value with all moments in it as they are in a zone."""
    if zone is None:
        return value
    if isinstance(value, datetime):
        return value.astimezone(zone) if value.tzinfo else value
    if isinstance(value, Mapping):
        return {name: _in_zone(one, zone) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_in_zone(one, zone) for one in value]
    if is_dataclass(value) and not isinstance(value, type | Money):
        return {each.name: _in_zone(getattr(value, each.name), zone) for each in fields(value)}
    return value
