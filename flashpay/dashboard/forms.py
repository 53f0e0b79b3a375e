"""What a merchant types. Forms read and shape; whether it may be done is for the services to say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms

from flashpay.money.amounts import amount_parse
from flashpay.money.currencies import CURRENCIES, currency_get
from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal
from flashpay.stores.models import Store
from flashpay.stores.services import INVOICE_EXPIRATION_S, MONITORING_EXPIRATION_S

MINUTE_S = 60
BP_PER_PERCENT = 100
CURRENCY_CHOICES = [(code, f"{code} · {currency.name}") for code, currency in CURRENCIES.items()]


def amount_field(label: str | None = None, help_text: str = "", *, required: bool = False) -> forms.CharField:
    """An amount as people type it; `amount_parse` reads it in its currency."""
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.CharField(label=label, max_length=48, required=required, widget=widget, help_text=help_text)


def time_field(label: str, help_text: str) -> forms.DateTimeField:
    """A time on the store's clock, which is the current time zone of a store's pages."""
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, required=False, widget=widget, help_text=help_text)


def minutes_field(
    label: str, *, least: int, most: int, required: bool = False, help_text: str = ""
) -> forms.IntegerField:
    lies = f"Choose {least:,} to {most:,} minutes."
    return forms.IntegerField(
        label=label,
        required=required,
        min_value=least,
        max_value=most,
        help_text=help_text,
        error_messages={"min_value": lies, "max_value": lies, "invalid": "Write a whole number of minutes."},
    )


def percent_field(label: str, *, required: bool = False, help_text: str = "") -> forms.DecimalField:
    """From 0 to 100 with two decimals at most; `basis_points` makes hundredths of it."""
    lies = "A percentage lies between 0 and 100 and has at most two decimals."
    codes = ("min_value", "max_value", "max_decimal_places", "invalid")
    return forms.DecimalField(
        label=label,
        required=required,
        min_value=0,
        max_value=100,
        decimal_places=2,
        help_text=help_text,
        error_messages=dict.fromkeys(codes, lies),
    )


def basis_points(percent: Decimal | None) -> int | None:
    return None if percent is None else int(percent * BP_PER_PERCENT)


def percent_text(basis_points: int) -> str:
    """150 basis points as `1.5`."""
    return format((Decimal(basis_points) / BP_PER_PERCENT).normalize(), "f")


class RefusingForm(forms.Form):
    """A form that shows what a service said no to."""

    # What services call the fields that have another name here.
    REFUSED: ClassVar[dict[str, str]] = {}

    def refuse(self, error: Refusal | MoneyError) -> None:
        """Show why the service said no, at the field it is about."""
        named = getattr(error, "field", "")
        field = self.REFUSED.get(named, named)
        self.add_error(field if field in self.fields else None, str(error))


class AmountForm(RefusingForm):
    """A form with an amount as people type it and a currency; `cleaned_data["minor"]` is the amount in minor units."""

    # What few people need, folded away on the page.
    MORE: ClassVar[tuple[str, ...]] = ()

    amount = amount_field(required=True)
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

    @property
    def more(self) -> list[forms.BoundField]:
        return [self[name] for name in self.MORE]

    @property
    def more_open(self) -> bool:
        """Whether something of it was typed or is wrong, so that it must not be folded away."""
        return self.is_bound and any(bound.errors or bound.value() for bound in self.more)


class StoreForm(RefusingForm):
    name = forms.CharField(max_length=50, widget=forms.TextInput(attrs={"autofocus": True}))
    default_currency = forms.ChoiceField(choices=CURRENCY_CHOICES, initial="USD")


class StoreSettingsForm(StoreForm):
    """How a store is called, what it counts in, and the terms of its future invoices."""

    REFUSED = {
        "invoiceExpiration": "expiration_minutes",
        "monitoringExpiration": "monitoring_minutes",
        "paymentTolerance": "tolerance",
    }
    TERMS = ("expiration_minutes", "monitoring_minutes", "tolerance")

    website = forms.URLField(required=False, assume_scheme="https")
    time_zone = forms.ChoiceField(choices=[(zone, zone) for zone in sorted(available_timezones())], initial="UTC")
    expiration_minutes = minutes_field(
        "Minutes to pay an invoice",
        least=INVOICE_EXPIRATION_S[0] // MINUTE_S,
        most=INVOICE_EXPIRATION_S[-1] // MINUTE_S,
        required=True,
        help_text="So long the price of an invoice stands.",
    )
    monitoring_minutes = minutes_field(
        "Minutes to watch for late payments",
        least=MONITORING_EXPIRATION_S[0] // MINUTE_S,
        most=MONITORING_EXPIRATION_S[-1] // MINUTE_S,
        required=True,
        help_text="So long after an invoice has expired, a payment of one of its codes is still found and credited.",
    )
    tolerance = percent_field(
        "Percent that may be missing",
        required=True,
        help_text="An invoice counts as paid if no more than this is missing. 0: all of it must arrive.",
    )

    @staticmethod
    def shown(store: Store) -> dict[str, Any]:
        return {
            "name": store.name,
            "default_currency": store.default_currency,
            "website": store.website,
            "time_zone": store.time_zone,
            "expiration_minutes": store.invoice_expiration_s // MINUTE_S,
            "monitoring_minutes": store.monitoring_expiration_s // MINUTE_S,
            "tolerance": percent_text(store.payment_tolerance_bp),
        }

    def values(self) -> dict[str, Any]:
        """What `store_update` takes. Terms that were not touched stay to the second as a program has set them."""
        typed = self.cleaned_data
        terms = {
            "expiration_minutes": ("invoice_expiration_s", typed["expiration_minutes"] * MINUTE_S),
            "monitoring_minutes": ("monitoring_expiration_s", typed["monitoring_minutes"] * MINUTE_S),
            "tolerance": ("payment_tolerance_bp", basis_points(typed["tolerance"])),
        }
        said = {name: typed[name] for name in ("name", "default_currency", "website", "time_zone")}
        return said | dict(terms[name] for name in self.TERMS if name in self.changed_data)


class WalletForm(forms.Form):
    connection_string = forms.CharField(
        label="API key, session token, username or connection string",
        max_length=5000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )
