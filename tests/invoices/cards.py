"""Holding the sandbox's card to an invoice, and what is said of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from flashpay.invoices.card_words import CardNews, card_news
from flashpay.invoices.models import CardCollection, Invoice
from flashpay.invoices.services import (
    card_collect,
    card_present,
    invoice_create,
    lightning_invoices_poll,
)
from flashpay.money.currencies import SAT, Currency
from flashpay.refusals import Refusal
from flashpay.stores.models import Store

DUE_SAT = 21_000


def make(store: Store, amount: int | None = DUE_SAT, currency: Currency = SAT) -> Invoice:
    return invoice_create(store=store, amount=amount, currency=currency, actor="alice")


def hold(invoice: Invoice, link: str, **more: Any) -> CardCollection:
    """Hold a card to the invoice, and let a worker ask it at once."""
    row = card_present(invoice=invoice, text=link, **more)
    assert card_collect(collection_id=row.pk)
    row.refresh_from_db()
    return row


def poll(seconds: float = 6) -> None:
    """One poll, as it happens some seconds from now."""
    lightning_invoices_poll(api_url="", now=soon(seconds))


def soon(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def state_of(invoice: Invoice) -> str:
    return Invoice.objects.get(pk=invoice.pk).state


def news(invoice: Invoice, seconds: float = 0) -> CardNews:
    said = card_news(invoice, soon(seconds))
    assert said is not None
    return said


def words(invoice: Invoice, seconds: float = 0) -> str:
    said = news(invoice, seconds)
    return " ".join([str(said.title), *map(str, said.sentences), said.reason]).replace("\N{NO-BREAK SPACE}", " ")


def refused(code: str, invoice: Invoice, link: str, **more: Any) -> None:
    before = CardCollection.objects.count()
    with pytest.raises(Refusal) as refusal:
        card_present(invoice=invoice, text=link, **more)
    assert refusal.value.code == code
    assert CardCollection.objects.count() == before
