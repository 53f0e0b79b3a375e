"""Blows against the installation itself: processes killed, the broker restarted, database connections cut."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg

from tests.chaos.gates import GATES, Gate, gate_caught, gate_open, gate_shut
from tests.chaos.town import APPLICATION, BEATS, WEB, WORKERS, Town

# How long a gate waits for somebody to walk into it, and how long a killed process stays away.
GATE_S = 6.0
AWAY_S = (0.0, 2.0)


class Attacker:
    """One blow after the other, each drawn from its own dice, until it is told to stop. Counts them."""

    def __init__(self, town: Town, database: psycopg.Connection, *, seed: int, exact_kills: int) -> None:
        self._town, self._database = town, database
        self._dice = random.Random(seed)
        self._exact: list[Gate] = [gate for gate in GATES for _ in range(exact_kills)]
        self._dice.shuffle(self._exact)
        self.count: Counter[str] = Counter()
        self.diary: list[str] = []

    def run(self, *, every_s: float, over: threading.Event) -> None:
        """Strike about every `every_s` until `over` is set; each blow puts right what it broke."""
        while not over.wait(self._dice.uniform(0.5, 1.5) * every_s):
            self._strike()

    def _strike(self) -> None:
        blows: list[tuple[Callable[[], None], int]] = [
            (self._kill_worker, 4),
            (self._kill_child, 4),
            (self._kill_beat, 1),
            (self._kill_web, 2),
            (lambda: self._restart_broker(lose=False), 1),
            (lambda: self._restart_broker(lose=True), 2),
            (self._cut_database, 4),
        ]
        if self._exact:
            blows.append((self._kill_at_gate, 8))
        self._dice.choices([blow for blow, _ in blows], [weight for _, weight in blows])[0]()

    def _note(self, what: str, times: int = 1) -> None:
        self.count[what] += times
        self.diary.append(f"{datetime.now(UTC):%H:%M:%S} {what} ({times})")

    def _kill(self, name: str) -> None:
        part = self._town.parts[name]
        part.kill()
        time.sleep(self._dice.uniform(*AWAY_S))
        part.start()

    def _kill_worker(self) -> None:
        self._kill(self._dice.choice(WORKERS))
        self._note("worker killed, with its children")

    def _kill_child(self) -> None:
        if self._town.parts[self._dice.choice(WORKERS)].child_kill(self._dice):
            self._note("worker's child killed")

    def _kill_beat(self) -> None:
        self._kill(self._dice.choice(BEATS))
        self._note("beat killed")

    def _kill_web(self) -> None:
        self._kill(WEB)
        self._note("web process killed")

    def _restart_broker(self, *, lose: bool) -> None:
        self._town.broker.restart(lose=lose)
        self._note(f"broker killed, its data {'lost' if lose else 'kept'}")

    def _cut_database(self) -> None:
        cut = self._database.execute(
            b"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE %s",
            [f"{APPLICATION}-%"],
        ).fetchone()
        self._note("database connections cut", cut[0] if cut else 0)

    def _kill_at_gate(self) -> None:
        gate = self._exact[-1]
        gate_shut(self._database, gate)
        try:
            part = self._town.part_of(gate_caught(self._database, gate, GATE_S))
            if part is not None:
                part.kill()
        finally:
            gate_open(self._database, gate)
        if part is not None:
            self._exact.pop()
            self._note(gate.name)
            time.sleep(self._dice.uniform(*AWAY_S))
            part.start()
