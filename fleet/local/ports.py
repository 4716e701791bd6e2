"""Where each process listens, and how to say that somebody else already does."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Port:
    """A port with the environment variable that moves it."""

    variable: str
    default: int
    what: str

    @property
    def number(self) -> int:
        """Raises ImproperlyConfigured when the variable holds no port."""
        given = os.environ.get(self.variable, "")
        if not given:
            return self.default
        if not given.isdecimal() or int(given) > 65535:
            raise ImproperlyConfigured(f"{self.variable}={given} is not a port; give 1 to 65535.")
        return int(given)

    def taken(self, number: int | None = None) -> str:
        """The sentence for people when the port is taken."""
        return (
            f"Port {self.number if number is None else number} for {self.what} is taken by another"
            f" program. Stop that one, or set {self.variable} to a free port."
        )

    def is_taken(self) -> bool:
        """Whether a server could not listen there now."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, self.number))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return True
                raise
        return False


WEB = Port("REKEY_WEB_PORT", 8000, "the web server")
SMTP = Port("REKEY_SMTP_PORT", 8026, "the mail sink")
INBOX = Port("REKEY_INBOX_PORT", 8025, "the mail sink's inbox")
FLEET = Port("REKEY_FLEET_PORT", 18000, "the first virtual device")
CONTROL = Port("REKEY_CONTROL_PORT", 17999, "the virtual fleet's control")
