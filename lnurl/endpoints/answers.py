"""How every LNURL address answers, whatever happens: HTTP 200, JSON, readable from any web page (LUD-01, S-01.3, S-01.6, S-01.7).

Wallets take a status other than 200 for a dead service and lose the reason (Q3), and show a reason in any other shape not at
all (Q4). So no answer may leave these addresses but through `lnurl_view`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps

import structlog
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal
from flashpay.throttles import LNURL_OFFER, throttle_check
from lnurl.wire.messages import error_answer

log = structlog.get_logger(__name__)

# One of the messages of `lnurl.wire.messages`.
Answer = Mapping[str, object]
HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "*",
    # The addresses hold secrets, and their answers change: nobody keeps, indexes or passes them on (W8).
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


def lnurl_view(view: Callable[..., Answer]) -> Callable[..., HttpResponse]:
    """Make a Django view of a function that returns an LNURL answer, or raises Refusal or MoneyError with a sentence.

    Only GET reaches the function. HEAD and OPTIONS are answered without it, so that whoever only looks changes nothing (W10).
    """

    @csrf_exempt
    @login_not_required
    @wraps(view)
    def answer(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        if request.method in ("HEAD", "OPTIONS"):
            return HttpResponse(content_type="application/json", headers=HEADERS)
        return JsonResponse(_answer(view, request, args, kwargs), headers=HEADERS)

    return answer


@contextmanager
def public_url_checked() -> Iterator[None]:
    """Around the building of a message with addresses of ours. Raises Refusal where no wallet may visit them (S-01.2): a
    setting to mend, not a fault of the link."""
    try:
        yield
    except ValueError as fault:
        raise Refusal(
            "public-url-unusable",
            "This shop's server has no https address, so wallets cannot use it. Please tell the shop.",
        ) from fault


def _answer(view: Callable[..., Answer], request: HttpRequest, args: tuple[str, ...], kwargs: dict[str, str]) -> Answer:
    if request.method != "GET":
        return error_answer("This address is asked with GET. Nothing was changed.")
    try:
        # Every address here names its link in the path, under one of these names.
        throttle_check(
            LNURL_OFFER, request, kwargs.get("token") or kwargs.get("payment_hash") or kwargs.get("name") or ""
        )
        return view(request, *args, **kwargs)
    except (Refusal, MoneyError) as refusal:
        log.info("lnurl refused", view=view.__name__, code=refusal.code)
        return error_answer(refusal.sentence)
    # A fault of the program, the database away, anything: a wallet must still be answered in the shape it understands.
    # It is the outermost frame, everything has been rolled back or committed below, and the fault is logged as it would be.
    except Exception:
        log.exception("lnurl failed", view=view.__name__)
        return error_answer("Something went wrong here. Please try again in a minute; an invoice is never paid twice.")
