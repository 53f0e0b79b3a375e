"""The budgets against a real Redis, with a simulated clock, and against the sandbox's own limits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import pairwise

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from flashpay.flash import (
    ApiKey,
    Budgets,
    Credential,
    Endpoint,
    Flash,
    Limits,
    MustWait,
    Outcome,
    SessionToken,
    Username,
)
from flashpay.flash.errors import Judgement, Verdict
from flashpay.flash.operations import ACCOUNT, INVOICE_CREATE, INVOICE_SEND, Operation, invoice_statuses
from tests.flash.conftest import API_KEY, SESSION_TOKEN
from tests.flash.loopback import Loopback, Reply
from tests.sandbox_server import SandboxServer

KEY = ApiKey(API_KEY)
TOKEN = SessionToken(SESSION_TOKEN)
PLACE = Endpoint("https://api.example/graphql", "wss://ws.example/graphql")


class Clock:
    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budgets(redis_client: Redis, clock: Clock) -> Budgets:
    return Budgets(redis_client, clock_ms=clock)


def _taken(budgets: Budgets, credential: Credential, operation: Operation, wallet: str = "w1", most: int = 500) -> int:
    for number in range(most):
        if budgets.take(PLACE, credential, operation, wallet):
            return number
    return most


def test_twenty_invoices_in_two_minutes_and_then_the_seconds_to_wait(budgets: Budgets, clock: Clock) -> None:
    assert _taken(budgets, TOKEN, INVOICE_CREATE) == 20
    clock.ms += 30_000
    assert budgets.take(PLACE, TOKEN, INVOICE_CREATE, "w1") == 95
    assert budgets.take(PLACE, TOKEN, INVOICE_CREATE, "w2") == 0, "another account has its own"
    clock.ms += 94_000
    assert _taken(budgets, TOKEN, INVOICE_CREATE) == 0
    clock.ms += 1_000
    assert _taken(budgets, TOKEN, INVOICE_CREATE) == 20


def test_no_two_minutes_ever_hold_more_than_twenty_invoices(budgets: Budgets, clock: Clock) -> None:
    made: list[int] = []
    arrived: list[int] = []
    while len(made) < 90:
        if budgets.take(PLACE, TOKEN, INVOICE_CREATE, "w1") == 0:
            # Every fortieth is under way for nearly five seconds: those that come twenty later catch up with it.
            arrived.append(clock.ms + (4_900 if len(made) % 40 == 0 else 50))
            made.append(clock.ms)
        clock.ms += 1_700
    for times in (made, sorted(arrived)):
        assert all(later - earlier >= 120_000 for earlier, later in zip(times, times[20:], strict=False))
    assert max(later - earlier for earlier, later in pairwise(made)) < 120_000


def test_a_key_has_a_hundred_and_twenty_requests_a_minute_of_which_polling_leaves_some(redis_client: Redis) -> None:
    budgets = Budgets(redis_client, Limits(address_requests=1000))
    assert _taken(budgets, KEY, ACCOUNT) == 105
    assert _taken(budgets, KEY, INVOICE_SEND) == 15
    assert budgets.take(PLACE, KEY, INVOICE_CREATE, "w1") > 0
    assert budgets.take(PLACE, KEY, invoice_statuses(60)) == 0, "what anybody may ask costs the key nothing"
    assert budgets.take(PLACE, TOKEN, ACCOUNT) == 0, "a session token is no key"


def test_an_address_has_sixty_requests_a_minute_and_invoices_come_before_polling(budgets: Budgets) -> None:
    assert _taken(budgets, Username("shop"), invoice_statuses(1)) == 45
    assert _taken(budgets, TOKEN, INVOICE_CREATE) == 15


def test_a_refusal_takes_nothing_from_the_other_buckets(budgets: Budgets) -> None:
    assert _taken(budgets, TOKEN, INVOICE_CREATE) == 20
    left = {bucket.name: bucket.left for bucket in budgets.left(PLACE, TOKEN, "w1")}
    assert left == {"address": 40, "invoices": 0}
    budgets.take(PLACE, TOKEN, INVOICE_CREATE, "w1")
    assert {bucket.name: bucket.left for bucket in budgets.left(PLACE, TOKEN, "w1")} == left


def test_processes_that_ask_at_once_share_one_budget(redis_client: Redis) -> None:
    everybody = [Budgets(redis_client) for _ in range(8)]

    def ask(budgets: Budgets) -> int:
        return sum(budgets.take(PLACE, TOKEN, INVOICE_CREATE, "w1") == 0 for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, everybody)) == 20


@pytest.mark.parametrize(
    ("row", "blocked"), [("invoice_limit", "invoices"), ("api_key_rate_limit", "key"), ("http_too_many", "address")]
)
def test_when_flash_says_wait_everybody_waits(budgets: Budgets, clock: Clock, row: str, blocked: str) -> None:
    judgement = Judgement(Verdict.WAIT, "Wait.", retry_after_s=300, row=row)
    budgets.blocked(PLACE, KEY, judgement, "w1")
    assert budgets.take(PLACE, KEY, INVOICE_CREATE, "w1") == 300
    (bucket,) = (bucket for bucket in budgets.left(PLACE, KEY, "w1") if bucket.blocked_for_s)
    assert (bucket.name, bucket.blocked_for_s) == (blocked, 300)
    clock.ms += 299_000
    assert budgets.take(PLACE, KEY, INVOICE_CREATE, "w1") == 1
    clock.ms += 1_000
    assert budgets.take(PLACE, KEY, INVOICE_CREATE, "w1") == 0


def test_without_redis_requests_go_on_uncounted() -> None:
    budgets = Budgets(Redis(port=1, retry=Retry(NoBackoff(), 0)))
    assert budgets.take(PLACE, KEY, ACCOUNT) == 0
    budgets.blocked(PLACE, KEY, Judgement(Verdict.WAIT, "Wait.", retry_after_s=9, row="http_too_many"))


def test_a_used_up_budget_keeps_the_request_at_home(service: Loopback, endpoint: Endpoint, redis_client: Redis) -> None:
    budgets = Budgets(redis_client, Limits(address_requests=1, kept_for_invoices_and_payments=0))
    flash = Flash(endpoint, KEY, budgets=budgets)
    service.replies = [Reply({"data": {"lnInvoicePaymentSend": {"status": "SUCCESS", "errors": []}}})]
    send: Callable[[], Outcome] = lambda: flash.invoice_send(wallet_id="w", bolt11="ln", idempotency_key="k").outcome  # noqa: E731
    assert send() is Outcome.SUCCEEDED
    assert send() is Outcome.NOT_SENT
    with pytest.raises(MustWait) as caught:
        flash.account()
    assert 1 <= caught.value.retry_after_s <= 60
    assert str(caught.value.retry_after_s) in str(caught.value)
    assert len(service.asked) == 1


def test_flash_never_blocks_an_account_that_keeps_its_budget_and_the_block_is_shared_when_it_does(
    redis_client: Redis,
) -> None:
    with SandboxServer(limits="flash") as sandbox:
        shop = sandbox.account()
        place = Endpoint(sandbox.graphql_url, sandbox.ws_url)
        careful = Flash(place, ApiKey(shop["api_key"]), budgets=Budgets(redis_client))
        wallet = shop["wallets"]["USDT"]
        for _ in range(20):
            careful.invoice_create(wallet_id=wallet, amount_cents=Decimal(1))
        with pytest.raises(MustWait) as caught:
            careful.invoice_create(wallet_id=wallet, amount_cents=Decimal(1))
        assert (caught.value.judgement.row, caught.value.retry_after_s <= 125) == ("own_budget", True)

        redis_client.flushdb()  # as if other software had made the invoices
        with pytest.raises(MustWait) as caught:
            careful.invoice_create(wallet_id=wallet, amount_cents=Decimal(1))
        assert (caught.value.judgement.row, caught.value.retry_after_s) == ("invoice_limit", 300)
        with pytest.raises(MustWait) as caught:
            careful.invoice_create(wallet_id=wallet, amount_cents=Decimal(1))
        assert caught.value.judgement.row == "own_budget"
        assert 290 <= caught.value.retry_after_s <= 300
