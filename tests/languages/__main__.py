"""`make messages`: bring the catalogues up to date and say what is still to be translated."""

from __future__ import annotations

import os
import sys

import django


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flashpay.settings")
    django.setup()
    from tests.languages import catalogues

    wanting = {language: catalogues.update(language) for language in catalogues.languages()}
    for language, messages in wanting.items():
        print(f"{language}: {len(messages)} to translate")
        for message in messages:
            print(f"    {message}")
    return 1 if any(wanting.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
