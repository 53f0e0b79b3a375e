"""Reading pull payments and payouts: what may be claimed now, by which LNURL, and how a claim went. Nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q, QuerySet
from django.urls import reverse

from flashpay.money.amounts import MSAT_PER_SAT, msat_format
from flashpay.money.currencies import currency_get
from flashpay.money.rates import DOWN, UP, Rate, msat_from_minor
from flashpay.refusals import Refusal
from flashpay.stores.models import Store, WalletConnection
from flashpay.stores.rates import rate_get
from flashpay.stores.wallets import wallet_of
from lnurl.wire.codec import lnurl_encode, lud17_encode
from payouts.models import AttemptState, Payout, PayoutAttempt, PayoutState, PullPayment, SendingSwitch

# More than fit a phone's screen; the shop's own pages show all.
CLAIMS_SHOWN = 20


class PullPaymentLnurl(NamedTuple):
    """`bech32` is in capitals for a QR code (LUD-01); `uri` is the LUD-17 link, empty where the scheme cannot carry our
    address (plain http on a private network)."""

    bech32: str
    uri: str


@dataclass(frozen=True)
class ClaimLimits:
    """What one claim may come to at this moment, in whole sats (LUD-03), and the rate behind it for a fiat amount."""

    minimum_msat: int
    maximum_msat: int
    rate: Rate | None


def pull_payment_find(pull_payment_id: str) -> PullPayment | None:
    return PullPayment.objects.select_related("store").filter(pk=pull_payment_id).first()


def pull_payment_by_lnurl(token: str) -> PullPayment | None:
    """The pull payment with this LNURL token, in any case (some wallets change it), or with this id."""
    return PullPayment.objects.select_related("store").filter(Q(lnurl_token=token.lower()) | Q(pk=token)).first()


def pull_payment_lnurl(pull_payment: PullPayment) -> PullPaymentLnurl:
    """Its LNURL-withdraw address as capital bech32 and as an `lnurlw://` link (LUD-01, LUD-03, LUD-17)."""
    url = lnurl_address("lnurl:withdraw", pull_payment.lnurl_token)
    try:
        uri = lud17_encode(url, "lnurlw")
    except ValueError:
        uri = ""
    return PullPaymentLnurl(lnurl_encode(url), uri)


def claim_link(pull_payment: PullPayment) -> str:
    """The address of its claim page, for people. Whoever has it can claim."""
    return settings.PUBLIC_URL + reverse("payouts:claim", args=[pull_payment.pk])


def receipt_link(payout: Payout) -> str:
    """The address of its public receipt, for whoever may see it: knowing it is enough."""
    return settings.PUBLIC_URL + reverse("payouts:receipt", args=[payout.pk])


def lnurl_address(name: str, *args: str) -> str:
    """An absolute address of ours for wallets: lower-case, because some lower-case it anyway, and from PUBLIC_URL, because
    behind a proxy the request's own host may be another."""
    return settings.PUBLIC_URL.lower() + reverse(name, args=args)


def pull_payment_state(pull_payment: PullPayment, now: datetime) -> str:
    """Where it stands: Archived, Expired, Scheduled, Exhausted, Paused or Active; names as in `flashpay.state_words`."""
    if pull_payment.archived_at is not None:
        return "Archived"
    if pull_payment.expires_at is not None and now >= pull_payment.expires_at:
        return "Expired"
    if now < pull_payment.starts_at:
        return "Scheduled"
    used_up = pull_payment.maximum_claims is not None and pull_payment.claims >= pull_payment.maximum_claims
    if pull_payment.remaining <= 0 or used_up:
        return "Exhausted"
    return "Paused" if pull_payment.paused else "Active"


_NOT_ACTIVE = {
    "Archived": ("archived", "The shop has ended this pull payment. Ask them if you expected money."),
    "Expired": ("expired", "This pull payment has expired. Ask the shop if you expected money."),
    "Scheduled": ("not-started", "This pull payment has not started yet. Nothing was claimed; please come back later."),
    "Exhausted": ("overdraft", "Everything here has been claimed already; nothing is left."),
    "Paused": ("paused", "The shop has paused this pull payment. Nothing was claimed; please try again later."),
}


def pull_payment_check_active(pull_payment: PullPayment, now: datetime) -> None:
    """Raises Refusal, with BTCPay Server's code and a sentence for the recipient, unless it can be claimed from now."""
    state = pull_payment_state(pull_payment, now)
    if state in _NOT_ACTIVE:
        raise Refusal(*_NOT_ACTIVE[state])
    if pull_payment.store.archived:
        raise Refusal(
            "store-archived",
            "This shop is closed at the moment. Nothing was claimed; please try again later or ask the shop.",
        )


