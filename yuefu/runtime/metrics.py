"""Prometheus metrics, and the text of /metrics.

Where PROMETHEUS_MULTIPROC_DIR is set before this is imported (`yuefu serve` and `worker` do so), every process of an installation writes
into that directory and any of them tells of all: else each scrape would meet one of several servers, and none would know of the worker.
"""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("yuefu_http_requests_total", "HTTP requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("yuefu_http_request_seconds", "Time to answer an HTTP request", ["route"])
EVENTS = Counter("yuefu_events_total", "Outbox events dispatched, by type", ["type"])
EVENT_LAG = Gauge("yuefu_event_lag_seconds", "Age of the newest event dispatched when it was dispatched", multiprocess_mode="mostrecent")
JOBS = Counter("yuefu_jobs_total", "Background jobs finished, by task and outcome", ["task", "outcome"])
DAYS_CLOSING = Gauge(
    "yuefu_business_days_closing", "Business days that have begun to close and are not closed", ["book"], multiprocess_mode="mostrecent"
)
CLIENT_MONEY_SHORT = Gauge(
    "yuefu_client_money_short_minor",
    "What merchants are owed at once and neither lies in the client account nor is on its way there, in minor units",
    ["book"],
    multiprocess_mode="mostrecent",
)
GATEWAY_FAILED = Counter(
    "yuefu_gateway_calls_failed_total", "Calls of bank or channel that raised while settlement went on, by call", ["call"]
)
MESSAGES = Counter("yuefu_messages_total", "Messages to people, by what became of them in a round of sending", ["became"])
WEBHOOKS = Counter("yuefu_webhooks_total", "Tries to deliver an event to an endpoint of a merchant, by outcome", ["outcome"])
CALLBACKS = Counter("yuefu_callbacks_total", "Callbacks of payment channels, by what became of them at the door", ["outcome"])
QUARANTINED = Counter("yuefu_requests_quarantined_total", "Requests that raised whenever they were tried, by command", ["command"])
REFUNDS_FAILING = Counter("yuefu_refunds_failing_total", "Refunds tried again after they had failed on several days")
STOPS_IN_FORCE = Gauge(
    "yuefu_stops_in_force", "Stops that are in force, by what they stop", ["book", "action"], multiprocess_mode="mostrecent"
)
REPORTS_WRONG = Gauge(
    "yuefu_reports_not_made",
    "Reports of days and months that were not made because their figures differ",
    ["book"],
    multiprocess_mode="mostrecent",
)
PROOFS_FAILED = Counter("yuefu_proofs_failed_total", "Proofs of a close of day that failed", ["proof"])


def exposition(*, shared: bool = False) -> tuple[bytes, str]:
    """Body and content type of the metrics page: of this process, or of all that share its directory."""
    if not shared:
        return generate_latest(), CONTENT_TYPE_LATEST
    of_all = CollectorRegistry()
    MultiProcessCollector(of_all)  # type: ignore[no-untyped-call]
    return generate_latest(of_all), CONTENT_TYPE_LATEST
