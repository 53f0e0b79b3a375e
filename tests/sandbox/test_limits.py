"""Flash's limits, scaled down where a test would have to wait."""

from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus

from flashpay.sandbox.limits import BucketLimiter, WindowLimiter
from tests.sandbox.client import ME, GraphQL, socket_open
from tests.sandbox_server import SandboxServer


class Clock:
    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def test_twenty_in_two_minutes_then_blocked_for_five() -> None:
    clock = Clock()
    limiter = WindowLimiter(clock)

    def allowed() -> bool:
        return limiter.allows("shop", count=20, window_s=120, block_s=300)

    assert all(allowed() for _ in range(20))
    assert not allowed()
    clock.at += 299
    assert not allowed()
    assert limiter.retry_after_s("shop", window_s=120) == 1
    clock.at += 1
    assert allowed()
    assert limiter.allows("other", count=20, window_s=120, block_s=300)


def test_a_bucket_lets_a_burst_through_and_then_the_steady_rate() -> None:
    clock = Clock()
    limiter = BucketLimiter(clock)
    assert sum(limiter.allows("address", per_minute=60, burst=40) for _ in range(100)) == 41
    clock.at += 5
    assert sum(limiter.allows("address", per_minute=60, burst=40) for _ in range(100)) == 5
    assert all(limiter.allows("address", per_minute=0, burst=40) for _ in range(100))


@pytest.fixture
def strict(sandbox: SandboxServer) -> Iterator[SandboxServer]:
    yield sandbox
    sandbox.api("POST", "/api/reset")


def test_too_many_invoices_are_told_in_the_payload_and_make_none(strict: SandboxServer, alice: GraphQL) -> None:
    strict.switch(limit_invoices=2)
    assert [alice.create()["errors"] for _ in range(2)] == [[], []]
    message = "Too many invoices creation, please wait for a while and try again."
    assert alice.create() == {
        "invoice": None,
        "errors": [{"message": message, "code": "TOO_MANY_REQUEST", "path": None}],
    }
    bob = GraphQL(strict, strict.account())
    assert bob.create()["errors"] == []  # each account has its own


def test_too_many_requests_of_a_key_come_with_a_code_and_a_wait(strict: SandboxServer, alice: GraphQL) -> None:
    strict.switch(limit_key_per_minute=2)
    assert all(alice.ask(ME)["data"] for _ in range(2))
    answer = alice.ask(ME)
    [error] = answer["errors"]
    assert (answer["data"], error["message"]) == (None, "API key rate limit exceeded")
    assert error["extensions"]["code"] == "TOO_MANY_REQUESTS"
    assert error["extensions"]["rateLimit"] == {"limit": 2, "remaining": 0}
    assert 50 <= error["extensions"]["retryAfterSeconds"] <= 60
    assert alice.with_session().ask(ME)["data"]["me"]  # a session is not limited


def test_too_many_requests_of_an_address_are_a_503_page(strict: SandboxServer, alice: GraphQL) -> None:
    strict.switch(limit_address_per_minute=1)
    codes = [alice.post(ME).status_code for _ in range(43)]
    assert codes.count(200) == 41
    assert codes[-1] == 503


def test_too_many_sockets_are_refused(strict: SandboxServer, alice: GraphQL) -> None:
    strict.switch(limit_sockets_per_minute=1)
    with socket_open(strict), pytest.raises(InvalidStatus) as refused, socket_open(strict):
        pass
    assert refused.value.response.status_code == 503


def test_a_sandbox_starts_with_flash_s_limits_unless_told_otherwise() -> None:
    with SandboxServer(limits="flash") as sandbox:
        shop = GraphQL(sandbox, sandbox.account())
        errors = [shop.create(10)["errors"] for _ in range(21)]
        assert errors[:20] == [[]] * 20
        assert errors[20][0]["code"] == "TOO_MANY_REQUEST"
