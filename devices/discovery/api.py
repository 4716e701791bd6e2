"""Calls for scans and what they came upon."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, TypedDict
from uuid import UUID

from django.db.models import F, QuerySet
from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from devices.discovery import additions, discoveries
from devices.discovery.discoveries import Standing
from devices.state import Method, Repeat, ScanStatus
from devices.steps.scan_network import RequestScan
from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import Pages, exactly
from fleet.api.steps import step_patterns
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id


class Scan(TypedDict):
    """A search of a network. The counts are those of its last run that ended."""

    id: UUID
    organisation: UUID
    site: UUID
    site_name: str
    method: Method
    network: str
    ports: list[int]
    repeat: Repeat
    status: ScanStatus
    run: Annotated[int, Meta(description="How often it was made.")]
    found: int
    new: int
    changed: int
    gone: int
    why: Annotated[str, Meta(description="Why it failed; empty if it did not.")]
    began_at: Time | None
    ended_at: Time | None
    next_at: Time | None


class ScanFacts(Scan):
    """A scan, and how far it is while it runs."""

    done: int
    total: int


class Discovered(TypedDict):
    """Something that a scan came upon. What it says of itself is not to be trusted.

    `fresh` is whether it has no password yet; null: nobody knows. `device` is the device of the
    fleet that it is.
    """

    id: UUID
    organisation: UUID
    site: UUID
    site_name: str
    standing: Standing
    device: UUID | None
    host: str
    port: int
    tls: bool
    path: str
    name: str
    manufacturer: str
    model: str
    serial: str
    mac: str
    fresh: bool | None
    changed_at: Time


RENAMED = {"site_name": F("place__name")}
SCAN_COLUMNS = tuple(name for name in Scan.__annotations__ if name not in RENAMED)
DISCOVERED_COLUMNS = tuple(name for name in Discovered.__annotations__ if name not in RENAMED)


class ScanFilters(Pages, total=False):
    site: UUID
    status: ScanStatus


class DiscoveredFilters(Pages, total=False):
    site: UUID
    standing: Annotated[Standing, Meta(description="New ones can be added.")]
    fresh: Annotated[bool, Meta(description="Whether it has no password yet.")]
    q: text("A part of the name, address, serial number or model.")  # type: ignore[valid-type]


class ScansView(ApiView):
    @call(answer=Scan, many=True, query=ScanFilters)
    def get(self, asked: Values) -> Response:
        """List scans, the newest first."""
        seen = discoveries.scans(self.actor)
        return self.page(asked, _scans(exactly(seen, asked, "site", "status")), ["-id"], seen)

    @call(answer=ScanFacts, status=201, body=Fields.asked_by(RequestScan))
    def post(self, asked: Values) -> Response:
        """Search a site's network for devices."""
        scan = new_id()
        handle(RequestScan(**asked), scan, self.by)
        return created(_scan(self, scan), "api-scan", scan_id=scan)


class ScanView(ApiView):
    @call(answer=ScanFacts)
    def get(self, asked: Values, scan_id: UUID) -> Response:
        """Show a scan, and how far it is."""
        return Response(_scan(self, scan_id))


class DiscoveredListView(ApiView):
    @call(answer=Discovered, many=True, query=DiscoveredFilters)
    def get(self, asked: Values) -> Response:
        """List what scans came upon, by address."""
        seen = discoveries.discovered(self.actor)
        wanted = {name: asked[name] for name in ("site", "standing", "fresh")}
        rows = discoveries.narrowed(seen, **wanted, text=asked["q"])
        return self.page(asked, _discovered(rows), ["host", "port", "id"], seen)


class DiscoveredView(ApiView):
    @call(answer=Discovered)
    def get(self, asked: Values, discovered_id: UUID) -> Response:
        """Show something that a scan came upon."""
        return Response(_one(self, discovered_id))


Ids = Annotated[list[UUID], Meta(min_length=1, max_length=additions.MOST)]
_MAILBOX = Annotated[str, Meta(max_length=254, title="Reset Password Email")]
_PASSWORD = Annotated[str, Meta(max_length=128, extra_json_schema={"writeOnly": True})]


class AddedDevices(TypedDict):
    """The devices that are in the fleet now."""

    devices: list[UUID]


class AddFoundView(ApiView):
    @call(
        answer=AddedDevices,
        status=201,
        body=Fields(
            "AddDiscovered",
            {
                "discovered": Ids,
                "username": text("The account that all of them have."),
                "password": _PASSWORD,
                "reset_email": _MAILBOX,
            },
            {"username": "admin", "reset_email": ""},
        ),
    )
    def post(self, asked: Values) -> Response:
        """Add discovered devices that have one account and password: all of them, or none."""
        added = additions.add_found(
            asked["discovered"],
            asked["username"],
            asked["password"],
            asked["reset_email"],
            self.by,
        )
        return Response({"devices": added}, HTTPStatus.CREATED)


class ActivateFoundView(ApiView):
    @call(
        answer=AddedDevices,
        status=201,
        body=Fields("ActivateDiscovered", {"discovered": Ids, "reset_email": _MAILBOX}, {}),
    )
    def post(self, asked: Values) -> Response:
        """Set Password: give each factory-fresh device a first password of its own, and add it.

        All of them, or none.
        """
        added = additions.activate_found(asked["discovered"], asked["reset_email"], self.by)
        return Response({"devices": added}, HTTPStatus.CREATED)


class FollowView(ApiView):
    @call(answer=Discovered)
    def post(self, asked: Values, discovered_id: UUID) -> Response:
        """Let the device of the fleet that this is be found at the address that was discovered."""
        additions.follow_found(discovered_id, self.by)
        return Response(_one(self, discovered_id))


def _scan(view: ApiView, scan_id: UUID) -> dict[str, Any]:
    row = only(_scans(discoveries.scans(view.actor)), scan_id, "scan")
    far = discoveries.progress(view.actor, [scan_id]).get(scan_id)
    return {**row, "done": far.done if far else 0, "total": far.total if far else 0}


def _one(view: ApiView, discovered_id: UUID) -> Any:
    rows = _discovered(discoveries.discovered(view.actor))
    return only(rows, discovered_id, "discovered device")


def _scans(rows: QuerySet[Any]) -> QuerySet[Any, dict[str, Any]]:
    return rows.values(*SCAN_COLUMNS, **RENAMED)


def _discovered(rows: QuerySet[Any]) -> QuerySet[Any, dict[str, Any]]:
    return rows.values(*DISCOVERED_COLUMNS, **RENAMED)


discovery_urlpatterns = [
    path("scans/", ScansView.as_view(), name="api-scans"),
    path("scans/<uuid:scan_id>/", ScanView.as_view(), name="api-scan"),
    *step_patterns("scans/<uuid:scan_id>/", "api-scan", discoveries.scan_steps(), ScanFacts, _scan),
    path("discovered/", DiscoveredListView.as_view(), name="api-discovered-list"),
    path("discovered/add/", AddFoundView.as_view(), name="api-discovered-add"),
    path("discovered/activate/", ActivateFoundView.as_view(), name="api-discovered-activate"),
    path("discovered/<uuid:discovered_id>/", DiscoveredView.as_view(), name="api-discovered"),
    path(
        "discovered/<uuid:discovered_id>/follow/",
        FollowView.as_view(),
        name="api-discovered-follow",
    ),
    *step_patterns(
        "discovered/<uuid:discovered_id>/",
        "api-discovered",
        discoveries.discovered_steps(),
        Discovered,
        _one,
    ),
]
