"""Celery's side of the devices: what beat asks for from time to time."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.conf import settings

from devices import vault
from devices.sweep import sweep
from fleet.eventstore.tasks import queue_of, room_at, wake

BATCHES = 10  # of a sweep, before it makes room for other work


@shared_task(name="devices.tasks.forget_passwords")
def forget_passwords() -> None:
    """Delete the passwords that nobody needs any more."""
    vault.forget_unreferenced()


@shared_task(name="devices.tasks.sweep_devices")
def sweep_devices() -> None:
    """Ask the devices that are due whether they are there and certified; those of a site with a
    worker of its own are asked by that one.
    """
    for site in settings.REKEY_SITE_WORKERS:
        if room_at(site):
            wake(sweep_devices_of, str(site), queue=queue_of(site))
    for _ in range(BATCHES):
        if not sweep():
            return


@shared_task(name="devices.tasks.sweep_devices_of")
def sweep_devices_of(site: str) -> None:
    """Ask those of one site, from inside its network."""
    for _ in range(BATCHES):
        if not sweep(site=UUID(site)):
            return
