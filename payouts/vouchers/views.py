"""The page on which a recipient types the code of a voucher and is led to its claim page."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from flashpay.public_pages import public_page
from flashpay.throttles import CLAIM_PAGE, VOUCHER_CODE, throttled_page
from payouts.vouchers.selectors import voucher_by_code


class RedeemForm(forms.Form):
    code = forms.CharField(
        label=_("Code on your voucher"),
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "placeholder": "K7QM-2XFP-9TRA",
            }
        ),
        error_messages={"required": _("Please type the code that stands on your voucher.")},
    )


# Exempt like the claim page: whoever knows a code may claim with it anyway, and no cookie is needed.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page
@throttled_page(CLAIM_PAGE, posts=VOUCHER_CODE)
def redeem(request: HttpRequest) -> HttpResponse:
    """Ask for a code; a known one leads to its claim page. Nothing is claimed here."""
    form = RedeemForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        voucher = voucher_by_code(form.cleaned_data["code"])
        if voucher is not None:
            return redirect("payouts:claim", voucher.pull_payment_id)
        form.add_error(
            "code", _("There is no voucher with this code. It has 12 letters and digits; please check each.")
        )
    return render(request, "payouts/redeem.html", {"form": form}, status=422 if form.errors else 200)
