"""Who may work at a till: members of its store whose role includes it. Strangers find no such till."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from flashpay.stores.models import Membership, User
from flashpay.stores.permissions import USE_TILL, VIEW_INVOICES, role_may
from flashpay.stores.selectors import membership_get
from flashpay.till.models import Till
from flashpay.till.selectors import till_get

Page = Callable[Concatenate["TillRequest", ...], HttpResponse]


class TillRequest(HttpRequest):
    """A request to one till's page, by somebody who may work there."""

    user: User
    till: Till
    membership: Membership


def till_page(page: Page) -> Callable[..., HttpResponse]:
    """Open the page to those who may use the till; `request.till` and `request.membership` are set.

    404 for everybody else's tills, as if there were none; 403 for a member who may not; 410 once the till is closed.
    """

    @wraps(page)
    def opened(request: TillRequest, till_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        till = till_get(till_id)
        membership = membership_get(user=request.user, store_id=till.store_id) if till else None
        if till is None or membership is None:
            raise Http404("There is no such till.")
        if not role_may(membership.role, USE_TILL):
            raise PermissionDenied("Your role in this store does not include its tills.")
        request.till, request.membership = till, membership
        with timezone.override(ZoneInfo(till.store.time_zone)):
            if not till.is_open:
                answer = render(request, "till/closed.html", till_frame(request), status=410)
            else:
                answer = page(request, *args, **kwargs)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    return opened


def till_frame(request: TillRequest) -> dict[str, Any]:
    """What every page of a till is rendered with."""
    till = request.till
    return {
        "till": till,
        "store": till.store,
        # Who sees the store's invoices finds the way back to them here; a cashier has the till alone.
        "sees_store": role_may(request.membership.role, VIEW_INVOICES),
    }
