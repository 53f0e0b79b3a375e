"""Where a claim wants to be paid: read from typed, pasted or scanned text when it is claimed, resolved when it is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from flashpay import lightning
from flashpay.refusals import Refusal
from flashpay.stores.models import PaymentHash
from lnurl.wire.addresses import LightningAddress, lightning_address_read
from lnurl.wire.destination import (
    Bolt11,
    ClaimLink,
    Destination,
    LnurlPay,
    LnurlUnknown,
    LnurlWithdraw,
    NotUnderstood,
    OnChain,
    destination_read,
)
from lnurl.wire.fetch import FetchPolicy
from lnurl.wire.resolver import ResolvedInvoice, pay_invoice_fetch, pay_request_fetch
from lnurl.wire.success import Link, Message, Sealed, SuccessAction
from payouts.models import DestinationKind, Payout

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_OURS = "This is the link to claim with, not a place to be paid at. Paste an invoice or an address of your own wallet."
_PAYS_OUT = "This code pays money out; it does not receive any. Paste an invoice or an address of your own wallet."


@dataclass(frozen=True)
class Target:
    """`text` is what is stored: the BOLT 11, the address, or the URL of the LNURL service. `invoice` only for a BOLT 11."""

    kind: DestinationKind
    text: str
    invoice: lightning.LightningInvoice | None = None

    @property
    def amount_is_ours(self) -> bool:
        """Whether FlashPay names the amount that is paid: everywhere but where the recipient's invoice names it."""
        return self.invoice is None or self.invoice.amount_msat is None


def target_read(text: str) -> Target:
    """What a recipient typed, pasted or scanned. Nothing is fetched. Raises Refusal (`invalid-destination`)."""
    sandbox_name = _sandbox_address(text)
    if sandbox_name:
        return Target(DestinationKind.ADDRESS, sandbox_name)
    own_host = (urlsplit(settings.PUBLIC_URL).hostname or "").lower()
    read = destination_read(
        text,
        own_hosts=() if own_host in _LOOPBACK else (own_host,),
        allow_loopback=settings.ALLOW_PRIVATE_DESTINATIONS or settings.SANDBOX,
    )
    return _target(read)


def invoice_target(text: str) -> Target:
    """The same where only a BOLT 11 will do (LUD-03). Raises Refusal (`invalid-destination`)."""
    try:
        invoice = lightning.invoice_read(text)
    except lightning.InvalidInvoice as error:
        raise Refusal("invalid-destination", error.sentence, field="destination") from error
    return Target(DestinationKind.BOLT11, invoice.bolt11, invoice)


def target_resolve(
    payout: Payout, *, network: str, now: Callable[[], datetime]
) -> tuple[lightning.LightningInvoice, ResolvedInvoice, str]:
    """Ask the recipient's service for an invoice over exactly the payout's amount, which no payment of ours ever had.

    Nothing is paid by asking. Returns the invoice read, what came with it, and the service's domain. Raises WireError.
    """
    policy = fetch_policy(payout)
    pay_request = pay_request_fetch(_wire_destination(payout), policy=policy)
    resolved = pay_invoice_fetch(
        pay_request, amount_msat=payout.amount_msat, policy=policy, now=now, network=network, seen=_seen
    )
    return lightning.invoice_read(resolved.bolt11), resolved, pay_request.domain


def fetch_policy(payout: Payout) -> FetchPolicy:
    """Loopback only where the deployment allows it, and in sandbox mode for the pretend Flash's own addresses."""
    text = payout.destination
    own = settings.SANDBOX and (bool(_sandbox_address(text)) or text.startswith(f"{_sandbox_url()}/"))
    return FetchPolicy(allow_loopback=settings.ALLOW_PRIVATE_DESTINATIONS or own)


def success_action_stored(action: SuccessAction | None) -> dict[str, Any] | None:
    """A success action (LUD-09, LUD-10) as JSON, with the tag it came with."""
    match action:
        case Message(message):
            return {"tag": "message", "message": message}
        case Link(description, url):
            return {"tag": "url", "description": description, "url": url}
        case Sealed(description, ciphertext, iv):
            return {"tag": "aes", "description": description, "ciphertext": ciphertext, "iv": iv}
    return None


def _seen(payment_hash: str) -> bool:
    return PaymentHash.objects.filter(payment_hash=payment_hash).exists()


def _target(read: Destination) -> Target:
    match read:
        case Bolt11(invoice):
            return Target(DestinationKind.BOLT11, invoice.bolt11, invoice)
        case LightningAddress():
            return Target(DestinationKind.ADDRESS, str(read))
        case LnurlPay(url) | LnurlUnknown(url):
            return Target(DestinationKind.LNURL_PAY, url)
        case ClaimLink(ours=False, inner=inner) if inner is not None:
            return _target(inner)
        case ClaimLink():
            sentence = _OURS
        case LnurlWithdraw():
            sentence = _PAYS_OUT
        case OnChain() | NotUnderstood():
            sentence = read.sentence
    raise Refusal("invalid-destination", sentence, field="destination")


def _wire_destination(payout: Payout) -> LightningAddress | LnurlUnknown:
    if payout.destination_kind == DestinationKind.LNURL_PAY:
        return LnurlUnknown(payout.destination)
    name, _, host = payout.destination.partition("@")
    if _sandbox_address(payout.destination):
        return LnurlUnknown(f"http://{host}/.well-known/lnurlp/{name}")
    return lightning_address_read(payout.destination)


def _sandbox_url() -> str:
    parts = urlsplit(settings.FLASH_API_URL)
    return f"{parts.scheme}://{parts.netloc}"


def _sandbox_address(text: str) -> str:
    """The address of an account of the pretend Flash, whose host is a number and a port; empty for anything else."""
    if not settings.SANDBOX:
        return ""
    name, at, host = text.strip().lower().removeprefix("lightning:").partition("@")
    is_one = at and host == urlsplit(settings.FLASH_API_URL).netloc and name.replace("_", "").isalnum()
    return f"{name}@{host}" if is_one else ""
