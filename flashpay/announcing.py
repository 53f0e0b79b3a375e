"""Telling the workers that a row waits for them. A message may be lost: the row is due all the same, and a sweep finds it."""

from __future__ import annotations

import redis
import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def announce_on_commit(task: str, *arguments: str | int) -> None:
    """Have a worker run `task`, named in full, as soon as this transaction is committed."""
    transaction.on_commit(lambda: announce(task, *arguments))


def announce(task: str, *arguments: str | int) -> None:
    """The same at once, outside any transaction. What was committed is answered as such, whether or not this is heard."""
    try:
        current_app.send_task(task, arguments, retry=False)
    except (OperationalError, redis.RedisError, OSError) as error:
        log.warning("not announced to the workers", task=task, arguments=arguments, error=type(error).__name__)
