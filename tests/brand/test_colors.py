"""A store's colour: read as people write it, and never in the way of reading."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flashpay.brand import colors
from flashpay.refusals import Refusal

CSS = Path(__file__).resolve().parents[2] / "static" / "css"
ANY_COLOR = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("#0A7A57", "#0a7a57"), ("0a7a57", "#0a7a57"), (" #f80 ", "#ff8800"), ("F80", "#ff8800"), ("", ""), ("  ", "")],
)
def test_it_reads_a_colour_as_people_write_it(typed: str, kept: str) -> None:
    assert colors.color_read(typed) == kept


@pytest.mark.parametrize("typed", ["red", "#12345", "#1234567", "rgb(1,2,3)", "#0a7a5g", "#000;}body{", "#٠٠٠"])
def test_it_refuses_what_is_no_colour_and_says_how_one_is_written(typed: str) -> None:
    with pytest.raises(Refusal, match="six digits") as refused:
        colors.color_read(typed)
    assert (refused.value.code, refused.value.field) == ("invalid-color", "color")


def test_contrast_is_that_of_wcag() -> None:
    assert colors.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert colors.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert colors.contrast("#ffffff", "#777777") == colors.contrast("#777777", "#ffffff")


@given(ANY_COLOR)
def test_words_on_any_colour_can_be_read(color: str) -> None:
    assert colors.contrast(colors.ink_on(color), color) >= colors.READABLE


@given(ANY_COLOR, st.sampled_from([colors.LIGHT_GROUND, colors.DARK_GROUND, colors.WHITE]))
def test_words_in_any_colour_can_be_read_on_every_ground(color: str, ground: str) -> None:
    assert colors.contrast(colors.accent(color, ground), ground) >= colors.READABLE


def test_a_colour_that_can_be_read_stays_as_it_was_chosen() -> None:
    assert colors.accent("#0a4a8a", colors.LIGHT_GROUND) == "#0a4a8a"
    assert colors.accent("#ffd166", colors.DARK_GROUND) == "#ffd166"


@given(ANY_COLOR)
def test_under_the_pointer_the_words_get_only_clearer(color: str) -> None:
    tokens = dict(re.findall(r"--fp-([a-z-]+):([^;}]+)", colors.style_sheet(color).partition("@media")[0]))
    ink = tokens["brand-fg"]
    assert colors.contrast(ink, tokens["brand-bg-hover"]) >= colors.contrast(ink, tokens["brand-bg"])


def test_a_button_as_white_as_the_page_gets_an_edge() -> None:
    light, dark = colors.style_sheet("#ffffff").split("@media", 1)
    assert "--fp-brand-edge:var(--fp-line-strong)" in light
    assert "--fp-brand-edge:transparent" in dark


def test_the_grounds_are_those_of_the_style_sheet() -> None:
    text = (CSS / "tokens.css").read_text()
    light, dark = text.split("@media", 1)
    assert f"--fp-raised: {colors.LIGHT_GROUND};" in light
    assert f"--fp-brand: {colors.PROJECT_COLOR};" in light
    assert f"--fp-brand-paper: {colors.PROJECT_COLOR};" in light
    assert dark.count(f"--fp-raised: {colors.DARK_GROUND};") == 2
    assert dark.count(f"--fp-surface: {colors.DARK_SURFACE};") == 2
