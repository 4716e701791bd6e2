"""The call that shows a QR. Its token is in the answer alone, and the answer is kept nowhere."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated, TypedDict
from uuid import UUID

from msgspec import Meta
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call
from fleet.api.fields import Fields, Time
from fleet.eventstore.handling import handle
from resets.phone import addresses, drawing
from resets.steps.show_qr import ShowQr


class Qr(TypedDict):
    """A QR that is shown. Whoever has it can have one code sent to the Reset Password Email."""

    reset: UUID
    number: Annotated[int, Meta(description="A new QR replaces the one before.")]
    expires_at: Time
    address: Annotated[str, Meta(description="What it says. Treat it as a secret.")]
    svg: Annotated[str, Meta(description="It drawn, as SVG.")]
    png: Annotated[str, Meta(description="It drawn, as PNG in base64.")]


class ShowQrView(ApiView):
    @call(answer=Qr, body=Fields.asked_by(ShowQr), secret=True)
    def post(self, asked: Values, reset_id: UUID) -> Response:
        """Show a QR, for when the device is offline: whoever scans it can have the code sent."""
        state = handle(ShowQr(), reset_id, self.by).state
        address = addresses.of_qr(state)
        answer = {
            "reset": reset_id,
            "number": state.qr,
            "expires_at": state.qr_expires_at,
            "address": address,
            "svg": drawing.svg(address),
            "png": b64encode(drawing.png(address)).decode(),
        }
        return Response(answer)
