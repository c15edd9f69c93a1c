"""Prometheus metrics of this process, and the text of /metrics."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

REQUESTS = Counter("yuefu_http_requests_total", "HTTP requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("yuefu_http_request_seconds", "Time to answer an HTTP request", ["route"])
EVENTS = Counter("yuefu_events_total", "Outbox events dispatched, by type", ["type"])
EVENT_LAG = Gauge("yuefu_event_lag_seconds", "Age of the newest event dispatched when it was dispatched")
JOBS = Counter("yuefu_jobs_total", "Background jobs finished, by task and outcome", ["task", "outcome"])
DAYS_CLOSING = Gauge("yuefu_business_days_closing", "Business days that have begun to close and are not closed", ["book"])
QUARANTINED = Counter("yuefu_requests_quarantined_total", "Requests that raised whenever they were tried, by command", ["command"])
PROOFS_FAILED = Counter("yuefu_proofs_failed_total", "Proofs of a close of day that failed", ["proof"])


def exposition() -> tuple[bytes, str]:
    """Body and content type of the metrics page."""
    return generate_latest(), CONTENT_TYPE_LATEST
