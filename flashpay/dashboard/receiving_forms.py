"""What a merchant types for addresses, pay links and bills. Whether it may be done is for the services to say."""

from __future__ import annotations

from typing import Any

from django import forms

from flashpay.dashboard.forms import AmountForm
from flashpay.invoices.models import LightningAddress
from flashpay.invoices.offers import LARGEST_SAT, SMALLEST_SAT
from flashpay.money.currencies import CURRENCIES
from flashpay.refusals import Refusal

_OWN_CURRENCY = [("", "The store's own")]
_CURRENCIES = [(code, f"{code} · {one.name}") for code, one in CURRENCIES.items()]


class AddressForm(forms.Form):
    username = forms.CharField(
        label="Name", max_length=64, help_text="Small letters, digits, - _ and dots: what stands before the @."
    )
    description = forms.CharField(max_length=200, required=False, help_text="What the payer's wallet shows.")
    min = forms.IntegerField(label="Smallest payment in sats", min_value=SMALLEST_SAT, initial=SMALLEST_SAT)
    max = forms.IntegerField(label="Largest payment in sats", min_value=SMALLEST_SAT, initial=LARGEST_SAT)
    currency = forms.ChoiceField(
        choices=[*_OWN_CURRENCY, *_CURRENCIES],
        required=False,
        help_text="What its invoices are counted in.",
    )
    comment_length = forms.IntegerField(
        label="Longest comment", min_value=0, max_value=500, initial=140, help_text="Characters; 0 for none."
    )

    def refuse(self, refusal: Refusal) -> None:
        names = {"commentLength": "comment_length"}
        name = names.get(refusal.field, refusal.field)
        self.add_error(name if name in self.fields else None, refusal.sentence)


class AddressEditForm(AddressForm):
    """Without the name, which stays."""

    username = None  # type: ignore[assignment]  # how Django takes an inherited field out of a form
    archived = forms.BooleanField(
        label="Closed",
        required=False,
        help_text="It takes no payments and keeps its name, so that nobody else gets it.",
    )

    @staticmethod
    def shown(address: LightningAddress) -> dict[str, Any]:
        return {
            "description": address.description,
            "min": address.minimum_sat,
            "max": address.maximum_sat,
            "currency": address.currency,
            "comment_length": address.comment_length,
            "archived": address.archived,
        }


class PayLinkForm(AmountForm):
    title = forms.CharField(max_length=100)
    description = forms.CharField(max_length=500, required=False)
    amount = forms.CharField(
        label="Price",
        max_length=48,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="Leave it empty and the payer chooses.",
    )


class PaymentRequestForm(AmountForm):
    NAMES = ("title", "description", "reference_id", "email", "allow_parts", "expires_at")
    REFUSED = {"expiryDate": "expires_at"}

    title = forms.CharField(max_length=200)
    description = forms.CharField(max_length=5000, required=False, widget=forms.Textarea(attrs={"rows": 3}))
    reference_id = forms.CharField(label="Your own number for it", max_length=200, required=False)
    email = forms.EmailField(label="The payer's e-mail address", required=False)
    allow_parts = forms.BooleanField(label="It may be paid in parts", required=False)
    expires_at = forms.DateTimeField(
        label="Due",
        required=False,
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
        help_text="In the store's time zone. Leave empty for one without a date.",
    )

    def lock_amount(self) -> None:
        """Something was paid: the amount stays as it is, whatever is sent."""
        for name in ("amount", "currency"):
            self.fields[name].disabled = True
        self.fields["amount"].help_text = "Something was paid already, so the amount stays."

    def service_fields(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.NAMES}
