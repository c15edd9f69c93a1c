"""Writes of collecting, over many."""

from yuefu.collecting.commands.assigning import (
    ALREADY_SO,
    NOT_A_MEMBER,
    Assign,
    Restrict,
    assign,
    restrict,
)
from yuefu.collecting.commands.cases import Looked, look
from yuefu.collecting.commands.contacts import (
    CASE_CLOSED,
    NOTE_INVALID,
    UNKNOWN_CASE,
    UNKNOWN_CONTACT,
    NewContact,
    Outcome,
    contact,
    tell_outcomes,
)
from yuefu.collecting.commands.measures import (
    ALREADY_PROPOSED,
    CHANGED_SINCE,
    MEASURE,
    NewMeasure,
    decide_measure,
    propose,
    try_out,
)
from yuefu.collecting.commands.promises import NewPromise, promise

__all__ = [
    "ALREADY_PROPOSED",
    "ALREADY_SO",
    "CASE_CLOSED",
    "CHANGED_SINCE",
    "MEASURE",
    "NOTE_INVALID",
    "NOT_A_MEMBER",
    "UNKNOWN_CASE",
    "UNKNOWN_CONTACT",
    "Assign",
    "Looked",
    "NewContact",
    "NewMeasure",
    "NewPromise",
    "Outcome",
    "Restrict",
    "assign",
    "contact",
    "decide_measure",
    "look",
    "promise",
    "propose",
    "restrict",
    "tell_outcomes",
    "try_out",
]
