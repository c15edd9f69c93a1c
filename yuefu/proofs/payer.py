"""A process that repays: reads one request a line and answers one line, as the API answers a merchant. It exists to be killed.

There is no address for repayments yet; they go through the journey, with keys, like all else.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any
from uuid import UUID


def main() -> None:
    """Answers until its input ends: {"outcome": …}, {"refused": code}, or {"error": …} where the database cannot be used."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "yuefu.config.settings")
    django.setup()
    from yuefu.runtime import logs

    logs.configure(level="ERROR")
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line)), default=str), flush=True)


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    from yuefu.errors import Refused
    from yuefu.journeys import repayment
    from yuefu.journeys.jobs import desk_of
    from yuefu.journeys.repayment import Repaid, RepayRequest
    from yuefu.money.amounts import Money
    from yuefu.runtime import books
    from yuefu.runtime.batch import is_held_up, is_outage

    try:
        book = books.by_id(UUID(asked["book"]))
        assert book is not None
        request = RepayRequest(asked["key"], UUID(asked["loan"]), Money(asked["amount"], book.currency), asked["card"])
        (outcome,) = repayment.repay(desk=desk_of(book, "payer"), now=books.now_in(book), requests=[request])
    except Exception as error:
        if is_outage(error) or is_held_up(error):
            return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        raise
    if isinstance(outcome, Repaid):
        return {"outcome": asdict(outcome)}
    return {"refused": outcome.code} if isinstance(outcome, Refused) else {"quarantined": str(outcome)}


if __name__ == "__main__":
    main()
