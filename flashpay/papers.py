"""The papers that posters and vouchers are printed on."""

from __future__ import annotations

from typing import Any, Final

# Width and height in millimetres.
PAPERS: Final = {"A4": (210.0, 297.0), "Letter": (215.9, 279.4)}
USUAL: Final = "A4"


def paper_known(name: str) -> str:
    """The paper of this name, as it comes in an address; the usual one for anything unknown."""
    return name if name in PAPERS else USUAL


def paper_choice(name: str) -> dict[str, Any]:
    """What `templates/paper.html` shows of it."""
    return {"paper": paper_known(name), "papers": tuple(PAPERS)}
