"""What a merchant types. Forms read and shape; whether it may be done is for the services to say."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms

from flashpay.money.amounts import amount_parse
from flashpay.money.currencies import CURRENCIES, currency_get
from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal

CURRENCY_CHOICES = [(code, f"{code} · {currency.name}") for code, currency in CURRENCIES.items()]


class AmountForm(forms.Form):
    """A form with an amount as people type it and a currency; `cleaned_data["minor"]` is the amount in minor units."""

    amount = forms.CharField(
        max_length=48, widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    )
    currency = forms.ChoiceField(choices=CURRENCY_CHOICES)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.fields["amount"].required and not cleaned.get("amount"):
            cleaned["minor"] = None
        elif "amount" in cleaned and "currency" in cleaned:
            try:
                cleaned["minor"] = amount_parse(cleaned["amount"], currency_get(cleaned["currency"]))
            except MoneyError as error:
                self.add_error("amount", str(error))
        return cleaned

    def refuse(self, error: Refusal | MoneyError, fields: dict[str, str] | None = None) -> None:
        """Show why the service said no, at the field it is about."""
        named = getattr(error, "field", "")
        field = (fields or {}).get(named, named)
        self.add_error(field if field in self.fields else None, str(error))


class StoreForm(forms.Form):
    name = forms.CharField(max_length=50, widget=forms.TextInput(attrs={"autofocus": True}))
    default_currency = forms.ChoiceField(choices=CURRENCY_CHOICES, initial="USD")


class StoreSettingsForm(StoreForm):
    website = forms.URLField(required=False, assume_scheme="https")
    time_zone = forms.ChoiceField(choices=[(zone, zone) for zone in sorted(available_timezones())], initial="UTC")


class WalletForm(forms.Form):
    connection_string = forms.CharField(
        label="API key, session token, username or connection string",
        max_length=5000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )


class InvoiceForm(AmountForm):
    amount = forms.CharField(
        max_length=48,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="Leave it empty and the payer chooses.",
    )
    description = forms.CharField(max_length=500, required=False)
    order_id = forms.CharField(label="Order number", max_length=200, required=False)
