"""The installation that a merchant works with, and the comparison in the end."""

from __future__ import annotations

import json
import os
import random
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from yuefu.proofs import installation as installed
from yuefu.proofs.installation import SERVER, WORKER, Installation, Watch
from yuefu.proofs.merchant import books, tables
from yuefu.proofs.merchant.running import SMALL

DAYS: Final = 5
THEN: Final = (1, 1, 1, 5, 14, 24)
"""Days on which nothing is sold, one advance each: over the answers to disputes, their rulings, and the first instalments."""
MOST_TOLD: Final = 50


def merchant_key() -> str:
    """Migrates, founds a book with a shop, and issues it an API key for everything."""
    from yuefu.access import commands as access
    from yuefu.access.rules import KEY_SCOPES
    from yuefu.errors import one
    from yuefu.journeys.desk import open_day
    from yuefu.proofs.victim import FIRST_DAY
    from yuefu.runtime import logs, vault
    from yuefu.runtime.values import UnitOfWork
    from yuefu.sim import world

    logs.configure(level="ERROR")
    sealed = vault.create(Path(os.environ["YUEFU_KEYS_FILE"]))
    made = world.found(first_day=FIRST_DAY, seed=1, vault=sealed, months=2, code="prove", people=False)
    now = made.desk.book.clock_at
    assert now is not None, "the clock of a test book was set"
    with open_day(made.desk, now) as work:
        assert isinstance(work, UnitOfWork)
        new = access.NewApiKey(made.shops[0], tuple(sorted(KEY_SCOPES)))
        return one(access.issue_api_keys(work=work, api_keys=[new], random_bytes=secrets.token_bytes)).secret


def told_by(merchant: Sequence[str], given: dict[str, Any], log: Path) -> dict[str, Any]:
    """What the merchant's program tells. What it said where it told nothing is raised."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "DJANGO_", "YUEFU_"))}
    with log.open("wb") as said:
        process = subprocess.Popen(merchant, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=environment)
        try:
            told, _ = process.communicate(json.dumps(given).encode() + b"\n")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    lines = told.decode().splitlines()
    if process.returncode or not lines:
        raise RuntimeError(f"the merchant ended with {process.returncode}: {log.read_text('utf-8', errors='replace')[-3_000:]}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def compared(told: dict[str, Any], it: Installation, *, orders: int, seed: int) -> dict[str, Any]:
    """The three books against each other, and what was found beside."""
    from yuefu import ids

    merchant_id = ids.parse("merchant", told["merchant"])
    of_events, of_lists = told.pop("of_events"), told.pop("of_lists")
    with it.superuser() as database:
        ours = tables.of(database, merchant_id)
        events, undelivered = tables.events(database, merchant_id)
    differing = books.differing(of_events, of_lists, names=("webhooks", "lists"))
    differing += books.differing(of_lists, ours, names=("lists", "tables"))
    wrong = told.pop("wrong") + it.ended()
    if (told["events"], told["delivered"], undelivered) != (events, events, 0):
        wrong.append(f"{events} events, {told['events']} listed, {told['delivered']} come, {undelivered} that nobody is known to have")
    tried = min(told["failed_tries"], told["receiver_deaths"], told["duplicates"]) > 0
    ok = not (differing or wrong or told["forged"]) and tried and len(ours[books.PAYOUTS]) > 0
    counts = {page: len(ours[page]) for page in books.PAGES}
    return {
        **{name: told[name] for name in ("actions", "events", "delivered", "failed_tries", "duplicates", "answered_late")},
        "orders": orders,
        "receiver_deaths": told["receiver_deaths"],
        "books": counts,
        "money": told["money"],
        "seed": seed,
        "differing": differing[:MOST_TOLD],
        "wrong": wrong[:MOST_TOLD],
        "ok": ok,
    }


def main(arguments: Sequence[str]) -> None:
    """The entry of the director's process."""
    directory, home, orders, seed = Path(arguments[0]), Path(arguments[1]), int(arguments[2]), int(arguments[3])
    Watch()

    def say(text: str) -> None:
        sys.stdout.write(json.dumps({"say": text}) + "\n")
        sys.stdout.flush()

    it = Installation(home=home, directory=directory, dice=random.Random(seed), say=say, workers=1)
    try:
        os.environ.update({"DATABASE_URL": it.owner_url, "DJANGO_SETTINGS_MODULE": "yuefu.config.settings"})
        from yuefu.runtime import provision

        provision.migrate(it.owner_url, say=lambda _: None)
        import django

        django.setup()
        secret = merchant_key()
        it.start_worker()
        it.start_server()
        assert it.runs(SERVER), it.log_of(SERVER)
        assert it.runs(WORKER), it.log_of(WORKER)
        small = orders <= SMALL
        say(f"a merchant with {orders} orders")
        own = directory / "merchant"
        own.mkdir()
        given = {
            "url": f"http://{installed.HOST}:{it.port}",
            "secret": secret,
            "orders": orders,
            "seed": seed,
            "days": 1 if small else DAYS,
            "then": [] if small else list(THEN),
            "late": not small,
        }
        program = [sys.executable, "-m", "yuefu.proofs.merchant.program", str(own)]
        told = told_by(program, given, directory / "merchant.log")
        say("comparing")
        sys.stdout.write(json.dumps(compared(told, it, orders=orders, seed=seed)) + "\n")
        sys.stdout.flush()
    finally:
        it.end()


if __name__ == "__main__":
    main(sys.argv[1:])
