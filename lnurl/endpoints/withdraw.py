"""LUD-03: claiming from a pull payment by LNURL-withdraw.

The first address tells a wallet what it may claim and changes nothing; wallets fetch it more than once (Q16, W10). The
second takes the wallet's invoice and answers as soon as the claim is committed; a worker pays it (S-03.3, Q18).
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from flashpay.refusals import Refusal
from flashpay.throttles import LNURL_CALL, throttle_check
from lnurl.endpoints.answers import Answer, lnurl_view, public_url_checked
from lnurl.wire.messages import error_answer, ok_answer, withdraw_request
from payouts.models import PullPayment
from payouts.selectors import claim_limits, lnurl_address, pull_payment_by_lnurl
from payouts.services import payout_claim, quote_make, quote_read

_K1_SALT = "lnurl.endpoints.withdraw.k1"
_UNKNOWN = "This link is not known here. Please check that it was scanned or copied completely."


def k1_of(pull_payment: PullPayment) -> str:
    """The link's k1: 64 lower-case hex digits, derived from its token, so that asking never rotates or stores anything.

    Wallets lower-case it (Q5) or put it into a URL unencoded (Q6), which does nothing to it.
    """
    return salted_hmac(_K1_SALT, pull_payment.lnurl_token, algorithm="sha256").hexdigest()


@lnurl_view
def withdraw(request: HttpRequest, token: str) -> Answer:
    """What may be claimed now (S-03.1), in whole sats. Also found by the pull payment's id, for the claim page's address."""
    pull_payment = _find(token)
    if pull_payment.claim_code_hash:
        raise Refusal("claim-code", "This needs the code that came with the link. Open the link in a browser to claim.")
    now = timezone.now()
    limits = claim_limits(pull_payment, now)
    k1 = k1_of(pull_payment)
    quote = quote_make(pull_payment=pull_payment, rate=limits.rate, now=now)
    # In hex, for wallets that lower-case addresses (Q5).
    callback = [pull_payment.lnurl_token, k1, *([quote.token.encode().hex()] if quote.token else [])]
    with public_url_checked():
        return withdraw_request(
            # Whose it is stands in the path: some wallets replace a query instead of adding to it (Q1).
            callback=lnurl_address("lnurl:withdraw_callback", *callback),
            k1=k1,
            description=_description(pull_payment),
            min_msat=limits.minimum_msat,
            max_msat=limits.maximum_msat,
            # LUD-14: a wallet may keep this address and ask again what is left. Strict readers know both fields.
            balance_check=lnurl_address("lnurl:withdraw", pull_payment.lnurl_token),
            current_balance_msat=limits.maximum_msat,
        )


@lnurl_view
def withdraw_callback(request: HttpRequest, token: str, k1: str, quote: str = "") -> Answer:
    """Claim with the wallet's invoice (S-03.2 to S-03.6). The same invoice again gets the same answer (W2, Q15).

    `quote` holds the rate that the wallet's limits were made with; when its time is over, the present rate counts.
    """
    throttle_check(LNURL_CALL, request, token)
    pull_payment = _find(token)
    expected = k1_of(pull_payment)
    given = request.GET.get("k1", "")
    if not (constant_time_compare(k1.lower(), expected) and constant_time_compare(given.lower(), expected)):
        raise Refusal("invalid-k1", "This link is not complete any more. Please scan the code again.")
    invoices = request.GET.getlist("pr")
    if len(invoices) != 1 or not invoices[0]:
        raise Refusal("invalid-destination", "There must be exactly one invoice. Nothing was claimed.")
    payout_claim(
        pull_payment=pull_payment, bolt11=invoices[0], allow_amountless=False, quote=_quote(pull_payment, quote)
    )
    return ok_answer()


@lnurl_view
def unknown(request: HttpRequest) -> Answer:
    """Every other address below /lnurl/: a wallet that was led astray is told so in words it understands (Q4)."""
    return error_answer(_UNKNOWN)


def _quote(pull_payment: PullPayment, text: str) -> str:
    """The quote in the address; empty when there is none, or none that still counts."""
    try:
        quote = bytes.fromhex(text).decode()
        quote_read(token=quote, pull_payment=pull_payment, now=timezone.now())
    except (Refusal, ValueError):
        return ""
    return quote


def _find(token: str) -> PullPayment:
    pull_payment = pull_payment_by_lnurl(token)
    if pull_payment is None:
        raise Refusal("not-found", _UNKNOWN)
    return pull_payment


def _description(pull_payment: PullPayment) -> str:
    return pull_payment.name or f"Payout from {pull_payment.store.name}"
