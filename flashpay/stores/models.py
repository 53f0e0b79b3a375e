"""Who there is: people, stores, their roles, their Flash wallets, their API keys; and the append-only record of what happened."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils import timezone

from flashpay.fields import EncryptedTextField
from flashpay.ids import id_new

# Who did something: an e-mail address (254 characters at most) and by which door they came.
ACTOR_LENGTH = 300


class UserManager(BaseUserManager["User"]):
    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


class User(AbstractUser):
    """A person who logs in, known by their e-mail address."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []
    objects = UserManager()  # type: ignore[assignment,misc]

    def __str__(self) -> str:
        return self.email


class Store(models.Model):
    """A merchant's shop: everything below belongs to exactly one."""

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    name = models.CharField(max_length=50)
    website = models.URLField(blank=True)
    default_currency = models.CharField(max_length=4, default="USD")
    time_zone = models.CharField(max_length=64, default="UTC")
    # Names and defaults as in BTCPay Server: 15 minutes to pay, one day of watching afterwards, no tolerance.
    invoice_expiration_s = models.PositiveIntegerField(default=15 * 60)
    monitoring_expiration_s = models.PositiveIntegerField(default=24 * 60 * 60)
    payment_tolerance_bp = models.PositiveIntegerField(
        default=0, help_text="Accepted underpayment in 1/100 of a percent"
    )
    payouts_paused = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """BTCPay Server's roles, and the cashier, who can only use the till. What each may do: `permissions.py`."""

    OWNER = "Owner"
    MANAGER = "Manager"
    EMPLOYEE = "Employee"
    CASHIER = "Cashier"
    GUEST = "Guest"


class Membership(models.Model):
    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.OWNER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["store", "user"], name="one_membership_per_store_and_user")]

    def __str__(self) -> str:
        return f"{self.user} · {self.role} · {self.store}"


class CredentialKind(models.TextChoices):
    API_KEY = "api_key", "API key"
    SESSION_TOKEN = "session_token", "Session token"
    USERNAME = "username", "Flash username (receive only)"


class WalletConnection(models.Model):
    """A store's Flash wallet. Replacing one makes a new row: what was paid through the old one keeps pointing at it."""

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, related_name="wallet_connections")
    is_active = models.BooleanField(default=True)
    kind = models.CharField(max_length=16, choices=CredentialKind)
    secret = EncryptedTextField(blank=True)
    # Connections with the same endpoint and credential share sockets, polls and budgets; the secret itself is
    # encrypted differently in each row, so they are found by this keyed hash.
    fingerprint = models.CharField(max_length=64, db_index=True)
    username = models.CharField(max_length=64, blank=True)
    # Empty: the deployment's own FLASH_API_URL and FLASH_WS_URL, which may move without touching the row.
    api_url = models.URLField(blank=True)
    ws_url = models.CharField(max_length=200, blank=True)
    network = models.CharField(max_length=10, default="mainnet")
    wallet_id = models.CharField(max_length=64)
    wallet_currency = models.CharField(max_length=4)
    minimum_sat = models.PositiveBigIntegerField(help_text="Smallest payout that is sent through this wallet")
    transport = models.JSONField(
        default=dict, blank=True, help_text="What was learned about the ways to reach Flash, and when"
    )
    balance_cents = models.DecimalField(max_digits=24, decimal_places=8, null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["store"], condition=Q(is_active=True), name="one_active_wallet_per_store"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {self.wallet_currency} · {self.username or self.wallet_id}"

    @property
    def can_send(self) -> bool:
        return self.kind != CredentialKind.USERNAME


class PaymentHash(models.Model):
    """Whose a payment hash is, for ever: of one invoice that shows it, or of one payout that pays it.

    A claim that brings a hash of ours, or one that was claimed before, is found out here whatever became of the other.
    """

    payment_hash = models.CharField(primary_key=True, max_length=64)
    owner = models.CharField(max_length=16, help_text="invoice or payout")
    owner_id = models.CharField(max_length=22)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "payment hashes"

    def __str__(self) -> str:
        return self.payment_hash


class ApiKey(models.Model):
    """A key for the REST API. Only its SHA-256 is kept; the key itself is shown once."""

    id = models.CharField(primary_key=True, max_length=22, default=id_new, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    # Without a store the key reaches every store of its user.
    store = models.ForeignKey(Store, on_delete=models.CASCADE, null=True, blank=True, related_name="api_keys")
    label = models.CharField(max_length=50, blank=True)
    prefix = models.CharField(max_length=12)
    key_sha256 = models.CharField(max_length=64, unique=True)
    permissions = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix}… {self.label}".strip()


class AppendOnlyError(RuntimeError):
    """Somebody tried to change or delete a record that is only ever added to."""


class Event(models.Model):
    """One thing that happened to one record: what it was, what it became, who did it, on what evidence. Append-only."""

    id = models.BigAutoField(primary_key=True)
    store = models.ForeignKey(Store, on_delete=models.PROTECT, null=True, related_name="events")
    entity = models.CharField(max_length=32)
    entity_id = models.CharField(max_length=32)
    type = models.CharField(max_length=48)
    before = models.CharField(max_length=48, blank=True)
    after = models.CharField(max_length=48, blank=True)
    actor = models.CharField(max_length=ACTOR_LENGTH, default="system")
    evidence = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["entity", "entity_id", "id"], name="event_by_entity"),
            models.Index(fields=["store", "-id"], name="event_by_store"),
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.entity_id}: {self.type}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnlyError("An event is never changed; record a new one.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError("An event is never deleted.")
