"""Start a program that does not outlive its supervisor, not even one that was killed without warning.

Run as a file of its own (`python -I leash.py SUPERVISOR_PID PROGRAM ARGUMENT...`), with nothing but the standard library,
so that it costs a few milliseconds. Linux tells a process of its parent's death; there this program becomes the other.
Elsewhere (macOS) it stays beside it, passes signals on, and looks every half second whether the supervisor lives.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_LOOK_EVERY_S = 0.5
_MERCY_S = 10.0


def become(supervisor: int, argv: list[str]) -> None:
    """Turn into the program, with the kernel's promise of a SIGTERM when the supervisor dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == supervisor:  # else it died before the promise was made
        os.execv(argv[0], argv)  # noqa: S606 - the supervisor's own programs


def watch(supervisor: int, argv: list[str]) -> int:
    """Run the program and return its exit code; end it when the supervisor is no longer our parent."""
    child = subprocess.Popen(argv)  # noqa: S603 - the supervisor's own programs

    def pass_on(number: int, _frame: FrameType | None) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, pass_on)
    while True:
        try:
            code = child.wait(_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            if os.getppid() != supervisor:
                return _end(child)
            continue
        return code if code >= 0 else 128 - code


def _end(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return child.wait(_MERCY_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


if __name__ == "__main__":
    arguments = (int(sys.argv[1]), sys.argv[2:])
    if sys.platform == "linux":
        become(*arguments)
        sys.exit(1)
    sys.exit(watch(*arguments))
