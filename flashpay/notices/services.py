"""Everything that changes whom a store writes to: its rules, its settings, a buyer's wish for the receipt."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from flashpay.invoices.models import Invoice, InvoiceState
from flashpay.money.currencies import USD, Currency
from flashpay.notices.kinds import KINDS
from flashpay.notices.letters import message_of, test_letter
from flashpay.notices.models import Mail, MailRule, MailSettings, MailState
from flashpay.notices.outbox import address_is_usable, mail_announce_on_commit, mail_is_sent, receipt_mail
from flashpay.notices.selectors import mail_settings
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record
from flashpay.stores.models import Store
from flashpay.stores.selectors import wallet_active

# More is a newsletter.
MOST_RULES: Final = 20
# What was sent long ago helps nobody; addresses of buyers are not kept longer than they are needed.
KEPT_FOR: Final = timedelta(days=90)
_DELETE_BATCH = 5000


def mail_rule_save(
    *,
    store: Store,
    address: str,
    kinds: Iterable[str],
    actor: str,
    rule: MailRule | None = None,
    minimum: int | None = None,
    minimum_currency: Currency = USD,
    daily: bool = False,
    active: bool = True,
    now: datetime | None = None,
) -> MailRule:
    """Make a rule for an address, or change `rule`. `minimum` in minor units is for paid invoices. Raises Refusal."""
    now = now or timezone.now()
    wanted = {
        "address": _address(address),
        "kinds": _kinds(kinds),
        "minimum": minimum,
        "minimum_currency": minimum_currency.code if minimum is not None else "",
        "daily": daily,
        "active": active,
    }
    if minimum is not None and minimum <= 0:
        raise Refusal(
            "invalid-amount", "The smallest amount must be above zero, or empty for every payment.", field="minimum"
        )
    if rule is None and MailRule.objects.filter(store=store).count() >= MOST_RULES:
        raise Refusal(
            "too-many-rules", f"A store can write to {MOST_RULES} addresses. Delete one first.", field="address"
        )
    try:
        with transaction.atomic():
            if rule is None:
                rule = MailRule.objects.create(store=store, created_by=actor, created_at=now, **wanted)
                kind = "MailRuleCreated"
            else:
                # Switched on again by hand: what the reader of the address stopped is theirs to have again.
                MailRule.objects.filter(pk=rule.pk).update(**wanted, **({"stopped_at": None} if active else {}))
                kind = "MailRuleUpdated"
            event_record(
                row=rule, type=kind, actor=actor, at=now, evidence={"kinds": wanted["kinds"], "active": active}
            )
    except IntegrityError:
        raise Refusal("address-taken", "There is a rule for this address already.", field="address") from None
    rule.refresh_from_db()
    return rule


def mail_rule_delete(*, rule: MailRule, actor: str, now: datetime | None = None) -> None:
    """Take a rule away. What waits for it is not sent; what was sent stays listed."""
    now = now or timezone.now()
    with transaction.atomic():
        event_record(row=rule, type="MailRuleDeleted", actor=actor, at=now)
        rule.delete()


def mail_rule_stop(*, rule: MailRule, now: datetime | None = None) -> None:
    """Whoever reads the address wants no more of it. Nothing happens a second time."""
    now = now or timezone.now()
    with transaction.atomic():
        if MailRule.objects.filter(pk=rule.pk, active=True).update(active=False, stopped_at=now):
            event_record(row=rule, type="MailRuleStopped", actor="reader of the mail", at=now)


def mail_settings_save(
    *,
    store: Store,
    receipts_to_buyers: bool,
    low_balance_cents: int | None,
    actor: str,
    now: datetime | None = None,
) -> None:
    """Whether buyers get their receipt, and below which balance the wallet counts as low. Raises Refusal."""
    now = now or timezone.now()
    if low_balance_cents is not None and low_balance_cents <= 0:
        raise Refusal("invalid-amount", "The amount must be above zero, or empty for never.", field="low_balance")
    before = mail_settings(store)
    changes = {"receipts_to_buyers": receipts_to_buyers, "low_balance_cents": low_balance_cents}
    if all(getattr(before, name) == value for name, value in changes.items()):
        return
    wallet = wallet_active(store)
    held = wallet.balance_cents if wallet else None
    low = low_balance_cents is not None and held is not None and held < low_balance_cents
    with transaction.atomic():
        # Where it is low already the merchant has it on the screen at this moment: said when it falls the next time.
        MailSettings.objects.update_or_create(store=store, defaults=changes | {"balance_is_low": low})
        event_record(row=store, type="MailSettingsChanged", actor=actor, at=now, evidence=changes)


def mail_test(*, store: Store, to: str) -> None:
    """Send a test at once. Raises Refusal where there is nothing to send with, and what the mail server raises."""
    if not mail_is_sent():
        raise Refusal("mail-not-configured", "No mail server is set up (EMAIL_URL), so nothing was sent.")
    message_of(test_letter(store), store=store, to=to).send()


def receipt_ask(*, invoice: Invoice, address: str, language: str = "", now: datetime | None = None) -> Mail:
    """A buyer wants the receipt by mail: once an invoice, to one address. Raises Refusal."""
    now = now or timezone.now()
    settled = invoice.state == InvoiceState.SETTLED and invoice.payments.exists()
    if not settled or not mail_is_sent() or not mail_settings(invoice.store).receipts_to_buyers:
        raise Refusal("no-receipt-mail", _("There is no receipt to be sent for this payment. Nothing was sent."))
    address = address.strip()
    if not address_is_usable(address):
        raise Refusal(
            "invalid-email",
            _("That is not an e-mail address we can write to. Please check it. Nothing was sent."),
            field="address",
        )
    mail = receipt_mail(invoice=invoice, address=address, language=language, now=now)
    try:
        with transaction.atomic():
            mail.save(force_insert=True)
            mail_announce_on_commit()
    except IntegrityError:
        raise Refusal(
            "receipt-sent", _("The receipt of this payment has been sent to an address already. It is sent once.")
        ) from None
    return mail


def mail_failures_seen(*, store: Store) -> int:
    """Somebody has looked at the failures: they wait for nobody any more. Says how many."""
    return Mail.objects.filter(store=store, state=MailState.FAILED, seen=False).update(seen=True)


def mails_forget(*, now: datetime | None = None) -> int:
    """Delete old mails that are at their end, some at a time. Says how many."""
    now = now or timezone.now()
    old = Mail.objects.filter(created_at__lt=now - KEPT_FOR).exclude(state=MailState.WAITING)
    ids = list(old.order_by("pk").values_list("pk", flat=True)[:_DELETE_BATCH])
    Mail.objects.filter(pk__in=ids).delete()
    return len(ids)


def _address(text: str) -> str:
    address = text.strip()
    if not address_is_usable(address):
        raise Refusal("invalid-email", "That is not an e-mail address that mail can be sent to.", field="address")
    # The part before the @ is the receiver's own business; what follows is one name in any case.
    name, _at, domain = address.rpartition("@")
    return f"{name}@{domain.lower()}"


def _kinds(wanted: Iterable[str]) -> list[str]:
    chosen = set(wanted)
    if not chosen <= set(KINDS):
        raise Refusal("unknown-kind", "There is no such occasion for mail.", field="kinds")
    if not chosen:
        raise Refusal("no-kinds", "Choose at least one occasion, or delete the rule.", field="kinds")
    return [str(kind) for kind in KINDS if kind in chosen]
