"""What lines are that do not say it in our words. A bank says of a line that it is a credit or a debit, and which reference it was given; a channel may
call what went back by the payment that it is of. What it was we know ourselves, by that reference. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from yuefu.reconciliation.rules.bills import BillLine
from yuefu.reconciliation.rules.matching import Key, Movement, OpenItem, Seen

UNKNOWN: Final[Mapping[str, str]] = {"credit": "receipt", "debit": "other"}
"""What a line is that nobody knows, by its direction: money that came in from somebody, and something else."""


def named(
    lines: Sequence[BillLine], movements: Iterable[Movement], open_items: Iterable[OpenItem], seen: Mapping[Key, Seen]
) -> tuple[list[BillLine], dict[Key, Seen]]:
    """Lines that are credits or debits as what we know of their reference in that direction: a movement of the day or one that still waits; of
    several the one of the same amount. All other lines are as they were. `seen` is told in the same names."""
    known: dict[Key, dict[int, str]] = defaultdict(dict)
    for one in (*movements, *(item.movement for item in open_items if item.movement)):
        if one.reference:
            known[_direction(one.amount.minor), one.reference].setdefault(one.amount.minor, one.kind)
    kinds: dict[Key, list[str]] = defaultdict(list)
    told = []
    for line in lines:
        kind = line.kind
        if kind in UNKNOWN:
            of_reference = known.get((kind, line.reference), {})
            kind = of_reference.get(line.amount.minor) or next(iter(of_reference.values()), UNKNOWN[kind])
            kinds[line.kind, line.reference].append(kind)
        told.append(line if kind == line.kind else replace(line, kind=kind))
    return told, _seen_by_name(seen, kinds)


def _seen_by_name(seen: Mapping[Key, Seen], kinds: Mapping[Key, Sequence[str]]) -> dict[Key, Seen]:
    """Lines of one reference may be of several kinds: all of them came before. Where two come under one name, the number of the second counts too."""
    told: dict[Key, Seen] = {}
    for (kind, reference), before in seen.items():
        for name in kinds.get((kind, reference), (kind,)):
            key = (name, reference)
            told[key if key not in told else (name, f"\0{before.provider_id}")] = before
    return told


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A refund of ours: under which reference, of which payment, and how much went back, with and without the part of the fee that came back."""

    reference: str
    payment: str
    minor: int
    net_minor: int


def refunds_named(lines: Sequence[BillLine], known: Iterable[GivenBack]) -> list[BillLine]:
    """Lines of what went back that have the reference of their payment, with that of the refund: the one of the same amount, each once, else the only
    one there is. All other lines are as they were.
    """
    of_payment: dict[str, list[GivenBack]] = defaultdict(list)
    for refund in known:
        of_payment[refund.payment].append(refund)
    told = []
    for line in lines:
        candidates = of_payment.get(line.reference, []) if line.kind == "refund" else []
        same = [one for one in candidates if -line.amount.minor in (one.net_minor, one.minor)]
        chosen = same[0] if same else candidates[0] if len(candidates) == 1 else None
        if chosen is not None:
            candidates.remove(chosen)
        told.append(line if chosen is None else replace(line, reference=chosen.reference))
    return told


def _direction(minor: int) -> str:
    return "credit" if minor >= 0 else "debit"
