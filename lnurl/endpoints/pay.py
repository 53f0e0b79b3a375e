"""LUD-06, and what belongs to it: paying an invoice, a store, a pay link, a bill or a Lightning Address by LNURL.

The first address tells a wallet what may be paid and changes nothing; whoever prepares a message to somebody asks it (Q16).
The callback makes Flash issue the code. What Flash makes of LUD-06's description hash: see `docs/lnurl.md`.
"""

from __future__ import annotations

import re

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from flashpay.invoices.models import Invoice, LightningAddress, LightningInvoice, LightningInvoiceState
from flashpay.invoices.offers import Target, offer_of, pay_address, pay_token, store_of, target_by_token
from flashpay.invoices.services import address_name_read, payment_offer_take
from flashpay.refusals import Refusal
from flashpay.throttles import LNURL_PAY_CALL, throttle_check
from lnurl.endpoints.answers import Answer, lnurl_view, public_url_checked
from lnurl.wire.messages import error_answer, pay_answer, pay_request, url_action, verify_answer

_UNKNOWN = "This code is not known here. Please check that it was scanned or copied completely."
_NO_ADDRESS = "There is no such Lightning Address here. Please check how it is written."
_AMOUNT = re.compile(r"[0-9]{1,19}")


@lnurl_view
def pay(request: HttpRequest, token: str) -> Answer:
    """What may be paid here (S-06.1). Asking it writes nothing and costs the shop nothing."""
    return _told(_find(token))


@lnurl_view
def address(request: HttpRequest, name: str) -> Answer:
    """The same for a Lightning Address (S-16.2), in any case (S-16.6) and with any tag (S-16.1)."""
    try:
        wanted = address_name_read(name)
    except Refusal as refusal:
        raise Refusal("not-found", _NO_ADDRESS) from refusal
    found = (
        LightningAddress.objects.select_related("store")
        .filter(name=wanted, archived=False, store__archived=False)
        .first()
    )
    if found is None:
        raise Refusal("not-found", _NO_ADDRESS)
    return _told(found)


@lnurl_view
def pay_callback(request: HttpRequest, token: str) -> Answer:
    """The code over exactly the amount that the wallet names (S-06.3, S-06.4), with its receipt and its verify address.

    Parameters that we do not know are ignored (Q17).
    """
    target = _find(token)
    amount_msat = _amount_read(request)
    comments = request.GET.getlist("comment")
    throttle_check(LNURL_PAY_CALL, request, token)
    now = timezone.now()
    code = payment_offer_take(
        target=target,
        offer=offer_of(target, now),
        amount_msat=amount_msat,
        comment=comments[0].replace("\0", "").strip() if comments else "",
        now=now,
    )
    callback = pay_address("lnurl:pay_callback", token.lower())
    receipt = settings.PUBLIC_URL + reverse("invoices:receipt", args=[code.invoice_id])
    return pay_answer(
        bolt11=code.bolt11,
        success_action=url_action(
            description=f"Thank you! Your receipt from {store_of(target).name}", url=receipt, callback=callback
        ),
        # An invoice is paid once; everything else may be kept and paid again (S-11.1).
        disposable=None if isinstance(target, Invoice) else False,
        verify=pay_address("lnurl:verify", code.payment_hash),
    )


@lnurl_view
def verify(request: HttpRequest, payment_hash: str) -> Answer:
    """LUD-21: whether one of our codes is paid. Nobody knows a payment hash but who has the code.

    The preimage stays null: Flash does not tell it to the receiver with the status of an invoice.
    """
    code = LightningInvoice.objects.filter(payment_hash=payment_hash.lower()).first()
    if code is None:
        raise Refusal("not-found", "Not found")
    settled = code.state == LightningInvoiceState.PAID
    return verify_answer(bolt11=code.bolt11, settled=settled, preimage=None)


@lnurl_view
def unknown_address(request: HttpRequest) -> Answer:
    return error_answer(_NO_ADDRESS)


def _find(token: str) -> Target:
    found = target_by_token(token)
    if found is None:
        raise Refusal("not-found", _UNKNOWN)
    return found


def _told(target: Target) -> Answer:
    offer = offer_of(target, timezone.now())
    with public_url_checked():
        return pay_request(
            # Whose it is stands in the path: some wallets replace a query instead of adding to it (Q1).
            callback=pay_address("lnurl:pay_callback", pay_token(target)),
            metadata=offer.metadata,
            min_msat=offer.minimum_msat,
            max_msat=offer.maximum_msat,
            comment_allowed=offer.comment_length,
        )


def _amount_read(request: HttpRequest) -> int:
    given = request.GET.getlist("amount")
    if len(given) != 1 or not _AMOUNT.fullmatch(given[0]):
        raise Refusal("invalid-amount", "The amount must be a whole number of millisatoshi, given once.")
    return int(given[0])
