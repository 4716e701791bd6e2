"""SOAP 1.2 envelopes: written by hand, read with care; and the WS-UsernameToken in their header."""

import base64
import hashlib
import html
import secrets
from datetime import datetime
from xml.etree.ElementTree import Element  # nosec B405

from devices.drivers import onvif_faults
from devices.drivers.base import Login
from devices.drivers.errors import (
    BadAnswer,
    Busy,
    DeviceError,
    LockedOut,
    NotAuthorised,
    NotSupported,
)
from devices.drivers.http import Answer
from devices.drivers.safe_xml import parse

_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"


def envelope(body: str, header: str = "") -> bytes:
    """A SOAP 1.2 envelope around XML texts that use the prefixes s, tds and tt."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
        ' xmlns:tt="http://www.onvif.org/ver10/schema">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def username_token(login: Login, created: datetime) -> str:
    """The WS-Security header: digest = base64(SHA1(nonce + created + password)).

    ``created`` in UTC and by the device's clock, since the device compares it with that.
    """
    nonce = secrets.token_bytes(16)
    stamp = created.strftime("%Y-%m-%dT%H:%M:%S.") + f"{created.microsecond // 1000:03d}Z"
    # SHA-1 is what the standard says (WS-Security UsernameToken Profile 1.0, 3.1).
    digest = hashlib.sha1(
        nonce + stamp.encode() + login.password.encode(), usedforsecurity=False
    ).digest()
    return (
        f'<wsse:Security s:mustUnderstand="1" xmlns:wsse="{_WSS}wssecurity-secext-1.0.xsd"'
        f' xmlns:wsu="{_WSS}wssecurity-utility-1.0.xsd"><wsse:UsernameToken>'
        f"<wsse:Username>{text(login.username)}</wsse:Username>"
        f'<wsse:Password Type="{_WSS}username-token-profile-1.0#PasswordDigest">'
        f"{base64.b64encode(digest).decode()}</wsse:Password>"
        f'<wsse:Nonce EncodingType="{_WSS}soap-message-security-1.0#Base64Binary">'
        f"{base64.b64encode(nonce).decode()}</wsse:Nonce>"
        f"<wsu:Created>{stamp}</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )


def text(value: str) -> str:
    """``value`` as XML text."""
    return html.escape(value, quote=False)


def read(answer: Answer, operation: str) -> Element:
    """The ``<operation>Response`` element of an answer, or the typed error that it stands for."""
    try:
        body = parse(answer.body, answer.charset).find("{*}Body")
    except BadAnswer:
        if answer.status == 200:
            raise
        body = None
    fault = body.find("{*}Fault") if body is not None else None
    if fault is not None:
        raise onvif_faults.error(fault, answer)
    if answer.status != 200:
        raise _error_of_status(answer)
    response = body.find(f"{{*}}{operation}Response") if body is not None else None
    if response is None:
        raise BadAnswer(f"The device's answer is not one to {operation}.")
    return response


def _error_of_status(answer: Answer) -> DeviceError:
    match answer.status:
        case 423 | 429:
            return LockedOut(onvif_faults.seconds_left(answer))
        case 401 | 403 if answer.header("retry-after"):
            return LockedOut(onvif_faults.seconds_left(answer))
        case 401 | 403:
            return NotAuthorised()
        case 404 | 405 | 501:
            return NotSupported("There is no ONVIF service at this address and path.")
        case 408 | 502 | 503 | 504:
            return Busy()
        case status if 300 <= status < 400:
            return BadAnswer("The device points to another address, which is not followed.")
        case status:
            return BadAnswer(f"The device answers with HTTP {status} and no reason.")
