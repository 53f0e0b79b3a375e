"""The claim page and a claim's own page: what a recipient sees, sends and is refused."""

from __future__ import annotations

import html
import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from flashpay.lightning import payment_hash_of
from flashpay.stores.models import PaymentHash, Store
from payouts.models import AttemptState, Payout, PayoutAttempt, PayoutState, PullPayment
from payouts.selectors import claim_link, pull_payment_lnurl
from payouts.services import payout_cancel, pull_payment_archive, pull_payment_code_set
from tests.payouts.recipients import MINIMUM_SAT, invoice_over, pull_payment_make, wallet_make
from tests.sandbox_server import SandboxServer

pytestmark = pytest.mark.django_db

FRAGMENT = {"HTTP_X_FRAGMENT": "1"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def recipient() -> Client:
    """A browser that keeps no cookies for us, as those inside chat programs do."""
    return Client(enforce_csrf_checks=True, HTTP_ACCEPT=BROWSER)


@pytest.fixture
def pull_payment(store: Store) -> PullPayment:
    wallet_make(store)
    return pull_payment_make(store, description="For winning the <race>")


def path(pull_payment: PullPayment) -> str:
    return claim_link(pull_payment).removeprefix(settings.PUBLIC_URL)


def page(response: Any, status: int = 200) -> str:
    assert response.status_code == status
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "same-origin"
    assert "noindex" in response["X-Robots-Tag"]
    assert not response.cookies
    return html.unescape(response.content.decode()).replace("\N{NO-BREAK SPACE}", " ")


def claim(recipient: Client, pull_payment: PullPayment, destination: str, amount: str = "") -> Any:
    return recipient.post(path(pull_payment), {"destination": destination, "amount": amount})


def claimed(recipient: Client, pull_payment: PullPayment, sat: int = 20_000) -> tuple[Payout, str]:
    response = claim(recipient, pull_payment, invoice_over(sat))
    assert response.status_code == 302
    return Payout.objects.get(), response["Location"]


def assert_nothing_claimed(pull_payment: PullPayment) -> None:
    pull_payment.refresh_from_db()
    assert pull_payment.claimed == 0
    assert not Payout.objects.exists()
    assert not PaymentHash.objects.exists()


def attempt_make(payout: Payout, state: str, **columns: Any) -> PayoutAttempt:
    return PayoutAttempt.objects.create(
        store=payout.store,
        payout=payout,
        number=1,
        connection=payout.store.wallet_connections.get(),
        wallet_id="wallet-of-alice",
        bolt11=payout.destination,
        payment_hash=PaymentHash.objects.get(owner_id=payout.pk).payment_hash,
        amount_msat=payout.amount_msat,
        idempotency_key=f"{payout.pk}-1",
        state=state,
        **columns,
    )


# --- The claim page -------------------------------------------------------------------------------------------------


def test_it_offers_the_lnurl_as_qr_link_and_text(recipient: Client, pull_payment: PullPayment) -> None:
    shown = page(recipient.get(path(pull_payment)))
    bech32 = pull_payment_lnurl(pull_payment).bech32
    assert "<svg" in shown
    assert f'href="lightning:{bech32.lower()}"' in shown
    assert f'data-copy="{bech32}"' in shown
    assert "Prize" in shown
    assert "50,000 sat" in shown
    assert "10,000 sat" in shown


def test_text_of_the_shop_is_shown_as_text(recipient: Client, pull_payment: PullPayment) -> None:
    assert b"For winning the &lt;race&gt;" in recipient.get(path(pull_payment)).content


def test_its_live_part_comes_alone_and_says_when_nothing_is_new(recipient: Client, pull_payment: PullPayment) -> None:
    whole = page(recipient.get(path(pull_payment)))
    part = page(recipient.get(path(pull_payment), **FRAGMENT))
    assert f'data-live="/events/pullpayment:{pull_payment.pk}"' in whole
    assert "<html" not in part
    assert "<form" not in part
    assert version_of(part) == version_of(whole)
    claimed(recipient, pull_payment)
    assert version_of(page(recipient.get(path(pull_payment), **FRAGMENT))) != version_of(whole)


def version_of(shown: str) -> str:
    return shown.split('data-version="')[1].split('"')[0]


def test_looking_writes_nothing(recipient: Client, pull_payment: PullPayment) -> None:
    recipient.get(path(pull_payment))
    recipient.head(path(pull_payment))
    assert_nothing_claimed(pull_payment)


def test_claims_of_others_show_amount_and_state_but_neither_destination_nor_address(
    recipient: Client, pull_payment: PullPayment
) -> None:
    payout, _ = claimed(recipient, pull_payment)
    shown = page(Client(HTTP_ACCEPT=BROWSER).get(path(pull_payment)))
    assert "20,000 sat" in shown
    assert payout.destination not in shown
    assert payout.destination[:20] not in shown
    assert payout.pk not in shown
    assert "30,000 sat" in shown


def test_its_last_claim_is_watched_to_the_end(recipient: Client, pull_payment: PullPayment) -> None:
    payout, _ = claimed(recipient, pull_payment, 50_000)
    shown = page(recipient.get(path(pull_payment), **FRAGMENT))
    assert "claimed already" in shown
    assert "data-final" not in shown
    Payout.objects.filter(pk=payout.pk).update(state=PayoutState.COMPLETED)
    assert "data-final" in page(recipient.get(path(pull_payment), **FRAGMENT))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"archived_at": timezone.now()}, "has ended this pull payment"),
        ({"starts_at": timezone.now() - timedelta(days=2), "expires_at": timezone.now()}, "has expired"),
        ({"starts_at": timezone.now() + timedelta(days=1)}, "has not started yet"),
        ({"paused": True}, "has paused"),
        ({"claimed": 50_000}, "claimed already"),
        ({"claimed": 45_000}, "less than the smallest amount"),
    ],
)
def test_where_nothing_can_be_claimed_it_says_why_and_offers_neither_code_nor_form(
    recipient: Client, pull_payment: PullPayment, columns: dict[str, Any], words: str
) -> None:
    PullPayment.objects.filter(pk=pull_payment.pk).update(**columns)
    shown = page(recipient.get(path(pull_payment)))
    assert words in shown
    assert "lightning:lnurl" not in shown
    assert "<form" not in shown
    response = claim(recipient, pull_payment, invoice_over(MINIMUM_SAT))
    page(response, 422)
    assert not Payout.objects.exists()


