"""Live news: a small message on a Redis channel whenever a record changed.

It is a hint and nothing rests on it: a page that misses one finds the truth at its next look. Readers: `flashpay.events`.
"""

from __future__ import annotations

import json
from typing import Any

import redis
import redis.lock
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from flashpay.once import Once

log = structlog.get_logger(__name__)

CHANNEL_PREFIX = "flashpay:live:"
_TIMEOUT_S = 2.0
# Redis is near. One that takes longer to be reached is away, and whoever waits for it is a person.
_CONNECT_TIMEOUT_S = 0.5


@Once
def connection() -> redis.Redis:
    """The process's shared Redis connection pool. A command that meets a dead connection is tried once more, at once:
    redis-py's own patience of ten tries would let every page take seconds while Redis is away."""
    return _pool(_TIMEOUT_S, Retry(NoBackoff(), 1))


@Once
def publisher() -> redis.Redis:
    """For news, which nobody waits for: one try."""
    return _pool(_CONNECT_TIMEOUT_S, Retry(NoBackoff(), 0))


def _pool(timeout_s: float, retry: Retry) -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=timeout_s,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        retry=retry,
        decode_responses=True,
    )


def publish(channels: list[str], message: dict[str, Any]) -> None:
    """Tell everybody who looks at one of `channels`; lost without harm where Redis is away."""
    body = json.dumps(message)
    try:
        with publisher().pipeline(transaction=False) as pipe:
            for channel in channels:
                pipe.publish(CHANNEL_PREFIX + channel, body)
            pipe.execute()
    except redis.RedisError as error:
        log.warning("live news not published", channels=channels, error=type(error).__name__)


def lock_release(lock: redis.lock.Lock) -> None:
    """Give a lock back; one that ran out in the meantime belongs to somebody else by now, and is left alone.

    Where Redis is away just then it runs out by itself: the work is done, and its result must not be lost to that.
    """
    try:
        lock.release()
    except redis.RedisError as error:
        log.warning("a lock was not given back", lock=lock.name, error=type(error).__name__)
