from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "flashpay.notices"
    label = "notices"
    verbose_name = "mail"

    def ready(self) -> None:
        from flashpay.notices.outbox import outbox_write
        from flashpay.stores.events import tell_in_transaction

        tell_in_transaction(outbox_write)
