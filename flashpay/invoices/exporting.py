"""Invoices as a table for books: one row each, with what was asked for, what arrived, and at which rate."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from flashpay.invoices.models import Invoice
from flashpay.invoices.selectors import paid_minor
from flashpay.keyset import rows_of
from flashpay.money.amounts import MSAT_PER_SAT, amount_plain
from flashpay.money.currencies import currency_get

COLUMNS = (
    "Created",
    "Invoice",
    "State",
    "Additional state",
    "Order",
    "Description",
    "Currency",
    "Amount",
    "Paid",
    "Received (sat)",
    "Rate of 1 BTC",
    "Rate from",
    "Settled",
    "Made by",
    "Payment hashes",
)


def invoice_rows(found: QuerySet[Invoice]) -> Iterator[list[str]]:
    """The heading and a row for each, read in chunks: ten years' books must not fill the memory. Times in UTC."""
    yield list(COLUMNS)
    for invoice in rows_of(found, "payments__lightning_invoice"):
        yield _row(invoice)


def _row(invoice: Invoice) -> list[str]:
    currency = currency_get(invoice.currency)
    return [
        invoice.created_at.isoformat(timespec="seconds"),
        invoice.pk,
        invoice.state,
        "" if invoice.additional_state == "None" else invoice.additional_state,
        invoice.order_id,
        invoice.description,
        invoice.currency,
        "" if invoice.amount is None else amount_plain(invoice.amount, currency),
        "" if invoice.amount is None else amount_plain(paid_minor(invoice), currency),
        str(invoice.received_msat // MSAT_PER_SAT),
        "" if invoice.rate is None else format(invoice.rate.normalize(), "f"),
        invoice.rate_source,
        invoice.settled_at.isoformat(timespec="seconds") if invoice.settled_at else "",
        invoice.created_by,
        " ".join(payment.lightning_invoice.payment_hash for payment in invoice.payments.all()),
    ]
