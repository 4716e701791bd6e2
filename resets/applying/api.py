"""The call that gives the order out; a challenge and a result are brought by steps."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, TypedDict
from uuid import UUID

import msgspec
from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call
from fleet.api.fields import Time
from resets.applying.orders import order_paper


class OrderBody(TypedDict):
    """The request to the device, complete; the new password is sealed in it."""

    challenge: str
    username: str
    nonce: str
    sealed: str
    code_proof: str
    key_proof: str


class Order(TypedDict):
    """What somebody carries to a device that Rekey does not reach: see `apply-offline` in the
    README. It shows neither the password nor the code.
    """

    rekey: str
    key: Annotated[str, Meta(description="Rekey's public key, Ed25519, that it is signed with.")]
    reset: UUID
    number: Annotated[int, Meta(description="A newer order replaces the one before.")]
    device: str
    host: str
    port: int
    tls: bool
    pin: str
    serial: str
    expires_at: Annotated[Time, Meta(description="The device does not take it for longer.")]
    body: OrderBody
    signature: str


class OrderView(ApiView):
    @call(answer=Order, refuses=(HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT))
    def get(self, asked: Values, reset_id: UUID) -> Response:
        """Take the newest order of a reset that waits for its result."""
        paper: dict[str, Any] = msgspec.to_builtins(order_paper(self.actor, reset_id))
        return Response(paper)


urlpatterns = [
    path("resets/<uuid:reset_id>/order/", OrderView.as_view(), name="api-reset-order"),
]
