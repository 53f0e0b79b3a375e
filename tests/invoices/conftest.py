"""What the tests of cards share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox_server import SandboxServer


@pytest.fixture
def cards(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox with a full card, and well again afterwards."""
    sandbox.api("PUT", "/api/card", {"balance_sat": 200_000, "limit_sat": 100_000})
    yield sandbox
    sandbox.api("POST", "/api/reset")
