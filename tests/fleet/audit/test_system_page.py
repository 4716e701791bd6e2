"""What Rekey owes, and what it has given up: seen and taken up again by administrators."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.state import Kind
from devices.steps.add_device import AddDevice
from fleet.audit.queries import parked
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import Job
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def owed(who: Cast) -> UUID:
    """A device that a worker has yet to take in."""
    device = new_id()
    command = AddDevice(
        site=who.site,
        kind=Kind.CAMERA,
        name="Gate",
        host="203.0.113.9",
        username="admin",
        port=80,
        password="invented-for-this-test-1",
    )
    handle(command, device, who.by(who.alice))
    subscriptions.pump()
    return device


def page(client: Client) -> str:
    response = client.get(reverse("system"))
    assert response.status_code == 200
    return response.content.decode()


def test_waiting_jobs_are_counted_and_late_ones_say_that_no_worker_runs(
    client: Client, who: Cast, owed: UUID
) -> None:
    client.force_login(who.alice)
    assert "No job is parked." in page(client)
    assert "Jobs are waiting for a worker" not in page(client)
    Job.objects.update(due_at=timezone.now() - timedelta(minutes=5))
    assert "Jobs are waiting for a worker" in page(client)
    assert "5 min ago" in page(client)


def test_a_parked_job_is_shown_and_taken_up_again(client: Client, who: Cast, owed: UUID) -> None:
    Job.objects.update(status=Job.Status.PARKED, error="VaultError", attempts=12)
    client.force_login(who.alice)
    body = page(client)
    for said in ("Alice added Gate to the fleet.", "VaultError", "devices.take_in_device", "Gate"):
        assert said in body
    [job] = parked(who.by(who.alice).actor)
    answer = client.post(reverse("retry-job", args=[job.id]), follow=True)
    assert "taken up again" in answer.content.decode()
    assert Job.objects.get().status == Job.Status.WAITING


@pytest.mark.parametrize("name", ["tess", "bob"])
def test_who_is_no_administrator_gets_403_and_no_line_in_the_menu(
    client: Client, who: Cast, owed: UUID, name: str
) -> None:
    Job.objects.update(status=Job.Status.PARKED)
    [job] = parked(who.by(who.alice).actor)
    client.force_login(getattr(who, name))
    assert client.get(reverse("system")).status_code == 403
    assert client.post(reverse("retry-job", args=[job.id])).status_code == 403
    assert Job.objects.get().status == Job.Status.PARKED
    menu = client.get(reverse("devices")).content.decode()
    assert reverse("system") not in menu
    assert reverse("people") not in menu


def test_charlie_neither_sees_nor_starts_the_jobs_of_others(
    client: Client, who: Cast, owed: UUID
) -> None:
    Job.objects.update(status=Job.Status.PARKED)
    [job] = parked(who.by(who.alice).actor)
    client.force_login(who.charlie)
    assert "Gate" not in page(client)
    assert client.post(reverse("retry-job", args=[job.id])).status_code == 404
    assert Job.objects.get().status == Job.Status.PARKED
