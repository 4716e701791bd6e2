"""Devices move between sites: all or none, their passwords with them, cameras with their NVR."""

from __future__ import annotations

from uuid import UUID

import pytest

from devices import deeds, queries, vault
from devices.models import Credential, Device
from devices.moves import move
from devices.queries import device_for_jobs
from devices.state import CredentialState, Kind, Purpose, credential_id
from devices.steps.check_device import CheckDevice, RecordNvrOpens
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.steps.move_device import MoveDevice
from devices.steps.open_site import OpenSite
from devices.virtual import fleet_in_thread
from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.errors import Conflict, Forbidden, NotFound, Refused, RekeyError
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from fleet.eventstore.store import last_position, state_of
from resets.steps.cancel_reset import CancelReset
from tests.cast import SETUP, Cast, add_device, organisation, person, work
from tests.devices.drivers.made_up import camera, password
from tests.fleet.eventstore.ground import device, reset

pytestmark = pytest.mark.django_db


@pytest.fixture
def museum(who: Cast) -> UUID:
    site = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), site, SETUP)
    return site


def with_password(who: Cast, **fields: object) -> UUID:
    """A device whose password the vault keeps, as if a worker had taken it in."""
    made = device(who, **fields)
    site = device_for_jobs(made).site
    assert site
    for username, purpose in (("admin", Purpose.DEVICE), ("rekey", Purpose.MANAGEMENT)):
        account, secret = credential_id(made, username), vault.put(made, password())
        begin = BeginCredential(who.organisation, site, made, username, purpose, secret)
        handle(begin, account, SETUP)
        handle(PromoteCandidate(secret), account, SETUP)
    return made


def site_of(*devices: UUID) -> set[UUID | None]:
    return {device_for_jobs(one).site for one in devices}


def refused(error: type[RekeyError], who: Cast, somebody: Person, *devices: UUID, to: UUID) -> str:
    """That they are not moved, and nothing is changed at all."""
    before = last_position()
    with pytest.raises(error) as no:
        move(devices, to, who.by(somebody))
    assert last_position() == before
    return no.value.code


def test_a_device_moves_and_its_passwords_with_it(who: Cast, museum: UUID) -> None:
    moved, stays = with_password(who), with_password(who)
    deeds.do(MoveDevice(museum), moved, who.by(who.alice))
    assert site_of(moved) == {museum} and site_of(stays) == {who.site}
    where = {account.device: account.site for account in Credential.objects.for_jobs()}
    assert where == {moved: museum, stays: who.site}


def test_whoever_is_where_it_is_now_may_see_its_passwords_and_nobody_else(
    who: Cast, museum: UUID
) -> None:
    mia = person("Mia", who.organisation, Role.ADMINISTRATOR, museum)
    hans = person("Hans", who.organisation, Role.ADMINISTRATOR, who.site)
    moved = with_password(who)
    with pytest.raises(NotFound):
        vault.reveal(moved, "admin", "A test", who.by(mia))
    move([moved], museum, who.by(who.alice))
    assert {account.site for account in Credential.objects.for_jobs()} == {museum}
    account = credential_id(moved, "admin")
    current = state_of(CredentialState, account).current
    assert current
    shown = vault.reveal(moved, "admin", "A test", who.by(mia))
    assert shown == vault.get(current, moved)
    with pytest.raises(NotFound):
        vault.reveal(moved, "admin", "A test", who.by(hans))
    assert queries.devices(actor_of(mia)).get().pk == moved
    for gone in (hans, who.bob):
        assert not queries.devices(actor_of(gone)).exists()
        assert not queries.credentials(actor_of(gone), moved).exists()


def test_moving_it_where_it_is_changes_nothing(who: Cast) -> None:
    one = with_password(who)
    before = last_position()
    move([one], who.site, who.by(who.alice))
    assert last_position() == before


def test_one_that_is_being_reset_keeps_all_of_them_where_they_are(who: Cast, museum: UUID) -> None:
    busy, free, other = (with_password(who) for _ in range(3))
    under_way = reset(who, busy)
    assert refused(Refused, who, who.alice, free, busy, other, to=museum) == "device_busy"
    assert site_of(busy, free, other) == {who.site}
    handle(CancelReset(), under_way, who.by(who.tess))
    move([free, busy, other], museum, who.by(who.alice))
    assert site_of(busy, free, other) == {museum}


def test_one_that_is_not_there_keeps_all_of_them_where_they_are(who: Cast, museum: UUID) -> None:
    one = with_password(who)
    refused(NotFound, who, who.alice, one, new_id(), to=museum)
    with pytest.raises(Refused) as no:
        deeds.move_all([], museum, who.by(who.alice))
    assert no.value.code == "nothing_chosen"


def test_an_address_that_is_taken_there_keeps_all_of_them_where_they_are(
    who: Cast, museum: UUID
) -> None:
    there = with_password(who, site=museum, port=8080)
    same, other = with_password(who, port=8080), with_password(who)
    assert refused(Conflict, who, who.alice, other, same, to=museum) == "address_taken"
    assert site_of(same, other) == {who.site} and site_of(there) == {museum}


# --- NVRs and their cameras -----------------------------------------------------------------------


@pytest.fixture
def nvr(who: Cast) -> UUID:
    return with_password(who, kind=Kind.NVR, name="Harbour NVR")


