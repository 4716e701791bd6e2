"""Calls for sites and devices."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

from django.db.models import F, QuerySet
from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from devices import deeds, queries, vault
from devices.discovery.api import discovery_urlpatterns
from devices.lists.api import import_urlpatterns
from devices.state import Kind, Purpose
from devices.status import Status
from devices.steps.activate_device import ActivateDevice
from devices.steps.add_device import AddDevice
from devices.steps.check_device import CheckDevice
from devices.steps.close_site import CloseSite
from devices.steps.open_site import OpenSite
from devices.steps.reveal_password import RevealPassword
from devices.steps.site_networks import SetNetworks
from fleet.accounts.queries import organisation_of
from fleet.accounts.sign_in import refuse_stale
from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import Pages
from fleet.api.steps import step_patterns
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor

# --- sites ----------------------------------------------------------------------------------------


class Site(TypedDict):
    """A place with its own network, time zone and limits."""

    id: UUID
    organisation: UUID
    name: str
    timezone: Annotated[str, Meta(description="As in Europe/Stockholm.")]
    networks: Annotated[list[str], Meta(description="The site's own: Rekey searches no others.")]
    device_count: int
    not_certified: Annotated[int, Meta(description="Devices that do not open to what is stored.")]
    in_trouble: Annotated[int, Meta(description="Devices that cannot be asked.")]
    changed_at: Time


class Closed(TypedDict):
    """The site is not in any list any more."""

    closed: bool


SITE_COLUMNS = tuple(Site.__annotations__)


class SitesView(ApiView):
    @call(answer=Site, many=True, query=Pages)
    def get(self, asked: Values) -> Response:
        """List the sites, by name."""
        seen = queries.sites(self.actor)
        return self.page(asked, seen.values(*SITE_COLUMNS), ["name", "id"], seen)

    @call(answer=Site, status=201, body=Fields.asked_by(OpenSite, organisation=UUID | None))
    def post(self, asked: Values) -> Response:
        """Open a site."""
        organisation = organisation_of(self.actor, asked["organisation"])
        site = new_id()
        handle(OpenSite(organisation, asked["name"], asked["timezone"]), site, self.by)
        return created(_site(self, site), "api-site", site_id=site)


class SiteView(ApiView):
    @call(answer=Site)
    def get(self, asked: Values, site_id: UUID) -> Response:
        """Show a site."""
        return Response(_site(self, site_id))


class NetworksView(ApiView):
    @call(answer=Site, body=Fields.asked_by(SetNetworks))
    def post(self, asked: Values, site_id: UUID) -> Response:
        """Name the site's own networks. Rekey searches these and no others."""
        handle(SetNetworks(**asked), site_id, self.by)
        return Response(_site(self, site_id))


class CloseView(ApiView):
    @call(answer=Closed, body=Fields.asked_by(CloseSite))
    def post(self, asked: Values, site_id: UUID) -> Response:
        """Close a site at which no device is left. Its history is kept."""
        handle(CloseSite(**asked), site_id, self.by)
        return Response({"closed": True})


def _site(view: ApiView, site_id: UUID) -> Any:
    return only(queries.sites(view.actor).values(*SITE_COLUMNS), site_id, "site")


# --- devices --------------------------------------------------------------------------------------


class FurtherService(TypedDict):
    """A further protocol of a device."""

    driver: str
    port: int
    tls: bool


class ReadChannel(TypedDict):
    """A channel, as the NVR tells it."""

    number: int
    name: str
    host: str
    mac: str


class Certificate(TypedDict):
    """SHA-256 of the certificate that a port shows, in hex."""

    port: int
    certificate: str


class Heard(TypedDict):
    """What was heard of the device last."""

    online: bool | None
    seen_at: Time | None
    asked_at: Time | None
    milliseconds: int | None
    channels_online: list[int]


