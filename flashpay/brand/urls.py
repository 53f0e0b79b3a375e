"""Colours and logos as files, under /brand/."""

from __future__ import annotations

from django.urls import re_path

from flashpay.brand import views

app_name = "brand"

urlpatterns = [
    re_path(r"^(?P<digits>[0-9a-f]{6})\.css\Z", views.style, name="style"),
    re_path(r"^(?P<digits>[0-9a-f]{6})-preview\.css\Z", views.style_preview, name="style_preview"),
    re_path(r"^(?P<logo_hash>[0-9a-f]{32})-(?P<size>page|print)\.png\Z", views.logo, name="logo"),
]
