"""The WSGI application: pages, LNURL, API, admin. Live events are served by `flashpay.asgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flashpay.settings")

application = get_wsgi_application()
