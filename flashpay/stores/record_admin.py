"""How records stand in the Django admin: to be found, read and followed; changed only by the services, with a name beside it.

Also the few things that the three admin modules share: amounts as people read them, links, the history of a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from flashpay import lightning
from flashpay.money.amounts import amount_format, msat_format
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.refusals import Refusal
from flashpay.stores.models import ACTOR_LENGTH, Event

NOTHING = "—"
HISTORY_ROWS = 200


class ReasonForm(ActionForm):
    """Stands beside the list of actions: what a person decides by hand stays on record with its reason."""

    reason = forms.CharField(required=False, max_length=500, widget=forms.TextInput(attrs={"placeholder": "Reason"}))


class RecordAdmin(admin.ModelAdmin):
    """A table that is read here and never written: no adding, no deleting, no changing of a field."""

    show_full_result_count = False
    list_per_page = 50
    # Never on any page, whatever a later field list says.
    secret_fields: tuple[str, ...] = ()

    class Media:
        css = {"all": ["records/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Actions are for those whom the admin allows to change this table, had it anything to change."""
        return super().has_change_permission(request)

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return [*(super().get_exclude(request, obj) or []), *self.secret_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Every field, those included that no form could show, and then what this admin adds."""
        own = [field.name for field in self.opts.fields if field.name not in self.secret_fields]
        return [*own, *super().get_readonly_fields(request, obj)]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """As Django does it; a BOLT 11 that was pasted is looked for by its payment hash."""
        return super().get_search_results(request, queryset, _hash_if_bolt11(search_term))

    @admin.display(description="history")
    def history(self, row: Any) -> SafeString | str:
        """What was recorded about the row itself; for `readonly_fields`."""
        return history_shown({self.opts.model_name or "": [str(row.pk)]})

    def act_on_each(self, request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any], object], done: str) -> None:
        """Run a service on each row; what one refuses is said, and stops no other."""
        for row in rows:
            try:
                act(row)
            except (Refusal, MoneyError) as refused:
                self.message_user(request, f"{row}: {refused.sentence}", messages.ERROR)
            else:
                self.log_change(request, row, done)
                self.message_user(request, f"{row}: {done}", messages.SUCCESS)

    def reason_of(self, request: HttpRequest) -> str:
        """The reason that was typed. Without one a message is shown and the action does nothing."""
        reason = request.POST.get("reason", "").strip()[:500]
        if not reason:
            self.message_user(request, "Please type a reason beside the action. Nothing was changed.", messages.ERROR)
        return reason


class StoreRecordAdmin(RecordAdmin):
    """A table whose rows each belong to a store, with a link to it for the list."""

    list_select_related = ["store"]

    @admin.display(description="store", ordering="store__name")
    def store_link(self, row: Any) -> SafeString | str:
        return record_link("stores.store", row.store_id, row.store.name)


class RecordInline(admin.TabularInline):
    """Rows that belong to a record, shown below it and read only."""

    extra = 0
    can_delete = False
    show_change_link = True
    # What the rows' columns and names are read from beside the rows, as `list_select_related` says it of lists.
    rows_select_related: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.select_related(*self.rows_select_related) if self.rows_select_related else rows

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return list(self.fields or [])

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def actor_of(request: HttpRequest) -> str:
    return f"{request.user} (admin)"[:ACTOR_LENGTH]


def record_link(model: str, pk: Any, text: str = "") -> SafeString | str:
    """A link to a record's page in the admin: `record_link("payouts.payout", pk)`."""
    if not pk:
        return NOTHING
    address = reverse(f"admin:{model.replace('.', '_')}_change", args=[pk])
    return format_html('<a href="{}">{}</a>', address, text or pk)


def minor_shown(minor: int | None, currency: str) -> str:
    return NOTHING if minor is None else amount_format(minor, currency_get(currency), with_code=True)


def msat_shown(msat: int | None) -> str:
    return NOTHING if msat is None else msat_format(msat)


def history_shown(entities: Mapping[str, list[str]]) -> SafeString | str:
    """Everything that was recorded about some records, oldest first: `{"payout": [id], "payoutattempt": […]}`."""
    events = [
        event
        for entity, ids in entities.items()
        for event in Event.objects.filter(entity=entity, entity_id__in=ids).order_by("id")[:HISTORY_ROWS]
    ]
    rows = format_html_join(
        "",
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        (
            (
                f"{event.at:%Y-%m-%d %H:%M:%S} UTC",
                event.type,
                _step(event),
                event.actor,
                _evidence_shown(event.evidence),
            )
            for event in sorted(events, key=lambda event: event.pk)
        ),
    )
    head = "<thead><tr><th>When</th><th>What</th><th>From → to</th><th>Who</th><th>Evidence</th></tr></thead>"
    return format_html("<table>" + head + "<tbody>{}</tbody></table>", rows) if events else NOTHING


def _step(event: Event) -> str:
    return f"{event.before} → {event.after}" if event.before else event.after


def _evidence_shown(evidence: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in evidence.items())


def _hash_if_bolt11(term: str) -> str:
    try:
        return lightning.invoice_read(term).payment_hash
    except lightning.InvalidInvoice:
        return term
