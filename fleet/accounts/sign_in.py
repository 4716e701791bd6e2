"""Sign-in is django-allauth's; accounts are made by administrators only."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from fleet.errors import Forbidden


class ClosedSignUp(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth lets anybody sign up unless it is told otherwise."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


def signed_in_just_now(request: HttpRequest) -> bool:
    """Whether whoever sits there has entered their password again within the last few minutes:
    the sign-in itself does not count.
    """
    return not is_reauthentication_required(request, app="rekey")


def refuse_stale(request: HttpRequest) -> None:
    """For calls that give passwords out to a signed-in person. Raises Forbidden."""
    if not signed_in_just_now(request):
        minutes = settings.ACCOUNT_REAUTHENTICATION_TIMEOUT // 60
        raise Forbidden(
            "sign_in_again",
            f"Enter your password again at {reverse('account_reauthenticate')}, then retry: for "
            f"{minutes} minutes you are given passwords. Or send a token.",
        )
