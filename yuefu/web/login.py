"""Logging in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView

from yuefu.web import demo


class SignIn(LoginView):
    """By login and password; in the demo with its logins beside the form."""

    template_name = "web/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "logins": demo.logins()}
