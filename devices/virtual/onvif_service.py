"""The ONVIF Device service of a virtual device: a request in, a reply out. No I/O."""

import html
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from xml.etree.ElementTree import Element  # nosec B405

from devices.drivers.errors import BadAnswer
from devices.drivers.safe_xml import parse
from devices.virtual.access import Access, Denied
from devices.virtual.device import Device, Fault
from devices.virtual.service import Reply, Request, Then
from devices.virtual.spec import Auth, Character

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:ter="http://www.onvif.org/ver10/error" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl"><SOAP-ENV:Body>{}</SOAP-ENV:Body>'
    "</SOAP-ENV:Envelope>"
)
_TYPE = {"Content-Type": "application/soap+xml; charset=utf-8"}
_FOR_ANYBODY = {"GetSystemDateAndTime", "GetServiceCapabilities"}
_FOR_ACCOUNTS = {"GetDeviceInformation", "GetNetworkInterfaces", "GetNetworkProtocols"}
"""For an account of any level; all else is for administrators."""
_WHILE_FRESH = {"GetUsers", "CreateUsers", *_FOR_ACCOUNTS}
"""What a device answers to anybody for as long as it has no account."""
_CHANGES = {"CreateUsers", "SetUser", "DeleteUsers"}
_THEN: dict[str, Then] = {"SystemReboot": "restart", "SetSystemFactoryDefault": "factory-reset"}
_NEWS = 4096  # bytes; larger requests are rare and not worth remembering


class OnvifService:
    """The service of one device that is on."""

    __slots__ = ("_access", "_device")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._access = Access(device)

    def answer(self, request: Request) -> Reply:
        if request.target != self._device.spec.path:
            return Reply(404)
        if request.method != "POST":
            return Reply(405, headers={"Allow": "POST"})
        try:
            try:
                return self._answer(request)
            except BadAnswer as error:
                raise Fault("WellFormed") from error
        except Denied as denied:
            return self._refusal(denied.status, denied.fault, denied.challenge)
        except Fault as fault:
            return self._refusal(500 if fault.receiver else 400, fault)

    def _answer(self, request: Request) -> Reply:
        body = request.body
        operation, header, asked = _read_again(body) if len(body) < _NEWS else _read(body)
        self._device.called(operation)
        if not self._is_for_anybody(operation):
            if self._device.fresh:
                self._access.turn_away(request.now)
            level = self._access.enter(header, request)
            if level != "Administrator" and operation not in _FOR_ACCOUNTS:
                raise Denied(403, Fault("NotAuthorized"))
        if operation not in _OPERATIONS:
            raise Fault("ActionNotSupported", receiver=True)
        answer = _OPERATIONS[operation](self, asked, request.now)
        content = f"<tds:{operation}Response>{answer}</tds:{operation}Response>"
        return Reply(
            200,
            _ENVELOPE.format(content).encode(),
            _TYPE,
            changed=operation in _CHANGES,
            then=_THEN.get(operation, ""),
        )

    def _is_for_anybody(self, operation: str) -> bool:
        if operation in _FOR_ANYBODY:
            return True
        if self._device.fresh:
            return operation in _WHILE_FRESH
        return operation == "GetUsers" and self._device.is_(Character.MUTE)

    def _refusal(self, status: int, fault: Fault, challenge: str = "") -> Reply:
        if self._device.is_(Character.TERSE) and not challenge:
            status, fault = 500, Fault(receiver=True)
        code = ""
        for subcode in reversed(fault.subcodes):
            code = (
                f"<SOAP-ENV:Subcode><SOAP-ENV:Value>ter:{subcode}</SOAP-ENV:Value>{code}"
                "</SOAP-ENV:Subcode>"
            )
        side = "Receiver" if fault.receiver else "Sender"
        headers = {**_TYPE, "WWW-Authenticate": challenge} if challenge else _TYPE
        if fault.retry_after:
            headers = {**headers, "Retry-After": str(fault.retry_after)}
        body = (
            f"<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:{side}</SOAP-ENV:Value>{code}"
            '</SOAP-ENV:Code><SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="en">Refused'
            "</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>"
        )
        return Reply(status, _ENVELOPE.format(body).encode(), headers)

    # -- operations -------------------------------------------------------------------------------

    def _date_and_time(self, asked: Element, now: float) -> str:
        clock = datetime.fromtimestamp(self._device.clock(now), UTC)
        return (
            "<tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
            "<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>UTC0</tt:TZ>"
            f"</tt:TimeZone><tt:UTCDateTime><tt:Time><tt:Hour>{clock.hour}</tt:Hour>"
            f"<tt:Minute>{clock.minute}</tt:Minute><tt:Second>{clock.second}</tt:Second></tt:Time>"
            f"<tt:Date><tt:Year>{clock.year}</tt:Year><tt:Month>{clock.month}</tt:Month>"
            f"<tt:Day>{clock.day}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>"
        )

    def _capabilities(self, asked: Element, now: float) -> str:
        spec = self._device.spec
        over_http = spec.auth is not Auth.WS
        token = not over_http or self._device.is_(Character.TWO_WAYS)
        return (
            f'<tds:Capabilities><tds:Network/><tds:Security UsernameToken="{str(token).lower()}"'
            f' HttpDigest="{str(over_http).lower()}" MaxUsers="{spec.max_users}"'
            f' MaxUserNameLength="{spec.max_username_length}"'
            f' MaxPasswordLength="{spec.policy.max_length}"/><tds:System/></tds:Capabilities>'
        )

    def _information(self, asked: Element, now: float) -> str:
        spec = self._device.spec
        return (
            f"<tds:Manufacturer>{spec.vendor}</tds:Manufacturer>"
            f"<tds:Model>{html.escape(spec.model)}</tds:Model>"
            f"<tds:FirmwareVersion>{html.escape(spec.firmware)}</tds:FirmwareVersion>"
            f"<tds:SerialNumber>{spec.serial}</tds:SerialNumber>"
            "<tds:HardwareId>1.0</tds:HardwareId>"
        )

    def _interfaces(self, asked: Element, now: float) -> str:
        if self._device.is_(Character.NAMELESS):
            return ""
        return (
            '<tds:NetworkInterfaces token="eth0"><tt:Enabled>true</tt:Enabled><tt:Info>'
            f"<tt:Name>eth0</tt:Name><tt:HwAddress>{self._device.spec.mac}</tt:HwAddress>"
            "<tt:MTU>1500</tt:MTU></tt:Info></tds:NetworkInterfaces>"
        )

    def _protocols(self, asked: Element, now: float) -> str:
        ports = self._device.ports
        found = [("HTTPS" if self._device.spec.tls else "HTTP", ports.get("onvif", 0))]
        found += [("HTTPS", ports["vigi_local"])] if "vigi_local" in ports else []
        found += [("RTSP", ports["rtsp"])] if "rtsp" in ports else []
        return "".join(
            f"<tds:NetworkProtocols><tt:Name>{name}</tt:Name><tt:Enabled>true</tt:Enabled>"
            f"<tt:Port>{port}</tt:Port></tds:NetworkProtocols>"
            for name, port in found
        )

    def _users(self, asked: Element, now: float) -> str:
        if self._device.is_(Character.MUTE):
            return ""
        return "".join(
            f"<tds:User><tt:Username>{html.escape(username)}</tt:Username>"
            f"<tt:UserLevel>{user.level}</tt:UserLevel></tds:User>"
            for username, user in self._device.users.items()
        )

    def _create(self, asked: Element, now: float) -> str:
        self._device.create_user(*_user_in(asked))
        return ""

    def _set(self, asked: Element, now: float) -> str:
        self._device.set_user(*_user_in(asked))
        return ""

    def _delete(self, asked: Element, now: float) -> str:
        self._device.delete_user(asked.findtext("{*}Username") or "")
        return ""

    def _reboot(self, asked: Element, now: float) -> str:
        return "<tds:Message>Restarting</tds:Message>"

    def _factory_default(self, asked: Element, now: float) -> str:
        return ""


