"""The shop of the journeys, for what is reckoned up of it."""

from __future__ import annotations

from tests.journeys.conftest import shop

__all__ = ["shop"]
