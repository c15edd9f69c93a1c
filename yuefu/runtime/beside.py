"""A Python process beside ours: one object over there, whose methods are called one after the other through a pipe.

For work that goes on at the same time and has to compute (threads of one process take turns). It ends with ours, however ours ends.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import pickle
import signal
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Final, Self, cast

SECONDS_TO_END: Final = 10


class Ended(Exception):
    """The process beside ours is gone before it answered."""


class Beside:
    """`made_by` names what makes the object there, as `package.module:name`; it is called with `given`, which must be picklable."""

    def __init__(self, made_by: str, given: object) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._ours, theirs = spawning.Pipe()
        self._process = spawning.Process(target=_work, args=(theirs, made_by), name=f"beside {made_by}", daemon=True)
        self._process.start()
        theirs.close()
        self._waiting = 0
        with suppress(BrokenPipeError, ConnectionResetError):  # It is gone already: whoever tells it something hears so.
            self._ours.send(given)

    def tell(self, method: str, *args: object) -> None:
        """Calls a method over there and does not wait for it."""
        try:
            self._ours.send((method, args))
        except (BrokenPipeError, ConnectionResetError):
            raise self._ended() from None
        self._waiting += 1

    def answer(self) -> Any:
        """Waits for what was told first and not answered yet; raises what it raised, or Ended. None where nothing is awaited."""
        if not self._waiting:
            return None
        try:
            failed, answer = self._ours.recv()
        except (EOFError, ConnectionResetError):
            raise self._ended() from None
        self._waiting -= 1
        if failed:
            raise cast("Exception", answer)
        return answer

    def has_answered(self) -> bool:
        """Whether `answer` has something to tell at once: an answer, or that the process is gone."""
        return self._waiting > 0 and self._ours.poll()

    def call(self, method: str, *args: object) -> Any:
        """Calls a method over there and waits for its answer."""
        self.tell(method, *args)
        return self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ours.close()  # It reads to the end of what it was told, and ends.
        self._process.join(SECONDS_TO_END if kind is None else 0)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def _ended(self) -> Ended:
        self._process.join(SECONDS_TO_END)
        return Ended(f"{self._process.name} ended with status {self._process.exitcode}")


# ------------------------------------------------------------------------------------------------------------------------ over there


def _work(theirs: Connection, made_by: str) -> None:
    """The process: methods as they are told, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to both; theirs ends us.
    # What a chunk or batch of work makes is freed by itself, and next to nothing of it is a cycle: to look for one in the middle of each took an
    # eighth of the time.
    gc.set_threshold(500_000, 50, 100)
    # Before anything is imported or received that reads Django's settings: this process began with nothing.
    import django

    from yuefu.runtime import logs

    django.setup()
    logs.configure(level="WARNING")
    made: Any = None
    try:
        given = theirs.recv()
        while True:
            method, args = theirs.recv()
            try:
                if made is None:
                    made = _maker(made_by)(given)
                    gc.freeze()  # what was imported stays, and need not be looked through with every batch
                theirs.send((False, getattr(made, method)(*args)))
            except Exception as error:  # noqa: BLE001 - the other process raises it
                theirs.send((True, _portable(error)))
    except (EOFError, ConnectionError):
        return


def _maker(made_by: str) -> Any:
    module, _, name = made_by.partition(":")
    return getattr(importlib.import_module(module), name)


def _portable(error: Exception) -> Exception:
    """The error as it can be sent, with the place it comes from; one that cannot be sent is told in its own words."""
    told = traceback.format_exc()
    try:
        error.add_note(told)
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever it cannot do
        return RuntimeError(told)
    return error
