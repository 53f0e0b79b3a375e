"""What pull payments and payouts look like in JSON, coming and going; names as in BTCPay Server."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.crypto import salted_hmac
from pydantic import BaseModel, Field

from flashpay.api.invoice_shapes import btc_text
from flashpay.api.payment_methods import LIGHTNING
from flashpay.api.wire import AmountText, Input, Moment, PullPaymentId, UnixTime
from flashpay.money.amounts import amount_plain
from flashpay.money.currencies import Currency, currency_get
from payouts.models import AttemptState, Payout, PayoutAttempt, PayoutState, PullPayment, Renewal
from payouts.selectors import claim_link, pull_payment_state

LIGHTNING_PROOF = "PayoutLightningBlob"
# Payouts are never changed after they were claimed.
REVISION = 0
# For the documentation.
_PREIMAGE = "a13d93b5c7aae885d88fb09dd2302c88a81b15c2ad2da092c07a23025860f921"
_HASH = "4091e5030e6232da08dd0dc3daa77a6100457d5e6dea3c368138fec57047af6e"
_ALIAS_SALT = "flashpay.api.claim_alias"


class PullPaymentInput(Input):
    name: str = Field(default="", examples=["Wages"])
    description: str = Field(default="", max_length=2000, examples=["For May"])
    amount: AmountText = Field(examples=["50000"])
    currency: str | None = Field(default=None, description="Left out: the store's default currency", examples=["SAT"])
    minimumClaim: AmountText | None = Field(
        default=None, description="The smallest claim, in `currency`", examples=["10000"]
    )
    maximumClaim: AmountText | None = Field(default=None, description="The largest claim, in `currency`")
    maximumClaims: int | None = Field(default=None, ge=1, le=1_000_000, description="How often it may be claimed")
    approveByHandAbove: AmountText | None = Field(
        default=None, description="Larger claims wait for a person, whatever `autoApproveClaims` says"
    )
    twoPeopleAbove: AmountText | None = Field(default=None, description="Larger claims wait for two different people")
    renewsEvery: Renewal | None = Field(
        default=None, description="`day`, `week` or `month`: then `amount` can be claimed anew"
    )
    claimCode: str = Field(default="", max_length=64, description="A code that every claim must bring")
    autoApproveClaims: bool = Field(
        default=False, description="Claims are sent without a person approving them", examples=[True]
    )
    startsAt: UnixTime | None = None
    expiresAt: UnixTime | None = None
    payoutMethods: list[str] | None = Field(default=None, description="If given, it must name BTC-LN")
    BOLT11Expiration: AmountText | None = Field(
        default=None, description="Days. Only 0 or nothing: an invoice is good here if it lives long enough to be paid."
    )


class PullPaymentTerms(BaseModel):
    """What its store may know of a pull payment, and those who claim from it may not."""

    state: str = Field(description="Active, Paused, Scheduled, Expired, Exhausted or Archived", examples=["Active"])
    paused: bool
    claimedAmount: str = Field(description="Reserved by claims that are not cancelled, paid or not", examples=["20000"])
    remainingAmount: str = Field(examples=["30000"])
    claims: int = Field(examples=[1])
    maximumClaim: str | None
    maximumClaims: int | None
    approveByHandAbove: str | None
    twoPeopleAbove: str | None
    hasClaimCode: bool
    renewsEvery: Renewal | None = Field(examples=[None])
    renewsAt: Moment | None = Field(examples=[None])
    refundOfInvoice: str | None = Field(description="The invoice that it gives money of back")
    createdBy: str = Field(examples=["ada@shop.example (API key fpk_9Qm2…)"])


class PullPaymentData(BaseModel):
    id: PullPaymentId
    name: str = Field(examples=["Wages"])
    description: str = Field(examples=["For May"])
    currency: str = Field(examples=["SAT"])
    amount: str = Field(examples=["50000"])
    minimumClaim: str = Field(examples=["10000"])
    BOLT11Expiration: str = "0"
    autoApproveClaims: bool = Field(examples=[True])
    archived: bool
    viewLink: str = Field(
        description="The page to claim on. Whoever has the link can claim",
        examples=["https://pay.example/p/Nf9wGt4jRkUa7XbVzDm2Cq"],
    )
    startsAt: Moment
    expiresAt: Moment | None = Field(examples=[None])
    terms: PullPaymentTerms | None = Field(description="Null for callers without a key of the store")


class PullPaymentToAnybody(PullPaymentData):
    """As whoever has the link may see it."""

    terms: PullPaymentTerms | None = Field(description="Null: it is for its store alone", examples=[None])


class LnurlData(BaseModel):
    lnurlBech32: str = Field(examples=["lightning:lnurl1…"])
    lnurlUri: str | None = Field(
        description="The same as an lnurlw:// link; null where that scheme cannot carry our address (plain http)",
        examples=["lnurlw://pay.example/lnurl/withdraw/8c1f…"],
    )
    webLink: str = Field(
        description="The claim page with `lightning=`: a camera opens the page, a wallet the LNURL",
        examples=["https://pay.example/p/Nf9wGt4jRkUa7XbVzDm2Cq?lightning=LNURL1…"],
    )
    qrSvg: str = Field(
        description="The code as a file for print; `size_mm`, `caption`, `correction` and `code` as you like",
        examples=["https://pay.example/p/Nf9wGt4jRkUa7XbVzDm2Cq/qr.svg"],
    )
    qrPng: str = Field(
        description="The same as PNG, at 300 dots per inch",
        examples=["https://pay.example/p/Nf9wGt4jRkUa7XbVzDm2Cq/qr.png"],
    )


class ClaimInput(Input):
    destination: str = Field(
        max_length=5000,
        description="A BOLT 11 invoice, Lightning Address or LNURL of the recipient",
        examples=["ada@pay.example"],
    )
    amount: AmountText | None = Field(
        default=None,
        description="In the pull payment's currency; for an invoice without an amount, or as the most to claim",
        examples=["20000"],
    )
    claimCode: str = Field(default="", max_length=64, description="Where the shop asks for a code with every claim")
    payoutMethodId: str = LIGHTNING


class ApproveInput(Input):
    revision: int = Field(default=REVISION, examples=[REVISION])


class PayoutInput(Input):
    destination: str = Field(
        max_length=5000, description="A BOLT 11 invoice, Lightning Address or LNURL", examples=["ada@pay.example"]
    )
    amount: AmountText | None = Field(
        default=None,
        description="In `currency`; for what names no amount itself, or as the most to pay",
        examples=["30000"],
    )
    currency: str | None = Field(
        default=None, description="Left out: the pull payment's, or BTC where there is none", examples=["SAT"]
    )
    pullPaymentId: str | None = Field(default=None, description="Take it out of this pull payment")
    approved: bool = Field(
        default=False, description="Send it without anybody else's approval. The store's rules may want a second person"
    )
    metadata: dict[str, Any] = Field(
        default={}, description="Yours to fill; kept as it is", examples=[{"run": "2026-05"}]
    )
    claimCode: str = Field(default="", max_length=64, description="The pull payment's, where it has one")
    payoutMethodId: str = LIGHTNING


class MarkInput(Input):
    state: PayoutState = Field(
        description="AwaitingPayment (approve), Completed (paid in another way) or Cancelled. InProgress comes by sending alone",
        examples=["Completed"],
    )
    reason: str = Field(
        default="",
        max_length=500,
        description="Stays on record. Completed needs one",
        examples=["Paid in cash on Friday"],
    )
    paymentProof: dict[str, Any] | None = Field(default=None, description="Kept in the metadata as `paymentProof`")


class MarkPaidInput(Input):
    reason: str = Field(
        default="", max_length=500, description="How it was paid. Stays on record", examples=["Paid in cash on Friday"]
    )


class ProofData(BaseModel):
    proofType: str = LIGHTNING_PROOF
    id: str = Field(examples=[_HASH])
    link: str | None = None
    PaymentHash: str = Field(examples=[_HASH])
    Preimage: str | None = Field(description="Once it is known; it hashes to PaymentHash", examples=[_PREIMAGE])


class PayoutData(BaseModel):
    id: str = Field(examples=["Hs6yMe3pLvJx8TnKrFw5Bg"])
    revision: int = REVISION
    pullPaymentId: PullPaymentId | None
    date: Moment
    destination: str = Field(
        description="Empty for readers without a key who did not make the claim", examples=["ada@pay.example"]
    )
    originalCurrency: str = Field(examples=["SAT"])
    originalAmount: str = Field(examples=["20000"])
    payoutCurrency: str = "BTC"
    payoutAmount: str | None = Field(
        description="What is sent, in BTC; null until it is approved", examples=["0.00020000"]
    )
    payoutMethodId: str = LIGHTNING
    state: PayoutState = Field(examples=["Completed"])
    paymentProof: ProofData | None = Field(description="Once a payment was started; it proves something when Completed")
    reason: str | None = Field(description="Why it waits, failed last time, or was cancelled")
    needsReview: bool = Field(description="Nobody can tell yet whether it was paid; a person has to look")
    metadata: dict[str, Any] = Field(examples=[{"run": "2026-05"}])
    approvals: int = Field(description="How many people approved it", examples=[1])
    approvalsNeeded: int = Field(examples=[1])


class ClaimData(PayoutData):
    """A payout as whoever claimed it may see it."""

    metadata: dict[str, Any] = Field(description="Empty: the store's own notes", examples=[{}])


def pull_payment_shown(pull_payment: PullPayment, *, to_store: bool = True) -> PullPaymentData:
    """`to_store`: with the terms that are nobody else's business."""
    currency = currency_get(pull_payment.currency)
    shape = PullPaymentData if to_store else PullPaymentToAnybody
    return shape(
        id=pull_payment.pk,
        name=pull_payment.name,
        description=pull_payment.description,
        currency=pull_payment.currency,
        amount=amount_plain(pull_payment.amount, currency),
        minimumClaim=amount_plain(pull_payment.minimum_claim, currency),
        autoApproveClaims=pull_payment.auto_approve,
        archived=pull_payment.archived_at is not None,
        viewLink=claim_link(pull_payment),
        startsAt=pull_payment.starts_at,
        expiresAt=pull_payment.expires_at,
        terms=_terms(pull_payment, currency) if to_store else None,
    )


