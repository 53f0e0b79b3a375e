"""The programs that make up FlashPay, and how each is started. `docs/operations.md` shows the same commands for people."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.core.management import get_commands

from flashpay import heartbeat
from flashpay.supervisor import valkey

# How long a program gets to end by itself. A worker may be waiting for Flash's answer to a payment; what is cut off then is
# picked up from its rows at the next start.
_END_S, _WORKER_END_S = 8.0, 20.0
# Tasks wait for the network most of the time, and one process writes to SQLite faster than two.
_WORKER_THREADS = 4
_EVENT_STREAMS_END_S = 3


@dataclass(frozen=True)
class Program:
    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    end_s: float = _END_S


def valkey_program() -> Program:
    config = valkey.config_write(
        folder=settings.DATA_DIR / "valkey", port=settings.VALKEY_PORT, password=settings.VALKEY_PASSWORD
    )
    return Program("valkey", (valkey.server_path(), str(config)))


def sandbox_program() -> Program:
    port, folder = str(settings.SANDBOX_PORT), str(settings.DATA_DIR / "sandbox")
    return Program("sandbox", _python("-m", "flashpay.sandbox", "--port", port, "--data-dir", folder))


def app_programs() -> list[Program]:
    """Web with live events, worker, beat and listener."""
    web = _python(
        *("-m", "uvicorn", "flashpay.asgi:application"),
        *("--host", settings.LISTEN_ADDRESS, "--port", str(settings.PORT)),
        *("--log-level", "warning", "--no-access-log", "--no-server-header"),
        # Whose X-Forwarded-For is believed is TRUSTED_PROXIES' matter.
        "--no-proxy-headers",
        *("--timeout-graceful-shutdown", str(_EVENT_STREAMS_END_S)),
    )
    celery = ("-m", "celery", "--quiet", "--app", "flashpay")
    worker = _python(
        *celery,
        *("worker", "--pool", "threads", "--concurrency", str(_WORKER_THREADS), "--loglevel", settings.LOG_LEVEL),
        # One worker has nobody to gossip with, and without it a restarted Valkey is found again without complaint.
        *("--without-gossip", "--without-mingle"),
    )
    beat = _python(*celery, "beat", "--pidfile", "", "--loglevel", settings.LOG_LEVEL)
    programs = [
        Program("web", web, {"READY_REQUIRES": os.environ.get("READY_REQUIRES") or ",".join(processes())}),
        Program("worker", worker, end_s=_WORKER_END_S),
        Program("beat", beat),
    ]
    if heartbeat.LISTENER in processes():
        programs.append(Program("listener", _python("manage.py", "listen")))
    return programs


def processes() -> list[str]:
    """The processes without whose sign of life FlashPay is not ready."""
    return [name for name in heartbeat.NAMES if name != heartbeat.LISTENER or "listen" in get_commands()]


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)
