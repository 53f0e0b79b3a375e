"""People, stores, wallets, keys and events in the Django admin. People can be changed here; everything else is read."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils.safestring import SafeString

from flashpay.stores.models import ApiKey, Event, Membership, PaymentHash, Store, User, WalletConnection
from flashpay.stores.record_admin import (
    NOTHING,
    RecordAdmin,
    RecordInline,
    StoreRecordAdmin,
    actor_of,
    record_link,
)
from flashpay.stores.services import api_key_revoke, store_archive, wallet_disconnect

admin.site.site_header = "FlashPay administration"
admin.site.site_title = "FlashPay"
admin.site.index_title = "Records"
admin.site.empty_value_display = NOTHING
# One login for the whole house, with its limits on wrong passwords.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# Which admin page shows an event's record, by the name the event gives it.
_PAGES = {
    "store": "stores.store",
    "walletconnection": "stores.walletconnection",
    "invoice": "invoices.invoice",
    "lightninginvoice": "invoices.lightninginvoice",
    "pullpayment": "payouts.pullpayment",
    "payout": "payouts.payout",
    "payoutattempt": "payouts.payoutattempt",
    "sendingswitch": "payouts.sendingswitch",
    "lightningaddress": "invoices.lightningaddress",
    "paylink": "invoices.paylink",
    "paymentrequest": "invoices.paymentrequest",
    "voucherbatch": "vouchers.voucherbatch",
    "recipient": "recipients.recipient",
    "payoutbatch": "payout_batches.payoutbatch",
}


class NewUserForm(BaseUserCreationForm):
    class Meta:
        model = User
        fields = ["email"]

    def clean_email(self) -> str:
        # As everywhere else: an address is one, however it is capitalised.
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email=email).exists():
            raise ValidationError("There is a user with this address already.")
        return email


class OwnMembershipsInline(RecordInline):
    model = Membership
    fields = ["store", "role", "created_at"]
    rows_select_related = ("store", "user")
    show_change_link = False


@admin.register(User)
class PersonAdmin(UserAdmin):
    """People are locked out, never deleted: what they did keeps their name."""

    add_form = NewUserForm
    add_fieldsets = ((None, {"fields": ["email", "password1", "password2"]}),)
    fieldsets = (
        (None, {"fields": ["email", "password", "first_name", "last_name"]}),
        ("May", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("When", {"fields": ["date_joined", "last_login"]}),
    )
    readonly_fields = ["date_joined", "last_login"]
    list_display = ["email", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    search_fields = ["email", "first_name", "last_name"]
    ordering = ["email"]
    inlines = [OwnMembershipsInline]

    def get_inlines(self, request: HttpRequest, obj: User | None = None) -> Any:
        return [] if obj is None else super().get_inlines(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class MembershipInline(RecordInline):
    model = Membership
    fields = ["user", "role", "created_at"]
    rows_select_related = ("store", "user")
    show_change_link = False


class WalletInline(RecordInline):
    model = WalletConnection
    fields = ["id", "kind", "username", "wallet_currency", "is_active", "checked_at", "last_error"]
    verbose_name_plural = "wallets"


@admin.register(Store)
class StoreAdmin(RecordAdmin):
    list_display = ["name", "id", "default_currency", "owner", "payouts_paused", "archived", "created_at"]
    list_filter = ["archived", "payouts_paused", "default_currency"]
    search_fields = ["=id", "name", "memberships__user__email"]
    readonly_fields = ["history"]
    inlines = [MembershipInline, WalletInline]
    actions = ["archive", "unarchive"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Store]:
        return super().get_queryset(request).prefetch_related("memberships__user")

    @admin.display(description="owner")
    def owner(self, store: Store) -> str:
        return ", ".join(str(each.user) for each in store.memberships.all() if each.role == "Owner") or NOTHING

    @admin.action(description="Archive", permissions=["act"])
    def archive(self, request: HttpRequest, rows: QuerySet[Store]) -> None:
        self._set_archived(request, rows, True, "archived")

    @admin.action(description="Bring back from the archive", permissions=["act"])
    def unarchive(self, request: HttpRequest, rows: QuerySet[Store]) -> None:
        self._set_archived(request, rows, False, "brought back")

    def _set_archived(self, request: HttpRequest, rows: QuerySet[Store], archived: bool, done: str) -> None:
        self.act_on_each(
            request, rows, lambda store: store_archive(store=store, archived=archived, actor=actor_of(request)), done
        )


@admin.register(WalletConnection)
class WalletConnectionAdmin(StoreRecordAdmin):
    """A store's Flash wallet; its credential is never shown."""

    secret_fields = ("secret", "fingerprint")
    list_display = [
        "id",
        "store_link",
        "kind",
        "username",
        "wallet_currency",
        "network",
        "is_active",
        "checked_at",
        "last_error",
    ]
    list_filter = ["is_active", "kind", "network", "wallet_currency"]
    search_fields = ["=id", "=store__id", "store__name", "username", "=wallet_id"]
    readonly_fields = ["history"]
    actions = ["disconnect"]

    @admin.action(description="Disconnect from the store", permissions=["act"])
    def disconnect(self, request: HttpRequest, rows: QuerySet[WalletConnection]) -> None:
        self.act_on_each(
            request,
            rows.filter(is_active=True).select_related("store"),
            lambda connection: wallet_disconnect(store=connection.store, actor=actor_of(request)),
            "disconnected",
        )


@admin.register(ApiKey)
class ApiKeyAdmin(RecordAdmin):
    secret_fields = ("key_sha256",)
    list_display = ["prefix", "label", "user", "store", "created_at", "last_used_at", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["user", "store"]
    search_fields = ["=id", "prefix", "label", "user__email", "store__name"]
    actions = ["revoke"]

    @admin.action(description="Revoke", permissions=["act"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        self.act_on_each(request, rows.filter(revoked_at=None), lambda key: api_key_revoke(key=key), "revoked")


@admin.register(PaymentHash)
class PaymentHashAdmin(RecordAdmin):
    """Whose a payment hash is, for ever."""

    list_display = ["payment_hash", "owner", "owner_link", "at"]
    list_filter = ["owner"]
    search_fields = ["=payment_hash", "=owner_id"]
    readonly_fields = ["owner_link"]

    @admin.display(description="belongs to")
    def owner_link(self, row: PaymentHash) -> SafeString | str:
        return record_link(_PAGES[row.owner], row.owner_id)


@admin.register(Event)
class EventAdmin(RecordAdmin):
    """What happened. Only ever added to."""

    list_display = ["at", "type", "entity", "record_page", "before", "after", "actor", "store_link"]
    list_filter = ["entity", "type"]
    list_select_related = ["store"]
    search_fields = ["=entity_id", "=type", "actor", "=store__id"]
    date_hierarchy = "at"
    ordering = ["-id"]
    readonly_fields = ["record_page"]

    @admin.display(description="record")
    def record_page(self, event: Event) -> SafeString | str:
        try:
            return record_link(_PAGES.get(event.entity, ""), event.entity_id)
        except NoReverseMatch:
            return event.entity_id

    @admin.display(description="store")
    def store_link(self, event: Event) -> SafeString | str:
        return record_link("stores.store", event.store_id, event.store.name if event.store else "")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("store")
