"""The tills, under /till."""

from __future__ import annotations

from django.urls import path, re_path

from flashpay.ids import ID_PATTERN
from flashpay.till import views

app_name = "till"

_TILL = rf"^/(?P<till_id>{ID_PATTERN})"

urlpatterns = [
    path("", views.tills, name="tills"),
    path("/worker.js", views.worker, name="worker"),
    path("/offline", views.offline, name="offline"),
    re_path(rf"{_TILL}\Z", views.till, name="till"),
    re_path(rf"{_TILL}/sales/(?P<invoice_id>{ID_PATTERN})\Z", views.sale, name="sale"),
    re_path(rf"{_TILL}/today\Z", views.today, name="today"),
    re_path(rf"{_TILL}/prices\Z", views.prices, name="prices"),
    re_path(rf"{_TILL}/manifest\Z", views.manifest, name="manifest"),
]
