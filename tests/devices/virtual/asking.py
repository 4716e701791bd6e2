"""ONVIF requests to virtual devices, written by hand and not by the driver."""

import base64
import hashlib
import itertools
import re
from datetime import UTC, datetime
from xml.etree import ElementTree

from devices.virtual import Auth, DeviceSpec
from devices.virtual.onvif_service import OnvifService
from devices.virtual.service import Reply, Request
from tests.devices.drivers.made_up import envelope

NOW = datetime(2010, 9, 16, 7, 50, 45, tzinfo=UTC).timestamp()
PATH = "/onvif/device_service"
_numbers = itertools.count()


def asking(operation: str, header: str = "", content: str = "") -> bytes:
    body = envelope(f"<tds:{operation}>{content}</tds:{operation}>")
    return body.replace("<e:Body>", f"{header}<e:Body>").encode()


def user(name: str, word: str, level: str = "Administrator") -> str:
    return (
        f"<tds:User><tt:Username>{name}</tt:Username><tt:Password>{word}</tt:Password>"
        f"<tt:UserLevel>{level}</tt:UserLevel></tds:User>"
    )


def ask(
    service: OnvifService,
    body: bytes,
    now: float = NOW,
    authorization: str | None = None,
    client: str = "a",
    path: str = PATH,
) -> Reply:
    headers = {} if authorization is None else {"authorization": authorization}
    return service.answer(Request("POST", path, headers, body, client, now))


def logged_in(
    service: OnvifService,
    spec: DeviceSpec,
    operation: str,
    content: str = "",
    *,
    word: str | None = None,
    name: str = "admin",
    now: float = NOW,
    client: str = "a",
) -> Reply:
    """Ask with a login in the device's own way; as the administrator, unless told otherwise."""
    word = spec.password if word is None else word
    if spec.auth is Auth.WS:
        nonce = b"nonce %d" % next(_numbers)
        created = datetime.fromtimestamp(now + spec.clock_skew, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        header = signed(name, word, nonce, created)
        return ask(service, asking(operation, header, content), now, None, client, spec.path)
    body = asking(operation, "", content)
    challenge = ask(service, body, now, None, client, spec.path).headers["WWW-Authenticate"]
    answer = authorization(challenge, spec.path, word, name)
    return ask(service, body, now, answer, client, spec.path)


def token(username: str, digest: str, nonce: str, created: str) -> str:
    return (
        "<e:Header><Security><UsernameToken>"
        f"<Username>{username}</Username><Password>{digest}</Password><Nonce>{nonce}</Nonce>"
        f"<Created>{created}</Created></UsernameToken></Security></e:Header>"
    )


def signed(username: str, word: str, nonce: bytes, created: str = "2010-09-16T07:50:45Z") -> str:
    digest = hashlib.sha1(nonce + created.encode() + word.encode()).digest()
    return token(
        username, base64.b64encode(digest).decode(), base64.b64encode(nonce).decode(), created
    )


def authorization(challenge: str, uri: str, word: str, name: str = "admin") -> str:
    """An answer to a challenge, by hand."""
    given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    kind = "SHA-256" if "SHA-256" in challenge else "MD5"

    def h(*parts: str) -> str:
        return hashlib.new(kind.replace("-", ""), ":".join(parts).encode()).hexdigest()

    a1 = h(name, given["realm"], word)
    response = h(a1, given["nonce"], "00000001", "c", "auth", h("POST", uri))
    return (
        f'Digest username="{name}", realm="{given["realm"]}", nonce="{given["nonce"]}",'
        f' uri="{uri}", response="{response}", algorithm={kind}, qop=auth, nc=00000001, cnonce="c"'
    )


def subcodes(body: bytes) -> list[str]:
    values = ElementTree.fromstring(body).iter("{http://www.w3.org/2003/05/soap-envelope}Value")
    return [(value.text or "").rpartition(":")[2] for value in values]
