"""`manage.py up` as people use it: a real process with all its children."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest

from tests.environment import free_port
from tests.home import READY, READY_S, Home
from tests.programs import Program

pytestmark = pytest.mark.slow

GONE_S = 30.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "data")


@pytest.fixture(scope="session")
def lived_in() -> Path:
    """The data of a copy that was started and ended once in this run: migrated, collected, with its demo store."""
    folder = Path(os.environ["STATIC_ROOT"]).parent / "lived-in"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ended").exists():
            with Program.python("manage.py", "up", env=Home(folder / "data").settings()) as program:
                program.wait_for(READY, READY_S)
                assert program.stop() == 0
            (folder / "ended").touch()
    return folder / "data"


@pytest.fixture
def moved_into(lived_in: Path) -> Callable[[Path], Home]:
    """Make a home of what is there: for tests that are not about the first start, which takes longest."""

    def move(folder: Path) -> Home:
        shutil.copytree(lived_in, folder, ignore=shutil.ignore_patterns("static", "logs"))
        return Home(folder, lived_in / "static")

    return move


@pytest.fixture
def old_home(moved_into: Callable[[Path], Home], tmp_path: Path) -> Home:
    return moved_into(tmp_path / "data")


@pytest.fixture
def up() -> Iterator[Callable[..., Program]]:
    """Start `manage.py up` in a home; ended with the test."""
    with ExitStack() as running:

        def start(home: Home, *, ready: bool = True, **settings: str) -> Program:
            program = running.enter_context(Program.python("manage.py", "up", env=home.settings() | settings))
            if ready:
                program.wait_for(READY, READY_S)
            return program

        yield start


def _family(program: Program) -> dict[str, psutil.Process]:
    """The children of `up` by a word of their command line."""
    words = ("valkey-server", "flashpay.sandbox", "uvicorn", "worker", "beat", "listen")
    found = {}
    for process in psutil.Process(program.pid).children(recursive=True):
        word = next((word for word in words if any(word in part for part in process.cmdline())), "other")
        found[word] = process
    return found


def _all_gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=GONE_S)
    return not alive


def _fails(program: Program) -> str:
    """The one line that a failing start says."""
    assert program.wait() == 1
    assert "Traceback" not in program.output
    return program.lines[-1]


@pytest.mark.parametrize(("which", "number"), [("home", signal.SIGTERM), ("old_home", signal.SIGINT)])
def test_it_answers_when_it_says_ready_and_ends_every_child(
    request: pytest.FixtureRequest, up: Callable[..., Program], which: str, number: signal.Signals
) -> None:
    home: Home = request.getfixturevalue(which)
    program = up(home)
    ready = httpx.get(f"{home.address}/readyz")
    assert ready.status_code == 200
    assert ready.json()["missing"] == []
    assert f"{home.address}/admin/" in program.output
    assert f"http://127.0.0.1:{home.sandbox_port}/phone" in program.output
    family = _family(program)
    assert {"valkey-server", "flashpay.sandbox", "uvicorn", "worker", "beat"} <= family.keys()

    assert program.stop(number) == 0
    assert _all_gone(list(family.values()))
    assert "FlashPay has ended" in program.lines[-1]
    assert "killed" not in program.output


def test_it_leaves_nothing_behind_when_it_is_killed(old_home: Home, up: Callable[..., Program]) -> None:
    program = up(old_home)
    family = list(_family(program).values())
    os.kill(program.pid, signal.SIGKILL)
    assert _all_gone(family)


def test_it_starts_a_crashed_program_again_and_says_so(old_home: Home, up: Callable[..., Program]) -> None:
    program = up(old_home)
    family = _family(program)
    family["worker"].kill()
    family["valkey-server"].kill()
    assert "SIGKILL" in program.wait_for("worker ended unexpectedly")
    program.wait_for("valkey ended unexpectedly")
    give_up = time.monotonic() + READY_S
    while {"worker", "valkey-server"} - _family(program).keys():
        assert time.monotonic() < give_up
        time.sleep(0.1)
    assert _family(program)["worker"].pid != family["worker"].pid
    assert program.stop() == 0


def test_it_finds_its_data_again(old_home: Home, up: Callable[..., Program]) -> None:
    secret = (old_home.folder / "secrets" / "secret_key").read_text()
    with sqlite3.connect(old_home.folder / "flashpay.sqlite3") as database:
        database.execute("CREATE TABLE kept (word TEXT)")
        database.execute("INSERT INTO kept VALUES ('still here')")
    database.close()
    program = up(old_home)
    with sqlite3.connect(old_home.folder / "flashpay.sqlite3") as database:
        assert database.execute("SELECT word FROM kept").fetchall() == [("still here",)]
    database.close()
    assert (old_home.folder / "secrets" / "secret_key").read_text() == secret
    assert program.stop() == 0


def test_two_copies_run_side_by_side(
    moved_into: Callable[[Path], Home], tmp_path: Path, up: Callable[..., Program]
) -> None:
    home, other = moved_into(tmp_path / "data"), moved_into(tmp_path / "other")
    first, second = up(home), up(other)
    for copy in (home, other):
        assert httpx.get(f"{copy.address}/readyz").status_code == 200
    assert first.stop() == 0
    assert httpx.get(f"{other.address}/readyz").status_code == 200
    assert second.stop() == 0


@pytest.mark.parametrize("name", ["PORT", "SANDBOX_PORT", "VALKEY_PORT"])
def test_it_refuses_a_port_in_use(home: Home, up: Callable[..., Program], name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = _fails(up(home, ready=False, **{name: port}))
    assert line.startswith(f"FlashPay cannot start. Port {port} ({name}) is in use")
    assert f"{name}=" in line


def test_it_refuses_one_port_for_two_servers(home: Home, up: Callable[..., Program]) -> None:
    assert "PORT and VALKEY_PORT are both" in _fails(up(home, ready=False, VALKEY_PORT=str(home.port)))


def test_it_refuses_a_folder_it_cannot_write_to(home: Home, up: Callable[..., Program]) -> None:
    line = _fails(up(home, ready=False, DATA_DIR="/dev/null/flashpay"))
    assert line.startswith("FlashPay cannot start. DATA_DIR is /dev/null/flashpay")


def test_it_refuses_a_folder_where_another_copy_runs(old_home: Home, up: Callable[..., Program]) -> None:
    first = up(old_home)
    line = _fails(up(old_home, ready=False, PORT=str(free_port())))
    assert f"(process {first.pid})" in line
    assert httpx.get(f"{old_home.address}/readyz").status_code == 200


def test_it_refuses_a_wrong_setting(home: Home, up: Callable[..., Program]) -> None:
    assert "The setting LOG_FORMAT cannot be used" in _fails(up(home, ready=False, LOG_FORMAT="poem"))


def test_it_says_that_the_redis_of_the_settings_does_not_answer(home: Home, up: Callable[..., Program]) -> None:
    program = up(home, ready=False, REDIS_URL=f"redis://:geheim@127.0.0.1:{free_port()}/0")
    assert "The Redis server of REDIS_URL does not answer" in _fails(program)
    assert "geheim" not in program.output


def test_it_says_that_the_database_does_not_answer_and_leaves_nothing_running(
    home: Home, up: Callable[..., Program]
) -> None:
    program = up(home, ready=False, DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/nothing")
    assert "The database does not answer" in _fails(program)
    for port in (home.sandbox_port, home.valkey_port):
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            pass


@pytest.mark.postgres
def test_it_runs_on_postgresql_and_an_outside_redis(
    home: Home, up: Callable[..., Program], transactional_db: None
) -> None:
    from django.db import connection

    head, _, query = os.environ["DATABASE_URL"].partition("?")
    url = f"{head.rpartition('/')[0]}/{connection.settings_dict['NAME']}?{query}"
    program = up(home, DATABASE_URL=url, REDIS_URL=os.environ["REDIS_URL"])
    assert "valkey-server" not in _family(program)
    assert not (home.folder / "flashpay.sqlite3").exists()
    assert httpx.get(f"{home.address}/readyz").status_code == 200
    assert program.stop() == 0


def test_the_leash_also_holds_where_the_kernel_does_not_help(tmp_path: Path) -> None:
    """Off Linux the leash watches its parent; here a parent that dies at once is played by a short shell."""
    marker = tmp_path / "pid"
    child = f"import os, time, pathlib; pathlib.Path({str(marker)!r}).write_text(str(os.getpid())); time.sleep(60)"
    leash = "from flashpay.supervisor import leash; import os, sys; leash.watch(os.getppid(), sys.argv[1:])"
    parent = (
        "import subprocess, sys, time, pathlib\n"
        f"subprocess.Popen([sys.executable, '-c', {leash!r}, sys.executable, '-c', {child!r}])\n"
        f"while not pathlib.Path({str(marker)!r}).exists(): time.sleep(0.05)\n"
    )
    subprocess.run([sys.executable, "-c", parent], check=True, timeout=30)
    assert _all_gone([psutil.Process(int(marker.read_text()))])
