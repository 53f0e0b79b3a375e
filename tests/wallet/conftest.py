"""The sandbox with fresh switches, and a browser's worth of Alice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox_server import SandboxServer


@pytest.fixture(autouse=True)
def flash(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox with every switch as at its start, before and after each test."""
    sandbox.api("POST", "/api/reset")
    yield sandbox
    sandbox.api("POST", "/api/reset")
