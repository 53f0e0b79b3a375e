"""Which of several listeners is the active one: a lock in Redis that runs out unless it is renewed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from flashpay.flash.relay import heed_cancellation

log = structlog.get_logger(__name__)

KEY = "flashpay:listener:lease"
# A stand-by asks every second and needs another to connect: it has taken over well within 15 s of a crash.
LEASE_S = 10.0
RENEW_EVERY_S = 2.5
# The holder lets go this much before Redis does, whatever the two clocks do meanwhile: never two at once.
MARGIN_S = 1.0
RETRY_S = 0.5

# A lease that Redis lost (it was restarted) is taken again; one that is somebody else's is left alone.
_RENEW = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Lease:
    """Held by whoever's `token` is in Redis. Not thread-safe: one event loop."""

    def __init__(self, redis: Redis, *, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._token = token
        self._clock = clock
        self._held_until = 0.0
        self._renew: Any = redis.register_script(_RENEW)
        self._release: Any = redis.register_script(_RELEASE)

    @property
    def held(self) -> bool:
        return self._clock() < self._held_until

    async def acquire(self) -> bool:
        """Take the lease when it is free. Raises RedisError."""
        asked_at = self._clock()
        if not await self._redis.set(KEY, self._token, nx=True, px=int(LEASE_S * 1000)):
            return False
        self._held_until = asked_at + LEASE_S - MARGIN_S
        return True

    async def keep(self) -> None:
        """Renew the lease until it is lost, and return then: to another, or because Redis was away too long."""
        pause_s = RENEW_EVERY_S
        while self.held:
            heed_cancellation()
            await asyncio.sleep(min(pause_s, max(0.0, self._held_until - self._clock())))
            try:
                # Redis may also hang without an answer; the lease must not be believed in meanwhile.
                async with asyncio.timeout(max(0.0, self._held_until - self._clock())):
                    if not await self._renewed():
                        self._held_until = 0.0
                pause_s = RENEW_EVERY_S
            except (RedisError, TimeoutError) as error:
                log.warning("the lease could not be renewed", error=type(error).__name__)
                pause_s = RETRY_S

    async def _renewed(self) -> bool:
        asked_at = self._clock()
        if not await self._renew(keys=[KEY], args=[self._token, int(LEASE_S * 1000)]):
            return False
        self._held_until = asked_at + LEASE_S - MARGIN_S
        return True

    async def release(self) -> None:
        """Let the next one begin at once. Without Redis the lease runs out by itself."""
        self._held_until = 0.0
        try:
            await self._release(keys=[KEY], args=[self._token])
        except RedisError as error:
            log.warning("the lease was not given back", error=type(error).__name__)
