"""Exact moments: a gate in the database at which a worker stands still, so that it can be killed just there.

A trigger takes a shared advisory lock where an attempt changes its state. While the gate is shut (somebody holds the lock
for himself) the worker's statement waits inside PostgreSQL: what it committed before stays, what it was about to do has not
happened. Killed there and then let go, its transaction is rolled back, as nobody is left to commit it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

POLL_S = 0.02


@dataclass(frozen=True)
class Gate:
    """`name` is what the table calls a death here."""

    name: str
    key: int


BEFORE_SEND = Gate("worker killed between the attempt's commit and its request", 7_001)
AFTER_SEND = Gate("worker killed with the answer in hand, before it was stored", 7_002)
GATES = (BEFORE_SEND, AFTER_SEND)

_TRIGGER = f"""
CREATE OR REPLACE FUNCTION chaos_gate() RETURNS trigger AS $$
BEGIN
  IF OLD.state = 'prepared' AND NEW.state = 'sent' THEN
    PERFORM pg_advisory_xact_lock_shared({BEFORE_SEND.key});
  ELSIF OLD.state = 'sent' AND NEW.state <> 'sent' THEN
    PERFORM pg_advisory_xact_lock_shared({AFTER_SEND.key});
  END IF;
  RETURN NEW;
END $$ LANGUAGE plpgsql;
CREATE OR REPLACE TRIGGER chaos_gate BEFORE UPDATE ON payouts_payoutattempt FOR EACH ROW EXECUTE FUNCTION chaos_gate();
"""
# Who stands at the gate, by the name that each process gave its connections.
_WAITING = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND objid = %s AND NOT granted AND application_name <> '' LIMIT 1
"""


@contextmanager
def gates_installed(database: psycopg.Connection) -> Iterator[None]:
    """The gates stand, open, while the block runs."""
    database.execute(_TRIGGER.encode())
    try:
        yield
    finally:
        database.execute(
            b"DROP TRIGGER IF EXISTS chaos_gate ON payouts_payoutattempt; DROP FUNCTION IF EXISTS chaos_gate()"
        )


def gate_shut(database: psycopg.Connection, gate: Gate) -> None:
    database.execute(b"SELECT pg_advisory_lock(%s)", [gate.key])


def gate_open(database: psycopg.Connection, gate: Gate) -> None:
    database.execute(b"SELECT pg_advisory_unlock(%s)", [gate.key])


def gate_caught(database: psycopg.Connection, gate: Gate, within_s: float) -> str:
    """The application name of a process that stands at the shut gate; empty when nobody came in time."""
    give_up_at = time.monotonic() + within_s
    while time.monotonic() < give_up_at:
        row = database.execute(_WAITING.encode(), [gate.key]).fetchone()
        if row is not None:
            return str(row[0])
        time.sleep(POLL_S)
    return ""
