"""A recipient's LNURL-pay service on loopback, whose invoices are the sandbox phone's; tests make it fail or lie."""

from __future__ import annotations

from typing import Any

from tests.lnurl.wire.services import Answer, Service, json_answer
from tests.sandbox_server import SandboxServer


class LnurlRecipient(Service):
    """`asked` are the invoices it gave out, newest last. `broken`: it answers an error; `off_by_msat`: another amount than
    asked; `invoice`: always this one; `extra`: further fields of its answer."""

    def __init__(self, sandbox: SandboxServer) -> None:
        super().__init__(
            {"/pay": lambda _: self._info(), "/callback": self._callback, "/verify": lambda _: self._verify()}
        )
        self.sandbox = sandbox
        self.asked: list[dict[str, Any]] = []
        self.broken = False
        self.off_sat = 0
        self.invoice: dict[str, Any] | None = None
        self.extra: dict[str, Any] = {}
        self.with_verify = False

    @property
    def lnurl(self) -> str:
        return f"{self.url}/pay"

    def _info(self) -> Answer:
        if self.broken:
            return json_answer({"status": "ERROR", "reason": "<b>closed today</b>"})
        return json_answer(
            {
                "tag": "payRequest",
                "callback": f"{self.url}/callback",
                "minSendable": 1000,
                "maxSendable": 10**12,
                "metadata": '[["text/plain", "A recipient"]]',
            }
        )

    def _callback(self, query: dict[str, str]) -> Answer:
        given = self.invoice or self.sandbox.phone_invoice(int(query["amount"]) // 1000 + self.off_sat)
        self.asked.append(given)
        verify = {"verify": f"{self.url}/verify"} if self.with_verify else {}
        return json_answer({"pr": given["bolt11"], "routes": [], **verify, **self.extra})

    def _verify(self) -> Answer:
        given = self.asked[-1]
        paid = self.sandbox.payments(given["payment_hash"])
        preimage = paid[0]["preimage"] if paid else None
        return json_answer({"status": "OK", "settled": bool(paid), "preimage": preimage, "pr": given["bolt11"]})
