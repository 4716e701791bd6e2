"""The ONVIF Device Management requests that are needed, and what their answers say.

Requests are XML texts in the schema's element order (the tests check each against the schema).
"""

import re
from datetime import UTC, datetime
from xml.etree.ElementTree import Element  # nosec B405

from devices.drivers.base import Account, Identity, Login, PasswordRules, Service
from devices.drivers.errors import BadAnswer
from devices.drivers.safe_xml import text_of
from devices.drivers.soap import text

GET_SYSTEM_DATE_AND_TIME = "<tds:GetSystemDateAndTime/>"
GET_SERVICE_CAPABILITIES = "<tds:GetServiceCapabilities/>"
GET_DEVICE_INFORMATION = "<tds:GetDeviceInformation/>"
GET_USERS = "<tds:GetUsers/>"
GET_NETWORK_INTERFACES = "<tds:GetNetworkInterfaces/>"
GET_NETWORK_PROTOCOLS = "<tds:GetNetworkProtocols/>"


def create_users(new: Login, level: str) -> str:
    return f"<tds:CreateUsers>{_user(new, level)}</tds:CreateUsers>"


def set_user(changed: Login, level: str) -> str:
    # Without Password a device may clear it, without the level change it: both are always sent.
    return f"<tds:SetUser>{_user(changed, level)}</tds:SetUser>"


def delete_users(username: str) -> str:
    return f"<tds:DeleteUsers><tds:Username>{text(username)}</tds:Username></tds:DeleteUsers>"


def _user(login: Login, level: str) -> str:
    return (
        f"<tds:User><tt:Username>{text(login.username)}</tt:Username>"
        f"<tt:Password>{text(login.password)}</tt:Password>"
        f"<tt:UserLevel>{text(level)}</tt:UserLevel></tds:User>"
    )


def utc_of(answer: Element) -> datetime | None:
    """The device's clock, or None where it tells no usable UTC time. Children in any order."""
    try:
        year, month, day, hour, minute, second = (
            int(text_of(answer, f".//{{*}}UTCDateTime/{path}", 8))
            for path in (
                "{*}Date/{*}Year",
                "{*}Date/{*}Month",
                "{*}Date/{*}Day",
                "{*}Time/{*}Hour",
                "{*}Time/{*}Minute",
                "{*}Time/{*}Second",
            )
        )
        told = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (ValueError, BadAnswer):
        return None
    return told if 1970 <= told.year < 2200 else None


def identity_of(answer: Element) -> Identity:
    identity = Identity(
        manufacturer=text_of(answer, "{*}Manufacturer"),
        model=text_of(answer, "{*}Model"),
        firmware=text_of(answer, "{*}FirmwareVersion"),
        serial=text_of(answer, "{*}SerialNumber"),
        hardware=text_of(answer, "{*}HardwareId"),
    )
    if not (identity.serial or identity.model):
        raise BadAnswer("The device does not say what it is.")
    return identity


def accounts_of(answer: Element) -> tuple[Account, ...]:
    found = tuple(
        Account(text_of(user, "{*}Username"), text_of(user, "{*}UserLevel"))
        for user in answer.findall("{*}User")
    )
    if not found:
        # Some servers answer so to anybody. The login that asked is an account: it must be there.
        raise BadAnswer("The device names no accounts.")
    return found


def names_accounts(answer: Element) -> bool:
    return answer.find("{*}User") is not None


def mac_of(answer: Element) -> str:
    """The MAC address of the first interface that has one, those in use first; or ""."""
    found = [
        (text_of(interface, "{*}Enabled") in ("false", "0"), mac)
        for interface in answer.findall("{*}NetworkInterfaces")
        if (mac := _mac(text_of(interface, "{*}Info/{*}HwAddress")))
    ]
    return min(found, key=lambda one: one[0], default=(False, ""))[1]


def services_of(answer: Element) -> tuple[Service, ...]:
    """RTSP, where it is switched on. HTTP and HTTPS are ways to the services, not services."""
    ports = (
        _port(text_of(protocol, "{*}Port"))
        for protocol in answer.findall("{*}NetworkProtocols")
        if text_of(protocol, "{*}Name").upper() == "RTSP"
        and text_of(protocol, "{*}Enabled") in ("true", "1")
    )
    return tuple(Service("rtsp", port) for port in dict.fromkeys(ports) if port)


def rules_of(answer: Element) -> PasswordRules:
    security = answer.find("{*}Capabilities/{*}Security")
    given = dict(security.attrib) if security is not None else {}
    return PasswordRules(
        max_length=_positive(given.get("MaxPasswordLength")),
        max_username_length=_positive(given.get("MaxUserNameLength")),
        max_users=_positive(given.get("MaxUsers")),
        accounts_supported=given.get("UserConfigNotSupported", "").lower() not in ("true", "1"),
    )


def _mac(told: str) -> str:
    digits = re.sub(r"[:.\-]", "", told).upper()
    if not re.fullmatch(r"[0-9A-F]{12}", digits) or digits in ("0" * 12, "F" * 12):
        return ""
    return ":".join(re.findall("..", digits))


def _port(told: str) -> int | None:
    return _positive(told) if len(told) <= 5 and (_positive(told) or 0) <= 65_535 else None


def _positive(value: str | None) -> int | None:
    return int(value) if value and re.fullmatch(r"[1-9][0-9]{0,5}", value) else None
