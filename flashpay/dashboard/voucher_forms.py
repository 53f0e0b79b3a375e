"""What a merchant types to make vouchers."""

from __future__ import annotations

from django import forms

from flashpay.dashboard.forms import AmountForm, time_field
from payouts.vouchers.services import LONGEST_NAME, LONGEST_NOTE, MOST_VOUCHERS


class VoucherBatchForm(AmountForm):
    name = forms.CharField(max_length=LONGEST_NAME, help_text="Stands on the voucher and in the recipient's wallet.")
    count = forms.IntegerField(label="How many", min_value=1, max_value=MOST_VOUCHERS, initial=8)
    prefix = forms.CharField(  # type: ignore[assignment]  # a form has a prefix of its own, unused here
        max_length=8, required=False, help_text="In front of the number of each voucher: XMAS makes XMAS-001."
    )
    note = forms.CharField(
        label="Note",
        max_length=LONGEST_NOTE,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Printed on the voucher: what it is for, or a greeting.",
    )
    auto_approve = forms.BooleanField(
        label="Pay out claims at once",
        required=False,
        initial=True,
        help_text="Otherwise each claim waits for your approval.",
    )
    expires_at = time_field("Expires", "In the store's time zone. Leave empty for vouchers that do not expire.")
