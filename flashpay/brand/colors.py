"""A store's colour on light and dark pages and on paper, so that all that is written on it or in it can be read.

Contrast is WCAG's: 4.5:1 at least for words (WCAG 2.2, 1.4.3). One of black and white always reaches that on any colour.
"""

from __future__ import annotations

import re
from typing import Final

from flashpay.refusals import Refusal

# What pages and sheets wear without a colour of their own; the same as in `static/css/tokens.css`.
PROJECT_COLOR: Final = "#08704f"
WHITE: Final = "#ffffff"
BLACK: Final = "#000000"
# The ground of each theme that a coloured word has it hardest on (`--fp-raised`), and what its buttons stand on.
LIGHT_GROUND: Final = "#eef2f0"
DARK_GROUND: Final = "#1e2824"
LIGHT_SURFACE: Final = WHITE
DARK_SURFACE: Final = "#151d1a"
READABLE: Final = 4.5
# A button whose colour is as good as the page's own gets an edge.
_SEEN: Final = 1.5
_STEP: Final = 0.02
_HOVER: Final = 0.14

_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})", re.ASCII)


def color_read(text: str) -> str:
    """A colour as people write it (`#0A7`, `0aa577`) as `#rrggbb`; empty for none. Raises Refusal."""
    wanted = text.strip().lower()
    if not wanted:
        return ""
    found = _HEX.fullmatch(wanted)
    if found is None:
        raise Refusal(
            "invalid-color", "A colour is written with six digits and letters A to F, such as #0A7A57.", field="color"
        )
    digits = found[1]
    return "#" + (digits if len(digits) == 6 else "".join(2 * digit for digit in digits))


def contrast(one: str, other: str) -> float:
    """How far two colours are apart: 1 (the same) to 21 (black and white)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ink_on(color: str) -> str:
    """Black or white, whichever is read better on `color`: 4.5:1 at least."""
    return max((WHITE, BLACK), key=lambda ink: contrast(ink, color))


def accent(color: str, ground: str) -> str:
    """`color` itself where words in it can be read on `ground`; else as little darker or lighter as it needs to be."""
    toward = BLACK if _luminance(ground) > 0.18 else WHITE
    share = 0.0
    while contrast(_mixed(color, toward, share), ground) < READABLE:
        share += _STEP
    return _mixed(color, toward, share)


def paper_accent(color: str) -> str:
    """`color` for words on white paper."""
    return accent(color or PROJECT_COLOR, WHITE)


def style_sheet(color: str, *, preview: bool = False) -> str:
    """CSS that gives a page this colour, light and dark; with `preview` only its parts of the class `brand-preview`."""
    light, dark = _tokens(color, LIGHT_GROUND, LIGHT_SURFACE), _tokens(color, DARK_GROUND, DARK_SURFACE)
    if preview:
        return "".join(
            f'.brand-preview[data-bs-theme="{theme}"]{{{tokens}}}'
            for theme, tokens in (("light", light), ("dark", dark))
        )
    # The selectors of tokens.css. Paper is white whatever the screen was.
    return (
        f":root{{{light}--fp-brand-paper:{paper_accent(color)}}}"
        f'@media screen and (prefers-color-scheme:dark){{:root:not([data-bs-theme="light"]){{{dark}}}}}'
        f'@media screen{{:root[data-bs-theme="dark"]{{{dark}}}}}'
    )


def _tokens(color: str, ground: str, surface: str) -> str:
    ink = ink_on(color)
    edge = "var(--fp-line-strong)" if contrast(color, surface) < _SEEN else "transparent"
    tokens = {
        "brand": accent(color, ground),
        "brand-bg": color,
        # Away from the ink, so that the words on it only get clearer.
        "brand-bg-hover": _mixed(color, BLACK if ink == WHITE else WHITE, _HOVER),
        "brand-fg": ink,
        "brand-edge": edge,
    }
    return "".join(f"--fp-{name}:{value};" for name, value in tokens.items())


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _mixed(color: str, other: str, share: float) -> str:
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * min(share, 1.0)):02x}" for one, two in pairs)


def _luminance(color: str) -> float:
    """WCAG's relative luminance, 0 to 1."""
    red, green, blue = (
        part / 12.92 if (part := channel / 255) <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for channel in _channels(color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
