"""`python -m tests.chaos`: thousands of payouts while everything breaks, and a table of what came of it.

Nothing outside of this machine is touched: PostgreSQL, Valkey and the sandbox Flash are started for the run and end with it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2_000, help="payouts asked for (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="decides faults, blows and claims (default: %(default)s)")
    parser.add_argument(
        "--duration",
        type=int,
        default=540,
        help="seconds: 60 %% under fire, the rest at most for peace (default: %(default)s)",
    )
    parser.add_argument(
        "--feed-rows",
        type=int,
        default=100,
        help="rows that Flash's transaction feed shows: fewer in a small run are a busy wallet (default: %(default)s)",
    )
    parser.add_argument(
        "--faulty", type=int, default=33, help="of a hundred sends so many meet a fault at Flash (default: %(default)s)"
    )
    wanted = parser.parse_args(arguments)
    env = {
        **os.environ,
        "CHAOS_COUNT": str(wanted.count),
        "CHAOS_SEED": str(wanted.seed),
        "CHAOS_DURATION": str(wanted.duration),
        "CHAOS_FEED_ROWS": str(wanted.feed_rows),
        "CHAOS_FAULTY": str(wanted.faulty),
        "TEST_DATABASE": "",
    }
    command = [sys.executable, "-m", "pytest", "-s", "-q", "-p", "no:randomly", str(FOLDER / "chaos_full.py")]
    return subprocess.run(command, env=env, cwd=FOLDER.parents[1], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
