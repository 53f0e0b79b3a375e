"""Answers that are not GraphQL: a web server's pages, the gateway's refusals."""

from http import HTTPStatus
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from flashpay.sandbox.switches import Switches


def page_of_status(status: int) -> HTMLResponse:
    """What a web server in front of the service shows: HTML, never JSON."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Error"
    if status == HTTPStatus.UNAUTHORIZED:
        phrase = "Authorization Required"
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        phrase = "Service Temporarily Unavailable"
    title = f"{status} {phrase}"
    return HTMLResponse(
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
        status_code=status,
    )


def unauthorized(switches: Switches) -> Response:
    if switches.peek("unauthorized_body") == "html":
        return page_of_status(HTTPStatus.UNAUTHORIZED)
    reason = "Access credentials are invalid"
    return JSONResponse(
        {"error": {"code": 401, "status": "Unauthorized", "request": "", "message": reason}},
        status_code=HTTPStatus.UNAUTHORIZED,
    )


def refused(status: int, message: str, code: str) -> JSONResponse:
    """A refusal of the router itself."""
    return JSONResponse({"errors": [{"message": message, "extensions": {"code": code}}]}, status_code=status)


def key_limited(*, limit: int, retry_after_s: int) -> JSONResponse:
    """Over the limit of an API key: HTTP 200, built by hand at Flash, hence the one top-level error with a code."""
    extensions = {
        "code": "TOO_MANY_REQUESTS",
        "retryAfterSeconds": retry_after_s,
        "rateLimit": {"limit": limit, "remaining": 0},
    }
    return JSONResponse(
        {"data": None, "errors": [{"message": "API key rate limit exceeded", "extensions": extensions}]}
    )


def subrequest_failed(status: int, reason: str) -> JSONResponse:
    """What the router makes of a subgraph that answers with an HTTP error."""
    text = f"{status}: {reason}"
    error: dict[str, Any] = {
        "message": f"HTTP fetch failed from 'public': {text}",
        "path": [],
        "extensions": {
            "code": "SUBREQUEST_HTTP_ERROR",
            "service": "public",
            "reason": text,
            "http": {"status": status},
        },
    }
    return JSONResponse({"data": None, "errors": [error]})


def codes_dropped(data: Any) -> Any:
    """The same answer with every code of a payload error gone."""
    if isinstance(data, list):
        return [codes_dropped(item) for item in data]
    if isinstance(data, dict):
        return {
            key: [{**error, "code": None} if "code" in error else error for error in value]
            if key == "errors" and isinstance(value, list)
            else codes_dropped(value)
            for key, value in data.items()
        }
    return data
