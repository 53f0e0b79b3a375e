"""Structured logs: readable lines for a console, JSON for a collector, secrets and payment strings taken out of both."""

from __future__ import annotations

import logging
import logging.config
import re
from collections.abc import MutableMapping
from typing import Any

import structlog
from django.conf import settings

# Credentials of Flash, our own API keys, BOLT 11 and LNURL strings: logs carry ids, never these (rule 9 of the money rules).
_SECRETS = re.compile(
    r"(fk_[0-9a-f]{8}_[\w-]{8,}|ory_st_\w+|(?:Bearer|token)\s+[\w.-]{12,}|ln(?:bc|tb|tbs|bcrt)\w{40,}|lnurl1\w{20,})",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with every credential and payment string cut to its first six characters."""
    return _SECRETS.sub(lambda match: match.group()[:6] + "…", text)


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def configure() -> None:
    """Set up structlog and the standard library's logging with the same processors."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    render: Any = (
        structlog.processors.JSONRenderer()
        if settings.LOG_FORMAT == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "structured": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
                    "foreign_pre_chain": [*shared, structlog.stdlib.ExtraAdder()],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
            "root": {"handlers": ["stderr"], "level": settings.LOG_LEVEL},
            "loggers": {
                "httpx": {"level": "WARNING"},
                "gql": {"level": "WARNING"},
                "websockets": {"level": "WARNING"},
                "celery.beat": {"level": "WARNING"},
                "celery.worker.strategy": {"level": "WARNING"},
                "celery.app.trace": {"level": "WARNING"},
            },
        }
    )
