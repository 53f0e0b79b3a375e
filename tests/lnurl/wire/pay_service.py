"""An honest LNURL-pay service on loopback, and the invoice that it gives out, for the tests of the resolver."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from lnurl.wire.destination import LnurlPay
from lnurl.wire.errors import WireError
from lnurl.wire.resolver import PayRequest, ResolvedInvoice, pay_invoice_fetch, pay_request_fetch
from tests.lightning.invoices import CREATED, invoice_make
from tests.lnurl.wire.services import Service, json_answer, loopback_policy

NOW = datetime.fromtimestamp(CREATED, UTC)
METADATA = json.dumps([["text/plain", "Ana's coffee"], ["text/long-desc", "Two\nlines"], ["image/png;base64", "AAAA"]])
AMOUNT_MSAT = 2_500_000  # 25 µBTC, what invoice_make makes
PREIMAGE = bytes(range(32))
PAYMENT_HASH = hashlib.sha256(PREIMAGE)
INVOICE = invoice_make(
    "25u", payment_hash=PAYMENT_HASH.digest(), description_hash=hashlib.sha256(METADATA.encode()).digest()
)


class PayService:
    """An honest LNURL-pay service on loopback; a test changes the fields it wants to see go wrong."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.request: dict[str, Any] = {
            "tag": "payRequest",
            "callback": f"{service.url}/callback",
            "minSendable": 1000,
            "maxSendable": 10_000_000,
            "metadata": METADATA,
        }
        self.answer: dict[str, Any] = {"pr": INVOICE, "routes": []}
        self.asked: list[dict[str, str]] = []
        service.routes["/pay"] = lambda query: json_answer(self.request)
        service.routes["/callback"] = self._callback

    def _callback(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(query)
        return json_answer(self.answer)

    def fetch_request(self) -> PayRequest:
        return pay_request_fetch(LnurlPay(f"{self.service.url}/pay"), policy=loopback_policy())

    def fetch_invoice(self, **changes: Any) -> ResolvedInvoice:
        options = {"amount_msat": AMOUNT_MSAT, "policy": loopback_policy(), "now": lambda: NOW, "network": "mainnet"}
        return pay_invoice_fetch(self.fetch_request(), **{**options, **changes})


def refused(kind: type[WireError], act: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        act()
    assert "Nothing was sent" in caught.value.sentence
    return caught.value.code
