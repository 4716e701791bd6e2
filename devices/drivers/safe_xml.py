"""Reading XML that a stranger wrote: any encoding, bounded, no document type, no entities."""

import re
from xml.etree.ElementTree import Element, ParseError, XMLParser  # nosec B405

from devices.drivers.errors import BadAnswer

MAX_BYTES = 1024 * 1024

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
# A list, since Python also knows "encodings" that take quadratic time or are none (punycode, zip).
_ENCODINGS = re.compile(
    r"utf[-_]?8|utf[-_]?16|(us[-_]?)?ascii|iso[-_]?8859[-_]?\d{1,2}|latin[-_]?1|windows[-_]?125\d|"
    r"cp125\d|gb2312|gbk|gb18030|big5|shift[-_]?jis|euc[-_](jp|kr)|koi8[-_][ru]",
    re.IGNORECASE,
)


def parse(body: bytes, charset: str | None = None) -> Element:
    """Parse ``body`` (at most ``MAX_BYTES``) to its root element, or raise BadAnswer.

    ``charset`` is the transport's word on the encoding; the document's own has precedence, since
    devices are more often right there.
    """
    if len(body) > MAX_BYTES:
        raise BadAnswer("The device's answer is too large.")
    text = body.decode(_encoding(body, charset), errors="replace")
    if "<!DOCTYPE" in text:
        # Neither SOAP nor ONVIF ever has one, and entities can be declared nowhere else. The parser
        # is given this very text, so that there is no other way to spell it.
        raise BadAnswer("The device's answer holds a document type, which is refused.")
    parser = XMLParser()  # noqa: S314  # nosec B314
    try:
        parser.feed(text)
        root = parser.close()
    except (ParseError, ValueError) as error:
        raise BadAnswer("The device's answer is not well-formed XML.") from error
    if not isinstance(root, Element):
        raise BadAnswer("The device's answer is empty.")
    return root


def text_of(parent: Element, path: str, limit: int = 128) -> str:
    """The text at ``path`` under ``parent``: trimmed, printable; BadAnswer if over ``limit``."""
    text = (parent.findtext(path) or "").strip()
    if len(text) > limit:
        raise BadAnswer("The device's answer holds a text that is too long.")
    return "".join(character for character in text if character.isprintable())


def _encoding(body: bytes, charset: str | None) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return encoding
    declared = _DECLARED.match(body)
    name = declared[1].decode("ascii") if declared else charset or "utf-8"
    if not _ENCODINGS.fullmatch(name):
        raise BadAnswer("The device's answer is in an encoding that is not supported.")
    try:
        "".encode(name)
    except LookupError as error:
        raise BadAnswer("The device's answer is in an unknown encoding.") from error
    return name
