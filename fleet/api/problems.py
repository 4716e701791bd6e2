"""Errors as problem details (RFC 9457), with the codes of `fleet.errors`."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from fleet.errors import Conflict, Forbidden, NotFound, Refused, RekeyError

STATUS: dict[type[RekeyError], int] = {
    NotFound: status.HTTP_404_NOT_FOUND,
    Forbidden: status.HTTP_403_FORBIDDEN,
    Conflict: status.HTTP_409_CONFLICT,
    Refused: status.HTTP_422_UNPROCESSABLE_ENTITY,
}


def problem(code: str, message: str, number: int, **more: Any) -> Response:
    body = {"type": f"urn:rekey:problem:{code}", "title": message, "status": number, "code": code}
    return Response(body | more, status=number, content_type="application/problem+json")


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler."""
    if isinstance(error, RekeyError):
        return _of_domain(error)
    if isinstance(error, exceptions.ValidationError):
        return problem(
            "invalid",
            "Some fields are not right; see errors.",
            status.HTTP_400_BAD_REQUEST,
            errors=_flat(error.detail),
        )
    answer = exception_handler(error, context)
    if answer is None:
        return None
    code = getattr(error, "default_code", "error")
    detail = str(getattr(error, "detail", "")) or answer.status_text
    if answer.status_code == status.HTTP_404_NOT_FOUND:
        return _of_domain(NotFound())
    made = problem(code, detail, answer.status_code)
    for header in ("WWW-Authenticate", "Retry-After", "Allow"):
        if header in answer:
            made[header] = answer[header]
    return made


def _of_domain(error: RekeyError) -> Response:
    number = next((n for kind, n in STATUS.items() if isinstance(error, kind)), 400)
    more = dict(error.facts)
    if error.field:
        more["errors"] = [{"field": error.field, "code": error.code, "message": error.message}]
    wait = more.get("retry_after")
    if wait is not None:
        number = status.HTTP_429_TOO_MANY_REQUESTS
    answer = problem(error.code, error.message, number, **more)
    if wait is not None:
        answer["Retry-After"] = str(wait)
    return answer


def _flat(detail: Any, at: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [e for k, v in detail.items() for e in _flat(v, f"{at}.{k}" if at else k)]
    if isinstance(detail, list):
        return [e for v in detail for e in _flat(v, at)]
    return [{"field": at, "code": getattr(detail, "code", "invalid"), "message": str(detail)}]
