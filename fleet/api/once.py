"""Idempotency-Key: a call that is sent again, since its answer got lost, is not carried out again.

The key is taken before the call and the answer is kept after it, for a day, for whoever sent it.
Between the two a call may break off; nobody can tell then whether it was carried out, so a repeat
is told just that. At most once is promised, never twice.

An answer is kept when the call was carried out, or refused by the rules: a wrong code has cost a
try. All other refusals have changed nothing, and give the key free again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
from django.http import HttpResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response

from fleet.api.models import KeptAnswer
from fleet.api.problems import MEDIA_TYPE, problem_of
from fleet.errors import Conflict, Refused, RekeyError
from fleet.eventstore.messages import Actor

HEADER = "Idempotency-Key"
LONGEST = 255
KEPT_FOR = timedelta(hours=24)
REFUSED_BY_THE_RULES = 422


def once(
    request: Request, actor: Actor, carry_out: Callable[[], Response], *, secret: bool
) -> HttpResponse:
    """The answer of a call, or that of the first time.

    Raises Refused and Conflict when the key cannot be used, RekeyError when it is no key.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return carry_out()
    if not (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        raise RekeyError(
            "key_malformed", f"A key has 1 to {LONGEST} printable characters.", field=HEADER
        )
    call = _digest(request)
    KeptAnswer.objects.filter(at__lt=timezone.now() - KEPT_FOR).delete()
    kept, ours = KeptAnswer.objects.get_or_create(
        actor=f"{actor.kind} {actor.id}", key=key, defaults={"call": call}
    )
    if not ours:
        return _again(kept, call)
    try:
        answer = carry_out()
    except RekeyError as error:
        answer = problem_of(error)
    done = answer.status_code < 300
    if done or answer.status_code == REFUSED_BY_THE_RULES:
        kept.status = answer.status_code
        kept.location = answer.get("Location", "")
        kept.body = None if secret and done else orjson.dumps(answer.data, default=str)
        kept.save()
    else:
        kept.delete()
    return answer


def _again(kept: KeptAnswer, call: bytes) -> HttpResponse:
    if bytes(kept.call) != call:
        raise Refused(
            "key_used_already", "This key was used for another call. Use a new one.", field=HEADER
        )
    if kept.status is None:
        raise Conflict(
            "outcome_unknown",
            "A call with this key is under way, or broke off half-way. Wait a moment; if it stays "
            "like this, look whether it was carried out, and use a new key.",
        )
    if kept.body is None:
        raise Conflict(
            "done_already",
            "This was done, and its answer is shown once. Use a new key to do it again.",
        )
    refused = kept.status == REFUSED_BY_THE_RULES
    answer = HttpResponse(
        bytes(kept.body),
        status=kept.status,
        content_type=MEDIA_TYPE if refused else "application/json",
    )
    if kept.location:
        answer["Location"] = kept.location
    answer["Idempotency-Replayed"] = "true"
    return answer


def _digest(request: Request) -> bytes:
    """Of the whole call. Keyed, since a code or a password would be found by trying otherwise."""
    call: list[Any] = [request.method, request.path, request.data]
    text = orjson.dumps(call, option=orjson.OPT_SORT_KEYS)
    return salted_hmac("fleet.api.once", text, algorithm="sha256").digest()
