"""What a merchant chooses to give back of an invoice, with what each choice comes to at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms

from flashpay.dashboard.forms import CURRENCY_CHOICES, RefusingForm, basis_points
from flashpay.invoices.models import Invoice
from flashpay.invoices.refunds import RefundVariant, refund_amount
from flashpay.money.amounts import amount_format, amount_parse
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal

_WORDS = {
    RefundVariant.OVERPAID: ("What was paid too much", "The shop keeps the price."),
    RefundVariant.RATE_THEN: ("The sats that arrived", "As many as the payer has sent."),
    RefundVariant.CURRENT_RATE: ("What they were worth then, in sats of today", "At the rate of this moment."),
    RefundVariant.FIAT: (
        "What they were worth then",
        "Turned into sats when it is claimed. The claim waits for approval.",
    ),
    RefundVariant.CUSTOM: ("Another amount", "It may also be a second refund of the same invoice."),
}


@dataclass(frozen=True)
class RefundChoice:
    """`comes_to` is empty where the merchant says how much; `problem` says why it cannot be chosen now."""

    variant: RefundVariant
    label: str
    hint: str
    comes_to: str = ""
    problem: str = ""


class RefundForm(RefusingForm):
    """`amount` and `currency` count for a custom amount alone."""

    REFUSED = {"subtractPercentage": "percent", "customAmount": "amount"}

    variant = forms.ChoiceField()
    amount = forms.CharField(
        label="How much",
        max_length=48,
        error_messages={"required": "Please enter an amount."},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"}),
    )
    currency = forms.ChoiceField(choices=CURRENCY_CHOICES)
    percent = forms.DecimalField(
        label="Keep so many percent",
        min_value=0,
        max_value=Decimal("99.99"),
        decimal_places=2,
        required=False,
        help_text="For your costs, such as 2. Left empty, all of it is given back.",
        error_messages=dict.fromkeys(
            ("min_value", "max_value", "max_decimal_places", "invalid"),
            "Choose 0 to 99.99 percent, with at most two decimals.",
        ),
    )

    def __init__(self, data: Any = None, *, invoice: Invoice, refunded: bool = False) -> None:
        """`refunded`: it has a refund that is not archived, beside which only an amount of its own can be made."""
        self.invoice = invoice
        self.offered = [_choice(invoice, variant, refunded) for variant in _variants(invoice)]
        first = next(choice.variant for choice in self.offered if not choice.problem)
        super().__init__(data, initial={"variant": first, "currency": invoice.currency})
        if self.is_bound and self.data.get("variant") != RefundVariant.CUSTOM:
            self.fields["amount"].required = self.fields["currency"].required = False
        self.fields["variant"].choices = [(choice.variant, choice.label) for choice in self.offered]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("variant") == RefundVariant.CUSTOM and {"amount", "currency"} <= set(cleaned):
            try:
                cleaned["custom"] = amount_parse(cleaned["amount"], currency_get(cleaned["currency"]))
            except MoneyError as error:
                self.add_error("amount", str(error))
        return cleaned

    def terms(self) -> dict[str, Any]:
        """The arguments of `refund_amount`; only of a valid form."""
        typed = self.cleaned_data
        terms: dict[str, Any] = {
            "variant": RefundVariant(typed["variant"]),
            "subtract_bp": basis_points(typed["percent"]) or 0,
        }
        if "custom" in typed:
            terms |= {"custom": typed["custom"], "custom_currency": currency_get(typed["currency"])}
        return terms


def _variants(invoice: Invoice) -> list[RefundVariant]:
    """Those that differ for this invoice; what was paid too much comes first where something was."""
    over = invoice.amount_msat is not None and invoice.credited_msat > invoice.amount_msat
    fiat = not currency_get(invoice.currency).is_bitcoin
    return [
        *([RefundVariant.OVERPAID] if over else []),
        RefundVariant.RATE_THEN,
        *([RefundVariant.CURRENT_RATE, RefundVariant.FIAT] if fiat else []),
        RefundVariant.CUSTOM,
    ]


def _choice(invoice: Invoice, variant: RefundVariant, refunded: bool) -> RefundChoice:
    label, hint = _WORDS[variant]
    if variant == RefundVariant.FIAT:
        label = f"{label}, in {invoice.currency}"
    if variant == RefundVariant.CUSTOM:
        return RefundChoice(variant, label, hint)
    if refunded:
        return RefundChoice(variant, label, hint, problem="There is a refund of this invoice already.")
    try:
        return RefundChoice(variant, label, hint, amount_format(*refund_amount(invoice=invoice, variant=variant)))
    except (Refusal, MoneyError) as error:
        return RefundChoice(variant, label, hint, problem=error.sentence)
