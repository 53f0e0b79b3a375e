"""Connecting a store to a Flash wallet: the credential is tried against Flash first, and stored only when it works."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from flashpay import crypto, flash
from flashpay.flash.socket_carrier import SocketCarrier
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import CredentialKind, Store, WalletConnection
from flashpay.stores.wallets import budgets, endpoint_at, facts_stored, server_allowed

FIELD = "connectionString"


@dataclass(frozen=True)
class Pasted:
    """What somebody pasted, understood but not tried yet. `api_url` is empty for the deployment's own endpoint."""

    endpoint: flash.Endpoint
    credential: flash.Credential
    api_url: str


@dataclass(frozen=True)
class WalletProbe:
    """What Flash said about a credential, before anything is stored."""

    pasted: Pasted
    account: flash.Account
    wallet: flash.Wallet
    network: str
    facts: flash.TransportFacts | None


def connection_string_read(*, connection_string: str) -> Pasted:
    """Understand the plugin's `type=flash;server=…;token=…`, or a bare API key, session token or username.

    Raises Refusal with a sentence that does not repeat what was pasted.
    """
    try:
        parsed = flash.connection_string_parse(connection_string)
    except flash.ConnectionStringWrong as error:
        raise Refusal("invalid-connection-string", str(error), field=FIELD) from error
    endpoint = endpoint_at(parsed.api_url)
    if not server_allowed(endpoint.api_url):
        raise Refusal(
            "invalid-connection-string",
            "This server is not one that this FlashPay may connect to. Leave the server out, or ask the administrator "
            "to add it to FLASH_SERVERS.",
            field=FIELD,
        )
    own = endpoint == endpoint_at(None)
    return Pasted(endpoint, parsed.credential, "" if own else endpoint.api_url)


def wallet_probe(*, connection_string: str) -> WalletProbe:
    """Ask Flash who this credential belongs to and which wallet it opens. Stores nothing.

    A session token is tried over the live connection and over HTTP. Raises Refusal with a sentence when the credential
    cannot be read or Flash does not accept it.
    """
    pasted = connection_string_read(connection_string=connection_string)
    endpoint, credential = pasted.endpoint, pasted.credential
    socket = SocketCarrier(endpoint, credential) if isinstance(credential, flash.SessionToken) else None
    client = flash.Flash(endpoint, credential, socket=socket, budgets=budgets())
    try:
        account = client.account()
        network = client.network()
    except flash.SettingsWrong as error:
        raise Refusal("invalid-connection-string", str(error), field=FIELD) from error
    except flash.FlashError as error:
        retry_after_s = error.judgement.retry_after_s
        raise Refusal("wallet-unreachable", str(error), field=FIELD, retry_after_s=retry_after_s) from error
    wallet = account.cash_wallet
    if wallet is None:
        raise Refusal("no-dollar-wallet", "This Flash account has no dollar wallet to receive into.", field=FIELD)
    return WalletProbe(pasted, account, wallet, network, client.transport_facts)


def wallet_connect(
    *, store: Store, connection_string: str, actor: str, now: datetime | None = None
) -> WalletConnection:
    """Test a credential against Flash and make it the store's wallet; the one before stays on record, inactive.

    Raises Refusal, and then the store keeps the wallet it had.
    """
    now = now or timezone.now()
    probe = wallet_probe(connection_string=connection_string)
    kind, secret = _stored_form(probe.pasted.credential)
    with transaction.atomic():
        # Two who connect at once do so one after the other: the later one is the wallet.
        Store.objects.select_for_update().get(pk=store.pk)
        WalletConnection.objects.filter(store=store, is_active=True).update(is_active=False)
        connection = WalletConnection.objects.create(
            store=store,
            kind=kind,
            secret=secret,
            fingerprint=crypto.fingerprint(f"{kind}:{secret or probe.account.username}"),
            username=probe.account.username or "",
            api_url=probe.pasted.api_url,
            ws_url=probe.pasted.endpoint.ws_url if probe.pasted.api_url else "",
            network=probe.network,
            wallet_id=probe.wallet.id,
            wallet_currency=probe.wallet.currency,
            minimum_sat=settings.FLASH_MINIMUM_SAT,
            transport=facts_stored(probe.facts),
            balance_cents=probe.wallet.balance_cents,
            checked_at=now,
            created_at=now,
        )
        event_record(row=connection, type="WalletConnected", actor=actor, at=now, evidence={"kind": kind})
    return connection


def wallet_disconnect(*, store: Store, actor: str, now: datetime | None = None) -> None:
    """Take the store's wallet out of use. What was received or sent through it stays on record."""
    now = now or timezone.now()
    with transaction.atomic():
        connection = WalletConnection.objects.filter(store=store, is_active=True).first()
        if connection is None or not WalletConnection.objects.filter(pk=connection.pk, is_active=True).update(
            is_active=False
        ):
            return
        event_record(row=connection, type="WalletDisconnected", actor=actor, at=now)


def _stored_form(credential: flash.Credential) -> tuple[str, str]:
    match credential:
        case flash.ApiKey(key):
            return CredentialKind.API_KEY, key
        case flash.SessionToken(token):
            return CredentialKind.SESSION_TOKEN, token
        case _:
            return CredentialKind.USERNAME, ""
