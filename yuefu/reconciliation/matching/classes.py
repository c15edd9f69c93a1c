"""What becomes of a row, and the columns that rows have."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import narwhals as nw
from narwhals.dtypes import DType

from yuefu.reconciliation.rules.matching import Outcome

COLUMNS: Final[Mapping[str, type[DType]]] = MappingProxyType(
    {
        "id": nw.String,
        "kind": nw.String,
        "reference": nw.String,
        "party": nw.String,
        "amount_minor": nw.Int64,
        "currency": nw.String,
        "on": nw.Date,
        "status": nw.String,
    }
)
"""Of a row of either side. `id` is unique within its side; `on` is the business date; `amount_minor` is signed alike on both sides; statuses of both
sides are of one vocabulary, null or "" where a side states none."""

NEVER_NULL: Final = ("id", "kind", "amount_minor", "currency", "on")

FOUND: Final = ("id", "amount_minor", "currency", "pass", "group", "class", "difference_minor")
"""Of a row of what was found. `pass` is 1, 2, 3, or null where nothing was paired. `group` is the id of a line there, the same for all rows that
belong together, or null for one that stands alone; `difference_minor` what the group, or the row alone, adds to the sum there less the sum here."""

SIDES: Final = ("here", "there")
"""Our books, and the bill."""


class Class(StrEnum):
    """What became of a row: the outcomes of a day that is matched in the database, with both kinds of duplicates told apart, and what is contested.

    The first that holds: the amounts of a pair or group differ, else its statuses, else its days. Of rows that cannot be told apart (same kind,
    reference, currency and amount) none is chosen: all of them are duplicates of the side that has more, or contested where both have as many.
    Several bill lines with one reference and rows of other amounts here are contested too.
    """

    MATCHED = Outcome.MATCHED.value
    OTHER_DAY = Outcome.OTHER_DAY.value
    AMOUNT_DIFFERS = Outcome.AMOUNT_DIFFERS.value
    STATUS_DIFFERS = Outcome.STATUS_DIFFERS.value
    MISSING_HERE = Outcome.MISSING_HERE.value
    MISSING_THERE = Outcome.MISSING_THERE.value
    DUPLICATE_HERE = "duplicate_here"
    DUPLICATE_THERE = "duplicate_there"
    CONTESTED = "contested"


BALANCED: Final = (Class.MATCHED, Class.OTHER_DAY, Class.STATUS_DIFFERS)
"""Both sides of these have the same sum."""
