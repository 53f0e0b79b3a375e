"""How a state is shown: its name, a sentence that explains it, a tone (colour) and an icon, so that none rests on colour alone.

Names are BTCPay Server's where it has the thing. Marked for translation are the states that payers and recipients meet.
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
# As its payer sees it.
RECEIPT: Final = {**INVOICE, "Settled": StateWords(_("Paid"), INVOICE["Settled"].sentence, "ok", "circle-check")}
ADDITIONAL: Final = {
    "PaidPartial": StateWords(_("paid in part"), _("Less than the amount arrived."), "warn", "alert-triangle"),
    "PaidOver": StateWords(
        _("paid over"), _("More than the amount arrived; the rest can be refunded."), "warn", "coins"
    ),
    "PaidLate": StateWords(_("paid late"), _("The payment came after the invoice had expired."), "warn", "clock"),
    "Marked": StateWords(_("marked"), _("A person set this state by hand."), "quiet", "user"),
}
LIGHTNING_INVOICE: Final = {
    "open": StateWords("Open", "This code can be paid.", "info", "hourglass"),
    "paid": StateWords("Paid", "This code was paid.", "ok", "circle-check"),
    "expired": StateWords(
        "Expired", "This code can no longer be paid; it is still watched for a late payment.", "quiet", "clock"
    ),
}
CARD: Final = {
    "reading": StateWords("Reading", "The card is being read; nothing is asked of it yet.", "info", "hourglass"),
    "asked": StateWords("Asked", "Its service has a code and is asked to pay it.", "info", "send"),
    "accepted": StateWords("Accepted", "Its service said yes, which is not money yet.", "info", "hourglass"),
    "declined": StateWords("Declined", "Its service said no, or was not asked to pay.", "quiet", "ban"),
    "unknown": StateWords("No answer", "It may pay or not; the code that it was given tells.", "warn", "help-circle"),
}
PULL_PAYMENT: Final = {
    "Scheduled": StateWords("Scheduled", "It can be claimed once it starts.", "info", "clock"),
    "Active": StateWords("Active", "Whoever holds the link can claim.", "ok", "circle-check"),
    "Paused": StateWords("Paused", "Nobody can claim until it is resumed.", "warn", "player-pause"),
    "Exhausted": StateWords("Claimed", "The whole amount has been claimed.", "quiet", "coins"),
    "Expired": StateWords("Expired", "Its time ran out; it can no longer be claimed.", "quiet", "clock"),
    "Archived": StateWords("Archived", "The merchant has closed it.", "quiet", "archive"),
}
VOUCHER: Final = {
    "Unclaimed": StateWords("Unclaimed", "Whoever holds it can claim it.", "info", "ticket"),
    "Claimed": StateWords("Claimed", "Somebody has claimed it; nothing was sent yet.", "info", "hourglass"),
    "InFlight": StateWords("In flight", "It was sent, and proof is awaited.", "info", "send"),
    "Paid": StateWords("Paid", "The recipient has the money.", "ok", "circle-check"),
    "Revoked": StateWords("Revoked", "It was ended before anybody claimed it.", "quiet", "ban"),
    "Expired": StateWords("Expired", "Its time ran out before anybody claimed it.", "quiet", "clock"),
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
    "needs review", "The evidence does not say yet whether it was paid; a person should look.", "bad", "flag"
)
ATTEMPT: Final = {
    "prepared": StateWords("Prepared", "Written down, and about to be sent.", "info", "hourglass"),
    "sent": StateWords("Sent", "Handed to Flash; its answer is awaited.", "info", "send"),
    "unknown": StateWords(
        "Unknown",
        "Flash gave no clear answer. It counts as in flight until there is proof.",
        "warn",
        "help-circle",
    ),
    "succeeded": StateWords("Succeeded", "Proved to be paid.", "ok", "circle-check"),
    "failed": StateWords("Failed", "Proved not to be paid: no money moved.", "bad", "circle-x"),
}
GRADE: Final = {
    "proof": StateWords("Proof", "Settles the question by itself.", "ok", "shield-check"),
    "decision": StateWords("Decision", "A person looked at the evidence and decided.", "ok", "user"),
    "strong": StateWords("Strong", "Very likely so, yet not proof.", "info", "shield-check"),
    "hint": StateWords("Hint", "Fits, and proves nothing.", "quiet", "info-circle"),
}
# Seen in the dashboard alone, which is in English.
PAYOUT_BATCH: Final = {
    "Draft": StateWords("Draft", "Nothing is sent from it until it is confirmed.", "warn", "hourglass"),
    "Confirmed": StateWords("Confirmed", "Its payouts are made; each has a state of its own.", "ok", "send"),
    "Discarded": StateWords("Discarded", "Nothing was sent from it.", "quiet", "circle-x"),
}
PAYMENT_REQUEST: Final = {
    "Pending": StateWords("Pending", "Something is still to be paid.", "info", "hourglass"),
    "Completed": StateWords("Completed", "Paid in full.", "ok", "circle-check"),
    "Expired": StateWords("Expired", "Its day has passed before it was paid in full.", "quiet", "clock"),
}
WALLET: Final = {
    "ok": StateWords("Connected", "Flash answers and the credential works.", "ok", "circle-check"),
    "trouble": StateWords("Trouble", "The last check failed.", "bad", "alert-triangle"),
    "unchecked": StateWords("Not checked yet", "The first check is on its way.", "quiet", "clock"),
    "none": StateWords("Not connected", "Connect a Flash wallet to take and pay out money.", "warn", "plug-connected"),
}

# By kind, and by the model's name as events have it.
KINDS: Final[dict[str, dict[str, StateWords]]] = {
    "invoice": INVOICE,
    "receipt": RECEIPT,
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
    "cardcollection": CARD,
    "pullpayment": PULL_PAYMENT,
    "payoutattempt": ATTEMPT,
}


def state_words(kind: str, state: str) -> StateWords:
    """The words for a state of one of `KINDS`. A state without words is shown by its own name rather than not at all."""
    return KINDS.get(kind, {}).get(state) or StateWords(state, "", "quiet", "circle-dashed")
