from django.apps import AppConfig

# Celery's shared tasks bind to the application that exists when they are first called.
from flashpay.celery import app as celery_app

__all__ = ["FlashPayConfig", "celery_app"]


class FlashPayConfig(AppConfig):
    name = "flashpay"
    label = "flashpay"

    def ready(self) -> None:
        from flashpay import checks, logs  # noqa: F401 - importing the checks registers them

        logs.configure()
