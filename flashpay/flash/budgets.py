"""What Flash allows, counted in Redis for all processes together, so that its limits are never run into.

Flash limits three things: invoices per account (20 in 120 s, then it blocks the account for 300 s; see `_LATE_S`), requests per API
key (120 a minute) and requests per address (60 a minute). Each is a bucket of tokens in which a token comes back
exactly one period after it was taken; a bucket that refills evenly would let twice its size through in one period.

Some tokens of a bucket are kept back from questions: creating invoices and paying come before polling.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from redis import Redis
from redis.exceptions import RedisError

from flashpay.flash.credentials import ApiKey, Credential, Endpoint
from flashpay.flash.errors import Judgement
from flashpay.flash.operations import Kind, Operation

log = logging.getLogger(__name__)

# One trip to Redis: looks at every bucket, and takes a token from each only if all of them have one.
# KEYS: log, block, log, block, ...   ARGV: now (0 = Redis's own clock), token, then size and period of each bucket.
# Answers the milliseconds to wait, 0 when the tokens were taken.
_TAKE = """
local now = tonumber(ARGV[1])
if now == 0 then local t = redis.call('TIME'); now = t[1] * 1000 + math.floor(t[2] / 1000) end
local wait = 0
for i = 1, #KEYS / 2 do
  local log, block = KEYS[2 * i - 1], KEYS[2 * i]
  local size, period = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local blocked_until = tonumber(redis.call('GET', block) or 0)
  wait = math.max(wait, blocked_until - now)
  redis.call('ZREMRANGEBYSCORE', log, '-inf', now - period)
  local count = redis.call('ZCARD', log)
  if count >= size then
    local freed = redis.call('ZRANGE', log, count - size, count - size, 'WITHSCORES')
    wait = math.max(wait, tonumber(freed[2]) + period - now)
  end
end
if wait > 0 then return wait end
for i = 1, #KEYS / 2 do
  redis.call('ZADD', KEYS[2 * i - 1], now, ARGV[2])
  redis.call('PEXPIRE', KEYS[2 * i - 1], ARGV[2 * i + 2])
end
return 0
"""
_LEFT = """
local now = tonumber(ARGV[1])
if now == 0 then local t = redis.call('TIME'); now = t[1] * 1000 + math.floor(t[2] / 1000) end
local used = redis.call('ZCOUNT', KEYS[1], '(' .. (now - tonumber(ARGV[2])), '+inf')
return {used, math.max(0, tonumber(redis.call('GET', KEYS[2]) or 0) - now)}
"""
_BLOCK = """
local now = tonumber(ARGV[1])
if now == 0 then local t = redis.call('TIME'); now = t[1] * 1000 + math.floor(t[2] / 1000) end
local until_ms = math.max(now + tonumber(ARGV[2]), tonumber(redis.call('GET', KEYS[1]) or 0))
redis.call('SET', KEYS[1], until_ms, 'PX', until_ms - now)
return until_ms
"""


# An invoice counts here when it is asked for and at Flash when the request arrives. Were the first of twenty under way for so
# much longer than the twenty-first, Flash would see both within its window, and no code for five minutes.
_LATE_S = 5


@dataclass(frozen=True)
class Limits:
    """Flash's limits as its configuration has them; a deployment of its own may have others."""

    invoices: int = 20
    invoices_period_s: int = 120
    key_requests: int = 120
    address_requests: int = 60
    requests_period_s: int = 60
    # Tokens that questions leave alone: room for a till that makes an invoice every two seconds.
    kept_for_invoices_and_payments: int = 15


@dataclass(frozen=True)
class Left:
    """What is left of one bucket, for the health page."""

    name: str
    left: int
    size: int
    period_s: int
    blocked_for_s: int


@dataclass(frozen=True)
class _Bucket:
    name: str
    key: str
    size: int
    period_s: int

    @property
    def keys(self) -> tuple[str, str]:
        return f"flash:budget:{self.key}", f"flash:budget:{self.key}:blocked"


