"""The socket: Flash's protocol word by word, and its faults."""

import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.sandbox.client import ME, MY_UPDATES, SEND, STATUS_NEWS, GraphQL, Socket, socket_open, socket_raw
from tests.sandbox_server import SandboxServer


def close_code(socket: Socket, timeout: float = 5) -> int:
    """How the server ends the connection, after whatever it still had to say."""
    give_up_at = time.monotonic() + timeout
    while time.monotonic() < give_up_at:
        try:
            socket.hear(timeout)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
    raise AssertionError("the connection stayed open")


@pytest.mark.parametrize("offered", [["graphql-ws"], ["something"]])
def test_other_subprotocols_are_closed_with_4406(sandbox: SandboxServer, offered: list[str]) -> None:
    with socket_raw(sandbox, *offered) as socket:
        assert close_code(socket) == 4406


def test_close_codes_of_bad_behaviour(sandbox: SandboxServer) -> None:
    with socket_raw(sandbox) as socket:
        socket.subscribe(MY_UPDATES)
        assert close_code(socket) == 4401
    with socket_raw(sandbox) as socket:
        socket.connection.send("no json")
        assert close_code(socket) == 4400
    with socket_open(sandbox) as socket:
        socket.say(type="connection_init")
        assert close_code(socket) == 4429
    with socket_open(sandbox) as socket:
        socket.say(type="start", id="1")
        assert close_code(socket) == 4400
    with socket_raw(sandbox) as socket:
        assert close_code(socket, timeout=6) == 4408  # no init within three seconds


def test_a_second_operation_of_the_same_id_is_closed_with_4409(sandbox: SandboxServer, alice: GraphQL) -> None:
    variables = {"input": {"paymentRequest": alice.invoice()["paymentRequest"]}}
    with socket_open(sandbox) as socket:
        socket.subscribe(STATUS_NEWS, variables)
        assert socket.hear_status() == "PENDING"
        socket.subscribe(STATUS_NEWS, variables)
        assert close_code(socket) == 4409


def test_a_completed_operation_is_over_and_its_id_free(sandbox: SandboxServer, alice: GraphQL) -> None:
    invoice = alice.invoice()
    variables = {"input": {"paymentRequest": invoice["paymentRequest"]}}
    with socket_open(sandbox) as socket:
        socket.subscribe(STATUS_NEWS, variables)
        assert socket.hear_status() == "PENDING"
        socket.say(type="complete", id="1")
        socket.say(type="ping")
        assert socket.hear()["type"] == "pong"
        sandbox.phone_pay(invoice["paymentRequest"])
        socket.subscribe(STATUS_NEWS, variables)
        assert socket.hear_status() == "PAID"


def test_a_bad_token_is_acknowledged_and_only_found_out_by_my_updates(sandbox: SandboxServer, alice: GraphQL) -> None:
    with socket_open(sandbox, "ory_st_" + "x" * 32) as socket:
        socket.subscribe(MY_UPDATES)
        payload = socket.hear()["payload"]
        assert "data" not in payload
        assert payload["errors"][0]["message"] == "Not Authenticated for subscription"
        assert payload["errors"][0]["extensions"] == {"code": "NOT_AUTHENTICATED"}
        assert socket.hear() == {"id": "1", "type": "complete"}
        socket.subscribe(STATUS_NEWS, {"input": {"paymentRequest": alice.invoice()["paymentRequest"]}}, key="2")
        assert socket.hear_status() == "PENDING"


def test_an_api_key_opens_nothing_on_the_socket(sandbox: SandboxServer, alice: GraphQL) -> None:
    with socket_open(
        sandbox, alice.account["api_key"], additional_headers={"X-API-KEY": alice.account["api_key"]}
    ) as socket:
        socket.subscribe(MY_UPDATES)
        assert socket.hear()["payload"]["errors"][0]["extensions"]["code"] == "NOT_AUTHENTICATED"


def test_a_bad_token_can_be_refused(sandbox: SandboxServer) -> None:
    sandbox.switch(bad_token="refused")
    with socket_raw(sandbox) as socket:
        socket.say(type="connection_init", payload={"Authorization": "Bearer nonsense"})
        assert close_code(socket) == 4403


def test_in_world_b_only_subscriptions_are_supported(sandbox: SandboxServer, alice: GraphQL) -> None:
    with socket_open(sandbox, alice.account["session_token"]) as socket:
        socket.subscribe(ME)
        message = {"id": "1", "type": "error", "payload": [{"message": "Only subscription operations are supported"}]}
        assert socket.hear() == message
    assert alice.with_session().ask(ME)["data"]["me"]["username"] == alice.account["username"]


