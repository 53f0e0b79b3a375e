"""Each process on its own, by the commands of deploy/Procfile, on PostgreSQL and an outside Redis."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from flashpay.ids import id_new
from tests.environment import free_port
from tests.programs import Program

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

ROOT = Path(__file__).parents[2]
READY_S = 60.0
RUNS = {  # programs of the virtual environment, as modules
    "gunicorn": ["-m", "gunicorn"],
    "uvicorn": ["-m", "uvicorn"],
    "celery": ["-m", "celery"],
    "python": [],
}


def _procfile() -> dict[str, str]:
    lines = (ROOT / "deploy" / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


def _arguments(command: str, settings: dict[str, str]) -> list[str]:
    """The command as a shell would read it, with `${NAME:-default}` filled in."""
    filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: settings.get(found[1]) or found[2], command)
    program, *rest = shlex.split(filled)
    return [*RUNS[program], *rest]


def test_they_find_each_other(start_program: Callable[..., Program], static_files: str) -> None:
    web_port, live_port = free_port(), free_port()
    settings = {
        "PORT": str(web_port),
        "LIVE_PORT": str(live_port),
        "WORKER_CONCURRENCY": "2",
        "READY_REQUIRES": "worker,beat,listener",
    }
    programs = {
        name: start_program(*_arguments(command, settings), env=settings) for name, command in _procfile().items()
    }
    assert programs.keys() == {"web", "live", "worker", "beat", "listener"}

    for port in (web_port, live_port):
        answer = _ready(f"http://127.0.0.1:{port}/readyz")
        assert answer["missing"] == []
    with httpx.stream("GET", f"http://127.0.0.1:{live_port}/events/invoice:{id_new()}", timeout=10) as stream:
        assert any("hello" in line for line in stream.iter_lines())
    assert httpx.get(f"http://127.0.0.1:{web_port}/accounts/login/").status_code == 200

    programs["listener"].kill()
    assert httpx.get(f"http://127.0.0.1:{web_port}/healthz").status_code == 200
    for name in ("web", "live", "worker", "beat"):
        programs[name].stop()
        assert "Traceback" not in programs[name].output, name


def _ready(url: str) -> dict[str, object]:
    give_up = time.monotonic() + READY_S
    last = ""
    while time.monotonic() < give_up:
        try:
            response = httpx.get(url, timeout=5)
            last = response.text
            if response.status_code == 200:
                return dict(response.json())
        except httpx.TransportError as error:
            last = repr(error)
        time.sleep(0.1)
    raise AssertionError(f"{url} did not become ready: {last}")
