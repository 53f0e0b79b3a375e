"""Live news while Redis is away: given up after one try, and nobody waits for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from flashpay import live


class Refuser:
    """A server that takes connections and hangs up on each, and counts them."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            peer.close()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(timeout=5)


@pytest.fixture
def refuser(settings: Any) -> Iterator[Refuser]:
    server = Refuser()
    settings.REDIS_URL = f"redis://127.0.0.1:{server.port}/0"
    yield server
    server.close()


def test_news_is_tried_once_and_lost_without_harm(refuser: Refuser) -> None:
    live.publish(["invoice:1"], {"type": "InvoiceSettled"})
    assert refuser.connections == 1


def test_a_command_is_tried_once_more_and_no_oftener(refuser: Refuser) -> None:
    with pytest.raises(redis.RedisError):
        live.connection().get("something")
    assert refuser.connections == 2


@pytest.mark.parametrize("client", [live.connection, live.publisher])
def test_reaching_redis_takes_half_a_second_at_most(client: Any) -> None:
    assert client().connection_pool.connection_kwargs["socket_connect_timeout"] <= 0.5
