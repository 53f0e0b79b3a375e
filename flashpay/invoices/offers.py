"""What a payer's wallet is offered by LNURL-pay (LUD-06): for an invoice, and for what makes invoices of its payments.

Reading only: wallets and chat programs look an address up without anybody wanting to pay (Q16).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from flashpay.ids import id_from_token, id_to_token
from flashpay.invoices.keypad import currencies_of
from flashpay.invoices.models import Invoice, InvoiceType, LightningAddress, PayLink, PaymentRequest
from flashpay.invoices.requests import request_check_payable
from flashpay.invoices.selectors import invoice_due_msat, invoice_is_payable, link_address
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import SAT, USD, currency_get
from flashpay.money.errors import NoFreshRate
from flashpay.money.rates import UP, msat_from_minor
from flashpay.refusals import Refusal
from flashpay.stores.models import Store
from flashpay.stores.rates import rate_get
from flashpay.stores.wallets import wallet_of
from lnurl.wire.codec import lightning_link_encode, lnurl_encode, lud17_encode
from lnurl.wire.errors import DestinationRefused
from lnurl.wire.messages import pay_metadata
from lnurl.wire.urls import service_url

SMALLEST_SAT = 1
# 0.1 BTC in one Lightning payment is more than most wallets can send.
LARGEST_SAT = 10_000_000
# Characters of a comment (LUD-12) where nobody chose another number.
COMMENT_LENGTH = 140

Target = Invoice | Store | LightningAddress | PayLink | PaymentRequest


class Lnurl(NamedTuple):
    """`bech32` in capitals for a QR code (LUD-01); `uri` is the LUD-17 link, empty where its scheme cannot carry our address."""

    bech32: str
    uri: str


@dataclass(frozen=True)
class Offer:
    """The smallest and largest amount, whole sats in msat, and the metadata string exactly as a wallet is sent it."""

    minimum_msat: int
    maximum_msat: int
    metadata: str
    comment_length: int


def target_by_token(token: str) -> Target | None:
    """Whom the token of an LNURL-pay address names: an invoice, a store, a pay link, a payment request or an address."""
    try:
        id = id_from_token(token)
    except ValueError:
        return None
    invoice = Invoice.objects.select_related("store").filter(pk=id).first()
    return (
        invoice
        or Store.objects.filter(pk=id, archived=False).first()
        or LightningAddress.objects.select_related("store").filter(pk=id, archived=False, store__archived=False).first()
        or PayLink.objects.select_related("store").filter(pk=id).first()
        or PaymentRequest.objects.select_related("store").filter(pk=id).first()
    )


def store_of(target: Target) -> Store:
    return target if isinstance(target, Store) else target.store


def offer_of(target: Target, now: datetime) -> Offer:
    """What may be paid now. Raises Refusal, with a sentence for the payer, where nothing may, and NoFreshRate."""
    wallet_of(store_of(target))
    match target:
        case Invoice():
            return _invoice_offer(target, now)
        case LightningAddress():
            return _address_offer(target)
        case PayLink():
            return _link_offer(target)
        case PaymentRequest():
            return _request_offer(target, now)
        case _:
            metadata = pay_metadata(f"Payment to {target.name}")
            return Offer(SMALLEST_SAT * MSAT_PER_SAT, LARGEST_SAT * MSAT_PER_SAT, metadata, COMMENT_LENGTH)


def address_host() -> str:
    """The domain behind the @: PUBLIC_URL's host."""
    return (urlsplit(settings.PUBLIC_URL).hostname or "").lower()


def address_text(address: LightningAddress) -> str:
    return f"{address.name}@{address_host()}"


def pay_token(target: Target) -> str:
    """The token of its LNURL-pay address: its id in small hex letters, for some wallets lower-case what they read (Q5)."""
    return id_to_token(target.pk)


