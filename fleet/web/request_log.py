"""What the log says of a request: method and path, who and from where; never a query or a key."""

from __future__ import annotations

import re

import structlog
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

# Whoever reads the log could set a password with what stands behind it.
_KEY = re.compile(r"(?<=/password/reset/key/).+")


class RequestLog(RequestMiddleware):
    """The address is the peer's: a header of the client's is not believed."""

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        structlog.contextvars.bind_contextvars(ip=request.META.get("REMOTE_ADDR", ""))

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {_KEY.sub('…', request.path)}"
