"""Tills in the Django admin: to be read."""

from __future__ import annotations

from django.contrib import admin

from flashpay.stores.record_admin import RecordAdmin
from flashpay.till.models import Till


@admin.register(Till)
class TillAdmin(RecordAdmin):
    list_display = ["name", "store", "link", "archived", "created_at"]
    list_filter = ["archived"]
    list_select_related = ["store", "link"]
    search_fields = ["=id", "name", "=store__id", "store__name"]
