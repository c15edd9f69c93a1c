"""The reception of a played world: who buys for the first time tomorrow is registered today and gets a credit account.

It works in a process of its own (`runtime.beside`) while the day is lived. It draws ids from a source of its own and touches nobody who
is known already, so a seed gives one world however the processes interleave.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, time
from uuid import UUID

from yuefu.consumers import commands as consumers
from yuefu.credit import commands as credit
from yuefu.credit.commands import OpenAccount
from yuefu.credit.rules import usual_bill_day
from yuefu.errors import Refused
from yuefu.ids import IdSource
from yuefu.journeys.desk import Desk, open_day
from yuefu.payments.gateways.sandbox import SandboxBank, SandboxChannel
from yuefu.runtime import books
from yuefu.runtime.values import UnitOfWork, system_actor
from yuefu.sim import people
from yuefu.sim.people import Customer
from yuefu.sim.shifts import Place


class Reception:
    """Welcomes the customers of one world."""

    def __init__(self, place: Place) -> None:
        book = books.by_id(place.book_id)
        assert book is not None, "the world was founded before anybody came"
        ids = IdSource(random.Random(f"{place.seed}:reception").getrandbits)
        self._desk = Desk(book, system_actor("demo"), ids, place.vault, SandboxChannel(book), SandboxBank(book))
        self._seed = place.seed
        self._as_of = place.as_of

    def welcome(self, numbers: Sequence[str], on: date) -> list[tuple[Customer, UUID]]:
        """Registers the customers of these numbers in the morning of a day; each with the id of its consumer, in order."""
        if not numbers:
            return []
        arrived = [people.customer(number=number, seed=self._seed, as_of=self._as_of) for number in numbers]
        with open_day(self._desk, datetime.combine(on, time(10), self._desk.book.tz)) as work:
            assert isinstance(work, UnitOfWork)
            made = consumers.register(work=work, vault=self._desk.vault, consumers=[customer.new for customer in arrived])
            known = [(customer, i) for customer, i in zip(arrived, made, strict=True) if isinstance(i, UUID)]
            assert len(known) == len(arrived), [m for m in made if isinstance(m, Refused)]
            accounts = [OpenAccount(f"demo:{c.number}", i, c.limit, usual_bill_day(c.repayment_day), c.repayment_day, 1) for c, i in known]
            refused = [o for o in credit.open_accounts(work=work, accounts=accounts) if isinstance(o, Refused)]
            assert not refused, refused[:3]
        return known
