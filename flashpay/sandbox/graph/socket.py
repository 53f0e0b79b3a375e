"""GraphQL over WebSocket: the `graphql-transport-ws` protocol as Flash's server speaks it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from graphql import ExecutionResult, GraphQLError
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from flashpay.sandbox.graph.answers import codes_dropped, page_of_status
from flashpay.sandbox.graph.call import Call
from flashpay.sandbox.graph.credentials import NOBODY, Caller, caller_of_socket
from flashpay.sandbox.graph.execution import Prepared, follow, prepare, run
from flashpay.sandbox.graph.troubles import ONLY_SUBSCRIPTIONS
from flashpay.sandbox.graph.wallet_view import CAPABILITY_HEADER, capable
from flashpay.sandbox.service import Sandbox

SUBPROTOCOL = "graphql-transport-ws"
INIT_WAIT_S = 3.0
SOCKET_BURST = 20

BAD_MESSAGE = 4400
NOT_ACKNOWLEDGED = 4401
FORBIDDEN = 4403
BAD_SUBPROTOCOL = 4406
INIT_TIMEOUT = 4408
DUPLICATE_ID = 4409
SECOND_INIT = 4429


class Goodbye(Exception):
    """Close the socket with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


async def serve(socket: WebSocket) -> None:
    """WebSocket /graphql."""
    sandbox: Sandbox = socket.app.state.sandbox
    refusal = _refusal(socket, sandbox)
    if refusal is not None:
        await socket.send_denial_response(refusal)
        return
    if SUBPROTOCOL not in socket.scope["subprotocols"]:
        await socket.accept()
        await socket.close(BAD_SUBPROTOCOL, "Subprotocol not acceptable")
        return
    await socket.accept(SUBPROTOCOL)
    line = socket.scope["state"]["line"]
    sandbox.lines.add(line)
    sandbox.lines_follow_switches()
    connection = Connection(socket, sandbox)
    try:
        await connection.talk()
    except WebSocketDisconnect:
        pass
    except Goodbye as goodbye:
        await (_gone(socket) if line.silent else socket.close(goodbye.code, goodbye.reason))
    finally:
        sandbox.lines.discard(line)
        connection.stop()


