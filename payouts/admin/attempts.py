"""Every attempt to send a payout, its evidence and what people decided of it, in the Django admin: to be read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from flashpay.stores.record_admin import RecordAdmin, RecordInline, msat_shown, record_link
from payouts.admin.links import PayoutLink
from payouts.models import AttemptEvidence, PayoutAttempt, ReviewDecision, WalletFloat, WalletTransaction


class EvidenceInline(RecordInline):
    model = AttemptEvidence
    fields = ["at", "source", "says", "grade", "summary", "data"]
    show_change_link = False


class DecisionInline(RecordInline):
    model = ReviewDecision
    fields = ["user", "verdict", "reason", "at"]
    rows_select_related = ("user",)


@admin.register(PayoutAttempt)
class PayoutAttemptAdmin(PayoutLink, RecordAdmin):
    list_display = ["payment_hash", "payout_link", "number", "state", "sats", "fee", "sent_at", "ended_at"]
    list_filter = ["state"]
    search_fields = ["=payment_hash", "=idempotency_key", "=payout__id", "=preimage", "=payout__pull_payment__id"]
    date_hierarchy = "prepared_at"
    readonly_fields = ["sats", "fee", "history"]
    inlines = [EvidenceInline, DecisionInline]

    @admin.display(description="amount", ordering="amount_msat")
    def sats(self, attempt: PayoutAttempt) -> str:
        return msat_shown(attempt.amount_msat)

    @admin.display(description="fee", ordering="fee_msat")
    def fee(self, attempt: PayoutAttempt) -> str:
        return msat_shown(attempt.fee_msat)


@admin.register(WalletTransaction)
class WalletTransactionAdmin(RecordAdmin):
    """What Flash's feed said about a wallet, as it was when asked."""

    list_display = ["at", "connection_link", "direction", "payment_hash", "transaction_id", "asked_at"]
    list_filter = ["direction"]
    search_fields = ["=payment_hash", "=transaction_id", "=connection__id"]
    date_hierarchy = "at"

    @admin.display(description="wallet")
    def connection_link(self, row: WalletTransaction) -> SafeString | str:
        return record_link("stores.walletconnection", row.connection_id)


class _OfAnAttempt(RecordAdmin):
    list_select_related = ["attempt"]
    search_fields = [
        "=attempt__payment_hash",
        "=attempt__payout__id",
        "=attempt__payout__destination",
        "=attempt__store__id",
    ]
    date_hierarchy = "at"

    @admin.display(description="payout")
    def payout_link(self, row: AttemptEvidence | ReviewDecision) -> SafeString | str:
        return record_link("payouts.payout", row.attempt.payout_id)

    @admin.display(description="attempt")
    def attempt_link(self, row: AttemptEvidence | ReviewDecision) -> SafeString | str:
        return record_link("payouts.payoutattempt", row.attempt_id, row.attempt.payment_hash)


@admin.register(AttemptEvidence)
class AttemptEvidenceAdmin(_OfAnAttempt):
    list_display = ["at", "payout_link", "attempt_link", "source", "says", "grade", "summary"]
    list_filter = ["grade", "says", "source"]


@admin.register(ReviewDecision)
class ReviewDecisionAdmin(_OfAnAttempt):
    list_display = ["at", "payout_link", "attempt_link", "user", "verdict", "reason"]
    list_filter = ["verdict"]
    list_select_related = ["attempt", "user"]
    search_fields = [*_OfAnAttempt.search_fields, "user__email", "reason"]


@admin.register(WalletFloat)
class WalletFloatAdmin(RecordAdmin):
    """What Flash last said a wallet holds. Its key is made from the credential and says nothing of it."""

    list_display = ["__str__", "balance_cents", "asked_at", "reservations"]
    search_fields = ["fingerprint"]
