"""A card at the till: its service is asked, by LNURL-withdraw (LUD-03), to pay one code of an invoice.

A card's word is never money. Whatever its service answers, the invoice is paid when Flash says so of the payment hash
(push or poll), like any other. And a card is never asked to pay twice: as long as a code that a service was given may still
be paid, a further tap is for that very code, which can be paid once; only when Flash says that it is over is there another.

`card_present` takes a tap, `card_collect` (a worker) asks its service, `card_collections_sweep` tidies up after dead workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from flashpay import live
from flashpay.announcing import announce, announce_on_commit
from flashpay.invoices.cards import card_policy, card_read, host_of, is_own, own_link
from flashpay.invoices.models import (
    CARD_RUNNING,
    CardCollection,
    CardState,
    Invoice,
    InvoiceType,
    LightningInvoice,
)
from flashpay.invoices.selectors import code_card_may_pay, invoice_due_msat, invoice_is_payable
from flashpay.invoices.services.asking import DEVIATION
from flashpay.invoices.services.codes import SHORTEST_LIFE, lightning_invoice_issue
from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal
from flashpay.stores.events import event_record, transition
from flashpay.stores.wallets import wallet_of
from lnurl.wire.errors import AmountRefused, ServiceRefused, WireError
from lnurl.wire.withdraw import Answer, WithdrawOffer, withdraw_check, withdraw_hand_over, withdraw_offer_fetch

log = structlog.get_logger(__name__)

# Somebody stands at the till and waits.
OFFER_DEADLINE_S = 8.0
# Services pay first and answer then, and some give their payment ten seconds (Q18).
ANSWER_DEADLINE_S = 20.0
# From the tap until its service is asked to pay: later the customer has left, or has begun to pay in another way.
TAP_LIFE = timedelta(seconds=30)
# Longer than TAP_LIFE and the last answer together: whoever took a tap up so long ago has died.
TAKEN_LIFE = timedelta(seconds=60)
# A tap that is announced and not taken up by then is announced again.
ANNOUNCE_AGAIN = timedelta(seconds=4)
# How often, and how long apart, a code is asked for that a page is just having made.
CODE_TRIES = 5
CODE_PAUSE_S = 1.0

_TASK = "flashpay.invoices.tasks.collect_card"
_ANSWERED = {
    Answer.ACCEPTED: CardState.ACCEPTED,
    Answer.DECLINED: CardState.DECLINED,
    Answer.UNKNOWN: CardState.UNKNOWN,
}


@dataclass(frozen=True)
class _Clockwork:
    """Time, as an argument."""

    now: Callable[[], datetime]
    pause: Callable[[float], None]


def card_present(
    *, invoice: Invoice, text: str, amount_msat: int | None = None, actor: str = "payer", now: datetime | None = None
) -> CardCollection:
    """Take a tap: what an NFC card, a scanner or a paste brought, to be read and asked by a worker at once.

    `amount_msat` is for a top-up invoice. While one card is asked, further taps are answered with that one. Raises Refusal
    for what is no card's link, an invoice that takes no money, and where a card may still pay an earlier code.
    """
    now = now or timezone.now()
    card = card_read(text)
    _payable_check(invoice, now)
    top_up = invoice.type == InvoiceType.TOP_UP
    if top_up and amount_msat is None:
        raise Refusal("amount-needed", _("Please choose first how much you want to pay."), field="amount")
    _wallet_check(invoice)
    running = _running(invoice)
    if running is not None:
        return running
    code_in_doubt(invoice=invoice, amount_msat=amount_msat, now=now)
    try:
        with transaction.atomic():
            row = CardCollection.objects.create(
                invoice=invoice,
                store_id=invoice.store_id,
                link=text.strip(),
                host=host_of(card),
                amount_msat=amount_msat if top_up else None,
                created_at=now,
            )
            evidence = {"host": row.host}
            event_record(
                row=row,
                type="CardPresented",
                after=row.state,
                actor=actor,
                at=now,
                evidence=evidence,
                also=_watchers(row),
            )
            announce_on_commit(_TASK, row.pk)
    except IntegrityError:  # two taps at the same moment: the other one is asked
        running = _running(invoice)
        if running is None:
            raise
        return running
    return row


def card_collect(
    *,
    collection_id: int,
    clock: Callable[[], datetime] = timezone.now,
    pause: Callable[[float], None] = time.sleep,
) -> bool:
    """Read a card and ask its service to pay; False when too many are being asked just now, and then nothing was done.

    Each step is committed before the next request leaves. Nothing is ever repeated here: what a worker that dies leaves
    behind counts as a doubt.
    """
    with _slot() as free:
        if not free:
            return False
        mine = CardCollection.objects.filter(pk=collection_id, state=CardState.READING, taken_at=None)
        if mine.update(taken_at=clock()):
            row = CardCollection.objects.select_related("invoice__store", "store").get(pk=collection_id)
            _collect(row, _Clockwork(clock, pause))
        return True


def card_collections_sweep(*, now: datetime | None = None) -> None:
    """Announce again what no worker has taken up, and end what a dead worker left: read only, or asked and in doubt."""
    now = now or timezone.now()
    stale = Q(taken_at=None, created_at__lte=now - ANNOUNCE_AGAIN) | Q(taken_at__lte=now - TAKEN_LIFE)
    for row in CardCollection.objects.filter(stale, state__in=CARD_RUNNING):
        if row.state == CardState.ASKED:
            _end(row, CardState.UNKNOWN, now, problem="interrupted")
        elif row.taken_at is not None or row.created_at <= now - TAP_LIFE:
            _end(row, CardState.DECLINED, now, problem="too-late")
        else:
            announce(_TASK, row.pk)


def code_in_doubt(*, invoice: Invoice, amount_msat: int | None, now: datetime) -> LightningInvoice | None:
    """The code that a card's service was given and may still pay: any further card is asked for this one.

    Raises Refusal (`card-in-doubt`) where it lives too shortly, or was for another amount, and Flash has not said yet what
    became of it: another code now could take the money twice. Time alone never ends a doubt.
    """
    found = code_card_may_pay(invoice)
    if found is None:
        return None
    due_msat = amount_msat if invoice.type == InvoiceType.TOP_UP else invoice_due_msat(invoice)
    if found.expires_at <= now + SHORTEST_LIFE or found.credit_msat != due_msat:
        sentence = _("It is not certain yet whether the card before has paid. Please wait a moment and try again.")
        raise Refusal("card-in-doubt", sentence, retry_after_s=10)
    return found


def _collect(row: CardCollection, time_: _Clockwork) -> None:
    try:
        _payable_check(row.invoice, time_.now())
        card = card_read(row.link)
        offer = withdraw_offer_fetch(card, policy=card_policy(card, deadline_s=OFFER_DEADLINE_S))
        if is_own(str(offer.callback)):
            raise own_link()
        code = _code(row, offer, time_)
    except AmountRefused as refused:
        _end(row, CardState.DECLINED, time_.now(), problem=refused.code, limit_msat=refused.limit_msat)
        return
    except ServiceRefused as refused:
        _end(row, CardState.DECLINED, time_.now(), problem=refused.code, reason=refused.reason)
        return
    except (WireError, MoneyError, Refusal) as refused:
        _end(row, CardState.DECLINED, time_.now(), problem=refused.code)
        return
    if time_.now() > row.created_at + TAP_LIFE:
        _end(row, CardState.DECLINED, time_.now(), problem="too-late")
    elif _write_down(row, offer, code, time_.now()):
        policy = card_policy(card, deadline_s=ANSWER_DEADLINE_S)
        handed = withdraw_hand_over(offer, bolt11=code.bolt11, policy=policy)
        _end(row, _ANSWERED[handed.answer], time_.now(), problem=handed.code, reason=handed.reason)


def _write_down(row: CardCollection, offer: WithdrawOffer, code: LightningInvoice, now: datetime) -> bool:
    """What is about to be asked, before it is; False where the sweep was quicker, and the customer was told so already."""
    evidence = {"host": row.host, "payment_hash": code.payment_hash, "amount_msat": code.amount_msat}
    return transition(
        row,
        CardState.ASKED,
        at=now,
        type="CardAsked",
        evidence=evidence | ({"noted": list(offer.warnings)} if offer.warnings else {}),
        also=_watchers(row),
        lightning_invoice=code,
        link="",
    )


def _end(
    row: CardCollection,
    state: CardState,
    now: datetime,
    *,
    problem: str = "",
    reason: str = "",
    limit_msat: int | None = None,
) -> None:
    transition(
        row,
        state,
        at=now,
        type="CardAnswered",
        # The service's own words may hold anything: they are kept for the page, and stay out of the record of events.
        evidence={"host": row.host} | ({"problem": problem} if problem else {}),
        also=_watchers(row),
        problem=problem[:32],
        reason=reason,
        limit_msat=limit_msat,
        link="",
        ended_at=now,
    )


def _code(row: CardCollection, offer: WithdrawOffer, time_: _Clockwork) -> LightningInvoice:
    """The code to ask for: one that a card may still pay, else what the page shows if it lives long enough, else a new one.

    Raises AmountRefused where the card does not pay that much or that little.
    """
    row.invoice.refresh_from_db()  # it may have been paid while the card was read
    _payable_check(row.invoice, time_.now())
    code = code_in_doubt(invoice=row.invoice, amount_msat=row.amount_msat, now=time_.now())
    if code is None:
        _check_roughly(offer, row)
        code = _issue(row, time_)
    withdraw_check(offer, amount_msat=code.amount_msat or 0)
    return code


def _check_roughly(offer: WithdrawOffer, row: CardCollection) -> None:
    """Before a code is made, which costs one of twenty: refuse what can never fit, however Flash rounds it."""
    due_msat = row.amount_msat or invoice_due_msat(row.invoice)
    slack_msat = int(due_msat * DEVIATION)
    if due_msat + slack_msat < offer.min_msat or due_msat - slack_msat > offer.max_msat:
        withdraw_check(offer, amount_msat=due_msat)


def _issue(row: CardCollection, time_: _Clockwork) -> LightningInvoice:
    for _try in range(CODE_TRIES):
        row.invoice.refresh_from_db()
        try:
            return lightning_invoice_issue(
                invoice=row.invoice, amount_msat=row.amount_msat, for_card=True, now=time_.now()
            )
        except Refusal as refusal:
            if refusal.code != "code-coming":
                raise
        time_.pause(CODE_PAUSE_S)
    raise Refusal("wallet-unavailable", "The payment code takes longer than usual. Nothing was taken.")


def _payable_check(invoice: Invoice, now: datetime) -> None:
    if not invoice_is_payable(invoice, now):
        raise Refusal("invoice-not-payable", _("This invoice does not take payments any more. Nothing was taken."))


def _wallet_check(invoice: Invoice) -> None:
    try:
        wallet_of(invoice.store)
    except Refusal as refusal:
        sentence = _("The shop cannot take payments at the moment: its wallet is not connected. Please tell the shop.")
        raise Refusal(refusal.code, sentence) from refusal


def _running(invoice: Invoice) -> CardCollection | None:
    return CardCollection.objects.filter(invoice=invoice, state__in=CARD_RUNNING).first()


def _watchers(row: CardCollection) -> list[str]:
    return [f"invoice:{row.invoice_id}"]


@contextmanager
def _slot() -> Iterator[bool]:
    """One of the few places for asking cards' services. Strangers name them on public pages, and slow ones must not
    occupy all the workers that payments wait for."""
    held = None
    try:
        for number in range(settings.CARDS_AT_ONCE):
            lock = live.connection().lock(
                f"flashpay:card-slot:{number}", timeout=TAKEN_LIFE.total_seconds(), blocking=False
            )
            if lock.acquire():
                held = lock
                break
    except redis.RedisError as error:
        log.warning("cards wait while Redis is away", error=type(error).__name__)
    try:
        yield held is not None
    finally:
        if held is not None:
            live.lock_release(held)
