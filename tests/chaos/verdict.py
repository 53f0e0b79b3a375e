"""What must be true at the end, asked of the sandbox's books and of the database, and told as a table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from flashpay.money.amounts import MSAT_PER_SAT
from flashpay.stores.models import Event, Store, WalletConnection
from payouts.models import (
    OPEN_ATTEMPT_STATES,
    AttemptState,
    Payout,
    PayoutAttempt,
    PayoutState,
    PullPayment,
    WalletFloat,
)
from payouts.services.covering import balance_refresh, float_covers
from tests.chaos.books import Books, daring_sends
from tests.chaos.recipients import Outcome, Recipient
from tests.sandbox_server import SandboxServer

_SHOWN = 5
_LATER = timedelta(minutes=1)


@dataclass
class Verdict:
    """`broken` names every promise that was not kept, with the first few cases; empty where all were."""

    recipients: list[Recipient]
    injected: Counter[str]
    blows: Counter[str]
    diary: list[str]
    states: Counter[str] = field(default_factory=Counter)
    broken: dict[str, list[str]] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    in_review: int = 0
    unproved: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    sends: int = 0
    attempts: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    # What is known of each payout in flight, for whoever wants to know why it could not be proved.
    dossiers: list[str] = field(default_factory=list)

    def promise(self, sentence: str, broken: Iterable[str]) -> None:
        """Note a promise and the cases that break it."""
        cases = sorted(set(broken))
        if cases:
            self.broken[sentence] = cases
        else:
            self.kept.append(sentence)

    def table(self) -> str:
        outcomes = Counter(each.outcome.value for each in self.recipients)
        claims = Counter(each.kind.value for each in self.recipients)
        rows: list[tuple[str, str]] = [
            ("CLAIMS", f"{len(self.recipients):,}"),
            *_counted(claims),
            *((f"… {name}", f"{count:,}") for name, count in sorted(outcomes.items())),
            ("FAULTS AT FLASH", f"{sum(self.injected.values()):,}"),
            *_counted(self.injected),
            ("BLOWS", f"{sum(self.blows.values()):,}"),
            *_counted(self.blows),
            ("PAYOUTS", f"{sum(self.states.values()):,}"),
            *((f"  {state}", f"{self.states[state]:,}") for state in PayoutState.values),
            ("  in flight: needs review", f"{self.in_review:,}"),
            *((f"  in flight: {name}", f"{count:,}") for name, count in sorted(self.unproved.items())),
            ("ATTEMPTS", f"{self.attempts:,}"),
            ("REQUESTS TO FLASH", f"{self.calls:,}, of them {self.sends:,} to pay"),
            *((f"SECONDS {name}", f"{seconds:.0f}") for name, seconds in self.seconds.items()),
            ("PROMISES", ""),
            *((f"  {sentence}", "0 broken") for sentence in self.kept),
            *(
                (f"  {sentence}", f"{len(cases)} BROKEN: {', '.join(cases[:_SHOWN])}")
                for sentence, cases in self.broken.items()
            ),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)


def judge(verdict: Verdict, *, stores: list[Store], sandbox: SandboxServer, books: Books) -> None:
    """Fill in the figures and hold every promise against the truth."""
    books.read_on()
    payments = books.payments()
    payouts = list(Payout.objects.filter(store__in=stores).prefetch_related("attempts__evidence"))
    truth = _Truth(verdict.recipients, payouts, payments)
    verdict.states = Counter(payout.state for payout in payouts)
    verdict.in_review = sum(payout.needs_review for payout in payouts)
    verdict.calls, verdict.sends = books.calls, len(books.sends)
    verdict.attempts = sum(len(payout.attempts.all()) for payout in payouts)
    verdict.unproved = Counter(
        "paid, as the sandbox knows" if truth.paid(payout) else "not paid, as the sandbox knows"
        for payout in payouts
        if payout.state == PayoutState.IN_PROGRESS
    )
    verdict.dossiers = [_dossier(truth, each) for each in payouts if each.state == PayoutState.IN_PROGRESS]
    _once(verdict, truth, payouts, payments)
    _true_states(verdict, truth, payouts)
    _nothing_lost(verdict, truth, payouts, payments)
    _limits(verdict, truth, stores)
    _reserves(verdict, stores, sandbox)
    daring = daring_sends(books.sends, payments, truth.payout_of_bolt11)
    verdict.promise("no new attempt while an older one's payment was alive", daring)


class _Truth:
    """Which payments belong to which payout: by its attempts, and by whom the recipient says they reached."""

    def __init__(self, recipients: list[Recipient], payouts: list[Payout], payments: list[dict[str, Any]]) -> None:
        self.payout_of_bolt11 = {each.bolt11: payout.pk for payout in payouts for each in payout.attempts.all()}
        self.payout_of_hash = {each.payment_hash: payout.pk for payout in payouts for each in payout.attempts.all()}
        arrived = [payment for payment in payments if payment["state"] == "SUCCEEDED"]
        self.arrived_by_hash = Counter(payment["payment_hash"] for payment in arrived)
        self._of_payout: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for payment in arrived:
            self._of_payout[self.payout_of_hash.get(payment["payment_hash"], "")].append(payment)
        by_hash = {each: recipient for recipient in recipients for each in recipient.hashes}
        by_name = {recipient.username: recipient for recipient in recipients if recipient.username}
        self.arrived_at: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for payment in arrived:
            recipient = by_hash.get(payment["payment_hash"]) or by_name.get(payment["to"])
            if recipient is not None:
                self.arrived_at[recipient.number].append(payment)
        by_destination = {payout.destination: payout for payout in payouts}
        by_id = {payout.pk: payout for payout in payouts}
        self.payout_of: Mapping[int, Payout | None] = {
            each.number: by_id.get(each.payout_id) or by_destination.get(each.destination) for each in recipients
        }
        self.orphans = [each["payment_hash"] for each in arrived if each["payment_hash"] not in self.payout_of_hash]

    def paid(self, payout: Payout) -> list[dict[str, Any]]:
        return self._of_payout[payout.pk]


def _once(verdict: Verdict, truth: _Truth, payouts: list[Payout], payments: list[dict[str, Any]]) -> None:
    verdict.promise(
        "a payment hash is paid at most once", [each for each, count in truth.arrived_by_hash.items() if count > 1]
    )
    verdict.promise("a payout is paid at most once", [each.pk for each in payouts if len(truth.paid(each)) > 1])
    verdict.promise(
        "a recipient gets one claim paid at most once",
        [f"recipient {number}" for number, found in truth.arrived_at.items() if len(found) > 1],
    )
    verdict.promise(
        "nobody gets more than the payout says",
        [each.pk for each in payouts for payment in truth.paid(each) if payment["amount_msat"] > each.amount_msat],
    )


def _true_states(verdict: Verdict, truth: _Truth, payouts: list[Payout]) -> None:
    final_unpaid = [each.pk for each in payouts if each.state == PayoutState.COMPLETED and not truth.paid(each)]
    verdict.promise("every Completed was paid", final_unpaid)
    still = (PayoutState.CANCELLED, PayoutState.AWAITING_APPROVAL, PayoutState.AWAITING_PAYMENT)
    for state in still:
        paid = [each.pk for each in payouts if each.state == state and truth.paid(each)]
        verdict.promise(f"no {state} was paid", paid)
    verdict.promise(
        "every payout in flight has one open attempt, and evidence or a request on its way",
        [each.pk for each in payouts if each.state == PayoutState.IN_PROGRESS and not _lawfully_open(each)],
    )
    verdict.promise(
        "no payout that is not in flight has an open attempt",
        [each.pk for each in payouts if each.state != PayoutState.IN_PROGRESS and _open(each)],
    )
    verdict.promise(
        "a proof stands behind every attempt that ended",
        [
            payout.pk
            for payout in payouts
            for attempt in payout.attempts.all()
            if attempt.state in (AttemptState.SUCCEEDED, AttemptState.FAILED)
            and not any(found.grade == "proof" for found in attempt.evidence.all())
        ],
    )
    verdict.promise("the events tell the state that the row has", _event_gaps(payouts))


def _open(payout: Payout) -> list[PayoutAttempt]:
    return [attempt for attempt in payout.attempts.all() if attempt.state in OPEN_ATTEMPT_STATES]


def _lawfully_open(payout: Payout) -> bool:
    found = _open(payout)
    if len(found) != 1:
        return False
    return found[0].state != AttemptState.UNKNOWN or bool(found[0].evidence.all()) or bool(payout.reason)


def _dossier(truth: _Truth, payout: Payout) -> str:
    lines = [f"{payout.pk} {payout.destination_kind} {'PAID' if truth.paid(payout) else 'not paid'}: {payout.reason}"]
    for attempt in payout.attempts.all():
        lines.append(
            f"  {attempt.number} {attempt.state} {'no amount' if attempt.amount_cents else ''} {attempt.sent_at}"
        )
        lines += [
            f"    {found.at:%H:%M:%S} {found.source} {found.grade} {found.summary}" for found in attempt.evidence.all()
        ]
    return "\n".join(lines)


def _event_gaps(payouts: list[Payout]) -> list[str]:
    last: dict[str, str] = {}
    for event in Event.objects.filter(entity="payout", entity_id__in=[each.pk for each in payouts]).order_by("pk"):
        last[event.entity_id] = event.after
    return [each.pk for each in payouts if last.get(each.pk) != each.state]


def _nothing_lost(verdict: Verdict, truth: _Truth, payouts: list[Payout], payments: list[dict[str, Any]]) -> None:
    verdict.promise(
        "every accepted claim has its payout",
        [
            f"recipient {each.number}"
            for each in verdict.recipients
            if each.outcome is Outcome.ACCEPTED and truth.payout_of[each.number] is None
        ],
    )
    verdict.promise(
        "no refused claim was paid",
        [
            f"recipient {each.number}"
            for each in verdict.recipients
            if each.outcome is Outcome.REFUSED and truth.arrived_at[each.number]
        ],
    )
    verdict.promise(
        "what the shop cancelled was not paid",
        [f"recipient {each.number}" for each in verdict.recipients if each.cancelled and truth.arrived_at[each.number]],
    )
    ours = {each["id"] for each in payments if each["payment_hash"] in truth.payout_of_hash}
    senders = {each["from"] for each in payments if each["id"] in ours}
    verdict.promise(
        "every payment from our wallets belongs to a payout",
        [each["payment_hash"] for each in payments if each["from"] in senders and each["id"] not in ours],
    )
    claimed = {payout.pk for payout in truth.payout_of.values() if payout is not None}
    verdict.promise("every payout has one recipient", [each.pk for each in payouts if each.pk not in claimed])


def _limits(verdict: Verdict, truth: _Truth, stores: list[Store]) -> None:
    wrong, over, overpaid = [], [], []
    for pull_payment in PullPayment.objects.filter(store__in=stores).prefetch_related("payouts"):
        kept = [each for each in pull_payment.payouts.all() if each.state != PayoutState.CANCELLED]
        reserved = sum(each.amount for each in kept)
        if reserved != pull_payment.claimed or len(kept) != pull_payment.claims:
            wrong.append(pull_payment.pk)
        if reserved > pull_payment.amount:
            over.append(pull_payment.pk)
        arrived_msat = sum(payment["amount_msat"] for each in kept for payment in truth.paid(each))
        if pull_payment.currency == "SAT" and arrived_msat > pull_payment.amount * MSAT_PER_SAT:
            overpaid.append(pull_payment.pk)
    verdict.promise("no pull payment is claimed above its limit", over)
    verdict.promise("no pull payment is paid above its limit", overpaid)
    verdict.promise("what a pull payment counts as claimed is the sum of its payouts", wrong)


def _reserves(verdict: Verdict, stores: list[Store], sandbox: SandboxServer) -> None:
    """What is open is reserved to the cent and no more, and the wallet covers it beside what it has paid already."""
    overdrawn, wrong = [], []
    for connection in WalletConnection.objects.filter(store__in=stores, is_active=True):
        account = sandbox.api("GET", f"/api/accounts/{connection.username}")
        balance = Decimal(account["balances_cents"][connection.wallet_currency])
        found = PayoutAttempt.objects.filter(connection=connection, state__in=OPEN_ATTEMPT_STATES)
        reserved = sum(((each.debit_cents or 0) + (each.fee_estimate_cents or 0) for each in found), Decimal(0))
        if balance < 0:
            overdrawn.append(connection.wallet_id)
        # As if it were read a while later: what ended within seconds of the reading would count as still leaving.
        balance_refresh(connection=connection, now=timezone.now() + _LATER, older_than=timedelta(0))
        free = WalletFloat.objects.get(fingerprint__startswith=connection.wallet_id).balance_cents
        free = (free or Decimal(0)) - reserved
        fits = float_covers(connection=connection, needed_cents=free)
        if not fits or float_covers(connection=connection, needed_cents=free + Decimal("0.0001")):
            wrong.append(f"{connection.wallet_id} (balance {balance}, reserved {reserved})")
    verdict.promise("no wallet is overdrawn", overdrawn)
    verdict.promise("the reserve of each wallet is the sum of what is open", wrong)


def _counted(counts: Counter[str]) -> list[tuple[str, str]]:
    return [(f"  {name}", f"{count:,}") for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
