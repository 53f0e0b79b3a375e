"""What goes wrong at Flash: wrong, late and lost answers to single sends, and times in which nothing can be asked."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.sandbox_server import SandboxServer

SEND = "lnInvoicePaymentSend"
SEND_NO_AMOUNT = "lnNoAmountUsdInvoicePaymentSend"


@dataclass(frozen=True)
class Fault:
    """One wrong answer. `often`: its weight in the draw; those that nobody can clear up are rare, but they come."""

    name: str
    switch: str
    value: Any
    often: int


FAULTS = (
    Fault("answer lost, paid", "cut", "after", 10),
    Fault("request lost on the way", "cut", "before", 8),
    Fault("bad gateway, not paid", "http_status", 502, 6),
    Fault("gateway timeout, paid", "late_status", 504, 8),
    Fault("an HTML page for an answer, paid", "late_status", 200, 6),
    Fault("answer 3 s late", "delay_after_s", 3.0, 5),
    Fault("request 3 s late", "delay_before_s", 3.0, 5),
    Fault("payment takes 4 s", "send_takes_s", 4.0, 5),
    Fault("payment takes 10 s, longer than a lease", "send_takes_s", 10.0, 2),
    Fault("PENDING, paid at once", "send", "pending_paid", 8),
    Fault("PENDING, paid later", "send", "pending_then_paid", 8),
    Fault("PENDING, failed later", "send", "pending_then_failed", 2),
    Fault("PENDING for ever", "send", "pending_forever", 2),
    Fault("FAILURE, not paid", "send", "failure", 8),
    Fault("FAILURE, paid", "send", "failure_paid", 10),
    Fault("FAILURE without a reason, not paid", "send", "failure_empty", 2),
    Fault("FAILURE without a reason, paid", "send", "failure_empty_paid", 8),
    Fault("taken, then reimbursed", "send", "failure_reimbursed", 6),
    Fault("idempotency key forgotten", "keys_forgotten", True, 6),
)
# Times of a few seconds in which these hold for every call: (name, switches, switches afterwards).
SPELLS: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("provider's outage", {"ibex_outage": True}, {"ibex_outage": False}),
    ("empty transaction feed", {"feed_empty": True}, {"feed_empty": False}),
    ("details without hash and preimage", {"details": "bare"}, {"details": "full"}),
    ("payments show late", {"visibility_delay_s": 4.0}, {"visibility_delay_s": 0.0}),
    ("no price", {"price_outage": True}, {"price_outage": False}),
)
SPELL_S = (2.0, 5.0)


class Saboteur:
    """Draws faults from its own dice and counts what truly happened: a fault that met no call is taken off again."""

    def __init__(self, sandbox: SandboxServer, seed: int) -> None:
        self._sandbox = sandbox
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self._set: Counter[str] = Counter()
        self._spells: Counter[str] = Counter()

    def one_fault(self, *, no_amount: bool) -> None:
        """Let the next send (of an invoice without an amount, or of any other) go wrong in some way."""
        with self._lock:
            fault = self._dice.choices(FAULTS, [each.often for each in FAULTS])[0]
            if fault.switch == "keys_forgotten" and no_amount:
                return
            self._set[fault.name] += 1
        operation = SEND_NO_AMOUNT if no_amount else SEND
        self._sandbox.switch(**{fault.switch: {"value": fault.value, "next": 1, "operation": operation}})

    def spell(self, over: threading.Event) -> None:
        """A few seconds of something that holds for every call; back to normal afterwards, or when `over` is set."""
        with self._lock:
            name, begin, end = self._dice.choice(SPELLS)
            seconds = self._dice.uniform(*SPELL_S)
            self._spells[name] += 1
        self._sandbox.switch(**begin)
        over.wait(seconds)
        self._sandbox.switch(**end)

    def stop(self) -> Counter[str]:
        """No more faults; what was injected, by kind."""
        unmet: Counter[tuple[str, Any]] = Counter()
        for switch in self._sandbox.api("GET", "/api/switches")["switches"]:
            for waiting in switch["next"]:
                unmet[switch["name"], waiting["value"]] += waiting["next"]
        self._sandbox.switch(**{fault.switch: _NORMAL[fault.switch] for fault in FAULTS})
        for *_, end in SPELLS:
            self._sandbox.switch(**end)
        happened = Counter({fault.name: self._set[fault.name] - unmet[fault.switch, fault.value] for fault in FAULTS})
        return Counter({name: count for name, count in (happened + self._spells).items() if count})


_NORMAL: dict[str, Any] = {
    "cut": "none",
    "http_status": 0,
    "late_status": 0,
    "delay_after_s": 0.0,
    "delay_before_s": 0.0,
    "send_takes_s": 0.0,
    "send": "normal",
    "keys_forgotten": False,
}
