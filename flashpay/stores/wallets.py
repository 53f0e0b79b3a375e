"""From a stored wallet connection to an open client of Flash. The only place where a credential leaves its column."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from flashpay import flash, live
from flashpay.refusals import Refusal
from flashpay.stores.models import CredentialKind, Store, WalletConnection


def wallet_of(store: Store) -> WalletConnection:
    """The store's active wallet. Raises Refusal when it has none."""
    connection = WalletConnection.objects.filter(store=store, is_active=True).first()
    if connection is None:
        raise Refusal("wallet-not-connected", "This store has no Flash wallet yet. Connect one under Wallet.")
    return connection


def endpoint_at(api_url: str | None) -> flash.Endpoint:
    """The endpoint with this API address, its socket guessed as Flash names its hosts; without one, the deployment's own."""
    if not api_url or api_url == settings.FLASH_API_URL:
        return flash.Endpoint(settings.FLASH_API_URL, settings.FLASH_WS_URL)
    parts = urlsplit(api_url)
    host = re.sub(r"^(?:api\.)?(?=(?:[a-z]+\.)?flashapp\.me(?::|$))", "ws.", parts.netloc)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return flash.Endpoint(api_url, parts._replace(scheme=scheme, netloc=host).geturl())


def endpoint_of(connection: WalletConnection) -> flash.Endpoint:
    if not connection.api_url:
        return endpoint_at(None)
    return flash.Endpoint(connection.api_url, connection.ws_url)


def credential_of(connection: WalletConnection) -> flash.Credential:
    match connection.kind:
        case CredentialKind.API_KEY:
            return flash.ApiKey(connection.secret)
        case CredentialKind.SESSION_TOKEN:
            return flash.SessionToken(connection.secret)
        case _:
            return flash.Username(connection.username)


def wallet_open(connection: WalletConnection) -> flash.Flash:
    """The process's client for this wallet; connections to Flash are kept and shared."""
    return flash.Flash.open(endpoint_of(connection), credential_of(connection), budgets=budgets())


def anybody_open(endpoint: flash.Endpoint) -> flash.Flash:
    """A client for what Flash tells everybody: prices, and whether an invoice is paid. A username holds no secret."""
    return flash.Flash.open(endpoint, flash.Username("anybody"), budgets=budgets())


@cache
def budgets() -> flash.Budgets:
    """Flash's request limits, counted in Redis for all processes."""
    return flash.Budgets(live.connection())
