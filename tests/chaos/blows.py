"""Blows against the installation itself: processes killed, the broker restarted, database connections cut."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

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

    def _kill(self, name: str) -> None:
        part = self._town.parts[name]
        part.kill()
        time.sleep(self._dice.uniform(*AWAY_S))
        part.start()

    def _kill_worker(self) -> None:
        self._kill(self._dice.choice(WORKERS))
        self.count["worker killed, with its children"] += 1

    def _kill_child(self) -> None:
        if self._town.parts[self._dice.choice(WORKERS)].child_kill(self._dice):
            self.count["worker's child killed"] += 1

    def _kill_beat(self) -> None:
        self._kill(self._dice.choice(BEATS))
        self.count["beat killed"] += 1

    def _kill_web(self) -> None:
        self._kill(WEB)
        self.count["web process killed"] += 1

    def _restart_broker(self, *, lose: bool) -> None:
        self._town.broker.restart(lose=lose)
        self.count[f"broker killed, its data {'lost' if lose else 'kept'}"] += 1

    def _cut_database(self) -> None:
        cut = self._database.execute(
            b"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE %s",
            [f"{APPLICATION}-%"],
        ).fetchone()
        self.count["database connections cut"] += cut[0] if cut else 0

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
            self.count[gate.name] += 1
            time.sleep(self._dice.uniform(*AWAY_S))
            part.start()
