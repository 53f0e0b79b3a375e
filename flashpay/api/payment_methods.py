"""`/api/v1/stores/{storeId}/payment-methods`: the store's Flash wallet, under BTCPay Server's name for Lightning."""

from __future__ import annotations

from typing import Annotated, Any

from ninja import Query, Router
from pydantic import BaseModel, Field, SecretStr, field_validator

from flashpay.api.authentication import ApiRequest
from flashpay.api.problems import answers, invalid, not_found
from flashpay.api.wire import Input
from flashpay.stores import permissions
from flashpay.stores.models import Store, WalletConnection
from flashpay.stores.selectors import wallet_active
from flashpay.stores.services import wallet_connect, wallet_disconnect

router = Router(tags=["Payment methods"])

LIGHTNING = "BTC-LN"
# The name that BTCPay Server had before its version 2.
LIGHTNING_NAMES = frozenset({LIGHTNING, "BTC-LightningNetwork"})
_PATH = "/stores/{storeId}/payment-methods/{paymentMethodId}"


class WalletShown(BaseModel):
    """What may be known about a connected wallet. The credential is never shown again."""

    kind: str = Field(description="api_key, session_token, or username (receives only)", examples=["api_key"])
    username: str = Field(examples=["cornershop"])
    walletId: str = Field(examples=["b2c1d0f6-5f2e-4c35-9d0a-8c1f3b6f7e21"])
    walletCurrency: str = Field(examples=["USD"])
    network: str = Field(examples=["mainnet"])
    minimumSat: int = Field(description="The smallest payout that this wallet sends", examples=[10_000])
    canSend: bool = Field(examples=[True])


class PaymentMethodData(BaseModel):
    enabled: bool = Field(examples=[True])
    paymentMethodId: str = LIGHTNING
    config: WalletShown | None = Field(default=None, description="With includeConfig=true")


class ConnectionConfig(Input):
    connectionString: SecretStr


class PaymentMethodInput(Input):
    enabled: bool | None = Field(default=None, examples=[True])
    config: ConnectionConfig | None = Field(
        default=None,
        description="The connection string, in an object or bare. Left out: the connected wallet stays.",
        examples=[{"connectionString": "type=flash;server=https://api.flashapp.me/graphql;token=fk_…"}],
    )

    @field_validator("config", mode="before")
    @classmethod
    def _bare_string(cls, value: Any) -> Any:
        return {"connectionString": value} if isinstance(value, str) else value


@router.get("/stores/{storeId}/payment-methods", response=answers(list[PaymentMethodData]))
def payment_methods_list(
    request: ApiRequest,
    storeId: str,
    onlyEnabled: Annotated[bool, Query()] = False,
    includeConfig: Annotated[bool, Query()] = False,
) -> list[PaymentMethodData]:
    """One entry, where the store has a wallet. (One that is not enabled is not connected.)"""
    store = request.auth.store_get(storeId, permissions.VIEW_STORE)
    connection = wallet_active(store)
    return [] if connection is None else [_shown(connection, includeConfig)]


@router.get(_PATH, response=answers(PaymentMethodData))
def payment_method_get(
    request: ApiRequest, storeId: str, paymentMethodId: str, includeConfig: Annotated[bool, Query()] = False
) -> PaymentMethodData:
    """The connected wallet."""
    store = _store(request, storeId, paymentMethodId, permissions.VIEW_STORE)
    connection = wallet_active(store)
    if connection is None:
        raise not_found("paymentmethod")
    return _shown(connection, includeConfig)


@router.put(_PATH, response=answers(PaymentMethodData))
def payment_method_put(
    request: ApiRequest, storeId: str, paymentMethodId: str, payload: PaymentMethodInput
) -> PaymentMethodData:
    """Connect a Flash wallet. Flash is asked first; what it does not accept changes nothing."""
    store = _store(request, storeId, paymentMethodId, permissions.MODIFY_STORE)
    if payload.enabled is False:
        raise invalid("enabled", "A wallet that should not be used is disconnected: DELETE this payment method.")
    if payload.config is not None:
        secret = payload.config.connectionString.get_secret_value()
        return _shown(
            wallet_connect(store=store, connection_string=secret, actor=request.auth.actor), include_config=True
        )
    connection = wallet_active(store)
    if connection is None:
        raise invalid("config", "No wallet is connected yet. Send its connection string.")
    return _shown(connection, include_config=True)


@router.delete(_PATH, response=answers(None))
def payment_method_delete(request: ApiRequest, storeId: str, paymentMethodId: str) -> None:
    """Disconnect the wallet. What was received or sent through it stays on record."""
    store = _store(request, storeId, paymentMethodId, permissions.MODIFY_STORE)
    wallet_disconnect(store=store, actor=request.auth.actor)


def lightning_check(names: list[str] | None, path: str) -> None:
    """Lightning is what there is. Raises ApiProblem where other methods are asked for."""
    if names is not None and not LIGHTNING_NAMES & set(names):
        raise invalid(path, f"FlashPay knows one method: {LIGHTNING}.")


def _store(request: ApiRequest, store_id: str, method_id: str, permission: str) -> Store:
    store = request.auth.store_get(store_id, permission)
    if method_id not in LIGHTNING_NAMES:
        raise not_found("paymentmethod")
    return store


def _shown(connection: WalletConnection, include_config: bool) -> PaymentMethodData:
    config: dict[str, Any] = {}
    if include_config:
        config["config"] = WalletShown(
            kind=connection.kind,
            username=connection.username,
            walletId=connection.wallet_id,
            walletCurrency=connection.wallet_currency,
            network=connection.network,
            minimumSat=connection.minimum_sat,
            canSend=connection.can_send,
        )
    return PaymentMethodData(enabled=connection.is_active, **config)