@pytest.mark.parametrize("columns", [{"is_active": False}, {"kind": "username", "secret": ""}])
def test_where_the_shops_wallet_cannot_pay_it_says_so_to_the_recipient(
    recipient: Client, store: Store, columns: dict[str, Any]
) -> None:
    wallet_make(store, **columns)
    pull_payment = pull_payment_make(store)
    shown = page(recipient.get(path(pull_payment)))
    assert "wallet cannot pay out at the moment. Nothing was claimed" in shown
    assert "lightning:lnurl" not in shown
    page(claim(recipient, pull_payment, invoice_over(MINIMUM_SAT)), 422)
    assert_nothing_claimed(pull_payment)


@pytest.mark.parametrize("name", ["1" * 22, "1" * 21, "unknown", "%00", "0" * 22])
def test_an_unknown_pull_payment_is_not_found(recipient: Client, name: str) -> None:
    assert recipient.get(f"/p/{name}").status_code == 404
    assert recipient.post(f"/p/{name}", {"destination": "x"}).status_code == 404


# --- Claiming with a pasted invoice ---------------------------------------------------------------------------------


def test_a_pasted_invoice_is_claimed_and_leads_to_its_own_page(recipient: Client, pull_payment: PullPayment) -> None:
    pr = invoice_over(20_000)
    response = claim(recipient, pull_payment, f"  lightning:{pr.upper()}\n")
    payout = Payout.objects.get()
    assert (payout.destination, payout.amount, payout.state) == (pr, 20_000, PayoutState.AWAITING_PAYMENT)
    assert (response.status_code, response["Location"]) == (302, f"{path(pull_payment)}/{payout.pk}")
    pull_payment.refresh_from_db()
    assert pull_payment.remaining == 30_000


def test_sent_twice_it_is_one_claim(recipient: Client, pull_payment: PullPayment) -> None:
    pr = invoice_over(20_000)
    first, second = claim(recipient, pull_payment, pr), claim(recipient, pull_payment, pr)
    assert first["Location"] == second["Location"]
    assert Payout.objects.count() == 1


@pytest.mark.parametrize(("amount", "sat"), [("", 50_000), ("12,345", 12_345), ("12 345 sat", 12_345)])
def test_an_invoice_without_an_amount_claims_what_was_typed_or_everything(
    recipient: Client, pull_payment: PullPayment, amount: str, sat: int
) -> None:
    assert claim(recipient, pull_payment, invoice_over(None), amount).status_code == 302
    payout = Payout.objects.get()
    assert (payout.amount, payout.amount_msat) == (sat, sat * 1000)


