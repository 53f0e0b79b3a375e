"""What a mail leads to without logging in, and a buyer's wish for the receipt; under /mail/."""

from __future__ import annotations

from django.urls import path, re_path

from flashpay.ids import ID_PATTERN
from flashpay.notices import views

app_name = "notices"

urlpatterns = [
    path("stop/<str:token>", views.stop, name="stop"),
    re_path(rf"^receipt/(?P<invoice_id>{ID_PATTERN})\Z", views.receipt, name="receipt"),
]
