"""A merchant's invoice, the Lightning invoices shown for it, and the payments that came in."""

from __future__ import annotations

from urllib.parse import quote

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KT
from django.db.models.functions import Upper
from django.utils import timezone

from flashpay.fields import EncryptedTextField
from flashpay.ids import id_new
from flashpay.stores.models import ACTOR_LENGTH, Store, WalletConnection


class InvoiceState(models.TextChoices):
    NEW = "New"
    PROCESSING = "Processing"
    SETTLED = "Settled"
    EXPIRED = "Expired"
    INVALID = "Invalid"


class AdditionalState(models.TextChoices):
    """What else is worth knowing about an invoice's state; names as in BTCPay Server."""

    NONE = "None"
    PAID_PARTIAL = "PaidPartial"
    PAID_OVER = "PaidOver"
    PAID_LATE = "PaidLate"
    MARKED = "Marked"


class InvoiceType(models.TextChoices):
    STANDARD = "Standard"
    TOP_UP = "TopUp"


class Source(models.TextChoices):
    """What made an invoice, where it was not a person or a program of the merchant's."""

    STORE = "store", "Pay code of the store"
    ADDRESS = "address", "Lightning Address"
    PAY_LINK = "pay_link", "Pay link"
    REQUEST = "request", "Payment request"
    TILL = "till", "Till"


# The buyer's e-mail address among an invoice's metadata, however it was written.
BUYER = Upper(KT("metadata__buyerEmail"))


class Invoice(models.Model):
    """What a payer owes a store. Amounts: `amount` in minor units of `currency`, `amount_msat` at the recorded rate.

    A top-up invoice has no amount and settles on whatever arrives.
    """

    TRANSITIONS = {
        InvoiceState.NEW: {InvoiceState.PROCESSING, InvoiceState.SETTLED, InvoiceState.EXPIRED, InvoiceState.INVALID},
        InvoiceState.PROCESSING: {InvoiceState.SETTLED, InvoiceState.INVALID},
        # Lightning money that comes after expiry is credited; only a person moves an invoice out of Settled or Invalid.
        InvoiceState.EXPIRED: {InvoiceState.SETTLED, InvoiceState.INVALID},
        InvoiceState.SETTLED: {InvoiceState.INVALID},
        InvoiceState.INVALID: {InvoiceState.SETTLED},
    }

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="invoices")
    type = models.CharField(max_length=8, choices=InvoiceType, default=InvoiceType.STANDARD)
    currency = models.CharField(max_length=4)
    amount = models.PositiveBigIntegerField(null=True, blank=True, help_text="Minor units of the currency")
    amount_msat = models.PositiveBigIntegerField(null=True, blank=True)
    # The price of 1 BTC in `currency` by which amount became amount_msat; empty for sats.
    rate = models.DecimalField(max_digits=28, decimal_places=10, null=True, blank=True)
    rate_source = models.CharField(max_length=32, blank=True)
    rate_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=InvoiceState, default=InvoiceState.NEW)
    additional_state = models.CharField(max_length=12, choices=AdditionalState, default=AdditionalState.NONE)
    # Sum over its payments: what arrived, and what share of the amount that covers.
    received_msat = models.PositiveBigIntegerField(default=0)
    credited_msat = models.PositiveBigIntegerField(default=0)
    tolerance_bp = models.PositiveIntegerField(default=0)
    order_id = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=500, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    redirect_url = models.URLField(max_length=2000, blank=True)
    # Whether the checkout goes there by itself once it is paid.
    redirect_automatically = models.BooleanField(default=False)
    # In which the shop wants its pages shown, one of settings.LANGUAGES; empty: as the payer's browser prefers.
    language = models.CharField(max_length=8, blank=True)
    source = models.CharField(max_length=8, choices=Source, blank=True)
    source_id = models.CharField(max_length=22, blank=True)
    archived = models.BooleanField(default=False)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="system")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    monitoring_ends_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=InvoiceState.values), name="invoice_state_known"),
            models.CheckConstraint(
                condition=Q(additional_state__in=AdditionalState.values), name="invoice_additional_known"
            ),
            models.CheckConstraint(
                condition=Q(type=InvoiceType.TOP_UP, amount__isnull=True, amount_msat__isnull=True)
                | Q(type=InvoiceType.STANDARD, amount__gt=0, amount_msat__gt=0),
                name="invoice_amount_fits_type",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at"), monitoring_ends_at__gte=F("expires_at")),
                name="invoice_dates_ordered",
            ),
        ]
        indexes = [
            models.Index(fields=["store", "-created_at"], name="invoice_by_store"),
            # The tabs of the list, their counts too: read from the index alone, hence without those they never show.
            models.Index(fields=["store", "state", "-created_at"], condition=Q(archived=False), name="invoice_by_tab"),
            models.Index(fields=["store", "-created_at"], condition=Q(archived=True), name="invoice_archived"),
            # Few have anything special about them, and those few are what somebody looks for.
            models.Index(
                fields=["store", "additional_state", "-created_at"],
                condition=~Q(additional_state="None"),
                name="invoice_by_exception",
            ),
            models.Index(fields=["store", "order_id"], name="invoice_by_order"),
            # A typed order number is found however it is written.
            models.Index(Upper("order_id"), name="invoice_by_order_typed"),
            # Who writes about an order is known by the address it was ordered with.
            models.Index(BUYER, name="invoice_by_buyer"),
            models.Index(fields=["store", "currency", "amount"], name="invoice_by_amount"),
            models.Index(fields=["source_id"], condition=~Q(source_id=""), name="invoice_by_source"),
            models.Index(fields=["expires_at"], condition=Q(state="New"), name="invoice_expiring"),
        ]

    def __str__(self) -> str:
        return f"Invoice {self.id}"

    @property
    def return_address(self) -> str:
        """Where its payer goes back to, with `{InvoiceId}` and `{OrderId}` filled in as BTCPay Server does; may be empty."""
        filled = self.redirect_url.replace("{InvoiceId}", quote(self.pk, safe=""))
        return filled.replace("{OrderId}", quote(self.order_id, safe=""))


