"""The fixtures that every room may use: the cast, the sandbox, the real programs, the browser.

Nothing of Django is imported before a fixture needs it, so that pure rooms also run with `-p no:django`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis

from tests import cast, environment
from tests.programs import Program
from tests.tables import tables_empty

if TYPE_CHECKING:
    from django.test import Client

    from flashpay.stores.models import Store, User
    from tests.sandbox_server import SandboxServer

_DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}
_BROWSER_FIXTURES = {"page", "browser", "context", "new_context", "browser_type"}


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin("django"):
        return
    from django.conf import settings
    from django.core.signals import setting_changed
    from django.test import TransactionTestCase

    setting_changed.connect(_forget_clients)
    TransactionTestCase._fixture_teardown = tables_empty  # type: ignore[method-assign]
    # Pages are rendered without a `collectstatic` before; the real programs get one (fixture `static_files`).
    settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    database = settings.DATABASES["default"]
    # Threads of race tests give their connections back at once.
    database["CONN_MAX_AGE"] = 0
    if database["ENGINE"].endswith("sqlite3"):
        # A file, as in real life: an in-memory database has other locks.
        database.setdefault("TEST", {})["NAME"] = str(Path(os.environ["DATA_DIR"]) / "test.sqlite3")


def _forget_clients(*, setting: str, **_: Any) -> None:
    """What a process keeps open was opened where the settings said; a test that changes them must not leave it so."""
    if setting in {"REDIS_URL", "FLASH_API_URL", "SANDBOX"}:
        from flashpay import live
        from flashpay.stores import rates, wallets

        for kept in (live.connection, live.publisher, rates.rate_book, wallets.budgets):
            kept.cache_clear()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs a browser, so that `-m "not browser"` finds it.

    The run on SQLite is the second one: PostgreSQL's tests and those without a database are left out of it.
    """
    chosen, left_out = [], []
    for item in items:
        if _BROWSER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("browser")
        needs_postgres = item.get_closest_marker("postgres") is not None
        if needs_postgres and environment.postgres_problem():
            item.add_marker(pytest.mark.skip(reason=environment.postgres_problem()))
        elsewhere = environment.ON_SQLITE and (needs_postgres or not _uses_database(item))
        (left_out if elsewhere else chosen).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen


