"""`/api/v1/stores`: a person's stores."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from django.db import transaction
from django.http import HttpResponse
from ninja import Router
from pydantic import BaseModel, Field

from flashpay.api.authentication import ApiRequest
from flashpay.api.problems import answers, invalid, missing_permission
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.wire import Input, PercentText
from flashpay.stores import permissions
from flashpay.stores.models import Store
from flashpay.stores.services import TOLERANCE_BP, store_archive, store_create, store_update

router = Router(tags=["Stores"])

BP_PER_PERCENT = 100
Seconds = Annotated[int, Field(ge=0, le=2_073_600)]


class StoreData(BaseModel):
    id: str
    name: str
    website: str | None
    defaultCurrency: str
    timeZone: str
    invoiceExpiration: int = Field(description="Seconds that an invoice can be paid, unless it says otherwise")
    monitoringExpiration: int = Field(description="Seconds that an expired invoice is still watched")
    paymentTolerance: float = Field(description="Percent that a payment may fall short and still settle an invoice")
    archived: bool


class StoreInput(Input):
    name: str
    website: str = ""
    defaultCurrency: str = "USD"
    timeZone: str = "UTC"
    invoiceExpiration: Seconds | None = None
    monitoringExpiration: Seconds | None = None
    paymentTolerance: PercentText | None = None


class StoreUpdateInput(StoreInput):
    """What GET answered may be sent back whole."""

    id: str | None = None
    archived: bool | None = None


@router.get("/stores", response=answers(list[StoreData]))
def stores_list(request: ApiRequest) -> list[StoreData]:
    """The stores of the key's owner which the key may see. Archived ones are left out."""
    return [store_shown(store) for store in request.auth.stores(permissions.VIEW_STORE)]


@router.post("/stores", response=answers(StoreData), openapi_extra=REPEATABLE)
def store_new(request: ApiRequest, payload: StoreInput) -> StoreData | HttpResponse:
    """Make a store, owned by the key's owner. A key that is bound to one store cannot."""
    caller = request.auth
    if not caller.holds(permissions.MODIFY_STORE):
        raise missing_permission(permissions.MODIFY_STORE)

    def make() -> StoreData:
        with transaction.atomic():
            store = store_create(user=caller.user, name=payload.name, default_currency=payload.defaultCurrency)
            store_update(store=store, actor=caller.actor, **_changes(payload))
        return store_shown(store)

    return once(request, make)


@router.get("/stores/{storeId}", response=answers(StoreData))
def store_get(request: ApiRequest, storeId: str) -> StoreData:
    """One store."""
    return store_shown(request.auth.store_get(storeId, permissions.VIEW_STORE))


@router.put("/stores/{storeId}", response=answers(StoreData))
def store_put(request: ApiRequest, storeId: str, payload: StoreUpdateInput) -> StoreData:
    """Change a store. Fields that are left out go back to their default, but for the terms of its invoices."""
    bring_back = payload.archived is False
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE, archived_too=bring_back)
    if payload.id not in (None, store.pk):
        raise invalid("id", "The id of a store never changes.")
    with transaction.atomic():
        store_update(store=store, actor=request.auth.actor, **_changes(payload))
        if payload.archived is not None:
            store_archive(store=store, archived=payload.archived, actor=request.auth.actor)
    return store_shown(store)


@router.delete("/stores/{storeId}", response=answers(None))
def store_delete(request: ApiRequest, storeId: str) -> None:
    """Archive a store: it leaves the lists, its records stay. Nothing financial is ever deleted."""
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE, archived_too=True)
    store_archive(store=store, archived=True, actor=request.auth.actor)


def store_shown(store: Store) -> StoreData:
    return StoreData(
        id=store.pk,
        name=store.name,
        website=store.website or None,
        defaultCurrency=store.default_currency,
        timeZone=store.time_zone,
        invoiceExpiration=store.invoice_expiration_s,
        monitoringExpiration=store.monitoring_expiration_s,
        paymentTolerance=store.payment_tolerance_bp / BP_PER_PERCENT,
        archived=store.archived,
    )


def tolerance_read(percent: str | None, path: str = "paymentTolerance") -> int | None:
    """Basis points from a percentage as it was written. Raises ApiProblem for one beyond 0 to 100, or with more than two decimals."""
    if percent is None:
        return None
    basis_points = Decimal(percent) * BP_PER_PERCENT
    if basis_points not in TOLERANCE_BP:
        raise invalid(path, "A tolerance lies between 0 and 100 percent and has at most two decimals.")
    return int(basis_points)


def _changes(payload: StoreInput) -> dict[str, Any]:
    return {
        "name": payload.name,
        "website": payload.website,
        "default_currency": payload.defaultCurrency,
        "time_zone": payload.timeZone,
        "invoice_expiration_s": payload.invoiceExpiration,
        "monitoring_expiration_s": payload.monitoringExpiration,
        "payment_tolerance_bp": tolerance_read(payload.paymentTolerance),
    }
