"""Routes of what Django serves: the pages and the probes of the platform, and the pages about the API."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("", include("yuefu.web.urls")), path("", include("yuefu.api.urls"))]
