"""A bounded load on loopback: so many requests over so many kept connections, each timed, nothing but sockets in the way."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.encoding import iri_to_uri

READ_WITHIN_S = 120


@dataclass(frozen=True)
class Load:
    """What came of it: each request's time in ms, how long all took, and the bodies."""

    connections: int
    times_ms: list[float]
    whole_s: float
    bodies: list[bytes]

    @property
    def p50(self) -> float:
        return statistics.median(self.times_ms)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.times_ms, n=20)[-1]

    @property
    def per_second(self) -> float:
        return len(self.times_ms) / self.whole_s


def load(port: int, paths: Sequence[str], connections: int, *, cookie: str = "") -> Load:
    """GET each of `paths` once, spread over `connections`, as fast as the server answers. Raises OSError."""
    return asyncio.run(_load(port, paths, connections, cookie))


async def _load(port: int, paths: Sequence[str], connections: int, cookie: str) -> Load:
    headers = f"Host: 127.0.0.1:{port}\r\nAccept: application/json\r\n" + (f"Cookie: {cookie}\r\n" if cookie else "")
    waiting, times_ms, bodies = deque(paths), [], []

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while waiting:
            path = iri_to_uri(waiting.popleft())
            started = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())
            body = await asyncio.wait_for(_answer(reader), READ_WITHIN_S)
            times_ms.append((time.perf_counter() - started) * 1000)
            bodies.append(body)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return Load(connections, times_ms, time.perf_counter() - started, bodies)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert head.startswith(b"http/1.1 200"), head
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    return await reader.readexactly(int(length))
