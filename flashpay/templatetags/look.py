"""The building blocks of every page: icons, amounts, states, times, QR codes, form fields, dialogs.

`templates/components/README.md` shows each with an example.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select
from django.template.context import Context
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from flashpay.languages import PARAMETER, amount_in_language, is_public, translated
from flashpay.money.amounts import MSAT_PER_SAT, amount_format, msat_format
from flashpay.money.currencies import USD, currency_get
from flashpay.qr import lightning_link as link_of
from flashpay.qr import lightning_qr_payload, qr_svg
from flashpay.state_words import NEEDS_REVIEW, StateWords, state_words
from flashpay.stores.models import User
from flashpay.stores.selectors import stores_seen

register = template.Library()

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
ICONS: Path = settings.BASE_DIR / "templates" / "icons"


# --- Icons and codes --------------------------------------------------------------------------------------------------


@cache
def _icon_source(name: str) -> str:
    path = ICONS / f"{name}.svg"
    if not path.is_file():
        raise template.TemplateSyntaxError(f"There is no icon “{name}” in templates/icons.")
    return path.read_text().strip()


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """The drawing, inline. Decoration unless it has a `label`, which screen readers then speak."""
    said = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    opening = format_html('<svg class="fp-icon {}" {} ', css, said)
    return mark_safe(_icon_source(name).replace("<svg ", opening, 1))  # noqa: S308 - our own drawings


@register.simple_tag
def qr(text: str, title: str = "") -> SafeString:
    """A QR code of an invoice, LNURL or link, as small as it gets; dark on white with its quiet zone on any theme."""
    return mark_safe(qr_svg(lightning_qr_payload(text), title=title or _("QR code")))  # noqa: S308 - escaped inside


@register.filter
def lightning_link(text: str) -> str:
    """The `lightning:` link that opens a phone's wallet."""
    return link_of(text)


@register.filter
def shortened(text: str, ends: int = 10) -> str:
    """A long code cut in its middle: both ends are what people compare."""
    return text if len(text) <= 2 * ends + 1 else f"{text[:ends]}…{text[-ends:]}"


# --- Amounts ----------------------------------------------------------------------------------------------------------


@register.filter
def msat(value: int | None) -> str:
    """Millisatoshi as sats: `10,000 sat`. Empty for None."""
    return "" if value is None else amount_in_language(msat_format(value))


@register.filter
def sat(value: int | None) -> str:
    """Sats: `10,000 sat`. Empty for None."""
    return "" if value is None else amount_in_language(msat_format(value * MSAT_PER_SAT))


@register.filter
def money(minor: int | None, currency: str) -> str:
    """Minor units of a currency: `{{ invoice.amount|money:invoice.currency }}` → `$12.34`. Empty for None."""
    return "" if minor is None else amount_in_language(amount_format(minor, currency_get(currency)))


@register.inclusion_tag("components/amount.html")
def amount(
    minor: int | None = None, currency: str = "SAT", msat: int | None = None, sign: str = "", css: str = ""
) -> dict[str, Any]:
    """An amount in its currency with the sats beside it, or sats with what they are worth beside them.

    For an amount in sats `msat` is left out, or is what is really sent or received.
    """
    sats = amount_in_language(msat_format(msat)) if msat is not None else ""
    main = money(minor, currency) if minor is not None else sats
    return {"main": main, "beside": sats if sats != main else "", "sign": sign, "css": css}


@register.filter
def usd_cents(cents: Decimal | None) -> str:
    """A wallet's balance, which Flash counts in US cents and parts of them, in whole cents: `$12.34`."""
    return "" if cents is None else amount_in_language(amount_format(int(cents), USD))


# --- States -----------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/state_badge.html")
def state_badge(kind: str, state: str, also: str = "", needs_review: bool = False) -> dict[str, Any]:
    """The name of a state with its explanation: `{% state_badge "invoice" invoice.state invoice.additional_state %}`."""
    badges: list[StateWords] = [state_words(kind, state)]
    if kind == "invoice" and also == "Marked":
        # Whether it was paid is what nobody has seen.
        badges = [replace(badges[0], sentence="")]
    if also and also != "None":
        badges.append(state_words("additional", also))
    if needs_review:
        badges.append(NEEDS_REVIEW)
    return {"badges": badges}


@register.simple_tag
def state_name(kind: str, state: str) -> str:
    """The name of a state alone, for tabs and headings."""
    return str(state_words(kind, state).label)


@register.simple_tag
def state_sentence(kind: str, state: str) -> str:
    """The plain explanation of a state, for a page that has room for it."""
    return str(state_words(kind, state).sentence)


