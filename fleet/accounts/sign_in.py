"""Sign-in is django-allauth's; accounts are made by administrators only."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class ClosedSignUp(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth lets anybody sign up unless it is told otherwise."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