def paying_wallet_of(store: Store) -> WalletConnection:
    """The wallet that pays the store's claims out. Raises Refusal with a sentence for recipients, who cannot change it."""
    connection = WalletConnection.objects.filter(store=store, is_active=True).first()
    if connection is None or not connection.can_send:
        raise Refusal(
            "wallet-not-connected",
            "The shop's wallet cannot pay out at the moment. Nothing was claimed; please try again later or ask the shop.",
        )
    return connection


def sending_wallet_of(store: Store) -> WalletConnection:
    """The same for the store's own people. Raises Refusal with a sentence that says what to do about it."""
    connection = wallet_of(store)
    if not connection.can_send:
        raise Refusal(
            "wallet-receives-only",
            "This store's wallet can only receive. Connect it with an API key or a session token to pay out.",
        )
    return connection


def claim_limits(pull_payment: PullPayment, now: datetime) -> ClaimLimits:
    """The smallest and largest claim that would be accepted now. Both are the wallet's as much as the pull payment's.

    Raises Refusal when nothing can be claimed, and NoFreshRate where a fiat amount has no price at the moment.
    """
    pull_payment_check_active(pull_payment, now)
    wallet_minimum_msat = paying_wallet_of(pull_payment.store).minimum_sat * MSAT_PER_SAT
    currency = currency_get(pull_payment.currency)
    most = pull_payment.remaining
    if pull_payment.maximum_claim is not None:
        most = min(most, pull_payment.maximum_claim)
    if currency.is_bitcoin:
        rate = None
        own_minimum_msat = pull_payment.minimum_claim * MSAT_PER_SAT
        maximum_msat = most * MSAT_PER_SAT
    else:
        rate = rate_get(currency)
        own_minimum_msat = msat_from_minor(pull_payment.minimum_claim, rate, UP)
        # Rounded down: what a wallet asks for after reading this must not exceed what is left.
        maximum_msat = msat_from_minor(most, rate, DOWN)
        if pull_payment.minimum_claim <= most:
            # Whoever takes every whole sat of it takes all of it, though the two roundings are a sat apart.
            own_minimum_msat = min(own_minimum_msat, maximum_msat)
    minimum_msat = max(wallet_minimum_msat, own_minimum_msat)
    if maximum_msat < minimum_msat:
        raise Refusal(
            "amount-too-low",
            f"What is left here, {msat_format(maximum_msat)}, is less than the smallest amount that can be paid out, "
            f"{msat_format(minimum_msat)}.",
        )
    return ClaimLimits(minimum_msat, maximum_msat, rate)


def claims_shown(pull_payment: PullPayment) -> list[Payout]:
    """The newest claims, for everybody who has the link: without destination, for those are other people's."""
    newest = pull_payment.payouts.order_by("-created_at").defer("destination")
    return list(newest[:CLAIMS_SHOWN])


def claim_find(*, pull_payment_id: str, payout_id: str) -> Payout | None:
    """A claim by the two secrets in its address; None when they do not belong together."""
    return (
        Payout.objects.select_related("store", "pull_payment")
        .filter(pk=payout_id, pull_payment_id=pull_payment_id)
        .first()
    )


def payout_receipt(payout: Payout) -> PayoutAttempt | None:
    """The attempt that paid it, with payment hash, preimage and fee as far as they are known."""
    return payout.attempts.filter(state=AttemptState.SUCCEEDED).first()


def pull_payments_of(*, store: Store, archived_too: bool) -> QuerySet[PullPayment]:
    """The store's pull payments, newest first."""
    found = PullPayment.objects.filter(store=store)
    if not archived_too:
        found = found.filter(archived_at=None)
    return found.order_by("-created_at", "pk")


def sending_stopped() -> SendingSwitch | None:
    """The switch of the whole installation while it stops all sending."""
    return SendingSwitch.objects.filter(paused=True).first()


def payouts_of(
    *, store: Store | None = None, pull_payment: PullPayment | None = None, cancelled_too: bool
) -> QuerySet[Payout]:
    """The payouts of a store or of one pull payment, newest first, each with its attempts."""
    found = Payout.objects.prefetch_related("attempts")
    if store is not None:
        found = found.filter(store=store)
    if pull_payment is not None:
        found = found.filter(pull_payment=pull_payment)
    if not cancelled_too:
        found = found.exclude(state=PayoutState.CANCELLED)
    return found.order_by("-created_at", "pk")


def payout_find(payout_id: str) -> Payout | None:
    return Payout.objects.select_related("store").filter(pk=payout_id).first()
