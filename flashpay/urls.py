"""Every public address, one line per room."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from flashpay import health
from flashpay.api.api import urls as api_urls

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
    path("api/", include(api_urls[:2], namespace=api_urls[2])),
    path("events/", include("flashpay.events_urls")),
    path("brand/", include("flashpay.brand.urls")),
    path("mail/", include("flashpay.notices.urls")),
    path("i/", include("flashpay.invoices.urls")),
    path("r/", include("flashpay.invoices.request_urls")),
    path("l/", include("flashpay.invoices.link_urls")),
    path("till", include("flashpay.till.urls")),
    path("stores/<str:store_id>/tills", include("flashpay.till.keeping_urls")),
    path("p/", include("payouts.urls")),
    path("v", include("payouts.vouchers.urls")),
    path("lnurl/", include("lnurl.endpoints.urls")),
    path(".well-known/lnurlp/", include("lnurl.endpoints.well_known_urls")),
    path("", include("flashpay.dashboard.urls")),
]
