"""What a view takes from its request, beside the answers to a form."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods

PER_PAGE = 50

# For a view that asks something when it is opened, and does it when its form is sent.
require_safe_or_POST = require_http_methods(["GET", "HEAD", "POST"])


def page_of(request: HttpRequest, rows: Any, size: int = PER_PAGE) -> Page[Any]:
    """The page of a list that `?page=` asks for; the nearest one where there is none such."""
    return Paginator(rows, size).get_page(request.GET.get("page"))


def back_in(request: HttpRequest, otherwise: str, name: str = "back") -> str:
    """The address that a form has brought along to come back to, if it is one of ours."""
    back = request.POST.get(name, "")
    ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return back if ours else otherwise
