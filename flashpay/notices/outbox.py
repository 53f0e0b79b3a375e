"""From an event to the mails that it asks for, in the event's own transaction: neither is there without the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError, transaction

from flashpay.announcing import announce_on_commit
from flashpay.invoices.models import AdditionalState, Invoice, InvoiceState, InvoiceType
from flashpay.notices.kinds import KINDS
from flashpay.notices.models import Kind, Mail, MailRule, MailSettings
from flashpay.stores.models import Event
from payouts.models import PayoutState

log = structlog.get_logger(__name__)

GIVEN_UP_AFTER: Final = timedelta(days=1)
# When what was gathered in a day is sent, where the store is.
DAILY_AT: Final = time(8)
_BASIS_POINTS = 10_000
_ADDRESS_LENGTH = 254


@dataclass(frozen=True)
class Occasion:
    """What an event may be written about: `kinds` from the narrowest to the widest, of which a rule gets the first it has.

    `key`: what it is written about once; by default the narrowest kind and the record.
    """

    kinds: tuple[str, ...]
    key: str = ""
    after: timedelta = field(default=timedelta())


def mail_is_sent() -> bool:
    """Whether there is anything to send mail with; in the sandbox it is kept to be looked at."""
    return bool(settings.SANDBOX) or settings.EMAIL_BACKEND not in (
        "django.core.mail.backends.console.EmailBackend",
        "django.core.mail.backends.dummy.EmailBackend",
    )


def outbox_write(event: Event) -> None:
    """Write the mails that an event asks for. A fault in here is logged and takes nothing of the event with it."""
    if event.type not in _OCCASIONS or event.store_id is None or not mail_is_sent():
        return
    try:
        mails = _mails(event)
        if not mails:
            return
        with transaction.atomic():
            Mail.objects.bulk_create(mails, ignore_conflicts=True)
    except DatabaseError as error:
        log.error("mails for an event were not written", event_id=event.pk, error=type(error).__name__)
        return
    mail_announce_on_commit()


def mail_announce_on_commit() -> None:
    """Have a worker send what is due as soon as this transaction is committed; the sweep finds it in any case."""
    announce_on_commit("flashpay.notices.tasks.send_due_mail")


def receipt_address(metadata: Mapping[str, Any]) -> str:
    """The buyer's address in an invoice's metadata, as BTCPay Server names it; empty where there is none that can be used."""
    given = metadata.get("buyerEmail")
    address = given.strip() if isinstance(given, str) else ""
    return address if address_is_usable(address) else ""


def address_is_usable(address: str) -> bool:
    """One plain address: no name, no second one, nothing that could become a header."""
    if len(address) > _ADDRESS_LENGTH or not address.isascii():
        return False
    try:
        validate_email(address)
    except ValidationError:
        return False
    return True


def receipt_mail(*, invoice: Invoice, address: str, language: str, now: datetime, event: Event | None = None) -> Mail:
    """The mail with which a buyer gets the link of the receipt; not saved."""
    known = {code for code, _name in settings.LANGUAGES}
    return Mail(
        store_id=invoice.store_id,
        kind=Kind.RECEIPT,
        key=f"{Kind.RECEIPT.value}:{invoice.pk}",
        address=address,
        event=event,
        entity_id=invoice.pk,
        language=language if language in known else "",
        created_at=now,
        due_at=now,
        give_up_at=now + GIVEN_UP_AFTER,
    )


def _mails(event: Event) -> list[Mail]:
    # The occasion before the rules: that most events are none, every claim's among them, is known without the database.
    invoice = Invoice.objects.filter(pk=event.entity_id).first() if event.entity == "invoice" else None
    occasion = _OCCASIONS[event.type](event, invoice)
    mails = [] if occasion is None else _mails_by_rule(event, occasion)
    if event.type == "InvoiceSettled" and invoice is not None:
        mails += _receipts(event, invoice)
    return mails


def _mails_by_rule(event: Event, occasion: Occasion) -> list[Mail]:
    mails = []
    for rule in MailRule.objects.select_related("store").filter(store_id=event.store_id, active=True):
        kind = next((kind for kind in occasion.kinds if kind in rule.kinds), None)
        if kind is not None:
            mails.append(_mail(event, rule, kind, occasion))
    return mails


def _mail(event: Event, rule: MailRule, kind: str, occasion: Occasion) -> Mail:
    due_at = event.at + occasion.after
    if rule.daily and not KINDS[kind].serious:
        due_at = next_daily(event.at, rule.store.time_zone)
    return Mail(
        store_id=rule.store_id,
        rule=rule,
        kind=kind,
        key=occasion.key or f"{occasion.kinds[0]}:{event.entity_id}",
        address=rule.address,
        event=event,
        entity_id=event.entity_id,
        created_at=event.at,
        due_at=due_at,
        give_up_at=due_at + GIVEN_UP_AFTER,
    )


def next_daily(moment: datetime, zone: str) -> datetime:
    """The next time at which a day's mail is sent."""
    local = moment.astimezone(ZoneInfo(zone))
    at = datetime.combine(local.date(), DAILY_AT, local.tzinfo)
    return at if at > local else datetime.combine(local.date() + timedelta(days=1), DAILY_AT, local.tzinfo)


