"""Handing a payout to the workers."""

from __future__ import annotations

from flashpay.announcing import announce_on_commit


def payout_enqueue_on_commit(payout_id: str) -> None:
    """Have a worker look at the payout as soon as this transaction is committed."""
    announce_on_commit("payouts.tasks.send_payout", payout_id)