_OPERATIONS: dict[str, Callable[[OnvifService, Element, float], str]] = {
    "GetSystemDateAndTime": OnvifService._date_and_time,
    "GetServiceCapabilities": OnvifService._capabilities,
    "GetDeviceInformation": OnvifService._information,
    "GetNetworkInterfaces": OnvifService._interfaces,
    "GetNetworkProtocols": OnvifService._protocols,
    "GetUsers": OnvifService._users,
    "CreateUsers": OnvifService._create,
    "SetUser": OnvifService._set,
    "DeleteUsers": OnvifService._delete,
    "SystemReboot": OnvifService._reboot,
    "SetSystemFactoryDefault": OnvifService._factory_default,
}


def _read(body: bytes) -> tuple[str, Element | None, Element]:
    """The operation's name, the SOAP header and the request. Raises BadAnswer, Fault."""
    envelope = parse(body)
    soap_body = envelope.find("{*}Body")
    asked = soap_body[0] if soap_body is not None and len(soap_body) else None
    if asked is None:
        raise Fault("WellFormed")
    return asked.tag.rpartition("}")[2], envelope.find("{*}Header"), asked


# Where the login is in HTTP's head, ten thousand devices are asked with the same bytes.
_read_again = lru_cache(maxsize=256)(_read)


def _user_in(asked: Element) -> tuple[str, str | None, str]:
    """The one user of a request, in the schema's order: a device may well insist on it."""
    users = asked.findall("{*}User")
    if len(users) != 1:
        raise Fault("InvalidArgs")
    order = [child.tag.rpartition("}")[2] for child in users[0]]
    if order not in (["Username", "Password", "UserLevel"], ["Username", "UserLevel"]):
        raise Fault("InvalidArgs")
    password = users[0].findtext("{*}Password")
    return users[0].findtext("{*}Username") or "", password, users[0].findtext("{*}UserLevel") or ""
