"""The recipients: each wants one payout, and knows from the sandbox's ledger, never from our tables, what arrived."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.lnurl.wire.services import Answer, Service, json_answer
from tests.sandbox_server import SandboxServer


class Kind(StrEnum):
    WITHDRAW = "LNURL-withdraw"
    INVOICE = "BOLT 11 with amount"
    OPEN_INVOICE = "BOLT 11 without amount"
    ADDRESS = "Lightning Address"
    LNURL_PAY = "LNURL-pay"
    MERCHANT = "merchant's own payout"


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


@dataclass
class Recipient:
    """`hashes` are the payment hashes of every invoice this recipient ever gave out; `username` of an address' account."""

    number: int
    kind: Kind
    sat: int
    destination: str = ""
    hashes: set[str] = field(default_factory=set)
    username: str = ""
    outcome: Outcome = Outcome.UNANSWERED
    why: str = ""
    payout_id: str = ""
    cancelled: bool = False

    def takes(self, payment: dict[str, Any]) -> bool:
        """Whether this payment of the sandbox's ledger is to this recipient."""
        return payment["to"] == self.username if self.username else payment["payment_hash"] in self.hashes


class PayServices(Service):
    """LNURL-pay services (LUD-06, LUD-21), one for each recipient that has one; their invoices are the phone's."""

    def __init__(self, sandbox: SandboxServer) -> None:
        super().__init__()
        self._sandbox = sandbox
        self._lock = threading.Lock()

    def open_for(self, recipient: Recipient, *, broken_first: int = 0) -> str:
        """The LNURL of a new service, which answers `broken_first` requests with an error before it works."""
        name = f"{recipient.number}"
        left = [broken_first]

        def info(_: dict[str, str]) -> Answer:
            if left[0] > 0:
                left[0] -= 1
                return json_answer({"status": "ERROR", "reason": "Come back later"})
            return json_answer(
                {
                    "tag": "payRequest",
                    "callback": f"{self.url}/callback/{name}",
                    "minSendable": 1_000,
                    "maxSendable": 10**12,
                    "metadata": '[["text/plain", "A recipient"]]',
                }
            )

        def callback(query: dict[str, str]) -> Answer:
            invoice = self._sandbox.phone_invoice(int(query["amount"]) // 1_000)
            payment_hash = invoice["payment_hash"]
            with self._lock:
                recipient.hashes.add(payment_hash)
            self.routes[f"/verify/{payment_hash}"] = lambda _: self._verify(invoice)
            verify = f"{self.url}/verify/{payment_hash}"
            return json_answer({"pr": invoice["bolt11"], "routes": [], "verify": verify})

        self.routes[f"/callback/{name}"] = callback
        self.routes[f"/pay/{name}"] = info
        return f"{self.url}/pay/{name}"

    def _verify(self, invoice: dict[str, Any]) -> Answer:
        paid = self._sandbox.payments(invoice["payment_hash"])
        preimage = paid[0]["preimage"] if paid else None
        return json_answer({"status": "OK", "settled": bool(paid), "preimage": preimage, "pr": invoice["bolt11"]})


def recipient_make(
    number: int, kind: Kind, sat: int, *, sandbox: SandboxServer, services: PayServices, life_s: int, broken_first: int
) -> Recipient:
    """A recipient with something to be paid at; an LNURL-withdraw wallet makes its invoice when it knows the limits."""
    recipient = Recipient(number, kind, sat)
    if kind in (Kind.INVOICE, Kind.MERCHANT):
        invoice_give(recipient, sandbox, sat, life_s)
    elif kind is Kind.OPEN_INVOICE:
        invoice_give(recipient, sandbox, None, life_s)
    elif kind is Kind.ADDRESS:
        account = sandbox.account(username=f"recipient_{number}")
        recipient.username, recipient.destination = account["username"], account["lightning_address"]
    elif kind is Kind.LNURL_PAY:
        recipient.destination = services.open_for(recipient, broken_first=broken_first)
    return recipient


def invoice_give(recipient: Recipient, sandbox: SandboxServer, sat: int | None, life_s: int) -> None:
    invoice = sandbox.phone_invoice(sat, life_s=life_s)
    recipient.hashes.add(invoice["payment_hash"])
    recipient.destination = invoice["bolt11"]
