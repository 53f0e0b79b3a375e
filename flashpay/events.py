"""Server-sent events: `/events/<channel>` tells an open page that something changed, and the page then looks for itself.

    /events/invoice:<id>  /events/pullpayment:<id>  /events/payout:<id>     whoever knows the id, which is a secret
    /events/store:<id>                                                      members of the store who may see its records

A stream begins with `hello`, sent once every later message is sure to reach it: a page that looks again on `hello` misses
nothing, after a lost connection either. All streams of a process share one Redis subscription (`Hub`).
"""

from __future__ import annotations

import asyncio
import re
import signal
import threading
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final
from weakref import WeakKeyDictionary

import redis.asyncio
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_GET

from flashpay.live import CHANNEL_PREFIX
from flashpay.stores.permissions import VIEW_INVOICES, role_may
from flashpay.stores.selectors import membership_get

log = structlog.get_logger(__name__)

KEEP_ALIVE_S: Final = 15  # below the idle time-outs of proxies, which begin at 30 s
RETRY_MS: Final = 2_000  # how long a browser waits before it connects again
READY_TIMEOUT_S: Final = 3
# A stream ends now and then and the browser opens the next: so a person who has left the store is asked who they are.
LIFE_S: Final = 15 * 60
MOST_STREAMS: Final = 5_000  # of one process; more are told to poll
# Messages are hints to look again, and one look sees them all: a reader that lags needs no more than the last few.
_MAILBOX = 16
_BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
_CHANNEL: Final = re.compile(r"(?P<kind>invoice|pullpayment|payout|store):(?P<id>[1-9A-HJ-NP-Za-km-z]{22})")


class Mailbox:
    """What one stream still has to send."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque(maxlen=_MAILBOX)
        self._arrived = asyncio.Event()

    def put(self, block: str) -> None:
        self._waiting.append(block)
        self._arrived.set()

    def wake(self) -> None:
        self._arrived.set()

    async def take(self, timeout_s: float) -> str:
        """Everything that has arrived, or "" after `timeout_s` of silence."""
        try:
            await asyncio.wait_for(self._arrived.wait(), timeout_s)
        except TimeoutError:
            return ""
        self._arrived.clear()
        blocks = "".join(self._waiting)
        self._waiting.clear()
        return blocks


class Hub:
    """One Redis subscription for all streams of this process and event loop."""

    def __init__(self) -> None:
        self.subscribed = asyncio.Event()
        self.closing = False
        self.streams = 0
        self._mailboxes: defaultdict[str, set[Mailbox]] = defaultdict(set)
        self._task = asyncio.create_task(self._run(), name="live events")

    @contextmanager
    def listen(self, channel: str) -> Iterator[Mailbox]:
        """The mailbox of one stream, filled from now on."""
        mailbox = Mailbox()
        self._mailboxes[channel].add(mailbox)
        self.streams += 1
        try:
            yield mailbox
        finally:
            self.streams -= 1
            self._mailboxes[channel].discard(mailbox)
            if not self._mailboxes[channel]:
                del self._mailboxes[channel]

    async def ready(self) -> bool:
        """Whether messages come in, waiting a moment for it."""
        try:
            await asyncio.wait_for(self.subscribed.wait(), READY_TIMEOUT_S)
        except TimeoutError:
            return False
        return not self.closing

    def close(self) -> None:
        """End every stream: the server is about to stop and waits for them."""
        self.closing = True
        self._task.cancel()
        for mailbox in self._every_mailbox():
            mailbox.wake()

    def _every_mailbox(self) -> list[Mailbox]:
        return [mailbox for mailboxes in self._mailboxes.values() for mailbox in mailboxes]

    async def _run(self) -> None:
        failures = 0
        while True:
            client = redis.asyncio.Redis.from_url(
                settings.REDIS_URL,
                decode_responses=True,
                socket_connect_timeout=READY_TIMEOUT_S,
                socket_keepalive=True,
            )
            try:
                async with client, client.pubsub() as subscription:
                    await subscription.psubscribe(f"{CHANNEL_PREFIX}*")
                    async for message in subscription.listen():
                        failures = 0
                        self._deliver(message)
            except (redis.RedisError, OSError) as error:
                log.warning("live events lost their Redis connection", error=type(error).__name__)
            self.subscribed.clear()
            await asyncio.sleep(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])
            failures += 1

    def _deliver(self, message: dict[str, str]) -> None:
        if message["type"] == "psubscribe":
            self.subscribed.set()
            # After a gap everybody looks again: what was said meanwhile is gone.
            for mailbox in self._every_mailbox():
                mailbox.put(HELLO)
        elif message["type"] == "pmessage":
            block = f"data: {message['data']}\n\n"
            for mailbox in self._mailboxes.get(message["channel"].removeprefix(CHANNEL_PREFIX), ()):
                mailbox.put(block)


HELLO: Final = "event: hello\ndata: {}\n\n"
KEEP_ALIVE: Final = ": ka\n\n"

_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def _hub() -> Hub:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = hub = Hub()
        _end_with_the_server(hub, loop)
    return _hubs[loop]


def _end_with_the_server(hub: Hub, loop: asyncio.AbstractEventLoop) -> None:
    """On SIGTERM and SIGINT close the hub, and then do what was to be done anyway.

    A server that stops lets open responses end first, and ASGI tells the application only after that, so nothing else
    would end streams that have no end. Only the main thread may set signal handlers; elsewhere the server's own time-out ends them.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if not callable(before):
            continue

        def ending(signum: int, frame: FrameType | None, before: signal._HANDLER = before) -> None:
            loop.call_soon_threadsafe(hub.close)
            if callable(before):
                before(signum, frame)

        signal.signal(number, ending)


@login_not_required
@require_GET
async def events(request: HttpRequest, channel: str) -> HttpResponseBase:
    """The stream of one channel. 404 for what is unknown or not for this person, 503 where a page has to poll instead."""
    match = _CHANNEL.fullmatch(channel)
    if match is None or not await _may_listen(request, match["kind"], match["id"]):
        return HttpResponse("There is nothing to listen to here.", status=404, content_type="text/plain; charset=utf-8")
    # A synchronous server would give a thread away for as long as the page is open.
    if not isinstance(request, ASGIRequest):
        return _poll_instead("Live events are served by another process.")
    hub = _hub()
    if hub.streams >= MOST_STREAMS or not await hub.ready():
        return _poll_instead("Live events are not available at the moment.")
    response = StreamingHttpResponse(_stream(hub, channel), content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-cache, no-store"
    response["X-Accel-Buffering"] = "no"
    return response


async def _stream(hub: Hub, channel: str) -> AsyncIterator[str]:
    ends_at = time.monotonic() + LIFE_S
    with hub.listen(channel) as mailbox:
        yield f"retry: {RETRY_MS}\n{HELLO}"
        while not hub.closing and time.monotonic() < ends_at:
            blocks = await mailbox.take(KEEP_ALIVE_S)
            if hub.closing:
                return
            yield blocks or KEEP_ALIVE


def _poll_instead(why: str) -> HttpResponse:
    response = HttpResponse(why, status=503, content_type="text/plain; charset=utf-8")
    response["Retry-After"] = "30"
    return response


async def _may_listen(request: HttpRequest, kind: str, id: str) -> bool:
    if kind != "store":
        return True
    user = await request.auser()
    if not user.is_authenticated:
        return False
    membership = await sync_to_async(membership_get)(user=user, store_id=id)
    # A store's news names its records by their ids, which open them: a cashier has the till alone.
    return membership is not None and role_may(membership.role, VIEW_INVOICES)
