"""Whether a mailbox's domain takes mail: asked of DNS before anything is proposed.

Never inside a transaction, and only where the setting says so: a server without a way to the
Internet knows no domain. What DNS does not answer in time is unknown, and no reason to refuse.
"""

from __future__ import annotations

import dns.exception
import dns.resolver
from django.conf import settings
from email_validator import EmailNotValidError, caching_resolver, validate_email

from devices.mailbox import checked, unreachable
from resets.mailboxes.state import Domain

PATIENCE = 2  # seconds for each of the four questions at most


def domain_of(email: str) -> Domain:
    """What DNS says of the mailbox's domain (MX; A or AAAA instead, RFC 5321 §5.1; no null MX, RFC
    7505). Raises Refused for what is no mailbox, and where nobody takes mail.
    """
    mailbox = checked(email)
    if not settings.REKEY_CHECK_MAIL_DOMAINS:
        return Domain.NOT_ASKED
    try:
        found = validate_email(mailbox, dns_resolver=resolver())
    except EmailNotValidError:
        domain = mailbox.rpartition("@")[2]
        raise unreachable(f"No mail server takes mail for {domain}.") from None
    except dns.exception.DNSException:  # there is nobody to ask
        return Domain.UNKNOWN
    return Domain.TAKES_MAIL if getattr(found, "mx", None) else Domain.UNKNOWN


def resolver() -> dns.resolver.Resolver:
    """As this machine is set up. Raises DNSException."""
    return caching_resolver(timeout=PATIENCE)
