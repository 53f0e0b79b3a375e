#!/usr/bin/env python
"""The one door to FlashPay's commands: migrate, up, listen, seed_demo, api_key_create, ..."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flashpay.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
