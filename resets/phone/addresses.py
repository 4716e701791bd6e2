"""The addresses that carry a token: in their fragment, which no browser ever sends. So a token gets
into no server's log, no proxy's and no Referer; the page takes it from there and posts it.
"""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from resets.phone.tokens import Kind, PhoneKey
from resets.state import ResetState


def of_qr(reset: ResetState) -> str:
    """What the newest QR of a reset says."""
    return _address("phone", Kind.QR, reset, reset.qr)


def of_not_me(reset: ResetState, send: int) -> str:
    """Where the mail with the code of this number says "this was not me"."""
    return _address("not-me", Kind.NOT_ME, reset, send)


def _address(page: str, kind: Kind, reset: ResetState, number: int) -> str:
    token = PhoneKey(settings.REKEY_CODE_KEY).token(kind, reset, number)
    return f"{settings.REKEY_URL}{reverse(page)}#{token}"
