"""The processes of the proof of a close, each of one database that has one book (`close_book`).

`python -m yuefu.proofs.close_victim build DIR SEED LOANS WAITING ROLLED` founds the book; `close DIR WORKERS CHUNK` closes all days that are over, `pay DIR
WAITING` sends payments on the open day until DIR has a file `enough`; `finish DIR WAITING NAME` closes the open day too and writes all rows to NAME;
`undisturbed …` closes, pays what DIR says was paid, and finishes. DIR/payments.json has the payments, DIR/acks what became of them.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from yuefu.journeys.desk import Desk
    from yuefu.proofs.close_book import Payment

FIRST_DAY: Final = date(2026, 4, 26)
"""When the loans are brought in. It closes undisturbed: what was entered on a day is not opened by the close of that day, but by the next one."""
ENOUGH: Final = "enough"
PROOF_FAILED: Final = 3
"""The status of a process whose close was refused; its last line says why."""
AT_ONCE, UNDISTURBED_AT_ONCE = 4, 100
MOST_TRIES: Final = 400
SECONDS_BETWEEN: Final = 0.01
PACE: Final = 0.02


def main(arguments: Sequence[str]) -> None:
    """The entry of a process."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yuefu.config.settings")
    django.setup()
    from yuefu.runtime import logs

    logs.configure(level="ERROR")
    modes: dict[str, Callable[..., None]] = {"build": build, "close": close, "pay": pay, "finish": finish, "undisturbed": undisturbed}
    modes[arguments[0]](*arguments[1:])


def build(directory: str, seed: str, loans: str, waiting: str, rolled: str) -> None:
    from yuefu.proofs import close_book

    payments = close_book.build(seed=seed, loans=int(loans), waiting=int(waiting), rolled=rolled == "rolled")
    told = [asdict(one) for one in payments]
    (Path(directory) / "payments.json").write_text(json.dumps(told, default=str), encoding="utf-8")


def open_on(waiting: int) -> date:
    """The day that is open when that many days after the first are over."""
    return FIRST_DAY + timedelta(days=waiting + 1)


def _desk() -> Desk:
    from yuefu.ids import IdSource
    from yuefu.proofs import close_book
    from yuefu.runtime import books

    (book,) = books.all_books()
    return close_book.desk_of(book, IdSource(secrets.randbits))


# ------------------------------------------------------------------------------------------------------------------------------- closing


def begun(pid: int) -> str:
    """The name of the file by which a process says that it begins to close."""
    return f"begun-{pid}"


def close(directory: str, workers: str, loans_a_chunk: str) -> None:
    from yuefu.runtime import books

    desk = _desk()
    (Path(directory) / begun(os.getpid())).touch()
    _close_days(desk, books.now_in(desk.book), int(workers), int(loans_a_chunk))


def _close_days(desk: Desk, now: datetime, workers: int, loans_a_chunk: int) -> None:
    from yuefu.errors import Refused
    from yuefu.journeys import close_of_day

    closed = close_of_day.close_days(desk=desk, now=now, workers=workers, loans_a_chunk=loans_a_chunk)
    if isinstance(closed, Refused):
        print(f"{closed.code}: {closed.detail}", file=sys.stderr)
        sys.exit(PROOF_FAILED)


def finish(directory: str, waiting: str, name: str) -> None:
    from yuefu.proofs import close_book, close_rows

    desk = close_book.at(_desk(), close_book.last_moment(int(waiting) + 1))
    _close_days(desk, close_book.last_moment(int(waiting) + 1), 1, 10_000)
    paid = {one.loan_id for one in _sent(Path(directory))}
    (Path(directory) / name).write_text(json.dumps(close_rows.tables(paid)), encoding="utf-8")


