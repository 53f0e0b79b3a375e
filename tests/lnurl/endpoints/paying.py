"""A payer's phone at our LNURL-pay addresses: what it asks, and what is true of every answer."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.test import Client

from flashpay.invoices.models import LightningInvoice
from flashpay.invoices.offers import Target, pay_lnurl
from flashpay.stores.models import PaymentHash
from lnurl.wire.codec import lnurl_decode


def read(response: Any) -> dict[str, Any]:
    """The answer of an LNURL address, held to what is true of every one of them."""
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Cache-Control"] == "no-store"
    assert not response.cookies
    answer = json.loads(response.content)
    assert isinstance(answer, dict)
    return answer


def reason(response: Any) -> str:
    answer = read(response)
    assert answer["status"] == "ERROR"
    assert list(answer) == ["status", "reason"]
    return str(answer["reason"])


def path(url: str) -> str:
    assert url.startswith(settings.PUBLIC_URL)
    assert "?" not in url
    return url.removeprefix(settings.PUBLIC_URL)


def info_path(target: Target) -> str:
    lnurl = pay_lnurl(target)
    assert lnurl is not None
    assert lnurl.bech32 == lnurl.bech32.upper()
    return path(lnurl_decode(lnurl.bech32))


def ask(wallet: Client, target: Target) -> dict[str, Any]:
    told = read(wallet.get(info_path(target)))
    assert told["tag"] == "payRequest", told
    return told


def call(wallet: Client, told: dict[str, Any], msat: int, **more: str) -> Any:
    return wallet.get(path(told["callback"]), {"amount": str(msat), **more})


def nothing_happened() -> bool:
    return not (LightningInvoice.objects.exists() or PaymentHash.objects.exists())
