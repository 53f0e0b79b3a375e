"""LUD-23: a recipient registers their Lightning Address by scanning. Asking changes nothing; the callback is taken once."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone

from flashpay.refusals import Refusal
from flashpay.throttles import LNURL_CALL, throttle_check
from lnurl.endpoints.answers import Answer, lnurl_view, public_url_checked
from lnurl.wire.messages import address_request, ok_answer
from payouts.recipients.services import invitation_find, k1_of, recipient_register
from payouts.selectors import lnurl_address


@lnurl_view
def invitation(request: HttpRequest, token: str) -> Answer:
    """What the store asks for, and for whom (S-23.1)."""
    recipient = invitation_find(token, timezone.now())
    k1 = k1_of(recipient.token)
    with public_url_checked():
        return address_request(
            # Whose it is stands in the path: some wallets replace a query instead of adding to it (Q1).
            callback=lnurl_address("lnurl:address_request_callback", recipient.token, k1),
            k1=k1,
            description=f"{recipient.store.name} would like to pay {recipient.name} at your Lightning Address.",
        )


@lnurl_view
def callback(request: HttpRequest, token: str, k1: str) -> Answer:
    """Take the address. `k1` comes twice: in the path, and from the wallet as LUD-23 says."""
    throttle_check(LNURL_CALL, request, token)
    given, addresses = request.GET.get("k1", ""), request.GET.getlist("address")
    if given.lower() != k1.lower():
        raise Refusal("invalid-k1", "This invitation is not complete. Please scan the code again.")
    if len(addresses) != 1:
        raise Refusal("invalid-destination", "There must be exactly one Lightning Address. Nothing was changed.")
    recipient_register(token=token, k1=k1, address=addresses[0])
    return ok_answer()
