from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    name = "flashpay.invoices"
    label = "invoices"
