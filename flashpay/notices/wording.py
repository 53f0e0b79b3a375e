"""The words of each kind of mail, from the records as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from flashpay.invoices.models import Invoice
from flashpay.invoices.selectors import checkout_link, invoice_due_msat, received_minor
from flashpay.languages import amount_in_language
from flashpay.money.amounts import amount_format, msat_format
from flashpay.money.currencies import USD, currency_get
from flashpay.notices.kinds import KINDS
from flashpay.notices.models import Kind, Mail
from flashpay.stores.models import Store, WalletConnection
from payouts.models import Payout

_LINES_OF_A_DAY = 50


@dataclass(frozen=True)
class Words:
    subject: str
    heading: str
    sentences: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    button: str = ""
    link: str = ""


def about(mail: Mail) -> Words:
    """What is written about one event."""
    if mail.kind in (Kind.PAYOUT_APPROVAL, Kind.PAYOUT_FAILED, Kind.PAYOUT_REVIEW):
        return _payout(mail, Payout.objects.get(pk=mail.entity_id))
    if mail.kind in (Kind.LOW_BALANCE, Kind.WALLET_BROKEN):
        return _wallet(mail)
    return _invoice(mail, Invoice.objects.get(pk=mail.entity_id))


def gathered(mails: Sequence[Mail]) -> Words:
    """A day's mails in one: how many of what, and a line for each."""
    store = mails[0].store
    counted = Counter(mail.kind for mail in mails)
    sentences = tuple(f"{KINDS[kind].label}: {number}" for kind, number in counted.items())
    facts: list[tuple[str, str]] = []
    for mail in mails[:_LINES_OF_A_DAY]:
        words = about(mail)
        facts.append((moment(mail.created_at, store), f"{words.heading}: {_headline(words)}"))
    if len(mails) > _LINES_OF_A_DAY:
        facts.append(("…", f"and {len(mails) - _LINES_OF_A_DAY} more"))
    return Words(
        subject=f"{len(mails)} things since yesterday",
        heading="Since yesterday",
        sentences=sentences,
        facts=tuple(facts),
        button="Open the store",
        link=_dashboard("store", store.pk),
    )


def receipt(mail: Mail) -> Words:
    """To the buyer, in the buyer's language."""
    invoice = Invoice.objects.get(pk=mail.entity_id)
    store = mail.store
    facts = [(_("Paid"), _paid(invoice)), (_("Paid to"), store.name)]
    if store.website:
        facts.append((_("Website"), store.website))
    if invoice.description:
        facts.append((_("For"), invoice.description))
    if invoice.order_id:
        facts.append((_("Order"), invoice.order_id))
    if invoice.settled_at:
        facts.append((_("Time"), moment(invoice.settled_at, store)))
    return Words(
        subject=_("Your receipt from %(store)s") % {"store": store.name},
        heading=_("Thank you for your payment"),
        sentences=(_("Your receipt is kept at the address below, as long as the shop keeps it."),),
        facts=tuple(facts),
        button=_("Open the receipt"),
        link=f"{checkout_link(invoice)}/receipt",
    )


def moment(at: datetime, store: Store) -> str:
    """A time as the store's clock shows it."""
    local = at.astimezone(ZoneInfo(store.time_zone))
    return f"{date_format(local, 'j M Y, H:i')} {local.tzname()}"


