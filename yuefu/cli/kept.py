"""The world that a demo keeps in its home: what was asked of it, what is there, how it is written down and how it is removed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import typer

from yuefu.cli import installation, output
from yuefu.cli.faults import fail

BOOK: Final = "demo"
SEED: Final = 7
ANEW: Final = "`yuefu demo --fresh` (or `make demo FRESH=1`)"

WORLD_INCOMPLETE: Final = "world_incomplete"
NOT_CONFIRMED: Final = "not_confirmed"
NOT_THE_DEMOS: Final = "not_the_demos"
IN_USE: Final = "in_use"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a world; None where the choice is ours."""

    days: int | None
    seed: int | None
    as_of: date | None
    faults: float
    out: Path | None

    def beside(self, world: Mapping[str, Any]) -> list[str]:
        """The options that a kept world does not follow."""
        as_of = None if self.as_of is None else self.as_of.isoformat()
        wanted = {"--days": (self.days, world["days"]), "--seed": (self.seed, world["seed"]), "--as-of": (as_of, world["as_of"])}
        others = [name for name, (asked, kept) in wanted.items() if asked not in (None, kept)]
        return [*others, *(["--faults"] if self.faults else []), *(["--out"] if self.out else [])]


# ------------------------------------------------------------------------------------------------------------------------ what is there


def is_whole(at: Path) -> bool:
    """Whether a whole world was written down here; one whose making was interrupted was not."""
    return (at / "demo" / "world.json").exists() and (at / "demo" / "logins.json").exists()


def world(at: Path) -> dict[str, Any]:
    """The figures of the kept world, as they were when it was played."""
    found: dict[str, Any] = json.loads((at / "demo" / "world.json").read_text(encoding="utf-8"))
    return found


def logins(at: Path) -> list[dict[str, str]]:
    """Who may log in to the kept world."""
    found: list[dict[str, str]] = json.loads((at / "demo" / "logins.json").read_text(encoding="utf-8"))
    return found


def sentence(kept: Mapping[str, Any], asked: Asked) -> str:
    """What is shown is not what was asked for just now: says which world it is, and how to get another."""
    others = asked.beside(kept)
    unheard = f" {' and '.join(others)} count{'s' if len(others) == 1 else ''} for a new one only." if others else ""
    return (
        f"The world of {kept['days']} days up to {kept['as_of']} (seed {kept['seed']}) was kept and is shown;{unheard} {ANEW} begins anew."
    )


# ---------------------------------------------------------------------------------------------------------------------- written down


def keep(at: Path, played: dict[str, Any]) -> None:
    """Writes down the logins and, last of all, that the world is whole."""
    from yuefu.runtime.jsontext import dumps

    place = at / "demo"
    place.mkdir(mode=0o700, exist_ok=True)
    _write(place / "logins.json", json.dumps([_plain(login) for login in played.pop("logins", [])], ensure_ascii=False))
    _write(place / "world.json", dumps(played))


def _plain(login: Any) -> dict[str, str]:
    given = login if isinstance(login, Mapping) else {name: getattr(login, name) for name in ("role", "login", "password")}
    return {name: str(given[name]) for name in ("role", "login", "password")}


def _write(path: Path, text: str) -> None:
    """Whole or not at all, also through a power cut."""
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


# --------------------------------------------------------------------------------------------------------------------------- removed


def make_room() -> None:
    """Clears what an interrupted demo left, on the installed database; refuses where anything else lives in it."""
    from yuefu.runtime import books

    found = books.all_books()
    if not found:
        return
    if os.environ.get(installation.OWN_CLUSTER) != "1" or not _is_the_demos([(book.code, book.mode) for book in found]):
        fail(
            WORLD_INCOMPLETE,
            f"The database has books but {installation.home()}/demo has no whole world: choose another place with --home, or an empty database.",
        )
    output.say("The world here was not finished; it is made anew.")
    installation.empty_own_database()
    _forget_letters(installation.home())


def remove(at: Path, *, yes: bool) -> None:
    """Removes the demo's world below `at`, whichever release made it: after a question on a terminal, or with `yes`.

    Nothing is removed from a database that was given, from one in which anything but the demo's book lives, or from under a process
    that uses it. The keys stay.
    """
    if os.environ.get("DATABASE_URL"):
        fail(
            NOT_THE_DEMOS,
            "--fresh removes a world from a database of our own only, and DATABASE_URL gives another: empty that one by hand.",
        )
    if not (at / "data").exists():
        return
    from yuefu.runtime import cluster, provision

    if cluster.in_use(at):
        fail(IN_USE, f"Another process uses the world in {at}; stop it first (Ctrl-C where it runs).")
    with installation.own_database() as url:
        found = provision.books_of(url)
        others = [code for code, mode, _ in found if not _is_the_demos([(code, mode)])]
        if others:
            fail(NOT_THE_DEMOS, f"Beside the demo there is {', '.join(others[:5])} in {at}: choose another place with --home.")
        if found and is_whole(at):
            _confirm(at, yes=yes)
        for name in ("world.json", "logins.json"):  # first: an interrupt from here on leaves a world that is not whole
            (at / "demo" / name).unlink(missing_ok=True)
        _forget_seals(at / "seals.jsonl", [book_id for _, _, book_id in found])
        _forget_letters(at)
        installation.drop_and_create(url)


def _is_the_demos(books: Sequence[tuple[str, str]]) -> bool:
    return all(code == BOOK and mode == "test" for code, mode in books)


def _confirm(at: Path, *, yes: bool) -> None:
    if yes:
        return
    kept = world(at)
    what = f"the world of {kept['days']} days up to {kept['as_of']} in {at}"
    if not sys.stdin.isatty():
        fail(NOT_CONFIRMED, f"--fresh removes {what} for ever; add --yes where nobody can be asked.")
    if not typer.confirm(f"Remove {what} for ever?", err=True):
        fail(NOT_CONFIRMED, "The world was kept.")


def _forget_seals(path: Path, books: Sequence[str]) -> None:
    """The same seed makes a book of the same id again: the heads kept of the old one would accuse the new one of being rewritten."""
    from yuefu.journeys import heads

    if path.exists():
        _write(path, heads.without(path, books=books))


def _forget_letters(at: Path) -> None:
    """What people of the old world would have got is told to nobody in the new one."""
    shutil.rmtree(at / "letterbox" / BOOK, ignore_errors=True)
