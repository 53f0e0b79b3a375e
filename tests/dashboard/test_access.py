"""Members see their store's pages; strangers find none, and a role's limits hold."""

from __future__ import annotations

import pytest
from django.test import Client

from flashpay.dashboard.urls import store_patterns
from flashpay.invoices.models import Invoice
from flashpay.money.currencies import SAT
from flashpay.stores.models import Store, User
from payouts.models import PullPayment
from payouts.services import payout_claim, pull_payment_create
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

PAGES = [str(pattern.pattern) for pattern in store_patterns if "<" not in str(pattern.pattern)]


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_finds_no_such_store(client: Client, store: Store, charlie: User, page: str) -> None:
    client.force_login(charlie)
    assert client.get(f"/stores/{store.pk}{page}").status_code in (404, 405)
    assert client.post(f"/stores/{store.pk}{page}").status_code in (404, 405)


@pytest.mark.parametrize("page", PAGES)
def test_a_visitor_is_asked_to_log_in(client: Client, store: Store, page: str) -> None:
    answer = client.get(f"/stores/{store.pk}{page}")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("page", PAGES)
def test_a_cashier_opens_no_page_of_the_dashboard(client: Client, store: Store, bob: User, page: str) -> None:
    client.force_login(bob)
    assert client.get(f"/stores/{store.pk}{page}").status_code in (403, 405)
    assert client.post(f"/stores/{store.pk}{page}", {"amount": "5", "currency": "SAT"}).status_code in (403, 405)
    assert not Invoice.objects.exists()
    assert not PullPayment.objects.exists()


def test_a_cashier_is_led_to_the_till_and_makes_no_stores(client: Client, store: Store, bob: User) -> None:
    client.force_login(bob)
    assert client.get("/")["Location"] == "/till"
    assert client.post("/stores/new", {"name": "Bob's own", "default_currency": "USD"}).status_code == 403
    assert not Store.objects.filter(name="Bob's own").exists()


def test_a_foreign_record_is_not_found_under_an_own_store(
    client: Client, connected_store: Store, charlie: User, sandbox: SandboxServer
) -> None:
    prize = pull_payment_create(store=connected_store, amount=50_000, currency=SAT, actor="alice")
    payout = payout_claim(pull_payment=prize, bolt11=sandbox.phone_invoice(20_000)["bolt11"])
    own = charlie.memberships.get().store
    client.force_login(charlie)
    assert client.get(f"/stores/{own.pk}/pull-payments/{prize.pk}").status_code == 404
    assert client.get(f"/stores/{own.pk}/payouts/{payout.pk}").status_code == 404
    assert client.post(f"/stores/{own.pk}/payouts/{payout.pk}/act", {"action": "cancel"}).status_code == 404
    payout.refresh_from_db()
    assert payout.state == "AwaitingPayment"


def test_the_wrong_password_opens_nothing(client: Client, store: Store, alice: User) -> None:
    answer = client.post("/accounts/login/", {"login": alice.email, "password": "not hers"})
    assert answer.status_code == 200
    assert b"not correct" in answer.content
    assert client.get(f"/stores/{store.pk}").status_code == 302


def test_without_a_store_one_is_made_first(client: Client, db: None) -> None:
    from tests import cast

    client.force_login(cast.user_make("dora"))
    assert client.get("/")["Location"] == "/stores/new"
    answer = client.post("/stores/new", {"name": "Dora's bikes", "default_currency": "JMD"})
    store = Store.objects.get(name="Dora's bikes")
    assert answer["Location"] == f"/stores/{store.pk}/wallet"
    assert store.memberships.get().role == "Owner"


@pytest.mark.parametrize(
    "form", [{"amount": "0"}, {"amount": "-3"}, {"amount": "21000000000000000"}, {"amount": "1e3"}]
)
def test_a_bad_amount_is_said_at_the_field_and_makes_nothing(
    client: Client, store: Store, alice: User, form: dict[str, str]
) -> None:
    client.force_login(alice)
    answer = client.post(f"/stores/{store.pk}/invoices/new", {"currency": "SAT", **form})
    assert answer.status_code == 422
    assert answer.context["form"].errors["amount"]
    assert not Invoice.objects.exists()
