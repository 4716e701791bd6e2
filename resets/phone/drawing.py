"""A QR as SVG for pages and paper, and as PNG for messages. Drawn when asked for, kept nowhere."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO

from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.image.pil import PilImage
from qrcode.image.svg import SvgPathFillImage

QUIET = 4  # modules of white around it (ISO/IEC 18004)
PIXELS = 10  # of a PNG's module


def svg(text: str) -> str:
    drawn: str = (
        _drawn(text).make_image(image_factory=SvgPathFillImage).to_string(encoding="unicode")
    )
    return drawn


def png(text: str) -> bytes:
    file = BytesIO()
    _drawn(text).make_image(image_factory=PilImage).save(file, "PNG")
    return file.getvalue()


def as_source(text: str) -> str:
    """The SVG as an image's source: nothing of it is markup of the page around it."""
    return f"data:image/svg+xml;base64,{b64encode(svg(text).encode()).decode()}"


def _drawn(text: str) -> QRCode[SvgPathFillImage]:
    code: QRCode[SvgPathFillImage] = QRCode(
        error_correction=ERROR_CORRECT_M, border=QUIET, box_size=PIXELS
    )
    code.add_data(text)
    code.make(fit=True)
    return code
