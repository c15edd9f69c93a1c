"""Test clocks: a merchant's engineer makes a test book with a clock of its own, and takes it forward.

A clock is asked for in the merchant's test book and lives in one that is founded for it: with the settings, the products and the contract of the
first, money to lend, and an API key. Taken forward, everything that falls due in between is done at its moment, by the journeys that do it
in any book; a process that is killed leaves the clock where it stood, and the next one goes on there (ADR 0055).
"""

from yuefu.journeys.test_clocks.advancing import advance, go_on
from yuefu.journeys.test_clocks.deleting import delete
from yuefu.journeys.test_clocks.making import ClockMade, create, finish

__all__ = ["ClockMade", "advance", "create", "delete", "finish", "go_on"]
