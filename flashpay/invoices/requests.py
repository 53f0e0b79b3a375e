"""Where a payment request stands: what its invoices brought in, and whether it takes more. Reading only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from flashpay.invoices.models import Invoice, InvoiceState, PaymentRequest, Source
from flashpay.invoices.selectors import received_minor
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.refusals import Refusal


@dataclass(frozen=True)
class Standing:
    """How far a bill is paid, from one look at its invoices (oldest first); `paid` and `due` in minor units of its currency."""

    state: str
    paid: int
    due: int
    invoices: list[Invoice]


def request_standing(request: PaymentRequest, now: datetime) -> Standing:
    invoices = request_invoices(request)
    paid = sum(map(_worth, invoices))
    return Standing(request_state(request, now, paid=paid), paid, max(request.amount - paid, 0), invoices)


def request_invoices(request: PaymentRequest) -> list[Invoice]:
    """The invoices that were made for it, oldest first."""
    found = Invoice.objects.filter(source=Source.REQUEST, source_id=request.pk).exclude(state=InvoiceState.INVALID)
    return list(found.order_by("created_at"))


def request_paid(request: PaymentRequest) -> int:
    """What was paid of it so far, in minor units of its currency, each payment at the rate of its own invoice."""
    return sum(_worth(invoice) for invoice in request_invoices(request))


def requests_paid(requests: Collection[PaymentRequest]) -> dict[str, int]:
    """`request_paid` of many by id, in one query: for lists."""
    paid = {request.pk: 0 for request in requests}
    invoices = Invoice.objects.filter(source=Source.REQUEST, source_id__in=list(paid))
    for invoice in invoices.exclude(state=InvoiceState.INVALID).order_by():
        paid[invoice.source_id] += _worth(invoice)
    return paid


def request_due(request: PaymentRequest) -> int:
    return max(request.amount - request_paid(request), 0)


def request_state(request: PaymentRequest, now: datetime, *, paid: int | None = None) -> str:
    """Completed, Expired or Pending; names as in BTCPay Server. Lightning has no Processing. One that was archived keeps its state.

    `paid` where it is known already (`requests_paid`).
    """
    if request.amount <= (request_paid(request) if paid is None else paid):
        return "Completed"
    if request.expires_at is not None and now >= request.expires_at:
        return "Expired"
    return "Pending"


def request_check_payable(request: PaymentRequest, now: datetime) -> int:
    """What is due, in minor units. Raises Refusal, with a sentence for the payer, unless something is and may be paid now."""
    standing = request_standing(request, now)
    if standing.state == "Completed":
        raise Refusal("request-paid", "This bill is paid already. Thank you! Nothing more was paid.")
    if standing.state == "Expired":
        raise Refusal("request-expired", "The time to pay this bill is over. Please ask the shop. Nothing was paid.")
    if request.archived or request.store.archived:
        raise Refusal("request-archived", "The shop has withdrawn this bill. Nothing was paid.")
    return standing.due


def _worth(invoice: Invoice) -> int:
    """What arrived for one invoice in minor units; a settled one is worth its amount, also where a tolerance settled it."""
    if invoice.amount is not None and invoice.amount_msat:
        if invoice.state == InvoiceState.SETTLED and invoice.credited_msat <= invoice.amount_msat:
            return invoice.amount
        return invoice.amount * invoice.credited_msat // invoice.amount_msat
    worth = received_minor(invoice)
    return invoice.received_msat // MSAT_PER_SAT if worth is None else worth
