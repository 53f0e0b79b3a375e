"""The whole of FlashPay on one machine: start in order, say where it is, keep it alive, end in order."""

from __future__ import annotations

import asyncio
import hashlib
import io
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import redis.asyncio
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands
from django.db import DatabaseError, connections

from flashpay import heartbeat
from flashpay.supervisor import preflight, programs
from flashpay.supervisor.children import Child
from flashpay.supervisor.preflight import CannotStart
from flashpay.supervisor.programs import Program
from flashpay.version import VERSION

_SERVER_START_S = 15.0
_READY_S = 60.0
_ASK_AGAIN_S = 0.1
# One Ctrl-C may arrive twice: from the terminal and from make.
_SAME_SIGNAL_S = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked for the end while FlashPay was still starting."""


class Up:
    def __init__(self, *, say: Callable[[str, str], None], verbose: bool) -> None:
        self._say, self._verbose = say, verbose
        # In the order of their start; they end in the opposite order, group by group.
        self._groups: list[list[Child]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._told_at = 0.0

    async def run(self) -> None:
        """Start everything and keep it running until a signal comes. Raises CannotStart; nothing is left running then."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._told_to_stop)
        try:
            login = await self._start()
            for line in _addresses(login):
                self._say("", line)
            await self._stop.wait()
            self._say("up", "Ending FlashPay. Press Ctrl-C again to end it at once.")
        except Stopped:
            self._say("up", "Ending FlashPay before it was ready.")
        finally:
            await self._end()
        self._say("up", "FlashPay has ended; its data is in " + str(settings.DATA_DIR))

    def _told_to_stop(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._stop.is_set():
            self._stop.set()
            self._told_at = now
        elif now - self._told_at > _SAME_SIGNAL_S:
            for child in self._children():
                child.kill()

    def _children(self) -> list[Child]:
        return [child for group in self._groups for child in group]

    async def _start(self) -> str:
        self._say("up", f"Starting FlashPay {VERSION} on {settings.DATA_DIR}")
        if settings.EMBEDDED_VALKEY:
            self._launch(programs.valkey_program())
        if settings.EMBEDDED_SANDBOX:
            self._launch(programs.sandbox_program())
        if settings.EMBEDDED_VALKEY:
            await self._until(_redis_answers, "The embedded Valkey server", _SERVER_START_S)
        else:
            await self._in_thread(preflight.redis_check)
        await self._in_thread(heartbeat.forget)
        await self._in_thread(_prepare_database)
        await self._in_thread(_collect_static)
        if settings.EMBEDDED_SANDBOX:
            await self._until(_answers(f"{settings.SANDBOX_URL}/healthz"), "The sandbox", _SERVER_START_S)
        login = await self._in_thread(_seed_demo) if settings.SANDBOX else ""
        self._launch(*programs.app_programs())
        await self._until(_answers(_own_url("/readyz")), "FlashPay", _READY_S)
        return login

    def _launch(self, *wanted: Program) -> None:
        group = [Child(program, folder=settings.DATA_DIR, say=self._say, verbose=self._verbose) for program in wanted]
        self._groups.append(group)
        self._tasks |= {asyncio.create_task(child.run(), name=child.program.name) for child in group}

    async def _until(self, answers: Callable[[], Awaitable[str]], who: str, timeout_s: float) -> None:
        """Wait until `answers` gives "ok". Raises CannotStart with what it said last, or when a program crashes, and Stopped."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + timeout_s
        while (said := await answers()) != "ok":
            crashed = next((child for child in self._children() if child.crashes), None)
            if crashed is not None:
                raise CannotStart(
                    f"The program {crashed.program.name} ended while starting; its last words stand above."
                )
            if loop.time() > give_up:
                raise CannotStart(
                    f"{who} was not ready within {timeout_s:g} s ({said}). What the programs said is in "
                    f"{settings.DATA_DIR / 'logs'}."
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _ASK_AGAIN_S)
            if self._stop.is_set():
                raise Stopped

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        """Django's own commands are not asynchronous. They are short and run to their end. Raises Stopped."""
        result = await asyncio.to_thread(work)
        if self._stop.is_set():
            raise Stopped
        return result

    async def _end(self) -> None:
        for group in reversed(self._groups):
            await asyncio.gather(*(child.end() for child in group))
        if self._tasks:
            await asyncio.wait(self._tasks)


# --- Steps of the start ---------------------------------------------------------------------------------------------


def _prepare_database() -> None:
    preflight.database_check()
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except DatabaseError as error:
        raise CannotStart(f"The database cannot be brought up to date ({error}). See docs/operations.md.") from error
    finally:
        connections.close_all()


def _collect_static() -> None:
    """Collect the static files, unless nothing changed since the last time."""
    stamp = settings.DATA_DIR / "static.stamp"
    now = _static_fingerprint()
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if manifest.exists() and stamp.exists() and stamp.read_text() == now:
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(now)


def _static_fingerprint() -> str:
    digest = hashlib.sha256(f"{VERSION} {settings.STATIC_ROOT} {settings.STORAGES['staticfiles']}".encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            state = Path(storage.path(path)).stat()
            digest.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _seed_demo() -> str:
    """Make the demo store, if there is none yet, and return what the command says about its login."""
    if "seed_demo" not in get_commands():
        return ""
    said = io.StringIO()
    try:
        call_command("seed_demo", stdout=said)
    finally:
        connections.close_all()
    return said.getvalue().strip()


# --- Questions ------------------------------------------------------------------------------------------------------


async def _redis_answers() -> str:
    try:
        async with redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1) as client:
            await client.ping()
    except redis.RedisError as error:
        return str(error)
    return "ok"


def _answers(url: str) -> Callable[[], Awaitable[str]]:
    async def ask() -> str:
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
                response = await client.get(url)
        except httpx.HTTPError as error:
            return type(error).__name__
        return "ok" if response.status_code == 200 else response.text[:500]

    return ask


def _own_url(path: str) -> str:
    host = settings.LISTEN_ADDRESS
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not listened on
        host = "127.0.0.1"
    return f"http://[{host}]:{settings.PORT}{path}" if ":" in host else f"http://{host}:{settings.PORT}{path}"


def _addresses(login: str) -> list[str]:
    rows = [
        ("Dashboard", f"{settings.PUBLIC_URL}/"),
        ("Admin", f"{settings.PUBLIC_URL}/admin/"),
        ("API documentation", f"{settings.PUBLIC_URL}/api/docs"),
    ]
    if settings.EMBEDDED_SANDBOX:
        rows += [
            ("Phone wallet", f"{settings.SANDBOX_URL}/phone"),
            ("Sandbox switches", f"{settings.SANDBOX_URL}/switches"),
        ]
    lines = ["", "FlashPay is ready." + (" Sandbox: no real money." if settings.SANDBOX else "")]
    lines += [f"  {name + ':':<20}{address}" for name, address in rows]
    lines += [f"  {line}" for line in login.splitlines()]
    return [*lines, "Press Ctrl-C to end it.", ""]
