"""Routes: the pages and the probes of the platform."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("", include("yuefu.web.urls"))]
