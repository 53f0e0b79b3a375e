"""What a recipient types on the claim page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from flashpay.lightning import MAX_LENGTH
from flashpay.money.amounts import amount_parse
from flashpay.money.currencies import Currency
from flashpay.money.errors import BadAmount


class ClaimForm(forms.Form):
    """An invoice, and an amount for one that names none; `minor` is the amount read, in minor units, or None."""

    destination = forms.CharField(
        label=_("Lightning invoice"),
        # Room for `lightning:` and stray spaces; what is too long to be an invoice gets a sentence from its reader.
        max_length=2 * MAX_LENGTH,
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "autocomplete": "off",
                "autocapitalize": "none",
                "autocorrect": "off",
                "spellcheck": "false",
                "placeholder": "lnbc…",
            }
        ),
        error_messages={"required": _("Please paste an invoice from your wallet.")},
    )
    amount = forms.CharField(
        label=_("Amount"),
        required=False,
        max_length=48,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text=_("Only for an invoice without an amount. Leave it empty to claim everything that is left."),
    )

    def __init__(self, currency: Currency, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        self.minor: int | None = None

    def clean_amount(self) -> str:
        text: str = self.cleaned_data["amount"]
        if text:
            try:
                self.minor = amount_parse(text, self.currency)
            except BadAmount as error:
                raise forms.ValidationError(error.sentence, error.code) from error
        return text

    def refuse(self, code: str, sentence: str, field: str = "") -> None:
        """Show a refusal at the field it is about, or above the form."""
        self.add_error(field if field in self.fields else None, forms.ValidationError(sentence, code))
