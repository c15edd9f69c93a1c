"""The WSGI application that granian serves."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from yuefu.runtime import logs

logs.configure()
application = get_wsgi_application()
