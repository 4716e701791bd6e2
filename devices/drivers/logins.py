"""Logins that can travel: no protocol here carries control characters in one."""

import unicodedata

from devices.drivers.base import Login
from devices.drivers.errors import NotAuthorised


def refuse_unsendable(login: Login) -> None:
    """Raise NotAuthorised for a login that no device can have been given.

    Control characters would break a header in two; lone surrogates have no bytes.
    """
    if any(unicodedata.category(one)[0] == "C" for one in login.username + login.password):
        raise NotAuthorised("The login holds characters that no device takes.")