def _uses_database(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return bool(_DATABASE_FIXTURES & fixtures) or item.get_closest_marker("django_db") is not None


class BrowserTestsLast:
    """Playwright leaves an event loop running in the main thread, in which `asyncio.run` refuses to start another.

    The long ones among them come first: at the end of a parallel run nobody waits for a minute for somebody else's last test.
    """

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        def place(item: pytest.Item) -> int:
            if item.get_closest_marker("browser") is None:
                return 0
            return 1 if item.get_closest_marker("slow") is not None else 2

        items.sort(key=place)


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.pluginmanager.register(BrowserTestsLast())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI a test that needs Chromium or PostgreSQL must run: a skip is a failure there."""
    report: Any = yield
    must_run = item.get_closest_marker("browser") or item.get_closest_marker("postgres")
    if environment.IN_CI and report.skipped and must_run:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where it must run: {report.longrepr}"
    return report


# --- The cast -------------------------------------------------------------------------------------------------------


@pytest.fixture
def alice(db: None) -> User:
    """Owner of `store`."""
    return cast.user_make("alice")


@pytest.fixture
def bob(store: Store) -> User:
    """Cashier of `store`."""
    person = cast.user_make("bob")
    cast.member_add(store, person, "Cashier")
    return person


@pytest.fixture
def charlie(db: None) -> User:
    """A stranger with a store of his own."""
    person = cast.user_make("charlie")
    cast.store_make(person, name="Charlie's kiosk")
    return person


@pytest.fixture
def store(alice: User) -> Store:
    """Alice's store, without a wallet."""
    return cast.store_make(alice)


@pytest.fixture
def merchant(client: Client, alice: User) -> Client:
    """Alice, logged in."""
    client.force_login(alice)
    return client


# --- Services -------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _empty_redis() -> None:
    """Each test starts with an empty Redis database of this worker: no cached rate, no waiting task, no limit used up.

    And with a process that asks Redis: one that met none in the test before would leave it alone for a while.
    """
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    client.flushdb()
    client.close()
    throttles = sys.modules.get("flashpay.throttles")
    if throttles is not None:
        throttles.redis_ask_again()


@pytest.fixture
def eager_tasks() -> Iterator[None]:
    """Celery tasks run where they are called. For unit tests; integration tests start a real `worker`."""
    from flashpay.celery import app

    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    yield
    app.conf.task_always_eager = app.conf.task_eager_propagates = False


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    """The sandbox Flash as a real process on `settings.SANDBOX_PORT`, which the settings' FLASH_API_URL points at."""
    from tests.sandbox_server import SandboxServer

    with SandboxServer(port=int(os.environ["SANDBOX_PORT"])) as server:
        yield server


@pytest.fixture
def no_price(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox without a price of bitcoin, for the time of the test."""
    sandbox.switch(price_outage=True)
    yield sandbox
    sandbox.switch(price_outage=False)


@pytest.fixture
def connected_store(store: Store, sandbox: SandboxServer) -> Store:
    """Alice's store with a fresh dollar account at the sandbox as its wallet."""
    cast.wallet_give(store, sandbox, balance_cents=500_000)
    return store


@pytest.fixture(scope="session")
def static_files() -> str:
    """The folder of collected static files for real web processes, collected once in the whole run."""
    folder = Path(os.environ["STATIC_ROOT"])
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "static.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "staticfiles.json").exists():
            with Program.python("manage.py", "collectstatic", "--no-input", "-v0") as collecting:
                assert collecting.wait() == 0, collecting.output
    return str(folder)


@pytest.fixture
def start_program(transactional_db: None) -> Iterator[Callable[..., Program]]:
    """Start `python <arguments>` on this test's database and Redis; it ends with the test.

    `start_program("manage.py", "listen", ready="listening")` returns when a line with "listening" was printed.
    """
    from django.db import connection

    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        head, _, query = os.environ["DATABASE_URL"].partition("?")
        url = f"{head.rpartition('/')[0]}/{database['NAME']}" + (f"?{query}" if query else "")
    with ExitStack() as running:

        def start(*arguments: str, ready: str = "", env: dict[str, str] | None = None) -> Program:
            program = running.enter_context(Program.python(*arguments, env={"DATABASE_URL": url, **(env or {})}))
            if ready:
                program.wait_for(ready)
            return program

        yield start


@pytest.fixture
def web_server(start_program: Callable[..., Program], static_files: str) -> str:
    """Address of a real web process (pages, API, LNURL and live events) on this test's database."""
    port = os.environ["PORT"]
    start_program(
        *("-m", "uvicorn", "flashpay.asgi:application", "--host", "127.0.0.1", "--port", port),
        *("--timeout-graceful-shutdown", "2"),
        ready="Uvicorn running on",
    )
    return os.environ["PUBLIC_URL"]


@pytest.fixture
def worker(start_program: Callable[..., Program]) -> Program:
    """A real Celery worker process on this test's database."""
    return start_program(
        *("-m", "celery", "-A", "flashpay", "worker", "--loglevel=INFO", "--concurrency=2"),
        *("--without-gossip", "--without-mingle"),
        ready=" ready.",
    )


# --- Browser --------------------------------------------------------------------------------------------------------


def _chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium, kept from reaching anything but this machine."""
    from playwright.sync_api import expect

    path = _chromium()
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    # What is expected is there at once on a quiet machine; only what fails takes so long.
    expect.set_options(timeout=20_000)
    # Playwright's event loop in this thread is no sign of asynchronous code of ours.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return {
        **browser_type_launch_args,
        "executable_path": path,
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        ],
    }
