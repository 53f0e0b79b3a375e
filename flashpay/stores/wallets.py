"""From a stored wallet connection to an open client of Flash. The only place where a credential leaves its column."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from flashpay import flash
from flashpay.refusals import Refusal
from flashpay.stores.models import CredentialKind, Store, WalletConnection

_CREDENTIALS = {
    CredentialKind.API_KEY: flash.ApiKey,
    CredentialKind.SESSION_TOKEN: flash.SessionToken,
}


def wallet_of(store: Store) -> WalletConnection:
    """The store's active wallet. Raises Refusal when it has none."""
    connection = WalletConnection.objects.filter(store=store, is_active=True).first()
    if connection is None:
        raise Refusal("wallet-not-connected", "This store has no Flash wallet yet. Connect one under Wallet.")
    return connection


def endpoint_of(connection: WalletConnection) -> flash.Endpoint:
    return flash.Endpoint(connection.api_url or settings.FLASH_API_URL, connection.ws_url or settings.FLASH_WS_URL)


def credential_of(connection: WalletConnection) -> flash.Credential:
    if connection.kind == CredentialKind.USERNAME:
        return flash.Username(connection.username)
    return _CREDENTIALS[CredentialKind(connection.kind)](connection.secret)


def wallet_open(connection: WalletConnection) -> flash.Flash:
    """The process's client for this wallet; connections to Flash are kept and shared."""
    return _client(endpoint_of(connection), credential_of(connection))


@lru_cache(maxsize=256)
def _client(endpoint: flash.Endpoint, credential: flash.Credential) -> flash.Flash:
    return flash.Flash(endpoint, credential)
