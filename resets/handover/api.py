"""Calls for handing over."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict
from uuid import UUID

from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from fleet.accounts.sign_in import refuse_stale
from fleet.api.calls import ApiView, Values, call
from fleet.api.fields import Fields, text
from resets.handover.files import HandoverForm
from resets.handover.handing import Handed, Wish, hand_over_campaign, hand_over_devices
from resets.handover.locks import LONGEST_KEY, LONGEST_PASSPHRASE, MOST_KEYS, lock_of
from resets.handover.queries import MOST


class HandedOver(TypedDict):
    """An encrypted file with passwords. It is given once and kept nowhere."""

    name: str
    devices: Annotated[int, Meta(description="How many passwords are in it.")]
    content: Annotated[str, Meta(description="The file itself, of age, in its ASCII armour.")]


_KEY = text("A public key: of age (age1…), or of SSH (ssh-ed25519 …, ssh-rsa …).", LONGEST_KEY)
_PASSPHRASE = Annotated[
    str,
    Meta(
        max_length=LONGEST_PASSPHRASE,
        description="What opens the file, where there are no keys.",
        extra_json_schema={"pattern": r"^[^\u0000]*$", "writeOnly": True},
    ),
]
_WISH = {
    "reason": text("Why. It stands in the history of each device.", 500),
    "form": Annotated[HandoverForm, Meta(description="CSV, if not given.")],
    "keys": Annotated[
        list[_KEY],  # type: ignore[valid-type]
        Meta(max_length=MOST_KEYS, description="Those who are to open it, each by themselves."),
    ],
    "passphrase": _PASSPHRASE | None,
}
_DEFAULTS: dict[str, Any] = dict.fromkeys(_WISH.keys() - {"reason"}) | {
    "form": HandoverForm.CSV,
    "keys": [],
}
OF_CAMPAIGN = Fields("HandOverCampaign", _WISH, _DEFAULTS)
OF_DEVICES = Fields(
    "HandOverDevices",
    {"devices": Annotated[list[UUID], Meta(min_length=1, max_length=MOST)], **_WISH},
    _DEFAULTS,
)


class HandOverCampaignView(ApiView):
    @call(answer=HandedOver, secret=True, body=OF_CAMPAIGN)
    def post(self, asked: Values, campaign_id: UUID) -> Response:
        """Take the passwords along that a campaign's proven devices have by now, in a file that is
        encrypted to keys or to a passphrase.

        They are those of the sites that you administer. It stands in the history of each device.
        """
        _refuse_stale(self)
        return _answer(hand_over_campaign(campaign_id, _wish(asked), self.by))


class HandOverView(ApiView):
    @call(answer=HandedOver, secret=True, body=OF_DEVICES)
    def post(self, asked: Values) -> Response:
        """Take the passwords of devices along, in a file that is encrypted to keys or to a
        passphrase: of all of them, or of none.

        It stands in the history of each device.
        """
        _refuse_stale(self)
        return _answer(hand_over_devices(asked["devices"], _wish(asked), self.by))


def _refuse_stale(view: ApiView) -> None:
    if view.actor.kind == "person":
        refuse_stale(view.request._request)


def _wish(asked: Values) -> Wish:
    passphrase = asked["passphrase"] or ""
    lock = lock_of("\n".join(asked["keys"]), passphrase, passphrase)
    return Wish(asked["reason"], lock, asked["form"])


def _answer(handed: Handed) -> Response:
    return Response({"name": handed.name, "devices": handed.devices, "content": handed.content})


urlpatterns = [
    path(
        "campaigns/<uuid:campaign_id>/hand-over/",
        HandOverCampaignView.as_view(),
        name="api-campaign-hand-over",
    ),
    path("hand-over/", HandOverView.as_view(), name="api-hand-over"),
]
