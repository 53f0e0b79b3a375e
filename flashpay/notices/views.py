"""Pages for those who read the mail: ending it, and asking for a receipt."""

from __future__ import annotations

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from flashpay.invoices.selectors import invoice_find
from flashpay.languages import language_propose
from flashpay.notices.selectors import receipt_wish, rule_of_stop_link
from flashpay.notices.services import mail_rule_stop, receipt_ask
from flashpay.public_pages import public_page
from flashpay.refusals import Refusal
from flashpay.throttles import CHECKOUT_PAGE, Throttle, throttled_page

# Whoever knows a paid invoice may have mail sent once; these keep a robot from trying addresses and links.
RECEIPT_MAIL = Throttle("receipt-mail", per_s=3600, link=5, visitor=10)


class ReceiptForm(forms.Form):
    address = forms.CharField(
        label=_("Your e-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"}),
        error_messages={"required": _("Please type the address that the receipt goes to.")},
    )


# Exempt: the link in the mail is the right to end it, and mail programs post here by themselves (RFC 8058).
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page
@throttled_page(CHECKOUT_PAGE)
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, and on POST end the mail to this address. A look alone ends nothing: mail scanners open every link."""
    rule = rule_of_stop_link(token)
    if rule is None:
        raise Http404("no such rule")
    if request.method == "POST":
        mail_rule_stop(rule=rule)
        rule.refresh_from_db()
    return render(request, "notices/stop.html", {"rule": rule, "store": rule.store})


# Exempt like the other pages of payers: no session, and whoever can post here knows the invoice's link.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@public_page
@throttled_page(CHECKOUT_PAGE, posts=RECEIPT_MAIL, link="invoice_id")
def receipt(request: HttpRequest, invoice_id: str) -> HttpResponse:
    """Have the receipt of a paid invoice sent to an address, once."""
    invoice = invoice_find(invoice_id)
    if invoice is None:
        raise Http404("no such invoice")
    language_propose(request, invoice.language)
    form = ReceiptForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            receipt_ask(invoice=invoice, address=form.cleaned_data["address"], language=get_language() or "")
        except Refusal as refusal:
            form.add_error(refusal.field or None, refusal.sentence)
        else:
            return redirect("invoices:receipt", invoice.pk)
    page = {"invoice": invoice, "store": invoice.store, "form": form, "wish": receipt_wish(invoice)}
    return render(request, "notices/receipt.html", page, status=422 if form.errors else 200)
