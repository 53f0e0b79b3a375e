"""What a merchant types to make and change pull payments, and to say how the store pays out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from flashpay.dashboard.forms import (
    BP_PER_PERCENT,
    MINUTE_S,
    AmountForm,
    RefusingForm,
    amount_field,
    basis_points,
    time_field,
)
from flashpay.money.amounts import amount_parse
from flashpay.money.currencies import CURRENCIES, Currency, currency_get
from flashpay.money.errors import MoneyError
from payouts.models import MinimumPolicy, PayoutPolicy, Renewal
from payouts.services import Terms
from payouts.services.reviewing import SHORTEST_REASON

# What the columns hold.
_LARGEST_COUNT = 2**31 - 1
_LARGEST_SAT = 21_000_000 * 100_000_000


def _code_field(help_text: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label="Claim code", max_length=64, required=False, widget=widget, help_text=help_text)


class PullPaymentForm(AmountForm):
    """A new pull payment. What few people need is in `more`, folded away on the page."""

    MORE = (
        "minimum_claim", "maximum_claim", "maximum_claims", "claim_code", "starts_at", "renews_every",
        "approve_by_hand_above", "two_people_above",
    )  # fmt: skip
    _LIMITS = ("minimum_claim", "maximum_claim", "approve_by_hand_above", "two_people_above")
    REFUSED = {
        "expiresAt": "expires_at",
        "minimumClaim": "minimum_claim",
        "maximumClaim": "maximum_claim",
        "maximumClaims": "maximum_claims",
        "renewsEvery": "renews_every",
    }

    name = forms.CharField(max_length=50, help_text="The recipient sees it in their wallet.")
    description = forms.CharField(max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 2}))
    auto_approve = forms.BooleanField(
        label="Pay out claims at once",
        required=False,
        initial=True,
        help_text="Otherwise each claim waits for your approval.",
    )
    expires_at = time_field("Expires", "Leave empty for one that does not expire.")
    minimum_claim = amount_field("Smallest claim", "Nobody can claim less at once.")
    maximum_claim = amount_field("Largest claim", "Nobody can claim more at once.")
    maximum_claims = forms.IntegerField(
        label="Number of claims",
        required=False,
        min_value=1,
        max_value=_LARGEST_COUNT,
        help_text="How often it can be claimed before it is used up.",
    )
    claim_code = _code_field("Asked for beside the link. 4 to 64 characters; tell it to the recipient another way.")
    starts_at = time_field("Starts", "Nobody can claim before. Leave empty to start now.")
    renews_every = forms.ChoiceField(
        label="Renews itself",
        choices=Renewal.choices,
        required=False,
        help_text="The whole amount can be claimed anew in each period.",
    )
    approve_by_hand_above = amount_field(
        "Your approval above", "Larger claims wait for you. Left empty, the payout rules of the store count."
    )
    two_people_above = amount_field("Two approvals above", "Larger claims wait for two different people.")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name in self._LIMITS if "currency" in cleaned else ():
            try:
                typed = cleaned.get(name)
                cleaned[name] = amount_parse(typed, currency_get(cleaned["currency"])) if typed else None
            except MoneyError as error:
                self.add_error(name, str(error))
        return cleaned

    @property
    def terms(self) -> Terms:
        """The limits that were typed; only of a valid form."""
        typed = self.cleaned_data
        return Terms(
            minimum_claim=typed["minimum_claim"] or 0,
            maximum_claim=typed["maximum_claim"],
            maximum_claims=typed["maximum_claims"],
            approve_by_hand_above=typed["approve_by_hand_above"],
            two_people_above=typed["two_people_above"],
            renews_every=typed["renews_every"],
        )


class PullPaymentExtendForm(forms.Form):
    """A new end, or none: said outright, so that an empty input takes no end away."""

    expires_at = time_field("New end", "In the store's time zone.")
    never = forms.BooleanField(label="It never ends", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("never"):
            cleaned["expires_at"] = None
        elif "expires_at" in cleaned and cleaned["expires_at"] is None:
            self.add_error("expires_at", "Choose when it ends, or that it never ends.")
        return cleaned


class PullPaymentRaiseForm(forms.Form):
    """An amount to add, in the pull payment's currency: `cleaned_data["minor"]`. `seen` is the amount it was added to
    in the eyes of who typed it, so that a double click adds once."""

    amount = amount_field("Add", required=True)
    seen = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency: Currency = CURRENCIES[currency]
        self.fields["amount"].label = f"Add ({currency})"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "amount" in cleaned:
            try:
                cleaned["minor"] = amount_parse(cleaned["amount"], self.currency)
            except MoneyError as error:
                self.add_error("amount", str(error))
        return cleaned


class PullPaymentCodeForm(forms.Form):
    claim_code = _code_field("4 to 64 characters. Leave it empty and the link alone is enough.")


class PayoutMarkPaidForm(forms.Form):
    """How a payout was paid without FlashPay. The service judges it; here the browser learns what it will ask for."""

    reason = forms.CharField(
        label="How was it paid, and how do you know?",
        min_length=SHORTEST_REASON,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="“Cash on Friday, receipt 17”, or the preimage of another payment. It stays on record with your name, "
        "and the recipient reads it.",
    )


class PayoutPolicyForm(RefusingForm):
    """The store's PayoutPolicy in the units that people think in: percent, minutes, sat."""

    REFUSED = {"fee_cap_bp": "fee_cap", "review_after_s": "review_after"}

    minimum_policy = forms.ChoiceField(
        label="A claim below the smallest amount that Lightning takes",
        choices=MinimumPolicy.choices,
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    fee_cap = forms.DecimalField(
        label="Highest fee, in percent of the amount",
        required=False,
        max_digits=7,
        decimal_places=2,
        help_text="A payment whose fee would be higher is not sent; it waits and says so. "
        "Leave empty to send whatever the fee is.",
    )
    review_after = forms.IntegerField(
        label="Minutes until a payment in doubt asks for your review",
        help_text="Until then the answer is looked for by itself. Nothing is sent twice meanwhile.",
    )
    second_reviewer_above_sat = forms.IntegerField(
        label="Two people decide about doubts above, in sat",
        required=False,
        max_value=_LARGEST_SAT,
        help_text="Leave empty and one person is enough for any amount.",
    )
    approve_by_hand_above_sat = forms.IntegerField(
        label="Your approval above, in sat",
        required=False,
        min_value=0,
        max_value=_LARGEST_SAT,
        help_text="Larger payouts wait until somebody approves them. 0 lets none go by itself; empty lets all go.",
    )
    two_people_above_sat = forms.IntegerField(
        label="Two people's approval above, in sat",
        required=False,
        min_value=0,
        max_value=_LARGEST_SAT,
        help_text="Larger payouts wait until two different people have approved them.",
    )
    strong_evidence_ends = forms.BooleanField(label="Let strong evidence end a payment in doubt", required=False)

    @staticmethod
    def shown(policy: PayoutPolicy) -> dict[str, Any]:
        """The policy as the form shows it. Seconds that are no whole minutes are shown as the minute they end in."""
        cap = policy.fee_cap_bp
        return {
            "minimum_policy": policy.minimum_policy,
            "fee_cap": None if cap is None else Decimal(cap) / BP_PER_PERCENT,
            "review_after": -(-policy.review_after_s // MINUTE_S),
            "second_reviewer_above_sat": policy.second_reviewer_above_sat,
            "approve_by_hand_above_sat": policy.approve_by_hand_above_sat,
            "two_people_above_sat": policy.two_people_above_sat,
            "strong_evidence_ends": policy.strong_evidence_ends,
        }

    def values(self, before: PayoutPolicy) -> dict[str, Any]:
        """What `payout_policy_update` takes. A time that was left as it was shown stays to the second."""
        typed = self.cleaned_data
        minutes = typed["review_after"]
        kept = minutes == self.shown(before)["review_after"]
        return {
            "minimum_policy": typed["minimum_policy"],
            "fee_cap_bp": basis_points(typed["fee_cap"]),
            "review_after_s": before.review_after_s if kept else minutes * MINUTE_S,
            "second_reviewer_above_sat": typed["second_reviewer_above_sat"],
            "approve_by_hand_above_sat": typed["approve_by_hand_above_sat"],
            "two_people_above_sat": typed["two_people_above_sat"],
            "strong_evidence_ends": typed["strong_evidence_ends"],
        }
