"""Tables of payouts that merchants brought, in the Django admin: to be found by their rows, and read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from flashpay.stores.record_admin import RecordAdmin, StoreRecordAdmin, record_link
from payouts.admin.links import PayoutLink
from payouts.batches.models import BatchPayout, PayoutBatch


@admin.register(PayoutBatch)
class PayoutBatchAdmin(StoreRecordAdmin):
    list_display = ["id", "name", "store_link", "state", "created_by", "created_at", "confirmed_by", "confirmed_at"]
    list_filter = ["state"]
    search_fields = ["=id", "name", "=store__id", "store__name", "=made__payout__id", "=made__reference"]
    date_hierarchy = "created_at"
    readonly_fields = ["history"]


@admin.register(BatchPayout)
class BatchPayoutAdmin(PayoutLink, RecordAdmin):
    list_display = ["__str__", "payout_link", "batch_link", "reference", "note"]
    list_select_related = ["batch"]
    search_fields = ["=payout__id", "=batch__id", "batch__name", "=reference", "=payout__destination"]

    @admin.display(description="table")
    def batch_link(self, row: BatchPayout) -> SafeString | str:
        return record_link("payout_batches.payoutbatch", row.batch_id, row.batch.name)
