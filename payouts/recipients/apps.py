from django.apps import AppConfig


class RecipientsConfig(AppConfig):
    name = "payouts.recipients"
    label = "recipients"
