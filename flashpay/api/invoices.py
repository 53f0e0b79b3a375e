"""Invoices: under their store, and by their id alone, as different versions of BTCPay Server have them."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

from django.db.models import Max
from django.http import HttpResponse
from django.utils import timezone
from ninja import Path, Query, Router
from pydantic import BaseModel, Field

from flashpay.api.amounts import amount_read, currency_read
from flashpay.api.authentication import ApiRequest
from flashpay.api.invoice_shapes import (
    DESCRIPTION_LENGTH,
    ORDER_ID_LENGTH,
    SECONDS_PER_MINUTE,
    InvoiceData,
    InvoiceInput,
    InvoiceMarkInput,
    InvoicePaymentMethodData,
    InvoiceUpdateInput,
    invoice_shown,
    payment_method_shown,
)
from flashpay.api.paging import LONGEST_PAGE, Skip, Take, page_of
from flashpay.api.payment_methods import lightning_check
from flashpay.api.problems import answers, invalid
from flashpay.api.repeats import REPEATABLE, once
from flashpay.api.stores import tolerance_read
from flashpay.api.wire import UnixTime, moment_read
from flashpay.invoices.models import Invoice, InvoiceState, LightningInvoice, Payment
from flashpay.invoices.search import query_read
from flashpay.invoices.selectors import (
    code_shown_last,
    invoice_find,
    invoice_is_payable,
    invoice_payments,
    invoices_search,
)
from flashpay.invoices.services import (
    invoice_archive,
    invoice_create,
    invoice_mark,
    invoice_note,
    lightning_invoice_issue,
)
from flashpay.stores import permissions

router = Router(tags=["Invoices"])

_ALL = "/stores/{storeId}/invoices"
_ONE = "/stores/{storeId}/invoices/{invoiceId}"
_BY_ID = "/invoices/{invoiceId}"


class InvoicePath(BaseModel):
    invoiceId: str
    storeId: str | None = None


class InvoiceFilters(BaseModel):
    status: list[InvoiceState] = []
    orderId: list[str] = []
    textSearch: str = Field(
        default="",
        max_length=2000,
        description="An id or its beginning, an order number, a payment hash, a BOLT 11 invoice, the buyer's e-mail address or words of a "
        "description, and filters as in "
        "BTCPay Server: `status:settled exceptionstatus:paidlate orderid:A-17 startdate:-7d amount:10..20 type:topup`",
    )
    startDate: UnixTime | None = None
    endDate: UnixTime | None = None
    includePaymentMethods: bool = Field(
        default=False,
        description="With what was paid, and the code that was shown last. It may be over: one invoice alone is answered "
        "with a code that can be paid now",
    )


@router.get(_ALL, response=answers(list[InvoiceData]))
def invoices_list(
    request: ApiRequest, storeId: str, filters: Query[InvoiceFilters], skip: Skip = 0, take: Take = LONGEST_PAGE
) -> list[InvoiceData]:
    """The store's invoices, newest first; archived ones only with `archived:true` among the words of the search."""
    store = request.auth.store_get(storeId, permissions.VIEW_INVOICES)
    query = query_read(filters.textSearch, now=timezone.now(), zone=ZoneInfo(store.time_zone))
    if query.problems:
        raise invalid("textSearch", query.problems[0])
    found = invoices_search(
        store=store,
        states=filters.status,
        order_ids=filters.orderId,
        query=query,
        since=moment_read(filters.startDate),
        until=moment_read(filters.endDate),
    )
    shown = page_of(found, skip, take)
    methods = _methods_of(shown) if filters.includePaymentMethods else {}
    return [invoice_shown(invoice, methods.get(invoice.pk)) for invoice in shown]


@router.post(_ALL, response=answers(InvoiceData), openapi_extra=REPEATABLE)
def invoice_new(request: ApiRequest, storeId: str, payload: InvoiceInput) -> InvoiceData | HttpResponse:
    """Make an invoice. A fiat amount is fixed in sats at a fresh rate, which is recorded. Without an amount it is a
    top-up invoice, whose payer chooses the amount."""
    store = request.auth.store_get(storeId, permissions.CREATE_INVOICE)
    checkout = payload.checkout
    lightning_check(checkout.paymentMethods, "checkout.paymentMethods")
    if checkout.defaultPaymentMethod is not None:
        lightning_check([checkout.defaultPaymentMethod], "checkout.defaultPaymentMethod")
    currency = currency_read(payload.currency or store.default_currency)
    amount = amount_read(payload.amount, currency)
    wanted: dict[str, Any] = {
        "metadata": payload.metadata,
        "order_id": _named(payload.metadata, "orderId", ORDER_ID_LENGTH),
        "description": _named(payload.metadata, "itemDesc", DESCRIPTION_LENGTH),
        "redirect_url": checkout.redirectURL,
        "redirect_automatically": checkout.redirectAutomatically,
        "language": checkout.defaultLanguage or "",
        "expiration_s": _seconds(checkout.expirationMinutes),
        "monitoring_s": _seconds(checkout.monitoringMinutes),
        "tolerance_bp": tolerance_read(checkout.paymentTolerance, "checkout.paymentTolerance"),
    }

    def make() -> InvoiceData:
        return invoice_shown(
            invoice_create(store=store, amount=amount, currency=currency, actor=request.auth.actor, **wanted)
        )

    return once(request, make, priced_in=[] if amount is None else [currency])


