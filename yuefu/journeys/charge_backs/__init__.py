"""Charge-backs: the bank of a consumer takes back what was collected, and the loan is owed it again; a dispute that is won brings it back.

The money moves without us: we are told, by the channel, which knows the bank's reference, or by an operator who read it. Whatever is told is booked
once, by that reference, in one transaction: the channel refund that took it off the collection, the loan, and the charge-back itself.
"""

from yuefu.journeys.charge_backs.entering import TakenBack, enter
from yuefu.journeys.charge_backs.winning import DisputeWon, win

__all__ = ["DisputeWon", "TakenBack", "enter", "win"]
