"""The sandbox as one thing: its parts put together, its clock, and what restarts and resets do to it."""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from flashpay.sandbox.accounts import Account, Accounts
from flashpay.sandbox.ledger import Invoice, Ledger
from flashpay.sandbox.limits import BucketLimiter, WindowLimiter
from flashpay.sandbox.node import Node
from flashpay.sandbox.prices import Prices
from flashpay.sandbox.push import Hub
from flashpay.sandbox.store import Store
from flashpay.sandbox.switches import Switches, Value

DEMO_BALANCE_CENTS = Decimal(250_000)
PHONE_BALANCE_MSAT = 500_000_000
PHONE_INVOICE_LIFE_S = 3600
LOG_CALLS = 20_000
CLOCK_TICK_S = 0.05  # how finely scheduled endings and cuts are kept


class Line(Protocol):
    """One open socket, seen from below."""

    def silence(self) -> None: ...
    def cut(self) -> None: ...


@dataclass
class Limiters:
    invoices: WindowLimiter
    keys: WindowLimiter
    addresses: BucketLimiter
    sockets: BucketLimiter

    def reset(self) -> None:
        for limiter in (self.invoices, self.keys, self.addresses, self.sockets):
            limiter.reset()


@dataclass
class CallLog:
    """The last calls received, oldest first, with a number each."""

    now: Callable[[], float]
    entries: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_CALLS))
    seen: int = 0

    def add(self, **entry: Any) -> dict[str, Any]:
        self.seen += 1
        record = {"number": self.seen, "at": self.now(), **entry}
        self.entries.append(record)
        return record


class Sandbox:
    def __init__(
        self,
        *,
        data_dir: Path,
        network: str = "regtest",
        base_url: str = "http://127.0.0.1",
        switches: dict[str, Value] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.now = now
        self.network = network
        self.base_url = base_url
        self.store = Store(data_dir)
        self.switches = Switches(switches)
        self.prices = Prices(self.store)
        self.accounts = Accounts(self.store, now)
        self.flash_node = Node(key_file=data_dir / "flash-node.key", network=network, now=now)
        self.phone_node = Node(key_file=data_dir / "phone-node.key", network=network, now=now)
        self.hub = Hub(self.switches, self._account_id_of_wallet)
        self.ledger = Ledger(
            store=self.store, accounts=self.accounts, prices=self.prices, now=now, on_received=self.hub.invoice_settled
        )
        self.limiters = Limiters(WindowLimiter(now), WindowLimiter(now), BucketLimiter(now), BucketLimiter(now))
        self.log = CallLog(now)
        self.lines: set[Line] = set()
        self.sends_busy: set[tuple[str, str]] = set()  # (wallet id, idempotency key) of sends under way
        self.header_keys: dict[str, float] = {}  # X-Idempotency-Key → when it was seen
        self._seed()

    def _seed(self) -> None:
        self.accounts.phone_wallet(balance_msat=PHONE_BALANCE_MSAT)
        if self.store.recall("demo") is None:
            with self.store.transaction():
                account = self.accounts.create(username="demo", balance_cents=DEMO_BALANCE_CENTS)
                self.store.remember("demo", account.id)

    @property
    def demo(self) -> Account:
        account = self.accounts.by_id(self.store.recall("demo"))
        assert account is not None
        return account

    def account_create(self, *, username: str | None = None, **wanted: Any) -> Account:
        return self.accounts.create(username=username or f"shop_{secrets.token_hex(4)}", **wanted)

    def invoice_create(
        self, *, wallet_id: str, amount_msat: int | None, memo: str, life_s: int, description_hash: str | None = None
    ) -> Invoice:
        """Sign and keep an invoice of the pretend Flash, or of the phone when the wallet is the phone's."""
        wallet = self.accounts.wallet(wallet_id)
        assert wallet is not None
        node = self.phone_node if wallet.is_phone else self.flash_node
        signed = node.invoice_sign(amount_msat=amount_msat, memo=memo, life_s=life_s, description_hash=description_hash)
        return self.ledger.invoice_add(
            signed, wallet_id=wallet_id, amount_msat=amount_msat, memo=memo, by_lnurl=description_hash is not None
        )

    def reset(self, *, everything: bool = False) -> None:
        """Switches back to their start, limiters and log emptied; with `everything`, accounts and money begin anew too."""
        self.switches.reset()
        self.limiters.reset()
        self.log.entries.clear()
        self.header_keys.clear()
        if everything:
            self.store.wipe()
            self._seed()

    def lines_cut(self) -> int:
        """Cut every open socket without a goodbye; how many there were."""
        lines = list(self.lines)
        for line in lines:
            line.cut()
        return len(lines)

    def lines_follow_switches(self) -> None:
        """A socket that fell silent stays so until its client gives it up, whatever the switch says later."""
        if self.switches.peek("socket_silent"):
            for line in self.lines:
                line.silence()

    async def run_clock(self) -> None:
        """Carry out what was scheduled: late endings of payments, regular cuts of sockets. Ends when cancelled."""
        cut_at = self.now()
        while True:
            self.ledger.payments_end_due()
            every = self.switches.peek("socket_cut_every_s")
            if every and self.now() - cut_at >= every:
                self.lines_cut()
            if not every or self.now() - cut_at >= every:
                cut_at = self.now()
            await asyncio.sleep(CLOCK_TICK_S)

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        clock = asyncio.create_task(self.run_clock())
        try:
            yield
        finally:
            clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await clock
            self.store.close()

    def _account_id_of_wallet(self, wallet_id: str) -> str | None:
        wallet = self.accounts.wallet(wallet_id)
        return wallet.account_id if wallet else None
