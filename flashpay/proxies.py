"""Whose word about the visitor's address is believed: that of TRUSTED_PROXIES, and nobody else's."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

_FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
_HINTS = (_FORWARDED_FOR, "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_FORWARDED")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@sync_and_async_middleware
def trusted_proxies(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Put the visitor's own address into REMOTE_ADDR, where rate limits and records look for it."""
    if iscoroutinefunction(get_response):

        async def asynchronous(request: HttpRequest) -> HttpResponseBase:
            address_settle(request.META)
            answer: Awaitable[HttpResponseBase] = get_response(request)
            return await answer

        return asynchronous

    def synchronous(request: HttpRequest) -> HttpResponseBase:
        address_settle(request.META)
        response: HttpResponseBase = get_response(request)
        return response

    return synchronous


def address_settle(meta: dict[str, Any]) -> None:
    """Read X-Forwarded-For from its end, past every trusted proxy; forget all such headers of others.

    What stands further to the front was written by the visitor and may say anything.
    """
    networks = _networks(tuple(settings.TRUSTED_PROXIES))
    peer = _address(str(meta.get("REMOTE_ADDR", "")))
    if peer is None or not _is_in(peer, networks):
        for name in _HINTS:
            meta.pop(name, None)
        return
    visitor = peer
    for part in reversed(str(meta.get(_FORWARDED_FOR, "")).split(",")):
        address = _address(part.strip())
        if address is None:
            break
        visitor = address
        if not _is_in(address, networks):
            break
    meta["REMOTE_ADDR"] = str(visitor)


@cache
def _networks(values: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(value, strict=False) for value in values)


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
