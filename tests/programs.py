"""Real processes in tests: started, listened to, and ended with the test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
# Both are only waited for where something is wrong, or the machine very busy.
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0


class ProgramError(AssertionError):
    """A program under test ended or stayed silent where it should have said something; carries what it printed."""


class Program:
    """One process, both its outputs collected line by line; `wait_for` returns as soon as it has said something.

    It leads a session of its own, so that whatever it leaves behind is ended with it.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.argv = list(argv)
        self.lines: list[str] = []
        self._said = threading.Condition()
        self._closed = False
        self.process = subprocess.Popen(
            self.argv,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "flashpay.settings", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @classmethod
    def python(cls, *arguments: str, env: Mapping[str, str] | None = None) -> Self:
        return cls([sys.executable, *arguments], env)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        with self._said:
            return "\n".join(self.lines)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()
        with self._said:
            self._closed = True
            self._said.notify_all()

    def wait_for(self, text: str, timeout_s: float = START_TIMEOUT_S, after: int = 0) -> str:
        """The first line containing `text` among those from number `after` on. Raises ProgramError when it never comes."""

        def found() -> str | None:
            return next((line for line in self.lines[after:] if text in line), None)

        with self._said:
            self._said.wait_for(lambda: found() is not None or self._closed, timeout_s)
            line = found()
        if line is None:
            raise ProgramError(f"{' '.join(self.argv)} did not say {text!r}; it said:\n{self.output}")
        return line

    def wait(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """The exit code, once it has ended by itself. Raises ProgramError when it does not."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"{' '.join(self.argv)} does not end; it said:\n{self.output}") from None
        self._reader.join(timeout_s)
        return code

    def stop(self, signal_number: int = signal.SIGTERM, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """End it and everything of its session, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ProgramError(f"{' '.join(self.argv)} did not end when told to; it said:\n{self.output}") from None
        self._reader.join(timeout_s)
        return code

    def kill(self) -> None:
        """SIGKILL to it and its process group, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT_S)
