"""How the store looks to payers and recipients: its colour and its logo."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from flashpay.brand.colors import PROJECT_COLOR
from flashpay.brand.pictures import UPLOAD_BYTES
from flashpay.brand.selectors import look_of
from flashpay.brand.services import brand_logo_remove, brand_save
from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.forms import RefusingForm
from flashpay.refusals import Refusal
from flashpay.stores import permissions


class BrandForm(RefusingForm):
    color = forms.CharField(
        label="Colour",
        required=False,
        max_length=24,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": PROJECT_COLOR}),
        help_text="For buttons and links. The words on it are black or white by themselves, whichever is read better; "
        "links get a little darker or lighter where they need to be.",
    )
    # A plain file: what is in it is found out by `flashpay.brand.pictures` alone.
    logo = forms.FileField(
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        help_text="PNG, JPEG or WebP, 4 MB at most. Best with a transparent ground; it stands beside the store's name.",
    )


@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def brand(request: StoreRequest) -> HttpResponse:
    store, look = request.store, look_of(request.store)
    form = BrandForm(request.POST or None, request.FILES or None, initial={"color": look.color})
    if request.method == "POST":
        if request.POST.get("action") == "remove-logo":
            brand_logo_remove(store=store, actor=str(request.user))
            messages.success(request, "The logo is removed.")
            return redirect("dashboard:brand", store.pk)
        if form.is_valid() and _save(request, form):
            messages.success(request, "Saved. Pages show it from now on, those that are open after their next look.")
            return redirect("dashboard:brand", store.pk)
    page = {
        "nav": "settings",
        "form": form,
        "look": look,
        "project_color": PROJECT_COLOR,
        "preview_css": reverse("brand:style_preview", args=[look.button_color[1:]]),
        "upload_bytes": UPLOAD_BYTES,
    }
    return store_render(request, "dashboard/brand.html", page, status=422 if form.errors else 200)


def _save(request: StoreRequest, form: BrandForm) -> bool:
    """Keep what the form holds; False where it was refused, with the reason at its field."""
    upload = form.cleaned_data["logo"]
    # One byte more than may be, so that a larger one is known as such and never read whole.
    data = upload.read(UPLOAD_BYTES + 1) if upload is not None else None
    try:
        brand_save(store=request.store, color=form.cleaned_data["color"], logo_data=data, actor=str(request.user))
    except Refusal as refusal:
        form.refuse(refusal)
        return False
    return True
