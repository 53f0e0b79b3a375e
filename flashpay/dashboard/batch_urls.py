from django.urls import path

from flashpay.dashboard.views import payout_batches

urlpatterns = [
    path("", payout_batches.batches, name="payout_batches"),
    path("/new", payout_batches.batch_new, name="payout_batch_create"),
    path("/sample.csv", payout_batches.sample, name="payout_batch_sample"),
    path("/<str:batch_id>", payout_batches.batch, name="payout_batch"),
    path("/<str:batch_id>/edit", payout_batches.batch_edit, name="payout_batch_edit"),
    path("/<str:batch_id>/confirm", payout_batches.batch_confirmed, name="payout_batch_confirm"),
    path("/<str:batch_id>/act", payout_batches.batch_act, name="payout_batch_act"),
    path("/<str:batch_id>/results.csv", payout_batches.batch_results, name="payout_batch_results"),
]
