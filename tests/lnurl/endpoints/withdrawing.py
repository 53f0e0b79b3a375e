"""A recipient's phone at our LNURL-withdraw addresses: what it asks, and what is true of every answer."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.test import Client

from flashpay.stores.models import PaymentHash
from lnurl.wire.codec import lnurl_decode
from payouts.models import Payout, PullPayment
from payouts.selectors import pull_payment_lnurl


def path_of(url: str) -> str:
    assert url.startswith(settings.PUBLIC_URL)
    return url.removeprefix(settings.PUBLIC_URL)


def info_path(pull_payment: PullPayment) -> str:
    return path_of(lnurl_decode(pull_payment_lnurl(pull_payment).bech32))


def read(response: Any) -> dict[str, Any]:
    """The answer of an LNURL address, held to what is true of every one of them."""
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "no-referrer"
    assert not response.cookies
    answer = json.loads(response.content)
    assert isinstance(answer, dict)
    return answer


def refusal(response: Any) -> str:
    answer = read(response)
    assert answer.keys() == {"status", "reason"}
    assert answer["status"] == "ERROR"
    return str(answer["reason"]).replace("\N{NO-BREAK SPACE}", " ")


def claim(wallet: Client, pull_payment: PullPayment, pr: str, **more: Any) -> Any:
    asked = read(wallet.get(info_path(pull_payment)))
    return wallet.get(path_of(asked["callback"]), {"k1": asked["k1"], "pr": pr, **more})


def callback_of(wallet: Client, pull_payment: PullPayment) -> tuple[str, str]:
    asked = read(wallet.get(info_path(pull_payment)))
    return path_of(asked["callback"]), asked["k1"]


def assert_nothing_claimed(pull_payment: PullPayment) -> None:
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 0
    assert not Payout.objects.exists()
    assert not PaymentHash.objects.exists()
