"""Live events over a real server: what a browser's EventSource would get."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from django.test import Client

from flashpay import live
from flashpay.ids import id_new
from flashpay.stores.models import Store, User
from tests.look.login import cookies_of
from tests.programs import Program

TIMEOUT_S = 10
# The first answer of a process, which reads all the addresses for it, on a busy machine.
FIRST_ANSWER_S = 60


@pytest.fixture
def events_process(start_program: Callable[..., Program]) -> Program:
    """A real process for live events, on this test's database and Redis."""
    return start_program(
        *("-m", "uvicorn", "--factory", "django.core.asgi:get_asgi_application"),
        *(
            "--host",
            "127.0.0.1",
            "--port",
            os.environ["PORT"],
            "--lifespan",
            "off",
            "--timeout-graceful-shutdown",
            "20",
        ),
        ready="Uvicorn running on",
    )


def address(channel: str) -> str:
    return f"http://127.0.0.1:{os.environ['PORT']}/events/{channel}"


class Listener:
    """Reads one stream, block by block."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._blocks = self._read()

    async def _read(self) -> AsyncIterator[str]:
        lines: list[str] = []
        async for line in self.response.aiter_lines():
            if line:
                lines.append(line)
            else:
                yield "\n".join(lines)
                lines = []

    async def next(self) -> str:
        return await asyncio.wait_for(anext(self._blocks), TIMEOUT_S)

    async def ended(self) -> bool:
        with pytest.raises(StopAsyncIteration):
            await self.next()
        return True


@asynccontextmanager
async def listening(channel: str, client: httpx.AsyncClient) -> AsyncIterator[Listener]:
    async with client.stream("GET", address(channel)) as response:
        assert response.status_code == 200
        listener = Listener(response)
        assert "event: hello" in await listener.next()
        yield listener


def patient_client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=TIMEOUT_S, limits=httpx.Limits(max_connections=None))


def test_it_says_hello_and_then_tells_what_changed(events_process: Program) -> None:
    channel = f"invoice:{id_new()}"

    async def listen() -> httpx.Headers:
        async with patient_client() as client, listening(channel, client) as listener:
            live.publish([channel], {"entity": "invoice", "state": "Settled"})
            block = await listener.next()
            assert json.loads(block.removeprefix("data: ")) == {"entity": "invoice", "state": "Settled"}
            return listener.response.headers

    headers = asyncio.run(listen())
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-accel-buffering"] == "no"
    assert "no-store" in headers["cache-control"]


def test_it_tells_nobody_about_other_channels(events_process: Program) -> None:
    mine, other = f"payout:{id_new()}", f"payout:{id_new()}"

    async def listen() -> str:
        async with patient_client() as client, listening(mine, client) as listener:
            live.publish([other], {"for": "others"})
            live.publish([mine], {"for": "me"})
            return await listener.next()

    assert json.loads(asyncio.run(listen()).removeprefix("data: ")) == {"for": "me"}


@pytest.mark.parametrize("channel", ["invoice:short", "lightninginvoice:" + "a" * 22, "invoice:" + "l" * 22, "nothing"])
def test_it_knows_no_other_channels(events_process: Program, channel: str) -> None:
    assert httpx.get(address(channel), timeout=FIRST_ANSWER_S).status_code == 404


def test_it_shows_a_store_to_its_members_only(
    events_process: Program, store: Store, alice: User, charlie: User
) -> None:
    channel = f"store:{store.pk}"
    assert httpx.get(address(channel), timeout=FIRST_ANSWER_S).status_code == 404
    assert httpx.get(address(channel), cookies=cookies_of(charlie), timeout=FIRST_ANSWER_S).status_code == 404
    cookies = cookies_of(alice)

    async def listen() -> str:
        client = httpx.AsyncClient(cookies=cookies, timeout=TIMEOUT_S)
        async with client, listening(channel, client) as listener:
            live.publish([channel], {"entity": "invoice"})
            return await listener.next()

    assert asyncio.run(listen()) == 'data: {"entity": "invoice"}'


def test_a_server_that_is_told_to_stop_ends_its_streams_at_once(events_process: Program) -> None:
    async def listen() -> None:
        async with patient_client() as client, listening(f"invoice:{id_new()}", client) as listener:
            events_process.process.terminate()
            assert await listener.ended()

    begun = time.monotonic()
    asyncio.run(listen())
    events_process.wait()
    assert time.monotonic() - begun < TIMEOUT_S, "it waited for the streams until the server's own time-out"
    assert "Traceback" not in events_process.output


def test_five_hundred_open_pages_all_hear_it(events_process: Program) -> None:
    channel = f"invoice:{id_new()}"

    async def page_open(few_at_a_time: asyncio.Semaphore) -> asyncio.StreamReader:
        # Bare sockets: five hundred times a full client in this one process would measure the client.
        async with few_at_a_time:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["PORT"]))
            writer.write(f"GET /events/{channel} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            await asyncio.wait_for(reader.readuntil(b"event: hello\ndata: {}\n\n"), TIMEOUT_S)
            writers.append(writer)
            return reader

    async def heard(reader: asyncio.StreamReader) -> bytes:
        return await asyncio.wait_for(reader.readuntil(b"Settled"), TIMEOUT_S)

    async def all_pages() -> int:
        few_at_a_time = asyncio.Semaphore(20)
        readers = await asyncio.gather(*(page_open(few_at_a_time) for _ in range(500)))
        live.publish([channel], {"state": "Settled"})
        news = await asyncio.gather(*(heard(reader) for reader in readers))
        for writer in writers:
            writer.close()
        return len(news)

    writers: list[asyncio.StreamWriter] = []
    assert asyncio.run(all_pages()) == 500


def test_a_synchronous_server_tells_the_page_to_poll(client: Client, db: None) -> None:
    answer = client.get(f"/events/invoice:{id_new()}")
    assert answer.status_code == 503
    assert answer["Retry-After"]
