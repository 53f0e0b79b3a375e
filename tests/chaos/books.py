"""The sandbox's own books: what was truly paid, and which requests to pay came when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from tests.chaos.faults import SEND, SEND_NO_AMOUNT
from tests.sandbox_server import SandboxServer

LIVE = ("IN_FLIGHT", "SUCCEEDED")


@dataclass(frozen=True)
class SendRequest:
    """A request to pay that Flash received, `at` by its clock, under the key that makes it the same or another payment."""

    at: float
    bolt11: str
    key: str


class Books:
    """Reads the log as it grows, for the sandbox keeps only its newest part, and the payments at the end."""

    def __init__(self, sandbox: SandboxServer) -> None:
        self._sandbox = sandbox
        calls = sandbox.api("GET", "/api/log")["calls"]
        self._seen = calls[-1]["number"] if calls else 0
        self._payments_before = {each["id"] for each in self._all()}
        self.sends: list[SendRequest] = []
        self.calls = 0

    def read_on(self) -> None:
        """Take in what was logged since the last time."""
        for call in self._sandbox.api("GET", f"/api/log?since={self._seen}")["calls"]:
            self._seen = call["number"]
            self.calls += 1
            if {SEND, SEND_NO_AMOUNT} & set(call["operations"]) and call["variables"]:
                given = call["variables"]["input"]
                # Where there is no key, every further request could pay once more.
                key = given.get("idempotencyKey") or f"request {call['number']}"
                self.sends.append(SendRequest(call["at"], given["paymentRequest"].lower(), key))

    def payments(self) -> list[dict[str, Any]]:
        """Every payment of this run, whatever became of it."""
        return [each for each in self._all() if each["id"] not in self._payments_before]

    def _all(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._sandbox.api("GET", "/api/payments?all=1")["payments"]
        return found


def daring_sends(sends: list[SendRequest], payments: list[dict[str, Any]], payout_of: dict[str, str]) -> list[str]:
    """Payouts for which a new attempt's first request left while an older one's payment was alive: had Flash or a
    recipient been less strict, they would have been paid twice. `payout_of`: BOLT 11 → payout."""
    first: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    for send in sends:
        first[payout_of.get(send.bolt11, send.bolt11)].setdefault((send.bolt11, send.key), send.at)
    paid: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for payment in payments:
        paid[payout_of.get(payment["bolt11"], payment["bolt11"])].append(payment)
    return [
        payout
        for payout, attempts in first.items()
        for began in sorted(attempts.values())[1:]
        if any(_alive_at(payment, began) for payment in paid[payout])
    ]


def _alive_at(payment: dict[str, Any], moment: float) -> bool:
    ended = payment["ended_at"] if payment["state"] == "FAILED" else None
    return bool(payment["created_at"] < moment and (ended is None or ended > moment))
