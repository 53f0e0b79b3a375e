"""What a merchant brings to pay many people at once."""

from __future__ import annotations

from typing import Any

from django import forms

from flashpay.dashboard.forms import CURRENCY_CHOICES
from payouts.batches.reading import MOST_BYTES, MOST_ROWS


class BatchForm(forms.Form):
    """A file, or the same pasted; `cleaned_data["content"]` is what was brought, as bytes."""

    file = forms.FileField(
        label="CSV file",
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
        help_text=f"Up to {MOST_ROWS:,} rows and {MOST_BYTES // 1_000_000} MB.",
    )
    text = forms.CharField(
        label="Or paste the rows from a spreadsheet",
        required=False,
        strip=False,
        max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        help_text="With the names of the columns in the first row.",
    )
    currency = forms.ChoiceField(
        label="Currency of amounts without one",
        choices=CURRENCY_CHOICES,
        help_text="Counts for rows whose currency is empty, or where the table has no such column.",
    )
    # The draft that this one corrects.
    replaces = forms.CharField(required=False, max_length=22, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if self.errors:
            return cleaned
        if file is not None and text.strip():
            self.add_error("file", "Bring a file or paste the rows, not both: it would not be clear which one counts.")
        elif file is not None and file.size > MOST_BYTES:
            self.add_error(
                "file", f"The file is larger than {MOST_BYTES // 1_000_000} MB. Divide it into smaller ones."
            )
        elif file is not None:
            cleaned["content"], cleaned["name"] = file.read(), file.name
        elif text.strip():
            cleaned["content"], cleaned["name"] = text.encode(), ""
        else:
            self.add_error("file", "Choose a file, or paste the rows below.")
        return cleaned