class LightningInvoiceState(models.TextChoices):
    OPEN = "open"
    PAID = "paid"
    EXPIRED = "expired"


class Purpose(models.TextChoices):
    CHECKOUT = "checkout"
    LNURL_PAY = "lnurl_pay", "LNURL-pay"
    ADDRESS = "address", "Lightning Address"
    TOP_UP = "top_up", "Card top-up"


class LightningInvoice(models.Model):
    """One BOLT 11 that was shown for an invoice. An expired one is still watched through the invoice's monitoring time."""

    TRANSITIONS = {
        LightningInvoiceState.OPEN: {LightningInvoiceState.PAID, LightningInvoiceState.EXPIRED},
        LightningInvoiceState.EXPIRED: {LightningInvoiceState.PAID},
        LightningInvoiceState.PAID: set(),
    }

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lightning_invoices")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(WalletConnection, on_delete=models.PROTECT, related_name="lightning_invoices")
    purpose = models.CharField(max_length=12, choices=Purpose, default=Purpose.CHECKOUT)
    bolt11 = models.TextField()
    payment_hash = models.CharField(max_length=64, unique=True)
    # What the payer pays, read from the BOLT 11 itself; empty for one without an amount.
    amount_msat = models.PositiveBigIntegerField(null=True, blank=True)
    # What it covers of the invoice's amount_msat: Flash fixes the sats by its own rate, so the two differ a little.
    credit_msat = models.PositiveBigIntegerField(null=True, blank=True)
    # What Flash was asked for, in US cents: with amount_msat it tells Flash's own rate at that moment.
    asked_cents = models.DecimalField(max_digits=24, decimal_places=8)
    # What the payer's wallet was told of it (LUD-06), as it was sent, and what the payer wrote (LUD-12): untrusted text.
    lnurl_metadata = models.TextField(blank=True)
    comment = models.CharField(max_length=500, blank=True)
    state = models.CharField(max_length=8, choices=LightningInvoiceState, default=LightningInvoiceState.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    # When it is asked next; empty when nobody will ask any more (paid, or its monitoring time is over).
    next_poll_at = models.DateTimeField(null=True, blank=True)
    poll_until = models.DateTimeField()
    polled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=LightningInvoiceState.values), name="lightning_invoice_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_poll_at"],
                condition=Q(next_poll_at__isnull=False),
                name="lightning_invoice_due",
            ),
            models.Index(fields=["invoice", "-id"], name="lightning_invoice_latest"),
        ]

    def __str__(self) -> str:
        return f"Lightning invoice {self.payment_hash[:12]}…"


class Evidence(models.TextChoices):
    PUSH = "push"
    POLL = "poll"


class Payment(models.Model):
    """Money that came in, known by the payment hash of the Lightning invoice it paid."""

    id = models.BigAutoField(primary_key=True)
    # Its invoice's, here once more: the sums of a month are read from one index, without looking each invoice up.
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+", db_index=False)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="payments")
    lightning_invoice = models.OneToOneField(LightningInvoice, on_delete=models.PROTECT, related_name="payment")
    amount_msat = models.PositiveBigIntegerField()
    credited_msat = models.PositiveBigIntegerField()
    evidence = models.CharField(max_length=4, choices=Evidence)
    settled_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        # The figures of a day or a month.
        indexes = [models.Index(fields=["store", "settled_at"], name="payment_by_time")]

    def __str__(self) -> str:
        return f"{self.amount_msat} msat for {self.invoice_id}"


class CardState(models.TextChoices):
    """How far the service of a card has been asked. None of these says that money came: the code asked for does."""

    READING = "reading", "Reading the card"
    ASKED = "asked", "Asked to pay"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    UNKNOWN = "unknown", "No clear answer"