@router.get(_ONE, response=answers(InvoiceData))
@router.get(_BY_ID, response=answers(InvoiceData), operation_id="invoice_get_by_id")
def invoice_get(
    request: ApiRequest, path: Path[InvoicePath], includePaymentMethods: Annotated[bool, Query()] = False
) -> InvoiceData:
    """One invoice."""
    invoice = _invoice(request, path, permissions.VIEW_INVOICES)
    return invoice_shown(invoice, _methods_now(invoice) if includePaymentMethods else None)


@router.put(_ONE, response=answers(InvoiceData))
@router.put(_BY_ID, response=answers(InvoiceData), operation_id="invoice_put_by_id")
def invoice_put(request: ApiRequest, path: Path[InvoicePath], payload: InvoiceUpdateInput) -> InvoiceData:
    """Change an invoice's metadata. Its amount and terms never change."""
    invoice = _invoice(request, path, permissions.MODIFY_INVOICES)
    invoice_note(
        invoice=invoice,
        metadata=payload.metadata,
        order_id=_named(payload.metadata, "orderId", ORDER_ID_LENGTH),
        description=_named(payload.metadata, "itemDesc", DESCRIPTION_LENGTH),
        actor=request.auth.actor,
    )
    return invoice_shown(invoice)


@router.delete(_ONE, response=answers(None))
@router.delete(_BY_ID, response=answers(None), operation_id="invoice_archive_by_id")
def invoice_delete(request: ApiRequest, path: Path[InvoicePath]) -> None:
    """Archive an invoice: it leaves the lists and is paid and watched all the same."""
    invoice = _invoice(request, path, permissions.MODIFY_INVOICES)
    invoice_archive(invoice=invoice, archived=True, actor=request.auth.actor)


@router.post(f"{_ONE}/unarchive", response=answers(InvoiceData))
@router.post(f"{_BY_ID}/unarchive", response=answers(InvoiceData), operation_id="invoice_unarchive_by_id")
def invoice_unarchive(request: ApiRequest, path: Path[InvoicePath]) -> InvoiceData:
    """Bring an invoice back from the archive."""
    invoice = _invoice(request, path, permissions.MODIFY_INVOICES)
    invoice_archive(invoice=invoice, archived=False, actor=request.auth.actor)
    return invoice_shown(invoice)


@router.post(f"{_ONE}/status", response=answers(InvoiceData))
@router.post(f"{_BY_ID}/status", response=answers(InvoiceData), operation_id="invoice_status_by_id")
def invoice_status(request: ApiRequest, path: Path[InvoicePath], payload: InvoiceMarkInput) -> InvoiceData:
    """Mark an invoice Settled or Invalid by hand. No money moves; who did it stays on record."""
    invoice = _invoice(request, path, permissions.MODIFY_INVOICES)
    invoice_mark(invoice=invoice, state=payload.status, reason=payload.reason, actor=request.auth.actor)
    return invoice_shown(invoice)


@router.get(f"{_ONE}/payment-methods", response=answers(list[InvoicePaymentMethodData]))
@router.get(
    f"{_BY_ID}/payment-methods",
    response=answers(list[InvoicePaymentMethodData]),
    operation_id="invoice_payment_methods_by_id",
)
def invoice_payment_methods(request: ApiRequest, path: Path[InvoicePath]) -> list[InvoicePaymentMethodData]:
    """How to pay it, and what was paid. While it can be paid, `destination` is a BOLT 11 invoice that can be paid now."""
    return _methods_now(_invoice(request, path, permissions.VIEW_INVOICES))


def _methods_now(invoice: Invoice) -> list[InvoicePaymentMethodData]:
    """With a code that can be paid now, as long as the invoice can be paid."""
    code = lightning_invoice_issue(invoice=invoice) if invoice_is_payable(invoice) else code_shown_last(invoice)
    return [payment_method_shown(invoice, code, list(invoice_payments(invoice)))]


def _methods_of(invoices: list[Invoice]) -> dict[str, list[InvoicePaymentMethodData]]:
    """By the invoices' ids, each with the code shown last. Two queries, and nobody is asked for a code."""
    codes_of = LightningInvoice.objects.filter(invoice__in=invoices)
    last = codes_of.order_by().values("invoice").annotate(last=Max("pk")).values("last")
    codes = {code.invoice_id: code for code in codes_of.filter(pk__in=last)}
    payments: dict[str, list[Payment]] = {}
    for payment in Payment.objects.filter(invoice__in=invoices).select_related("lightning_invoice"):
        payments.setdefault(payment.invoice_id, []).append(payment)
    return {
        invoice.pk: [payment_method_shown(invoice, codes.get(invoice.pk), payments.get(invoice.pk, []))]
        for invoice in invoices
    }


def _invoice(request: ApiRequest, path: InvoicePath, permission: str) -> Invoice:
    return request.auth.record_get(invoice_find(path.invoiceId), path.storeId, permission, "invoice")


def _named(metadata: dict[str, Any], name: str, longest: int) -> str:
    """What clients of BTCPay Server keep in the metadata and FlashPay in a column. Raises ApiProblem where it is too long."""
    value = metadata.get(name)
    if value is None:
        return ""
    if not isinstance(value, str | int) or len(str(value)) > longest:
        raise invalid(f"metadata.{name}", f"This must be a text of at most {longest} characters.")
    return str(value)


def _seconds(minutes: int | None) -> int | None:
    return None if minutes is None else minutes * SECONDS_PER_MINUTE