def pay_address(name: str, *args: str) -> str:
    """An absolute LNURL address of ours, from PUBLIC_URL: behind a proxy the request's own host may be another (Q22)."""
    return settings.PUBLIC_URL.lower() + reverse(name, args=args)


def pay_lnurl(target: Target) -> Lnurl | None:
    """Its LNURL, which never changes; None where PUBLIC_URL is no address that a wallet would visit (S-01.2)."""
    url = pay_address("lnurl:pay", pay_token(target))
    try:
        service_url(url, allow_loopback=True, allow_onion=True)
    except DestinationRefused:
        return None
    try:
        return Lnurl(lnurl_encode(url), lud17_encode(url, "lnurlp"))
    except ValueError:
        return Lnurl(lnurl_encode(url), "")


def link_code(link: PayLink) -> str:
    """What a QR code of the link holds: a phone's camera opens its page, a wallet reads the LNURL in the address."""
    address, lnurl = link_address(link), pay_lnurl(link)
    return lightning_link_encode(address, lnurl.bech32) if lnurl else address


def _invoice_offer(invoice: Invoice, now: datetime) -> Offer:
    if not invoice_is_payable(invoice, now):
        raise Refusal("invoice-not-payable", "This invoice takes no payments any more. Ask the shop if you have paid.")
    text = invoice.description or f"Invoice of {invoice.store.name}"
    details = f"{invoice.store.name} · order {invoice.order_id}" if invoice.order_id else invoice.store.name
    metadata = pay_metadata(text, long_text=details if invoice.description else None)
    if invoice.type == InvoiceType.TOP_UP:
        return Offer(SMALLEST_SAT * MSAT_PER_SAT, LARGEST_SAT * MSAT_PER_SAT, metadata, COMMENT_LENGTH)
    due_msat = invoice_due_msat(invoice)
    return Offer(due_msat, due_msat, metadata, COMMENT_LENGTH)


def _address_offer(address: LightningAddress) -> Offer:
    text = address.description or f"Payment to {address.store.name}"
    metadata = pay_metadata(text, identifier=address_text(address))
    return Offer(
        address.minimum_sat * MSAT_PER_SAT, address.maximum_sat * MSAT_PER_SAT, metadata, address.comment_length
    )


def _link_offer(link: PayLink) -> Offer:
    if link.archived or link.store.archived:
        raise Refusal("not-payable", "The shop has closed this link. Nothing was paid.")
    metadata = pay_metadata(link.title, long_text=link.description or None)
    if link.amount is None:
        return Offer(SMALLEST_SAT * MSAT_PER_SAT, LARGEST_SAT * MSAT_PER_SAT, metadata, COMMENT_LENGTH)
    amount_msat = msat_of(link.amount, link.currency)
    return Offer(amount_msat, amount_msat, metadata, COMMENT_LENGTH)


def _request_offer(request: PaymentRequest, now: datetime) -> Offer:
    due_msat = msat_of(request_check_payable(request, now), request.currency)
    metadata = pay_metadata(request.title, long_text=request.description[:500] or None)
    least_msat = min(SMALLEST_SAT * MSAT_PER_SAT, due_msat) if request.allow_parts else due_msat
    return Offer(least_msat, due_msat, metadata, COMMENT_LENGTH)


def msat_of(minor: int, currency_code: str) -> int:
    """What an amount comes to now, in whole sats. Raises NoFreshRate."""
    currency = currency_get(currency_code)
    if currency.is_bitcoin:
        return minor * MSAT_PER_SAT
    return msat_from_minor(minor, rate_get(currency), UP)


def prices_of(link: PayLink) -> dict[str, str]:
    """The price of a bitcoin in each currency of an open link, those left out that nobody knows now: only to be looked at."""
    prices = {}
    for code in {*currencies_of(link), USD.code} - {SAT.code}:
        try:
            prices[code] = format(rate_get(currency_get(code)).btc_price, "f")
        except NoFreshRate:
            continue
    return prices
