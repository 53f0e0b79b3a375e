"""How far our clock is from Flash's. Lives of invoices and claims are counted in seconds, so a wrong clock hurts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flashpay import flash, live

# Flash says the time in whole seconds and takes a moment to answer; within this nothing is wrong.
TOLERATED_S = 5.0
_KEPT_S = 900


@dataclass(frozen=True)
class ClockReading:
    """`ahead_s`: how far our clock is ahead of Flash's; negative when it is behind."""

    ahead_s: float
    at: datetime

    @property
    def is_right(self) -> bool:
        return abs(self.ahead_s) <= TOLERATED_S

    @property
    def words(self) -> str:
        """For people: "12 s ahead of Flash's", "right to within 5 s"."""
        if self.is_right:
            return f"right to within {TOLERATED_S:.0f} s"
        return f"{abs(self.ahead_s):.0f} s {'ahead of' if self.ahead_s > 0 else 'behind'} Flash's"


def _key(endpoint: flash.Endpoint) -> str:
    return f"flashpay:clock:{hashlib.sha256(endpoint.api_url.encode()).hexdigest()[:16]}"


def clock_compare(client: flash.Flash, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> ClockReading:
    """Ask Flash for the time: its prices carry it. Raises FlashError."""
    asked_at = now()
    told = client.price().at
    answered_at = now()
    middle = asked_at + (answered_at - asked_at) / 2
    # Flash cuts to the second: half of one is what is lost on average.
    return ClockReading(round((middle - told).total_seconds() - 0.5, 1), answered_at)


def clock_keep(endpoint: flash.Endpoint, reading: ClockReading) -> None:
    """Raises redis.RedisError."""
    body = json.dumps({"ahead_s": reading.ahead_s, "at": reading.at.isoformat()})
    live.connection().set(_key(endpoint), body, ex=_KEPT_S)


def clock_last(endpoint: flash.Endpoint) -> ClockReading | None:
    """The last comparison, if it is not long ago. Raises redis.RedisError."""
    text = live.connection().get(_key(endpoint))
    if text is None:
        return None
    body = json.loads(str(text))
    return ClockReading(body["ahead_s"], datetime.fromisoformat(body["at"]))
