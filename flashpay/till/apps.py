from django.apps import AppConfig


class TillConfig(AppConfig):
    name = "flashpay.till"
    label = "till"
