"""A pay link's own page, under /l/."""

from __future__ import annotations

from django.urls import re_path

from flashpay.ids import ID_PATTERN
from flashpay.invoices import bill_views

app_name = "links"

urlpatterns = [re_path(rf"^(?P<link_id>{ID_PATTERN})\Z", bill_views.pay_link, name="link")]
