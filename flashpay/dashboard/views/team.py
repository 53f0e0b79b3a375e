"""A store's people: added, given another role, removed."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from flashpay.dashboard.access import StoreRequest, store_page, store_render
from flashpay.dashboard.forms import RefusingForm
from flashpay.refusals import Refusal
from flashpay.stores import permissions
from flashpay.stores.accounts import invitation_link, invitation_send
from flashpay.stores.models import Membership, Role
from flashpay.stores.team import member_add, member_remove, member_role_change, members_of

# What each role is for, in the order of how much it may do.
ROLES = [
    (Role.OWNER, "Owner: everything"),
    (Role.MANAGER, "Manager: everything but wallet, team and settings"),
    (Role.EMPLOYEE, "Employee: invoices, bills and claims that wait for approval"),
    (Role.CASHIER, "Cashier: the till and nothing else"),
    (Role.GUEST, "Guest: sees, changes nothing"),
]


class MemberForm(RefusingForm):
    email = forms.EmailField(label="E-mail address", max_length=254)
    role = forms.ChoiceField(choices=ROLES, initial=Role.CASHIER)


@never_cache
@require_http_methods(["GET", "POST"])
@store_page(permissions.MODIFY_STORE)
def team(request: StoreRequest) -> HttpResponse:
    """Everybody in the store; POST adds one more."""
    form = MemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            member = member_add(store=request.store, actor=str(request.user), **form.cleaned_data)
        except Refusal as refusal:
            form.refuse(refusal)
        else:
            _tell(request, member)
            return redirect("dashboard:team", request.store.pk)
    rows = [{"member": member, "link": _link(member)} for member in members_of(request.store)]
    context = {"nav": "team", "form": form, "rows": rows, "roles": ROLES}
    return store_render(request, "dashboard/team.html", context, status=422 if form.errors else 200)


@require_POST
@store_page(permissions.MODIFY_STORE)
def member_role(request: StoreRequest, member_id: int) -> HttpResponse:
    member = _member(request, member_id)
    try:
        member_role_change(member=member, role=request.POST.get("role", ""), actor=str(request.user))
    except Refusal as refusal:
        messages.error(request, f"{refusal.sentence} Nothing was changed.")
    else:
        messages.success(request, f"{member.user} is {member.role} now.")
    return _back(request, member)


@require_POST
@store_page(permissions.MODIFY_STORE)
def member_end(request: StoreRequest, member_id: int) -> HttpResponse:
    member = _member(request, member_id)
    try:
        member_remove(member=member, actor=str(request.user))
    except Refusal as refusal:
        messages.error(request, f"{refusal.sentence} Nobody was removed.")
    else:
        messages.success(request, f"{member.user} is not in the store any more. What they did stays on record.")
    return _back(request, member)


def _back(request: StoreRequest, member: Membership) -> HttpResponse:
    """To the team; who has just stepped down or left has no team page any more."""
    return redirect("dashboard:home") if member.user == request.user else redirect("dashboard:team", request.store.pk)


def _tell(request: StoreRequest, member: Membership) -> None:
    sent = invitation_send(member)
    if sent:
        messages.success(request, f"{member.user} is in the store as {member.role}. An e-mail tells them.")
    else:
        messages.warning(
            request,
            f"{member.user} is in the store as {member.role}, but the e-mail could not be sent. Please tell them.",
        )


def _link(member: Membership) -> str:
    """The invitation, to be handed over by hand: mail may not be set up here. Not where addresses must be proved by mail."""
    if settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory" or member.user.is_staff:
        return ""
    link = invitation_link(member.user)
    if not link:
        return ""
    # Whoever holds the link becomes that person, in their other stores too.
    elsewhere = Membership.objects.filter(user=member.user_id).exclude(store=member.store_id).exists()
    return "" if elsewhere else link


def _member(request: StoreRequest, member_id: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user", "store"), pk=member_id, store=request.store)
