"""Routes of the pages about the API; those of the API itself are in `routes`."""

from __future__ import annotations

from django.urls import path

from yuefu.api import pages

urlpatterns = [path("errors/<slug:code>", pages.problem, name="problem")]
