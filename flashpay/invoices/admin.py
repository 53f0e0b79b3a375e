"""Invoices, the codes that were shown for them, and payments, in the Django admin: to be read, and marked by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flashpay.invoices.models import (
    CardCollection,
    Invoice,
    InvoiceState,
    LightningAddress,
    LightningInvoice,
    PayLink,
    Payment,
    PaymentRequest,
)
from flashpay.invoices.offers import address_host
from flashpay.invoices.selectors import checkout_link, link_address, request_link
from flashpay.invoices.services import invoice_mark
from flashpay.stores.record_admin import (
    ReasonForm,
    RecordAdmin,
    RecordInline,
    StoreRecordAdmin,
    actor_of,
    history_shown,
    minor_shown,
    msat_shown,
    record_link,
)


class LightningInvoiceInline(RecordInline):
    model = LightningInvoice
    fields = ["payment_hash", "state", "sats", "purpose", "created_at", "expires_at", "polled_at"]
    verbose_name_plural = "codes shown"

    @admin.display(description="amount")
    def sats(self, code: LightningInvoice) -> str:
        return msat_shown(code.amount_msat)


class PaymentInline(RecordInline):
    model = Payment
    fields = ["lightning_invoice", "received", "credited", "evidence", "settled_at"]
    rows_select_related = ("lightning_invoice",)

    @admin.display(description="received")
    def received(self, payment: Payment) -> str:
        return msat_shown(payment.amount_msat)

    @admin.display(description="credited")
    def credited(self, payment: Payment) -> str:
        return msat_shown(payment.credited_msat)


@admin.register(Invoice)
class InvoiceAdmin(StoreRecordAdmin):
    action_form = ReasonForm
    list_display = ["id", "store_link", "price", "received", "state", "additional_state", "order_id", "created_at"]
    list_filter = ["state", "additional_state", "currency", "type", "archived"]
    search_fields = [
        "=id",
        "=order_id",
        "description",
        "=store__id",
        "store__name",
        "=lightning_invoices__payment_hash",
    ]
    date_hierarchy = "created_at"
    fieldsets = [
        (
            None,
            {"fields": ["id", "store_link", "state", "additional_state", "price", "received", "credited", "checkout"]},
        ),
        (
            "Rate",
            {"fields": ["type", "currency", "amount", "amount_msat", "rate", "rate_source", "rate_at", "tolerance_bp"]},
        ),
        ("Order", {"fields": ["order_id", "description", "metadata", "redirect_url", "archived", "created_by"]}),
        ("Times", {"fields": ["created_at", "expires_at", "monitoring_ends_at", "settled_at"]}),
        ("History", {"fields": ["history"]}),
    ]
    readonly_fields = ["store_link", "price", "received", "credited", "checkout", "history"]
    inlines = [LightningInvoiceInline, PaymentInline]
    actions = ["mark_settled", "mark_invalid"]

    @admin.display(description="amount", ordering="amount_msat")
    def price(self, invoice: Invoice) -> str:
        return minor_shown(invoice.amount, invoice.currency)

    @admin.display(description="received", ordering="received_msat")
    def received(self, invoice: Invoice) -> str:
        return msat_shown(invoice.received_msat)

    @admin.display(description="credited")
    def credited(self, invoice: Invoice) -> str:
        return msat_shown(invoice.credited_msat)

    @admin.display(description="checkout page")
    def checkout(self, invoice: Invoice) -> SafeString:
        return format_html('<a href="{0}">{0}</a>', checkout_link(invoice))

    @admin.display(description="history")
    def history(self, invoice: Invoice) -> SafeString | str:
        codes = [str(pk) for pk in invoice.lightning_invoices.values_list("pk", flat=True)]
        cards = [str(pk) for pk in invoice.card_collections.values_list("pk", flat=True)]
        return history_shown({"invoice": [invoice.pk], "lightninginvoice": codes, "cardcollection": cards})

    @admin.action(description="Mark settled (give a reason)", permissions=["act"])
    def mark_settled(self, request: HttpRequest, rows: QuerySet[Invoice]) -> None:
        self._mark(request, rows, InvoiceState.SETTLED)

    @admin.action(description="Mark invalid (give a reason)", permissions=["act"])
    def mark_invalid(self, request: HttpRequest, rows: QuerySet[Invoice]) -> None:
        self._mark(request, rows, InvoiceState.INVALID)

    def _mark(self, request: HttpRequest, rows: QuerySet[Invoice], state: InvoiceState) -> None:
        reason, actor = self.reason_of(request), actor_of(request)
        if reason:
            self.act_on_each(
                request,
                rows,
                lambda invoice: invoice_mark(invoice=invoice, state=state, reason=reason, actor=actor),
                f"marked {state}",
            )


@admin.register(LightningInvoice)
class LightningInvoiceAdmin(RecordAdmin):
    list_display = ["payment_hash", "invoice_link", "sats", "state", "purpose", "created_at", "expires_at"]
    list_filter = ["state", "purpose"]
    search_fields = ["=payment_hash", "=invoice__id", "=invoice__order_id"]
    date_hierarchy = "created_at"
    readonly_fields = ["sats"]

    @admin.display(description="invoice")
    def invoice_link(self, code: LightningInvoice) -> SafeString | str:
        return record_link("invoices.invoice", code.invoice_id)

    @admin.display(description="amount", ordering="amount_msat")
    def sats(self, code: LightningInvoice) -> str:
        return msat_shown(code.amount_msat)


@admin.register(CardCollection)
class CardCollectionAdmin(RecordAdmin):
    list_display = ["created_at", "invoice_link", "host", "state", "problem", "ended_at"]
    list_filter = ["state", "problem"]
    list_select_related = ["invoice"]
    search_fields = ["=invoice__id", "=lightning_invoice__payment_hash", "host"]
    date_hierarchy = "created_at"
    # Whoever has the link can take the card's money: the administrator need not.
    secret_fields = ("link",)
    readonly_fields = ["history"]

    @admin.display(description="invoice")
    def invoice_link(self, card: CardCollection) -> SafeString | str:
        return record_link("invoices.invoice", card.invoice_id)


@admin.register(Payment)
class PaymentAdmin(RecordAdmin):
    list_display = ["settled_at", "invoice_link", "received", "evidence", "payment_hash"]
    list_filter = ["evidence"]
    list_select_related = ["lightning_invoice"]
    search_fields = ["=lightning_invoice__payment_hash", "=invoice__id", "=invoice__order_id"]
    date_hierarchy = "settled_at"
    readonly_fields = ["received"]

    @admin.display(description="invoice")
    def invoice_link(self, payment: Payment) -> SafeString | str:
        return record_link("invoices.invoice", payment.invoice_id)

    @admin.display(description="received", ordering="amount_msat")
    def received(self, payment: Payment) -> str:
        return msat_shown(payment.amount_msat)

    @admin.display(description="payment hash")
    def payment_hash(self, payment: Payment) -> str:
        return payment.lightning_invoice.payment_hash


@admin.register(LightningAddress)
class LightningAddressAdmin(StoreRecordAdmin):
    list_display = ["name", "store_link", "minimum_sat", "maximum_sat", "currency", "archived", "created_at"]
    list_filter = ["archived"]
    search_fields = ["=id", "name", "=store__id", "store__name"]
    readonly_fields = ["history"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """By the whole address too, as payers write it."""
        name, _, host = search_term.strip().partition("@")
        return super().get_search_results(request, queryset, name if host == address_host() else search_term)


@admin.register(PayLink)
class PayLinkAdmin(StoreRecordAdmin):
    list_display = ["title", "id", "store_link", "price", "archived", "created_by", "created_at"]
    list_filter = ["archived", "currency"]
    search_fields = ["=id", "title", "=store__id", "store__name"]
    date_hierarchy = "created_at"
    readonly_fields = ["price", "page", "history"]

    @admin.display(description="price", ordering="amount")
    def price(self, link: PayLink) -> str:
        return minor_shown(link.amount, link.currency)

    @admin.display(description="page")
    def page(self, link: PayLink) -> SafeString:
        return format_html('<a href="{0}">{0}</a>', link_address(link))


@admin.register(PaymentRequest)
class PaymentRequestAdmin(StoreRecordAdmin):
    list_display = ["title", "id", "store_link", "total", "reference_id", "expires_at", "archived", "created_at"]
    list_filter = ["archived", "currency", "allow_parts"]
    search_fields = ["=id", "title", "=reference_id", "=email", "=store__id", "store__name"]
    date_hierarchy = "created_at"
    readonly_fields = ["total", "page", "history"]

    @admin.display(description="amount", ordering="amount")
    def total(self, bill: PaymentRequest) -> str:
        return minor_shown(bill.amount, bill.currency)

    @admin.display(description="page")
    def page(self, bill: PaymentRequest) -> SafeString:
        return format_html('<a href="{0}">{0}</a>', request_link(bill))
