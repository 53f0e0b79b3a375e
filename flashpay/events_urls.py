from django.urls import path

from flashpay.events import events

urlpatterns = [path("<str:channel>", events, name="events")]
