"""What test mails are told of the world: looked up in their transaction."""

from __future__ import annotations

from devices import queries as devices
from devices.mailbox import checked
from fleet.accounts.access import require
from fleet.accounts.state import Role
from fleet.eventstore.handling import moment, supplies
from fleet.eventstore.messages import By
from resets.delivery.models import MailTest
from resets.delivery.projections import key_of
from resets.delivery.state import MailTestState
from resets.delivery.steps import WINDOW, Earlier, Recipient, SendTestMail, SendTestMailTo


@supplies(Recipient)
def recipient(command: SendTestMail | SendTestMailTo, state: MailTestState, by: By) -> Recipient:
    """Where it goes, as whoever asks may see it. Raises NotFound, Forbidden, Refused."""
    if isinstance(command, SendTestMailTo):
        site = devices.place(by.actor, command.site)
        assert site.organisation
        # Before anything is said of the mailbox, or of how many mails were sent.
        require(by.actor, Role(command.by), site.organisation, site.pk, "site")
        return Recipient(site.organisation, site.pk, checked(command.reset_email))
    row = devices.device(by.actor, command.device)
    assert row.organisation and row.site
    require(by.actor, Role(command.by), row.organisation, row.site, "device")
    return Recipient(
        row.organisation, row.site, row.reset_email, row.pk, row.name, removed=row.removed
    )


@supplies(Earlier)
def earlier(command: SendTestMail | SendTestMailTo, state: MailTestState, by: By) -> Earlier:
    to = command.recipient
    rows = MailTest.objects.for_jobs().filter(
        organisation=to.organisation, asked_at__gt=moment() - WINDOW
    )
    found = rows.order_by("asked_at").values_list("asked_at", "recipient_key")
    key = key_of(to.organisation, to.mailbox)
    return Earlier(tuple(at for at, one in found if one == key), tuple(at for at, _ in found))
