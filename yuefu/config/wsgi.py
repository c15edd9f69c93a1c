"""The WSGI application of the pages and probes, without the API (see `asgi`)."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from yuefu.runtime import logs

logs.configure()
application = get_wsgi_application()
