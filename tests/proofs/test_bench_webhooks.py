"""What the benchmark of webhooks measures has arrived."""

from __future__ import annotations

from yuefu.proofs import bench_webhooks


def test_every_event_is_delivered_once_and_measured() -> None:
    found = bench_webhooks.measure(lambda text: None, events=300)
    assert (found["webhooks"], found["webhooks_per_s"] > 0) == (300, True)