def undisturbed(directory: str, waiting: str, name: str) -> None:
    from yuefu.proofs import close_book

    desk = _desk()
    _close_days(desk, close_book.last_moment(int(waiting)), 1, 10_000)
    sent = _sent(Path(directory))
    for start in range(0, len(sent), UNDISTURBED_AT_ONCE):
        outcomes = _tried(desk, sent[start : start + UNDISTURBED_AT_ONCE], int(waiting))
        assert outcomes is not None, "the day is open: all days before it were closed"
        _acknowledge(Path(directory) / f"{name}.acks", outcomes)
    finish(directory, waiting, name)


# ------------------------------------------------------------------------------------------------------------------------------ payments


def acknowledged(path: Path) -> dict[str, str]:
    """What became of each payment by its source, in the order in which they were sent; "" where that is not known. A line that was cut off was
    never told to anybody."""
    found: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            told = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[told["source"]] = told["outcome"]
    return found


def _payments(directory: Path) -> list[Payment]:
    from yuefu.proofs.close_book import Payment

    told = json.loads((directory / "payments.json").read_text("utf-8"))
    return [Payment(UUID(one["source_id"]), UUID(one["loan_id"]), one["minor"], one["days_ago"]) for one in told]


def _sent(directory: Path) -> list[Payment]:
    known = acknowledged(directory / "acks")
    return [one for one in _payments(directory) if str(one.source_id) in known]


def pay(directory: str, waiting: str) -> None:
    """First what was sent and is not known, with the same sources, then what follows, until it is enough or all were sent."""
    home, desk = Path(directory), _desk()
    for batch in _batches(home):
        _acknowledge(home / "acks", {str(one.source_id): "" for one in batch})
        tries = 0
        while (outcomes := _tried(desk, batch, int(waiting))) is None:
            tries += 1
            if (home / ENOUGH).exists() and tries > MOST_TRIES:
                raise TimeoutError("the day of the payments never opened")
            time.sleep(SECONDS_BETWEEN)
        _acknowledge(home / "acks", outcomes)
        time.sleep(PACE)


def _batches(directory: Path) -> Iterator[list[Payment]]:
    known = acknowledged(directory / "acks")
    left = [one for one in _payments(directory) if not known.get(str(one.source_id))]
    open_ = [one for one in left if str(one.source_id) in known]
    new = left[len(open_) :]
    if open_:
        yield open_
    for start in range(0, len(new), AT_ONCE):
        if (directory / ENOUGH).exists():
            return
        yield new[start : start + AT_ONCE]


def _tried(desk: Desk, batch: Sequence[Payment], waiting: int) -> dict[str, str] | None:
    """What became of payments; None where they have to be sent again: their day is not open yet, or the connection broke, maybe after a commit."""
    import psycopg
    from django.db import InterfaceError, OperationalError

    from yuefu.errors import Refused
    from yuefu.journeys.desk import open_day
    from yuefu.proofs import close_book
    from yuefu.runtime import books

    try:
        with open_day(desk, books.now_in(desk.book), by_keys=True) as work:
            if isinstance(work, Refused) or work.day.on != open_on(waiting):
                return None
            outcomes = close_book.pay(work=work, paid=batch)
    except (psycopg.OperationalError, psycopg.InterfaceError, OperationalError, InterfaceError):
        return None
    return {str(one.source_id): _told(outcome) for one, outcome in zip(batch, outcomes, strict=True)}


def _told(outcome: object) -> str:
    """Of a source that is sent again: what was entered before."""
    from yuefu.errors import Refused
    from yuefu.loans.commands.living import ALREADY_ENTERED

    return "entered" if not isinstance(outcome, Refused) or outcome.code == ALREADY_ENTERED else outcome.code


def _acknowledge(path: Path, outcomes: Mapping[str, str]) -> None:
    """On the disk before anything else is done."""
    with path.open("a", encoding="utf-8") as file:
        for source, outcome in outcomes.items():
            # A line that a kill cut off ends here, and takes no other with it.
            file.write("\n" + json.dumps({"source": source, "outcome": outcome}) + "\n")
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main(sys.argv[1:])
