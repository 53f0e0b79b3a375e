"""What people key in at a till and on an open pay link: an amount, the currency it is meant in, and a tip on top.

The pay link says what is offered: its currencies, its percentages, whether a tip of the payer's own is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from flashpay.invoices.models import Invoice, PayLink
from flashpay.money.amounts import amount_format, amount_from_decimal, amount_parse, amount_plain
from flashpay.money.currencies import CURRENCIES, SAT, USD, Currency, currency_get
from flashpay.money.errors import BadAmount, MoneyError
from flashpay.refusals import Refusal

# Sats are keyed in as sats: eight decimals of a bitcoin are nothing for a counter.
KEYPAD_CURRENCIES = tuple(currency for currency in CURRENCIES.values() if currency.code != "BTC")
MOST_TIPS = 3
TIP_PERCENT = range(1, 101)
MOST_CURRENCIES = 4
# In the form: no tip, one of the percentages, or an amount in the field beside it.
NO_TIP, OWN_TIP = "", "own"


@dataclass(frozen=True)
class Keyed:
    """`amount` and `tip` in minor units of `currency`; `percent` is the tip's, where it was chosen so."""

    amount: int
    currency: Currency
    tip: int = 0
    percent: int | None = None

    @property
    def total(self) -> int:
        return self.amount + self.tip

    def pos_data(self) -> dict[str, Any]:
        """For the invoice's metadata, in BTCPay Server's names; amounts as decimal strings."""
        shown = {"subTotal": self.amount, "tip": self.tip, "total": self.total}
        data: dict[str, Any] = {name: amount_plain(minor, self.currency) for name, minor in shown.items()}
        return data | {"currency": self.currency.code, "tipPercentage": self.percent}


def keyed_read(typed: Mapping[str, str], link: PayLink) -> Keyed:
    """Read a keypad's form: `amount`, `currency` (left out: the link's own), `tip` (a percentage or `own`) and `tip_amount`.

    Raises BadAmount, UnknownCurrency or Refusal, with a sentence for the person who typed.
    """
    currency = currency_get(typed.get("currency", "").strip() or link.currency)
    if currency.code not in currencies_of(link):
        raise Refusal("invalid-currency", _("Amounts in %(code)s are not taken here.") % {"code": currency.code})
    amount = amount_parse(typed.get("amount", "").strip(), currency)
    tip, percent = _tip(typed, amount, currency, link)
    keyed = Keyed(amount, currency, tip, percent)
    if keyed.total >= currency.limit_minor:
        limit = amount_format(currency.limit_minor, currency)
        raise BadAmount(_("The amount must be less than %(limit)s.") % {"limit": limit}, "too_large")
    return keyed


def tip_of(amount: int, percent: int) -> int:
    """So many percent of an amount, in its minor units, half a unit rounded up."""
    return (amount * percent + 50) // 100


def currencies_of(link: PayLink) -> list[str]:
    """The codes that an amount may be keyed in with, the link's own first."""
    return [link.currency, *(code for code in link.more_currencies if code != link.currency)]


def keypad_page(
    *, link: PayLink, typed: Mapping[str, str] | None = None, problem: str = "", field: str = ""
) -> dict[str, Any]:
    """What `components/keypad.html` is rendered from; `typed` comes back as it was, with what was wrong with it."""
    typed = typed or {}
    chosen = typed.get("currency", "").strip().upper()
    codes = currencies_of(link)
    return {
        "currencies": [currency_get(code) for code in codes],
        "currency": chosen if chosen in codes else codes[0],
        "other": _shown_beside(codes),
        "tips": link.tip_percents,
        "own_tip": link.custom_tip,
        "amount": typed.get("amount", "").strip()[:48],
        "tip": typed.get("tip", NO_TIP),
        "tip_amount": typed.get("tip_amount", "").strip()[:48],
        "note": typed.get("note", "").strip()[:200],
        "problem": problem,
        "field": field or ("amount" if problem else ""),
    }


def tip_shown(invoice: Invoice) -> int:
    """The tip in an invoice's amount, in minor units; 0 where there is none. Metadata may be written by anybody's program."""
    data = invoice.metadata.get("posData") if isinstance(invoice.metadata, dict) else None
    if not isinstance(data, dict) or data.get("currency") != invoice.currency or invoice.amount is None:
        return 0
    try:
        tip = amount_from_decimal(str(data.get("tip", "0")), currency_get(invoice.currency), allow_zero=True)
    except MoneyError:
        return 0
    return min(tip, invoice.amount)


def terms_check(
    *, currency: Currency, more_currencies: Iterable[str], tip_percents: Iterable[int], custom_tip: bool
) -> dict[str, Any]:
    """The columns of a pay link for what its keypad offers. Raises UnknownCurrency or Refusal."""
    more = [currency_get(code) for code in more_currencies]
    others = list(dict.fromkeys(one.code for one in more if one != currency))
    percents = sorted(set(tip_percents))
    if len(others) >= MOST_CURRENCIES:
        raise Refusal(
            "too-many-currencies",
            f"Choose up to {MOST_CURRENCIES - 1} further currencies: each is a key on the screen.",
            field="more_currencies",
        )
    if len(percents) > MOST_TIPS or any(percent not in TIP_PERCENT for percent in percents):
        raise Refusal(
            "invalid-tips",
            f"Offer up to {MOST_TIPS} different tips, each a whole number from 1 to 100 percent.",
            field="tip_percents",
        )
    return {"more_currencies": others, "tip_percents": percents, "custom_tip": custom_tip}


def _tip(typed: Mapping[str, str], amount: int, currency: Currency, link: PayLink) -> tuple[int, int | None]:
    wanted = typed.get("tip", NO_TIP).strip()
    if wanted in (NO_TIP, "0"):
        return 0, None
    if wanted == OWN_TIP and link.custom_tip:
        text = typed.get("tip_amount", "").strip()
        try:
            return (amount_parse(text, currency, allow_zero=True) if text else 0), None
        except BadAmount as error:
            raise Refusal("invalid-tip", error.sentence, field="tip") from error
    if wanted.isascii() and wanted.isdigit() and int(wanted[:4]) in link.tip_percents:
        percent = int(wanted[:4])
        return tip_of(amount, percent), percent
    raise Refusal("invalid-tip", _("That tip is not offered here. Please choose one of those shown."), field="tip")


def _shown_beside(codes: list[str]) -> str:
    """What an amount in sats is shown in besides; amounts in anything else have their sats beside them."""
    return next((code for code in codes if code != SAT.code), USD.code)
