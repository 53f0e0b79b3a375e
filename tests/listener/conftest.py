"""A real listener process on the test's database and Redis, and what a test has to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import pytest

from tests.programs import Program
from tests.sandbox_server import SandboxServer

T = TypeVar("T")
StartProgram = Callable[..., Program]
LISTENING = "listener: listening to Flash"
STANDING_BY = "listener: standing by"


def until(look: Callable[[], T], within_s: float = 30.0) -> T:
    """The first result of `look` that is true: what other processes do leaves no event here to wait for."""
    give_up_at = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture
def flash(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox with every switch as at its start, before and after the test, and money on the phone."""
    sandbox.api("POST", "/api/reset")
    sandbox.api("POST", "/phone/api/fund", {"sat": 1_000_000})
    yield sandbox
    sandbox.api("POST", "/api/reset")


@pytest.fixture
def listener(start_program: StartProgram, flash: SandboxServer) -> Program:
    """The active listener. Wallets may be connected before or after."""
    return start_program("manage.py", "listen", ready=LISTENING)


def code_make(store: Any, amount: int = 21_000, now: datetime | None = None) -> Any:
    """A fresh code of a new invoice over `amount` sats."""
    from flashpay.invoices.services import invoice_create, lightning_invoice_issue
    from flashpay.money.currencies import SAT

    invoice = invoice_create(store=store, amount=amount, currency=SAT, actor="alice@example.com")
    return lightning_invoice_issue(invoice=invoice, now=now)


def payment_of(code: Any) -> Any:
    """The payment of a code, as soon as there is one."""
    from flashpay.invoices.models import Payment

    return until(lambda: Payment.objects.filter(lightning_invoice=code).first())


def wallet_by_token(store: Any, flash: SandboxServer) -> tuple[Any, dict[str, Any]]:
    """Connect `store` to a fresh account by its session token; the connection and the account."""
    from flashpay.stores.services import wallet_connect

    account = flash.account(balance_cents=500_000)
    connection_string = f"type=flash;server={flash.graphql_url};token={account['session_token']}"
    return wallet_connect(store=store, connection_string=connection_string, actor="alice"), account


def sockets_now() -> dict[str, Any]:
    """The live connections as the listener reports them, by name."""
    from flashpay.stores import listener_report

    report = listener_report.read()
    return report.sockets if report else {}


def watched_now() -> int:
    return sum(health.watched for health in sockets_now().values())


def healthy(kind: str) -> bool:
    """Whether there is a live connection that is proved to work; `kind`: "anonymous" or "token"."""
    return any(
        health.state == "healthy" and health.socket.startswith("anonymous@") == (kind == "anonymous")
        for health in sockets_now().values()
    )