def _receipts(event: Event, invoice: Invoice) -> list[Mail]:
    address = receipt_address(invoice.metadata)
    if not address:
        return []
    if MailSettings.objects.filter(pk=invoice.store_id, receipts_to_buyers=False).exists():
        return []
    return [receipt_mail(invoice=invoice, address=address, language=invoice.language, now=event.at, event=event)]


# --- Which event is an occasion -------------------------------------------------------------------------------------


def _settled(event: Event, invoice: Invoice | None) -> Occasion | None:
    match event.evidence.get("additional"):
        case AdditionalState.PAID_LATE:
            return Occasion((Kind.PAID_LATE, Kind.PAID))
        case AdditionalState.PAID_OVER:
            return Occasion((Kind.PAID_OVER, Kind.PAID))
        case _:
            return Occasion((Kind.PAID,))


def _received(event: Event, invoice: Invoice | None) -> Occasion | None:
    """Money for an invoice that had come to its end; what settles one is told by that event."""
    if invoice is None or invoice.state == InvoiceState.NEW:
        return None
    if invoice.state == InvoiceState.SETTLED:
        return Occasion((Kind.PAID_OVER,)) if invoice.type == InvoiceType.STANDARD else None
    if invoice.state == InvoiceState.INVALID:
        return Occasion((Kind.PAID_LATE,))
    needed = (invoice.amount_msat or 0) * (_BASIS_POINTS - invoice.tolerance_bp) // _BASIS_POINTS
    return Occasion((Kind.PAID_PARTLY,)) if invoice.credited_msat < needed else None


def _expired(event: Event, invoice: Invoice | None) -> Occasion | None:
    return Occasion((Kind.PAID_PARTLY,)) if invoice is not None and invoice.received_msat else None


def _payout_created(event: Event, invoice: Invoice | None) -> Occasion | None:
    return Occasion((Kind.PAYOUT_APPROVAL,)) if event.after == PayoutState.AWAITING_APPROVAL else None


def _send_failed(event: Event, invoice: Invoice | None) -> Occasion | None:
    return Occasion((Kind.PAYOUT_FAILED,), after=KINDS[Kind.PAYOUT_FAILED].after)


def _payout_cancelled(event: Event, invoice: Invoice | None) -> Occasion | None:
    # What a person has cancelled they know of.
    return Occasion((Kind.PAYOUT_FAILED,)) if event.actor == "system" else None


def _review(event: Event, invoice: Invoice | None) -> Occasion | None:
    return Occasion((Kind.PAYOUT_REVIEW,), key=f"event:{event.pk}")


def _wallet_trouble(event: Event, invoice: Invoice | None) -> Occasion | None:
    return Occasion((Kind.WALLET_BROKEN,), key=f"event:{event.pk}", after=KINDS[Kind.WALLET_BROKEN].after)


def _wallet_low(event: Event, invoice: Invoice | None) -> Occasion | None:
    return Occasion((Kind.LOW_BALANCE,), key=f"event:{event.pk}")


_OCCASIONS = {
    "InvoiceSettled": _settled,
    "InvoiceReceivedPayment": _received,
    "InvoiceExpired": _expired,
    "PayoutCreated": _payout_created,
    "PayoutSendFailed": _send_failed,
    "PayoutCancelled": _payout_cancelled,
    "PayoutNeedsReview": _review,
    "WalletTrouble": _wallet_trouble,
    "WalletLow": _wallet_low,
}
