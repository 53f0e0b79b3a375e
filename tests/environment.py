"""What the settings read during a test run. Loaded by pytest (`-p tests.environment`) before Django's settings are.

The controlling process starts PostgreSQL and Valkey (`tests.servers`); the workers of a parallel run inherit their
addresses and take a Redis database, ports and a folder of their own. Nothing of the developer's own settings gets in.

`TEST_DATABASE` chooses the database: unset for the PostgreSQL that the run starts, `sqlite` for SQLite files, or the
address of a PostgreSQL that is there already.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import certifi
import pytest

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
TEST_DATABASE = os.environ.get("TEST_DATABASE", "")
ON_SQLITE = TEST_DATABASE == "sqlite"

# Set in the controlling process, read in its workers and in the programs that tests start.
_FOLDER = "FLASHPAY_TEST_FOLDER"
_REDIS = "FLASHPAY_TEST_REDIS"
_PROBLEM = "FLASHPAY_TEST_POSTGRES_PROBLEM"

_OWN_SETTINGS = (
    "ACCOUNT_EMAIL_VERIFICATION",
    "ALLOWED_HOSTS",
    "ALLOW_PRIVATE_DESTINATIONS",
    "CARDS_AT_ONCE",
    "DEBUG",
    "EMAIL_FROM",
    "EMAIL_URL",
    "FLASH_ADDRESS_REQUESTS_PER_MINUTE",
    "FLASH_API_URL",
    "FLASH_KEY_REQUESTS_PER_MINUTE",
    "FLASH_MINIMUM_SAT",
    "FLASH_SERVERS",
    "FLASH_WS_URL",
    "LISTEN_ADDRESS",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "READY_REQUIRES",
    "REGISTRATION_OPEN",
    "SANDBOX",
    "SENTRY_DSN",
    "STATIC_ROOT",
    "TRUSTED_PROXIES",
    "VALKEY_PORT",
)


def postgres_problem() -> str:
    """Why tests that need PostgreSQL cannot run; empty where they can."""
    return os.environ.get(_PROBLEM, "")


def free_port() -> int:
    """A port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _servers_start(folder: Path) -> None:
    """Start the servers of the whole run. They end when the pipe to them closes, that is: when this process ends."""
    wants_postgres = not TEST_DATABASE
    servers = subprocess.Popen(
        [sys.executable, "-m", "tests.servers", str(folder), *(["--postgres"] if wants_postgres else [])],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for pytest; the servers go when it has gone.
    )
    assert servers.stdin is not None
    assert servers.stdout is not None
    line = servers.stdout.readline()
    if not line:
        pytest.exit("The servers for the tests did not start; their error stands above.", returncode=3)
    answer: dict[str, str] = json.loads(line)

    def stop() -> None:
        servers.stdin.close()  # type: ignore[union-attr]
        servers.wait(timeout=20)

    atexit.register(stop)
    os.environ[_REDIS] = answer["redis_url"]
    os.environ[_PROBLEM] = answer["problem"]
    if answer["database_url"]:
        os.environ["DATABASE_URL"] = answer["database_url"]
    elif not wants_postgres and not ON_SQLITE:
        os.environ["DATABASE_URL"] = TEST_DATABASE
    else:
        os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'flashpay.sqlite3'}"


def _prepare_run() -> None:
    """Once, in the controlling process."""
    folder = Path(tempfile.mkdtemp(prefix="flashpay-tests-"))
    (folder / "static").mkdir()
    for name in _OWN_SETTINGS:
        os.environ.pop(name, None)
    _servers_start(folder)
    if IN_CI and postgres_problem():
        pytest.exit(f"PostgreSQL is required here: {postgres_problem()}", returncode=3)
    os.environ |= {
        _FOLDER: str(folder),
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "for-tests-only-" + "x" * 40,
        "FIELD_ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
        "ALLOW_PRIVATE_DESTINATIONS": "true",
        "EMAIL_URL": "memory:",
        "LOG_LEVEL": "WARNING",
        "STATIC_ROOT": str(folder / "static"),
    }


def _prepare_process() -> None:
    """In every process that runs tests: what it must not share with the others."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    number = int(worker.removeprefix("gw")) + 1 if worker else 0
    port = free_port()
    folder = Path(os.environ[_FOLDER]) / (worker or "main")
    folder.mkdir(exist_ok=True)
    os.environ |= {
        "DATA_DIR": str(folder),
        "REDIS_URL": f"{os.environ[_REDIS]}/{number}",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SANDBOX_PORT": str(free_port()),
    }


def pytest_report_header() -> str:
    engine = "SQLite" if os.environ["DATABASE_URL"].startswith("sqlite") else "PostgreSQL"
    return f"database: {engine}" + (f" ({postgres_problem()})" if postgres_problem() else "")


def _one_certificate() -> None:
    """Every HTTP client reads all public certificates, which takes 20 ms; here nobody is met who shows one."""
    bundle = Path(certifi.where()).read_text()
    end = "-----END CERTIFICATE-----\n"
    one = Path(os.environ["DATA_DIR"]) / "one-certificate.pem"
    one.write_text(bundle.partition(end)[0] + end)
    certifi.where = lambda: str(one)


class NetworkForbiddenError(RuntimeError):
    """A test tried to reach something beyond this machine."""


_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None}
# RFC 6761: these never resolve, so a test may use them to see what happens then.
_NEVER_RESOLVE = (".invalid", ".test", ".example")


def _is_loopback(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    return host in _LOOPBACK_NAMES or (isinstance(host, str) and host.startswith(("127.", "::ffff:127.")))


def _guard_network() -> None:
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse_outside(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise NetworkForbiddenError(f"A test tried to connect to {address[0]}:{address[1]}.")

    def guarded_connect(sock: socket.socket, address: Any) -> None:
        refuse_outside(sock, address)
        connect(sock, address)

    def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
        refuse_outside(sock, address)
        return connect_ex(sock, address)

    def guarded_getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and name.rstrip(".").lower().endswith(_NEVER_RESOLVE):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not _is_loopback(name) and not _is_numeric(name):
            raise NetworkForbiddenError(f"A test tried to look up {name}.")
        return getaddrinfo(host, port, *args, **kwargs)

    socket.socket.connect = guarded_connect  # type: ignore[method-assign,assignment]
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[method-assign,assignment]
    socket.getaddrinfo = guarded_getaddrinfo


def _is_numeric(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return True
    return False


if not {"-h", "--help", "--version", "-V"} & set(sys.argv):
    if _FOLDER not in os.environ:
        _prepare_run()
    _prepare_process()
    _one_certificate()
    _guard_network()
