"""What the pages for payers and recipients have in common: no login, nothing kept, nothing passed on, nothing done by a glance.

Their addresses are secrets (128 bit in the path), so no browser, proxy, search engine or linked page may learn them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse

HEADERS = {
    "Cache-Control": "no-store",
    # Not "no-referrer": with it browsers send "Origin: null", and the forms of these pages would be refused as foreign.
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}

# Chat programs fetch a link to draw a picture of it, search engines to index it. Each names itself.
_UNFURLERS = re.compile(
    r"bot\b|bot/|crawler|spider|preview|facebookexternalhit|facebot|whatsapp|embedly|slurp|vkshare", re.IGNORECASE
)


def public_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Open a view to everybody and keep its address and answer from everybody else."""

    @login_not_required
    @wraps(view)
    def page(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        response = view(request, *args, **kwargs)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return page


def only_glances(request: HttpRequest) -> bool:
    """Whether no person is behind this request: HEAD, a browser fetching ahead, a chat program drawing a preview (W10)."""
    purpose = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return (
        request.method == "HEAD"
        or "prefetch" in purpose
        or _UNFURLERS.search(request.headers.get("User-Agent", "")) is not None
    )


def wants_fragment(request: HttpRequest) -> bool:
    """Whether an open page asks for its live part alone (`static/js/live.js`)."""
    return request.headers.get("X-Fragment") == "1"
