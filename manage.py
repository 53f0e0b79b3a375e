#!/usr/bin/env python
"""The one door to FlashPay's commands: migrate, up, listen, seed_demo, api_key_create, ..."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flashpay.settings")
    from django.core.management import execute_from_command_line
    from environs import EnvError

    from flashpay.configuration import sentence

    try:
        execute_from_command_line(sys.argv)
    except EnvError as error:
        sys.exit(f"FlashPay cannot start. {sentence(error)}")


if __name__ == "__main__":
    main()
