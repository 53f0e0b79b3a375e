"""A store's tills in its dashboard, under /stores/<id>/tills."""

from __future__ import annotations

from django.urls import path

from flashpay.till import keeping

app_name = "tills"

urlpatterns = [
    path("", keeping.tills, name="tills"),
    path("/new", keeping.till_new, name="create"),
    path("/<str:till_id>", keeping.till_edit, name="edit"),
    path("/<str:till_id>/archive", keeping.till_close, name="archive"),
    path("/<str:till_id>/share", keeping.till_open_to_all, name="share"),
    path("/<str:till_id>/poster", keeping.poster, name="poster"),
]