@pytest.mark.parametrize(
    ("destination", "amount", "field", "words"),
    [
        ("", "", "destination", "Please paste an invoice"),
        ("hello", "", "destination", "not a Lightning invoice"),
        ("x" * 8_000, "", "destination", "not a Lightning invoice"),
        ("x" * 20_000, "", "destination", ""),
        (None, "9,999", "amount", "smallest amount that can be paid out is 10,000 sat"),
        (None, "50,001", "amount", "more than what is left to claim here: 50,000 sat"),
        (None, "0", "amount", "more than zero"),
        (None, "-5", "amount", "cannot be negative"),
        (None, "1.5", "amount", "no decimals"),
        (None, "many", "amount", "cannot be read"),
    ],
)
def test_a_refusal_stands_at_its_field_and_keeps_what_was_typed(
    recipient: Client, pull_payment: PullPayment, destination: str | None, amount: str, field: str, words: str
) -> None:
    typed = invoice_over(None) if destination is None else destination
    response = claim(recipient, pull_payment, typed, amount)
    shown = page(response, 422)
    assert words in shown
    assert f'aria-describedby="id_{field}_error' in shown or f'id="id_{field}_error"' in shown
    assert typed in shown
    assert f'value="{amount}"' in shown or not amount
    assert_nothing_claimed(pull_payment)


def test_an_amount_below_the_invoices_own_is_refused(recipient: Client, pull_payment: PullPayment) -> None:
    shown = page(claim(recipient, pull_payment, invoice_over(20_000), "15000"), 422)
    assert "more than the amount to claim" in shown
    assert_nothing_claimed(pull_payment)


def test_an_expired_invoice_is_refused_at_its_field(recipient: Client, pull_payment: PullPayment) -> None:
    old = invoice_over(20_000, created=timezone.now() - timedelta(hours=2))
    shown = page(claim(recipient, pull_payment, old), 422)
    assert "has expired" in shown
    assert 'id="id_destination_error"' in shown
    assert_nothing_claimed(pull_payment)


def test_an_invoice_claimed_elsewhere_is_refused(recipient: Client, store: Store, pull_payment: PullPayment) -> None:
    pr = invoice_over(20_000)
    claim(recipient, pull_payment, pr)
    other = pull_payment_make(store)
    assert "used for a claim before" in page(claim(recipient, other, pr), 422)
    other.refresh_from_db()
    assert other.claimed == 0


def test_fiat_without_a_fresh_rate_is_refused(recipient: Client, store: Store, no_price: SandboxServer) -> None:
    wallet_make(store)
    pull_payment = pull_payment_make(store, currency="USD", amount=20_00)
    assert "rate" in page(recipient.get(path(pull_payment)))
    assert "rate" in page(claim(recipient, pull_payment, invoice_over(20_000)), 422)
    assert_nothing_claimed(pull_payment)


# --- A wallet at the page's address ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("", "application/json"),
        ("", "application/json, text/plain, */*"),
        ("?lightning=LNURL1ANYTHING", "*/*"),
        ("?LIGHTNING=LNURL1ANYTHING", ""),
    ],
)
def test_a_wallet_gets_the_lnurl_answer(pull_payment: PullPayment, query: str, accept: str) -> None:
    response = Client(HTTP_ACCEPT=accept).get(path(pull_payment) + query)
    answer = json.loads(response.content)
    assert (answer["tag"], answer["maxWithdrawable"]) == ("withdrawRequest", 50_000_000)
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Accept" in response["Vary"]


@pytest.mark.parametrize(
    ("query", "accept"), [("", BROWSER), ("?lightning=LNURL1ANYTHING", BROWSER), ("", "*/*"), ("", "")]
)
def test_a_browser_gets_the_page(pull_payment: PullPayment, query: str, accept: str) -> None:
    response = Client(HTTP_ACCEPT=accept).get(path(pull_payment) + query)
    assert response["Content-Type"].startswith("text/html")
    assert "Accept" in response["Vary"]


def test_a_wallet_at_an_unknown_claim_page_gets_an_lnurl_error(db: None) -> None:
    response = Client(HTTP_ACCEPT="application/json").get(f"/p/{'1' * 22}")
    assert (response.status_code, response.json()["status"]) == (200, "ERROR")


