from django.apps import AppConfig


class BatchesConfig(AppConfig):
    name = "payouts.batches"
    label = "payout_batches"
