"""Everything that changes a store's look."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from flashpay.brand.colors import color_read
from flashpay.brand.models import Brand, LogoPicture, PictureSize
from flashpay.brand.pictures import Logo, logo_read
from flashpay.stores.events import event_record
from flashpay.stores.models import Store


def brand_save(
    *, store: Store, actor: str, color: str | None = None, logo_data: bytes | None = None, now: datetime | None = None
) -> None:
    """Give the store's pages a colour as people write it (empty: none), a logo, or both; what is None stays as it is.

    Raises Refusal where one of them cannot be used; then neither is changed.
    """
    now = now or timezone.now()
    wanted = None if color is None else color_read(color)
    logo = logo_read(logo_data) if logo_data is not None else None
    if wanted is None and logo is None:
        return
    with transaction.atomic():
        brand = _locked(store, now)
        if wanted is not None and wanted != brand.color:
            Brand.objects.filter(pk=brand.pk).update(color=wanted, changed_at=now)
            evidence = {"color": [brand.color, wanted]}
            event_record(row=store, type="StoreColorChanged", actor=actor, at=now, evidence=evidence)
        if logo is not None and logo.hash != brand.logo_hash:
            _logo_keep(brand, logo, now)
            event_record(row=store, type="StoreLogoChanged", actor=actor, at=now, evidence={"logo": logo.hash})


def brand_logo_remove(*, store: Store, actor: str, now: datetime | None = None) -> None:
    """Take the logo away; nothing happens where there is none."""
    now = now or timezone.now()
    with transaction.atomic():
        brands = Brand.objects.filter(pk=store.pk).exclude(logo_hash="")
        if not brands.update(logo_hash="", logo_width=0, logo_height=0, changed_at=now):
            return
        LogoPicture.objects.filter(brand_id=store.pk).delete()
        event_record(row=store, type="StoreLogoRemoved", actor=actor, at=now)


def _locked(store: Store, now: datetime) -> Brand:
    Brand.objects.get_or_create(store=store, defaults={"changed_at": now})
    return Brand.objects.select_for_update().get(pk=store.pk)


def _logo_keep(brand: Brand, logo: Logo, now: datetime) -> None:
    for size, png in ((PictureSize.PAGE, logo.page_png), (PictureSize.PRINT, logo.print_png)):
        LogoPicture.objects.update_or_create(brand=brand, size=size, defaults={"hash": logo.hash, "png": png})
    Brand.objects.filter(pk=brand.pk).update(
        logo_hash=logo.hash, logo_width=logo.width, logo_height=logo.height, changed_at=now
    )