# --- The claim's own page -------------------------------------------------------------------------------------------


def test_it_shows_a_claim_that_waits_for_approval(recipient: Client, store: Store) -> None:
    wallet_make(store)
    _, own = claimed(recipient, pull_payment_make(store, auto_approve=False))
    shown = page(recipient.get(own))
    assert "approval" in shown
    assert "20,000 sat" in shown
    assert "data-final" not in shown


def test_it_shows_why_a_claim_waits(recipient: Client, pull_payment: PullPayment) -> None:
    payout, own = claimed(recipient, pull_payment)
    Payout.objects.filter(pk=payout.pk).update(reason="The shop's wallet needs a moment.")
    assert "The shop's wallet needs a moment." in page(recipient.get(own, **FRAGMENT))


def test_it_shows_a_claim_in_flight_and_that_it_is_never_sent_twice(
    recipient: Client, pull_payment: PullPayment
) -> None:
    payout, own = claimed(recipient, pull_payment)
    Payout.objects.filter(pk=payout.pk).update(state=PayoutState.IN_PROGRESS)
    attempt_make(payout, AttemptState.SENT)
    shown = page(recipient.get(own, **FRAGMENT))
    assert "never sent twice" in shown
    assert "data-final" not in shown


def test_completed_it_looks_on_until_the_receipt_is_there(recipient: Client, pull_payment: PullPayment) -> None:
    payout, own = claimed(recipient, pull_payment)
    Payout.objects.filter(pk=payout.pk).update(state=PayoutState.COMPLETED, completed_at=timezone.now())
    attempt = attempt_make(payout, AttemptState.SUCCEEDED, preimage="")
    before = page(recipient.get(own, **FRAGMENT))
    assert attempt.payment_hash in before
    assert "data-final" not in before
    preimage = "11" * 32
    PayoutAttempt.objects.update(preimage=preimage, payment_hash=payment_hash_of(preimage))
    after = page(recipient.get(own, **FRAGMENT))
    assert preimage in after
    assert "data-final" in after
    assert version_of(before) != version_of(after)


def test_cancelled_it_says_why_and_that_nothing_was_sent(recipient: Client, pull_payment: PullPayment) -> None:
    payout, own = claimed(recipient, pull_payment)
    payout_cancel(payout=payout, reason="Wrong person.", actor="alice")
    shown = page(recipient.get(own, **FRAGMENT))
    assert "Nothing was sent" in shown
    assert "Wrong person." in shown
    assert "data-final" in shown


def test_it_outlives_the_pull_payment(recipient: Client, pull_payment: PullPayment) -> None:
    _, own = claimed(recipient, pull_payment)
    pull_payment_archive(pull_payment=pull_payment, actor="alice")
    assert "archived" in page(recipient.get(own))


def test_a_claim_is_found_only_under_its_own_pull_payment(
    recipient: Client, store: Store, pull_payment: PullPayment
) -> None:
    payout, own = claimed(recipient, pull_payment)
    other = pull_payment_make(store)
    assert recipient.get(own).status_code == 200
    assert recipient.get(f"{path(other)}/{payout.pk}").status_code == 404
    assert recipient.get(f"{path(pull_payment)}/{'1' * 22}").status_code == 404
    assert Client().post(own).status_code == 405


def test_an_address_is_claimed_once_however_often_the_form_is_sent(
    recipient: Client, pull_payment: PullPayment
) -> None:
    form = {"destination": "bob@wallet.example", "amount": "20000", "request_key": "one-form"}
    first, second = (recipient.post(path(pull_payment), form) for _ in range(2))
    assert first["Location"] == second["Location"]
    payout = Payout.objects.get()
    assert (payout.destination_kind, payout.amount) == ("address", 20_000)


def test_a_code_is_asked_for_where_the_shop_set_one(recipient: Client, pull_payment: PullPayment) -> None:
    assert 'name="claim_code"' not in page(recipient.get(path(pull_payment)))
    pull_payment_code_set(pull_payment=pull_payment, code="4711", actor="alice@example.com")
    assert 'name="claim_code"' in page(recipient.get(path(pull_payment)))
    form = {"destination": invoice_over(20_000)}
    assert "This needs the code" in page(recipient.post(path(pull_payment), form), 422)
    assert not Payout.objects.exists()
    assert recipient.post(path(pull_payment), {**form, "claim_code": "4711"}).status_code == 302
