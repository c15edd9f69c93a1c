"""What the matching of files says, once more, row by row in plain Python: what every engine is held to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta


@dataclass(frozen=True)
class Row:
    id: str
    kind: str
    reference: str | None
    party: str | None
    amount_minor: int
    currency: str
    on: date
    status: str | None


Found = dict[str, tuple[int | None, str | None, str, int]]
"""By id: pass, group, class, difference."""


def plainly_matched(here: list[Row], there: list[Row], days_apart: int = 1) -> tuple[Found, Found]:
    here, there = ([replace(row, reference=row.reference or None, party=row.party or None) for row in side] for side in (here, there))
    told: tuple[Found, Found] = ({}, {})
    left_here, left_there = [row for row in here if row.reference is None], [row for row in there if row.reference is None]
    ours, theirs = _by(_key, here), _by(_key, there)
    for key in ours.keys() | theirs.keys():
        amounts = {row.amount_minor for row in ours[key]} & {row.amount_minor for row in theirs[key]}
        for amount in amounts:
            together = [[row for row in side if row.amount_minor == amount] for side in (ours[key], theirs[key])]
            _tell(told, *together, met=True)
        others = [[row for row in side if row.amount_minor not in amounts] for side in (ours[key], theirs[key])]
        if all(others):
            _tell(told, *others, met=False)
        else:
            left_here += others[0]
            left_there += others[1]
    for days in [0, *(sign * n for n in range(1, days_apart + 1) for sign in (1, -1))]:
        left_here, left_there = _one_to_one(told, left_here, left_there, days)
    told[0].update({row.id: (None, None, "missing_there", -row.amount_minor) for row in left_here})
    told[1].update({row.id: (None, None, "missing_here", row.amount_minor) for row in left_there})
    return told


def _key(row: Row) -> Hashable:
    return (row.kind, row.reference, row.currency)


def _by(key: Callable[[Row], Hashable], rows: Iterable[Row]) -> defaultdict[Hashable, list[Row]]:
    found: defaultdict[Hashable, list[Row]] = defaultdict(list)
    for row in rows:
        if row.reference is not None:
            found[key(row)].append(row)
    return found


def _tell(told: tuple[Found, Found], here: list[Row], there: list[Row], *, met: bool) -> None:
    group = min(row.id for row in there)
    difference = sum(row.amount_minor for row in there) - sum(row.amount_minor for row in here)
    by_pass: int | None = None
    if len(there) == 1 and (len(here) == 1 or not met):
        by_pass, word = (1 if len(here) == 1 else 3), _word(here, there[0], difference)
    elif met and len(there) != len(here):
        word = "duplicate_there" if len(there) > len(here) else "duplicate_here"
    else:
        word = "contested"
    told[0].update({row.id: (by_pass, group, word, difference) for row in here})
    told[1].update({row.id: (by_pass, group, word, difference) for row in there})


def _word(here: list[Row], line: Row, difference: int) -> str:
    if difference:
        return "amount_differs"
    if line.status and any(row.status and row.status != line.status for row in here):
        return "status_differs"
    return "other_day" if any(row.on != line.on for row in here) else "matched"


def _one_to_one(told: tuple[Found, Found], here: list[Row], there: list[Row], days: int) -> tuple[list[Row], list[Row]]:
    lines = dict(zip(_numbered(there, 0), sorted(there, key=lambda row: row.id), strict=True))
    kept = []
    for place, row in zip(_numbered(here, days), sorted(here, key=lambda row: row.id), strict=True):
        line = lines.get(place) if row.party is not None else None
        if line is None:
            kept.append(row)
            continue
        del lines[place]
        word = _word([row], line, 0)
        told[0][row.id] = told[1][line.id] = (2, line.id, word, 0)
    return kept, list(lines.values())


def _numbered(rows: list[Row], days: int) -> list[Hashable]:
    """In the order of their ids."""
    seen: Counter[Hashable] = Counter()
    places: list[Hashable] = []
    for row in sorted(rows, key=lambda row: row.id):
        alike = (row.kind, row.party, row.currency, row.amount_minor, row.on + timedelta(days=days))
        seen[alike] += 1
        places.append((*alike, seen[alike]))
    return places
