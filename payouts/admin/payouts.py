"""Pull payments and payouts in the Django admin: to be read, approved, cancelled, archived."""

from __future__ import annotations

from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flashpay.stores.models import User
from flashpay.stores.record_admin import (
    ReasonForm,
    RecordInline,
    StoreRecordAdmin,
    actor_of,
    history_shown,
    minor_shown,
    msat_shown,
    record_link,
)
from payouts.models import Payout, PayoutApproval, PayoutAttempt, PayoutPart, PullPayment
from payouts.selectors import claim_link
from payouts.services import payout_approve, payout_cancel, pull_payment_archive

_SHOWN_OF_A_DESTINATION = 24


class _Claimed:
    """Columns that a payout has in every list."""

    @admin.display(description="claimed", ordering="amount")
    def claimed(self, payout: Payout) -> str:
        return minor_shown(payout.amount, payout.currency)

    @admin.display(description="sent", ordering="amount_msat")
    def sats(self, payout: Payout) -> str:
        return msat_shown(payout.amount_msat)


class PayoutInline(_Claimed, RecordInline):
    model = Payout
    fields = ["id", "claimed", "sats", "state", "needs_review", "reason", "created_at"]


@admin.register(PullPayment)
class PullPaymentAdmin(StoreRecordAdmin):
    list_display = [
        "id",
        "name",
        "store_link",
        "total",
        "taken",
        "auto_approve",
        "expires_at",
        "archived_at",
        "created_at",
    ]
    list_filter = [("archived_at", admin.EmptyFieldListFilter), "auto_approve", "paused", "currency"]
    search_fields = ["=id", "=lnurl_token", "name", "=store__id", "store__name", "=payouts__id"]
    date_hierarchy = "created_at"
    # It is the claim page's link in another form, and nobody needs it here.
    secret_fields = ("lnurl_token",)
    readonly_fields = ["total", "taken", "claim_page", "history"]
    inlines = [PayoutInline]
    actions = ["archive"]

    @admin.display(description="amount", ordering="amount")
    def total(self, pull_payment: PullPayment) -> str:
        return minor_shown(pull_payment.amount, pull_payment.currency)

    @admin.display(description="claimed", ordering="claimed")
    def taken(self, pull_payment: PullPayment) -> str:
        return minor_shown(pull_payment.claimed, pull_payment.currency)

    @admin.display(description="claim page")
    def claim_page(self, pull_payment: PullPayment) -> SafeString:
        return format_html('<a href="{0}">{0}</a>', claim_link(pull_payment))

    @admin.action(description="Archive (cancels claims that were not sent)", permissions=["act"])
    def archive(self, request: HttpRequest, rows: QuerySet[PullPayment]) -> None:
        self.act_on_each(
            request,
            rows.filter(archived_at=None),
            lambda pull_payment: pull_payment_archive(pull_payment=pull_payment, actor=actor_of(request)),
            "archived",
        )


class AttemptInline(RecordInline):
    model = PayoutAttempt
    fields = ["number", "state", "payment_hash", "sats", "fee", "sent_at", "ended_at", "preimage"]

    @admin.display(description="amount")
    def sats(self, attempt: PayoutAttempt) -> str:
        return msat_shown(attempt.amount_msat)

    @admin.display(description="fee")
    def fee(self, attempt: PayoutAttempt) -> str:
        return msat_shown(attempt.fee_msat)


class PartInline(RecordInline):
    model = PayoutPart
    fields = ["id", "part", "msat", "created_by", "created_at"]
    rows_select_related = ("payout",)

    @admin.display(description="claimed")
    def part(self, part: PayoutPart) -> str:
        return minor_shown(part.amount, part.payout.currency)

    @admin.display(description="sent")
    def msat(self, part: PayoutPart) -> str:
        return msat_shown(part.amount_msat)


class ApprovalInline(RecordInline):
    model = PayoutApproval
    fields = ["actor", "at"]


@admin.register(Payout)
class PayoutAdmin(_Claimed, StoreRecordAdmin):
    action_form = ReasonForm
    list_display = [
        "id",
        "store_link",
        "pull_payment_link",
        "claimed",
        "sats",
        "state",
        "doubt",
        "destination_start",
        "created_at",
    ]
    list_filter = ["state", "needs_review", "destination_kind", "currency"]
    list_select_related = ["store", "pull_payment"]
    search_fields = [
        "=id",
        "=destination",
        "=attempts__payment_hash",
        "=attempts__idempotency_key",
        "=pull_payment__id",
        "=store__id",
        "store__name",
    ]
    date_hierarchy = "created_at"
    fieldsets = [
        (None, {"fields": ["id", "store_link", "pull_payment_link", "state", "doubt", "reason"]}),
        ("Money", {"fields": ["claimed", "sats", "rate", "rate_source", "rate_at"]}),
        ("Recipient", {"fields": ["destination_kind", "destination", "created_by"]}),
        ("Notes", {"fields": ["metadata"]}),
        ("Times", {"fields": ["created_at", "due_at", "leased_until", "completed_at"]}),
        ("History", {"fields": ["history"]}),
    ]
    readonly_fields = ["store_link", "pull_payment_link", "doubt", "claimed", "sats", "history"]
    inlines = [AttemptInline, ApprovalInline, PartInline]
    actions = ["approve", "cancel"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Payout], search_term: str
    ) -> tuple[QuerySet[Payout], bool]:
        """By a pasted BOLT 11 also where no attempt was made yet: its hash is known from the claim on."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        by_destination = queryset.filter(destination__iexact=search_term.strip()) if search_term else queryset.none()
        return found | by_destination, may_repeat

    @admin.display(description="pull payment")
    def pull_payment_link(self, payout: Payout) -> SafeString | str:
        return record_link("payouts.pullpayment", payout.pull_payment_id, str(payout.pull_payment or ""))

    @admin.display(description="to review", ordering="needs_review")
    def doubt(self, payout: Payout) -> str:
        # Django's icon for "no" is a red cross, which would say the opposite here.
        return "needs review" if payout.needs_review else ""

    @admin.display(description="destination")
    def destination_start(self, payout: Payout) -> str:
        return f"{payout.destination[:_SHOWN_OF_A_DESTINATION]}…"

    @admin.display(description="history")
    def history(self, payout: Payout) -> SafeString | str:
        attempts = [str(pk) for pk in payout.attempts.values_list("pk", flat=True)]
        return history_shown({"payout": [payout.pk], "payoutattempt": attempts})

    @admin.action(description="Approve", permissions=["act"])
    def approve(self, request: HttpRequest, rows: QuerySet[Payout]) -> None:
        # The person counts, not the door: where two must approve, the same one cannot come by the admin once more.
        person = cast(User, request.user)
        self.act_on_each(
            request,
            rows,
            lambda payout: payout_approve(payout=payout, actor=actor_of(request), user=person),
            "approved",
        )

    @admin.action(description="Cancel (give a reason)", permissions=["act"])
    def cancel(self, request: HttpRequest, rows: QuerySet[Payout]) -> None:
        reason, actor = self.reason_of(request), actor_of(request)
        if reason:
            self.act_on_each(
                request, rows, lambda payout: payout_cancel(payout=payout, reason=reason, actor=actor), "cancelled"
            )
