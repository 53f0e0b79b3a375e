"""Why the live connection is down, in words for people."""

from __future__ import annotations

from collections.abc import Iterator

from gql.transport.exceptions import TransportClosed, TransportServerError
from websockets.exceptions import ConnectionClosed, InvalidStatus

_CLOSE_CODES = {
    4400: "Flash did not understand what was said over the live connection.",
    4401: "Flash closed the live connection because it was not opened properly.",
    4403: "Flash does not accept this session token any more. Please connect the wallet again with a new one.",
    4406: "This address speaks another language over its socket than Flash does. Please check the socket address.",
    4408: "Opening the live connection took Flash too long.",
    4429: "Flash saw the live connection opened twice.",
    4500: "Flash has a problem of its own with the live connection.",
}


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__


def close_code_of(error: BaseException | None) -> int | None:
    for cause in _causes(error):
        if isinstance(cause, ConnectionClosed) and cause.rcvd is not None:
            return cause.rcvd.code
    return None


def sentence_of(error: BaseException | None) -> str | None:
    """None where there is nothing to tell: we closed it ourselves."""
    if error is None or isinstance(error, TransportClosed):
        return None
    code = close_code_of(error)
    if code in _CLOSE_CODES:
        return _CLOSE_CODES[code]
    for cause in _causes(error):
        if isinstance(cause, InvalidStatus):
            status = cause.response.status_code
            if status in (429, 503):
                return "Flash admits no more live connections from here for the moment; it is tried again."
            return f"Flash refused the live connection (HTTP {status}). Please check the socket address."
        if isinstance(cause, TransportServerError):
            return "The live connection fell silent and was closed; it is opened again."
        if isinstance(cause, TimeoutError):
            return "Flash did not answer in time while the live connection was being opened."
        if isinstance(cause, OSError) and not isinstance(cause, ConnectionResetError):
            return "Flash's live connection could not be reached; it is tried again."
    return "The live connection to Flash broke; it is opened again."
