"""The messages of WS-Discovery (April 2005): probes written by hand, answers read with care."""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit
from uuid import uuid4
from xml.etree.ElementTree import Element  # nosec B405

from devices.drivers.errors import BadAnswer
from devices.drivers.safe_xml import parse, text_of

_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
# Some devices answer only to one of these (seen); printers and computers answer to the last.
_TYPES = ("tds:Device", "dn:NetworkVideoTransmitter", "")

_LONGEST_ID = 128
_LONGEST_LIST = 8192
_LONGEST_PATH = 256
_LONGEST_TEXT = 128
_SCOPE = re.compile(r"onvif://www\.onvif\.org/([a-z_]+)/(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Service:
    """Where a device says that its ONVIF service is."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int
    tls: bool
    path: str


@dataclass(frozen=True, slots=True)
class Match:
    """One device in an answer. ``endpoint`` is "" where it gives none; the rest as in Found."""

    endpoint: str
    services: tuple[Service, ...]
    name: str
    model: str
    mac: str


def probes() -> dict[str, bytes]:
    """The three probes by their message ids: two for ONVIF's types, one for anything."""
    made = {}
    for types in _TYPES:
        message_id = f"urn:uuid:{uuid4()}"
        made[message_id] = _probe(message_id, types)
    return made


def matches(datagram: bytes, asked: Collection[str]) -> tuple[Match, ...]:
    """The devices named in an answer to one of the messages ``asked``. Raises BadAnswer."""
    envelope = parse(datagram)
    if text_of(envelope, "{*}Header/{*}RelatesTo", _LONGEST_ID) not in asked:
        raise BadAnswer("This answers somebody else's question.")
    answers = envelope.findall("{*}Body/{*}ProbeMatches/{*}ProbeMatch")
    return tuple(_match(answer) for answer in answers if _is_onvif(answer))


def _probe(message_id: str, types: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        f' xmlns:a="{_ADDRESSING}" xmlns:d="{_DISCOVERY}"'
        ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
        ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
        f'<s:Header><a:Action s:mustUnderstand="1">{_DISCOVERY}/Probe</a:Action>'
        f"<a:MessageID>{message_id}</a:MessageID>"
        f"<a:ReplyTo><a:Address>{_ADDRESSING}/role/anonymous</a:Address></a:ReplyTo>"
        '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>'
        f"<s:Body><d:Probe>{f'<d:Types>{types}</d:Types>' if types else ''}</d:Probe></s:Body>"
        "</s:Envelope>"
    ).encode()


def _is_onvif(answer: Element) -> bool:
    """Whether this is none of the printers and computers that also speak WS-Discovery."""
    return (
        any(":NetworkVideo" in word or word == "tds:Device" for word in _words(answer, "{*}Types"))
        or any(_SCOPE.match(word) for word in _words(answer, "{*}Scopes"))
        or any("/onvif" in word.lower() for word in _words(answer, "{*}XAddrs"))
    )


def _match(answer: Element) -> Match:
    scopes = _scopes(answer)
    return Match(
        endpoint=text_of(answer, "{*}EndpointReference/{*}Address", _LONGEST_ID),
        services=tuple(
            service for word in _words(answer, "{*}XAddrs") if (service := _service(word))
        ),
        name=scopes.get("name", ""),
        model=scopes.get("hardware", ""),
        mac=_mac(scopes.get("mac", "")),
    )


def _scopes(answer: Element) -> dict[str, str]:
    """ONVIF's scopes by their kind; of several of a kind the first."""
    whole: list[str] = []
    for word in _words(answer, "{*}Scopes"):
        if whole and "://" not in word and not word.startswith(("urn:", "uuid:")):
            whole[-1] += f" {word}"  # some put a raw space into a scope
        else:
            whole.append(word)
    found: dict[str, str] = {}
    for scope in whole:
        if told := _SCOPE.match(scope):
            found.setdefault(told[1].lower(), _printable(unquote(told[2]))[:_LONGEST_TEXT])
    return found


def _service(word: str) -> Service | None:
    """An XAddr, if it is one of HTTP at an IP address. A name could come to mean anything."""
    try:
        url = urlsplit(word)
        port = url.port
        address = ipaddress.ip_address(url.hostname or "")
    except ValueError:
        return None
    tls = url.scheme == "https"
    path = unquote(url.path) + (f"?{url.query}" if url.query else "")
    if (
        url.scheme not in ("http", "https")
        or port == 0
        or "%" in str(address)  # a zone, which counts on one machine only
        or len(path) > _LONGEST_PATH
        or _printable(path) != path
    ):
        return None
    return Service(address, port or (443 if tls else 80), tls, path or "/")


def _mac(text: str) -> str:
    digits = re.sub(r"[-:.]", "", text).upper()
    if not re.fullmatch("[0-9A-F]{12}", digits) or digits in ("0" * 12, "F" * 12):
        return ""  # what many devices give for none would make one device of them
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _words(answer: Element, path: str) -> list[str]:
    text = answer.findtext(path) or ""
    if len(text) > _LONGEST_LIST:
        raise BadAnswer("The device's answer holds a list that is too long.")
    return text.split()


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()
