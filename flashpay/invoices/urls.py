"""A payer's pages, under /i/."""

from __future__ import annotations

from django.urls import re_path

from flashpay.ids import ID_PATTERN
from flashpay.invoices import views

app_name = "invoices"

_INVOICE = rf"(?P<invoice_id>{ID_PATTERN})"

urlpatterns = [
    re_path(rf"^{_INVOICE}\Z", views.checkout, name="checkout"),
    re_path(rf"^{_INVOICE}/card\Z", views.card, name="card"),
    re_path(rf"^{_INVOICE}/embed\Z", views.embedded, name="embedded"),
    re_path(rf"^{_INVOICE}/receipt\Z", views.receipt, name="receipt"),
]
