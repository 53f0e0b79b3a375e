from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "flashpay.dashboard"
    label = "dashboard"
