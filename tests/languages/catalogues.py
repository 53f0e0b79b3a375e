"""The catalogues in `locale/`: brought up to date from the source, and written as the program reads them.

`make messages` runs this as a program; it needs no GNU gettext. A new message comes in without a translation, one that is
said no more goes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import django
import polib
from django.conf import settings
from django.utils.translation import to_locale

from tests.languages.collecting import ROOT, Message, collected

# One form for one and another for more; French and Haitian Creole count nothing as one.
PLURALS: Final = {
    "es": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "ht": "nplurals=2; plural=(n > 1);",
    "nl": "nplurals=2; plural=(n != 1);",
}


def languages() -> list[str]:
    """Those that need a catalogue: all but English, which the messages are written in."""
    return [code for code, _name in settings.LANGUAGES if code != "en"]


def folder(language: str) -> Path:
    return ROOT / "locale" / to_locale(language) / "LC_MESSAGES"


def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(folder(language) / "django.po"), wrapwidth=120)


def messages_of(language: str) -> dict[str, Message]:
    """What this language has to say; more where Django does not speak it."""
    return collected(with_djangos=not _django_speaks(language))


def _django_speaks(language: str) -> bool:
    return (Path(django.__file__).parent / "conf" / "locale" / to_locale(language)).is_dir()


def update(language: str) -> list[str]:
    """Write `django.po` and `django.mo` of one language; the messages that still want a translation are returned."""
    path = folder(language) / "django.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = {entry.msgid: entry for entry in polib.pofile(str(path))} if path.exists() else {}
    fresh = polib.POFile(wrapwidth=120)
    fresh.metadata = {
        "Project-Id-Version": "FlashPay",
        "Language": to_locale(language),
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": PLURALS[language],
    }
    wanting = []
    for message in sorted(messages_of(language).values(), key=lambda message: (min(message.files), message.msgid)):
        entry = _entry(message, before.get(message.msgid))
        fresh.append(entry)
        if not entry.translated():
            wanting.append(message.msgid)
    fresh.save(str(path))
    (folder(language) / "django.mo").write_bytes(fresh.to_binary())
    return wanting


def _entry(message: Message, before: polib.POEntry | None) -> polib.POEntry:
    entry = polib.POEntry(
        msgid=message.msgid,
        msgid_plural=message.plural,
        occurrences=[(file, "") for file in sorted(message.files)],
        flags=["python-format"] if "%(" in message.msgid else [],
    )
    if message.plural:
        entry.msgstr_plural = dict(before.msgstr_plural) if before and before.msgid_plural else {0: "", 1: ""}
    else:
        entry.msgstr = before.msgstr if before else ""
    return entry
