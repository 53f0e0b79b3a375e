"""In which language a page is shown, and how a sentence of ours gets into it.

Pages for payers and recipients come in the languages of `settings.LANGUAGES`; what merchants and programs see stays English,
whatever their browser prefers. A page's language is what its reader chose (`?lang=fr`, remembered in a cookie), else what the
shop chose for it (an invoice's own language), else what the browser asks for.

Sentences are born English: services raise them, the record keeps them, the API and LNURL answer with them. A public page
puts them into its language at the last moment (`translated`), so that no language of a visitor ever gets into the record.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.formats import get_format
from django.utils.translation import trans_real

ENGLISH = "en"
PARAMETER = "lang"
COOKIE_AGE_S = 365 * 86_400
# Where payers and recipients are (checkout and receipt, bills, pay links, claim pages, vouchers), and the screen of a till.
_PUBLIC = re.compile(r"/(?:i|r|l|p|v|till|mail/receipt)(?:/|\Z)")
# An amount inside a sentence: `10,000 sat`, `$12.34`, `0.00001 BTC`.
_AMOUNT = re.compile(r"[^\w\s]{0,3}\d{1,3}(?:,\d{3})*(?:\.\d+)?(?:[ \N{NO-BREAK SPACE}][A-Za-z]{3,4})?")
_PLACE = re.compile(r"\{(\w+)\}")
_SENTENCE_END = re.compile(r"[.!?] ")


def is_public(path: str) -> bool:
    """Whether payers and recipients meet the pages (and the errors) under this path."""
    return _PUBLIC.match(path) is not None


def language_known(code: str) -> str:
    """The language of ours that serves this code best (`fr-CA` → `fr`); empty for none."""
    try:
        return translation.get_supported_language_variant(code) if code else ""
    except LookupError:
        return ""


def page_languages(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: answer public pages in their reader's language, everything else in English."""

    def answer(request: HttpRequest) -> HttpResponse:
        public = is_public(request.path_info)
        language = _chosen(request) or translation.get_language_from_request(request) if public else ENGLISH
        with translation.override(language):
            response = get_response(request)
            shown = translation.get_language() or ENGLISH
        if public:
            response.headers.setdefault("Content-Language", shown)
            patch_vary_headers(response, ["Accept-Language", "Cookie"])
            _remember(request, response)
        return response

    return answer


def language_propose(request: HttpRequest, code: str) -> None:
    """Show the page in the language that the shop chose for it, unless its reader chose another one.

    For the rest of this request alone.
    """
    language = language_known(code)
    if language and not _chosen(request):
        translation.activate(language)


def translated(sentence: str) -> str:
    """An English sentence of ours in the language of the page, with its amounts; several in a row, too.

    What the catalogue does not have stays English: words that are understood by some are better than none.
    """
    if not sentence or (translation.get_language() or ENGLISH) == ENGLISH:
        return sentence
    found = _whole(sentence)
    if found is not None:
        return found
    for end in reversed([match.end() for match in _SENTENCE_END.finditer(sentence)]):
        beginning = _whole(sentence[:end].rstrip())
        if beginning is not None:
            return f"{beginning} {translated(sentence[end:])}"
    return sentence


def amount_in_language(formatted: str) -> str:
    """An amount as `flashpay.money` writes it, with the separators of the page's language. For the eye alone."""
    group, point = str(get_format("THOUSAND_SEPARATOR")), str(get_format("DECIMAL_SEPARATOR"))
    return formatted.translate({ord(","): group, ord("."): point})


def _chosen(request: HttpRequest) -> str:
    """What the reader chose: by the address, or earlier; empty for nothing."""
    return language_known(request.GET.get(PARAMETER, "")) or language_known(
        request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    )


def _remember(request: HttpRequest, response: HttpResponse) -> None:
    language = language_known(request.GET.get(PARAMETER, ""))
    # A page inside another one keeps nothing, its address says it all; a living part only says what its page shows.
    alone = not request.path_info.endswith("/embed") and "X-Fragment" not in request.headers
    if language and alone and request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) != language:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=COOKIE_AGE_S,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def _whole(sentence: str) -> str | None:
    """The translation of exactly this, placeholders filled; None where the catalogue has no such sentence."""
    exact, patterns = _known(translation.get_language() or ENGLISH)
    if sentence in exact:
        return exact[sentence]
    for pattern, text in patterns:
        match = pattern.fullmatch(sentence)
        if match:
            values = {name: _value(value) for name, value in match.groupdict().items()}
            return _PLACE.sub(partial(_filled, values), text)
    return None


def _filled(values: dict[str, str], place: re.Match[str]) -> str:
    return values[f"_{place[1]}"]


def _value(value: str) -> str:
    """What stood at a placeholder: an amount, words of ours, or something that is the same in every language."""
    if _AMOUNT.fullmatch(value):
        return amount_in_language(value)
    return translated(value) if " " in value else value


@cache
def _known(language: str) -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """The catalogue's plain sentences, and those with `{places}` as patterns, the most definite first."""
    # As Django's own view for scripts reads it.
    loaded: Any = trans_real.translation(language)
    catalogue = loaded._catalog
    exact = {key: catalogue[key] for key in set(catalogue.keys()) if isinstance(key, str) and key and catalogue[key]}
    with_places = sorted((key for key in exact if _PLACE.search(key)), key=lambda key: -len(_PLACE.sub("", key)))
    return exact, [(_pattern(key), exact.pop(key)) for key in with_places]


def _pattern(msgid: str) -> re.Pattern[str]:
    """`At most {most}.` as a pattern; a place that comes twice is the same both times."""
    parts, seen = [], set()
    for number, part in enumerate(_PLACE.split(msgid)):
        if number % 2 == 0:
            parts.append(re.escape(part))
        elif part in seen:
            parts.append(f"(?P=_{part})")
        else:
            seen.add(part)
            parts.append(f"(?P<_{part}>.+?)")
    return re.compile("".join(parts), re.DOTALL)
