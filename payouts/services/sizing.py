"""How large a claim is and may be: its amount in both currencies, the limits it must keep, and what happens below the
minimum of Flash's network."""

from __future__ import annotations

from dataclasses import dataclass

from flashpay.money.amounts import MSAT_PER_SAT, amount_format, msat_format
from flashpay.money.currencies import Currency
from flashpay.money.rates import DOWN, UP, Rate, minor_from_msat, msat_from_minor
from flashpay.refusals import Refusal
from flashpay.stores.models import WalletConnection
from payouts.models import DestinationKind, MinimumPolicy, PullPayment
from payouts.services.targets import Target


@dataclass(frozen=True)
class Claim:
    """What a claim comes to: minor units to reserve, millisatoshi to send, and the rate between them.

    `least_rest`: what must at least be left after it, if anything is; 0 where any rest will do. `collected`: too small to
    be sent by itself, so it waits for more of the same recipient.
    """

    amount: int
    amount_msat: int
    rate: Rate | None
    least_rest: int = 0
    collected: bool = False


class RaiseOffered(Refusal):
    """The claim is too small, and the shop offers the smallest amount that can be paid instead.

    Nothing was claimed. The recipient confirms by claiming `amount` (minor units) with the same destination.
    """

    def __init__(self, amount: int, amount_msat: int, currency: Currency) -> None:
        shown = amount_format(amount, currency)
        super().__init__(
            "raise-to-minimum",
            f"The smallest amount that can be paid out is {shown}. Nothing was claimed yet; claim {shown} to go on.",
            field="amount",
        )
        self.amount = amount
        self.amount_msat = amount_msat


def claim_size(
    *, target: Target, currency: Currency, rate: Rate | None, amount: int | None, remaining: int | None
) -> Claim:
    """What `target` comes to at `rate`. An amount is needed where the recipient's invoice names none; it defaults to
    `remaining`. Raises Refusal."""
    if target.amount_is_ours:
        wanted = remaining if amount is None else amount
        if wanted is None:
            raise Refusal("invalid-amount", "How much is to be paid?", field="amount")
        if wanted <= 0:
            raise Refusal("overdraft", "Nothing is left to claim.")
        return Claim(wanted, msat_of(wanted, rate, whole_sats=target.kind != DestinationKind.BOLT11), rate)
    assert target.invoice is not None
    assert target.invoice.amount_msat is not None
    amount_msat = target.invoice.amount_msat
    # A started sat is reserved whole.
    reserved = -(-amount_msat // MSAT_PER_SAT) if rate is None else minor_from_msat(amount_msat, rate, UP)
    if amount is not None and reserved > amount:
        raise Refusal(
            "invalid-destination",
            f"The invoice is over {msat_format(amount_msat)}, more than the amount to claim.",
            field="amount",
        )
    if rate is not None and remaining and amount in (None, remaining) and reserved <= remaining:
        # Where a cent is less than a sat (Jamaica, Haiti), the whole sats of what is left are worth a little less than it.
        # Whoever claims them all has claimed everything: nobody could ever be paid the fraction that would remain.
        reserved = remaining if amount_msat >= msat_from_minor(remaining, rate, DOWN) else reserved
    return Claim(reserved, amount_msat, rate)


def claim_fitted(
    *,
    claim: Claim,
    target: Target,
    pull_payment: PullPayment,
    currency: Currency,
    wallet: WalletConnection,
    policy: str,
) -> Claim:
    """The claim held against every limit but what is left. Raises Refusal, RaiseOffered where the shop offers that."""
    minimum_msat = wallet.minimum_sat * MSAT_PER_SAT
    collects = policy == MinimumPolicy.COLLECT and pull_payment.auto_approve
    collected = False
    if claim.amount_msat < minimum_msat:
        collected = collects and target.kind != DestinationKind.BOLT11
        if not collected:
            _offer_raise(claim, target, pull_payment, currency, minimum_msat, policy)
            raise Refusal(
                "amount-too-low",
                f"The smallest amount that can be paid out is {msat_format(minimum_msat)}; "
                f"this claim is over {msat_format(claim.amount_msat)}.",
                field="amount",
            )
    if claim.amount < pull_payment.minimum_claim:
        least = amount_format(pull_payment.minimum_claim, currency)
        raise Refusal("amount-too-low", f"The smallest claim here is {least}.", field="amount")
    if pull_payment.maximum_claim is not None and claim.amount > pull_payment.maximum_claim:
        most = amount_format(pull_payment.maximum_claim, currency)
        raise Refusal("amount-too-high", f"The largest claim here is {most}.", field="amount")
    least_rest = 0 if collects else _least_rest(pull_payment, minor_of(minimum_msat, claim.rate))
    return Claim(claim.amount, claim.amount_msat, claim.rate, least_rest, collected)


def msat_of(minor: int, rate: Rate | None, *, whole_sats: bool = False) -> int:
    """Never more than `minor` is worth. LNURL services take whole sats alone, more often than not."""
    msat = minor * MSAT_PER_SAT if rate is None else msat_from_minor(minor, rate, DOWN)
    return msat - msat % MSAT_PER_SAT if whole_sats else msat


def minor_of(msat: int, rate: Rate | None) -> int:
    """Never less than `msat` are worth."""
    return -(-msat // MSAT_PER_SAT) if rate is None else minor_from_msat(msat, rate, UP)


def _offer_raise(
    claim: Claim, target: Target, pull_payment: PullPayment, currency: Currency, minimum_msat: int, policy: str
) -> None:
    """Raises RaiseOffered where the shop does that, FlashPay names the amount, and enough is left."""
    if policy != MinimumPolicy.RAISE or not target.amount_is_ours:
        return
    least = minor_of(minimum_msat, claim.rate)
    while msat_of(least, claim.rate, whole_sats=target.kind != DestinationKind.BOLT11) < minimum_msat:
        least += 1  # at most twice: rounding down to sats, after rounding up to cents
    most = pull_payment.maximum_claim
    if least <= pull_payment.remaining and (most is None or least <= most):
        raise RaiseOffered(least, minimum_msat, currency)


def _least_rest(pull_payment: PullPayment, wallet_minimum: int) -> int:
    """The smallest rest that somebody could still claim; 0 where no choice of theirs would avoid a smaller one."""
    least = max(wallet_minimum, pull_payment.minimum_claim)
    left, most = pull_payment.remaining, pull_payment.maximum_claim
    if pull_payment.maximum_claims is not None and pull_payment.claims + 1 >= pull_payment.maximum_claims:
        return 0  # nobody can claim after this one anyway
    takes_all = most is None or left <= most
    return least if takes_all or left >= 2 * least else 0