@register.filter
def event_words(type: str) -> str:
    """An event's type as a heading: `PayoutSendFailed` → `Payout send failed`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type).capitalize()


@register.filter
def pretty(data: object) -> str:
    """Evidence as people can read it: one `name: value` per line."""
    if isinstance(data, Mapping):
        return "\n".join(f"{name}: {value}" for name, value in data.items())
    return str(data)


@register.filter
def said(sentence: str) -> str:
    """A sentence that a service said or the record kept, in the language of the page."""
    return translated(sentence)


# --- Times ------------------------------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def when(context: Context, moment: datetime | None, empty: str = "–", long: bool = False) -> SafeString | str:
    """A moment in the store's time zone (`store` of the page): short, the full time on hover, or `long` for receipts."""
    if moment is None:
        return empty
    store = context.get("store")
    zone = ZoneInfo(store.time_zone) if store else timezone.get_current_timezone()
    local, today = moment.astimezone(zone), timezone.now().astimezone(zone).date()
    full = f"{date_format(local, 'j F Y, H:i:s')} {local.tzname()}"
    if long:
        shown = f"{date_format(local, 'j M Y, H:i')} {local.tzname()}"
    elif local.date() == today:
        shown = date_format(local, "H:i")
    else:
        shown = date_format(local, "j M H:i" if local.year == today.year else "j M Y")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), full, shown)


