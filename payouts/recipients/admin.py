"""Recipients in the Django admin: to be found by name and address, and read. Invitations are never shown."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from flashpay.stores.record_admin import RecordAdmin, RecordInline, StoreRecordAdmin, actor_of, record_link
from payouts.admin.links import PayoutLink
from payouts.recipients.models import Recipient, RecipientPayout
from payouts.recipients.services import recipient_archive


class PaidInline(PayoutLink, RecordInline):
    model = RecipientPayout
    fields = ["payout_link"]
    show_change_link = False
    verbose_name_plural = "payouts"


@admin.register(Recipient)
class RecipientAdmin(StoreRecordAdmin):
    # Whoever has the invitation says where the money goes.
    secret_fields = ("token", "used_token")
    list_display = ["name", "store_link", "address", "registered_at", "archived_at", "created_at"]
    list_filter = [("archived_at", admin.EmptyFieldListFilter), ("registered_at", admin.EmptyFieldListFilter)]
    search_fields = ["=id", "name", "=address", "=store__id", "store__name", "=paid__payout__id"]
    readonly_fields = ["history"]
    inlines = [PaidInline]
    actions = ["archive"]

    @admin.action(description="Archive (no more payouts)", permissions=["act"])
    def archive(self, request: HttpRequest, rows: QuerySet[Recipient]) -> None:
        self.act_on_each(
            request,
            rows.filter(archived_at=None),
            lambda recipient: recipient_archive(recipient=recipient, actor=actor_of(request)),
            "archived",
        )


@admin.register(RecipientPayout)
class RecipientPayoutAdmin(PayoutLink, RecordAdmin):
    list_display = ["__str__", "payout_link", "recipient_link"]
    list_select_related = ["recipient"]
    search_fields = ["=payout__id", "=recipient__id", "recipient__name", "=payout__destination"]

    @admin.display(description="recipient")
    def recipient_link(self, row: RecipientPayout) -> SafeString | str:
        return record_link("recipients.recipient", row.recipient_id, row.recipient.name)
