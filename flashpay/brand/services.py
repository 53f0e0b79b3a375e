"""Everything that changes a store's look."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from flashpay.brand.colors import color_read
from flashpay.brand.models import Brand, LogoPicture, PictureSize
from flashpay.brand.pictures import logo_read
from flashpay.stores.events import event_record
from flashpay.stores.models import Store


def brand_color_set(*, store: Store, color: str, actor: str, now: datetime | None = None) -> str:
    """Give the store's pages a colour as people write it, or none; returns it as it is kept. Raises Refusal."""
    now = now or timezone.now()
    wanted = color_read(color)
    with transaction.atomic():
        brand = _locked(store, now)
        if brand.color != wanted:
            Brand.objects.filter(pk=brand.pk).update(color=wanted, changed_at=now)
            evidence = {"color": [brand.color, wanted]}
            event_record(row=store, type="StoreColorChanged", actor=actor, at=now, evidence=evidence)
    return wanted


def brand_logo_set(*, store: Store, data: bytes, actor: str, now: datetime | None = None) -> None:
    """Put the picture in `data` in the place of the store's logo. Raises Refusal, and then the old one stays."""
    now = now or timezone.now()
    logo = logo_read(data)
    with transaction.atomic():
        brand = _locked(store, now)
        for size, png in ((PictureSize.PAGE, logo.page_png), (PictureSize.PRINT, logo.print_png)):
            LogoPicture.objects.update_or_create(brand=brand, size=size, defaults={"hash": logo.hash, "png": png})
        Brand.objects.filter(pk=brand.pk).update(
            logo_hash=logo.hash, logo_width=logo.width, logo_height=logo.height, changed_at=now
        )
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
