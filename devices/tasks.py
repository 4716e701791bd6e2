"""Celery's side of the devices: what beat asks for from time to time."""

from __future__ import annotations

from celery import shared_task

from devices import vault
from devices.sweep import sweep

BATCHES = 10  # of a sweep, before it makes room for other work


@shared_task(name="devices.tasks.forget_passwords")
def forget_passwords() -> None:
    """Delete the passwords that nobody needs any more."""
    vault.forget_unreferenced()


@shared_task(name="devices.tasks.sweep_devices")
def sweep_devices() -> None:
    """Ask the devices that are due whether they are there and certified."""
    for _ in range(BATCHES):
        if not sweep():
            return
