"""Everything that changes a pull payment or a payout: made, claimed, sent, and settled on evidence."""

from payouts.services.claims import payout_approve, payout_cancel, payout_claim
from payouts.services.outcomes import attempt_mark_unknown, payout_fail, payout_settle
from payouts.services.pull_payments import pull_payment_archive, pull_payment_create
from payouts.services.reconciling import payout_reconcile
from payouts.services.sending import payout_send

__all__ = [
    "attempt_mark_unknown",
    "payout_approve",
    "payout_cancel",
    "payout_claim",
    "payout_fail",
    "payout_reconcile",
    "payout_send",
    "payout_settle",
    "pull_payment_archive",
    "pull_payment_create",
]
