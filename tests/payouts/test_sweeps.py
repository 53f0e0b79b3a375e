"""What the sweeps of Celery beat put into the queue, beside the message that a claim itself sends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from flashpay import live
from payouts.models import Payout, PullPayment
from payouts.services import payout_claim
from payouts.tasks import SWEEP_LOOKS, SWEPT_EXPIRES_S, reconcile_due_payouts, send_due_payouts
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}celery"


def messages() -> list[dict[str, Any]]:
    """The headers of what waits in the queue, oldest first."""
    return [json.loads(each)["headers"] for each in reversed(live.connection().lrange(QUEUE, 0, -1))]


def test_a_claims_own_message_waits_and_a_sweeps_message_is_dropped_once_it_is_old(
    prize: PullPayment, plain_sandbox: SandboxServer
) -> None:
    waiting = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    asked = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    Payout.objects.filter(pk=asked.pk).update(state="InProgress", due_at=timezone.now())
    send_due_payouts()
    reconcile_due_payouts()
    own, other, swept, looked = messages()
    assert (own["expires"], other["expires"]) == (None, None)
    assert (swept["task"], looked["task"]) == ("payouts.tasks.send_payout", "payouts.tasks.reconcile_payout")
    assert waiting.pk in swept["argsrepr"]
    assert asked.pk in looked["argsrepr"]
    latest = datetime.now(UTC) + timedelta(seconds=SWEPT_EXPIRES_S)
    assert datetime.fromisoformat(swept["expires"]) <= latest
    assert datetime.fromisoformat(looked["expires"]) <= latest


def test_a_crowd_of_doubts_is_looked_at_in_turn_the_longest_due_first(
    prize: PullPayment, plain_sandbox: SandboxServer
) -> None:
    now = timezone.now()
    first = payout_claim(pull_payment=prize, bolt11=plain_sandbox.phone_invoice(20_000)["bolt11"])
    crowd = [
        Payout(
            store=prize.store, destination_kind="bolt11", destination="-", currency="SAT", amount=1, amount_msat=1000
        )
        for _ in range(SWEEP_LOOKS)
    ]
    Payout.objects.bulk_create(crowd)
    Payout.objects.filter(pk__in=[each.pk for each in crowd]).update(state="InProgress", due_at=now)
    Payout.objects.filter(pk=first.pk).update(state="InProgress", due_at=now - timedelta(seconds=1))
    live.connection().delete(QUEUE)
    reconcile_due_payouts()
    swept = messages()
    assert len(swept) == SWEEP_LOOKS
    assert first.pk in swept[0]["argsrepr"]
