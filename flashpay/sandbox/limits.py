"""The three limiters that stand in front of Flash, with a clock given from outside."""

from collections import deque
from collections.abc import Callable
from math import ceil


class WindowLimiter:
    """N events per window, then blocked for a while (Flash's limit on creating invoices)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._events: dict[str, deque[float]] = {}
        self._blocked_until: dict[str, float] = {}

    def allows(self, key: str, *, count: int, window_s: float, block_s: float = 0.0) -> bool:
        """Count one event; False when it is over the limit. A count of 0 means no limit."""
        if count == 0:
            return True
        now = self._now()
        if self._blocked_until.get(key, 0.0) > now:
            return False
        events = self._events.setdefault(key, deque())
        while events and events[0] <= now - window_s:
            events.popleft()
        if len(events) >= count:
            self._blocked_until[key] = now + block_s
            if block_s:
                events.clear()
            return False
        events.append(now)
        return True

    def retry_after_s(self, key: str, *, window_s: float) -> int:
        now = self._now()
        blocked = self._blocked_until.get(key, 0.0)
        events = self._events.get(key)
        free_at = max(blocked, events[0] + window_s if events else now)
        return max(1, ceil(free_at - now))

    def reset(self) -> None:
        self._events.clear()
        self._blocked_until.clear()


class BucketLimiter:
    """A steady rate with a burst on top (how an nginx ingress limits an address)."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._level: dict[str, tuple[float, float]] = {}

    def allows(self, key: str, *, per_minute: int, burst: int) -> bool:
        """Count one request; False when the bucket is full. 0 per minute means no limit."""
        if per_minute == 0:
            return True
        now = self._now()
        level, at = self._level.get(key, (0.0, now))
        level = max(0.0, level - (now - at) * per_minute / 60)
        if level > burst:
            self._level[key] = (level, now)
            return False
        self._level[key] = (level + 1, now)
        return True

    def reset(self) -> None:
        self._level.clear()
