"""A VIGI recorder made up from the vendor's NVR Open API document, V1.0."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote

from aiohttp import web

from devices.drivers import Login
from tests.devices.drivers.made_up import password

EXAMPLE = {  # the document's own
    "id": 1,
    "name": "IPC%20OSD",
    "alias": "IPC",
    "online": "1",
    "ip": "192.168.0.2",
    "mac": "00-ff-00-13-31-01",
}


def hashed(algorithm: str, *parts: str) -> str:
    named = {"MD5": "md5", "SHA-256": "sha256"}[algorithm]
    return hashlib.new(named, ":".join(parts).encode()).hexdigest()


@dataclass
class Recorder:
    """Answers as the document says. ``codes`` are answered, one each, before anything else."""

    algorithm: str = "SHA-256"
    challenge_status: int = 401
    devices: Any = field(default_factory=lambda: [EXAMPLE])
    expires_in: Any = 1800
    refreshes: bool = True
    admin: Login = field(default_factory=lambda: Login("admin", password()))
    codes: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    logins: int = 0
    challenges: int = 0
    access: str = ""
    refresh: str = ""
    nonces: set[str] = field(default_factory=set)

    def __call__(self, request: web.BaseRequest, body: str) -> web.Response:
        assert request.method == "GET"
        self.asked.append(request.raw_path)
        authorization = request.headers.get("Authorization", "")
        if request.path == "/openapi/added_devices":
            if self.codes:
                return web.json_response({"error_code": self.codes.pop(0)})
            if authorization != f"Bearer {self.access}":
                return web.json_response({"error_code": -40403})
            return web.json_response({"devices": self.devices, "error_code": 0})
        assert request.path == "/openapi/token"
        query = parse_qs(request.query_string)
        if query:
            good = authorization == f"Bearer {self.access}" and self.refreshes
            if good and query == {
                "grant_type": ["refresh_token"],
                "refresh_token": [self.refresh],
            }:
                return self.granted()
            return web.json_response({"error_code": -40403})
        if authorization.startswith("Digest "):
            self.logins += 1
            if self.opened_by(authorization):
                return self.granted()
        nonce = secrets.token_hex(16)
        self.nonces.add(nonce)
        self.challenges += 1
        return web.Response(
            status=self.challenge_status,
            headers={
                "WWW-Authenticate": f'Digest realm="TP-LINK NVR", nonce="{nonce}", '
                f'algorithm="{self.algorithm}", url="/openapi/token"'
            },
        )

    def opened_by(self, authorization: str) -> bool:
        given = dict(re.findall(r'(\w+)="?([^",]*)', authorization))
        if given["nonce"] not in self.nonces:
            return False
        self.nonces.remove(given["nonce"])
        a1 = hashed(self.algorithm, self.admin.username, "TP-LINK NVR", self.admin.password)
        a2 = hashed(self.algorithm, "GET", "/openapi/token")
        return given["response"] == hashed(self.algorithm, a1, given["nonce"], a2)

    def granted(self) -> web.Response:
        self.access, self.refresh = (f"{secrets.token_hex(12)}+/=" for _ in "ab")
        return web.json_response(
            {
                "token_type": "bearer",
                "expires_in": self.expires_in,
                "access_token": quote(self.access, safe=""),
                "refresh_token": quote(self.refresh, safe=""),
            }
        )
