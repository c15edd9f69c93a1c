"""Structured logs on standard error: one JSON object a line (or a readable line on a terminal), with request id and order id."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any
from uuid import UUID

import structlog

# What looks like a phone number, an identity number or a card never reaches a log, whoever wrote it there.
_PERSONAL = re.compile(r"(?<![0-9A-Za-z])(1[3-9]\d([ -]?)\d{4}\2\d{4}|\d{17}[\dXx]|\d{13,19})(?![0-9A-Za-z])")
_OURS = frozenset({"timestamp", "order_id", "request_id"})


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
    """Masks what looks like a phone, identity or card number in an event, however deep it lies and whatever its type."""
    del logger, method
    for name, value in event.items():
        if name not in _OURS and not name.startswith("_"):
            event[name] = _hidden(value)
    return event


def _hidden(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Mapping):
        return {_hidden(name): _hidden(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_hidden(inner) for inner in value]
    text = str(value) if isinstance(value, str | int | UUID) else repr(value)
    masked = _PERSONAL.sub("***", text)
    return value if isinstance(value, int) and masked == text else masked


def logger(name: str) -> structlog.stdlib.BoundLogger:
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound
