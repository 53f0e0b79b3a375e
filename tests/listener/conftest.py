"""A real listener process on the test's database and Redis, and what a test has to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from tests.programs import Program
from tests.sandbox_server import SandboxServer

T = TypeVar("T")
StartProgram = Callable[..., Program]
LISTENING = "listener: listening to Flash"


def until(look: Callable[[], T], within_s: float = 20.0) -> T:
    """The first result of `look` that is true. Processes that are not ours to ask leave no event to wait for."""
    give_up_at = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture
def flash(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox with every switch as at its start, before and after the test."""
    sandbox.api("POST", "/api/reset")
    yield sandbox
    sandbox.api("POST", "/api/reset")


@pytest.fixture
def listener(start_program: StartProgram, flash: SandboxServer) -> Program:
    """The active listener. Ask for it after the wallets that it is to find at its start."""
    return start_program("manage.py", "listen", ready=LISTENING)
