"""Where a code from paper is typed in: short, because people type it."""

from __future__ import annotations

from django.urls import re_path

from payouts.vouchers import views

app_name = "vouchers"

urlpatterns = [re_path(r"^\Z", views.redeem, name="redeem")]