class Device(TypedDict):
    """An NVR or a camera. `certified` is whether the stored password opens it; null: never tried.
    `managed` is whether Rekey has an administrator account of its own on it.
    """

    id: UUID
    organisation: UUID
    site: UUID
    site_name: str
    kind: Kind
    name: str
    host: str
    port: int
    tls: bool
    path: str
    driver: str
    services: Annotated[
        list[FurtherService], Meta(description="What else the device talks, and where.")
    ]
    username: str
    reset_email: Annotated[
        str, Meta(description="The Reset Password Email; most of it hidden for viewers.")
    ]
    nvr: UUID | None
    channel: int | None
    nvr_opens: Annotated[
        bool | None, Meta(description="Whether its NVR opens it; null: nobody knows.")
    ]
    manufacturer: str
    model: str
    firmware: str
    serial: str
    mac: str
    certified: bool | None
    managed: bool
    trouble: Annotated[str, Meta(description="Why it could not be asked; empty if it could.")]
    fresh: Annotated[bool, Meta(description="Whether its first password is still to be set.")]
    removed: Annotated[bool, Meta(description="Whether it has left the fleet.")]
    changed_at: Time


class Account(TypedDict):
    """An account on a device whose password the vault keeps."""

    username: str
    purpose: Purpose
    changed_at: Time


class DeviceFacts(Device):
    """All that is known of a device."""

    nvr_name: str | None
    max_password: Annotated[int | None, Meta(description="Characters that it takes at most.")]
    accounts: list[Account]
    channels_read: Annotated[list[ReadChannel], Meta(description="Of an NVR that tells them.")]
    pins: Annotated[list[Certificate], Meta(description="What it has to show over TLS.")]
    strange: Annotated[
        list[Certificate], Meta(description="What it showed instead, and nobody has accepted.")
    ]
    heard: Heard | None


RENAMED = {"site_name": F("place__name")}
DEVICE_COLUMNS = tuple(name for name in Device.__annotations__ if name not in RENAMED)
FACTS = ("max_password", "channels_read", "pins", "strange")
ACCOUNT_COLUMNS = tuple(Account.__annotations__)


class DeviceFilters(Pages, total=False):
    site: UUID
    kind: Kind
    certified: Annotated[
        Literal["yes", "no", "unknown"],
        Meta(description="Whatever trouble there is now. Unknown: it was never tried."),
    ]
    status: Annotated[Status, Meta(description="As the console shows it.")]
    nvr: Annotated[UUID, Meta(description="Cameras on the channels of this NVR.")]
    q: text("A part of the name, address, serial number or model.")  # type: ignore[valid-type]
    sort: Annotated[
        Literal[
            "name", "-name", "kind", "-kind", "site", "-site", "address", "-address", "model",
            "-model",
        ],
        Meta(description="By name, if not given; from the end with a - before it."),
    ]  # fmt: skip


class DevicesView(ApiView):
    @call(answer=Device, many=True, query=DeviceFilters)
    def get(self, asked: Values) -> Response:
        """List devices."""
        seen = queries.devices(self.actor)
        rows = queries.narrowed(
            seen,
            **{name: asked[name] for name in ("site", "kind", "certified", "status", "nvr")},
            text=asked["q"],
        )
        sort = asked["sort"] or "name"
        back = "-" if sort.startswith("-") else ""
        order = [back + column for column in queries.ORDERS[sort.removeprefix("-")]]
        return self.page(asked, _columns(rows), order, seen, partial(_told, self.actor))

    @call(answer=DeviceFacts, status=201, body=Fields.asked_by(AddDevice))
    def post(self, asked: Values) -> Response:
        """Add a device whose address and password are known.

        Whether the password opens it is found out afterwards: look at `certified`.
        """
        device = new_id()
        handle(AddDevice(**asked), device, self.by)
        return created(_device(self, device), "api-device", device_id=device)


class DeviceView(ApiView):
    @call(answer=DeviceFacts)
    def get(self, asked: Values, device_id: UUID) -> Response:
        """Show a device."""
        return Response(_device(self, device_id))


class ActivateView(ApiView):
    @call(answer=DeviceFacts, status=201, body=Fields.asked_by(ActivateDevice))
    def post(self, asked: Values) -> Response:
        """Set Password: give a factory-fresh device its first password, and add it.

        Without a password, Rekey generates one for this device alone.
        """
        device = new_id()
        handle(ActivateDevice(**asked), device, self.by)
        return created(_device(self, device), "api-device", device_id=device)


Ids = Annotated[list[UUID], Meta(min_length=1, max_length=deeds.MOST)]


class Done(TypedDict):
    """To how many devices it was done."""

    devices: int


