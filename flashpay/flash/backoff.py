"""How often the live connection is opened again: patiently, never all at once, never giving up."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable

SHORTEST_S = 1.0
LONGEST_S = 120.0
# Flash's gateway admits 10 new sockets a minute from one address; two are left for tests of a new connection.
NEW_SOCKETS_PER_MINUTE = 8
_MINUTE_S = 60.0

Sleep = Callable[[float], Awaitable[object]]


class Backoff:
    """Delays before the next try: anywhere between 1 s and a bound that doubles up to 2 minutes."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._tries = 0

    def next_s(self) -> float:
        self._tries = min(self._tries + 1, 8)
        bound = min(LONGEST_S, SHORTEST_S * 2**self._tries)
        # Spread over the whole range, so that sockets that fell together do not come back together.
        return SHORTEST_S + self._draw() * (bound - SHORTEST_S)

    def reset(self) -> None:
        self._tries = 0


class Gate:
    """Lets `per_minute` through in any 60 seconds; the others wait their turn. One for all sockets of a process."""

    def __init__(
        self,
        per_minute: int = NEW_SOCKETS_PER_MINUTE,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._sleep = sleep
        self._passed: deque[float] = deque()
        self._turn = asyncio.Lock()

    async def passed(self) -> None:
        """Return when one more connection may be opened."""
        async with self._turn:
            while True:
                now = self._clock()
                while self._passed and self._passed[0] <= now - _MINUTE_S:
                    self._passed.popleft()
                if len(self._passed) < self._per_minute:
                    self._passed.append(now)
                    return
                await self._sleep(self._passed[0] + _MINUTE_S - now)
