"""Whatever people and jobs do with devices, in whatever order: what is promised stays true."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from devices import deeds, projections, queries
from devices.models import Credential, Device
from devices.state import CredentialState, DeviceState, Kind, Purpose, credential_id
from devices.status import Status
from devices.steps.add_device import AddDevice
from devices.steps.certificates import (
    AcceptCertificate,
    PinCertificate,
    RecordCertificateChange,
)
from devices.steps.change_device import ChangeDevice
from devices.steps.check_device import CheckDevice, RecordCheck, RecordNvrOpens, RecordTrouble
from devices.steps.credential import BeginCredential, PromoteCandidate, StoreCandidate
from devices.steps.move_device import MoveDevice
from devices.steps.open_site import OpenSite
from devices.steps.place_on_channel import PlaceOnChannel
from devices.steps.remove_device import RemoveDevice
from devices.steps.replace_device import ReplaceDevice
from devices.steps.take_in_device import DeviceIdentified, RecordIdentity, RecordManagementAccount
from devices.steps.try_history import TryHistory
from fleet.errors import Conflict, RekeyError
from fleet.eventstore import projections as pictures
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Command
from fleet.eventstore.store import load, state_of
from tests.cast import SETUP, Cast, cast

PASSWORD = "made-up-and-old-1"
WHICH = st.integers(0, 5)
HOSTS = st.sampled_from([f"203.0.113.{n}" for n in range(1, 7)])
PORTS = st.sampled_from([80, 443])
SHOWN = ["ab" * 32, "cd" * 32, "ef" * 32]
CERTIFICATES = st.sampled_from(SHOWN)


class AnyLife(RuleBasedStateMachine):
    """Two NVRs and a camera on each to begin with, at one of two sites, all at few addresses."""

    def __init__(self, who: Cast) -> None:
        super().__init__()
        self.who = who
        self.sites = (new_id(), new_id())
        self.devices: list[UUID] = []
        self.pins: dict[UUID, dict[int, str]] = {}

    @initialize()
    def begins(self) -> None:
        for site in self.sites:
            handle(OpenSite(self.who.organisation, "Harbour", "UTC"), site, SETUP)
        for number, kind in enumerate((Kind.NVR, Kind.NVR, Kind.CAMERA, Kind.CAMERA)):
            self.add(kind, 0, f"203.0.113.{number + 1}", 80)
        for nvr, camera in ((0, 2), (1, 3)):
            self.people(camera, PlaceOnChannel(self.one(nvr), 1))

    # --- what is done -----------------------------------------------------------------------------

    def add(self, kind: Kind, site: int, host: str, port: int) -> None:
        device = new_id()
        ask = AddDevice(self.sites[site], kind, f"{kind} {host}", host, port, "admin", PASSWORD)
        try:
            handle(ask, device, self.who.by(self.who.alice))
        except Conflict:  # the address is taken
            return
        self.devices.append(device)
        self.pins[device] = {}
        secret, account = new_id(), credential_id(device, "admin")
        begin = BeginCredential(
            self.who.organisation, self.sites[site], device, "admin", Purpose.DEVICE, secret
        )
        handle(begin, account, SETUP)
        handle(PromoteCandidate(secret), account, SETUP)

    def one(self, which: int) -> UUID:
        return self.devices[which % len(self.devices)]

    def people(self, which: int, command: Command[Any]) -> bool:
        """Whether it was done. Nothing that people ask is done to a device that has left."""
        device = self.one(which)
        before = state_of(DeviceState, device)
        try:
            deeds.do(command, device, self.who.by(self.who.alice))
        except RekeyError:
            assert state_of(DeviceState, device) == before
            return False
        assert not before.removed, f"{command} of a device that was removed"
        return True

    def job(self, which: int, command: Command[Any]) -> None:
        handle(command, self.one(which), SETUP)

    @precondition(lambda self: len(self.devices) < 6)
    @rule(kind=st.sampled_from(Kind), site=st.integers(0, 1), host=HOSTS, port=PORTS)
    def is_added(self, kind: Kind, site: int, host: str, port: int) -> None:
        self.add(kind, site, host, port)

    @rule(which=WHICH, host=HOSTS, port=PORTS, tls=st.booleans())
    def is_changed(self, which: int, host: str, port: int, tls: bool) -> None:
        self.people(which, ChangeDevice(host=host, port=port, tls=tls))

    @rule(which=WHICH, site=st.integers(0, 1))
    def is_moved(self, which: int, site: int) -> None:
        self.people(which, MoveDevice(self.sites[site]))

    @rule(which=WHICH, host=HOSTS, port=PORTS)
    def is_replaced(self, which: int, host: str, port: int) -> None:
        if self.people(which, ReplaceDevice(host, port, "admin", PASSWORD)):
            self.pins[self.one(which)] = {}

    @rule(which=WHICH)
    def is_removed(self, which: int) -> None:
        if self.people(which, RemoveDevice("Sold")):
            for command in (
                ChangeDevice(name="Another"),
                MoveDevice(self.sites[1]),
                ReplaceDevice("203.0.113.99", 80, "admin", PASSWORD),
                PlaceOnChannel(),
                CheckDevice(),
                TryHistory(),
                RemoveDevice("Sold again"),
                *(AcceptCertificate(certificate, "Updated") for certificate in SHOWN),
            ):
                assert not self.people(which, command)

    @rule(which=WHICH, nvr=WHICH, channel=st.integers(1, 2))
    def is_put_on_a_channel(self, which: int, nvr: int, channel: int) -> None:
        self.people(which, PlaceOnChannel(self.one(nvr), channel))

    @rule(which=WHICH)
    def is_taken_off_its_channel(self, which: int) -> None:
        self.people(which, PlaceOnChannel())

    @rule(which=WHICH, command=st.sampled_from([CheckDevice(), TryHistory()]))
    def is_asked(self, which: int, command: Command[Any]) -> None:
        self.people(which, command)

    @rule(which=WHICH, port=PORTS, certificate=CERTIFICATES)
    def shows_its_first_certificate(self, which: int, port: int, certificate: str) -> None:
        self.job(which, PinCertificate(port, certificate))
        self.pins[self.one(which)].setdefault(port, certificate)

    @rule(which=WHICH, port=PORTS, certificate=CERTIFICATES)
    def shows_another_certificate(self, which: int, port: int, certificate: str) -> None:
        self.job(which, RecordCertificateChange(port, certificate))

    @rule(which=WHICH, certificate=CERTIFICATES)
    def has_its_certificate_accepted(self, which: int, certificate: str) -> None:
        shown = list(state_of(DeviceState, self.one(which)).strange)
        if self.people(which, AcceptCertificate(certificate, "Updated")):
            [port, *_] = [pin.port for pin in shown if pin.certificate == certificate]
            self.pins[self.one(which)][port] = certificate

    @rule(
        which=WHICH,
        command=st.sampled_from(
            [
                RecordCheck(opened=True),
                RecordCheck(opened=False),
                RecordTrouble("unreachable"),
                RecordNvrOpens(opens=True),
                RecordNvrOpens(opens=False),
                RecordManagementAccount("rekey"),
                RecordIdentity(DeviceIdentified("Acme", "Eye 3", "1", "A-1", 32, "")),
            ]
        ),
    )
    def has_something_found_out_about_it(self, which: int, command: Command[Any]) -> None:
        self.job(which, command)

    @rule(which=WHICH, proven=st.booleans())
    def gets_another_password(self, which: int, proven: bool) -> None:
        account, secret = credential_id(self.one(which), "admin"), new_id()
        handle(StoreCandidate(secret), account, SETUP)
        if proven:
            handle(PromoteCandidate(secret), account, SETUP)

    # --- what stays true --------------------------------------------------------------------------

    @invariant()
    def what_is_promised_is_true(self) -> None:
        rows = {row.pk: row for row in Device.objects.for_jobs().filter(pk__in=self.devices)}
        self.its_row_is_what_its_events_come_to(rows)
        self.exactly_one_status_is_true_of_it(rows)
        self.those_in_the_fleet_stand_in_nobodys_place(rows)
        self.a_camera_is_on_an_nvr_of_its_own_site_that_is_in_the_fleet(rows)
        self.its_passwords_are_where_it_is(rows)

    def its_row_is_what_its_events_come_to(self, rows: dict[UUID, Any]) -> None:
        for device, stream in load(dict.fromkeys(self.devices, DeviceState)).items():
            told = projections.device(stream.state)
            assert {name: getattr(rows[device], name) for name in told} == told
            assert rows[device].version == stream.version
            assert {pin.port: pin.certificate for pin in stream.state.pins} == self.pins[device]

    def exactly_one_status_is_true_of_it(self, rows: dict[UUID, Any]) -> None:
        seen = queries.devices(self.who.by(self.who.alice).actor, removed=True)
        ours = seen.filter(pk__in=self.devices)
        told = [
            (pk, status)
            for status in Status
            for pk in queries.narrowed(ours, status=status).values_list("pk", flat=True)
        ]
        assert sorted(told) == sorted((pk, Status.of(row)) for pk, row in rows.items())

    def those_in_the_fleet_stand_in_nobodys_place(self, rows: dict[UUID, Any]) -> None:
        there = [row for row in rows.values() if not row.removed]
        addresses = [(row.site, row.host, row.port) for row in there]
        assert len(set(addresses)) == len(addresses)
        channels = [(row.nvr_id, row.channel) for row in there if row.nvr_id]
        assert len(set(channels)) == len(channels)

    def a_camera_is_on_an_nvr_of_its_own_site_that_is_in_the_fleet(
        self, rows: dict[UUID, Any]
    ) -> None:
        for row in rows.values():
            assert (row.nvr_id is None) == (row.channel is None)
            if row.nvr_id:
                nvr = rows[row.nvr_id]
                assert (nvr.kind, nvr.site, nvr.removed) == (Kind.NVR, row.site, False)
                assert not row.removed
            else:
                assert row.nvr_opens is None

    def its_passwords_are_where_it_is(self, rows: dict[UUID, Any]) -> None:
        accounts = {credential_id(device, "admin"): device for device in self.devices}
        sites = dict(
            Credential.objects.for_jobs().filter(pk__in=accounts).values_list("pk", "site")
        )
        for account, stream in load(dict.fromkeys(accounts, CredentialState)).items():
            state = stream.state
            assert isinstance(state, CredentialState) and state.current
            assert state.site == sites[account] == rows[accounts[account]].site


@pytest.mark.django_db
@pytest.mark.one_database
def test_whatever_is_done_with_devices_what_is_promised_of_them_stays_true() -> None:
    who = cast()
    bounds = settings(
        max_examples=25,
        stateful_step_count=25,
        database=None,
        phases=[Phase.generate],  # to look for a shorter story takes minutes over a database
    )
    run_state_machine_as_test(lambda: AnyLife(who), settings=bounds)
    assert list(pictures.differences()) == []
