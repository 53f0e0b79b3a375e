"""What a recipient types on the claim page."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from flashpay.languages import translated
from flashpay.lightning import MAX_LENGTH
from flashpay.money.amounts import amount_parse
from flashpay.money.currencies import Currency
from flashpay.money.errors import BadAmount


class ClaimForm(forms.Form):
    """Where to be paid, and an amount where that names none; `minor` is the amount read, in minor units, or None."""

    destination = forms.CharField(
        label=_("Lightning invoice or address"),
        # Room for `lightning:` and stray spaces; what is too long to be an invoice gets a sentence from its reader.
        max_length=2 * MAX_LENGTH,
        widget=forms.Textarea(
            attrs={
                "rows": 3,
                "autocomplete": "off",
                "autocapitalize": "none",
                "autocorrect": "off",
                "spellcheck": "false",
                "placeholder": "lnbc… · name@wallet.com",
            }
        ),
        error_messages={"required": _("Please paste an invoice or an address of your wallet.")},
    )
    amount = forms.CharField(
        label=_("Amount"),
        required=False,
        max_length=48,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text=_(
            "For an address, or an invoice without an amount. Leave it empty to claim everything that is left."
        ),
    )

    claim_code = forms.CharField(
        label=_("Code"),
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        help_text=_("The code that came with the link."),
    )
    # The rate this page showed, and a name for this one request, so that sending the form twice claims once.
    quote = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)
    request_key = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

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
                raise forms.ValidationError(translated(error.sentence), error.code) from error
        return text

    def refuse(self, code: str, sentence: str, field: str = "") -> None:
        """Show a refusal at the field it is about, or above the form."""
        self.add_error(field if field in self.fields else None, forms.ValidationError(translated(sentence), code))
