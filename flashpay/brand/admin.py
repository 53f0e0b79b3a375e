"""Stores' looks in the Django admin: to be looked at; they are changed in the store's settings."""

from __future__ import annotations

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flashpay.brand.models import Brand
from flashpay.brand.selectors import look_of
from flashpay.stores.record_admin import NOTHING, StoreRecordAdmin


@admin.register(Brand)
class BrandAdmin(StoreRecordAdmin):
    list_display = ["store_link", "color", "logo", "changed_at"]
    search_fields = ["=store__id", "store__name", "=color"]
    readonly_fields = ["logo"]

    @admin.display(description="logo")
    def logo(self, brand: Brand) -> SafeString | str:
        look = look_of(brand.store)
        if not look.logo_address:
            return NOTHING
        return format_html(
            '<img src="{}" width="{}" height="{}" alt="Logo">', look.logo_address, look.logo_width, look.logo_height
        )
