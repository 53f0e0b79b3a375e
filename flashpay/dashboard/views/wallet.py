"""A store's Flash wallet: connecting one, trying a credential before, and how the connection is."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from flashpay import flash
from flashpay.crypto import CannotDecrypt
from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.forms import WalletForm
from flashpay.dashboard.wallet_words import abilities, budget_words, probe_words, socket_words, way_words
from flashpay.flash.socket_carrier import transports_probe
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.checking import clock_check, wallet_check
from flashpay.stores.clock import ClockReading, clock_compare
from flashpay.stores.connecting import Pasted, connection_string_read, wallet_probe
from flashpay.stores.health import ConnectionHealth, store_health
from flashpay.stores.selectors import wallet_active
from flashpay.stores.services import wallet_connect, wallet_disconnect
from flashpay.stores.wallets import anybody_open, facts_of, wallet_of

# A session token has up to 4,096 characters.
LONGEST_PASTED = 5_000


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def wallet(request: StoreRequest) -> HttpResponse:
    """Connect a Flash wallet: the credential is tested live before anything is stored, and never shown again."""
    form = WalletForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            connection = wallet_connect(
                store=request.store,
                connection_string=form.cleaned_data["connection_string"],
                actor=str(request.user),
            )
        except Refusal as refusal:
            form.add_error("connection_string", refusal.sentence)
        else:
            messages.success(request, f"The wallet of {connection.username or 'this account'} is connected.")
            return redirect("dashboard:wallet", request.store.pk)
    if form.errors:
        # What was pasted is not sent back: a secret has no place in a page.
        form.data = {"connection_string": ""}
    connection_now = wallet_active(request.store)
    return store_render(
        request,
        "dashboard/wallet.html",
        {
            "nav": "wallet",
            "form": form,
            "wallet": connection_now,
            "may_do": abilities(connection_now.kind) if connection_now else None,
            "way": way_words(facts_of(connection_now)) if connection_now else None,
        },
        status=422 if form.errors else 200,
    )


@require_POST
@store_page(permissions.MODIFY_STORE)
def wallet_remove(request: StoreRequest) -> HttpResponse:
    wallet_disconnect(store=request.store, actor=str(request.user))
    messages.success(request, "The wallet is disconnected. What it received and sent stays on record.")
    return redirect("dashboard:wallet", request.store.pk)


@sensitive_post_parameters()
@never_cache
@require_POST
@store_page(permissions.MODIFY_STORE)
def wallet_test(request: StoreRequest, step: str) -> HttpResponse:
    """One step of the live test, as a part of a page; nothing is stored. 422 where it ends the test."""
    if step not in _STEPS:
        raise Http404("The test has no such step.")
    text = request.POST.get("connection_string", "")[:LONGEST_PASTED]
    try:
        pasted = connection_string_read(connection_string=text)
        context = _STEPS[step](pasted, text)
    except Refusal as refusal:
        context = {"refusal": refusal.sentence}
    return store_render(
        request, "dashboard/_wallet_test.html", {"step": step, **context}, status=422 if "refusal" in context else 200
    )


def _account_step(pasted: Pasted, text: str) -> dict[str, object]:
    return {"probe": wallet_probe(connection_string=text), "may_do": abilities(_kind(pasted.credential))}


def _ways_step(pasted: Pasted, text: str) -> dict[str, object]:
    probe = transports_probe(pasted.endpoint, pasted.credential)
    return {"ways": probe_words(probe, pasted.credential)}


def _clock_step(pasted: Pasted, text: str) -> dict[str, object]:
    try:
        reading: ClockReading | None = clock_compare(anybody_open(pasted.endpoint))
    except flash.FlashError:
        reading = None
    return {"clock": reading}


_STEPS = {"account": _account_step, "ways": _ways_step, "clock": _clock_step}


def _kind(credential: flash.Credential) -> str:
    match credential:
        case flash.ApiKey():
            return "api_key"
        case flash.SessionToken():
            return "session_token"
        case _:
            return "username"


@require_GET
@never_cache
@store_page(permissions.VIEW_STORE)
def wallet_health(request: StoreRequest) -> HttpResponse:
    """How the connection to Flash is, refreshed while somebody looks."""
    context: dict[str, object] = {"nav": "wallet", "wallet": None}
    try:
        health = store_health(store=request.store)
    except CannotDecrypt as error:
        context["unreadable"] = str(error)
    else:
        if health is not None:
            context |= _health_context(health)
    return store_render(request, "dashboard/wallet_health.html", context)


def _health_context(health: ConnectionHealth) -> dict[str, object]:
    return {
        "health": health,
        "wallet": health.connection,
        "troubles": health.troubles,
        "socket_state": socket_words(health),
        "way": way_words(health.facts),
        "budgets": [budget_words(left) for left in health.budgets],
    }


@require_POST
@store_page(permissions.MODIFY_STORE)
def wallet_check_now(request: StoreRequest) -> HttpResponse:
    """Ask Flash about the wallet at once instead of at the next minute."""
    try:
        connection_id = wallet_of(request.store).pk
        wallet_check(connection_id=connection_id)
        clock_check(connection_id=connection_id)
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    return redirect("dashboard:wallet_health", request.store.pk)
