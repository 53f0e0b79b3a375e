"""One running program: its output by lines, its restarts, its end with everything it started."""

from __future__ import annotations

import asyncio
import logging
import logging.handlers
import os
import signal
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flashpay.supervisor.programs import Program

_LEASH = Path(__file__).with_name("leash.py")
_BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
# A program that has lived this long was well: the next restart waits the shortest time again.
_WELL_S = 60.0
_LAST_LINES = 15
_OUTPUT_END_S = 2.0
_LOG_BYTES = 2_000_000
_LONGEST_LINE_BYTES = 1_000_000

Say = Callable[[str, str], None]


class Child:
    """A program under supervision. `run` keeps it alive until `end`."""

    def __init__(self, program: Program, *, folder: Path, say: Say, verbose: bool) -> None:
        self.program = program
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.crashes = 0
        self._folder, self._say, self._verbose = folder, say, verbose
        self._process: asyncio.subprocess.Process | None = None
        self._ending = asyncio.Event()
        self._log = _log_file(program.name, folder / "logs")

    async def run(self) -> None:
        """Start it, and again whenever it ends, until `end` is called."""
        failures = 0
        clock = asyncio.get_running_loop().time
        while not self._ending.is_set():
            started = clock()
            code = await self._run_once()
            if self._ending.is_set():
                return
            failures = 0 if clock() - started > _WELL_S else failures
            pause = _BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)]
            failures += 1
            self.crashes += 1
            self._say(
                "up", f"{self.program.name} ended unexpectedly ({_cause(code)}); starting it again in {pause:g} s."
            )
            if not self._verbose:
                for line in self.last_lines:
                    self._say(self.program.name, line)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)

    async def _run_once(self) -> int:
        self.last_lines.clear()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(_LEASH), str(os.getpid()), *self.program.argv),
            cwd=Path(__file__).parent.parent.parent,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "flashpay.settings",
                "PYTHONUNBUFFERED": "1",
                **self.program.env,
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            # A session of its own: Ctrl-C is for the supervisor alone, which ends all in order.
            start_new_session=True,
            limit=_LONGEST_LINE_BYTES,
        )
        self._process = process
        if self._ending.is_set():  # while it was being started
            process.terminate()
        reading = asyncio.create_task(self._read(process))
        code = await process.wait()
        # Whatever it left behind holds its port or its output.
        _signal_group(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            await asyncio.wait_for(reading, _OUTPUT_END_S)
        self._process = None
        return code

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than the limit; the rest of it follows as lines of its own
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self.last_lines.append(text)
            self._log.info(text)
            if self._verbose:
                self._say(self.program.name, text)

    async def end(self) -> None:
        """Ask it to end; after its time is up, end it and its whole group without asking."""
        self._ending.set()
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self.program.end_s)
        except TimeoutError:
            self._say("up", f"{self.program.name} did not end within {self.program.end_s:g} s and was killed.")
            self.kill()

    def kill(self) -> None:
        self._ending.set()
        if self._process is not None:
            _signal_group(self._process.pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _cause(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _log_file(name: str, folder: Path) -> logging.Logger:
    """What the program says, kept in `folder`/`name`.log, the last few megabytes of it."""
    folder.mkdir(exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(
        folder / f"{name}.log", maxBytes=_LOG_BYTES, backupCount=1, delay=True
    )
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger(f"flashpay.supervisor.output.{name}")
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(logging.INFO)
    return logger
