"""The demo: two organisations, their people, and the virtual fleet taken into the first one.

Everything in it has an id that follows from its name, so that running it again changes nothing.
What people need to sign in lies in one file that only this user may read.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID, uuid5

from devices.drivers.base import Service
from devices.models import Device
from devices.passwords import PasswordRules
from devices.state import Kind
from devices.steps.add_device import AddDevice, services_text
from devices.steps.check_device import CheckDevice, CheckRequested
from devices.steps.open_site import OpenSite
from devices.steps.site_networks import SetNetworks
from devices.virtual import DeviceSpec
from fleet.accounts import tokens
from fleet.accounts.access import actor_of, actor_of_token
from fleet.accounts.models import Organisation, Person
from fleet.accounts.state import Role
from fleet.accounts.steps.found_organisation import FoundOrganisation
from fleet.accounts.steps.grant_role import GrantRole
from fleet.errors import Conflict
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Actor, By, Command
from fleet.eventstore.store import read_stream

DEMO = UUID("d3300000-0000-4000-8000-000000000000")
SOURCE = "manage.py demo"
NETWORK = "127.0.0.0/24"  # of the virtual fleet, where there is more to be discovered
SETUP = By(Actor.job("set up the demo"), SOURCE)
LOST = "Harbour gate north"
TOKEN_DAYS = 90
PATIENCE = 60.0  # seconds until the workers have taken the devices in
LEAST_PATIENCE = 15.0  # seconds until the first one shows that a worker is there at all


def identity(name: str) -> UUID:
    return uuid5(DEMO, name)


ORGANISATION, ELSEWHERE = identity("Northern Light"), identity("Elsewhere")
HARBOUR, MUSEUM, ISLAND = identity("Harbour"), identity("Museum"), identity("Island")
PLACES = {"harbour": (HARBOUR, "harbour@example.com"), "museum": (MUSEUM, "museum@example.com")}


class DemoFailed(Exception):
    """A sentence for whoever ran the demo: what is wrong, and what to do next."""


@dataclass(frozen=True)
class Part:
    """Somebody who plays in the demo. `site` None: all sites of the organisation."""

    name: str
    role: Role
    organisation: UUID
    site: UUID | None
    where: str

    @property
    def email(self) -> str:
        return f"{self.name.lower()}@example.com"


PEOPLE = (
    Part("Alice", Role.ADMINISTRATOR, ORGANISATION, None, "of Northern Light"),
    Part("Tess", Role.TECHNICIAN, ORGANISATION, HARBOUR, "at the site Harbour"),
    Part("Bob", Role.VIEWER, ORGANISATION, HARBOUR, "at the site Harbour"),
    Part("Charlie", Role.ADMINISTRATOR, ELSEWHERE, None, "of Elsewhere"),
)


@dataclass
class Keys:
    """The passwords of the demo's people and Alice's token. `path` is readable by its owner."""

    path: Path
    passwords: dict[str, str] = field(default_factory=dict)
    token: str = ""

    @classmethod
    def read(cls, path: Path) -> Keys:
        kept = json.loads(path.read_text()) if path.exists() else {}
        passwords = kept.get("passwords", {})
        for part in PEOPLE:
            passwords.setdefault(part.email, PasswordRules().generate())
        return cls(path, passwords, kept.get("token", ""))

    def keep(self) -> None:
        draft = self.path.with_name(self.path.name + ".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"passwords": self.passwords, "token": self.token}, file, indent=2)
        os.replace(draft, self.path)


class World(Protocol):
    """What the demo does to the devices behind Rekey's back."""

    def address(self, serial: str, service: str = "onvif") -> tuple[str, int]: ...
    def opens(self, serial: str, username: str, password: str) -> bool: ...
    def change_password(self, serial: str, username: str, password: str) -> None: ...


