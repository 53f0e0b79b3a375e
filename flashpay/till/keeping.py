"""A store's tills in its dashboard: listed, made, changed, shared, closed."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.invoices.offers import link_code
from flashpay.invoices.selectors import link_address
from flashpay.papers import paper_choice
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.permissions import role_may
from flashpay.till.forms import TillForm, typed_before
from flashpay.till.models import Till
from flashpay.till.selectors import till_get, tills_of
from flashpay.till.services import till_archive, till_save, till_share


@require_GET
@store_page(permissions.USE_TILL)
def tills(request: StoreRequest) -> HttpResponse:
    if not role_may(request.membership.role, permissions.VIEW_INVOICES):
        # The dashboard is not for a cashier, who has the tills alone.
        return redirect("till:tills")
    rows = [{"till": till, "address": link_address(till.link)} for till in tills_of(request.store)]
    return store_render(request, "till/keeping.html", {"nav": "tills", "rows": rows})


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def till_new(request: StoreRequest) -> HttpResponse:
    first = {"currency": request.store.default_currency, "tips": ""}
    if not tills_of(request.store).exists():
        first["name"] = "Counter"
    form = TillForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        try:
            till = till_save(store=request.store, actor=str(request.user), **form.terms())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"{till.name} is ready. Open it on the device that stands at your counter.")
            return redirect("tills:edit", request.store.pk, till.pk)
    context = {"nav": "tills", "form": form}
    return store_render(request, "till/edit.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def till_edit(request: StoreRequest, till_id: str) -> HttpResponse:
    till = _till(request, till_id)
    form = TillForm(request.POST or None, initial=typed_before(till))
    if request.method == "POST" and form.is_valid():
        try:
            till_save(store=request.store, till=till, actor=str(request.user), **form.terms())
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Saved.")
            return redirect("tills:edit", request.store.pk, till.pk)
    context = {
        "nav": "tills",
        "form": form,
        "till": till,
        "address": link_address(till.link),
    }
    return store_render(request, "till/edit.html", context, status=422 if form.errors else 200)


@require_POST
@store_page(permissions.MODIFY_STORE)
def till_close(request: StoreRequest, till_id: str) -> HttpResponse:
    """Archive a till, or open it again."""
    till = _till(request, till_id)
    till_archive(till=till, archived=request.POST.get("archived") == "1", actor=str(request.user))
    messages.success(request, f"{till.name} is archived." if till.archived else f"{till.name} is open again.")
    return redirect("tills:tills", request.store.pk)


@require_POST
@store_page(permissions.MODIFY_STORE)
def till_open_to_all(request: StoreRequest, till_id: str) -> HttpResponse:
    """Switch the share link on or off."""
    till = _till(request, till_id)
    shared = request.POST.get("shared") == "1"
    try:
        till_share(till=till, shared=shared, actor=str(request.user))
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, "The share link takes payments now." if shared else "The share link is closed.")
    return redirect("tills:edit", request.store.pk, till.pk)


@require_GET
@store_page(permissions.USE_TILL)
def poster(request: StoreRequest, till_id: str) -> HttpResponse:
    """The share link as one page for the wall."""
    till = _till(request, till_id)
    if till.link.archived:
        raise Http404("This till is not shared.")
    context = {
        "till": till,
        "store": request.store,
        "address": link_address(till.link),
        "code": link_code(till.link),
        **paper_choice(request.GET.get("paper", "")),
    }
    return render(request, "till/poster.html", context)


def _till(request: StoreRequest, till_id: str) -> Till:
    till = till_get(till_id)
    if till is None or till.store_id != request.store.pk:
        raise Http404("There is no such till in this store.")
    return till
