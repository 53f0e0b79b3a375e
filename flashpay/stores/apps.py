from django.apps import AppConfig


class StoresConfig(AppConfig):
    name = "flashpay.stores"
    label = "stores"
