"""`/api/v1/stores`: a person's stores, and how they look."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from ninja import File, Router
from ninja.files import UploadedFile
from pydantic import BaseModel, Field

from flashpay.api.amounts import currency_read
from flashpay.api.authentication import ApiRequest
from flashpay.api.problems import answers, invalid, missing_permission
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.wire import CurrencyCode, Input, PercentText, StoreId
from flashpay.brand.pictures import UPLOAD_BYTES
from flashpay.brand.selectors import look_of
from flashpay.brand.services import brand_logo_remove, brand_save
from flashpay.stores import permissions
from flashpay.stores.models import Store
from flashpay.stores.services import TOLERANCE_BP, store_archive, store_create, store_update

router = Router(tags=["Stores"])

BP_PER_PERCENT = 100
Seconds = Annotated[int, Field(ge=0, le=2_073_600)]


class StoreData(BaseModel):
    id: StoreId
    name: str = Field(examples=["Corner shop"])
    website: str | None = Field(examples=["https://shop.example"])
    defaultCurrency: CurrencyCode
    timeZone: str = Field(examples=["America/Jamaica"])
    invoiceExpiration: int = Field(
        description="Seconds that an invoice can be paid, unless it says otherwise", examples=[900]
    )
    monitoringExpiration: int = Field(description="Seconds that an expired invoice is still watched", examples=[86_400])
    paymentTolerance: float = Field(
        description="Percent that a payment may fall short and still settle an invoice", examples=[0.5]
    )
    brandColor: str | None = Field(
        description="Of buttons and links on its pages; null for FlashPay's own", examples=["#0a7a57"]
    )
    logoUrl: str | None = Field(description="A PNG of 512 pixels at most; null where it has no logo")
    archived: bool


class StoreInput(Input):
    name: str = Field(examples=["Corner shop"])
    website: str = Field(default="", examples=["https://shop.example"])
    defaultCurrency: str = Field(default="USD", examples=["USD"])
    timeZone: str = Field(default="UTC", examples=["America/Jamaica"])
    invoiceExpiration: Seconds | None = None
    monitoringExpiration: Seconds | None = None
    paymentTolerance: PercentText | None = Field(default=None, examples=[0.5])
    brandColor: str | None = Field(
        default=None,
        description="`#rrggbb` or `#rgb`. Empty: FlashPay's own. Left out: it stays as it is",
        examples=["#0a7a57"],
    )


class StoreUpdateInput(StoreInput):
    """What GET answered may be sent back whole."""

    id: str | None = None
    archived: bool | None = None
    logoUrl: str | None = Field(default=None, description="As GET answered it. A new logo is uploaded")


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

    changes = _changes(payload)

    def make() -> StoreData:
        with transaction.atomic():
            store = store_create(user=caller.user, name=payload.name, default_currency=changes["default_currency"])
            store_update(store=store, actor=caller.actor, **changes)
            brand_save(store=store, actor=caller.actor, color=payload.brandColor)
        return _shown_anew(store)

    return once(request, make)


@router.get("/stores/{storeId}", response=answers(StoreData))
def store_get(request: ApiRequest, storeId: str) -> StoreData:
    """One store."""
    return store_shown(request.auth.store_get(storeId, permissions.VIEW_STORE))


@router.put("/stores/{storeId}", response=answers(StoreData))
def store_put(request: ApiRequest, storeId: str, payload: StoreUpdateInput) -> StoreData:
    """Change a store. Fields that are left out go back to their default, but for the terms of its invoices and its looks."""
    bring_back = payload.archived is False
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE, archived_too=bring_back)
    if payload.id not in (None, store.pk):
        raise invalid("id", "The id of a store never changes.")
    if payload.logoUrl not in (None, _logo_url(store)):
        raise invalid("logoUrl", "FlashPay shows no pictures of other servers. Send the file: POST …/logo.")
    with transaction.atomic():
        store_update(store=store, actor=request.auth.actor, **_changes(payload))
        brand_save(store=store, actor=request.auth.actor, color=payload.brandColor)
        if payload.archived is not None:
            store_archive(store=store, archived=payload.archived, actor=request.auth.actor)
    return _shown_anew(store)


@router.delete("/stores/{storeId}", response=answers(None))
def store_delete(request: ApiRequest, storeId: str) -> None:
    """Archive a store: it leaves the lists, its records stay. Nothing financial is ever deleted."""
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE, archived_too=True)
    store_archive(store=store, archived=True, actor=request.auth.actor)


@router.post("/stores/{storeId}/logo", response=answers(StoreData))
def store_logo_post(request: ApiRequest, storeId: str, file: File[UploadedFile]) -> StoreData:
    """Give a store a logo. It is drawn anew from the pixels of a PNG, JPEG or WebP picture of at most 4 MB."""
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE)
    # One byte more than may be, so that a larger one is known as such and never read whole.
    brand_save(store=store, actor=request.auth.actor, logo_data=file.read(UPLOAD_BYTES + 1))
    return _shown_anew(store)


@router.delete("/stores/{storeId}/logo", response=answers(None))
def store_logo_delete(request: ApiRequest, storeId: str) -> None:
    """Take a store's logo away."""
    store = request.auth.store_get(storeId, permissions.MODIFY_STORE)
    brand_logo_remove(store=store, actor=request.auth.actor)


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
        brandColor=look_of(store).color or None,
        logoUrl=_logo_url(store),
        archived=store.archived,
    )


def _shown_anew(store: Store) -> StoreData:
    """As it is kept now: the looks that were read with it may be those of before."""
    return store_shown(Store.objects.select_related("brand").get(pk=store.pk))


def _logo_url(store: Store) -> str | None:
    address = look_of(store).print_address
    return settings.PUBLIC_URL + address if address else None


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
        "default_currency": currency_read(payload.defaultCurrency, "defaultCurrency").code,
        "time_zone": payload.timeZone,
        "invoice_expiration_s": payload.invoiceExpiration,
        "monitoring_expiration_s": payload.monitoringExpiration,
        "payment_tolerance_bp": tolerance_read(payload.paymentTolerance),
    }
