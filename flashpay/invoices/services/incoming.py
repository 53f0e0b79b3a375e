"""Taking a payment by LNURL-pay: the code for exactly the amount that the payer's wallet named (LUD-06)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from flashpay.invoices.models import (
    Invoice,
    LightningAddress,
    LightningInvoice,
    PayLink,
    PaymentRequest,
    Purpose,
    Source,
)
from flashpay.invoices.offers import Offer, Target, address_text, msat_of, store_of
from flashpay.invoices.requests import request_due
from flashpay.invoices.services.asking import code_for_msat
from flashpay.invoices.services.codes import Wanted, code_keep, code_memo, lightning_invoice_issue
from flashpay.invoices.services.invoices import invoice_draft, invoice_keep
from flashpay.money.amounts import MSAT_PER_SAT, msat_format
from flashpay.money.currencies import currency_get
from flashpay.money.rates import UP, minor_from_msat
from flashpay.refusals import Refusal
from flashpay.stores.rates import rate_get
from flashpay.stores.wallets import wallet_of

# A fiat price was told to the wallet moments ago and the rate has moved since; within this what it was told still holds.
PRICE_MOVES = 50  # one part in so many: 2 percent


def payment_offer_take(
    *, target: Target, offer: Offer, amount_msat: int, comment: str = "", now: datetime | None = None
) -> LightningInvoice:
    """A code over exactly `amount_msat` for a payer's wallet that was told `offer`.

    For an invoice it is one of its codes; for anything else an invoice of its own is made in the same step, once Flash
    has given the code: where Flash gives none, nothing is left behind. Raises Refusal or MoneyError.
    """
    now = now or timezone.now()
    _check(target, offer, amount_msat, comment)
    if isinstance(target, Invoice):
        return lightning_invoice_issue(
            invoice=target,
            purpose=Purpose.LNURL_PAY,
            amount_msat=amount_msat,
            exact=True,
            comment=comment,
            lnurl_metadata=offer.metadata,
            now=now,
        )
    draft = _draft(target, offer, amount_msat, comment, now)
    purpose = Purpose.ADDRESS if isinstance(target, LightningAddress) else Purpose.LNURL_PAY
    covers_msat = draft.amount_msat or amount_msat
    connection = wallet_of(draft.store)
    asked = code_for_msat(connection=connection, amount_msat=amount_msat, exact=True, memo=code_memo(draft), now=now)
    wanted = Wanted(purpose, covers_msat, exact=True, comment=comment, lnurl_metadata=offer.metadata)
    with transaction.atomic():
        invoice = invoice_keep(draft=draft, now=now)
        return code_keep(invoice=invoice, connection=connection, asked=asked, wanted=wanted, now=now)


def _check(target: Target, offer: Offer, amount_msat: int, comment: str) -> None:
    if amount_msat % MSAT_PER_SAT:
        raise Refusal("invalid-amount", "Only whole sats can be paid here: amounts in multiples of 1000 msat.")
    slack = 0
    if isinstance(target, PayLink | PaymentRequest) and not currency_get(target.currency).is_bitcoin:
        slack = offer.maximum_msat // PRICE_MOVES
    if not offer.minimum_msat - slack <= amount_msat <= offer.maximum_msat + slack:
        least, most = msat_format(offer.minimum_msat), msat_format(offer.maximum_msat)
        limits = f"exactly {least}" if offer.minimum_msat == offer.maximum_msat else f"from {least} to {most}"
        raise Refusal("invalid-amount", f"Here you can pay {limits}. Nothing was paid.")
    if len(comment) > offer.comment_length:
        raise Refusal(
            "comment-too-long",
            f"Got a comment with {len(comment)} characters, but can only accept {offer.comment_length}.",
        )


def _draft(target: Target, offer: Offer, amount_msat: int, comment: str, now: datetime) -> Invoice:
    """The invoice that this payment will settle. What has a price makes one over it, everything else a top-up."""
    store = store_of(target)
    note: dict[str, Any] = {"comment": comment} if comment else {}
    fields: dict[str, Any] = {"store": store, "actor": "payer", "now": now}
    match target:
        case LightningAddress():
            own = dict(target.invoice_metadata)
            return invoice_draft(
                **fields,
                amount=None,
                currency=currency_get(target.currency or store.default_currency),
                description=_text(own, "itemDesc", 500) or target.description or address_text(target),
                order_id=_text(own, "orderId", 200),
                metadata={**own, "lightningAddress": address_text(target), **note},
                source=Source.ADDRESS,
                source_id=target.pk,
            )
        case PayLink():
            return invoice_draft(
                **fields,
                amount=target.amount,
                amount_msat=amount_msat if target.amount else None,
                currency=currency_get(target.currency),
                description=target.title,
                metadata=note,
                source=Source.PAY_LINK,
                source_id=target.pk,
            )
        case PaymentRequest():
            return invoice_draft(
                **fields,
                amount=_share(target, offer, amount_msat),
                amount_msat=amount_msat,
                currency=currency_get(target.currency),
                description=target.title,
                order_id=target.reference_id,
                metadata=note,
                source=Source.REQUEST,
                source_id=target.pk,
            )
        case _:
            return invoice_draft(
                **fields,
                amount=None,
                currency=currency_get(store.default_currency),
                metadata=note,
                source=Source.STORE,
                source_id=store.pk,
            )


def _share(request: PaymentRequest, offer: Offer, amount_msat: int) -> int:
    """How much of a bill an amount pays, in its minor units: all that is due, or the part it is worth now."""
    due = request_due(request)
    currency = currency_get(request.currency)
    if amount_msat >= msat_of(due, request.currency) or not request.allow_parts:
        return due
    if currency.is_bitcoin:
        return amount_msat // MSAT_PER_SAT
    return min(minor_from_msat(amount_msat, rate_get(currency), UP), due)


def _text(metadata: dict[str, Any], name: str, longest: int) -> str:
    value = metadata.get(name)
    return str(value)[:longest] if isinstance(value, str | int) else ""
