"""Seeded faults: whatever the outside and the commits do, the books come out as if nothing had. More seeds: `yuefu prove faults`."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from yuefu.money.amounts import Money
from yuefu.payments.rules import ChannelResult, CollectOrder
from yuefu.proofs import faults
from yuefu.proofs.faults import Outside, Stormy, Weather
from yuefu.runtime.vault import Vault

KEPT = json.loads((Path(__file__).parents[1] / "data" / "fault_seeds.json").read_text("utf-8"))
"""Seeds that failed once, with the days they need: {"seed", "days", "why"}."""


def silent(_text: str) -> None:
    return None


def test_six_seeds_come_to_the_books_of_a_world_without_faults(vault: Vault):
    found = faults.run(seeds=range(6), days=1, vault=vault, say=silent)
    assert found["ok"], found["failed"]
    assert found["seeds"] == 6
    kinds = {"dropped", "duplicated", "reordered", "delayed", "failed after the effect", "reply lost"}
    assert kinds | {"40001", "40P01", "55P03", "commit without a reply"} <= set(found["faults"])


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: f"seed-{kept['seed']}")
def test_a_seed_that_failed_once_does_not_fail_again(kept, vault: Vault):
    found = faults.run(seeds=[kept["seed"]], days=kept["days"], vault=vault, say=silent)
    assert found["ok"], found["failed"]


def test_a_channel_that_does_not_know_a_reference_again_is_found_out(vault: Vault, monkeypatch: pytest.MonkeyPatch):
    """The proof can fail: here each call of a card is another one to the channel."""
    from yuefu.payments.gateways.sandbox import SandboxChannel

    real, count = SandboxChannel.collect, iter(range(10_000))

    def collect(self, *, orders, now):
        new = [CollectOrder(f"{o.reference[:20]}{next(count):08d}", o.instrument, o.amount, o.payer) for o in orders]
        told = real(self, orders=new, now=now)
        return [replace(result, reference=order.reference) for result, order in zip(told, orders, strict=True)]

    monkeypatch.setattr(SandboxChannel, "collect", collect)
    monkeypatch.setattr(SandboxChannel, "query", lambda self, *, references, now: {})
    said: list[str] = []
    try:
        found = faults.run(seeds=[3], days=1, vault=vault, say=said.append)
    except AssertionError:
        return  # the book did not even close
    assert not found["ok"]
    assert [one["seed"] for one in found["failed"]] == [3]
    assert said[0].startswith("seed 3 fails:")


def test_the_same_seed_has_the_same_weather():
    def weather(seed: int) -> list[str]:
        made = Weather(random.Random(seed), calm=False)
        return [made.fault(0.5, ("a", "b", "c")) for _ in range(50)]

    assert weather(7) == weather(7) != weather(8)
    assert not any(Weather(random.Random(7)).fault(1.0, ("a",)) for _ in range(5))


class Recorder:
    """A channel that remembers what it carried out."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def collect(self, *, orders, now):
        del now
        self.done += [order.reference for order in orders]
        return [ChannelResult(o.reference, "succeeded", o.amount, o.amount - o.amount) for o in orders]


FAULTS = [
    ("dropped", 0, None),
    ("duplicated", 2, 2),
    ("reordered", 1, 2),
    ("failed after the effect", 1, None),
    ("reply lost", 1, None),
]


@pytest.mark.parametrize(("fault", "times", "answers"), FAULTS, ids=str)
def test_each_fault_is_what_its_name_says(fault: str, times: int, answers: int | None):
    class Fixed(Weather):
        def fault(self, chance: float, kinds: Sequence[str]) -> str:
            assert fault in kinds
            return fault

    recorder, weather = Recorder(), Fixed(random.Random(3), calm=False)
    orders = [CollectOrder(f"ref{n}", f"card:{n}", Money(100, "CNY"), payer="p") for n in range(2)]
    try:
        told = Stormy(recorder, weather).collect(orders=orders, now=datetime(2026, 10, 1, tzinfo=UTC))
    except Outside:
        assert answers is None
    else:
        assert len(told) == answers
    assert recorder.done.count("ref0") == times
    assert weather.references["collect", "card:0"] == {"ref0"}
