"""Making invoices, and ending those that nobody paid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from flashpay.invoices.models import AdditionalState, Invoice, InvoiceState, InvoiceType
from flashpay.languages import language_known
from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.money.currencies import Currency
from flashpay.money.errors import NoFreshRate
from flashpay.money.rates import UP, Rate, msat_from_minor, rate_from_amounts
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record, transition
from flashpay.stores.models import Store
from flashpay.stores.rates import rate_get
from flashpay.stores.services import TOLERANCE_BP

# Room for any order system's needs; beyond it somebody is storing files.
METADATA_BYTES = 64 * 1024
EXPIRATION_S = range(60, 366 * 24 * 3600)
# Expired invoices handled in one sweep; the next sweep comes seconds later.
EXPIRE_BATCH = 500


def invoice_create(
    *,
    store: Store,
    amount: int | None,
    currency: Currency,
    actor: str,
    description: str = "",
    order_id: str = "",
    metadata: Mapping[str, Any] | None = None,
    redirect_url: str = "",
    redirect_automatically: bool = False,
    language: str = "",
    expiration_s: int | None = None,
    monitoring_s: int | None = None,
    tolerance_bp: int | None = None,
    source: str = "",
    source_id: str = "",
    now: datetime | None = None,
) -> Invoice:
    """Make an invoice over `amount` minor units of `currency`; a fiat amount is fixed in msat at a fresh, recorded rate.

    `language` is what the payer is shown first, as the nearest one there is: a code such as `fr` or `fr-CA`.

    Without an amount it is a top-up invoice, which settles on whatever arrives. Raises Refusal for unusable input and
    NoFreshRate where the price is not known; then no invoice exists.
    """
    now = now or timezone.now()
    draft = invoice_draft(
        store=store,
        amount=amount,
        currency=currency,
        actor=actor,
        description=description,
        order_id=order_id,
        metadata=metadata,
        redirect_url=redirect_url,
        redirect_automatically=redirect_automatically,
        language=language,
        expiration_s=expiration_s,
        monitoring_s=monitoring_s,
        tolerance_bp=tolerance_bp,
        source=source,
        source_id=source_id,
        now=now,
    )
    return invoice_keep(draft=draft, now=now)


def invoice_draft(
    *,
    store: Store,
    amount: int | None,
    currency: Currency,
    actor: str,
    now: datetime,
    amount_msat: int | None = None,
    description: str = "",
    order_id: str = "",
    metadata: Mapping[str, Any] | None = None,
    redirect_url: str = "",
    redirect_automatically: bool = False,
    language: str = "",
    expiration_s: int | None = None,
    monitoring_s: int | None = None,
    tolerance_bp: int | None = None,
    source: str = "",
    source_id: str = "",
) -> Invoice:
    """An invoice that is checked but not yet saved (`invoice_keep`). Refuses as `invoice_create` does.

    `amount_msat`: what a wallet was told that `amount` comes to, a moment ago; the rate between the two is recorded.
    """
    if amount is not None and amount <= 0:
        raise Refusal("invalid-amount", "An invoice needs an amount above zero.", field="amount")
    # Programs written for BTCPay Server look for these two in the metadata, whoever made the invoice.
    named = {"orderId": order_id, "itemDesc": description}
    metadata = {name: text for name, text in named.items() if text} | dict(metadata or {})
    metadata_check(metadata)
    redirect_check(redirect_url)
    lives_s = _duration(expiration_s, store.invoice_expiration_s, "expirationMinutes")
    monitored_s = _duration(monitoring_s, store.monitoring_expiration_s, "monitoringMinutes", least=0)
    if tolerance_bp is None:
        tolerance_bp = store.payment_tolerance_bp
    elif tolerance_bp not in TOLERANCE_BP:
        raise Refusal("invalid-tolerance", "The tolerance lies between 0 and 100 percent.", field="paymentTolerance")
    rate, amount_msat = _price(amount, amount_msat, currency)
    expires_at = now + timedelta(seconds=lives_s)
    return Invoice(
        store=store,
        type=InvoiceType.TOP_UP if amount is None else InvoiceType.STANDARD,
        currency=currency.code,
        amount=amount,
        amount_msat=amount_msat,
        **_rate_columns(rate),
        tolerance_bp=tolerance_bp,
        order_id=order_id[:200],
        description=description[:500],
        metadata=metadata,
        redirect_url=redirect_url,
        redirect_automatically=redirect_automatically,
        language=language_known(language),
        source=source,
        source_id=source_id,
        created_by=actor,
        created_at=now,
        expires_at=expires_at,
        monitoring_ends_at=expires_at + timedelta(seconds=monitored_s),
    )


def invoice_keep(*, draft: Invoice, now: datetime) -> Invoice:
    """Save a draft, with the event that says so."""
    with transaction.atomic():
        draft.save(force_insert=True)
        event_record(row=draft, type="InvoiceCreated", after=draft.state, actor=draft.created_by, at=now)
    return draft


def invoice_mark(*, invoice: Invoice, state: str, reason: str, actor: str, now: datetime | None = None) -> None:
    """Mark an invoice Settled or Invalid by hand, with the reason on record. Raises Refusal for any other wish."""
    now = now or timezone.now()
    if state not in (InvoiceState.SETTLED, InvoiceState.INVALID) or state == invoice.state:
        raise Refusal("invalid-state", f"This invoice is {invoice.state} and cannot be marked {state}.", field="status")
    marked = transition(
        invoice,
        state,
        at=now,
        type="InvoiceMarked",
        actor=actor,
        evidence={"reason": reason},
        additional_state=AdditionalState.MARKED,
        settled_at=now if state == InvoiceState.SETTLED else invoice.settled_at,
    )
    if not marked:
        raise Refusal("invalid-state", "This invoice has just changed. Look again, then decide.", field="status")


def invoices_expire(*, now: datetime | None = None) -> int:
    """End every New invoice whose time is over; what was paid in part stays visible. Returns how many it ended."""
    now = now or timezone.now()
    due = Invoice.objects.filter(state=InvoiceState.NEW, expires_at__lte=now).order_by("expires_at")[:EXPIRE_BATCH]
    return sum(transition(invoice, InvoiceState.EXPIRED, at=now, type="InvoiceExpired") for invoice in due)


def _price(amount: int | None, amount_msat: int | None, currency: Currency) -> tuple[Rate | None, int | None]:
    """The recorded rate and what the amount is in msat. Raises NoFreshRate where an amount cannot be priced."""
    if currency.is_bitcoin:
        return None, None if amount is None else amount * MSAT_PER_SAT
    if amount is None:
        # Nothing is converted; the rate only tells later what the money was worth, and is left out where nobody knows.
        try:
            return rate_get(currency), None
        except NoFreshRate:
            return None, None
    rate = rate_get(currency)
    if amount_msat is None:
        return rate, msat_from_minor(amount, rate, UP)
    return rate_from_amounts(
        minor=amount, msat=amount_msat, currency=currency, source=rate.source, at=rate.at
    ), amount_msat


def _rate_columns(rate: Rate | None) -> dict[str, Any]:
    return {} if rate is None else {"rate": rate.btc_price, "rate_source": rate.source, "rate_at": rate.at}


def metadata_check(metadata: Mapping[str, Any], *, field: str = "metadata") -> None:
    """Raises Refusal where an invoice's metadata are too large to keep, or hold what no database can."""
    try:
        text = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (ValueError, RecursionError) as error:  # infinity, half a character, or nested without end
        raise _unstorable(field) from error
    # PostgreSQL takes no NUL. A backslash that is meant as one stands twice.
    if "\\u0000" in text.replace("\\\\", ""):
        raise _unstorable(field)
    if size > METADATA_BYTES:
        raise Refusal(
            "metadata-too-large", "The metadata is larger than 64 kB. Keep a reference, not the data.", field=field
        )


def _unstorable(field: str) -> Refusal:
    return Refusal(
        "invalid-metadata", "The metadata has a number or a character in it that cannot be stored.", field=field
    )


def redirect_check(url: str) -> None:
    """Raises Refusal where a payer cannot be sent to this address."""
    # Anything but http(s) on a payer's screen could run a script or open another program.
    if url and not _is_web_address(url):
        raise Refusal(
            "invalid-redirect-url", "The redirect address must begin with https:// or http://.", field="redirectURL"
        )


def _is_web_address(url: str) -> bool:
    if len(url) > 2000 or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # half an IPv6 address
        return False


def _duration(wanted_s: int | None, default_s: int, field: str, *, least: int = EXPIRATION_S.start) -> int:
    if wanted_s is None:
        return default_s
    if not least <= wanted_s < EXPIRATION_S.stop:
        raise Refusal("invalid-duration", "That is too short or longer than a year.", field=field)
    return wanted_s
