"""Forms of the mail pages: whom a store writes to, and about what."""

from __future__ import annotations

from typing import Any

from django import forms

from flashpay.dashboard.forms import AmountForm, RefusingForm, amount_field
from flashpay.money.amounts import amount_parse, amount_plain
from flashpay.money.currencies import USD, currency_get
from flashpay.money.errors import MoneyError
from flashpay.notices.kinds import KINDS, SERIOUS
from flashpay.notices.models import MailRule, MailSettings
from flashpay.stores.models import Store


class MailRuleForm(AmountForm):
    REFUSED = {"minimum": "amount"}

    address = forms.CharField(
        label="E-mail address", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    kinds = forms.MultipleChoiceField(
        label="When to write",
        choices=[(kind, words.label) for kind, words in KINDS.items()],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    amount = amount_field("Paid invoices only from", "Empty: every one. It holds for “An invoice is paid” alone.")
    daily = forms.ChoiceField(
        label="How often",
        choices=[("", "At once, one mail for each"), ("daily", "Once a day at 8 in the morning, in one mail")],
        required=False,
        help_text="Troubles are said at once in any case.",
    )
    active = forms.BooleanField(label="Switched on", required=False, initial=True)

    field_order = ["address", "kinds", "amount", "currency", "daily", "active"]

    @staticmethod
    def shown(store: Store, rule: MailRule | None, own_address: str) -> dict[str, Any]:
        """What the form begins with: the rule, or for a new one what should not be missed."""
        if rule is None:
            return {
                "address": own_address,
                "kinds": list(SERIOUS),
                "currency": store.default_currency,
                "daily": "",
                "active": True,
            }
        currency = rule.minimum_currency or store.default_currency
        return {
            "address": rule.address,
            "kinds": rule.kinds,
            "amount": "" if rule.minimum is None else amount_plain(rule.minimum, currency_get(currency)),
            "currency": currency,
            "daily": "daily" if rule.daily else "",
            "active": rule.active,
        }

    def values(self) -> dict[str, Any]:
        """What `mail_rule_save` takes."""
        cleaned = self.cleaned_data
        return {
            "address": cleaned["address"],
            "kinds": cleaned["kinds"],
            "minimum": cleaned["minor"],
            "minimum_currency": currency_get(cleaned["currency"]),
            "daily": bool(cleaned["daily"]),
            "active": cleaned["active"],
        }


class MailSettingsForm(RefusingForm):
    receipts_to_buyers = forms.BooleanField(
        label="Send buyers the link of their receipt",
        required=False,
        help_text="Once an invoice, where an address is known (<code>buyerEmail</code> of the invoice) or the buyer asks for it.",
    )
    low_balance = forms.CharField(
        label="The wallet counts as low below",
        required=False,
        max_length=24,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="Empty: never.",
    )

    @staticmethod
    def shown(settings: MailSettings) -> dict[str, Any]:
        cents = settings.low_balance_cents
        return {
            "receipts_to_buyers": settings.receipts_to_buyers,
            "low_balance": "" if cents is None else amount_plain(cents, USD),
        }

    def clean_low_balance(self) -> int | None:
        text: str = self.cleaned_data["low_balance"]
        try:
            return amount_parse(text, USD) if text else None
        except MoneyError as error:
            raise forms.ValidationError(error.sentence) from error
