"""Structured logs on standard error: one JSON object a line (or a readable line on a terminal), with request id and order id."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# What looks like a phone number, an identity number or a card never reaches a log, whoever wrote it there.
_PERSONAL = re.compile(r"(?<![0-9A-Za-z_-])(1[3-9]\d{9}|\d{17}[\dXx]|\d{13,19})(?![0-9A-Za-z_-])")


def configure(*, level: str = "INFO", readable: bool | None = None) -> None:
    """Sets up structlog and the standard library's logging to write the same form."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_personal_data,
    ]
    on_terminal = sys.stderr.isatty() if readable is None else readable
    renderer: Any = structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)


def hide_personal_data(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Masks what looks like a phone, identity or card number in every text of an event."""
    del logger, method
    for name, value in event.items():
        if isinstance(value, str) and name not in {"timestamp", "order_id", "request_id"}:
            event[name] = _PERSONAL.sub("***", value)
    return event


def logger(name: str) -> structlog.stdlib.BoundLogger:
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound
