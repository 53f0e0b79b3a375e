from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from redis import Redis

from flashpay.flash import ApiKey, Endpoint, Flash
from tests.flash.loopback import Loopback, loopback
from tests.sandbox_server import SandboxServer

API_KEY = "fk_0a1b2c3d_" + "k" * 64
SESSION_TOKEN = "ory_st_" + "t" * 32


@pytest.fixture
def service() -> Iterator[Loopback]:
    with loopback() as server:
        yield server


@pytest.fixture
def endpoint(service: Loopback) -> Endpoint:
    return Endpoint(service.url, service.url.replace("http", "ws", 1))


@pytest.fixture
def wallet(endpoint: Endpoint) -> Flash:
    return Flash(endpoint, ApiKey(API_KEY))


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxServer]:
    with SandboxServer() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: SandboxServer) -> SandboxServer:
    """A sandbox Flash in today's world (b), without limits, its switches as after a start."""
    sandbox_process.api("POST", "/api/reset")
    return sandbox_process


@pytest.fixture
def flash_endpoint(sandbox: SandboxServer) -> Endpoint:
    return Endpoint(sandbox.graphql_url, sandbox.ws_url)


@pytest.fixture
def redis_client() -> Iterator[Redis]:
    client = Redis.from_url(os.environ["REDIS_URL"])
    yield client
    client.close()