@pytest.fixture
def cameras(who: Cast, nvr: UUID) -> list[UUID]:
    made = [with_password(who, nvr=nvr, channel=number) for number in (1, 2)]
    for one in made:
        handle(RecordNvrOpens(opens=True), one, SETUP)
    return made


def channels() -> dict[UUID, tuple[UUID | None, int | None, bool | None]]:
    rows = Device.objects.for_jobs().filter(kind=Kind.CAMERA)
    return {row.pk: (row.nvr_id, row.channel, row.nvr_opens) for row in rows}


@pytest.mark.parametrize("with_one", [False, True])
def test_an_nvr_takes_its_cameras_with_it(
    who: Cast, museum: UUID, nvr: UUID, cameras: list[UUID], with_one: bool
) -> None:
    before = channels()
    move([nvr, cameras[1]] if with_one else [nvr], museum, who.by(who.alice))
    assert site_of(nvr, *cameras) == {museum}
    assert channels() == before
    assert {account.site for account in Credential.objects.for_jobs()} == {museum}
    moves = EventRow.everything.filter(type="devices.device_moved")
    assert moves.count() == 3, "each of them once"


def test_a_camera_that_moves_alone_leaves_its_nvr(
    who: Cast, museum: UUID, nvr: UUID, cameras: list[UUID]
) -> None:
    move([cameras[0]], museum, who.by(who.alice))
    assert site_of(cameras[0]) == {museum} and site_of(nvr, cameras[1]) == {who.site}
    assert channels() == {cameras[0]: (None, None, None), cameras[1]: (nvr, 2, True)}


def test_a_camera_that_is_being_reset_keeps_its_nvr_where_it_is(
    who: Cast, museum: UUID, nvr: UUID, cameras: list[UUID]
) -> None:
    reset(who, cameras[1])
    assert refused(Refused, who, who.alice, nvr, to=museum) == "device_busy"
    assert site_of(nvr, *cameras) == {who.site}


# --- who may --------------------------------------------------------------------------------------


def test_whoever_does_not_see_the_other_site_is_told_that_there_is_none(
    who: Cast, museum: UUID
) -> None:
    olga = person("Olga", who.organisation, Role.OPERATOR, who.site)
    one = with_password(who)
    _, island = organisation("Third", "Island")
    codes = {refused(NotFound, who, olga, one, to=site) for site in (museum, island, new_id())}
    assert codes == {"not_found"}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.TECHNICIAN])
def test_whoever_may_not_add_there_may_not_move_there(who: Cast, museum: UUID, role: Role) -> None:
    olga = person("Olga", who.organisation, Role.OPERATOR, who.site)
    there = new_id()
    handle(GrantRole(olga.id, "Olga", role, who.organisation, museum), there, SETUP)
    one = with_password(who)
    assert refused(Forbidden, who, olga, one, to=museum) == "role_too_low"
    handle(RevokeRole("She does more now"), there, SETUP)
    handle(GrantRole(olga.id, "Olga", Role.OPERATOR, who.organisation, museum), new_id(), SETUP)
    move([one], museum, who.by(olga))
    assert site_of(one) == {museum}


def test_whoever_may_only_look_moves_nothing_and_charlie_sees_nothing(
    who: Cast, museum: UUID
) -> None:
    one = with_password(who)
    assert refused(Forbidden, who, who.bob, one, to=who.site) == "role_too_low"
    assert refused(Forbidden, who, who.tess, one, to=who.site) == "role_too_low"
    [island] = queries.sites(actor_of(who.charlie))
    for site in (museum, who.site, island.pk):
        assert refused(NotFound, who, who.charlie, one, to=site) == "not_found"


def test_nothing_moves_to_another_organisation_even_by_somebody_of_both(who: Cast) -> None:
    theirs, island = organisation("Third", "Island")
    handle(GrantRole(who.alice.id, "Alice", Role.ADMINISTRATOR, theirs), new_id(), SETUP)
    one = with_password(who)
    assert refused(Refused, who, who.alice, one, to=island) == "other_organisation"


def test_a_serial_number_is_one_organisations_affair_even_to_somebody_of_both(who: Cast) -> None:
    theirs, island = organisation("Third", "Island")
    handle(GrantRole(who.alice.id, "Alice", Role.ADMINISTRATOR, theirs), new_id(), SETUP)
    known = {"serial": "A-1", "mac": "00:FF:00:00:00:01"}
    assert site_of(device(who, **known), device(who, site=island, **known)) == {who.site, island}


# --- and it works on ------------------------------------------------------------------------------


def test_a_device_that_moved_is_opened_as_before(who: Cast, museum: UUID) -> None:
    spec = camera()
    with fleet_in_thread([spec]) as running:
        one = add_device(who, running, spec)
        move([one], museum, who.by(who.alice))  # before a worker has had a look at it
        work()
        assert device_for_jobs(one).certified and device_for_jobs(one).managed
        assert {account.site for account in Credential.objects.for_jobs()} == {museum}
        move([one], who.site, who.by(who.alice))
        running.change_password(spec.serial, "admin", password())
        handle(CheckDevice(), one, who.by(who.tess))
        work()
        assert device_for_jobs(one).certified is False
