"""Parts of a page that keep themselves up to date.

The `{% live %}` tag asks its address again and again with `?seen=<version>`. While that is still
the version, the answer is an empty 204 and the browser leaves everything alone; otherwise it is
the part anew, with its new version in it.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from fleet.web.answers import kept_nowhere


def live_part(
    request: HttpRequest,
    template: str,
    version: object,
    context: Callable[[], dict[str, Any]],
) -> HttpResponse:
    """Answer a live part's poll. `context` is only worked out when something has changed.

    `version` is anything whose text changes when the part would look different: a stream's
    version, and the seconds left where a countdown is shown.
    """
    if request.GET.get("seen") == str(version):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return kept_nowhere(render(request, template, {**context(), "version": version}))
