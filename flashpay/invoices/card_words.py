"""How it stands with a card that was held to an invoice, in the words of the checkout page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from flashpay.invoices.models import (
    CARD_RUNNING,
    CardCollection,
    CardState,
    Invoice,
    LightningInvoiceState,
)
from flashpay.invoices.selectors import code_card_may_pay
from flashpay.languages import amount_in_language
from flashpay.money.amounts import msat_format

Text = str | Promise

# A declined card is old news after this.
_NEWS = timedelta(minutes=2)
# Flash is asked about a code every five seconds and says soon after its end whether it was paid. Where even that takes longer,
# the page offers its own code again: another way to pay must not wait for ever.
_PATIENCE = timedelta(seconds=30)
# Asking takes less than this, and the sweep ends what takes longer; where that stands still too, the page goes on.
_ASKING_LIFE = timedelta(minutes=2)

_NOTHING = _("Nothing was taken.")
_NOTHING_BY_ITS_WORD = _(
    "So nothing should have been taken; if it was all the same, this page turns to paid by itself."
)
_ASKING = _("Asking the card’s service")
_ASKING_HINT = _("One moment, please. The card may be taken away.")
_ACCEPTED = _("Card accepted, waiting for the money")
_ACCEPTED_HINT = _("This page turns to paid by itself. Please do not tap again.")
_UNKNOWN = _("No answer from the card’s service")
_UNKNOWN_HINT = _(
    "If it was taken, this page will turn to paid by itself. Please wait, and do not tap again, here or at another till."
)
_NOT_CERTAIN = _("It is not certain yet whether the card has paid")
_NOT_CERTAIN_HINT = _(
    "If it has, this page turns to paid by itself. Please ask the shop before you pay in another way."
)
_NOT_PAID = _("The card did not pay")
_NOT_PAID_HINT = _(
    "Its service said nothing or yes, and no money came in time. You can try again or pay in another way."
)
_DECLINED = _("The card was declined")
_EARLIER = _("The card before may still pay; if it does, this page turns to paid by itself.")

# By the codes of `lnurl.wire` and of our own refusals. `%(limit)s` is the amount that a refusal speaks of.
_WHY: Final[dict[str, Text]] = {
    "amount_too_small": _("It pays no less than %(limit)s at once."),
    "amount_too_large": _("It pays %(limit)s at most, and that is not enough. Please pay in another way."),
    "pin_needed": _("Above %(limit)s it asks for a PIN, which cannot be entered here. Please pay in another way."),
    "nothing_offered": _("There is nothing on it that could be paid out."),
    "not_a_card": _("This is not a card that pays."),
    "service_refused": _("Its service refused."),
    "own-link": _("It is a voucher of this very shop. Claim it with a wallet, and pay with the wallet."),
    "card-in-doubt": _("It is not certain yet whether the card before has paid. Please wait a moment and try again."),
    "invoice-not-payable": _("This invoice does not take payments any more."),
    "too-late": _("It took too long. Please try again."),
}
_UNREACHED: Final = frozenset({"name_not_found", "no_connection", "connection_lost", "too_slow"})
_WHY_UNREACHED = _("Its service cannot be reached. Please try again or pay in another way.")
_WHY_SHOP = _("The shop’s wallet gives no payment code at the moment. Please try again.")
_SHOP: Final = frozenset(
    {"wallet-unavailable", "must-wait", "wallet-not-connected", "no_fresh_rate", "amount-not-exact"}
)
_WHY_ELSE = _("Its service gave an answer that cannot be used. Please pay in another way.")


@dataclass(frozen=True)
class CardNews:
    """`reason`: the service's own words, to be escaped. `waits`: whether the page should wait for it instead of showing a
    code of its own. `version` changes with everything that is shown."""

    tone: str
    icon: str
    title: Text
    sentences: tuple[Text, ...]
    reason: str = ""
    waits: bool = False
    version: str = ""


def card_news(invoice: Invoice, now: datetime) -> CardNews | None:
    """What there is to say of the last card; None when none was shown, or its code was paid, which the page says itself."""
    last = CardCollection.objects.filter(invoice=invoice).select_related("lightning_invoice").order_by("-id").first()
    if last is None:
        return None
    doubted = code_card_may_pay(invoice)
    waits = doubted is not None and now < doubted.expires_at + _PATIENCE
    version = f"{last.pk}{last.state}{waits}{doubted.state if doubted else ''}"
    if last.state in CARD_RUNNING:
        waits = now < last.created_at + _ASKING_LIFE
        return CardNews("info", "hourglass", _ASKING, (_ASKING_HINT,), waits=waits, version=f"{version}{waits}")
    if last.state == CardState.DECLINED:
        if now > last.created_at + _NEWS:
            return None
        # What had our invoice in hand and said no is believed for now, and watched all the same.
        nothing = _NOTHING_BY_ITS_WORD if last.lightning_invoice and last.problem == "service_refused" else _NOTHING
        sentences = (_why(last), nothing, *([_EARLIER] if doubted else []))
        return CardNews("warn", "ban", _DECLINED, sentences, last.reason, waits, version)
    code = last.lightning_invoice
    if code is None or code.state == LightningInvoiceState.PAID:
        return None
    if code.state == LightningInvoiceState.EXPIRED:
        return CardNews("warn", "alert-triangle", _NOT_PAID, (_NOT_PAID_HINT,), version=version)
    if not waits:
        return CardNews("warn", "help-circle", _NOT_CERTAIN, (_NOT_CERTAIN_HINT,), version=version)
    if last.state == CardState.ACCEPTED:
        return CardNews("info", "hourglass", _ACCEPTED, (_ACCEPTED_HINT,), waits=True, version=version)
    return CardNews("warn", "help-circle", _UNKNOWN, (_UNKNOWN_HINT,), waits=True, version=version)


def _why(row: CardCollection) -> Text:
    if row.problem in _UNREACHED:
        return _WHY_UNREACHED
    if row.problem in _SHOP:
        return _WHY_SHOP
    why = _WHY.get(row.problem, _WHY_ELSE)
    return str(why) % {"limit": amount_in_language(msat_format(row.limit_msat))} if row.limit_msat is not None else why