async def _gone(socket: WebSocket) -> None:
    """Wait until the client has given up; a silent line does not even say goodbye."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _refusal(socket: WebSocket, sandbox: Sandbox) -> Response | None:
    switches = sandbox.switches
    address = socket.client.host if socket.client else ""
    per_minute = switches.peek("limit_sockets_per_minute")
    allowed = sandbox.limiters.sockets.allows(address, per_minute=per_minute, burst=SOCKET_BURST)
    crowded = per_minute and len(sandbox.lines) >= per_minute  # the ingress knows one number for both
    if switches.take("socket_refused") or not allowed or crowded:
        return page_of_status(503)
    return None


@dataclass
class Connection:
    """One socket: its caller and the operations under way on it."""

    socket: WebSocket
    sandbox: Sandbox
    caller: Caller = NOBODY
    capable: bool = False
    acknowledged: bool = False
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def talk(self) -> None:
        """Read messages until the client leaves. Raises Goodbye, WebSocketDisconnect."""
        try:
            async with asyncio.timeout(INIT_WAIT_S):
                await self._message(await self._read())
                while not self.acknowledged:
                    await self._message(await self._read())
        except TimeoutError as error:
            raise Goodbye(INIT_TIMEOUT, "Connection initialisation timeout") from error
        while True:
            await self._message(await self._read())

    def stop(self) -> None:
        for task in self.tasks.values():
            task.cancel()

    async def _read(self) -> dict[str, Any]:
        received = await self.socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        try:
            message = json.loads(received.get("text") or received.get("bytes") or "")
        except ValueError as error:
            raise Goodbye(BAD_MESSAGE, "Invalid message received") from error
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise Goodbye(BAD_MESSAGE, "Invalid message received")
        return message

    async def _message(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "connection_init":
            await self._init(message.get("payload"))
        elif kind == "ping":
            await self._say({"type": "pong"})
        elif kind == "subscribe":
            await self._subscribe(message)
        elif kind == "complete":
            task = self.tasks.pop(str(message.get("id")), None)
            if task:
                task.cancel()
        elif kind != "pong":
            raise Goodbye(BAD_MESSAGE, f"Unexpected message of type {kind} received")

    async def _init(self, payload: Any) -> None:
        if self.acknowledged:
            raise Goodbye(SECOND_INIT, "Too many initialisation requests")
        payload = payload if isinstance(payload, dict) else {}
        caller = caller_of_socket(self.sandbox.accounts, payload.get("Authorization"))
        if caller is None and self.sandbox.switches.take("bad_token") == "refused":
            raise Goodbye(FORBIDDEN, "Forbidden")
        self.caller = caller or NOBODY  # Flash acknowledges a bad token and treats it as nobody
        named = {key.lower(): value for key, value in payload.items() if isinstance(value, str)}
        self.capable = capable(named.get(CAPABILITY_HEADER) or self.socket.headers.get(CAPABILITY_HEADER))
        self.acknowledged = True
        await self._say({"type": "connection_ack"})

    async def _subscribe(self, message: dict[str, Any]) -> None:
        if not self.acknowledged:
            raise Goodbye(NOT_ACKNOWLEDGED, "Unauthorized")
        key, payload = message.get("id"), message.get("payload")
        if (
            not isinstance(key, str)
            or not key
            or not isinstance(payload, dict)
            or not isinstance(payload.get("query"), str)
        ):
            raise Goodbye(BAD_MESSAGE, "Invalid message received")
        name, variables = payload.get("operationName"), payload.get("variables")
        if not isinstance(name, str | None) or not isinstance(variables, dict | None):
            raise Goodbye(BAD_MESSAGE, "Invalid message received")
        if key in self.tasks:
            raise Goodbye(DUPLICATE_ID, f"Subscriber for {key} already exists")
        prepared = prepare(payload["query"], name or None)
        self.sandbox.log.add(
            transport="ws",
            operations=sorted(prepared.operations),
            variables=variables,
            credential="bearer" if self.caller.account else "none",
            account=self.caller.account.username if self.caller.account else None,
            status=None,
        )
        self.tasks[key] = asyncio.create_task(self._operation(key, prepared, variables, name or None))

    async def _operation(
        self, key: str, prepared: Prepared, variables: dict[str, Any] | None, name: str | None
    ) -> None:
        """Run one operation to its end; cancelled when the client completes it or leaves."""
        try:
            if prepared.errors:
                await self._errors(key, prepared.errors)
            elif prepared.kind == "subscription":
                await self._follow(key, prepared, variables, name)
            elif self.sandbox.switches.peek("world") == "a":
                await self._once(key, prepared, variables, name)
            else:
                await self._say({"id": key, "type": "error", "payload": [{"message": ONLY_SUBSCRIPTIONS}]})
        except (WebSocketDisconnect, RuntimeError):
            return  # the client left while we were speaking
        finally:
            self.tasks.pop(key, None)

    async def _once(self, key: str, prepared: Prepared, variables: dict[str, Any] | None, name: str | None) -> None:
        """A query or mutation sent as a subscribe message (world a), with the faults that HTTP has too."""
        switches = self.sandbox.switches
        cut = switches.take("cut", prepared.operations)
        if cut == "before":
            self.socket.scope["state"]["line"].cut()
            return
        await asyncio.sleep(switches.take("delay_before_s", prepared.operations))
        # Once begun it runs to its end, even when the socket goes: a payment does not stop because nobody listens.
        result = await asyncio.shield(asyncio.ensure_future(run(prepared, self._call(prepared), variables, name)))
        await asyncio.sleep(switches.take("delay_after_s", prepared.operations))
        if cut == "after":
            self.socket.scope["state"]["line"].cut()
            return
        await self._next(key, result)
        await self._say({"id": key, "type": "complete"})

    async def _follow(self, key: str, prepared: Prepared, variables: dict[str, Any] | None, name: str | None) -> None:
        stream = await follow(prepared, self._call(prepared), variables, name)
        if isinstance(stream, ExecutionResult):
            await self._next(key, stream)
        else:
            await self._relay(key, stream)
        await self._say({"id": key, "type": "complete"})

    async def _relay(self, key: str, stream: AsyncIterator[ExecutionResult]) -> None:
        try:
            async for result in stream:
                await self._next(key, result)
        finally:
            close = getattr(stream, "aclose", None)
            if close:
                await close()

    def _call(self, prepared: Prepared) -> Call:
        account = self.caller.account
        fresh = self.sandbox.accounts.by_session_token(account.session_token) if account else None
        return Call(
            sandbox=self.sandbox,
            transport="ws",
            credential=self.caller.kind if fresh else "none",
            account=fresh,
            capable=self.capable,
            operations=prepared.operations,
        )

    async def _next(self, key: str, result: ExecutionResult) -> None:
        """A result straight from the service: no router stands between, so codes survive at top level."""
        payload: dict[str, Any] = {}
        if result.data is not None or not result.errors:
            dropped = self.sandbox.switches.peek("error_codes") == "none"
            payload["data"] = codes_dropped(result.data) if dropped else result.data
        if result.errors:
            payload["errors"] = [error.formatted for error in result.errors]
        await self._say({"id": key, "type": "next", "payload": payload})

    async def _errors(self, key: str, errors: tuple[GraphQLError, ...]) -> None:
        await self._say({"id": key, "type": "error", "payload": [error.formatted for error in errors]})

    async def _say(self, message: dict[str, Any]) -> None:
        await self.socket.send_text(json.dumps(message))
