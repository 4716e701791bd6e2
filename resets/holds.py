"""What open resets hold: their device, which nobody moves meanwhile, and the chosen password. And
what open campaigns do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from devices.supplies import busy_when
from devices.vault import held_by
from fleet.eventstore.store import load
from resets.campaigns import passwords
from resets.models import Reset
from resets.state import ResetState


def register() -> None:
    busy_when(_reset_under_way)
    held_by(_chosen)
    held_by(passwords.held)


def _reset_under_way(device: UUID) -> str:
    if not Reset.objects.for_jobs().filter(device=device, open=True).exists():
        return ""
    return "A reset of this device is under way. Finish it or cancel it first."


def _chosen(secrets: Mapping[UUID, UUID]) -> Iterable[UUID]:
    open_ones = Reset.objects.for_jobs().filter(open=True, device__in=set(secrets.values()))
    loaded = load(dict.fromkeys(open_ones.values_list("pk", flat=True), ResetState))
    for stream in loaded.values():
        assert isinstance(stream.state, ResetState)
        if stream.state.secret:
            yield stream.state.secret
