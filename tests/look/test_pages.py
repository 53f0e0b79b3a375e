"""Pages that stand for themselves: accounts and errors."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory, override_settings
from django.views import defaults

from flashpay.stores.models import User
from tests.cast import PASSWORD


def test_the_first_visitor_is_asked_to_create_the_administrator(client: Client, db: None) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert "Create the administrator" in page
    assert 'href="/accounts/signup/"' in page
    client.post("/accounts/signup/", {"email": "alice@example.com", "password1": PASSWORD})
    assert User.objects.get().is_superuser


def test_later_visitors_log_in_and_are_not_offered_an_account(client: Client, alice: User) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert "Welcome back" in page
    assert "signup" not in page
    assert "by invitation" in client.get("/accounts/signup/").content.decode()


def test_a_wrong_password_is_said_at_the_form(client: Client, alice: User) -> None:
    page = client.post("/accounts/login/", {"login": alice.email, "password": "wrong"})
    assert 'role="alert"' in page.content.decode()
    assert not page.wsgi_request.user.is_authenticated


@override_settings(DEBUG=False)
def test_an_address_without_a_page_says_so_kindly(client: Client, db: None) -> None:
    client.raise_request_exception = False
    page = client.get("/i/nothing-like-an-invoice-here")
    assert page.status_code in {302, 404}
    assert (
        "nothing at this address" in defaults.page_not_found(RequestFactory().get("/x"), Exception()).content.decode()
    )


@pytest.mark.parametrize("view", [defaults.bad_request, defaults.permission_denied])
def test_refusals_have_pages(view: object, db: None) -> None:
    page = view(RequestFactory().get("/x"), Exception())  # type: ignore[operator]
    assert "FlashPay" in page.content.decode()


def test_the_page_for_our_own_faults_needs_nothing(rf: RequestFactory) -> None:
    page = defaults.server_error(rf.get("/x")).content.decode()
    assert "Please do not pay a second time" in page
