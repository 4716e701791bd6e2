"""Errors as problem details (RFC 9457), with the codes of `fleet.errors`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from fleet.errors import Conflict, Forbidden, NotFound, Refused, RekeyError

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[RekeyError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Forbidden: HTTPStatus.FORBIDDEN,
    Conflict: HTTPStatus.CONFLICT,
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
}
# Where DRF's own words say what is wrong but not what to do.
WORDS = {
    "not_authenticated": "Say who you are: send a token in the Authorization header, or sign in.",
    "unsupported_media_type": "Send JSON, with the Content-Type application/json.",
    "not_acceptable": "Rekey answers in JSON: accept application/json.",
}


def problem(code: str, detail: str, status: int, **more: Any) -> Response:
    return Response(_body(code, detail, status, **more), status, content_type=MEDIA_TYPE)


def problem_response(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler."""
    if isinstance(error, RekeyError):
        return problem_of(error)
    if isinstance(error, exceptions.ValidationError):
        return problem(
            "invalid",
            "Some fields are not right; see errors.",
            HTTPStatus.BAD_REQUEST,
            errors=_flat(error.detail),
        )
    answer = exception_handler(error, context)
    if answer is None:
        log.exception("call_failed", view=type(context.get("view")).__name__)
        return problem(
            "internal",
            "This should not have happened; it is in the server's log. Try again later.",
            HTTPStatus.INTERNAL_SERVER_ERROR,
        )
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return problem_of(NotFound())
    codes = error.get_codes() if isinstance(error, exceptions.APIException) else None
    code = codes if isinstance(codes, str) else "error"
    detail = WORDS.get(code) or str(getattr(error, "detail", "")) or answer.status_text
    made = problem(code, detail, answer.status_code)
    for header in ("WWW-Authenticate", "Retry-After", "Allow"):
        if header in answer:
            made[header] = answer[header]
    return made


@csrf_exempt
def unknown_address(request: HttpRequest) -> HttpResponse:
    """Every address under the API that is none."""
    error = NotFound("address")
    body = _body(error.code, error.message, HTTPStatus.NOT_FOUND)
    return HttpResponse(orjson.dumps(body), MEDIA_TYPE, HTTPStatus.NOT_FOUND)


def _body(code: str, detail: str, status: int, **more: Any) -> dict[str, Any]:
    return {
        "type": f"urn:rekey:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": int(status),
        "detail": detail,
        "code": code,
        **more,
    }


def problem_of(error: RekeyError) -> Response:
    """What the domain refused."""
    status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), None)
    more = dict(error.facts)
    if error.field:
        more["errors"] = [{"field": error.field, "code": error.code, "message": error.message}]
    wait = more.get("retry_after")
    if wait is not None:
        status = HTTPStatus.TOO_MANY_REQUESTS
    answer = problem(error.code, error.message, status or HTTPStatus.BAD_REQUEST, **more)
    if wait is not None:
        answer["Retry-After"] = str(wait)
    return answer


def _flat(detail: Any, at: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [e for k, v in detail.items() for e in _flat(v, f"{at}.{k}" if at else k)]
    if isinstance(detail, list):
        return [e for v in detail for e in _flat(v, at)]
    return [{"field": at, "code": getattr(detail, "code", "invalid"), "message": str(detail)}]
