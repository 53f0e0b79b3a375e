"""How a state is shown: its name, a sentence that explains it, a tone (colour) and an icon, so that none rests on colour alone.

Names are BTCPay Server's where it has the thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True, slots=True)
class StateWords:
    """`tone`: quiet, info, ok, warn or bad; the colours are in `static/css/tokens.css`."""

    label: Text
    sentence: Text
    tone: str
    icon: str


INVOICE: Final = {
    "New": StateWords(_("New"), _("Waiting for payment."), "info", "hourglass"),
    "Processing": StateWords(_("Processing"), _("A payment was seen and is being confirmed."), "info", "refresh"),
    "Settled": StateWords(_("Settled"), _("Paid in full. The money is in the wallet."), "ok", "circle-check"),
    "Expired": StateWords(_("Expired"), _("Its time ran out before it was paid in full."), "quiet", "clock"),
    "Invalid": StateWords(_("Invalid"), _("Marked as invalid: it does not count as paid."), "bad", "ban"),
}
ADDITIONAL: Final = {
    "PaidPartial": StateWords(_("paid in part"), _("Less than the amount arrived."), "warn", "alert-triangle"),
    "PaidOver": StateWords(
        _("paid over"), _("More than the amount arrived; the rest can be refunded."), "warn", "coins"
    ),
    "PaidLate": StateWords(_("paid late"), _("The payment came after the invoice had expired."), "warn", "clock"),
    "Marked": StateWords(_("marked"), _("A person set this state by hand."), "quiet", "user"),
}
LIGHTNING_INVOICE: Final = {
    "open": StateWords(_("Open"), _("This code can be paid."), "info", "hourglass"),
    "paid": StateWords(_("Paid"), _("This code was paid."), "ok", "circle-check"),
    "expired": StateWords(
        _("Expired"), _("This code can no longer be paid; it is still watched for a late payment."), "quiet", "clock"
    ),
}
PULL_PAYMENT: Final = {
    "Scheduled": StateWords(_("Scheduled"), _("It can be claimed once it starts."), "info", "clock"),
    "Active": StateWords(_("Active"), _("Whoever holds the link can claim."), "ok", "circle-check"),
    "Paused": StateWords(_("Paused"), _("Nobody can claim until it is resumed."), "warn", "player-pause"),
    "Exhausted": StateWords(_("Claimed"), _("The whole amount has been claimed."), "quiet", "coins"),
    "Expired": StateWords(_("Expired"), _("Its time ran out; it can no longer be claimed."), "quiet", "clock"),
    "Archived": StateWords(_("Archived"), _("The merchant has closed it."), "quiet", "archive"),
}
VOUCHER: Final = {
    "Unclaimed": StateWords(_("Unclaimed"), _("Whoever holds it can claim it."), "info", "ticket"),
    "Claimed": StateWords(_("Claimed"), _("Somebody has claimed it; nothing was sent yet."), "info", "hourglass"),
    "InFlight": StateWords(_("In flight"), _("It was sent, and proof is awaited."), "info", "send"),
    "Paid": StateWords(_("Paid"), _("The recipient has the money."), "ok", "circle-check"),
    "Revoked": StateWords(_("Revoked"), _("It was ended before anybody claimed it."), "quiet", "ban"),
    "Expired": StateWords(_("Expired"), _("Its time ran out before anybody claimed it."), "quiet", "clock"),
}
PAYOUT: Final = {
    "AwaitingApproval": StateWords(
        _("Awaiting approval"), _("The merchant has to approve it. Nothing was sent."), "warn", "user"
    ),
    "AwaitingPayment": StateWords(
        _("Awaiting payment"), _("Approved, and sent as soon as possible. Nothing was sent yet."), "info", "hourglass"
    ),
    "InProgress": StateWords(
        _("In flight"), _("It was sent, and we are waiting for proof that it arrived or failed."), "info", "send"
    ),
    "Completed": StateWords(_("Completed"), _("Paid: the recipient has the money."), "ok", "circle-check"),
    "Cancelled": StateWords(_("Cancelled"), _("It was cancelled before anything was sent."), "quiet", "circle-x"),
}
NEEDS_REVIEW: Final = StateWords(
    _("needs review"), _("The evidence does not say yet whether it was paid; a person should look."), "bad", "flag"
)
ATTEMPT: Final = {
    "prepared": StateWords(_("Prepared"), _("Written down, and about to be sent."), "info", "hourglass"),
    "sent": StateWords(_("Sent"), _("Handed to Flash; its answer is awaited."), "info", "send"),
    "unknown": StateWords(
        _("Unknown"),
        _("Flash gave no clear answer. It counts as in flight until there is proof."),
        "warn",
        "help-circle",
    ),
    "succeeded": StateWords(_("Succeeded"), _("Proved to be paid."), "ok", "circle-check"),
    "failed": StateWords(_("Failed"), _("Proved not to be paid: no money moved."), "bad", "circle-x"),
}
GRADE: Final = {
    "proof": StateWords(_("Proof"), _("Settles the question by itself."), "ok", "shield-check"),
    "decision": StateWords(_("Decision"), _("A person looked at the evidence and decided."), "ok", "user"),
    "strong": StateWords(_("Strong"), _("Very likely so, yet not proof."), "info", "shield-check"),
    "hint": StateWords(_("Hint"), _("Fits, and proves nothing."), "quiet", "info-circle"),
}
PAYOUT_BATCH: Final = {
    "Draft": StateWords(_("Draft"), _("Nothing is sent from it until it is confirmed."), "warn", "hourglass"),
    "Confirmed": StateWords(_("Confirmed"), _("Its payouts are made; each has a state of its own."), "ok", "send"),
    "Discarded": StateWords(_("Discarded"), _("Nothing was sent from it."), "quiet", "circle-x"),
}
PAYMENT_REQUEST: Final = {
    "Pending": StateWords(_("Pending"), _("Something is still to be paid."), "info", "hourglass"),
    "Completed": StateWords(_("Completed"), _("Paid in full."), "ok", "circle-check"),
    "Expired": StateWords(_("Expired"), _("Its day has passed before it was paid in full."), "quiet", "clock"),
}
WALLET: Final = {
    "ok": StateWords(_("Connected"), _("Flash answers and the credential works."), "ok", "circle-check"),
    "trouble": StateWords(_("Trouble"), _("The last check failed."), "bad", "alert-triangle"),
    "unchecked": StateWords(_("Not checked yet"), _("The first check is on its way."), "quiet", "clock"),
    "none": StateWords(
        _("Not connected"), _("Connect a Flash wallet to take and pay out money."), "warn", "plug-connected"
    ),
}

# By kind, and by the model's name as events have it.
KINDS: Final[dict[str, dict[str, StateWords]]] = {
    "invoice": INVOICE,
    "additional": ADDITIONAL,
    "lightning_invoice": LIGHTNING_INVOICE,
    "pull_payment": PULL_PAYMENT,
    "voucher": VOUCHER,
    "payout": PAYOUT,
    "attempt": ATTEMPT,
    "payout_batch": PAYOUT_BATCH,
    "payoutbatch": PAYOUT_BATCH,
    "grade": GRADE,
    "wallet": WALLET,
    "payment_request": PAYMENT_REQUEST,
    "lightninginvoice": LIGHTNING_INVOICE,
    "pullpayment": PULL_PAYMENT,
    "payoutattempt": ATTEMPT,
}


def state_words(kind: str, state: str) -> StateWords:
    """The words for a state of one of `KINDS`. A state without words is shown by its own name rather than not at all."""
    return KINDS.get(kind, {}).get(state) or StateWords(state, "", "quiet", "circle-dashed")
