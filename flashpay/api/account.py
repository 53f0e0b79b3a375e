"""The key, the person behind it, and the server: `/api/v1/api-keys`, `/users/me`, `/server/info`, `/health`."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import BaseModel, Field

from flashpay.api.authentication import UNRESTRICTED, ApiRequest, Caller
from flashpay.api.payment_methods import LIGHTNING
from flashpay.api.problems import answers, invalid, missing_permission, not_found
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.wire import Input, Moment
from flashpay.stores.models import ApiKey
from flashpay.stores.permissions import ALL
from flashpay.stores.selectors import api_key_named, api_keys_of, membership_get
from flashpay.stores.services import api_key_create, api_key_revoke
from flashpay.version import VERSION

router = Router(tags=["Account and server"])


class ApiKeyData(BaseModel):
    id: str = Field(examples=["Lx3mTq9wRbVz6NkHyPc5Fs"])
    apiKey: str = Field(
        description="The key, once, when it is made; afterwards only how it begins", examples=["fpk_9Qm2…"]
    )
    label: str = Field(examples=["Web shop"])
    permissions: list[str] = Field(
        description="`permission`, or `permission:STORE` where it is for one store",
        examples=[["btcpay.store.cancreateinvoice", "btcpay.store.canviewinvoices"]],
    )
    createdTime: Moment
    lastUsedTime: Moment | None


class ApiKeyInput(Input):
    label: str = Field(default="", max_length=50, examples=["Web shop"])
    permissions: list[str] = Field(
        default=[],
        description="As at BTCPay Server: `btcpay.store.canviewinvoices`, one store's with `:STORE`, or `unrestricted`",
        examples=[["btcpay.store.cancreateinvoice", "btcpay.store.canviewinvoices"]],
    )


class UserData(BaseModel):
    id: str = Field(examples=["1"])
    email: str = Field(examples=["ada@shop.example"])
    name: str | None
    imageUrl: str | None = None
    roles: list[str] = Field(examples=[[]])


class ServerData(BaseModel):
    version: str = Field(examples=[VERSION])
    onion: str | None = None
    supportedPaymentMethods: list[str] = [LIGHTNING]
    fullySynched: bool = Field(default=True, description="There is no chain to catch up with")
    syncStatus: list[str] = []


class HealthData(BaseModel):
    synchronized: bool = True


@router.get("/api-keys/current", response=answers(ApiKeyData))
def api_key_current(request: ApiRequest) -> ApiKeyData:
    """The key in use: what it may do."""
    return key_shown(request.auth.key)


@router.delete("/api-keys/current", response=answers(None))
def api_key_current_delete(request: ApiRequest) -> None:
    """Revoke the key that is used for this very request."""
    api_key_revoke(key=request.auth.key)


@router.get("/api-keys", response=answers(list[ApiKeyData]))
def api_keys_list(request: ApiRequest) -> list[ApiKeyData]:
    """The owner's keys that are not revoked. Needs an unrestricted key."""
    caller = _unrestricted(request)
    return [key_shown(key) for key in api_keys_of(caller.user)]


@router.post("/api-keys", response=answers(ApiKeyData), openapi_extra=REPEATABLE)
def api_key_new(request: ApiRequest, payload: ApiKeyInput) -> ApiKeyData | HttpResponse:
    """Make a key. Needs an unrestricted key; a key never allows more than its owner may."""
    caller = _unrestricted(request)
    allowed = _permissions_read(caller, payload.permissions)
    return once(request, lambda: key_shown(*api_key_create(user=caller.user, label=payload.label, allowed=allowed)))


@router.delete("/api-keys/{apikey}", response=answers(None))
def api_key_delete(request: ApiRequest, apikey: str) -> None:
    """Revoke one of the owner's keys, named by the key itself or by its id. Needs an unrestricted key."""
    caller = _unrestricted(request)
    key = api_key_named(user=caller.user, text_or_id=apikey)
    if key is None:
        raise not_found("apikey")
    api_key_revoke(key=key)


@router.get("/users/me", response=answers(UserData))
def user_me(request: ApiRequest) -> UserData:
    """The key's owner."""
    user = request.auth.user
    roles = ["ServerAdmin"] if user.is_superuser else []
    return UserData(id=str(user.pk), email=user.email, name=user.get_full_name() or None, roles=roles)


@router.get("/server/info", response=answers(ServerData))
def server_info(request: ApiRequest) -> ServerData:
    """The version, and what this server can do."""
    return ServerData(version=VERSION)


@router.get("/health", auth=None, response=answers(HealthData, anonymous=True))
def health(request: HttpRequest) -> HealthData:
    """That the API answers. What stands behind it is checked at `/readyz`."""
    return HealthData()


def key_shown(key: ApiKey, text: str = "") -> ApiKeyData:
    everything = ALL.issubset(key.permissions)
    names = [UNRESTRICTED] if everything and key.store_id is None else key.permissions
    return ApiKeyData(
        id=key.pk,
        apiKey=text or f"{key.prefix}…",
        label=key.label,
        permissions=[f"{name}:{key.store_id}" for name in names] if key.store_id else names,
        createdTime=key.created_at,
        lastUsedTime=key.last_used_at,
    )


def _unrestricted(request: ApiRequest) -> Caller:
    if not request.auth.is_unrestricted:
        raise missing_permission(UNRESTRICTED)
    return request.auth


def _permissions_read(caller: Caller, wanted: list[str]) -> list[str]:
    """The permissions of a new key. Raises ApiProblem for one that does not exist, or is for somebody else's store."""
    if wanted == [UNRESTRICTED]:
        return sorted(ALL)
    for position, entry in enumerate(wanted):
        permission, _, store_id = entry.partition(":")
        if permission not in ALL:
            raise invalid(f"permissions.{position}", "There is no such permission.")
        if store_id and membership_get(user=caller.user, store_id=store_id) is None:
            raise invalid(f"permissions.{position}", "There is no such store, or it is not yours to see.")
    return sorted(set(wanted))
