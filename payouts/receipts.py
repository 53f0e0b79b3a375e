"""A payout's public receipt, at its unguessable address: what was paid, and the proof, to be checked by anybody.

The proof is the preimage: the payment hash stands in the recipient's own signed invoice (BOLT 11), and its preimage is known to
nobody before the recipient's wallet takes the money. The browser computes it (`static/js/verify.js`), and so does the server.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers

from flashpay import lightning
from flashpay.public_pages import public_page
from payouts.models import ENDED_PAYOUT_STATES, Payout, PayoutAttempt, PayoutState
from payouts.selectors import payout_receipt, receipt_link

# Without JavaScript a page that waits for its preimage comes again this often.
REFRESH_S = 10
PROVED, NO_PREIMAGE, NOT_PROVED = "proved", "no-preimage", "not-proved"


@dataclass(frozen=True)
class Receipt:
    """The attempt that paid, and the recipient's invoice as it reads by itself; None if it cannot be read any more."""

    attempt: PayoutAttempt
    invoice: lightning.LightningInvoice | None

    def check(self) -> str:
        """PROVED where the preimage hashes to the hash in the recipient's own invoice, computed anew from both."""
        if not self.attempt.preimage:
            return NO_PREIMAGE
        opened = lightning.payment_hash_of(self.attempt.preimage)
        same = self.invoice is not None and opened == self.invoice.payment_hash == self.attempt.payment_hash
        return PROVED if same else NOT_PROVED


def receipt_of(payout: Payout) -> Receipt | None:
    """None until an attempt is proved, or decided, to have paid it."""
    attempt = payout_receipt(payout) if payout.state == PayoutState.COMPLETED else None
    if attempt is None:
        return None
    try:
        return Receipt(attempt, lightning.invoice_read(attempt.bolt11))
    except lightning.InvalidInvoice:
        return Receipt(attempt, None)


# Exempt: checking changes nothing, and a reader needs no cookie.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("Accept")
@public_page
def receipt(request: HttpRequest, payout_id: str) -> HttpResponse:
    """The receipt; on POST checked by the server, for the page's script as JSON and for everybody else in words."""
    payout = Payout.objects.select_related("store", "pull_payment").filter(pk=payout_id).first()
    if payout is None:
        raise Http404("no such payout")
    shown = receipt_of(payout)
    checked = shown.check() if shown and request.method == "POST" else ""
    if checked and "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"says": checked})
    # One that was marked as paid by hand has no attempt that paid it, and never gets one.
    waits = not shown.attempt.preimage if shown else payout.state not in ENDED_PAYOUT_STATES
    page = {
        "payout": payout,
        "store": payout.store,
        "receipt": shown,
        "checked": checked,
        "link": receipt_link(payout),
        "refresh_s": REFRESH_S if waits and not checked else 0,
    }
    return render(request, "payouts/receipt.html", page)
