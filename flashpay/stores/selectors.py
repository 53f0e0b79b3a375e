"""Reading stores: who belongs to which, and what they may do there."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from flashpay.stores.models import ApiKey, Membership, Role, Store, User, WalletConnection
from flashpay.stores.permissions import VIEW_INVOICES, role_may, roles_that_may

# One write per key and minute is enough to show when it was last used.
_LAST_USED_GRAIN = timedelta(minutes=1)
STORE_ARCHIVED = (
    "This store is archived. It can be read and not changed: nothing was done. Bring it back in its settings first."
)


def stores_of(user: User) -> QuerySet[Store]:
    return Store.objects.filter(memberships__user=user, archived=False)


def stores_seen(user: User) -> QuerySet[Store]:
    """The stores whose dashboard the person may open: a cashier has the till alone."""
    roles = roles_that_may(VIEW_INVOICES)
    return Store.objects.filter(memberships__user=user, memberships__role__in=roles, archived=False)


def only_cashier(user: User) -> bool:
    """Whether tills are all that the person has here."""
    roles = set(Membership.objects.filter(user=user).values_list("role", flat=True))
    return roles == {Role.CASHIER}


def membership_get(*, user: User, store_id: str) -> Membership | None:
    """The person's place in the store, or None: a stranger is told that there is no such store."""
    return Membership.objects.select_related("store").filter(user=user, store_id=store_id).first()


def wallet_active(store: Store) -> WalletConnection | None:
    """The wallet that the store takes and pays out money with, if it has one, to be looked at: its secret is not read, and
    may be one that cannot be decrypted any more. Services ask `wallets.wallet_of`."""
    return WalletConnection.objects.defer("secret").filter(store=store, is_active=True).first()


def user_may(*, user: User, store: Store, permission: str) -> bool:
    membership = membership_get(user=user, store_id=store.pk)
    return membership is not None and role_may(membership.role, permission)


def api_key_find(*, text: str, now: datetime) -> ApiKey | None:
    """The live key with this text, or None. Remembers (to the minute) that it was used."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    key = (
        ApiKey.objects.select_related("user", "store")
        .filter(key_sha256=digest, revoked_at=None, user__is_active=True)
        .first()
    )
    if key is not None and (key.last_used_at is None or now - key.last_used_at > _LAST_USED_GRAIN):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def api_keys_of(user: User) -> QuerySet[ApiKey]:
    """The person's keys that still work, newest first."""
    return ApiKey.objects.filter(user=user, revoked_at=None).order_by("-created_at")


def api_key_named(*, user: User, text_or_id: str) -> ApiKey | None:
    """A working key of the person, by its id or by the key itself."""
    digest = hashlib.sha256(text_or_id.encode()).hexdigest()
    return api_keys_of(user).filter(Q(pk=text_or_id) | Q(key_sha256=digest)).first()
