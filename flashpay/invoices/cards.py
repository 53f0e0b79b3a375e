"""A card, or any other LNURL-withdraw link, as a payer shows it: what is one, and where we go to ask its service."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from flashpay.refusals import Refusal
from lnurl.wire.destination import ClaimLink, LnurlUnknown, LnurlWithdraw, NotUnderstood, destination_read
from lnurl.wire.fetch import FetchPolicy

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_SENTENCES: Final = {
    "not-a-card": _("This is not the link of a card. It begins with lnurlw:// or LNURL1. Nothing was taken."),
    "receives": _("This code takes money; it does not pay any. Please use a payment card. Nothing was taken."),
    "own-link": _(
        "This is a voucher of this very shop. Claim it with a wallet, and pay with the wallet. Nothing was taken."
    ),
}

Card = LnurlWithdraw | LnurlUnknown


def card_read(text: str) -> Card:
    """What a card, a scanner or a person's paste says; nothing is fetched. Raises Refusal for what cannot be a card.

    A link of our own is refused as well: a payout to an invoice of ours would only move the shop's money in a circle, and
    we would be asking ourselves (decisions 2 and 17 in docs/adr).
    """
    own_host = (urlsplit(settings.PUBLIC_URL).hostname or "").lower()
    read = destination_read(
        text,
        own_hosts=() if own_host in _LOOPBACK else (own_host,),
        allow_loopback=settings.ALLOW_PRIVATE_DESTINATIONS or settings.SANDBOX,
    )
    if isinstance(read, ClaimLink):
        if read.ours:
            raise own_link()
        read = read.inner or NotUnderstood("not-a-card", "")
    if not isinstance(read, LnurlWithdraw | LnurlUnknown):
        raise _refusal("not-a-card" if isinstance(read, NotUnderstood) else "receives")
    if is_own(read.url):
        raise own_link()
    return read


def is_own(url: str) -> bool:
    """Whether an address is this installation's. On loopback, where one machine serves several things, the port tells."""
    own, other = urlsplit(settings.PUBLIC_URL), urlsplit(url)
    own_host, other_host = (own.hostname or "").lower(), (other.hostname or "").lower()
    if own_host in _LOOPBACK:
        return other_host in _LOOPBACK and other.port == own.port
    return other_host == own_host


def own_link() -> Refusal:
    return _refusal("own-link")


def host_of(card: Card) -> str:
    return urlsplit(card.url).hostname or ""


def card_policy(card: Card, *, deadline_s: float) -> FetchPolicy:
    """Loopback only where the deployment allows it, and in sandbox mode for the pretend Flash's own address."""
    sandbox = settings.SANDBOX and card.url.startswith(f"{settings.FLASH_API_URL.rpartition('/')[0]}/")
    return FetchPolicy(allow_loopback=settings.ALLOW_PRIVATE_DESTINATIONS or sandbox, deadline_s=deadline_s)


def _refusal(code: str) -> Refusal:
    return Refusal(code, str(_SENTENCES[code]), field="lnurlw")
