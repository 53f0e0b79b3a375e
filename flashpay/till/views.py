"""The till itself: the keypad, a sale on the whole screen until it is paid, today's sales; and what makes it installable."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from flashpay.invoices.keypad import keyed_read, keypad_page, tip_shown
from flashpay.invoices.offers import prices_of
from flashpay.invoices.views import checkout_now
from flashpay.languages import translated
from flashpay.money.errors import MoneyError, NoFreshRate
from flashpay.public_pages import public_page, wants_fragment
from flashpay.refusals import Refusal
from flashpay.till.access import TillRequest, till_frame, till_page
from flashpay.till.selectors import sale_find, sales_today, tills_usable
from flashpay.till.services import sale_create

# As `--fp-brand-bg` and `--fp-bg` of static/css/tokens.css: a manifest cannot read a style sheet.
THEME_COLOUR, BACKGROUND_COLOUR = "#0a7a57", "#f5f7f6"
# What a phone writes under an icon.
SHORT_NAME_LENGTH = 12
# Refusals that are no fault of what was typed.
_STATUS = {"till-closed": 410, "wallet-not-connected": 409}


@require_GET
def tills(request: HttpRequest) -> HttpResponse:
    """The tills that the person may work at; where it is one alone, that one."""
    found = list(tills_usable(request.user))  # type: ignore[arg-type]  # the login middleware leaves no anonymous users here
    if len(found) == 1:
        return redirect("till:till", found[0].pk)
    return render(request, "till/tills.html", {"tills": found})


@require_http_methods(["GET", "POST"])
@till_page
def till(request: TillRequest) -> HttpResponse:
    """The keypad. POST makes the invoice and shows it on the whole screen."""
    problem, field, status = "", "", 200
    if request.method == "POST":
        note = request.POST.get("note", "")
        try:
            keyed = keyed_read(request.POST, request.till.link)
            sale = sale_create(till=request.till, keyed=keyed, note=note, cashier=str(request.user))
        except (Refusal, MoneyError) as error:
            problem, field = translated(error.sentence), getattr(error, "field", "")
            status = 503 if isinstance(error, NoFreshRate) else _STATUS.get(error.code, 422)
        else:
            return redirect("till:sale", request.till.pk, sale.pk)
    keypad = keypad_page(link=request.till.link, typed=request.POST, problem=problem, field=field)
    return render(request, "till/till.html", till_frame(request) | {"keypad": keypad}, status=status)


@require_safe
@till_page
def sale(request: TillRequest, invoice_id: str) -> HttpResponse:
    """One sale, to be turned to the customer: the code, and how it went."""
    invoice = sale_find(request.till, invoice_id)
    if invoice is None:
        raise Http404("There is no such sale at this till.")
    page = till_frame(request) | checkout_now(request, invoice)
    tip = tip_shown(invoice)
    page |= {"tip": tip, "without_tip": (invoice.amount or 0) - tip}
    return render(request, "till/_sale_live.html" if wants_fragment(request) else "till/sale.html", page)


@require_GET
@till_page
def today(request: TillRequest) -> HttpResponse:
    """The till's sales since midnight in the store's time zone."""
    day = sales_today(request.till, timezone.now())
    template = "till/_today_live.html" if wants_fragment(request) else "till/today.html"
    return render(request, template, till_frame(request) | {"day": day})


@require_safe
@till_page
def prices(request: TillRequest) -> HttpResponse:
    """What a bitcoin costs in the till's currencies, for the amount beside the amount."""
    return JsonResponse(prices_of(request.till.link))


@require_safe
@till_page
def manifest(request: TillRequest) -> HttpResponse:
    """What a phone or tablet needs to install the till as an app of its own."""
    here = reverse("till:till", args=[request.till.pk])
    icons = [
        {"src": static(f"img/icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png", "purpose": "any"}
        for size in (192, 512)
    ]
    maskable = {
        "src": static("img/icon-maskable-512.png"),
        "sizes": "512x512",
        "type": "image/png",
        "purpose": "maskable",
    }
    described = {
        "id": here,
        "name": f"{request.till.name} · {request.till.store.name}",
        "short_name": request.till.name[:SHORT_NAME_LENGTH],
        "start_url": here,
        "scope": reverse("till:tills"),
        "display": "standalone",
        "theme_color": THEME_COLOUR,
        "background_color": BACKGROUND_COLOUR,
        "icons": [*icons, maskable],
    }
    return JsonResponse(described, content_type="application/manifest+json")


@require_safe
@public_page
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: it keeps the page that says "no connection", and nothing else."""
    answer = render(request, "till/worker.js", content_type="text/javascript; charset=utf-8")
    answer["Cache-Control"] = "no-cache"
    return answer


@require_safe
@public_page
def offline(request: HttpRequest) -> HttpResponse:
    """Shown by the service worker where the network is away."""
    return render(request, "till/offline.html")
