"""Signs of life of the processes that nobody sees: worker, beat and listener.

Each writes a Redis key that expires; `/readyz`, the health page and the start-up of `manage.py up` read them.
A worker signs by itself; "beat" is signed by a task that beat orders and a worker carries out, so that a queue that does
not move shows as well; the listener signs while it holds its lock.
"""

from __future__ import annotations

import time
from typing import Any

from celery import shared_task
from celery.signals import beat_init, heartbeat_sent

from flashpay import live

WORKER, BEAT, LISTENER = NAMES = ("worker", "beat", "listener")
_KEY_PREFIX = "flashpay:heartbeat:"
# Signs come every 2 to 5 seconds; one older than this belongs to a process that is gone.
LIFE_S = 30


def beat(name: str, *, now: float | None = None) -> None:
    """Leave a sign of life of `name`. Raises redis.RedisError where Redis is away."""
    live.connection().set(_KEY_PREFIX + name, str(time.time() if now is None else now), ex=LIFE_S)


def ages(*, now: float | None = None) -> dict[str, float | None]:
    """Seconds since each process gave its last sign; None for one that gave none lately. Raises redis.RedisError."""
    now = time.time() if now is None else now
    signs: Any = live.connection().mget([_KEY_PREFIX + name for name in NAMES])
    return {
        name: None if sign is None else round(max(0.0, now - float(sign)), 1)
        for name, sign in zip(NAMES, signs, strict=True)
    }


def forget() -> None:
    """Take away the signs of an earlier run. Raises redis.RedisError."""
    live.connection().delete(*(_KEY_PREFIX + name for name in NAMES))


@shared_task(name="flashpay.heartbeat")
def beat_heartbeat() -> None:
    """Ordered by beat every 5 seconds (CELERY_BEAT_SCHEDULE)."""
    beat(BEAT)


@beat_init.connect
def _first_heartbeat(**_signal: Any) -> None:
    """Beat orders nothing before one period has passed; a start need not wait for that."""
    beat_heartbeat.delay()


@heartbeat_sent.connect
def _worker_heartbeat(**_signal: Any) -> None:
    beat(WORKER)
