"""Pull payments, the payouts claimed from them, and every attempt to send one."""

from payouts.models.append_only import AppendOnlyModel
from payouts.models.attempts import (
    OPEN_ATTEMPT_STATES,
    AttemptEvidence,
    AttemptState,
    Grade,
    PayoutAttempt,
    ReviewDecision,
    Verdict,
)
from payouts.models.payouts import (
    ENDED_PAYOUT_STATES,
    UNSENT_PAYOUT_STATES,
    DestinationKind,
    Payout,
    PayoutApproval,
    PayoutPart,
    PayoutState,
)
from payouts.models.policies import MinimumPolicy, PayoutPolicy, SendingSwitch
from payouts.models.pull_payments import PullPayment, Renewal
from payouts.models.wallets import WalletFloat, WalletTransaction

__all__ = [
    "ENDED_PAYOUT_STATES",
    "OPEN_ATTEMPT_STATES",
    "UNSENT_PAYOUT_STATES",
    "AppendOnlyModel",
    "AttemptEvidence",
    "AttemptState",
    "DestinationKind",
    "Grade",
    "MinimumPolicy",
    "Payout",
    "PayoutApproval",
    "PayoutAttempt",
    "PayoutPart",
    "PayoutPolicy",
    "PayoutState",
    "PullPayment",
    "Renewal",
    "ReviewDecision",
    "SendingSwitch",
    "Verdict",
    "WalletFloat",
    "WalletTransaction",
]
