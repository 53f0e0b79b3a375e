from django.apps import AppConfig


class BrandConfig(AppConfig):
    name = "flashpay.brand"
    label = "brand"
