"""Lightning Addresses of a store, under BTCPay Server's path for them."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from ninja import Router
from pydantic import BaseModel, Field

from flashpay.api.amounts import amount_read, currency_read
from flashpay.api.authentication import ApiRequest
from flashpay.api.problems import answers, invalid, not_found
from flashpay.api.wire import AmountText, Input
from flashpay.invoices.models import LightningAddress
from flashpay.invoices.offers import LARGEST_SAT, SMALLEST_SAT, address_text
from flashpay.invoices.services import (
    address_name_read,
    lightning_address_archive,
    lightning_address_delete,
    lightning_address_save,
)
from flashpay.money.currencies import SAT
from flashpay.stores import permissions
from flashpay.stores.models import Store

router = Router(tags=["Lightning addresses"])

_ALL = "/stores/{storeId}/lightning-addresses"
_ONE = "/stores/{storeId}/lightning-addresses/{username}"


class LightningAddressData(BaseModel):
    username: str = Field(examples=["cafe"])
    lightningAddress: str = Field(description="The whole address, as payers write it", examples=["cafe@pay.example"])
    currencyCode: str | None = Field(description="Null: the store's default currency", examples=["JMD"])
    min: str = Field(description="Smallest payment, in sats", examples=["100"])
    max: str = Field(description="Largest payment, in sats", examples=["500000"])
    commentAllowed: int = Field(description="Characters of a payer's comment; 0 for none", examples=[140])
    description: str = Field(
        description="What a wallet shows before paying; empty for the store's name", examples=["The bar"]
    )
    invoiceMetadata: dict[str, Any] | None = Field(examples=[{"orderId": "bar"}])
    archived: bool = Field(description="It takes no payments and keeps its name")


class LightningAddressInput(Input):
    username: str | None = Field(default=None, description="If given, the name in the path")
    currencyCode: str | None = Field(
        default=None, description="Left out: the store's default currency", examples=["JMD"]
    )
    min: AmountText | None = Field(default=None, description="Smallest payment, in sats", examples=["100"])
    max: AmountText | None = Field(default=None, description="Largest payment, in sats", examples=["500000"])
    commentAllowed: int = Field(default=0, ge=0, le=500, examples=[140])
    description: str = Field(default="", max_length=200, examples=["The bar"])
    invoiceMetadata: dict[str, Any] = Field(
        default={}, description="Goes into every invoice that the address makes", examples=[{"orderId": "bar"}]
    )


class LightningAddressPatch(Input):
    """What is left out stays as it is."""

    currencyCode: str | None = Field(default=None, description="Empty: the store's default currency")
    min: AmountText | None = Field(default=None, description="Smallest payment, in sats")
    max: AmountText | None = Field(default=None, description="Largest payment, in sats", examples=["250000"])
    commentAllowed: int | None = Field(default=None, ge=0, le=500)
    description: str | None = Field(default=None, max_length=200)
    invoiceMetadata: dict[str, Any] | None = None
    archived: bool | None = Field(default=None, description="true: it takes no payments and keeps its name")


@router.get(_ALL, response=answers(list[LightningAddressData]))
def lightning_addresses_list(request: ApiRequest, storeId: str) -> list[LightningAddressData]:
    """The store's addresses, by name."""
    store = request.auth.store_get(storeId, permissions.VIEW_STORE)
    return [_shown(address) for address in LightningAddress.objects.filter(store=store)]


@router.get(_ONE, response=answers(LightningAddressData))
def lightning_address_get(request: ApiRequest, storeId: str, username: str) -> LightningAddressData:
    """One address."""
    store = request.auth.store_get(storeId, permissions.VIEW_STORE)
    return _shown(_address(store, username))


@router.post(_ONE, response=answers(LightningAddressData))
def lightning_address_put(
    request: ApiRequest, storeId: str, username: str, payload: LightningAddressInput
) -> LightningAddressData:
    """Make the address, or change it where the store has it. A name that another store has is refused."""
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE)
    if payload.username is not None and payload.username.lower() != username.lower():
        raise invalid("username", "This is not the name in the path.")
    address = lightning_address_save(
        store=store,
        name=username,
        actor=request.auth.actor,
        minimum_sat=SMALLEST_SAT if payload.min is None else amount_read(payload.min, SAT, "min"),
        maximum_sat=LARGEST_SAT if payload.max is None else amount_read(payload.max, SAT, "max"),
        currency=_currency(payload.currencyCode) or "",
        comment_length=payload.commentAllowed,
        description=payload.description,
        invoice_metadata=payload.invoiceMetadata,
    )
    return _shown(address)


@router.patch(_ONE, response=answers(LightningAddressData))
def lightning_address_patch(
    request: ApiRequest, storeId: str, username: str, payload: LightningAddressPatch
) -> LightningAddressData:
    """Change some of an address, close it or open it again."""
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE)
    address, actor = _address(store, username), request.auth.actor
    terms: dict[str, Any] = {
        "minimum_sat": _or(amount_read(payload.min, SAT, "min"), address.minimum_sat),
        "maximum_sat": _or(amount_read(payload.max, SAT, "max"), address.maximum_sat),
        "currency": _or(_currency(payload.currencyCode), address.currency),
        "comment_length": _or(payload.commentAllowed, address.comment_length),
        "description": _or(payload.description, address.description),
        "invoice_metadata": _or(payload.invoiceMetadata, address.invoice_metadata),
    }
    with transaction.atomic():
        if any(getattr(address, name) != value for name, value in terms.items()):
            address = lightning_address_save(store=store, name=address.name, actor=actor, **terms)
        if payload.archived is not None:
            lightning_address_archive(address=address, archived=payload.archived, actor=actor)
    return _shown(address)


@router.delete(_ONE, response=answers(None))
def lightning_address_remove(request: ApiRequest, storeId: str, username: str) -> None:
    """Give the address up. Its invoices stay; the name is free for others."""
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE)
    lightning_address_delete(address=_address(store, username), actor=request.auth.actor)


def _currency(code: str | None) -> str | None:
    return currency_read(code, "currencyCode").code if code else code


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _address(store: Store, username: str) -> LightningAddress:
    found = LightningAddress.objects.filter(store=store, name=address_name_read(username)).first()
    if found is None:
        raise not_found("lightning-address")
    return found


def _shown(address: LightningAddress) -> LightningAddressData:
    return LightningAddressData(
        username=address.name,
        lightningAddress=address_text(address),
        currencyCode=address.currency or None,
        min=str(address.minimum_sat),
        max=str(address.maximum_sat),
        commentAllowed=address.comment_length,
        description=address.description,
        invoiceMetadata=address.invoice_metadata or None,
        archived=address.archived,
    )
