"""One sandbox process for the whole run of this folder; each test gets fresh switches and its own accounts."""

from collections.abc import Iterator

import pytest

from tests.sandbox.client import GraphQL
from tests.sandbox_server import SandboxServer


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxServer]:
    with SandboxServer() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: SandboxServer) -> SandboxServer:
    sandbox_process.api("POST", "/api/reset")
    return sandbox_process


@pytest.fixture
def alice(sandbox: SandboxServer) -> GraphQL:
    """The owner Alice, with 1,000 dollars and an API key."""
    return GraphQL(sandbox, sandbox.account(balance_cents=100_000))
