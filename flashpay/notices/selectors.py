"""Reading what mail a store sends, and how that goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.db.models import QuerySet

from flashpay.invoices.models import Invoice, InvoiceState
from flashpay.notices.letters import STOP_SALT
from flashpay.notices.models import Kind, Mail, MailRule, MailSettings, MailState
from flashpay.notices.outbox import mail_is_sent
from flashpay.stores.models import Store

LINKS_LIVE_FOR = timedelta(days=365)


@dataclass(frozen=True)
class ReceiptWish:
    """What the receipt page says about mail. `offered`: the buyer may give an address; `sent_to`: where it went, hidden."""

    offered: bool = False
    sent_to: str = ""
    on_its_way: bool = False


def mail_settings(store: Store) -> MailSettings:
    """The store's settings; the defaults, not saved, where it has none."""
    return MailSettings.objects.filter(pk=store.pk).first() or MailSettings(store=store)


def mail_rules(store: Store) -> QuerySet[MailRule]:
    return MailRule.objects.filter(store=store)


def mails_of(store: Store) -> QuerySet[Mail]:
    """What was sent or is to be sent, newest first."""
    return Mail.objects.filter(store=store).defer("text").order_by("-pk")


def mail_failures(store: Store) -> int:
    """How many mails failed that nobody has looked at; a buyer's wrong address is the buyer's."""
    return Mail.objects.filter(store=store, state=MailState.FAILED, seen=False).exclude(kind=Kind.RECEIPT).count()


def mail_waits(store: Store) -> Mail | None:
    """The mail that has been tried the most and still waits, where there is one: the mail server has a trouble."""
    waiting = Mail.objects.filter(store=store, state=MailState.WAITING, tries__gt=0).exclude(reason="")
    return waiting.order_by("-tries").first()


def mail_text(mail: Mail) -> str:
    """What was sent, of a day's mail the whole."""
    return mail.text or (mail.sent_with.text if mail.sent_with else "")


def rule_of_stop_link(token: str) -> MailRule | None:
    """The rule that the link in a mail stops, or None: forged, too old, or deleted."""
    try:
        pk = signing.loads(token, salt=STOP_SALT, max_age=LINKS_LIVE_FOR)
    except signing.BadSignature:
        return None
    return MailRule.objects.select_related("store").filter(pk=pk).first()


def receipt_wish(invoice: Invoice) -> ReceiptWish:
    """Whether this buyer may ask for the receipt by mail, or where it went."""
    if invoice.state != InvoiceState.SETTLED or not mail_is_sent():
        return ReceiptWish()
    mail = Mail.objects.filter(kind=Kind.RECEIPT, entity_id=invoice.pk).only("address", "state").first()
    if mail is None:
        return ReceiptWish(offered=mail_settings(invoice.store).receipts_to_buyers)
    if mail.state in (MailState.WAITING, MailState.SENT):
        return ReceiptWish(sent_to=hidden(mail.address), on_its_way=mail.state == MailState.WAITING)
    return ReceiptWish()


def hidden(address: str) -> str:
    """`a…@example.com`: known to who wrote it, useless to who reads it over the shoulder."""
    name, _at, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"


def sandbox_keeps_mail() -> bool:
    """Whether mail is only written down, because this is the sandbox without a mail server."""
    return bool(settings.SANDBOX) and settings.EMAIL_BACKEND == "django.core.mail.backends.console.EmailBackend"
