"""Payment requests (bills that are paid in one go or in parts) and pay links, and the invoices that their payers make."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from flashpay.invoices.keypad import Keyed, terms_check
from flashpay.invoices.models import Invoice, InvoiceState, PayLink, PaymentRequest, Source
from flashpay.invoices.requests import request_check_payable, request_paid
from flashpay.invoices.services.invoices import invoice_create
from flashpay.money.amounts import amount_format
from flashpay.money.currencies import Currency, currency_get
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Store
from flashpay.stores.selectors import wallet_active

REQUEST_TITLE_LENGTH = 200
LINK_TITLE_LENGTH = 100
# Of an invoice that a payer has open already, so much must be left to be shown again.
_SHORTEST_LIFE_S = 60
_NO_PRICE = "A price must be above zero. Leave it out for an open amount."


def payment_request_save(
    *,
    store: Store,
    title: str,
    amount: int,
    currency: Currency,
    actor: str,
    request: PaymentRequest | None = None,
    description: str = "",
    email: str = "",
    reference_id: str = "",
    allow_parts: bool = False,
    expires_at: datetime | None = None,
    now: datetime | None = None,
) -> PaymentRequest:
    """Make a payment request over `amount` minor units, or change `request`. Raises Refusal for unusable input.

    Once something was paid the currency stays, and the amount cannot fall below what was paid.
    """
    now = now or timezone.now()
    wanted: dict[str, Any] = {
        "title": _title(title, REQUEST_TITLE_LENGTH),
        "amount": amount,
        "currency": currency.code,
        "description": description.strip()[:5000],
        "email": _email(email),
        "reference_id": reference_id.strip()[:200],
        "allow_parts": allow_parts,
        "expires_at": expires_at,
    }
    if amount <= 0:
        raise Refusal("invalid-amount", "A payment request needs an amount above zero.", field="amount")
    if expires_at is not None and expires_at <= now:
        raise Refusal("invalid-date", "That day is over already.", field="expiryDate")
    if request is not None:
        _check_change(request, amount, currency)
    with transaction.atomic():
        if request is None:
            request = PaymentRequest.objects.create(store=store, created_by=actor, created_at=now, **wanted)
            kind = "PaymentRequestCreated"
        else:
            PaymentRequest.objects.filter(pk=request.pk).update(**wanted)
            kind = "PaymentRequestUpdated"
        event_record(row=request, type=kind, actor=actor, at=now, evidence={"amount": amount, "title": wanted["title"]})
    request.refresh_from_db()
    return request


def payment_request_archive(
    *, request: PaymentRequest, actor: str, archived: bool = True, now: datetime | None = None
) -> None:
    """Withdraw a payment request, or offer it again. What was paid stays."""
    now = now or timezone.now()
    with transaction.atomic():
        if not PaymentRequest.objects.filter(pk=request.pk, archived=not archived).update(archived=archived):
            return
        kind = "PaymentRequestArchived" if archived else "PaymentRequestUnarchived"
        event_record(row=request, type=kind, actor=actor, at=now)
    request.archived = archived


def payment_request_pay(
    *, request: PaymentRequest, amount: int | None = None, actor: str = "payer", now: datetime | None = None
) -> Invoice:
    """An invoice over what is due, or over a part of it where parts are allowed. One that is open already is used again.

    Raises Refusal, and NoFreshRate; then no invoice exists.
    """
    now = now or timezone.now()
    due = request_check_payable(request, now)
    currency = currency_get(request.currency)
    wanted = due if amount is None else amount
    if not 0 < wanted <= due:
        shown = amount_format(due, currency)
        raise Refusal("invalid-amount", f"{shown} is still to be paid; please choose up to that.", field="amount")
    if wanted != due and not request.allow_parts:
        shown = amount_format(due, currency)
        raise Refusal("invalid-amount", f"This bill is paid in one go: {shown}.", field="amount")
    open_one = _open_invoice(Source.REQUEST, request.pk, wanted, now)
    return open_one or invoice_create(
        store=request.store,
        amount=wanted,
        currency=currency,
        actor=actor,
        description=request.title,
        order_id=request.reference_id,
        metadata={"paymentRequestId": request.pk, **({"buyerEmail": request.email} if request.email else {})},
        source=Source.REQUEST,
        source_id=request.pk,
        now=now,
    )


def pay_link_create(
    *,
    store: Store,
    title: str,
    currency: Currency,
    actor: str,
    amount: int | None = None,
    description: str = "",
    more_currencies: Iterable[str] = (),
    tip_percents: Iterable[int] = (),
    custom_tip: bool = False,
    archived: bool = False,
    now: datetime | None = None,
) -> PayLink:
    """Make a pay link over `amount` minor units, or over whatever the payer keys in. Raises Refusal and UnknownCurrency.

    The further currencies and the tips are for an open amount.
    """
    now = now or timezone.now()
    if amount is not None and amount <= 0:
        raise Refusal("invalid-amount", _NO_PRICE, field="amount")
    terms = terms_check(
        currency=currency, more_currencies=more_currencies, tip_percents=tip_percents, custom_tip=custom_tip
    )
    with transaction.atomic():
        link = PayLink.objects.create(
            store=store,
            title=_title(title, LINK_TITLE_LENGTH),
            description=description.strip()[:500],
            currency=currency.code,
            amount=amount,
            **terms,
            archived=archived,
            created_by=actor,
            created_at=now,
        )
        event_record(row=link, type="PayLinkCreated", actor=actor, at=now)
    return link


def pay_link_change(
    *,
    link: PayLink,
    title: str,
    currency: Currency,
    actor: str,
    amount: int | None = None,
    description: str | None = None,
    more_currencies: Iterable[str] = (),
    tip_percents: Iterable[int] = (),
    custom_tip: bool = False,
    now: datetime | None = None,
) -> None:
    """Change what a pay link is called, costs and offers; None leaves the description. Invoices that were made stay.

    Raises Refusal and UnknownCurrency; then nothing is changed.
    """
    now = now or timezone.now()
    if amount is not None and amount <= 0:
        raise Refusal("invalid-amount", _NO_PRICE, field="amount")
    wanted: dict[str, Any] = {
        "title": _title(title, LINK_TITLE_LENGTH),
        "currency": currency.code,
        "amount": amount,
    }
    if description is not None:
        wanted["description"] = description.strip()[:500]
    wanted |= terms_check(
        currency=currency, more_currencies=more_currencies, tip_percents=tip_percents, custom_tip=custom_tip
    )
    changed = {name: [getattr(link, name), value] for name, value in wanted.items() if getattr(link, name) != value}
    if not changed:
        return
    with transaction.atomic():
        PayLink.objects.filter(pk=link.pk).update(**wanted)
        event_record(row=link, type="PayLinkUpdated", actor=actor, at=now, evidence=changed)
    link.refresh_from_db()


def pay_link_archive(*, link: PayLink, actor: str, archived: bool = True, now: datetime | None = None) -> None:
    """Close a pay link, or open it again."""
    now = now or timezone.now()
    with transaction.atomic():
        if not PayLink.objects.filter(pk=link.pk, archived=not archived).update(archived=archived):
            return
        event_record(row=link, type="PayLinkArchived" if archived else "PayLinkUnarchived", actor=actor, at=now)
    link.archived = archived


def pay_link_pay(
    *, link: PayLink, keyed: Keyed | None = None, actor: str = "payer", now: datetime | None = None
) -> Invoice:
    """An invoice for one payer of the link; `keyed` is what they chose on an open one. Raises Refusal, and NoFreshRate."""
    if link.archived or link.store.archived:
        raise Refusal("not-payable", "The shop has closed this link. Nothing was paid.")
    if wallet_active(link.store) is None:
        raise Refusal(
            "wallet-not-connected",
            _("The shop cannot take payments at the moment: its wallet is not connected. Nothing was paid."),
        )
    if link.amount is not None:
        keyed = Keyed(link.amount, currency_get(link.currency))
    elif keyed is None:
        raise Refusal("invalid-amount", "Please choose how much you want to pay.", field="amount")
    return invoice_create(
        store=link.store,
        amount=keyed.total,
        currency=keyed.currency,
        actor=actor,
        description=link.title,
        metadata={"payLink": link.pk, "posData": keyed.pos_data()},
        source=Source.PAY_LINK,
        source_id=link.pk,
        now=now,
    )


def _open_invoice(source: Source, source_id: str, amount: int, now: datetime) -> Invoice | None:
    found = Invoice.objects.filter(
        source=source, source_id=source_id, amount=amount, state=InvoiceState.NEW, credited_msat=0
    ).order_by("-created_at")
    newest = found.first()
    if newest is None or (newest.expires_at - now).total_seconds() < _SHORTEST_LIFE_S:
        return None
    return newest


def _check_change(request: PaymentRequest, amount: int, currency: Currency) -> None:
    paid = request_paid(request)
    if paid and currency.code != request.currency:
        raise Refusal("invalid-currency", "Something was paid already, so the currency stays.", field="currency")
    if amount < paid:
        shown = amount_format(paid, currency)
        raise Refusal("invalid-amount", f"{shown} was paid already; it cannot be less than that.", field="amount")


def _title(text: str, longest: int) -> str:
    title = text.strip()
    if not 1 <= len(title) <= longest:
        raise Refusal("invalid-title", f"It needs a title of 1 to {longest} characters.", field="title")
    return title


def _email(text: str) -> str:
    text = text.strip()
    if text:
        try:
            validate_email(text)
        except ValidationError as error:
            raise Refusal("invalid-email", "That is not an e-mail address.", field="email") from error
    return text