def time_left(seconds: int) -> str:
    """A duration as `countdown.js` writes it: `2 d 3 h`, `1:02:03`, `14:59`."""
    seconds = max(0, seconds)
    if seconds >= 2 * DAY_S:
        return _days_words().replace("{days}", str(seconds // DAY_S)).replace("{hours}", str(seconds % DAY_S // HOUR_S))
    hours, minutes, rest = seconds // HOUR_S, seconds % HOUR_S // MINUTE_S, seconds % MINUTE_S
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _days_words() -> str:
    # Translators: short for days and hours
    return _("{days} d {hours} h")


@register.inclusion_tag("components/countdown.html")
def countdown(until: datetime, of_s: int = 0) -> dict[str, Any]:
    """What is left until a moment, counting down; with `of_s` (the whole span) a bar beside it.

    The page carries seconds, not a date: phones' clocks are often wrong.
    """
    left = _left_s(until)
    return {"left_s": left, "shown": time_left(left), "of_s": of_s, "until": until, "days_words": _days_words()}


@register.simple_tag
def look_again(until: datetime | None = None, after_s: int = 0, of_s: int = 0) -> SafeString:
    """Makes a living part look again at a moment, or after some seconds, without showing anything.

    With `of_s` (the whole span) a thin bar shows how much of it is left.
    """
    seconds = max(1, after_s if until is None else _left_s(until))
    if of_s:
        bar = '<progress class="fp-progress fp-thin" max="{}" value="{}" data-countdown="{}" aria-hidden="true"></progress>'
        return format_html(bar, of_s, seconds, seconds)
    return format_html('<span hidden data-countdown="{}"></span>', seconds)


def _left_s(until: datetime) -> int:
    return max(0, int((until - timezone.now()).total_seconds()))


@register.filter
def counted(number: int, words: str) -> str:
    """`{{ 2|counted:"invoice,invoices" }}` → `2 invoices`."""
    one, many = words.split(",")
    return f"{number} {one if number == 1 else many}"


@register.filter
def item(mapping: Mapping[str, Any], key: str) -> Any:
    """`{{ counts|item:state }}`"""
    return mapping.get(key, "")


# --- Getting about ----------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/nav_item.html", takes_context=True)
def nav_item(context: Context, name: str, label: str, icon_name: str, count: int | None = None) -> dict[str, Any]:
    """One entry of the side bar; nothing where the address does not exist or there is no store.

    It is the current one where the page's `nav` says so, or where the address of the page begins with its own.
    """
    store, request = context.get("store"), context.get("request")
    href = ""
    if store is not None:
        try:
            href = reverse(name, args=[store.pk])
        except NoReverseMatch:
            href = ""
    section = name.rpartition(":")[2]
    here = context.get("nav")
    current = here == section if here else bool(request and href and request.path == href)
    return {"href": href, "label": label, "icon_name": icon_name, "current": current, "count": count}


@register.inclusion_tag("components/languages.html", takes_context=True)
def languages(context: Context) -> dict[str, Any]:
    """The choice of language of a public page: links to itself, so that it works without a script or a form."""
    request = context.get("request")
    if request is None or not is_public(request.path_info):
        return {"choices": []}
    shown = get_language()
    asked = request.GET.copy()
    choices = []
    for code, name in settings.LANGUAGES:
        asked[PARAMETER] = code
        choices.append({"code": code, "name": name, "href": f"?{asked.urlencode()}", "current": code == shown})
    return {"choices": choices}


@register.inclusion_tag("components/store_switcher.html", takes_context=True)
def store_switcher(context: Context) -> dict[str, Any]:
    """The store that is looked at, and the others of the person who is logged in."""
    request = context.get("request")
    user = getattr(request, "user", None)
    stores = list(stores_seen(user)) if user is not None and user.is_authenticated else []
    return {"store": context.get("store"), "stores": stores}


@register.simple_tag
def signup_way() -> str:
    """Who may sign up: "first" (nobody is here yet, the next becomes the administrator), "open" or "closed"."""
    if not User.objects.exists():
        return "first"
    return "open" if settings.REGISTRATION_OPEN else "closed"


# --- Forms ------------------------------------------------------------------------------------------------------------


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, before: str = "", after: str = "", css: str = "", **attrs: Any) -> dict[str, Any]:
    """A form field with label, help and errors, each tied to the input.

    `before` and `after` stand at the ends of the input ("$", "sat"). Other words become attributes of the input, with `_`
    for `-`: `{% field form.amount inputmode="decimal" data_autofocus="1" %}`.
    """
    widget = bound.field.widget
    kind = "input"
    if isinstance(widget, CheckboxInput):
        kind = "checkbox"
    elif isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        kind = "choices"
    look = {"input": "form-control", "checkbox": "form-check-input", "choices": "form-check-input"}[kind]
    if isinstance(widget, Select) and kind == "input":
        look = "form-select"
    classes = [widget.attrs.get("class", ""), look, css, "is-invalid" if bound.errors else ""]
    given = {name.replace("_", "-"): value for name, value in attrs.items()}
    input_attrs = {"class": " ".join(filter(None, classes)), **given}
    return {
        "field": bound,
        "kind": kind,
        "before": before,
        "after": after,
        "widget": "" if kind == "choices" else bound.as_widget(attrs=input_attrs),
        "input_class": input_attrs["class"],
    }


# --- Things with a body -----------------------------------------------------------------------------------------------


@register.simple_block_tag
def kept(content: str) -> str:
    """What is inside, for use further down: `{% kept as page_title %}{% block title %}{% endblock %}{% endkept %}`."""
    return content


@register.simple_block_tag
def dialog(content: str, id: str, title: str, danger: bool = False) -> SafeString:
    """A question that opens over the page: put the explanation and a form with its buttons inside.

    Opened by any button with `data-dialog="<id>"`; closed by Escape or a button with `data-close`. Without JavaScript it
    stands open at the end of the page (`dashboard.css`), so the way through it remains.
    """
    page = {"content": content, "id": id, "title": title, "danger": danger}
    return mark_safe(render_to_string("components/dialog.html", page))  # noqa: S308 - rendered by the template engine


@register.simple_block_tag
def table(content: str, label: str) -> SafeString:
    """The frame of a wide table: it scrolls by itself, by keyboard too, and the page does not."""
    return format_html(
        '<div class="table-responsive fp-table" tabindex="0" role="region" aria-label="{}">'
        '<table class="table table-vcenter card-table">{}</table></div>',
        label,
        content,
    )


# --- Charts -----------------------------------------------------------------------------------------------------------


CHART_WIDTH, CHART_HEIGHT, CHART_GAP = 600, 120, 2


@register.inclusion_tag("components/flow_chart.html")
def flow_chart(days: Sequence[Mapping[str, Any]], above: str = "in", below: str = "out") -> dict[str, Any]:
    """Money in (up) and out (down) by day, drawn as SVG: no script, and a table for those who cannot see it.

    `days`: mappings with `date`, `in_msat` and `out_msat`, oldest first. `above` and `below` say what the two are.
    """
    most_in = max((day["in_msat"] for day in days), default=0)
    most_out = max((day["out_msat"] for day in days), default=0)
    whole, step = most_in + most_out, CHART_WIDTH / max(1, len(days))
    zero = CHART_HEIGHT * most_in / whole if whole else CHART_HEIGHT - 1
    rows = []
    for number, day in enumerate(days):
        up, down = (round(CHART_HEIGHT * day[name] / whole, 2) if whole else 0 for name in ("in_msat", "out_msat"))
        rows.append({**day, "x": round(number * step + CHART_GAP, 2), "y": round(zero - up, 2), "up": up, "down": down})
    bar = round(max(1.0, step - 2 * CHART_GAP), 2)
    return {
        "rows": rows,
        "bar": bar,
        "zero": round(zero, 2),
        "width": CHART_WIDTH,
        "height": CHART_HEIGHT,
        "above": above,
        "below": below,
    }
