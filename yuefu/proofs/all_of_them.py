"""Every proof one after the other, each in a process of its own: what breaks one, or kills it, keeps no other from its turn."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Say = Callable[[str], None]

PROOF_BROKEN: Final = "proof_broken"  # it could not be carried out, so nobody knows whether it holds


def run(commands: Mapping[str, Sequence[str]], *, say: Say) -> dict[str, dict[str, Any]]:
    """What each command found: the object on the last line of its output, with `ok` and the `seconds` it took.

    One that fails, ends otherwise or says nothing is not ok, and `error` says why where it does not say so itself.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, (name, command) in enumerate(commands.items(), start=1):
        say(f"proof {number} of {len(commands)}: {name}")
        begun = time.monotonic()
        one = _carried_out(command)
        found[name] = {**one, "seconds": round(time.monotonic() - begun, 1)}
        say(f"{name}: {verdict(one)}")
    return found


def verdict(found: Mapping[str, Any]) -> str:
    """In words, whether a proof holds."""
    if "error" in found:
        return f"could not be carried out: {found['error']['detail']}"
    if "left_out" in found:
        return f"left out: {found['left_out']}"
    return "holds" if found["ok"] else "DOES NOT HOLD"


def _carried_out(command: Sequence[str]) -> dict[str, Any]:
    # In a session of its own Ctrl-C does not reach it, only the one signal from here: a second would interrupt its cleaning up.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    try:
        said, _ = process.communicate()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()
    told = _object(said)
    if told is None:
        return {"ok": False, "error": {"code": PROOF_BROKEN, "detail": f"It ended with status {process.returncode} and without a result."}}
    return {**told, "ok": process.returncode == 0 and told.get("ok") is True}


def _object(said: bytes) -> dict[str, Any] | None:
    lines = said.decode(errors="replace").splitlines()
    try:
        told = json.loads(lines[-1]) if lines else None
    except json.JSONDecodeError:
        return None
    return told if isinstance(told, dict) else None
