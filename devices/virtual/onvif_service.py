"""The ONVIF Device service of a virtual device: a request in, a reply out. No I/O."""

import html
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.etree.ElementTree import Element  # nosec B405

from devices.drivers.errors import BadAnswer
from devices.drivers.safe_xml import parse
from devices.virtual.access import Access, Denied
from devices.virtual.device import Auth, Character, Device, Fault

PATH = "/onvif/device_service"

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><SOAP-ENV:Body>{}</SOAP-ENV:Body>'
    "</SOAP-ENV:Envelope>"
)
_FOR_ANYBODY = {"GetSystemDateAndTime", "GetServiceCapabilities"}
_FOR_ACCOUNTS = {"GetDeviceInformation"}  # of any level; all else is for administrators


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. ``changed`` says that the device's accounts are to be kept."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    changed: bool = False


class OnvifService:
    """The service of one device that is on."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._access = Access(device)
        self._operations: dict[str, Callable[[Element, float], str]] = {
            "GetSystemDateAndTime": self._date_and_time,
            "GetServiceCapabilities": self._capabilities,
            "GetDeviceInformation": self._information,
            "GetUsers": self._users,
            "CreateUsers": self._create,
            "SetUser": self._set,
            "DeleteUsers": self._delete,
        }

    def answer(self, body: bytes, authorization: str | None, client: str, now: float) -> Reply:
        """Answer one POST to ``PATH``. ``client`` is its address, ``now`` in seconds since 1970."""
        try:
            try:
                return self._answer(body, authorization, client, now)
            except BadAnswer as error:
                raise Fault("WellFormed") from error
        except Denied as denied:
            return self._refusal(denied.status, denied.fault, denied.challenge)
        except Fault as fault:
            return self._refusal(500 if fault.receiver else 400, fault)

    def _answer(self, body: bytes, authorization: str | None, client: str, now: float) -> Reply:
        envelope = parse(body)
        soap_body = envelope.find("{*}Body")
        request = soap_body[0] if soap_body is not None and len(soap_body) else None
        if request is None:
            raise Fault("WellFormed")
        operation = request.tag.rpartition("}")[2]
        self._device.calls[operation] = self._device.calls.get(operation, 0) + 1
        if operation not in _FOR_ANYBODY:
            level = self._access.enter(envelope.find("{*}Header"), authorization, PATH, client, now)
            if level != "Administrator" and operation not in _FOR_ACCOUNTS:
                raise Denied(403, Fault("NotAuthorized"))
        if operation not in self._operations:
            raise Fault("ActionNotSupported", receiver=True)
        answer = self._operations[operation](request, now)
        changed = operation in ("CreateUsers", "SetUser", "DeleteUsers")
        return Reply(
            200,
            _ENVELOPE.format(
                f"<tds:{operation}Response>{answer}</tds:{operation}Response>"
            ).encode(),
            changed=changed,
        )

    def _refusal(self, status: int, fault: Fault, challenge: str | None = None) -> Reply:
        if self._device.spec.character is Character.TERSE and challenge is None:
            status, fault = 500, Fault(receiver=True)
        code = ""
        for subcode in reversed(fault.subcodes):
            code = (
                f"<SOAP-ENV:Subcode><SOAP-ENV:Value>ter:{subcode}</SOAP-ENV:Value>{code}"
                "</SOAP-ENV:Subcode>"
            )
        side = "Receiver" if fault.receiver else "Sender"
        headers = {"WWW-Authenticate": challenge} if challenge else {}
        if fault.retry_after:
            headers["Retry-After"] = str(fault.retry_after)
        body = (
            f"<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:{side}</SOAP-ENV:Value>{code}"
            '</SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">Refused'
            "</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>"
        )
        return Reply(status, _ENVELOPE.format(body).encode(), headers)

    # -- operations -------------------------------------------------------------------------------

    def _date_and_time(self, request: Element, now: float) -> str:
        clock = datetime.fromtimestamp(self._device.clock(now), UTC)
        return (
            "<tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
            "<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>UTC0</tt:TZ>"
            f"</tt:TimeZone><tt:UTCDateTime><tt:Time><tt:Hour>{clock.hour}</tt:Hour>"
            f"<tt:Minute>{clock.minute}</tt:Minute><tt:Second>{clock.second}</tt:Second></tt:Time>"
            f"<tt:Date><tt:Year>{clock.year}</tt:Year><tt:Month>{clock.month}</tt:Month>"
            f"<tt:Day>{clock.day}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>"
        )

    def _capabilities(self, request: Element, now: float) -> str:
        spec = self._device.spec
        over_http = "false" if spec.auth is Auth.WS else "true"
        token = "true" if spec.auth is Auth.WS else "false"
        return (
            f'<tds:Capabilities><tds:Network/><tds:Security UsernameToken="{token}"'
            f' HttpDigest="{over_http}" MaxUsers="{spec.max_users}"'
            f' MaxUserNameLength="{spec.max_username_length}"'
            f' MaxPasswordLength="{spec.policy.max_length}"/><tds:System/></tds:Capabilities>'
        )

    def _information(self, request: Element, now: float) -> str:
        spec = self._device.spec
        return (
            f"<tds:Manufacturer>TP-Link</tds:Manufacturer><tds:Model>{spec.model}</tds:Model>"
            f"<tds:FirmwareVersion>{spec.firmware}</tds:FirmwareVersion>"
            f"<tds:SerialNumber>{spec.serial}</tds:SerialNumber>"
            "<tds:HardwareId>1.0</tds:HardwareId>"
        )

    def _users(self, request: Element, now: float) -> str:
        return "".join(
            f"<tds:User><tt:Username>{html.escape(username)}</tt:Username>"
            f"<tt:UserLevel>{user.level}</tt:UserLevel></tds:User>"
            for username, user in self._device.users.items()
        )

    def _create(self, request: Element, now: float) -> str:
        self._device.create_user(*_user_in(request))
        return ""

    def _set(self, request: Element, now: float) -> str:
        self._device.set_user(*_user_in(request))
        return ""

    def _delete(self, request: Element, now: float) -> str:
        self._device.delete_user(request.findtext("{*}Username") or "")
        return ""


def _user_in(request: Element) -> tuple[str, str | None, str]:
    """The one user of a request, in the schema's order: a device may well insist on it."""
    users = request.findall("{*}User")
    if len(users) != 1:
        raise Fault("InvalidArgs")
    order = [child.tag.rpartition("}")[2] for child in users[0]]
    if order not in (["Username", "Password", "UserLevel"], ["Username", "UserLevel"]):
        raise Fault("InvalidArgs")
    password = users[0].findtext("{*}Password")
    return users[0].findtext("{*}Username") or "", password, users[0].findtext("{*}UserLevel") or ""
