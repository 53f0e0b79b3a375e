"""A mail server, invoices that are paid, and the clock of the mail."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from flashpay import configuration
from flashpay.invoices.models import Evidence, Invoice, LightningInvoice
from flashpay.invoices.services import invoice_create, payment_record
from flashpay.money.currencies import SAT, Currency
from flashpay.notices.models import Mail, MailRule
from flashpay.notices.services import mail_rule_save
from flashpay.stores.models import Store
from tests.mail.smtp_server import MailServer

ALICE = "alice@example.com"


def mail_settings_use(settings: Any, url: str, timeout_s: float = 5.0) -> None:
    for name, value in configuration.mail(url).items():
        setattr(settings, name, value)
    settings.EMAIL_TIMEOUT = timeout_s


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    """The deployment's mail server."""
    with MailServer() as server:
        mail_settings_use(settings, server.url)
        yield server


@pytest.fixture
def rule_for(store: Store) -> Callable[..., MailRule]:
    def make(*kinds: str, address: str = "shop@example.com", **more: Any) -> MailRule:
        return mail_rule_save(store=store, address=address, kinds=kinds, actor=ALICE, **more)

    return make


@pytest.fixture
def sale(connected_store: Store) -> Callable[..., Invoice]:
    """An invoice of the store, paid with `paid_sat` (nothing: 0), after its time if `late`."""

    def make(
        *,
        amount: int | None = 5000,
        currency: Currency = SAT,
        paid_sat: int | None = None,
        late: bool = False,
        now: datetime | None = None,
        **more: Any,
    ) -> Invoice:
        now = now or timezone.now()
        invoice = invoice_create(store=connected_store, amount=amount, currency=currency, actor=ALICE, now=now, **more)
        due_sat = (invoice.amount_msat or 5_000_000) // 1000
        if paid_sat != 0:
            pay(invoice, due_sat if paid_sat is None else paid_sat, now + timedelta(hours=1 if late else 0))
        return invoice

    return make


def pay(invoice: Invoice, sat: int, at: datetime) -> None:
    """Flash says that a code of this invoice over so many sats was paid."""
    connection = invoice.store.wallet_connections.get(is_active=True)
    code = LightningInvoice.objects.create(
        invoice=invoice,
        store=invoice.store,
        connection=connection,
        bolt11=f"lnbc{secrets.token_hex(8)}",
        payment_hash=secrets.token_hex(32),
        amount_msat=sat * 1000,
        credit_msat=sat * 1000,
        asked_cents=1,
        expires_at=at + timedelta(minutes=1),
        poll_until=at + timedelta(days=1),
    )
    payment_record(lightning_invoice=code, evidence=Evidence.POLL, now=at)
    invoice.refresh_from_db()


def mails(store: Store) -> list[tuple[str, str]]:
    """Kind and address of every mail of the store, in the order in which they were written."""
    return list(Mail.objects.filter(store=store).order_by("pk").values_list("kind", "address"))