def test_in_world_a_the_socket_pays_and_http_refuses_the_session(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(world="a")
    assert alice.with_session().post(ME).status_code == 401
    assert alice.ask(ME)["data"]["me"]["username"] == alice.account["username"]  # API keys are as ever
    target = sandbox.phone_invoice(1500)
    with socket_open(sandbox, alice.account["session_token"]) as socket:
        socket.subscribe(SEND, {"input": {"walletId": alice.usdt, "paymentRequest": target["bolt11"]}})
        assert socket.hear_data() == {"lnInvoicePaymentSend": {"status": "SUCCESS", "errors": []}}
        assert socket.hear() == {"id": "1", "type": "complete"}
    assert len(sandbox.payments(target["payment_hash"])) == 1


def test_in_world_a_the_answer_of_a_payment_can_be_lost_on_the_socket(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(world="a", cut={"value": "after", "next": 1, "operation": "lnInvoicePaymentSend"})
    target = sandbox.phone_invoice(1500)
    with socket_open(sandbox, alice.account["session_token"]) as socket:
        socket.subscribe(SEND, {"input": {"walletId": alice.usdt, "paymentRequest": target["bolt11"]}})
        assert close_code(socket) == 1006
    assert len(sandbox.payments(target["payment_hash"])) == 1


def test_the_capability_may_stand_in_the_init_payload(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(world="a")
    for payload, typename in (
        ({}, "UsdWallet"),
        ({"x-flash-client-capabilities": "Cash-Wallet-USDT-v1, other"}, "UsdtWallet"),
    ):
        with socket_raw(sandbox) as socket:
            token = {"Authorization": f"Bearer {alice.account['session_token']}"}
            socket.say(type="connection_init", payload={**token, **payload})
            assert socket.hear()["type"] == "connection_ack"
            socket.subscribe(ME)
            [wallet] = socket.hear_data()["me"]["defaultAccount"]["wallets"]
            assert wallet["__typename"] == typename


def test_sockets_are_cut_on_request_without_a_goodbye(sandbox: SandboxServer) -> None:
    with socket_open(sandbox) as socket:
        assert sandbox.api("POST", "/api/sockets/cut") == {"cut": 1}
        assert close_code(socket) == 1006


def test_sockets_are_cut_by_the_clock(sandbox: SandboxServer) -> None:
    sandbox.switch(socket_cut_every_s=0.5)
    with socket_open(sandbox) as socket:
        assert close_code(socket) == 1006


def test_a_silent_socket_stays_open_and_says_nothing(sandbox: SandboxServer, alice: GraphQL) -> None:
    invoice = alice.invoice()
    with socket_open(sandbox) as socket:
        socket.subscribe(STATUS_NEWS, {"input": {"paymentRequest": invoice["paymentRequest"]}})
        assert socket.hear_status() == "PENDING"
        sandbox.switch(socket_silent=True)
        sandbox.phone_pay(invoice["paymentRequest"])
        with pytest.raises(TimeoutError):
            socket.hear(timeout=0.6)
        assert not socket.connection.ping().wait(0.4)
    sandbox.api("POST", "/api/reset")
    with socket_open(sandbox) as socket:  # a new one speaks again
        socket.subscribe(STATUS_NEWS, {"input": {"paymentRequest": invoice["paymentRequest"]}})
        assert socket.hear_status() == "PAID"


def test_new_sockets_can_be_refused(sandbox: SandboxServer) -> None:
    sandbox.switch(socket_refused={"value": True, "next": 1})
    with pytest.raises(InvalidStatus) as refused, socket_raw(sandbox):
        pass
    assert refused.value.response.status_code == 503
    with socket_open(sandbox):
        pass


def test_pushes_are_lost_doubled_and_late(sandbox: SandboxServer, alice: GraphQL) -> None:
    def subscribed(socket: Socket, key: str) -> str:
        bolt11: str = alice.invoice()["paymentRequest"]
        socket.subscribe(STATUS_NEWS, {"input": {"paymentRequest": bolt11}}, key=key)
        assert socket.hear_status() == "PENDING"
        return bolt11

    with socket_open(sandbox) as socket:
        lost, doubled, late = (subscribed(socket, key) for key in ("lost", "doubled", "late"))
        sandbox.switch(lose_push_every={"value": 1, "next": 1})
        sandbox.phone_pay(lost)
        with pytest.raises(TimeoutError):
            socket.hear(timeout=0.4)
        assert alice.status(lost) == "PAID"  # polling still tells
        sandbox.switch(push_twice={"value": True, "next": 1})
        sandbox.phone_pay(doubled)
        assert [socket.hear()["id"], socket.hear()["id"]] == ["doubled", "doubled"]
        sandbox.switch(push_delay_s={"value": 0.5, "next": 1})
        sandbox.phone_pay(late)
        paid_at = time.monotonic()
        assert socket.hear()["id"] == "late"
        assert time.monotonic() - paid_at > 0.4


def test_one_push_in_five_is_lost(sandbox: SandboxServer, alice: GraphQL) -> None:
    sandbox.switch(lose_push_every=5)
    with socket_open(sandbox, alice.account["session_token"]) as socket:
        socket.subscribe("subscription { myUpdates { update { ... on LnUpdate { paymentHash } } } }")
        assert socket.hear_data()["myUpdates"]["update"] == {}  # the two prices
        assert socket.hear_data()["myUpdates"]["update"] == {}
        for _ in range(10):
            sandbox.phone_pay(alice.invoice()["paymentRequest"])
        heard = [socket.hear_data() for _ in range(8)]
        assert len({news["myUpdates"]["update"]["paymentHash"] for news in heard}) == 8
        with pytest.raises(TimeoutError):
            socket.hear(timeout=0.4)
