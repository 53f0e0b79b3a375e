"""`/.well-known/lnurlp/<name>`: Lightning Addresses (LUD-16). Answered in LNURL's shape whatever stands there."""

from __future__ import annotations

from django.urls import re_path

from lnurl.endpoints import pay

app_name = "lightning_address"

urlpatterns = [
    re_path(r"^(?P<name>[A-Za-z0-9._+-]{1,130})\Z", pay.address, name="address"),
    re_path(r"", pay.unknown_address, name="unknown"),
]