def _invoice(mail: Mail, invoice: Invoice) -> Words:
    headings = {
        Kind.PAID: ("Paid", "An invoice is paid."),
        Kind.PAID_LATE: (
            "Paid late",
            "The money came after the invoice had come to its end. It is in your wallet; decide whether you still deliver.",
        ),
        Kind.PAID_OVER: (
            "Paid too much",
            "More arrived than was asked for. It is in your wallet; the difference can be refunded from the invoice.",
        ),
        Kind.PAID_PARTLY: (
            "Paid in part",
            "Its time is over and a part is missing. What arrived is in your wallet; refund it, or mark the invoice as settled.",
        ),
    }
    heading, sentence = headings[Kind(mail.kind)]
    facts = [("Received", _paid(invoice))]
    if invoice.amount:
        facts.append(("Invoiced", _both(invoice.amount, invoice.currency, invoice.amount_msat)))
    if mail.kind == Kind.PAID_PARTLY:
        facts.append(("Still open", amount_in_language(msat_format(invoice_due_msat(invoice)))))
    facts += [
        (label, value)
        for label, value in (
            ("For", invoice.description),
            ("Order", invoice.order_id),
            ("Time", moment(mail.created_at, mail.store)),
            ("Invoice", invoice.pk),
        )
        if value
    ]
    return Words(
        subject=f"{heading}: {_paid(invoice)}",
        heading=heading,
        sentences=(sentence,),
        facts=tuple(facts),
        button="Open the invoice",
        link=_dashboard("invoice", mail.store_id, invoice.pk),
    )


def _payout(mail: Mail, payout: Payout) -> Words:
    amount = _both(payout.amount, payout.currency, payout.amount_msat)
    heading = KINDS[mail.kind].label
    sentences = {
        Kind.PAYOUT_APPROVAL: KINDS[Kind.PAYOUT_APPROVAL].sentence,
        Kind.PAYOUT_FAILED: "No money has left the wallet for it."
        + ("" if payout.state == "Cancelled" else " It is tried again by itself; you may also cancel it."),
        Kind.PAYOUT_REVIEW: "The wallet has not said whether it was paid. Its amount stays reserved, and it is not sent a "
        "second time. Please look at what was found out.",
    }
    facts = [("Amount", amount), ("Claimed", moment(payout.created_at, mail.store)), ("Payout", payout.pk)]
    if payout.reason:
        facts.insert(1, ("Reason", payout.reason))
    return Words(
        subject=f"{heading}: {amount}",
        heading=heading,
        sentences=(sentences[Kind(mail.kind)],),
        facts=tuple(facts),
        button="Open the payout",
        link=_dashboard("payout", mail.store_id, payout.pk),
    )


def _wallet(mail: Mail) -> Words:
    connection = WalletConnection.objects.defer("secret").get(pk=mail.entity_id)
    balance = (
        ""
        if connection.balance_cents is None
        else amount_in_language(amount_format(int(connection.balance_cents), USD))
    )
    facts = [("Wallet", str(connection)), ("Time", moment(mail.created_at, mail.store))]
    heading = KINDS[mail.kind].label
    sentences: tuple[str, ...]
    if mail.kind == Kind.LOW_BALANCE:
        facts.insert(0, ("Balance", balance))
        sentences = ("It holds less than the amount you set. Payouts that it does not cover wait until there is more.",)
        subject = f"{heading}: {balance}"
    else:
        subject = heading
        sentences = (connection.last_error, "Until it works again, payments may not be noticed and payouts wait.")
    return Words(
        subject=subject,
        heading=heading,
        sentences=tuple(filter(None, sentences)),
        facts=tuple(facts),
        button="Look at the wallet",
        link=_dashboard("wallet", mail.store_id),
    )


def _paid(invoice: Invoice) -> str:
    """What arrived, in the invoice's own currency (at its recorded rate, where it is not its amount) and in sats."""
    if invoice.amount and invoice.credited_msat == (invoice.amount_msat or 0):
        return _both(invoice.amount, invoice.currency, invoice.received_msat)
    worth = received_minor(invoice)
    if worth is None:
        return amount_in_language(msat_format(invoice.received_msat))
    return _both(worth, invoice.currency, invoice.received_msat)


def _both(minor: int, currency: str, msat: int | None) -> str:
    main = amount_format(minor, currency_get(currency))
    sats = "" if msat is None else msat_format(msat)
    return amount_in_language(main if not sats or sats == main else f"{main} ({sats})")


def _headline(words: Words) -> str:
    return words.facts[0][1] if words.facts else words.subject


def _dashboard(name: str, *args: str) -> str:
    return settings.PUBLIC_URL + reverse(f"dashboard:{name}", args=args)
