"""How often one link and one visitor may ask, counted in Redis for all processes together.

A window is counted, not a stream: one counter that a key's first call starts and that ends by itself. A visitor is the
address that `flashpay.proxies` settled; of IPv6 the /64, which one household has for itself. Where Redis is away nobody is
held up: what money rests on is in the database, and the log says that the door stood open.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import redis
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from flashpay import live
from flashpay.refusals import Refusal

log = structlog.get_logger(__name__)

TOO_MANY = "That was many requests in a short time. Nothing was changed; please wait {wait} and try again."
_KEY_PREFIX = "flashpay:throttle:"
_IPV6_HOUSEHOLD = 64
# After a failure Redis is left alone for so long: a wallet waits for an answer, not for a dead server.
_REST_S = 10.0


class _Rest:
    """Until when this process does not ask Redis."""

    until: float = 0.0


def redis_ask_again() -> None:
    """Ask Redis with the next request, whatever failed before: it may be another one now."""
    _Rest.until = 0.0


@dataclass(frozen=True)
class Throttle:
    """At most so many calls within `per_s` seconds; 0 means no limit of that kind.

    `link` counts everybody at one link, `visitor` one visitor at all links, `both` one visitor at one link.
    """

    name: str
    per_s: int
    link: int = 0
    visitor: int = 0
    both: int = 0


# A wallet asks for the offer once or twice and claims once; a page looks every few seconds where scripts are off. Behind one
# address there may be a whole café, so a visitor's share is generous, and the link's own is what protects a link.
LNURL_OFFER = Throttle("lnurl-offer", per_s=60, link=600, visitor=300)
LNURL_CALL = Throttle("lnurl-call", per_s=60, link=120, visitor=120, both=30)
# Each code that a payer's wallet asks for costs the shop one of twenty in two minutes.
LNURL_PAY_CALL = Throttle("lnurl-pay-call", per_s=60, visitor=60, both=10)
CLAIM_PAGE = Throttle("claim-page", per_s=60, visitor=600)
CLAIM = Throttle("claim", per_s=60, link=120, visitor=60, both=20)
# Codes of 59 bits: at this pace a guesser needs longer than the sun will shine.
VOUCHER_CODE = Throttle("voucher-code", per_s=300, visitor=30)
# Each press of "Pay" makes an invoice.
PAY_LINK = Throttle("pay-link", per_s=60, link=120, visitor=60, both=20)
# A card is held to one checkout a few times at most; behind one address there may be all the tills of a shop.
CARD = Throttle("card", per_s=60, link=20, visitor=60, both=10)
CHECKOUT_PAGE = Throttle("checkout-page", per_s=60, visitor=600)


def throttle_check(throttle: Throttle, request: HttpRequest, link: str = "") -> None:
    """Count this call. Raises Refusal (`too-many`), with the seconds to wait, once it is one too many."""
    if not settings.THROTTLES or time.monotonic() < _Rest.until:
        return
    who = visitor_of(request)
    counted = [
        (key, limit)
        for key, limit in (
            (f"link:{_short(link)}", throttle.link if link else 0),
            (f"visitor:{who}", throttle.visitor),
            (f"both:{who}:{_short(link)}", throttle.both if link else 0),
        )
        if limit
    ]
    try:
        with live.connection().pipeline(transaction=False) as pipe:
            for key, _limit in counted:
                name = f"{_KEY_PREFIX}{throttle.name}:{key}"
                pipe.incr(name)
                pipe.expire(name, throttle.per_s, nx=True)
                pipe.ttl(name)
            answers = pipe.execute()
    except redis.RedisError as error:
        _Rest.until = time.monotonic() + _REST_S
        log.warning("throttle open, Redis is away", throttle=throttle.name, error=type(error).__name__)
        return
    for number, (key, limit) in enumerate(counted):
        calls, _set, left_s = answers[3 * number : 3 * number + 3]
        if int(calls) > limit:
            wait_s = max(1, int(left_s))
            kind = key.partition(":")[0]
            log.info("throttled", throttle=throttle.name, kind=kind, calls=int(calls))
            raise Refusal("too-many", TOO_MANY.format(wait=_words(wait_s)), retry_after_s=wait_s)


def throttled_page(
    throttle: Throttle, *, posts: Throttle | None = None, link: str = ""
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Hold a page to `throttle` (and its POSTs to `posts`); `link` names the address's part that is the link.

    Whoever asks too often gets a plain page with status 429 that says how long to wait.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def page(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
            used = posts if posts is not None and request.method == "POST" else throttle
            try:
                throttle_check(used, request, kwargs.get(link, ""))
            except Refusal as refusal:
                answer = render(request, "429.html", {"sentence": refusal.sentence}, status=429)
                answer["Retry-After"] = str(refusal.retry_after_s)
                answer["Cache-Control"] = "no-store"
                return answer
            return view(request, *args, **kwargs)

        return page

    return decorate


def visitor_of(request: HttpRequest) -> str:
    """The visitor as far as a limit is concerned: an IPv4 address, or the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(str(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_HOUSEHOLD), strict=False).network_address)
    return str(address)


def _short(link: str) -> str:
    """Links are secrets and do not stand in Redis as they are."""
    return hashlib.sha256(link.lower().encode()).hexdigest()[:24]


def _words(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 90 else f"{-(-seconds // 60)} minutes"
