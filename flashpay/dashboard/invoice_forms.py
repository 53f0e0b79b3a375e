"""What a merchant types to make an invoice. Whether it may be made is for the services to say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from flashpay.dashboard.forms import (
    MINUTE_S,
    AmountForm,
    amount_field,
    basis_points,
    minutes_field,
    percent_field,
    percent_text,
)
from flashpay.invoices.services.invoices import EXPIRATION_S, redirect_check
from flashpay.money.currencies import currency_get
from flashpay.refusals import Refusal
from flashpay.stores.models import Store

_LONGEST_MINUTES = (EXPIRATION_S.stop - 1) // MINUTE_S
_EXAMPLE = '{"table": 7}'


class MetadataField(forms.CharField):
    """A JSON object as programs write it; nothing typed is an empty one."""

    widget = forms.Textarea

    def __init__(self, **wanted: Any) -> None:
        super().__init__(required=False, **wanted)
        self.widget.attrs |= {"rows": 3, "spellcheck": "false", "autocomplete": "off", "placeholder": _EXAMPLE}

    def clean(self, value: Any) -> dict[str, Any]:
        text = super().clean(value)
        return _json_object(text) if text else {}


class InvoiceForm(AmountForm):
    """A new invoice. What few people need is in `more`, folded away on the page."""

    MORE = ("buyer_email", "redirect_url", "expiration_minutes", "monitoring_minutes", "tolerance", "metadata")
    REFUSED = {
        "redirectURL": "redirect_url",
        "expirationMinutes": "expiration_minutes",
        "monitoringMinutes": "monitoring_minutes",
        "paymentTolerance": "tolerance",
    }

    amount = amount_field(help_text="Leave it empty and the payer chooses.")
    description = forms.CharField(max_length=500, required=False)
    order_id = forms.CharField(label="Order number", max_length=200, required=False)
    buyer_email = forms.EmailField(
        label="The buyer's e-mail address",
        max_length=254,
        required=False,
        help_text="The link of the receipt is sent there once it is paid.",
    )
    redirect_url = forms.CharField(
        label="Where the buyer goes afterwards",
        max_length=2000,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "url", "placeholder": "https://…"}),
        help_text="A button leads there. {InvoiceId} and {OrderId} in it are filled in.",
    )
    expiration_minutes = minutes_field("Minutes to pay", least=1, most=_LONGEST_MINUTES)
    monitoring_minutes = minutes_field("Minutes watched afterwards", least=0, most=_LONGEST_MINUTES)
    tolerance = percent_field("Percent that may be missing")
    metadata = MetadataField(label="Your own data", help_text="JSON, for your programs. The buyer does not see it.")

    def __init__(self, data: Any = None, *, store: Store) -> None:
        super().__init__(data, initial={"currency": store.default_currency})
        of_the_store = {
            "expiration_minutes": f"{store.invoice_expiration_s // MINUTE_S:,}",
            "monitoring_minutes": f"{store.monitoring_expiration_s // MINUTE_S:,}",
            "tolerance": percent_text(store.payment_tolerance_bp),
        }
        for name, value in of_the_store.items():
            self.fields[name].help_text = f"Left empty, it is {value}, as in the settings."
        self.fields["monitoring_minutes"].help_text += " For payments that come late."

    def clean_redirect_url(self) -> str:
        url: str = self.cleaned_data["redirect_url"]
        try:
            redirect_check(url)
        except Refusal as refusal:
            raise forms.ValidationError(refusal.sentence) from refusal
        return url

    def terms(self) -> dict[str, Any]:
        """The arguments of `invoice_create`; only of a valid form."""
        typed = self.cleaned_data
        metadata = typed["metadata"] | ({"buyerEmail": typed["buyer_email"]} if typed["buyer_email"] else {})
        return {
            "amount": typed["minor"],
            "currency": currency_get(typed["currency"]),
            # Programs write these two into the data.
            "description": typed["description"] or _text(metadata, "itemDesc"),
            "order_id": typed["order_id"] or _text(metadata, "orderId"),
            "metadata": metadata,
            "redirect_url": typed["redirect_url"],
            "expiration_s": _seconds(typed["expiration_minutes"]),
            "monitoring_s": _seconds(typed["monitoring_minutes"]),
            "tolerance_bp": basis_points(typed["tolerance"]),
        }


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise forms.ValidationError(f"This is not JSON. Write it like {_EXAMPLE}.") from error
    if not isinstance(found, dict):
        raise forms.ValidationError(f"Write names and values in braces, like {_EXAMPLE}.")
    return found


def _text(metadata: Mapping[str, Any], name: str) -> str:
    value = metadata.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _seconds(minutes: int | None) -> int | None:
    return None if minutes is None else minutes * MINUTE_S
