"""Who calls: an API key, the person behind it, and what the two together may do in which store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from django.http import HttpRequest
from django.utils import timezone
from ninja.security import APIKeyHeader

from flashpay.api.problems import missing_permission, not_found, problem
from flashpay.stores.models import ApiKey, Membership, Store, User
from flashpay.stores.permissions import ALL, BY_ROLE, permissions_implied
from flashpay.stores.selectors import STORE_ARCHIVED, api_key_find, membership_get, stores_of


class _OfAStore(Protocol):
    store_id: str


Record = TypeVar("Record", bound=_OfAStore)

# BTCPay Server's name for a key that may do whatever its owner may.
UNRESTRICTED = "unrestricted"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Caller:
    key: ApiKey
    # Whether the request only reads: an archived store may be read, and nothing in it changed.
    reads: bool = False
    # The person's places in stores as far as this request has asked: several of its questions are about the same one.
    _places: dict[str, Membership | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def user(self) -> User:
        return self.key.user

    @property
    def actor(self) -> str:
        """How this caller is named in the record of what happened."""
        return f"{self.user.email} (API key {self.key.prefix}…)"

    @property
    def is_unrestricted(self) -> bool:
        return self.key.store_id is None and ALL.issubset(self.key.permissions)

    def holds(self, permission: str, store_id: str | None = None) -> bool:
        """Whether the key includes `permission`, for one store or (without `store_id`) for all of its owner's stores.

        A permission may be bound to a store as in BTCPay Server: `btcpay.store.canviewinvoices:STORE`.
        """
        if self.key.store_id is not None and self.key.store_id != store_id:
            return False
        granted = {
            entry.partition(":")[0] for entry in self.key.permissions if entry.partition(":")[2] in ("", store_id)
        }
        return permission in permissions_implied(granted)

    def store_get(self, store_id: str, permission: str, *, archived_too: bool = False) -> Store:
        """The store, if the caller may. 404 for everybody else's stores, as if there were none; 403 in one's own.

        Refuses to change anything in an archived store, but for what brings it back (`archived_too`).
        """
        found = self.store_find(store_id)
        if found is None:
            raise not_found("store")
        store, role = found
        self._require(store, role, permission, archived_too=archived_too)
        return store

    def record_get(self, record: Record | None, store_id: str | None, permission: str, what: str) -> Record:
        """`record`, if the caller may, and if it is of the store `store_id` where one is named. `what`: see `not_found`."""
        if store_id is not None:
            self.store_get(store_id, permission)
        if record is None or store_id not in (None, record.store_id):
            raise not_found(what)
        found = self.store_find(record.store_id)
        if found is None:
            raise not_found(what)
        self._require(found[0], found[1], permission)
        return record

    def may(self, store: Store, permission: str) -> bool:
        found = self.store_find(store.pk)
        return found is not None and permission in BY_ROLE[found[1]] and self.holds(permission, store.pk)

    def stores(self, permission: str) -> list[Store]:
        """The stores in which the caller may."""
        mine = stores_of(self.user).select_related("brand").prefetch_related("memberships")
        roles = {store.pk: _role_in(store, self.user) for store in mine}
        return [store for store in mine if permission in BY_ROLE[roles[store.pk]] and self.holds(permission, store.pk)]

    def store_find(self, store_id: str) -> tuple[Store, str] | None:
        """A store of the person, within the key's reach, and the person's role in it."""
        if self.key.store_id is not None and self.key.store_id != store_id:
            return None
        if store_id not in self._places:
            self._places[store_id] = membership_get(user=self.user, store_id=store_id)
        membership = self._places[store_id]
        return None if membership is None else (membership.store, membership.role)

    def _require(self, store: Store, role: str, permission: str, *, archived_too: bool = False) -> None:
        if permission not in BY_ROLE[role] or not self.holds(permission, store.pk):
            raise missing_permission(permission)
        if store.archived and not self.reads and not archived_too:
            raise problem(400, "store-archived", STORE_ARCHIVED)


def _role_in(store: Store, user: User) -> str:
    return next(membership.role for membership in store.memberships.all() if membership.user_id == user.pk)


class TokenAuth(APIKeyHeader):
    """`Authorization: token KEY`, as BTCPay Server has it."""

    param_name = "Authorization"
    openapi_description = "An API key, written as `token KEY`. The first is made by `python manage.py api_key_create`, others by `POST /api-keys`."

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:
        scheme, _, text = (key or "").strip().partition(" ")
        if scheme.lower() != "token" or not text.strip():
            return None
        found = api_key_find(text=text.strip(), now=timezone.now())
        return None if found is None else Caller(found, reads=request.method in _READING)


class ApiRequest(HttpRequest):
    """A request with a valid key: `TokenAuth` has put its caller here."""

    auth: Caller
