"""The way in, a store's home and its settings."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay.dashboard import selectors
from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.forms import StoreForm, StoreSettingsForm
from flashpay.invoices.selectors import invoices_search
from flashpay.money.amounts import amount_format
from flashpay.money.currencies import currency_get
from flashpay.money.errors import MoneyError
from flashpay.notices.selectors import mail_failures
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.models import Store
from flashpay.stores.rates import worth_now
from flashpay.stores.selectors import only_cashier, stores_of, stores_seen, wallet_active
from flashpay.stores.services import store_archive, store_create, store_update


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """To the store that was looked at last, to the only one, or to the making of the first; a cashier to the tills."""
    if only_cashier(request.user):  # type: ignore[arg-type]  # the login middleware leaves no anonymous users here
        return redirect("till:tills")
    stores = stores_seen(request.user)  # type: ignore[arg-type]
    last = stores.filter(pk=request.session.get("store", "")).first() or stores.first()
    if last is None:
        return redirect("dashboard:store_create")
    return redirect("dashboard:store", last.pk)


@require_http_methods(["GET", "POST"])
def store_new(request: HttpRequest) -> HttpResponse:
    if only_cashier(request.user):  # type: ignore[arg-type]
        raise PermissionDenied("A cashier works at the till and makes no stores.")
    form = StoreForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            store = store_create(user=request.user, **form.cleaned_data)  # type: ignore[arg-type]
        except (Refusal, MoneyError) as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, f"{store.name} is ready. Connect its Flash wallet next.")
            return redirect("dashboard:wallet", store.pk)
    first = not stores_of(request.user).exists()  # type: ignore[arg-type]
    return render(
        request, "dashboard/store_create.html", {"form": form, "first": first}, status=422 if form.errors else 200
    )


@require_GET
@store_page(permissions.VIEW_INVOICES)
def store_home(request: StoreRequest) -> HttpResponse:
    request.session["store"] = request.store.pk
    now = timezone.now()
    store = request.store
    may_set = permissions.role_may(request.membership.role, permissions.MODIFY_STORE)
    today = selectors.figures(store=store, since=selectors.midnight(store=store, now=now))
    month = selectors.figures(store=store, since=now - timedelta(days=30))
    return store_render(
        request,
        "dashboard/home.html",
        {
            "nav": "store",
            "wallet": wallet_active(store),
            "today": today,
            "month": month,
            "worth": {
                "received_today": _worth(store, today.received_msat),
                "paid_out_today": _worth(store, today.paid_out_msat),
                "received_month": _worth(store, month.received_msat),
            },
            "days": selectors.daily_sums(store=store, now=now),
            "waiting": selectors.waiting(store=store),
            "latest_invoices": invoices_search(store=store)[:5],
            "latest_payouts": selectors.payouts_found(store=store)[:5],
            "mail_failures": mail_failures(store) if may_set else 0,
        },
    )


def _worth(store: Store, msat: int) -> str:
    """What sats are worth in the store's currency, about; empty where that says nothing or nobody knows."""
    currency = currency_get(store.default_currency)
    minor = None if currency.is_bitcoin or not msat else worth_now(msat, currency)
    return "" if minor is None else f"about {amount_format(minor, currency)}"


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def store_settings(request: StoreRequest) -> HttpResponse:
    store = request.store
    form = StoreSettingsForm(request.POST or None, initial=StoreSettingsForm.shown(store))
    if request.method == "POST" and form.is_valid():
        try:
            store_update(store=store, actor=str(request.user), **form.values())
        except (Refusal, MoneyError) as error:
            form.refuse(error)
        else:
            messages.success(request, "Saved.")
            return redirect("dashboard:settings", store.pk)
    return store_render(
        request, "dashboard/settings.html", {"nav": "settings", "form": form}, status=422 if form.errors else 200
    )


@require_POST
@store_page(permissions.MODIFY_STORE, archived_too=True)
def store_hide(request: StoreRequest) -> HttpResponse:
    """Archive a store, or bring it back."""
    archived = request.POST.get("archived") == "1"
    store_archive(store=request.store, archived=archived, actor=str(request.user))
    messages.success(request, "The store is archived." if archived else "The store is back.")
    return redirect("dashboard:settings", request.store.pk)
