"""Routes: the pages and the probes of the platform."""

from __future__ import annotations

from importlib.util import find_spec

from django.urls import include, path

urlpatterns = [path("", include("yuefu.web.urls"))] if find_spec("yuefu.web.urls") else []
