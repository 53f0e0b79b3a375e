from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "flashpay.api"
    label = "api"
