from django.urls import path

from flashpay.dashboard.views import recipients

urlpatterns = [
    path("", recipients.recipients, name="recipients"),
    path("/<str:recipient_id>", recipients.recipient, name="recipient"),
    path("/<str:recipient_id>/pay", recipients.recipient_payout, name="recipient_payout"),
    path("/<str:recipient_id>/act", recipients.recipient_act, name="recipient_act"),
]
