"""Celery's side of the devices: what beat asks for from time to time."""

from __future__ import annotations

from celery import shared_task

from devices import vault


@shared_task(name="devices.tasks.forget_passwords")
def forget_passwords() -> None:
    """Delete the passwords that nobody needs any more."""
    vault.forget_unreferenced()
