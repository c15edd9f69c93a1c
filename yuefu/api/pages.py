"""The page of a problem: what its code means and what to do, for whoever follows the `type` of an answer."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from yuefu.api.problems import KINDS


@require_safe
def problem(request: HttpRequest, code: str) -> HttpResponse:
    """GET /errors/CODE, in the language of the browser."""
    kind = KINDS.get(code)
    if kind is None:
        raise Http404(code)
    shown = {"code": code, "kind": kind, "title": gettext(kind.title), "advice": gettext(kind.advice)}
    return render(request, "api/problem.html", shown)
