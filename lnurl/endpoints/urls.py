"""The public LNURL addresses. No trailing slashes and no redirects: many wallets follow none (Q20)."""

from __future__ import annotations

from django.urls import re_path

from lnurl.endpoints import address_request, pay, withdraw

app_name = "lnurl"

# A token has 32 hex digits, the id of a pull payment 22 of base58; nothing else is worth asking the database for.
_TOKEN = r"(?P<token>[0-9A-Za-z]{22,32})"  # noqa: S105 - the shape of one, not a secret
_K1 = r"(?P<k1>[0-9A-Za-z]{1,64})"
_QUOTE = r"(?P<quote>[0-9A-Fa-f]{2,1200})"
_HEX_TOKEN = r"(?P<token>[0-9A-Fa-f]{32})"  # noqa: S105 - the shape of one, not a secret
_HASH = r"(?P<payment_hash>[0-9A-Fa-f]{64})"

urlpatterns = [
    re_path(rf"^withdraw/{_TOKEN}\Z", withdraw.withdraw, name="withdraw"),
    re_path(rf"^withdraw/{_TOKEN}/{_K1}\Z", withdraw.withdraw_callback, name="withdraw_callback"),
    re_path(rf"^withdraw/{_TOKEN}/{_K1}/{_QUOTE}\Z", withdraw.withdraw_callback, name="withdraw_callback"),
    re_path(rf"^pay/{_HEX_TOKEN}\Z", pay.pay, name="pay"),
    re_path(rf"^pay/{_HEX_TOKEN}/callback\Z", pay.pay_callback, name="pay_callback"),
    re_path(rf"^address/{_HEX_TOKEN}\Z", address_request.invitation, name="address_request"),
    re_path(rf"^address/{_HEX_TOKEN}/{_K1}\Z", address_request.callback, name="address_request_callback"),
    re_path(rf"^verify/{_HASH}\Z", pay.verify, name="verify"),
    re_path(r"", withdraw.unknown, name="unknown"),
]
