"""What a merchant types for addresses, pay links and bills. Whether it may be done is for the services to say."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from flashpay.dashboard.forms import CURRENCY_CHOICES, AmountForm, RefusingForm, amount_field, time_field
from flashpay.dashboard.invoice_forms import MetadataField
from flashpay.invoices.models import LightningAddress
from flashpay.invoices.offers import COMMENT_LENGTH, LARGEST_SAT, SMALLEST_SAT
from lnurl.wire.messages import MAX_COMMENT

_OWN_CURRENCY = [("", "The store's own")]


def _sats_field(label: str, initial: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=SMALLEST_SAT,
        initial=initial,
        error_messages={
            "min_value": f"It is {SMALLEST_SAT} sat at least.",
            "invalid": "Write whole sats, such as 1000.",
        },
    )


class AddressForm(RefusingForm):
    REFUSED = {"commentLength": "comment_length", "invoiceMetadata": "metadata"}

    username = forms.CharField(
        label="Name", max_length=64, help_text="Small letters, digits, - _ and dots: what stands before the @."
    )
    description = forms.CharField(max_length=200, required=False, help_text="What the payer's wallet shows.")
    min = _sats_field("Smallest payment in sats", SMALLEST_SAT)
    max = _sats_field("Largest payment in sats", LARGEST_SAT)
    currency = forms.ChoiceField(
        choices=[*_OWN_CURRENCY, *CURRENCY_CHOICES],
        required=False,
        help_text="What its invoices are counted in.",
    )
    comment_length = forms.IntegerField(
        label="Longest comment",
        min_value=0,
        max_value=MAX_COMMENT,
        initial=COMMENT_LENGTH,
        help_text="Characters; 0 for none.",
        error_messages=dict.fromkeys(("min_value", "max_value", "invalid"), f"Choose 0 to {MAX_COMMENT} characters."),
    )
    metadata = MetadataField(label="Your own data", help_text="JSON, for your programs: it goes into every invoice.")


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
            "metadata": json.dumps(address.invoice_metadata, ensure_ascii=False) if address.invoice_metadata else "",
            "archived": address.archived,
        }


class PayLinkForm(AmountForm):
    field_order = ["title", "description", "amount", "currency"]

    title = forms.CharField(max_length=100)
    description = forms.CharField(max_length=500, required=False)
    amount = amount_field("Price", "Leave it empty and the payer chooses.")


class PaymentRequestForm(AmountForm):
    field_order = ["title", "amount", "currency", "description"]
    NAMES = ("title", "description", "reference_id", "email", "allow_parts", "expires_at")
    REFUSED = {"expiryDate": "expires_at"}

    title = forms.CharField(max_length=200)
    description = forms.CharField(max_length=5000, required=False, widget=forms.Textarea(attrs={"rows": 3}))
    reference_id = forms.CharField(label="Your own number for it", max_length=200, required=False)
    email = forms.EmailField(
        label="The payer's e-mail address",
        required=False,
        help_text="The link of the receipt is sent there once it is paid. The request itself you hand out.",
    )
    allow_parts = forms.BooleanField(label="It may be paid in parts", required=False)
    expires_at = time_field("Due", "In the store's time zone. Leave empty for one without a date.")

    def lock_amount(self) -> None:
        """Something was paid: the amount stays as it is, whatever is sent."""
        for name in ("amount", "currency"):
            self.fields[name].disabled = True
        self.fields["amount"].help_text = "Something was paid already, so the amount stays."

    def service_fields(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.NAMES}
