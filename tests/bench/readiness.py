"""Readiness of a whole fleet: the list's first page, and the cost of it for each device.

One process, one connection, no web server: the time of `queries.fleet` and of its first page, at a
thousand and at ten thousand devices. It grows with the devices, so what is watched is the cost for
each of them, and the number of statements, which must not grow at all. The dashboard keeps its
counts for as long as nothing happens.
"""

from __future__ import annotations

import statistics
import time

from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices import queries as devices
from devices import vault
from devices.models import Credential, Device
from devices.state import Purpose, credential_id
from devices.steps.credential import BeginCredential, PromoteCandidate
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from resets.delivery.steps import RecordTestMail, SendTestMailTo
from resets.readiness import queries
from resets.state import Delivery
from tests.bench import world
from tests.cast import SETUP

SIZES = (1_000, 3_000, 10_000)


def _fill(count: int) -> None:
    """Devices with a password in the vault, one in ten with a code that was mailed."""
    world.resets(count // 10)
    world.devices(count - count // 10)
    without = Device.objects.for_jobs().exclude(
        pk__in=Credential.objects.for_jobs().values("device")
    )
    ids = list(without.values_list("pk", flat=True))
    organisation, site = without.values_list("organisation", "site").first()
    for at in range(0, len(ids), 500):
        some = ids[at : at + 500]
        secrets = vault.put_many([(device, "not-used-here-1") for device in some])
        orders = []
        for device, secret in zip(some, secrets, strict=True):
            stream = credential_id(device, "admin")
            begin = BeginCredential(organisation, site, device, "admin", Purpose.DEVICE, secret)
            orders += [Order(begin, stream), Order(PromoteCandidate(secret), stream)]
        handle_all(orders, SETUP)


def run(rounds: int) -> None:
    by, test = world.alice(), new_id()
    before = Device.objects.for_jobs().filter(removed=False).count()  # of other rows' devices
    made = before
    handle(SendTestMailTo(devices.site_names(by.actor)[0].pk, "somebody@example.com"), test, by)
    handle(RecordTestMail(Delivery.HANDED_OVER, "250 OK"), test, SETUP)  # so mailboxes are compared
    print("\nReadiness of the whole fleet, and its first page")
    for size in (before + count for count in SIZES):
        _fill(size - made)
        made = size
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        times, busy = [], []
        for _ in range(rounds + 1):
            began, cpu = time.perf_counter(), time.process_time()
            found = queries.fleet(by.actor)
            rows = queries.rows_of(by.actor, found.all[:50])
            assert (len(found), len(rows)) == (size, 50)
            assert sum(count for _, count in found.bands) == size
            assert found.reasons
            times.append(time.perf_counter() - began)
            busy.append(time.process_time() - cpu)
        kept = []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            assert queries.tally(by.actor).bands == found.bands
            kept.append(time.perf_counter() - began)
        with CaptureQueriesContext(connection) as captured:
            queries.fleet(by.actor)
        print(
            f"  {size:>6,} devices: {statistics.median(times[1:]) * 1000:6.0f} ms, of which "
            f"{statistics.median(busy[1:]) * 1000:.0f} ms here; {len(captured)} statements; the "
            f"dashboard {kept[0] * 1000:.0f} ms, and {statistics.median(kept[1:]) * 1000:.0f} ms "
            "while nothing happens"
        )
