"""Style sheets and logos. Each address names its content, so browsers and proxies may keep it for ever."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from flashpay.brand.colors import style_sheet
from flashpay.brand.selectors import FOR_EVER, logo_png


@require_safe
@login_not_required
def style(request: HttpRequest, digits: str) -> HttpResponse:
    return _kept(style_sheet(f"#{digits}").encode(), "text/css")


@require_safe
@login_not_required
def style_preview(request: HttpRequest, digits: str) -> HttpResponse:
    return _kept(style_sheet(f"#{digits}", preview=True).encode(), "text/css")


@require_safe
@login_not_required
def logo(request: HttpRequest, logo_hash: str, size: str) -> HttpResponse:
    png = logo_png(logo_hash, size)
    if png is None:
        raise Http404("no such logo")
    return _kept(png, "image/png")


def _kept(body: bytes, content_type: str) -> HttpResponse:
    answer = HttpResponse(body, content_type=content_type)
    patch_cache_control(answer, public=True, max_age=int(FOR_EVER.total_seconds()), immutable=True)
    # Set here too, not only by the middleware: a picture is a picture, whatever somebody has put into it.
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
