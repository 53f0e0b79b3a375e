"""From a stored wallet connection to an open client of Flash. The only place where a credential leaves its column."""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from flashpay import flash, live
from flashpay.flash.relay import RelayCarrier
from flashpay.once import Once
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


def server_allowed(api_url: str) -> bool:
    """Whether a store may name this server: a store's owner must not send this program's requests wherever they like.

    Allowed are the deployment's own server, Flash's hosts over https, what FLASH_SERVERS adds, and, in the sandbox or
    where private destinations are allowed for tests, this machine.
    """
    parts = urlsplit(api_url)
    host = parts.hostname or ""
    own = urlsplit(settings.FLASH_API_URL)
    if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
        return True
    if host in ("127.0.0.1", "::1", "localhost"):
        return bool(settings.SANDBOX or settings.ALLOW_PRIVATE_DESTINATIONS)
    known = host == "flashapp.me" or host.endswith(".flashapp.me") or host in settings.FLASH_SERVERS
    return parts.scheme == "https" and known


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
    """The process's client for this wallet; connections to Flash are kept and shared.

    With a session token it also goes over the listener's live connection, as was learned or by trying.
    """
    endpoint, credential = endpoint_of(connection), credential_of(connection)
    if not isinstance(credential, flash.SessionToken):
        return flash.Flash.open(endpoint, credential, budgets=budgets())
    client = flash.Flash.open(
        endpoint,
        credential,
        socket=RelayCarrier(live.connection(), endpoint, credential),
        facts=facts_of(connection),
        budgets=budgets(),
    )
    facts_keep(connection, client.transport_facts)  # what earlier requests of this process found out
    return client


def facts_of(connection: WalletConnection) -> flash.TransportFacts | None:
    """What is known about the way that requests with this session token go."""
    known = connection.transport
    if known.get("mutations_over") not in ("http", "socket"):
        return None
    return flash.TransportFacts(known["mutations_over"], datetime.fromisoformat(known["learned_at"]), known["reason"])


def facts_stored(facts: flash.TransportFacts | None) -> dict[str, str]:
    """As `WalletConnection.transport` has it."""
    if facts is None:
        return {}
    return {
        "mutations_over": facts.mutations_over,
        "learned_at": facts.learned_at.isoformat(),
        "reason": facts.reason,
    }


def facts_keep(connection: WalletConnection, facts: flash.TransportFacts | None) -> None:
    """Store what was learned about the ways, unless something newer is stored. Does nothing inside a transaction:
    no money waits for this, and the next call will do it."""
    known = facts_of(connection)
    if facts is None or (known is not None and known.learned_at >= facts.learned_at):
        return
    if transaction.get_connection().in_atomic_block:
        return
    with transaction.atomic():
        row = WalletConnection.objects.select_for_update().only("transport").get(pk=connection.pk)
        stored = facts_of(row)
        if stored is None or stored.learned_at < facts.learned_at:
            row.transport = facts_stored(facts)
            WalletConnection.objects.filter(pk=connection.pk).update(transport=row.transport)
    connection.transport = row.transport


def anybody_open(endpoint: flash.Endpoint) -> flash.Flash:
    """A client for what Flash tells everybody: prices, and whether an invoice is paid. A username holds no secret."""
    return flash.Flash.open(endpoint, flash.Username("anybody"), budgets=budgets())


@Once
def budgets() -> flash.Budgets:
    """Flash's request limits, counted in Redis for all processes."""
    limits = flash.Limits(
        key_requests=settings.FLASH_KEY_REQUESTS_PER_MINUTE, address_requests=settings.FLASH_ADDRESS_REQUESTS_PER_MINUTE
    )
    return flash.Budgets(live.connection(), limits)
