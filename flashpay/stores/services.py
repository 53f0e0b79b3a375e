"""Stores, their Flash wallets and their API keys: everything that changes them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from flashpay import crypto, flash
from flashpay.money.currencies import currency_get
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.events import event_record
from flashpay.stores.models import ApiKey, CredentialKind, Membership, Role, Store, User, WalletConnection
from flashpay.stores.wallets import endpoint_at

API_KEY_BYTES = 32
# BTCPay Server's limits.
INVOICE_EXPIRATION_S = range(60, 2_073_601)
MONITORING_EXPIRATION_S = range(600, 2_073_601)
TOLERANCE_BP = range(10_001)


def store_create(
    *, user: User, name: str, default_currency: str = "USD", website: str = "", now: datetime | None = None
) -> Store:
    """Make a store with `user` as its owner. Raises UnknownCurrency, or Refusal for an unusable name."""
    now = now or timezone.now()
    name = _store_name(name)
    currency = currency_get(default_currency)
    with transaction.atomic():
        store = Store.objects.create(
            name=name, default_currency=currency.code, website=_website(website), created_at=now
        )
        Membership.objects.create(store=store, user=user, role=Role.OWNER, created_at=now)
        event_record(row=store, type="StoreCreated", actor=str(user), at=now)
    return store


def store_update(
    *,
    store: Store,
    actor: str,
    name: str,
    default_currency: str,
    website: str = "",
    time_zone: str = "UTC",
    invoice_expiration_s: int | None = None,
    monitoring_expiration_s: int | None = None,
    payment_tolerance_bp: int | None = None,
    now: datetime | None = None,
) -> None:
    """Change how a store is called, what it counts in, and the terms of its future invoices (None: as they are).

    Raises UnknownCurrency, or Refusal for an unusable value; then nothing is changed.
    """
    now = now or timezone.now()
    if time_zone not in available_timezones():
        raise Refusal("invalid-time-zone", "There is no such time zone.", field="time_zone")
    changes = {
        **_invoice_terms(invoice_expiration_s, monitoring_expiration_s, payment_tolerance_bp),
        "name": _store_name(name),
        "default_currency": currency_get(default_currency).code,
        "website": _website(website),
        "time_zone": time_zone,
    }
    before = {field: getattr(store, field) for field in changes}
    changed = {field: value for field, value in changes.items() if value != before[field]}
    if not changed:
        return
    with transaction.atomic():
        Store.objects.filter(pk=store.pk).update(**changed)
        evidence = {field: [before[field], value] for field, value in changed.items()}
        event_record(row=store, type="StoreUpdated", actor=actor, at=now, evidence=evidence)
    store.refresh_from_db()


def store_archive(*, store: Store, archived: bool, actor: str, now: datetime | None = None) -> None:
    """Take a store out of the lists, or back in. Its records stay, and what is being paid goes to its end."""
    now = now or timezone.now()
    with transaction.atomic():
        if not Store.objects.filter(pk=store.pk, archived=not archived).update(archived=archived):
            return
        event_record(row=store, type="StoreArchived" if archived else "StoreUnarchived", actor=actor, at=now)
    store.archived = archived


def _invoice_terms(expiration_s: int | None, monitoring_s: int | None, tolerance_bp: int | None) -> dict[str, int]:
    terms = {
        "invoice_expiration_s": (expiration_s, INVOICE_EXPIRATION_S, "invoiceExpiration"),
        "monitoring_expiration_s": (monitoring_s, MONITORING_EXPIRATION_S, "monitoringExpiration"),
        "payment_tolerance_bp": (tolerance_bp, TOLERANCE_BP, "paymentTolerance"),
    }
    for value, allowed, field in terms.values():
        if value is not None and value not in allowed:
            unit, low, high = ("percent", 0, 100) if allowed is TOLERANCE_BP else ("seconds", allowed[0], allowed[-1])
            raise Refusal("invalid-terms", f"This must lie between {low} and {high} {unit}.", field=field)
    return {column: value for column, (value, _, _) in terms.items() if value is not None}


def _website(url: str) -> str:
    # It becomes a link on pages that payers and recipients see.
    if url and (len(url) > 200 or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise Refusal("invalid-website", "The website's address must begin with https:// or http://.", field="website")
    return url


def _store_name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= 50:
        raise Refusal("invalid-name", "A store needs a name of 1 to 50 characters.", field="name")
    return name


def api_key_create(
    *, user: User, store: Store | None = None, label: str = "", allowed: Iterable[str] | None = None
) -> tuple[ApiKey, str]:
    """Make an API key and return it with its text, which is not kept and cannot be shown again."""
    text = secrets.token_urlsafe(API_KEY_BYTES)
    key = ApiKey.objects.create(
        user=user,
        store=store,
        label=label[:50],
        prefix=text[:6],
        key_sha256=hashlib.sha256(text.encode()).hexdigest(),
        permissions=sorted(permissions.ALL if allowed is None else allowed),
    )
    return key, text


def api_key_revoke(*, key: ApiKey, now: datetime | None = None) -> None:
    """End an API key at once. Its row stays, to tell who did what with it."""
    now = now or timezone.now()
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now)


@dataclass(frozen=True)
class WalletProbe:
    """What Flash said about a credential, before anything is stored."""

    endpoint: flash.Endpoint
    credential: flash.Credential
    api_url: str
    account: flash.Account
    wallet: flash.Wallet
    network: str


def wallet_probe(*, connection_string: str) -> WalletProbe:
    """Ask Flash who this credential belongs to and which wallet it opens. Stores nothing.

    `connection_string`: the plugin's `type=flash;server=…;token=…`, or a bare API key, session token or username.
    Raises Refusal with a sentence when it cannot be read or Flash does not accept it.
    """
    try:
        parsed = flash.connection_string_parse(connection_string)
    except flash.ConnectionStringWrong as error:
        raise Refusal("invalid-connection-string", str(error), field="connectionString") from error
    endpoint = endpoint_at(parsed.api_url)
    client = flash.Flash(endpoint, parsed.credential)
    try:
        account = client.account()
        network = client.network()
    except flash.SettingsWrong as error:
        raise Refusal("invalid-connection-string", str(error), field="connectionString") from error
    except flash.FlashError as error:
        retry_after_s = error.judgement.retry_after_s
        raise Refusal(
            "wallet-unreachable", str(error), field="connectionString", retry_after_s=retry_after_s
        ) from error
    wallet = account.cash_wallet
    if wallet is None:
        raise Refusal(
            "no-dollar-wallet", "This Flash account has no dollar wallet to receive into.", field="connectionString"
        )
    own = endpoint == endpoint_at(None)
    return WalletProbe(endpoint, parsed.credential, "" if own else endpoint.api_url, account, wallet, network)


def wallet_connect(
    *, store: Store, connection_string: str, actor: str, now: datetime | None = None
) -> WalletConnection:
    """Test a credential against Flash and make it the store's wallet; the one before stays on record, inactive.

    Raises Refusal, and then the store keeps the wallet it had.
    """
    now = now or timezone.now()
    probe = wallet_probe(connection_string=connection_string)
    kind, secret = _stored_form(probe.credential)
    with transaction.atomic():
        WalletConnection.objects.filter(store=store, is_active=True).update(is_active=False)
        connection = WalletConnection.objects.create(
            store=store,
            kind=kind,
            secret=secret,
            fingerprint=crypto.fingerprint(f"{kind}:{secret or probe.account.username}"),
            username=probe.account.username or "",
            api_url=probe.api_url,
            ws_url=probe.endpoint.ws_url if probe.api_url else "",
            network=probe.network,
            wallet_id=probe.wallet.id,
            wallet_currency=probe.wallet.currency,
            minimum_sat=settings.FLASH_MINIMUM_SAT,
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
        if connection is None:
            return
        WalletConnection.objects.filter(pk=connection.pk).update(is_active=False)
        event_record(row=connection, type="WalletDisconnected", actor=actor, at=now)


def _stored_form(credential: flash.Credential) -> tuple[str, str]:
    match credential:
        case flash.ApiKey(key):
            return CredentialKind.API_KEY, key
        case flash.SessionToken(token):
            return CredentialKind.SESSION_TOKEN, token
        case _:
            return CredentialKind.USERNAME, ""
