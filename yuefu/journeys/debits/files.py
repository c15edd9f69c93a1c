"""The return file of a bank: results of debits that come again, late, or against what the channel said.

Each line is what a channel tells, and booked as that is: what is known is nothing new, what is new is booked, what cannot be true beside what stands
is kept as a contradiction for a person. A line that cannot be read or is not ours is kept with its number and reason, and loses no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal

from yuefu.errors import Refused
from yuefu.journeys import repayment
from yuefu.journeys.debits.taking import follow
from yuefu.journeys.desk import Desk, open_day
from yuefu.payments import commands as payments
from yuefu.payments import queries as payment_book
from yuefu.payments import rules
from yuefu.payments.commands import BadLine
from yuefu.payments.gateways.debit_file import DebitLine, read_debits
from yuefu.payments.rules import ChannelResult, Collection
from yuefu.runtime.batch import Quarantined

NOT_A_DEBIT: Final = "not_a_debit"  # a number of ours of something else: a bank has no word about it here
AT_ONCE: Final = 2_000

Outcome = Literal["booked", "nothing_new", "contradiction", "kept"]


@dataclass(frozen=True, slots=True)
class LineRead:
    """What became of a line: booked, nothing_new, a contradiction for a person, or kept as it stands. `code` and `detail` say why."""

    no: int
    outcome: Outcome
    reference: str
    code: str
    detail: str


def take_file(*, desk: Desk, now: datetime, data: bytes) -> list[LineRead] | Refused:
    """Books what a return file says, line by line; one outcome a line, in order. Again, nothing is new, but what could not be booked is tried again.

    Refused with bad_file where nothing can be read, or with read_only or no_open_day: then nothing of it was booked or kept.
    """
    lines = read_debits(data)
    if isinstance(lines, Refused):
        return lines
    with open_day(desk, now) as seen:
        if isinstance(seen, Refused):
            return seen
    told: dict[int, LineRead] = {line.no: _kept(line.no, "", line.result) for line in lines if isinstance(line.result, Refused)}
    readable = [line for line in lines if isinstance(line.result, ChannelResult)]
    for start in range(0, len(readable), AT_ONCE):
        told |= _book(desk, now, readable[start : start + AT_ONCE])
    found = [told[line.no] for line in lines]
    _keep(desk, now, sha256(data).hexdigest(), lines, found)
    follow(desk=desk, now=now)
    return found


def _book(desk: Desk, now: datetime, lines: Sequence[DebitLine]) -> dict[int, LineRead]:
    results = [line.result for line in lines if isinstance(line.result, ChannelResult)]
    known = payment_book.collections_by_reference(book_id=desk.book.id, references=[result.reference for result in results])
    ours = {i: known.get(result.reference) for i, result in enumerate(results)}
    debits = {i: one for i, one in ours.items() if one is not None and one.instrument.startswith(rules.CONTRACT)}
    booked = dict(zip(debits, repayment.book(desk=desk, now=now, results=[results[i] for i in debits]), strict=True))
    states = {one.reference: one.state for one in debits.values()}
    told = {}
    for i, line in enumerate(lines):
        result = results[i]
        if i not in debits:
            told[line.no] = _kept(line.no, result.reference, _not_ours(result.reference, ours[i]))
            continue
        told[line.no] = _told(line.no, result, booked[i], states)
        if not isinstance(booked[i], Refused | Quarantined) and result.outcome != "unknown":
            states[result.reference] = result.outcome
    return told


def _told(no: int, result: ChannelResult, outcome: object, states: Mapping[str, str]) -> LineRead:
    if isinstance(outcome, Quarantined):
        return _kept(no, result.reference, Refused("quarantined", f"it broke and was set aside: {outcome.error[:200]}"))
    if isinstance(outcome, Refused):
        if outcome.code in rules.KEPT:
            return LineRead(no, "contradiction", result.reference, outcome.code, outcome.detail)
        return _kept(no, result.reference, outcome)
    if result.outcome in (states[result.reference], "unknown"):
        return LineRead(no, "nothing_new", result.reference, "", f"it is {states[result.reference]}")
    return LineRead(no, "booked", result.reference, result.failure_code, result.outcome)


def _not_ours(reference: str, found: Collection | None) -> Refused:
    if found is None:
        return Refused(rules.UNKNOWN_REFERENCE, f"{reference[:64]} is not a reference of this book", "reference")
    return Refused(NOT_A_DEBIT, f"{reference[:64]} was not taken by mandate: it is the channel's to say what became of it", "reference")


def _kept(no: int, reference: str, why: Refused) -> LineRead:
    return LineRead(no, "kept", reference, why.code, why.detail)


def _keep(desk: Desk, now: datetime, digest: str, lines: Sequence[DebitLine], found: Sequence[LineRead]) -> None:
    bad = [BadLine(one.no, line.text, one.code, one.detail) for line, one in zip(lines, found, strict=True) if one.outcome == "kept"]
    with open_day(desk, now, though_read_only=True) as work:
        if not isinstance(work, Refused):
            booked = [one.no for one in found if one.outcome != "kept"]
            payments.keep_bad_lines(work=work, vault=desk.vault, file_sha256=digest, lines=bad, booked=booked)
