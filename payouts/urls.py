"""A recipient's pages, under /p/."""

from __future__ import annotations

from django.urls import re_path

from flashpay.ids import ID_PATTERN
from payouts import handouts, receipts, views

app_name = "payouts"

_PULL_PAYMENT = rf"(?P<pull_payment_id>{ID_PATTERN})"

urlpatterns = [
    re_path(rf"^receipt/(?P<payout_id>{ID_PATTERN})\Z", receipts.receipt, name="receipt"),
    re_path(rf"^{_PULL_PAYMENT}\Z", views.claim, name="claim"),
    re_path(rf"^{_PULL_PAYMENT}/qr\.(?P<format>svg|png)\Z", handouts.qr_file, name="qr_file"),
    re_path(rf"^{_PULL_PAYMENT}/poster\Z", handouts.poster, name="poster"),
    re_path(rf"^{_PULL_PAYMENT}/(?P<payout_id>{ID_PATTERN})\Z", views.payout, name="payout"),
]
