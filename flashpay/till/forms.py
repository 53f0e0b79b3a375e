"""What a merchant types about a till. Whether it may be is for the services to say."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from flashpay.dashboard.forms import RefusingForm
from flashpay.invoices.keypad import KEYPAD_CURRENCIES, MOST_CURRENCIES, MOST_TIPS
from flashpay.money.currencies import currency_get
from flashpay.till.models import Till
from flashpay.till.services import NAME_LENGTH

_CURRENCIES = [(currency.code, f"{currency.code} · {currency.name}") for currency in KEYPAD_CURRENCIES]


class TillForm(RefusingForm):
    REFUSED = {"tip_percents": "tips"}

    name = forms.CharField(max_length=NAME_LENGTH, help_text="For you and your people, such as “Counter”.")
    title = forms.CharField(
        max_length=100, required=False, help_text="What customers see. Leave it empty for the store's name."
    )
    currency = forms.ChoiceField(choices=_CURRENCIES)
    more_currencies = forms.MultipleChoiceField(
        label="Further currencies",
        choices=_CURRENCIES,
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        help_text=f"Up to {MOST_CURRENCIES - 1}: each is a key beside the amount.",
    )
    tips = forms.CharField(
        label="Tips in percent",
        max_length=40,
        required=False,
        help_text=f"Up to {MOST_TIPS}, such as “10 15 20”. Leave it empty for none.",
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    custom_tip = forms.BooleanField(label="The customer may choose a tip of their own", required=False)

    def clean_tips(self) -> list[int]:
        words = re.split(r"[\s,;%]+", self.cleaned_data["tips"].strip(" ,;%"))
        if not all(word.isascii() and word.isdigit() for word in words if word):
            raise forms.ValidationError("Write whole numbers, such as “10 15 20”.")
        return [int(word) for word in words if word]

    def terms(self) -> dict[str, Any]:
        """The arguments of `till_save`."""
        typed = self.cleaned_data
        return {
            "name": typed["name"],
            "title": typed["title"],
            "currency": currency_get(typed["currency"]),
            "more_currencies": typed["more_currencies"],
            "tip_percents": typed["tips"],
            "custom_tip": typed["custom_tip"],
        }


def typed_before(till: Till) -> dict[str, Any]:
    """What the form shows of a till that exists."""
    link = till.link
    return {
        "name": till.name,
        "title": link.title,
        "currency": link.currency,
        "more_currencies": link.more_currencies,
        "tips": " ".join(map(str, link.tip_percents)),
        "custom_tip": link.custom_tip,
    }
