"""A pay link's own page, under /l/."""

from __future__ import annotations

from django.urls import re_path

from flashpay.ids import ID_PATTERN
from flashpay.invoices import bill_views

app_name = "links"

_LINK = rf"(?P<link_id>{ID_PATTERN})"

urlpatterns = [
    re_path(rf"^{_LINK}\Z", bill_views.pay_link, name="link"),
    re_path(rf"^{_LINK}/prices\Z", bill_views.pay_link_prices, name="prices"),
]
