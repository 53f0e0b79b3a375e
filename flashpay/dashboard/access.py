"""Who may open a store's page: its members, with the permission that the page needs. Strangers find no such page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from flashpay.stores.models import Membership, Store, User
from flashpay.stores.permissions import BY_ROLE
from flashpay.stores.selectors import STORE_ARCHIVED, membership_get
from payouts.selectors import sending_stopped

_READING = frozenset({"GET", "HEAD"})
Page = Callable[Concatenate["StoreRequest", ...], HttpResponseBase]


class StoreRequest(HttpRequest):
    """A request to one store's page, by one of its members."""

    user: User
    store: Store
    membership: Membership


def store_page(permission: str, *, archived_too: bool = False) -> Callable[[Page], Callable[..., HttpResponseBase]]:
    """Open the page to members with `permission`; `request.store` and `request.membership` are set.

    404 for everybody else's stores, as if there were none; 403 for a member who may not. What is posted to a page of an
    archived store changes nothing, but for what brings it back (`archived_too`).
    """

    def decorate(page: Page) -> Callable[..., HttpResponseBase]:
        @wraps(page)
        def opened(request: StoreRequest, store_id: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
            membership = membership_get(user=request.user, store_id=store_id)
            if membership is None:
                raise Http404("There is no such store.")
            if permission not in BY_ROLE[membership.role]:
                raise PermissionDenied("Your role in this store does not include this page.")
            request.store, request.membership = membership.store, membership
            if membership.store.archived and request.method not in _READING and not archived_too:
                messages.error(request, STORE_ARCHIVED)
                return redirect("dashboard:store", store_id)
            # What is typed without a zone ("expires 18:00") is meant where the store is.
            with timezone.override(ZoneInfo(membership.store.time_zone)):
                return page(request, *args, **kwargs)

        return opened

    return decorate


def store_render(
    request: StoreRequest, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Render a page of the store, with what its frame needs."""
    allowed = BY_ROLE[request.membership.role]
    frame = {
        "store": request.store,
        # Asked for by the pages about payouts alone.
        "sending_stopped": SimpleLazyObject(sending_stopped),
        "membership": request.membership,
        # "btcpay.store.canviewinvoices" → may.canviewinvoices
        "may": {permission.rpartition(".")[2]: True for permission in allowed},
    }
    return render(request, template, frame | (context or {}), status=status)
