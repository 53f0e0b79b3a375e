"""`python -m tests.bench [name …]`: every measurement of this folder, or those named, each on SQLite and PostgreSQL.

A measurement is a pytest file `bench_<name>.py` that prints its table. Nothing here is part of the suite. `rush` takes
minutes, so it runs only when it is named.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
ONLY_WHEN_NAMED = {"rush"}
# Those in which the database makes no difference, and those whose rows PostgreSQL itself makes.
ON_POSTGRES_ALONE = {"checkout", "live", "lists", "memory", "payouts", "reading", "rush"}


def main(names: list[str]) -> int:
    known = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}
    unknown = set(names) - set(known)
    if unknown:
        sys.stderr.write(f"There is no measurement {', '.join(sorted(unknown))}. There are: {', '.join(known)}.\n")
        return 2
    failed = 0
    for name in names or [name for name in known if name not in ONLY_WHEN_NAMED]:
        for database in ("",) if name in ON_POSTGRES_ALONE else ("sqlite", ""):
            command = [sys.executable, "-m", "pytest", "-s", "-q", "-p", "no:randomly", str(known[name])]
            env = {**os.environ, "TEST_DATABASE": database}
            failed += subprocess.run(command, env=env, cwd=FOLDER.parents[1], check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
