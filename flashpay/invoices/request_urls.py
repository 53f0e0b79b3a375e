"""A bill's own page, under /r/."""

from __future__ import annotations

from django.urls import re_path

from flashpay.ids import ID_PATTERN
from flashpay.invoices import bill_views

app_name = "requests"

urlpatterns = [re_path(rf"^(?P<request_id>{ID_PATTERN})\Z", bill_views.payment_request, name="request")]
