"""The building blocks of the pages: what people read, and what screen readers hear."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import time_machine
from django import forms
from django.conf import settings
from django.template import Context, Template, TemplateSyntaxError
from django.utils import translation

from flashpay.invoices.models import AdditionalState, InvoiceState, LightningInvoiceState
from flashpay.state_words import KINDS, NEEDS_REVIEW
from payouts.models import AttemptState, Grade, PayoutState

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
TEMPLATES: Path = settings.BASE_DIR / "templates"


def shown(template: str, **context: object) -> str:
    return Template("{% load look %}" + template).render(Context(context)).strip()


def words_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


# --- Amounts ----------------------------------------------------------------------------------------------------------


def test_sats_are_grouped_by_thousands() -> None:
    assert shown("{{ 12345678000|msat }}") == "12,345,678\N{NO-BREAK SPACE}sat"


def test_an_amount_has_its_sats_beside_it() -> None:
    assert words_of(shown('{% amount 1234 "USD" 13000000 %}')) == "$12.34 13,000 sat"


def test_an_amount_in_sats_is_not_said_twice() -> None:
    assert words_of(shown('{% amount 13000 "SAT" 13000000 %}')) == "13,000 sat"


def test_separators_follow_the_language() -> None:
    with translation.override("nl"):
        assert shown('{{ 123456|money:"USD" }}') == "$1.234,56"


# --- States -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "states"),
    [
        ("invoice", InvoiceState.values),
        ("additional", [state for state in AdditionalState.values if state != "None"]),
        ("lightninginvoice", LightningInvoiceState.values),
        ("payout", PayoutState.values),
        ("payoutattempt", AttemptState.values),
        ("grade", Grade.values),
    ],
)
def test_every_state_has_words(kind: str, states: list[str]) -> None:
    assert set(states) <= set(KINDS[kind])


def test_a_badge_explains_itself_without_colour() -> None:
    html = shown('{% state_badge "invoice" "Settled" "PaidOver" %}')
    assert words_of(html) == "Settled paid over"
    assert html.count("<svg") == 2
    assert 'title="Paid in full. The money is in the wallet."' in html


def test_a_doubtful_payout_says_that_it_needs_review() -> None:
    assert words_of(shown('{% state_badge "payout" "InProgress" needs_review=True %}')) == "In flight needs review"


def test_an_unknown_state_is_shown_by_its_name() -> None:
    assert words_of(shown('{% state_badge "payout" "Surprising" %}')) == "Surprising"


# --- Times ------------------------------------------------------------------------------------------------------------


def test_times_are_shown_in_the_zone_of_the_store() -> None:
    store = SimpleNamespace(time_zone="America/Jamaica")
    with time_machine.travel(NOW, tick=False):
        html = shown("{% when at %}", at=NOW, store=store)
    assert words_of(html) == "10:09"
    assert 'datetime="2026-03-14T15:09:26+00:00"' in html
    assert "10:09:26 EST" in html


def test_a_time_that_never_was_is_a_dash() -> None:
    assert shown("{% when at %}", at=None) == "–"


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (timedelta(seconds=59), "0:59"),
        (timedelta(minutes=14, seconds=5), "14:05"),
        (timedelta(hours=26), "26:00:00"),
        (timedelta(days=3, hours=4), "3 d 4 h"),
        (timedelta(seconds=-5), "0:00"),
    ],
)
def test_a_countdown_says_what_is_left(left: timedelta, text: str) -> None:
    with time_machine.travel(NOW, tick=False):
        html = shown("{% countdown until %}", until=NOW + left)
    assert words_of(html) == text
    assert f'data-countdown="{max(0, int(left.total_seconds()))}"' in html


# --- Codes ------------------------------------------------------------------------------------------------------------


def test_a_qr_code_has_a_text_alternative() -> None:
    html = shown('{% qr "lnbc1something" "Invoice over 5 sat" %}')
    assert 'role="img"' in html
    assert 'aria-label="Invoice over 5 sat"' in html


def test_what_is_copied_is_escaped() -> None:
    html = shown('{% include "components/copy_button.html" %}', text='"><script>')
    assert "<script>" not in html


def test_long_codes_keep_both_ends() -> None:
    assert shown('{{ "abcdefghijklmnopqrstuvwxyz"|shortened:4 }}') == "abcd…wxyz"


# --- Forms ------------------------------------------------------------------------------------------------------------


class _Form(forms.Form):
    amount = forms.CharField(help_text="In dollars.")
    note = forms.CharField(required=False)


def test_help_and_errors_are_tied_to_their_input() -> None:
    html = shown("{% field form.amount %}", form=_Form({"amount": ""}))
    described = re.search(r'aria-describedby="([^"]*)"', html)
    assert described is not None
    for name in described[1].split():
        assert f'id="{name}"' in html, f"the input is described by {name}, which is not there"
    assert "id_amount_error" in described[1]
    assert "id_amount_helptext" in described[1]
    assert 'aria-invalid="true"' in html
    assert '<label class="form-label" for="id_amount">Amount' in html


def test_a_field_that_may_stay_empty_says_so() -> None:
    assert "optional" in shown("{% field form.note %}", form=_Form())


# --- The whole of the templates ---------------------------------------------------------------------------------------


def test_an_unknown_icon_is_a_mistake_in_the_template() -> None:
    with pytest.raises(TemplateSyntaxError):
        shown('{% icon "unicorn" %}')


def test_every_icon_named_is_there_and_every_icon_there_is_named() -> None:
    source = "\n".join(path.read_text() for path in TEMPLATES.rglob("*.html"))
    named = set(re.findall(r'(?:icon |icon_name=|icon_name\|default:)"([a-z0-9-]+)"', source))
    named |= set(re.findall(r'nav_item "[^"]+" "[^"]+" "([a-z0-9-]+)"', source))
    named |= {words.icon for states in KINDS.values() for words in states.values()} | {
        NEEDS_REVIEW.icon,
        "circle-dashed",
    }
    assert named == {path.stem for path in (TEMPLATES / "icons").glob("*.svg")}


def test_no_page_has_inline_script_or_style() -> None:
    # Mail is no page: mail programs know no style sheets, and run nothing.
    for path in set(TEMPLATES.rglob("*.html")) - set((TEMPLATES / "mail").rglob("*.html")):
        source = re.sub(r"{% comment %}.*?{% endcomment %}", "", path.read_text(), flags=re.DOTALL)
        # JSON for a script to read runs nothing.
        inside = re.search(r'<script(?![^>]*\bsrc=)(?! type="application/json")', source)
        assert not inside, f"{path.name} has a script inside"
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", source), f"{path.name} has style or handlers inside"


def test_what_a_public_page_loads_is_light() -> None:
    """The heaviest is the checkout, with its sound and its cards."""
    pages = [TEMPLATES / name for name in ("public.html", "invoices/checkout.html", "invoices/_card_pay.html")]
    named = {file for page in pages for file in re.findall(r"{% static '((?:js|css)/[^']+)' %}", page.read_text())}
    assert {"css/public.css", "js/live.js", "js/card.js"} <= named
    weight = sum((settings.BASE_DIR / "static" / file).stat().st_size for file in named)
    assert weight < 42_000, "with the page and its QR code it should stay under 60 kB"