class BackDoor:
    """The virtual fleet's control port as a World. Raises DemoFailed when it does not answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        found = self._ask("GET", "/devices")["devices"]
        self._addresses = {(d["serial"], "onvif"): (d["host"], d["port"]) for d in found} | {
            (d["serial"], s["name"]): (d["host"], s["port"]) for d in found for s in d["services"]
        }

    def address(self, serial: str, service: str = "onvif") -> tuple[str, int]:
        if (serial, service) not in self._addresses:
            raise DemoFailed(
                "The virtual fleet has other devices than the demo expects."
                " Start it with the same --seed."
            )
        host, port = self._addresses[serial, service]
        return str(host), int(port)

    def opens(self, serial: str, username: str, password: str) -> bool:
        login = {"username": username, "password": password}
        return bool(self._ask("POST", f"/devices/{serial}/opens", login)["opens"])

    def change_password(self, serial: str, username: str, password: str) -> None:
        login = {"username": username, "password": password}
        self._ask("POST", f"/devices/{serial}/password", login)

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DemoFailed(
                f"The virtual fleet's control does not answer on port {self._port}."
                " Start it with: manage.py virtual_fleet"
            ) from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise DemoFailed(f"The virtual fleet says: {content.get('error', answer.status)}")
        return content


def set_up(keys: Keys, world: World, specs: list[DeviceSpec]) -> None:
    """Make what is not there yet. Raises DemoFailed in a database that is somebody else's."""
    organisations = set(Organisation.objects.for_jobs().values_list("id", flat=True))
    if organisations and ORGANISATION not in organisations:
        raise DemoFailed(
            "There are organisations in this database already, so the demo stays out of it."
            " Run it on an empty one: set REKEY_VAR to a new folder."
        )
    _once(FoundOrganisation("Northern Light"), ORGANISATION, SETUP)
    _once(FoundOrganisation("Elsewhere"), ELSEWHERE, SETUP)
    people = {part.name: _person(part, keys.passwords[part.email]) for part in PEOPLE}
    alice, charlie = _by(people["Alice"]), _by(people["Charlie"])
    _once(OpenSite(ORGANISATION, "Harbour", "Europe/Stockholm"), HARBOUR, alice)
    _once(OpenSite(ORGANISATION, "Museum", "Europe/London"), MUSEUM, alice)
    for site in (HARBOUR, MUSEUM):
        handle(SetNetworks(NETWORK), site, alice)
    _once(OpenSite(ELSEWHERE, "Island", "Atlantic/Faroe"), ISLAND, charlie)
    if actor_of_token(keys.token) is None:
        keys.token = tokens.issue(ORGANISATION, "demo", Role.OPERATOR, TOKEN_DAYS, alice)
    keys.keep()
    for spec in specs:
        _add(spec, world, alice)


def wait_until_taken_in(specs: list[DeviceSpec], pause: Callable[[], None]) -> list[str]:
    """Wait for the workers; answers with the names of the devices that they are not through with.

    Those of all devices mean that no worker runs.
    """
    names = {identity(spec.serial): spec.name for spec in specs}
    started = time.monotonic()
    while True:
        rows = Device.objects.for_jobs().filter(id__in=names)
        done = {d.id for d in rows if d.trouble or d.certified is False or d.managed}
        left = [name for device, name in names.items() if device not in done]
        patience = PATIENCE if done else LEAST_PATIENCE
        if not left or time.monotonic() - started > patience:
            return left
        pause()


def lose_a_password(world: World, specs: list[DeviceSpec], pause: Callable[[], None]) -> None:
    """Change one camera's password behind Rekey's back, and wait until Rekey has noticed.

    Once: a second run leaves the camera as its people have made it.
    """
    spec = next(s for s in specs if s.name == LOST)
    device = identity(spec.serial)
    if any(recorded.type == CheckRequested.tag for recorded in read_stream(device)):
        return
    world.change_password(spec.serial, "admin", PasswordRules().generate())
    handle(CheckDevice(), device, _by(Person.objects.get(email=PEOPLE[0].email)))
    started = time.monotonic()
    while not is_lost(specs) and time.monotonic() - started < LEAST_PATIENCE:
        pause()


def is_lost(specs: list[DeviceSpec]) -> bool:
    """Whether the camera that loses its password is not certified now."""
    device = next(identity(s.serial) for s in specs if s.name == LOST)
    return Device.objects.for_jobs().filter(pk=device, certified=False).exists()


def _add(spec: DeviceSpec, world: World, by: By) -> None:
    device = identity(spec.serial)
    if Device.objects.for_jobs().filter(pk=device).exists():
        return
    host, port = world.address(spec.serial)
    if not world.opens(spec.serial, "admin", spec.password):
        # The device remembers a life with an earlier database: as good as factory-fresh again.
        world.change_password(spec.serial, "admin", spec.password)
    site, mailbox = PLACES[spec.place]
    _once(
        AddDevice(
            site=site,
            kind=Kind(spec.kind),
            name=spec.name,
            host=host,
            port=port,
            username="admin",
            password=spec.password,
            reset_email=mailbox,
            nvr=identity(spec.nvr) if spec.nvr else None,
            channel=spec.channel,
            services=services_text(
                Service(s.name, world.address(spec.serial, s.name)[1], s.tls) for s in spec.services
            ),
        ),
        device,
        by,
    )


def _person(part: Part, password: str) -> Person:
    person = Person.objects.filter(email=part.email).first()
    if person is None:
        person = Person.objects.create_user(part.email, password, name=part.name)
    elif not person.check_password(password):  # what is printed has to be true
        person.set_password(password)
        person.save(update_fields=["password"])
    grant = GrantRole(person.id, part.name, part.role, part.organisation, part.site)
    _once(grant, identity(f"role of {part.name}"), SETUP)
    return person


def _by(person: Person) -> By:
    return By(actor_of(person), SOURCE)


def _once(command: Command[Any], stream: UUID, by: By) -> None:
    try:
        handle(command, stream, by)
    except Conflict as conflict:
        if conflict.code != "exists_already":
            raise
