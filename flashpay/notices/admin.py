"""Mail in the Django admin: to be found and read. Rules are changed in the store's settings."""

from __future__ import annotations

from django.contrib import admin

from flashpay.notices.models import Mail, MailRule, MailSettings
from flashpay.stores.record_admin import RecordAdmin, StoreRecordAdmin


@admin.register(MailRule)
class MailRuleAdmin(StoreRecordAdmin):
    list_display = ["address", "store_link", "active", "daily", "stopped_at", "created_at"]
    list_filter = ["active", "daily"]
    search_fields = ["=id", "=store__id", "store__name", "address"]


@admin.register(MailSettings)
class MailSettingsAdmin(RecordAdmin):
    list_display = ["store", "receipts_to_buyers", "low_balance_cents", "balance_is_low"]
    list_select_related = ["store"]
    search_fields = ["=store__id", "store__name"]


@admin.register(Mail)
class MailAdmin(StoreRecordAdmin):
    list_display = ["id", "kind", "address", "store_link", "state", "tries", "reason", "created_at", "sent_at"]
    list_filter = ["state", "kind"]
    search_fields = ["=id", "=entity_id", "=store__id", "address"]
