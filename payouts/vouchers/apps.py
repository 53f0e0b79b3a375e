from django.apps import AppConfig


class VouchersConfig(AppConfig):
    name = "payouts.vouchers"
    label = "vouchers"
