"""Invoices as a table for books: one row each, with what was asked for, what arrived, and at which rate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.db.models import QuerySet

from flashpay.invoices.models import Invoice, Payment
from flashpay.invoices.selectors import paid_known
from flashpay.keyset import chunks_of
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
    # What is long and not shown stays in the database.
    for invoices in chunks_of(found.defer("metadata", "redirect_url")):
        hashes = _payment_hashes(invoices)
        for invoice in invoices:
            yield _row(invoice, hashes.get(invoice.pk, []))


def _payment_hashes(invoices: Sequence[Invoice]) -> dict[str, list[str]]:
    """Of every payment of these invoices, oldest first."""
    hashes = defaultdict(list)
    paid = Payment.objects.filter(invoice__in=[invoice.pk for invoice in invoices]).order_by("id")
    for invoice_id, payment_hash in paid.values_list("invoice_id", "lightning_invoice__payment_hash"):
        hashes[invoice_id].append(payment_hash)
    return hashes


def _row(invoice: Invoice, payment_hashes: Sequence[str]) -> list[str]:
    currency, paid = currency_get(invoice.currency), paid_known(invoice)
    return [
        invoice.created_at.isoformat(timespec="seconds"),
        invoice.pk,
        invoice.state,
        "" if invoice.additional_state == "None" else invoice.additional_state,
        invoice.order_id,
        invoice.description,
        invoice.currency,
        "" if invoice.amount is None else amount_plain(invoice.amount, currency),
        "" if paid is None else amount_plain(paid, currency),
        str(invoice.received_msat // MSAT_PER_SAT),
        "" if invoice.rate is None else format(invoice.rate.normalize(), "f"),
        invoice.rate_source,
        invoice.settled_at.isoformat(timespec="seconds") if invoice.settled_at else "",
        invoice.created_by,
        " ".join(payment_hashes),
    ]