class CheckAllView(ApiView):
    @call(answer=Done, status=202, body=Fields("CheckDevices", {"devices": Ids}, {}))
    def post(self, asked: Values) -> Response:
        """Ask many devices whether their stored passwords open them."""
        many = deeds.check_all(asked["devices"], self.by)
        return Response({"devices": many}, HTTPStatus.ACCEPTED)


class MoveAllView(ApiView):
    @call(answer=Done, body=Fields("MoveDevices", {"devices": Ids, "site": UUID}, {}))
    def post(self, asked: Values) -> Response:
        """Move many devices to another site of their organisation: all, or none."""
        return Response({"devices": deeds.move_all(asked["devices"], asked["site"], self.by)})


class RemoveAllView(ApiView):
    @call(answer=Done, body=Fields("RemoveDevices", {"devices": Ids, "reason": text("Why.")}, {}))
    def post(self, asked: Values) -> Response:
        """Remove many devices from the fleet: all, or none."""
        many = deeds.remove_all(asked["devices"], asked["reason"], self.by)
        return Response({"devices": many})


class CheckView(ApiView):
    @call(answer=DeviceFacts, status=202)
    def post(self, asked: Values, device_id: UUID) -> Response:
        """Ask the device whether the stored password opens it. The answer comes to `certified`."""
        handle(CheckDevice(), device_id, self.by)
        return Response(_device(self, device_id), HTTPStatus.ACCEPTED)


class Revealed(TypedDict):
    """A stored password."""

    username: str
    password: str


class RevealView(ApiView):
    @call(
        answer=Revealed, secret=True, body=Fields.asked_by(RevealPassword, username=text("") | None)
    )
    def post(self, asked: Values, device_id: UUID) -> Response:
        """Show a stored password. It stands in the history, with the reason.

        `username` is the account; if not given, the one that people sign in with.
        """
        device = queries.device(self.actor, device_id)
        if self.actor.kind == "person":
            refuse_stale(self.request._request)
        username = asked["username"] or device.username
        password = vault.reveal(device.pk, username, asked["reason"], self.by)
        return Response({"username": username, "password": password})


def _device(view: ApiView, device_id: UUID) -> dict[str, Any]:
    seen = queries.devices(view.actor, removed=True)
    row = only(_columns(seen, *FACTS, nvr_name=F("nvr__name")), device_id, "device")
    row = _told(view.actor, row)
    accounts = queries.credentials(view.actor, device_id).values(*ACCOUNT_COLUMNS)
    heard = queries.telemetry(view.actor, [device_id]).get(device_id)
    told = {name: getattr(heard, name) for name in Heard.__annotations__} if heard else None
    return {**row, "accounts": list(accounts), "heard": told}


def _told(actor: Actor, row: dict[str, Any]) -> dict[str, Any]:
    at = row["organisation"], row["site"]
    return row | {"reset_email": queries.mailbox_shown(actor, row["reset_email"], *at)}


def _columns(rows: QuerySet[Any], *more: str, **renamed: F) -> QuerySet[Any, dict[str, Any]]:
    return rows.values(*DEVICE_COLUMNS, *more, **RENAMED, **renamed)


urlpatterns = [
    path("sites/", SitesView.as_view(), name="api-sites"),
    path("sites/<uuid:site_id>/", SiteView.as_view(), name="api-site"),
    path("sites/<uuid:site_id>/close/", CloseView.as_view(), name="api-site-close"),
    path("sites/<uuid:site_id>/networks/", NetworksView.as_view(), name="api-site-networks"),
    path("devices/", DevicesView.as_view(), name="api-devices"),
    path("devices/activate/", ActivateView.as_view(), name="api-devices-activate"),
    path("devices/check/", CheckAllView.as_view(), name="api-devices-check"),
    path("devices/move/", MoveAllView.as_view(), name="api-devices-move"),
    path("devices/remove/", RemoveAllView.as_view(), name="api-devices-remove"),
    path("devices/<uuid:device_id>/", DeviceView.as_view(), name="api-device"),
    path("devices/<uuid:device_id>/check/", CheckView.as_view(), name="api-device-check"),
    path("devices/<uuid:device_id>/reveal/", RevealView.as_view(), name="api-device-reveal"),
    *step_patterns(
        "devices/<uuid:device_id>/", "api-device", deeds.steps(), DeviceFacts, _device, do=deeds.do
    ),
    *discovery_urlpatterns,
    *import_urlpatterns,
]
