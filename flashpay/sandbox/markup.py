"""HTML for the sandbox's three pages: escaping by default, one frame, strict headers."""

from collections.abc import Iterable
from html import escape

import qrcode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.image.svg import SvgPathImage
from starlette.responses import HTMLResponse

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def e(value: object) -> Markup:
    """HTML for any value: escaped, unless it is HTML already."""
    return value if isinstance(value, Markup) else Markup(escape(str(value)))


def join(parts: Iterable[Markup]) -> Markup:
    return Markup("".join(parts))


def html(template: str, **values: object) -> Markup:
    """A template with every value escaped in place of `{name}`."""
    return Markup(template.format(**{name: e(value) for name, value in values.items()}))


FRAME = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/sandbox.css">
</head>
<body class="{look}">
{body}
{script}
</body>
</html>
"""


def page(title: str, body: Markup, *, look: str = "", script: str | None = None, status: int = 200) -> HTMLResponse:
    source = html('<script src="/static/{name}" defer></script>', name=script) if script else Markup("")
    return HTMLResponse(
        html(FRAME, title=title, body=body, look=look, script=source), status_code=status, headers=HEADERS
    )


def qr(text: str) -> Markup:
    """A QR code as inline SVG; upper case makes it smaller, and BOLT 11 does not mind."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=4, image_factory=SvgPathImage)
    code.add_data(text.upper())
    drawn: str = code.make_image().to_string(encoding="unicode")
    return Markup(drawn)
