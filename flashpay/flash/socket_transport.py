"""gql's WebSocket transport (`graphql-transport-ws`) with many operations on one connection and no queue or task for each.

What is different from gql's own `subscribe`: an operation is known before its message leaves, so that no answer can
come too early; fractional numbers are Decimal; an `error` frame is an answer like any other; and a message that was
never written can be told from one that may have been.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from gql.transport.exceptions import TransportConnectionFailed, TransportProtocolError
from gql.transport.websockets import WebsocketsTransport
from graphql import ExecutionResult

from flashpay.flash.answers import Answer
from flashpay.flash.credentials import CAPABILITIES, CAPABILITIES_HEADER, Credential, Endpoint, SessionToken
from flashpay.flash.operations import Operation
from flashpay.flash.wire import json_read

CONNECT_TIMEOUT_S = 10
ACK_TIMEOUT_S = 10
CLOSE_TIMEOUT_S = 2
# Ours, beside Flash's own every 12 s: they also find out that the program behind the connection has stopped.
PING_EVERY_S = 15
PONG_WITHIN_S = 10

# Gets each answer of its operation, and None when the operation is complete.
Inbox = Callable[[Answer | None], None]


class NotOpen(Exception):
    """Nothing was written: the connection was not open."""


class SocketTransport(WebsocketsTransport):
    def __init__(
        self, endpoint: Endpoint, credential: Credential | None, *, ping_every_s: float = PING_EVERY_S
    ) -> None:
        # Flash reads exactly this key of the init payload, and no header. Without it the connection is anonymous.
        secret = {"Authorization": f"Bearer {credential.token}"} if isinstance(credential, SessionToken) else {}
        super().__init__(
            url=endpoint.ws_url,
            headers={CAPABILITIES_HEADER: CAPABILITIES},
            init_payload=secret,
            connect_timeout=CONNECT_TIMEOUT_S,
            ack_timeout=ACK_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=ping_every_s,
            pong_timeout=min(PONG_WITHIN_S, ping_every_s),
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            connect_args={"ping_interval": 20, "ping_timeout": 20, "close_timeout": CLOSE_TIMEOUT_S},
        )
        self._inboxes: dict[int, Inbox] = {}

    async def begin(self, operation: Operation, variables: Mapping[str, Any], inbox: Inbox) -> int:
        """Send one operation. Raises NotOpen when nothing was written, TransportConnectionFailed when it may have been."""
        if not self._connected or self.close_task is not None:
            raise NotOpen
        number = self.next_query_id
        self.next_query_id += 1
        self._inboxes[number] = inbox
        payload = operation.request(variables).payload
        try:
            await self._send(json.dumps({"id": str(number), "type": "subscribe", "payload": payload}))
        except TransportConnectionFailed:
            self._inboxes.pop(number, None)
            raise
        return number

    async def end(self, number: int) -> None:
        """Stop an operation; its inbox gets nothing any more. Raises TransportConnectionFailed."""
        if self._inboxes.pop(number, None) is not None and self._connected:
            await self._send_complete_message(number)

    def forget(self, number: int) -> None:
        """Stop listening without telling Flash: a mutation under way is not to be disturbed."""
        self._inboxes.pop(number, None)

    async def until_closed(self) -> Exception | None:
        """Return when the connection is gone, with the reason."""
        await self._wait_closed.wait()
        return self.close_exception

    def _parse_answer(self, answer: str) -> tuple[str, int | None, ExecutionResult | None]:
        try:
            message = json_read(answer)
        except ValueError as error:
            raise TransportProtocolError("a message that is no JSON") from error
        if not isinstance(message, dict):
            raise TransportProtocolError("a message that is no object")
        if message.get("type") == "error" and str(message.get("id")).isdigit():
            payload = message.get("payload")
            errors: list[Any] = payload if isinstance(payload, list) else [{"message": str(payload)}]
            result = ExecutionResult(errors=errors)
            return "error", int(str(message["id"])), result
        return self._parse_answer_graphqlws(message)

    async def _handle_answer(
        self, answer_type: str, answer_id: int | None, execution_result: ExecutionResult | None
    ) -> None:
        if answer_id is None:
            await super()._handle_answer(answer_type, answer_id, execution_result)
            return
        final = answer_type in ("complete", "error")
        inbox = self._inboxes.pop(answer_id, None) if final else self._inboxes.get(answer_id)
        if inbox is None:
            return
        if execution_result is not None:
            inbox(_answer(execution_result))
        if final:
            inbox(None)


def _answer(result: ExecutionResult) -> Answer:
    errors: list[Any] = list(result.errors or [])
    return Answer(
        result.data if isinstance(result.data, Mapping) else None,
        tuple(error if isinstance(error, Mapping) else {"message": str(error)} for error in errors),
    )
