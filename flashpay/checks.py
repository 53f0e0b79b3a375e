"""What Django's checks say about settings that are right one by one but not together (`manage.py check`, `up`, `doctor`)."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def flash_is_named(**_scope: Any) -> list[CheckMessage]:
    if settings.FLASH_API_URL:
        return []
    return [
        Error(
            "There is no Flash to talk to: SANDBOX is off and FLASH_API_URL is not set.",
            hint="Set FLASH_API_URL (and FLASH_WS_URL), or take SANDBOX away.",
            id="flashpay.E001",
        )
    ]


@register()
def public_address_is_answered(**_scope: Any) -> list[CheckMessage]:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if any(
        host == allowed.strip("[]") or allowed == "*" or _is_below(host, allowed) for allowed in settings.ALLOWED_HOSTS
    ):
        return []
    return [
        Error(
            f"PUBLIC_URL leads to {host}, which ALLOWED_HOSTS does not name: every visitor would be refused.",
            hint=f"Add {host} to ALLOWED_HOSTS, or take ALLOWED_HOSTS away.",
            id="flashpay.E002",
        )
    ]


@register()
def wallets_can_reach_it(**_scope: Any) -> list[CheckMessage]:
    """LUD-01 asks for https; wallets refuse other addresses but for .onion."""
    parts = urlsplit(settings.PUBLIC_URL)
    host = parts.hostname or ""
    if settings.SANDBOX or parts.scheme == "https" or host.endswith(".onion"):
        return []
    return [
        Warning(
            f"PUBLIC_URL is {settings.PUBLIC_URL}: wallets refuse LNURL addresses that are not https.",
            hint="Put a reverse proxy with a certificate in front (deploy/) and set PUBLIC_URL to its https address.",
            id="flashpay.W001",
        )
    ]


@register()
def details_stay_at_home(**_scope: Any) -> list[CheckMessage]:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if not settings.DEBUG or _is_private(host):
        return []
    return [
        Error(
            "DEBUG is on at a public address: error pages would show settings and code to everybody.",
            hint="Set DEBUG to false.",
            id="flashpay.E003",
        )
    ]


@register()
def private_network_is_closed(**_scope: Any) -> list[CheckMessage]:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if not settings.ALLOW_PRIVATE_DESTINATIONS or _is_private(host):
        return []
    return [
        Warning(
            "ALLOW_PRIVATE_DESTINATIONS is on at a public address: a stranger's LNURL can make FlashPay call "
            "services of the private network.",
            hint="Set ALLOW_PRIVATE_DESTINATIONS to false.",
            id="flashpay.W002",
        )
    ]


@register()
def proxies_are_named(**_scope: Any) -> list[CheckMessage]:
    parts = urlsplit(settings.PUBLIC_URL)
    if parts.scheme != "https" or settings.TRUSTED_PROXIES:
        return []
    return [
        Warning(
            "PUBLIC_URL is https, so a reverse proxy stands in front, but TRUSTED_PROXIES is empty: every visitor seems to "
            "come from the proxy, and rate limits hit all of them together.",
            hint="Set TRUSTED_PROXIES to the proxy's address, for example 127.0.0.1.",
            id="flashpay.W003",
        )
    ]


def _is_below(host: str, allowed: str) -> bool:
    return allowed.startswith(".") and (host == allowed[1:] or host.endswith(allowed))


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".test", ".local")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
