"""Alice's shop with something of everything, and what stands for each `<part>` of an address.

A new page whose address has a part that is not known here makes the test of all pages fail: say in `world_make` what it is.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from flashpay.invoices.models import (
    AdditionalState,
    Evidence,
    Invoice,
    InvoiceState,
    InvoiceType,
    LightningInvoice,
    Payment,
    Source,
)
from flashpay.invoices.services import lightning_address_save, pay_link_create, payment_request_save
from flashpay.money.currencies import SAT
from flashpay.notices.kinds import Kind
from flashpay.notices.letters import stop_link
from flashpay.notices.models import Mail, MailState
from flashpay.notices.services import mail_rule_save
from flashpay.stores.events import event_record
from flashpay.stores.models import Store, User, WalletConnection
from flashpay.till.services import till_save, till_share
from payouts.batches.services import batch_read
from payouts.models import AttemptEvidence, Payout, PayoutAttempt, PayoutState, PullPayment
from payouts.recipients.services import recipient_create
from payouts.vouchers.services import voucher_batch_create
from tests import cast
from tests.payouts.recipients import pull_payment_make

ACTOR = "alice@example.com"


@dataclass
class World:
    """`parts`: a value for each named part of an address; `parts_of`: where one page means something else by it.

    `more`: further addresses, of pages that look different with another record or query.
    """

    store: Store
    empty_store: Store
    parts: dict[str, Any] = field(default_factory=dict)
    parts_of: dict[str, dict[str, Any]] = field(default_factory=dict)
    more: dict[str, list[str]] = field(default_factory=dict)

    def arguments(self, name: str, wanted: set[str]) -> dict[str, Any]:
        """Values for the parts of the address of the page `name`. Raises KeyError for a part that is not known."""
        known = self.parts | self.parts_of.get(name, {})
        return {part: known[part] for part in wanted}


def world_make(alice: User, bob: User, store: Store, empty_store: Store) -> World:
    """Everything there is, once or more; no service outside is asked."""
    invoices = {state: invoice_make(store, state) for state in InvoiceState.values}
    top_up = invoice_make(store, InvoiceState.NEW, top_up=True)
    partial = invoice_make(store, InvoiceState.NEW, additional=AdditionalState.PAID_PARTIAL)
    for invoice in (invoices[InvoiceState.SETTLED], partial):
        pay(invoice)
    prizes = [pull_payment_make(store, 50_000, name="Prize", claimed=20_000), *other_pull_payments(store)]
    payouts = [payout_make(store, prizes[0], state) for state in PayoutState.values]
    review = payout_make(store, prizes[0], PayoutState.IN_PROGRESS, needs_review=True)
    bill = payment_request_save(
        store=store, title="Repair", amount=10_000, currency=SAT, actor=ACTOR, description="Chain", allow_parts=True
    )
    Invoice.objects.filter(pk=partial.pk).update(source=Source.REQUEST, source_id=bill.pk)
    links = [
        pay_link_create(store=store, title="Coffee", currency=SAT, actor=ACTOR, amount=1_000),
        pay_link_create(store=store, title="Tips", currency=SAT, actor=ACTOR),
    ]
    till = till_save(store=store, name="Counter", currency=SAT, actor=ACTOR, tip_percents=[5, 10], custom_tip=True)
    till_save(store=store, name="Terrace", currency=SAT, actor=ACTOR)
    till_share(till=till, shared=True, actor=ACTOR)
    sales = [invoice_make(store, state) for state in (InvoiceState.NEW, InvoiceState.SETTLED)]
    Invoice.objects.filter(pk__in=[sale.pk for sale in sales]).update(source=Source.TILL, source_id=till.pk)
    address = lightning_address_save(
        store=store, name="alice", actor=ACTOR, minimum_sat=1, maximum_sat=100_000, comment_length=100
    )
    vouchers = voucher_batch_create(store=store, count=3, amount=20_000, currency=SAT, actor=ACTOR, name="Autumn")
    table = b"destination,amount,currency\nsomebody@example.com,20000,SAT\nnobody,1,SAT\n"
    batch = batch_read(store=store, content=table, default_currency="SAT", actor=ACTOR, name="Wages")
    recipient = recipient_create(store=store, name="Dora", actor=ACTOR)
    rule = mail_rule_save(store=store, address="books@example.com", kinds=[Kind.values[0]], actor=ACTOR)
    mail = Mail.objects.create(
        store=store, rule=rule, kind=Kind.values[0], key="1", address=rule.address, entity_id="1", state=MailState.FAILED,
        subject="Paid", text="An invoice was paid.", reason="The mail server refused it.",
        give_up_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    settled, completed = invoices[InvoiceState.SETTLED].pk, payouts[3].pk
    return World(
        store,
        empty_store,
        parts={
            "store_id": store.pk,
            "invoice_id": settled,
            "request_id": bill.pk,
            "link_id": links[1].pk,
            "pull_payment_id": prizes[0].pk,
            "payout_id": completed,
            "recipient_id": recipient.pk,
            "till_id": till.pk,
            "batch_id": batch.pk,
            "rule_id": rule.pk,
            "mail_id": mail.pk,
            "token": stop_link(rule).rpartition("/")[2],
            "address_id": address.pk,
            "step": "check",
            "key": "from-a-mail",
            "uidb36": "1",
            "format": "svg",
            "number": 1,
            "member_id": bob.memberships.get(store=store).pk,
        },
        parts_of={
            **{f"dashboard:voucher_{page}": {"batch_id": vouchers.pk} for page in ("batch", "sheets", "pdf", "csv")},
            "till:sale": {"invoice_id": sales[0].pk},
        },
        more={
            "public": [
                *(f"/i/{invoice.pk}" for invoice in [*invoices.values(), top_up, partial]),
                f"/i/{invoices[InvoiceState.NEW].pk}?tab=lnurl",
                f"/l/{links[0].pk}",
                *(f"/p/{prize.pk}" for prize in prizes[1:]),
                *(f"/p/{prizes[0].pk}/{payout.pk}" for payout in [*payouts, review]),
                f"/till/{till.pk}/sales/{sales[1].pk}",
                "/no-such-page",
            ],
            "dashboard": [
                *(f"/stores/{store.pk}/invoices/{invoice.pk}" for invoice in [*invoices.values(), top_up, partial]),
                f"/stores/{store.pk}/invoices?q=status:what",
                f"/stores/{store.pk}/invoices?q=nonesuch",
                *(f"/stores/{store.pk}/payouts/{payout.pk}" for payout in [*payouts, review]),
                f"/stores/{store.pk}/payouts?state=needs_review",
                *(f"/stores/{store.pk}/pull-payments?tab={tab}" for tab in ("archived", "expired", "future")),
                f"/stores/{store.pk}/pull-payments/{prizes[1].pk}",
            ],
        },
    )


def invoice_make(store: Store, state: str, *, top_up: bool = False, additional: str = AdditionalState.NONE) -> Invoice:
    """An invoice in this state; a new one has a living code, so that nobody needs to be asked for one."""
    now = timezone.now()
    later = now + timedelta(hours=1)
    begun = now - timedelta(hours=2) if state == InvoiceState.EXPIRED else now
    invoice = Invoice.objects.create(
        store=store, currency="SAT", type=InvoiceType.TOP_UP if top_up else InvoiceType.STANDARD,
        amount=None if top_up else 21_000, amount_msat=None if top_up else 21_000_000, state=state,
        additional_state=additional, order_id="A-17", description="Coffee and cake for table 12", created_at=begun,
        expires_at=begun + timedelta(hours=1), monitoring_ends_at=begun + timedelta(days=1),
        redirect_url="https://shop.example/thanks", metadata={"orderId": "A-17", "buyerEmail": "dora@example.com"},
    )  # fmt: skip
    event_record(row=invoice, type="InvoiceCreated", after=state, actor=ACTOR, at=begun)
    if not top_up:
        LightningInvoice.objects.create(
            invoice=invoice, store=store, connection=store.wallet_connections.get(), bolt11="lnbcrt210u1" + "q" * 250,
            payment_hash=secrets.token_hex(32), amount_msat=21_000_000, credit_msat=21_000_000, asked_cents=1_260,
            expires_at=later, poll_until=later,
        )  # fmt: skip
    return invoice


def pay(invoice: Invoice) -> None:
    code = invoice.lightning_invoices.get()
    part = 10_000_000 if invoice.additional_state == AdditionalState.PAID_PARTIAL else 21_000_000
    Payment.objects.create(
        store_id=invoice.store_id, invoice=invoice, lightning_invoice=code, amount_msat=part, credited_msat=part,
        evidence=Evidence.PUSH, settled_at=timezone.now(),
    )  # fmt: skip
    Invoice.objects.filter(pk=invoice.pk).update(received_msat=part, credited_msat=part, settled_at=timezone.now())


def other_pull_payments(store: Store) -> list[PullPayment]:
    """With a claim code, used up, archived, over and not begun."""
    now, day = timezone.now(), timedelta(days=1)
    return [
        pull_payment_make(store, 50_000, claim_code_hash="0" * 64, description="Say the word."),
        pull_payment_make(store, 50_000, claimed=50_000),
        pull_payment_make(store, 50_000, archived_at=now),
        pull_payment_make(store, 50_000, starts_at=now - 2 * day, expires_at=now - day),
        pull_payment_make(store, 50_000, starts_at=now + day),
    ]


def payout_make(store: Store, prize: PullPayment, state: str, *, needs_review: bool = False) -> Payout:
    """A payout in this state, with the attempt that brought it there."""
    now = timezone.now()
    payout = Payout.objects.create(
        store=store, pull_payment=prize, destination_kind="address", destination="dora@example.com", currency="SAT",
        amount=10_000, amount_msat=10_000_000, state=state, needs_review=needs_review,
        approvals_needed=1 if state == PayoutState.AWAITING_APPROVAL else 0,
        reason="Cancelled by the shop." if state == PayoutState.CANCELLED else "",
        completed_at=now if state == PayoutState.COMPLETED else None,
    )  # fmt: skip
    event_record(row=payout, type="PayoutCreated", after=state, actor="recipient", at=now)
    if state in (PayoutState.IN_PROGRESS, PayoutState.COMPLETED):
        attempt = PayoutAttempt.objects.create(
            store=store, payout=payout, number=1, connection=store.wallet_connections.get(), wallet_id="wallet-1",
            bolt11="lnbcrt100u1" + "q" * 250, payment_hash=secrets.token_hex(32), amount_msat=10_000_000,
            idempotency_key=secrets.token_hex(8), sent_at=now, service="example.com",
            state="succeeded" if state == PayoutState.COMPLETED else "unknown",
            preimage=secrets.token_hex(32) if state == PayoutState.COMPLETED else "",
            success_action={"tag": "message", "message": "Thank you"} if state == PayoutState.COMPLETED else None,
        )  # fmt: skip
        AttemptEvidence.objects.create(
            attempt=attempt,
            source="transactions",
            says="nothing",
            grade="hint",
            summary="The wallet shows no such send.",
        )
    return payout


def wallet_of(store: Store) -> WalletConnection:
    from tests.payouts.recipients import wallet_make

    return wallet_make(store, username="alice", balance_cents=123_456, checked_at=timezone.now())


def another_store(alice: User) -> Store:
    return cast.store_make(alice, name="Alice's new kiosk")
