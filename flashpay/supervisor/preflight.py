"""What must be true before anything is started: each doubt ends in one sentence with the remedy."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from typing import IO

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from environs import EnvError

from flashpay.configuration import FolderWrong

_LOCK = "up.lock"


class CannotStart(EnvError):
    """FlashPay cannot start; the message says why and what to do."""


def folder_claim(folder: Path) -> IO[str]:
    """Take `folder` for this supervisor until the returned file is closed. Raises CannotStart, FolderWrong."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / _LOCK).open("a+")
    except OSError as error:
        raise FolderWrong(folder, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "?"
        file.close()
        raise CannotStart(
            f"It already runs on the folder {folder} (process {holder}). End that one first, "
            "or start a second copy with another DATA_DIR and PORT."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def ports_wanted() -> dict[str, tuple[str, int]]:
    """The settings that name a port which `up` will listen on, with address and port."""
    wanted = {"PORT": (settings.LISTEN_ADDRESS, settings.PORT)}
    if settings.EMBEDDED_SANDBOX:
        wanted["SANDBOX_PORT"] = ("127.0.0.1", settings.SANDBOX_PORT)
    if settings.EMBEDDED_VALKEY:
        wanted["VALKEY_PORT"] = ("127.0.0.1", settings.VALKEY_PORT)
    return wanted


def ports_check(wanted: dict[str, tuple[str, int]]) -> None:
    """Raises CannotStart when a port is taken, forbidden, or wanted twice."""
    seen: dict[int, str] = {}
    for name, (address, port) in wanted.items():
        if port in seen:
            raise CannotStart(f"{seen[port]} and {name} are both {port}. Give {name} a port of its own.")
        seen[port] = name
        _port_check(name, address, port)


def _port_check(name: str, address: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CannotStart(
                    f"Port {port} ({name}) is in use by another program. End that program, "
                    f"or set {name} to a free port, for example: {name}={_another(port)} make run"
                ) from None
            if error.errno == errno.EACCES:
                raise CannotStart(
                    f"This user may not listen on port {port} ({name}). Set {name} to 1024 or more."
                ) from None
            raise CannotStart(
                f"The address {address} with port {port} ({name}) cannot be listened on ({error.strerror})."
            ) from None


def _another(port: int) -> int:
    return port + 1 if port < 65_535 else 8000


def database_check() -> None:
    """Raises CannotStart when the database does not answer."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        raise CannotStart(
            f"The database does not answer ({reason}). Check DATABASE_URL, and that the database runs."
        ) from None
    finally:
        connection.close()


def redis_check() -> None:
    """Raises CannotStart when the Redis or Valkey of REDIS_URL does not answer. Its password is not repeated."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3)
    try:
        client.ping()
    except redis.RedisError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CannotStart(f"The Redis server of REDIS_URL does not answer ({reason}). Check REDIS_URL.") from None
    finally:
        client.close()
