"""How stores pay out, the switch that stops all sending, approvals and the parts of collected payouts: to be read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from flashpay.stores.record_admin import RecordAdmin, StoreRecordAdmin, history_shown, minor_shown, msat_shown
from payouts.admin.links import PayoutLink
from payouts.models import PayoutApproval, PayoutPart, PayoutPolicy, SendingSwitch


@admin.register(PayoutPolicy)
class PayoutPolicyAdmin(StoreRecordAdmin):
    list_display = [
        "store_link",
        "minimum_policy",
        "fee_cap_bp",
        "strong_evidence_ends",
        "approve_by_hand_above_sat",
        "two_people_above_sat",
        "second_reviewer_above_sat",
    ]
    # The row's own address comes first, and is the store's.
    list_display_links = ["minimum_policy"]
    list_filter = ["minimum_policy", "strong_evidence_ends"]
    search_fields = ["=store__id", "store__name"]
    readonly_fields = ["history"]

    @admin.display(description="history")
    def history(self, policy: PayoutPolicy) -> SafeString | str:
        return history_shown({"store": [policy.store_id]})


@admin.register(SendingSwitch)
class SendingSwitchAdmin(RecordAdmin):
    list_display = ["__str__", "reason", "actor", "at"]
    search_fields = ["actor", "reason"]
    readonly_fields = ["history"]


@admin.register(PayoutApproval)
class PayoutApprovalAdmin(PayoutLink, RecordAdmin):
    list_display = ["at", "payout_link", "actor"]
    search_fields = ["=payout__id", "=payout__destination", "=payout__store__id", "actor", "=person"]
    date_hierarchy = "at"


@admin.register(PayoutPart)
class PayoutPartAdmin(PayoutLink, RecordAdmin):
    """One small claim of a payout that collects them."""

    list_display = ["created_at", "payout_link", "claimed", "sats", "created_by"]
    list_select_related = ["payout"]
    search_fields = ["=payout__id", "=payout__destination", "=payout__pull_payment__id", "=payout__store__id"]
    date_hierarchy = "created_at"
    secret_fields = ("claim_key",)
    readonly_fields = ["claimed", "sats"]

    @admin.display(description="claimed", ordering="amount")
    def claimed(self, part: PayoutPart) -> str:
        return minor_shown(part.amount, part.payout.currency)

    @admin.display(description="sent", ordering="amount_msat")
    def sats(self, part: PayoutPart) -> str:
        return msat_shown(part.amount_msat)