def _terms(pull_payment: PullPayment, currency: Currency) -> PullPaymentTerms:
    def plain(amount: int | None) -> str | None:
        return None if amount is None else amount_plain(amount, currency)

    return PullPaymentTerms(
        state=pull_payment_state(pull_payment, timezone.now()),
        paused=pull_payment.paused,
        claimedAmount=amount_plain(pull_payment.claimed, currency),
        remainingAmount=amount_plain(pull_payment.remaining, currency),
        claims=pull_payment.claims,
        maximumClaim=plain(pull_payment.maximum_claim),
        maximumClaims=pull_payment.maximum_claims,
        approveByHandAbove=plain(pull_payment.approve_by_hand_above),
        twoPeopleAbove=plain(pull_payment.two_people_above),
        hasClaimCode=bool(pull_payment.claim_code_hash),
        renewsEvery=Renewal(pull_payment.renews_every) if pull_payment.renews_every else None,
        renewsAt=pull_payment.renews_at,
        refundOfInvoice=pull_payment.refund_of_id,
        createdBy=pull_payment.created_by,
    )


def payout_shown(payout: Payout, *, to_store: bool = True) -> PayoutData:
    """`payout.attempts` should be prefetched where many are shown. `to_store`: with the store's own notes."""
    shape = PayoutData if to_store else ClaimData
    return shape(
        id=payout.pk,
        pullPaymentId=payout.pull_payment_id,
        date=payout.created_at,
        destination=payout.destination,
        originalCurrency=payout.currency,
        originalAmount=amount_plain(payout.amount, currency_get(payout.currency)),
        payoutAmount=None if payout.state == PayoutState.AWAITING_APPROVAL else btc_text(payout.amount_msat),
        state=PayoutState(payout.state),
        paymentProof=_proof(payout),
        reason=payout.reason or None,
        needsReview=payout.needs_review,
        metadata=payout.metadata if to_store else {},
        approvals=payout.approvals,
        approvalsNeeded=payout.approvals_needed,
    )


def claim_shown_to_anybody(payout: Payout) -> PayoutData:
    """A claim for whoever has the pull payment's link: how much and how far, and nothing that is its recipient's.

    The id opens the claim's page with destination and proof, so another one stands in its place: the same each time, and
    good for nothing else.
    """
    shown = payout_shown(payout, to_store=False)
    alias = salted_hmac(_ALIAS_SALT, payout.pk, algorithm="sha256").hexdigest()[: len(payout.pk)]
    return shown.model_copy(update={"id": alias, "destination": "", "paymentProof": None, "reason": None})


def _proof(payout: Payout) -> ProofData | None:
    """Of the attempt that paid it, or is in the air. Failed ones moved no money and prove nothing."""
    live = [attempt for attempt in payout.attempts.all() if attempt.state != AttemptState.FAILED]
    if not live:
        return None
    attempt: PayoutAttempt = live[-1]
    return ProofData(id=attempt.payment_hash, PaymentHash=attempt.payment_hash, Preimage=attempt.preimage or None)
