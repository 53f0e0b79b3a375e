"""Claiming as recipients do: over HTTP, from addresses of their own, asking again when no answer comes."""

from __future__ import annotations

import html
import ipaddress
import random
import re
import threading
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
from django.db import connection

from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import SAT, Currency
from flashpay.refusals import Refusal
from flashpay.stores.models import Store
from payouts.models import PullPayment
from payouts.services import payout_create
from tests.chaos.recipients import Kind, Outcome, Recipient, invoice_give
from tests.sandbox_server import SandboxServer

_PATIENCE_S = 60.0
_AGAIN_AFTER_S = (0.3, 1.2)
# What a person tries again by himself: the shop has no fresh price at the moment, or asks to wait.
_TRY_AGAIN = ("price", "rate", "try again", "wait")
_PAYOUT_AT = re.compile(r"/p/[^/]+/(?P<payout>[^/?]+)$")


@dataclass(frozen=True)
class Purse:
    """A pull payment to claim from; `currency` of its amounts, `by_hand` where claims need an approval."""

    pull_payment: PullPayment
    currency: Currency
    by_hand: bool
    cents_per_sat: Decimal

    def amount_typed(self, sat: int) -> str:
        """What is typed on the claim page for about `sat`."""
        return str(sat) if self.currency.is_bitcoin else f"{sat * self.cents_per_sat / 100:.2f}"


class Claimer:
    """Makes claims. One for all threads; each call is one recipient's whole visit."""

    def __init__(self, *, url: str, sandbox: SandboxServer, api_key: str, seed: int) -> None:
        self._url, self._sandbox, self._api_key = url, sandbox, api_key
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(trust_env=False, timeout=20.0, limits=limits, base_url=url)

    def close(self) -> None:
        self._client.close()

    def claim(self, recipient: Recipient, purse: Purse, *, life_s: int) -> None:
        """Claim once, however often that has to be asked; the recipient knows the outcome afterwards."""
        if recipient.kind is Kind.WITHDRAW:
            self._withdraw(recipient, purse, life_s)
        else:
            self._by_page(recipient, purse)

    def merchant_pays(self, recipient: Recipient, store: Store) -> None:
        """A payout without a pull payment; its message to the workers goes nowhere, so that the sweep has to find it."""
        try:
            made = payout_create(
                store=store,
                destination=recipient.destination,
                currency=SAT,
                amount=recipient.sat,
                request_key=f"chaos-{recipient.number}",
                actor="alice@example.com",
            )
            recipient.outcome, recipient.payout_id = Outcome.ACCEPTED, made.pk
        except Refusal as refusal:
            recipient.outcome, recipient.why = Outcome.REFUSED, refusal.sentence
        finally:
            connection.close()

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response | None:
        """The merchant's script asks the API; None where no answer came in time."""
        return self._ask(method, f"/api/v1{path}", json=body, headers={"Authorization": f"token {self._api_key}"})

    def _withdraw(self, recipient: Recipient, purse: Purse, life_s: int) -> None:
        """LUD-03. Every part is asked again until it is answered, with the same invoice."""
        give_up_at = time.monotonic() + _PATIENCE_S
        offer: dict[str, Any] = {}
        while time.monotonic() < give_up_at:
            offer = self._json(self._ask("GET", f"/lnurl/withdraw/{purse.pull_payment.lnurl_token}", who=recipient))
            if offer.get("tag") == "withdrawRequest" or not _worth_another_try(offer.get("reason", "")):
                break
            self._pause(2.0)
        if offer.get("tag") != "withdrawRequest":
            recipient.outcome, recipient.why = Outcome.REFUSED, str(offer.get("reason", "no offer"))
            return
        low, high = -(-offer["minWithdrawable"] // MSAT_PER_SAT), offer["maxWithdrawable"] // MSAT_PER_SAT
        recipient.sat = min(max(recipient.sat, low), high)
        invoice_give(recipient, self._sandbox, recipient.sat, life_s)
        query = {"k1": offer["k1"], "pr": recipient.destination}
        answer = self._callback(offer["callback"], query, recipient)
        if not answer:
            return
        accepted = answer.get("status") == "OK"
        recipient.outcome = Outcome.ACCEPTED if accepted else Outcome.REFUSED
        recipient.why = str(answer.get("reason", ""))
        if accepted and self._chance(0.1):  # wallets repeat their callbacks
            again = self._callback(offer["callback"], query, recipient)
            assert not again or again.get("status") == "OK", again

    def _callback(self, address: str, query: dict[str, str], recipient: Recipient) -> dict[str, Any]:
        """What the wallet is told in the end: while the shop says that something went wrong, it asks the same again."""
        give_up_at = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up_at:
            answer = self._json(self._ask("GET", address, params=query, who=recipient))
            if not _worth_another_try(str(answer.get("reason", ""))):
                return answer
            self._pause(1.0)
        return {}

    def _by_page(self, recipient: Recipient, purse: Purse) -> None:
        """The claim page's form, sent again with the same request key where no answer came (a person reloads)."""
        form = {"destination": recipient.destination, "request_key": f"chaos-{recipient.number}"}
        if recipient.kind is not Kind.INVOICE:
            form["amount"] = purse.amount_typed(recipient.sat)
        give_up_at = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up_at:
            response = self._ask("POST", f"/p/{purse.pull_payment.pk}", data=form, who=recipient)
            if response is None:
                return
            led_to = _PAYOUT_AT.search(response.headers.get("Location", ""))
            if response.status_code == 302 and led_to:
                recipient.outcome, recipient.payout_id = Outcome.ACCEPTED, led_to["payout"]
                return
            recipient.outcome, recipient.why = Outcome.REFUSED, _page_reason(response.text)
            if not _worth_another_try(recipient.why):
                return
            self._pause(2.0)

    def _ask(self, method: str, address: str, *, who: Recipient | None = None, **more: Any) -> httpx.Response | None:
        """Ask until an answer comes that a working server gave. None when the patience is over."""
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["X-Forwarded-For"] = str(ipaddress.ip_address(0x0A000001 + who.number))
        give_up_at = time.monotonic() + _PATIENCE_S
        while time.monotonic() < give_up_at:
            try:
                response = self._client.request(method, address, headers=headers, **more)
            except httpx.TransportError:
                response = None
            if response is not None and response.status_code < 500 and response.status_code != 429:
                return response
            self._pause(self._between(*_AGAIN_AFTER_S))
        return None

    @staticmethod
    def _json(response: httpx.Response | None) -> dict[str, Any]:
        found = response.json() if response is not None else {}
        return found if isinstance(found, dict) else {}

    def _chance(self, share: float) -> bool:
        with self._lock:
            return self._dice.random() < share

    def _between(self, low: float, high: float) -> float:
        with self._lock:
            return self._dice.uniform(low, high)

    @staticmethod
    def _pause(seconds: float) -> None:
        threading.Event().wait(seconds)


def _worth_another_try(reason: str) -> bool:
    return any(word in reason.lower() for word in _TRY_AGAIN)


def _page_reason(page: str) -> str:
    """The sentence of refusal on a claim page: at a field, or above the form."""
    found = re.search(r'(?:class="invalid-feedback".*?<span>|role="alert".*?<p>)(?P<text>.*?)</', page, re.DOTALL)
    return html.unescape(found["text"]).strip() if found else "refused without a sentence"
