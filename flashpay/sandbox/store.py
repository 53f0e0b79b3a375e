"""The sandbox's memory: one SQLite file in the data folder, used by one process from one thread."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# `balance`, `debit` and `credit` are whole numbers in the wallet's smallest unit (see `accounts.Unit`).
TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY, user_id TEXT NOT NULL, username TEXT NOT NULL UNIQUE, display_currency TEXT NOT NULL,
    api_key TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL, session_token TEXT NOT NULL UNIQUE,
    active INTEGER NOT NULL DEFAULT 1, created_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS wallets (
    id TEXT PRIMARY KEY, account_id TEXT, currency TEXT NOT NULL, balance INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS invoices (
    payment_hash TEXT PRIMARY KEY, bolt11 TEXT NOT NULL UNIQUE, preimage TEXT NOT NULL, payment_secret TEXT NOT NULL,
    wallet_id TEXT NOT NULL, amount_msat INTEGER, memo TEXT NOT NULL, created_at REAL NOT NULL, expires_at REAL NOT NULL,
    settled_at REAL, received_msat INTEGER, by_lnurl INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS payments (
    id TEXT PRIMARY KEY, payment_hash TEXT NOT NULL, bolt11 TEXT NOT NULL, from_wallet TEXT NOT NULL, to_wallet TEXT NOT NULL,
    amount_msat INTEGER NOT NULL, fee_msat INTEGER NOT NULL, debit INTEGER NOT NULL, fee_debit INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('IN_FLIGHT', 'SUCCEEDED', 'FAILED')),
    created_at REAL NOT NULL, ended_at REAL, due_at REAL, due_action TEXT, visibility_delay_s REAL NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS one_live_payment_per_invoice ON payments (payment_hash) WHERE state != 'FAILED';
CREATE INDEX IF NOT EXISTS payments_due ON payments (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS transactions (
    id TEXT PRIMARY KEY, wallet_id TEXT NOT NULL, direction TEXT NOT NULL, amount INTEGER NOT NULL, fee INTEGER NOT NULL,
    settled_at REAL NOT NULL, visible_at REAL NOT NULL, payment_hash TEXT, bolt11 TEXT, preimage TEXT, memo TEXT
);
CREATE INDEX IF NOT EXISTS transactions_of_wallet ON transactions (wallet_id, settled_at);
CREATE TABLE IF NOT EXISTS idempotency (
    wallet_id TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (wallet_id, key)
);
CREATE TABLE IF NOT EXISTS phone_entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, direction TEXT NOT NULL, kind TEXT NOT NULL, whom TEXT NOT NULL, memo TEXT NOT NULL,
    amount_msat INTEGER, payment_hash TEXT, bolt11 TEXT, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL
);
"""

Row = sqlite3.Row


class Store:
    """A thin hold on the SQLite file. Every change of money happens inside `transaction()`."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / "sandbox.sqlite3"
        self._db = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)  # it holds the keys of the pretend accounts
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(
            "PRAGMA synchronous=NORMAL"
        )  # outlives a killed process; a power cut is no concern of a sandbox
        self._db.executescript(TABLES)
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested (the outermost one commits)."""
        self._depth += 1
        try:
            if self._depth == 1:
                self._db.execute("BEGIN IMMEDIATE")
            yield
        except BaseException:
            if self._depth == 1:
                self._db.execute("ROLLBACK")
            raise
        else:
            if self._depth == 1:
                self._db.execute("COMMIT")
        finally:
            self._depth -= 1

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement and return how many rows it changed."""
        return self._db.execute(sql, values).rowcount

    def insert(self, table: str, **values: Any) -> int:
        names = ", ".join(values)
        marks = ", ".join("?" for _ in values)
        # Table and column names come from this package's own code, never from a caller outside.
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608
        return self._db.execute(sql, tuple(values.values())).lastrowid or 0

    def one(self, sql: str, *values: Any) -> Row | None:
        row: Row | None = self._db.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Any) -> list[Row]:
        return self._db.execute(sql, values).fetchall()

    def recall(self, name: str, default: Any = None) -> Any:
        row = self.one("SELECT value FROM meta WHERE name = ?", name)
        return default if row is None else json.loads(row["value"])

    def remember(self, name: str, value: Any) -> None:
        self.run(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            name,
            json.dumps(value),
        )

    def wipe(self) -> None:
        """Forget accounts, money and history; the nodes' keys live in their own files and stay."""
        with self.transaction():
            for table in (
                "meta",
                "accounts",
                "wallets",
                "invoices",
                "payments",
                "transactions",
                "idempotency",
                "phone_entries",
            ):
                self.run(f"DELETE FROM {table}")  # noqa: S608

    def close(self) -> None:
        self._db.close()
