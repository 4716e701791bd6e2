"""Sign-in is django-allauth's; accounts are made by administrators only."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.http import HttpRequest


class ClosedSignUp(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth lets anybody sign up unless it is told otherwise."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


def signed_in_just_now(request: HttpRequest) -> bool:
    """Whether whoever sits there typed their password within the last few minutes."""
    return not is_reauthentication_required(request, app="rekey")
