"""Stores, their Flash wallets and their API keys: everything that changes them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from django.db import transaction
from django.utils import timezone

from flashpay.money.currencies import currency_get
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.connecting import wallet_connect, wallet_disconnect, wallet_probe
from flashpay.stores.events import event_record
from flashpay.stores.models import ApiKey, Membership, Role, Store, User

__all__ = [
    "api_key_create",
    "api_key_revoke",
    "store_archive",
    "store_create",
    "store_update",
    "wallet_connect",
    "wallet_disconnect",
    "wallet_probe",
]

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
