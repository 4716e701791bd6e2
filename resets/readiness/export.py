"""Readiness as a list to take along, such as before a rotation. Never a password or a mailbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from django.utils import timezone

from devices.lists.reading import harmless
from devices.lists.writing import Form, Sheet, Written, csv_of, xlsx_of
from devices.status import Status
from fleet.eventstore.messages import Actor
from resets.readiness import queries
from resets.readiness.flaws import findings
from resets.readiness.queries import Ready

AT_ONCE = 1000  # devices
HEADS = (
    "Score", "Name", "Site", "Kind", "Manufacturer", "Model", "Firmware", "Status", "Reasons",
    "Published flaws", "What to do", "Device",
)  # fmt: skip


def export(actor: Actor, found: Sequence[Ready], form: Form) -> Written:
    """These devices, in their order."""
    name = f"rekey-readiness-{timezone.now():%Y-%m-%d}"
    lines = _lines(actor, found)
    if form is Form.CSV:
        pieces = csv_of(chain([HEADS], lines))
    else:
        pieces = xlsx_of([Sheet("Readiness", HEADS, lines)])
    return Written(f"{name}.{form}", form.media_type, pieces)


def _lines(actor: Actor, found: Sequence[Ready]) -> Iterator[list[str]]:
    for at in range(0, len(found), AT_ONCE):
        for one, row in queries.rows_of(actor, found[at : at + AT_ONCE]):
            assert row.place
            flaws = findings(row.manufacturer, row.model, row.firmware)
            cells = (
                str(one.score.value),
                row.name,
                row.place.name,
                row.kind,
                row.manufacturer,
                row.model,
                row.firmware,
                Status.of(row).words,
                "; ".join(reason.words for reason in one.score.reasons),
                "; ".join(finding.flaw.cve for finding in flaws),
                " ".join(reason.next for reason in one.score.reasons),
                str(one.id),
            )
            yield [harmless(cell) for cell in cells]
