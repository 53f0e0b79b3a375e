"""Everything that changes a pull payment or a payout: made, claimed, approved, sent, and settled on evidence."""

from payouts.services.approving import payout_approve, payout_cancel
from payouts.services.claims import payout_claim
from payouts.services.expiring import payouts_expire
from payouts.services.marking import payout_mark_paid, payout_note
from payouts.services.merchant_payouts import payout_create
from payouts.services.outcomes import attempt_mark_unknown, payout_fail, payout_settle
from payouts.services.periods import pull_payments_renew
from payouts.services.policies import payout_policy_update, policy_of, sending_pause, store_payouts_pause
from payouts.services.pull_payments import (
    Terms,
    pull_payment_archive,
    pull_payment_code_set,
    pull_payment_create,
    pull_payment_extend,
    pull_payment_pause,
    pull_payment_raise,
)
from payouts.services.quotes import Quote, quote_make, quote_read
from payouts.services.reconciling import payout_reconcile
from payouts.services.reviewing import payout_decide, payout_review_end
from payouts.services.sending import payout_send
from payouts.services.sizing import RaiseOffered

__all__ = [
    "Quote",
    "RaiseOffered",
    "Terms",
    "attempt_mark_unknown",
    "payout_approve",
    "payout_cancel",
    "payout_claim",
    "payout_create",
    "payout_decide",
    "payout_fail",
    "payout_mark_paid",
    "payout_note",
    "payout_policy_update",
    "payout_reconcile",
    "payout_review_end",
    "payout_send",
    "payout_settle",
    "payouts_expire",
    "policy_of",
    "pull_payment_archive",
    "pull_payment_code_set",
    "pull_payment_create",
    "pull_payment_extend",
    "pull_payment_pause",
    "pull_payment_raise",
    "pull_payments_renew",
    "quote_make",
    "quote_read",
    "sending_pause",
    "store_payouts_pause",
]
