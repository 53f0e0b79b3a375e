"""What FlashPay brings along for one machine: generated secrets and the ports of its embedded servers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet

# Far from PORT, so that copies on neighbouring ports do not meet each other's servers.
SANDBOX_PORT_DISTANCE = 10_000
VALKEY_PORT_DISTANCE = 20_000
_FIRST_PORT, _LAST_PORT = 1024, 65_535


def port_beside(port: int, distance: int) -> int:
    """The port `distance` above `port`, wrapped into the unprivileged range."""
    return _FIRST_PORT + (port + distance - _FIRST_PORT) % (_LAST_PORT - _FIRST_PORT + 1)


def secret_kept(folder: Path, name: str, make: Callable[[], str]) -> str:
    """Read the secret `name` from `folder`, or make and keep one (mode 600) the first time.

    Raises OSError where the folder cannot be written.
    """
    path = folder / "secrets" / name
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Written whole under another name and then linked: a second process sees all of it or nothing,
    # and of two that start at once the later one takes what the earlier one made.
    draft = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()


def random_key() -> str:
    return secrets.token_urlsafe(48)


def encryption_key() -> str:
    return Fernet.generate_key().decode()
