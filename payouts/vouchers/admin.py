"""Batches of vouchers in the Django admin: to be found by what stands on paper, and read. Codes are never shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from flashpay.stores.record_admin import (
    RecordAdmin,
    StoreRecordAdmin,
    actor_of,
    history_shown,
    minor_shown,
    record_link,
)
from payouts.vouchers.models import Voucher, VoucherBatch
from payouts.vouchers.selectors import code_read, vouchers_with_state
from payouts.vouchers.services import voucher_batch_revoke, voucher_revoke


@admin.register(VoucherBatch)
class VoucherBatchAdmin(StoreRecordAdmin):
    list_display = ["id", "name", "store_link", "count", "each", "expires_at", "created_by", "created_at"]
    list_filter = ["currency", "auto_approve"]
    search_fields = ["=id", "name", "=prefix", "=store__id", "store__name", "=vouchers__pull_payment__id"]
    date_hierarchy = "created_at"
    readonly_fields = ["each", "history"]
    actions = ["revoke"]

    @admin.display(description="amount of each", ordering="amount")
    def each(self, batch: VoucherBatch) -> str:
        return minor_shown(batch.amount, batch.currency)

    @admin.action(description="Revoke what nobody has claimed", permissions=["act"])
    def revoke(self, request: HttpRequest, rows: QuerySet[VoucherBatch]) -> None:
        self.act_on_each(
            request,
            rows,
            lambda batch: voucher_batch_revoke(batch=batch, actor=actor_of(request)),
            "its unclaimed vouchers are revoked",
        )


@admin.register(Voucher)
class VoucherAdmin(RecordAdmin):
    # Whoever has the code has the money.
    secret_fields = ("code",)
    list_display = ["label", "batch_link", "pull_payment_link", "amount", "state"]
    list_select_related = ["batch", "pull_payment"]
    search_fields = ["=pull_payment__id", "=batch__id", "batch__name", "=batch__store__id", "=batch__prefix"]
    readonly_fields = ["label", "amount", "state", "history"]
    actions = ["revoke"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return vouchers_with_state(super().get_queryset(request), timezone.now())

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """Also by the code as it stands on paper, whole."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        code = code_read(search_term)
        return (found | queryset.filter(code=code) if code else found), may_repeat

    @admin.display(description="batch", ordering="batch__name")
    def batch_link(self, voucher: Voucher) -> SafeString | str:
        return record_link("vouchers.voucherbatch", voucher.batch_id, voucher.batch.name)

    @admin.display(description="pull payment")
    def pull_payment_link(self, voucher: Voucher) -> SafeString | str:
        return record_link("payouts.pullpayment", voucher.pull_payment_id)

    @admin.display(description="amount")
    def amount(self, voucher: Voucher) -> str:
        return minor_shown(voucher.batch.amount, voucher.batch.currency)

    @admin.display(description="state")
    def state(self, voucher: Any) -> str:
        return str(voucher.state)

    @admin.display(description="history")
    def history(self, voucher: Voucher) -> SafeString | str:
        return history_shown({"pullpayment": [voucher.pull_payment_id]})

    @admin.action(description="Revoke", permissions=["act"])
    def revoke(self, request: HttpRequest, rows: QuerySet[Voucher]) -> None:
        self.act_on_each(
            request,
            rows.select_related("pull_payment", "batch"),
            lambda voucher: voucher_revoke(voucher=voucher, actor=actor_of(request)),
            "revoked",
        )