class Budgets:
    """Counts in `redis`. `clock_ms` replaces Redis's own clock (tests). Without Redis nothing is counted: the limits
    are then Flash's alone, which is slower to recover from, but loses no money."""

    def __init__(self, redis: Redis, limits: Limits = Limits(), clock_ms: Callable[[], int] | None = None) -> None:
        self._redis = redis
        self._limits = limits
        self._clock_ms = clock_ms or (lambda: 0)
        self._take, self._left, self._block = (redis.register_script(text) for text in (_TAKE, _LEFT, _BLOCK))

    def take(self, endpoint: Endpoint, credential: Credential, operation: Operation, wallet_id: str = "") -> int:
        """Take what one request costs. Answers 0, or the seconds after which to try again (then nothing was taken)."""
        kept_back = 0 if operation.kind in (Kind.CREATE, Kind.SEND) else self._limits.kept_for_invoices_and_payments
        buckets = self._buckets(endpoint, credential, operation, wallet_id)
        keys = [key for bucket in buckets for key in bucket.keys]
        arguments: list[str | int] = [self._clock_ms(), secrets.token_hex(8)]
        for bucket in buckets:
            arguments += [max(1, bucket.size - kept_back), bucket.period_s * 1000]
        try:
            wait_ms = int(self._take(keys=keys, args=arguments))
        except RedisError:
            log.warning("Flash requests are not being counted: Redis cannot be reached")
            return 0
        return -(-wait_ms // 1000)

    def blocked(self, endpoint: Endpoint, credential: Credential, judgement: Judgement, wallet_id: str = "") -> None:
        """Flash said "wait": keep every process from asking again before that."""
        bucket = self._bucket_of(endpoint, credential, judgement.row, wallet_id)
        if bucket is None or not judgement.retry_after_s:
            return
        try:
            self._block(keys=[bucket.keys[1]], args=[self._clock_ms(), judgement.retry_after_s * 1000])
        except RedisError:
            log.warning("Flash's request to wait could not be shared: Redis cannot be reached")

    def left(self, endpoint: Endpoint, credential: Credential, wallet_id: str = "") -> tuple[Left, ...]:
        """What is left of each bucket that concerns this connection. Raises RedisError."""
        found = []
        buckets = [self._address(endpoint), *self._key(credential)]
        if wallet_id:
            buckets.append(self._invoices(wallet_id))
        for bucket in buckets:
            used, blocked_ms = self._left(keys=list(bucket.keys), args=[self._clock_ms(), bucket.period_s * 1000])
            left = max(0, bucket.size - int(used))
            found.append(Left(bucket.name, left, bucket.size, bucket.period_s, -(-int(blocked_ms) // 1000)))
        return tuple(found)

    def _buckets(
        self, endpoint: Endpoint, credential: Credential, operation: Operation, wallet_id: str
    ) -> list[_Bucket]:
        buckets = [self._address(endpoint)]
        if not operation.public:
            buckets += self._key(credential)
        if operation.kind is Kind.CREATE:
            buckets.append(self._invoices(wallet_id))
        return buckets

    def _bucket_of(self, endpoint: Endpoint, credential: Credential, row: str, wallet_id: str) -> _Bucket | None:
        if row.startswith("invoice_limit") and wallet_id:
            return self._invoices(wallet_id)
        if row.startswith("api_key_rate_limit"):
            return next(iter(self._key(credential)), None)
        return self._address(endpoint) if row.startswith("http_") else None

    def _invoices(self, wallet_id: str) -> _Bucket:
        # The wallet stands for the account: one account's money is in one wallet, whatever credentials reach it.
        period_s = self._limits.invoices_period_s + _LATE_S
        return _Bucket("invoices", f"invoices:{wallet_id}", self._limits.invoices, period_s)

    def _key(self, credential: Credential) -> list[_Bucket]:
        if not isinstance(credential, ApiKey):
            return []
        name = f"key:{credential.fingerprint}"
        return [_Bucket("key", name, self._limits.key_requests, self._limits.requests_period_s)]

    def _address(self, endpoint: Endpoint) -> _Bucket:
        host = hashlib.sha256(urlsplit(endpoint.api_url).netloc.encode()).hexdigest()[:16]
        return _Bucket("address", f"address:{host}", self._limits.address_requests, self._limits.requests_period_s)
