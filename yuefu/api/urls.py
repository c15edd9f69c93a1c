"""Routes of the pages about the API; those of the API itself are in `routes`."""

from __future__ import annotations

from django.urls import path

from yuefu.api import callbacks, pages

urlpatterns = [
    path("errors/<slug:code>", pages.problem, name="problem"),
    path("callbacks/<slug:channel>", callbacks.receive, name="callback"),
]