CARD_RUNNING = (CardState.READING, CardState.ASKED)
# After these the card's service may still pay the code it was given, until that code is known to be over.
CARD_MAY_PAY = (CardState.ASKED, CardState.ACCEPTED, CardState.UNKNOWN)


class CardCollection(models.Model):
    """A card (or another LNURL-withdraw link) that was held to an invoice: its service is asked to pay one code (LUD-03)."""

    TRANSITIONS = {
        CardState.READING: {CardState.ASKED, CardState.DECLINED},
        CardState.ASKED: {CardState.ACCEPTED, CardState.DECLINED, CardState.UNKNOWN},
        CardState.ACCEPTED: set(),
        CardState.DECLINED: set(),
        CardState.UNKNOWN: set(),
    }

    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="card_collections")
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="+")
    # What the card's service was asked to pay, committed before it is asked.
    lightning_invoice = models.ForeignKey(
        LightningInvoice, on_delete=models.PROTECT, null=True, blank=True, related_name="card_collections"
    )
    state = models.CharField(max_length=8, choices=CardState, default=CardState.READING)
    # Whoever has it can take the card's money: kept until the card was read, and then forgotten.
    link = EncryptedTextField(blank=True)
    host = models.CharField(max_length=253)
    # What the payer of a top-up invoice chose.
    amount_msat = models.PositiveBigIntegerField(null=True, blank=True)
    # Why it was declined or left open: a code of ours, the limit it speaks of, and the service's own words (untrusted).
    problem = models.CharField(max_length=32, blank=True)
    limit_msat = models.PositiveBigIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    taken_at = models.DateTimeField(null=True, blank=True, help_text="When a worker took it up")
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=CardState.values), name="card_collection_state_known"),
            models.CheckConstraint(
                condition=Q(state__in=(CardState.READING, CardState.DECLINED)) | Q(lightning_invoice__isnull=False),
                name="card_asked_for_a_code",
            ),
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(state__in=CARD_RUNNING), name="one_card_asked_per_invoice"
            ),
        ]
        indexes = [
            models.Index(fields=["invoice", "-id"], name="card_collection_latest"),
            models.Index(fields=["created_at"], condition=Q(state__in=CARD_RUNNING), name="card_collection_running"),
        ]

    def __str__(self) -> str:
        return f"Card of {self.host}"


class LightningAddress(models.Model):
    """`name@domain` (LUD-16): whoever pays it makes a top-up invoice of its store. Amounts in sats, as payers choose them."""

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="lightning_addresses")
    # One domain, one name: unique in the whole deployment.
    name = models.CharField(max_length=64, unique=True)
    minimum_sat = models.PositiveBigIntegerField()
    maximum_sat = models.PositiveBigIntegerField()
    # What its invoices are counted in; empty for the store's own currency at that time.
    currency = models.CharField(max_length=4, blank=True)
    comment_length = models.PositiveIntegerField(default=0)
    # What a wallet shows before paying; empty for the store's name.
    description = models.CharField(max_length=200, blank=True)
    invoice_metadata = models.JSONField(default=dict, blank=True)
    # It takes no payments and keeps its name.
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum_sat__gt=0, maximum_sat__gte=F("minimum_sat")), name="address_limits_ordered"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PayLink(models.Model):
    """A link and a code that everybody may pay, as often as they like: each payment is an invoice of its own.

    `amount` in minor units of `currency`; without one the payer keys it in (`keypad.py`), in `currency` or one of
    `more_currencies`, and may add a tip: one of `tip_percents`, or with `custom_tip` an amount of their own.
    """

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="pay_links")
    title = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    currency = models.CharField(max_length=4)
    amount = models.PositiveBigIntegerField(null=True, blank=True)
    more_currencies = models.JSONField(default=list, blank=True)
    tip_percents = models.JSONField(default=list, blank=True)
    custom_tip = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="system")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__isnull=True) | Q(amount__gt=0), name="pay_link_amount_positive"),
        ]

    def __str__(self) -> str:
        return self.title


class PaymentRequest(models.Model):
    """A bill with a page of its own, payable in parts until it is covered. `amount` in minor units of `currency`."""

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="payment_requests")
    title = models.CharField(max_length=200)
    description = models.TextField(max_length=5000, blank=True)
    currency = models.CharField(max_length=4)
    amount = models.PositiveBigIntegerField()
    email = models.EmailField(blank=True)
    reference_id = models.CharField(max_length=200, blank=True)
    allow_parts = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    archived = models.BooleanField(default=False)
    created_by = models.CharField(max_length=ACTOR_LENGTH, default="system")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_request_amount_positive"),
        ]
        indexes = [models.Index(fields=["store", "-created_at"], name="payment_request_by_store")]

    def __str__(self) -> str:
        return self.title
