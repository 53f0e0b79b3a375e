"""The Celery application; its settings are the `CELERY_` names in `flashpay.settings`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flashpay.settings")

app = Celery("flashpay")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
