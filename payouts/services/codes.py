"""Claim codes: a short secret beside the link, with few tries."""

from __future__ import annotations

from django.db.models import F
from django.utils.crypto import constant_time_compare

from flashpay import crypto
from flashpay.refusals import Refusal
from payouts.models import PullPayment

CODE_TRIES = 10
_LOCKED = "The code was wrong too often, so it is locked. Nothing was claimed; ask the shop for a new code."


def claim_code_hash(*, pull_payment_id: str, code: str) -> str:
    """A keyed hash: four digits have no hash that could not be tried out, unless a key outside the database is needed."""
    return crypto.fingerprint(f"claim code:{pull_payment_id}:{''.join(code.split()).lower()}")


def claim_code_check(*, pull_payment: PullPayment, code: str) -> None:
    """Raises Refusal (`claim-code`) unless the code is right. A try is counted before it is judged, so that many tries at
    once are counted too; it stays counted whatever becomes of the claim, and a right one takes it back."""
    if not pull_payment.claim_code_hash:
        return
    if not code.strip():
        raise Refusal("claim-code", "This needs the code that came with the link.", field="claim_code")
    mine = PullPayment.objects.filter(pk=pull_payment.pk)
    if not mine.filter(claim_code_failures__lt=CODE_TRIES).update(claim_code_failures=F("claim_code_failures") + 1):
        raise Refusal("claim-code-locked", _LOCKED, field="claim_code")
    right = claim_code_hash(pull_payment_id=pull_payment.pk, code=code)
    if not constant_time_compare(right, pull_payment.claim_code_hash):
        raise Refusal("claim-code", "This is not the code that came with the link.", field="claim_code")
    mine.filter(claim_code_failures__gt=0).update(claim_code_failures=F("claim_code_failures") - 1)
