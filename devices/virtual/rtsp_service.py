"""RTSP of a virtual device (RFC 2326), as far as its door: OPTIONS and DESCRIBE. No I/O.

``DESCRIBE`` is guarded by digest; the login is looked at before the path is, so that nobody without
one learns which paths there are.
"""

import re
from math import ceil

from devices.virtual.device import Device
from devices.virtual.digest_guard import Algorithm, DigestGuard, Stale
from devices.virtual.lockout import FOR_GOOD
from devices.virtual.spec import Auth, Character

REALM = "TP-LINK IP-Camera"
PATHS = ("/stream1", "/stream2")
"""The two streams of a camera, as the vendor names them."""

_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Stream Not Found",
    501: "Not Implemented",
    505: "RTSP Version not supported",
}
_REQUEST_LINE = re.compile(r"([A-Z_]+) (\S+) RTSP/(\d+\.\d+)")
_HEADER = re.compile(r"([!-9;-~]+):[ \t]*(.*?)[ \t]*")
_URL = re.compile(r"rtsp://[^/\s]+(/[^\s?]*)?(\?\S*)?")


class _Malformed(Exception):
    """No RTSP request."""


class RtspService:
    """The service of one device that is on."""

    __slots__ = ("_device", "_guard")

    def __init__(self, device: Device) -> None:
        self._device = device
        # There is always a digest, and in the field MD5 without a qop is the most common one.
        auth = device.spec.auth
        algorithm = Algorithm.SHA256 if auth is Auth.DIGEST_SHA256 else Algorithm.MD5
        self._guard = DigestGuard(REALM, algorithm, device.random_bytes, qop=auth is not Auth.WS)

    def answer(self, request: str, client: str, now: float) -> bytes:
        """Answer one request. ``client`` is its address, ``now`` in seconds since 1970."""
        try:
            method, url, version, headers = _read(request)
        except _Malformed:
            return _said(400, "")
        sequence = headers["cseq"]
        if version != "1.0":
            return _said(505, sequence)
        self._device.called(f"RTSP {method}" if method in ("OPTIONS", "DESCRIBE") else "RTSP")
        if method == "OPTIONS":
            return _said(200, sequence, {"Public": "OPTIONS, DESCRIBE"})
        if method != "DESCRIBE":
            return _said(501, sequence)
        return self._describe(url, sequence, headers.get("authorization", ""), client, now)

    def _describe(
        self, url: str, sequence: str, authorization: str, client: str, now: float
    ) -> bytes:
        found = _URL.fullmatch(url)
        if found is None:
            return _said(400, sequence)
        left = self._device.locked_for(client, now)
        if left:
            known = left != FOR_GOOD
            return _said(403, sequence, {"Retry-After": str(ceil(left))} if known else {})
        if self._device.fresh or not authorization.lower().startswith("digest "):
            return self._challenged(sequence, now)  # a fresh one has no password to be wrong about
        try:
            answer = self._guard.read(authorization, "DESCRIBE", url, now)
        except Stale:
            return self._challenged(sequence, now, stale=True)
        passwords = self._device.passwords_of(answer.username, door="rtsp")
        if not self._device.is_(Character.OPEN) and not answer.opens(passwords):
            self._device.failed(client, now, answer.username)
            return self._challenged(sequence, now)
        self._device.succeeded(client)
        if found[1] not in PATHS:
            return _said(404, sequence)
        headers = {"Content-Base": f"{url.rstrip('/')}/", "Content-Type": "application/sdp"}
        return _said(200, sequence, headers, self._session_description())

    def _challenged(self, sequence: str, now: float, *, stale: bool = False) -> bytes:
        challenge = self._guard.challenge(now, stale=stale)
        return _said(401, sequence, {"WWW-Authenticate": challenge})

    def _session_description(self) -> bytes:
        spec = self._device.spec
        lines = (
            "v=0",
            f"o=- {spec.serial} 1 IN IP4 127.0.0.1",
            f"s={spec.name}",
            "c=IN IP4 0.0.0.0",
            "t=0 0",
            "a=control:*",
            "m=video 0 RTP/AVP 96",
            "a=rtpmap:96 H264/90000",
            "a=fmtp:96 packetization-mode=1",
            "a=control:track1",
        )
        return "".join(f"{line}\r\n" for line in lines).encode()


def _read(request: str) -> tuple[str, str, str, dict[str, str]]:
    """Method, URL, version, and headers by name in lower case. Raises _Malformed."""
    first, *lines = request.partition("\r\n\r\n")[0].split("\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    found = [_HEADER.fullmatch(one) for one in lines]
    headers = {one[1].lower(): one[2] for one in found if one}
    if line is None or None in found or not re.fullmatch(r"[0-9]{1,9}", headers.get("cseq", "")):
        raise _Malformed
    return line[1], line[2], line[3], headers


def _said(
    status: int, sequence: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    lines = [f"RTSP/1.0 {status} {_REASONS[status]}"]
    if sequence:
        lines.append(f"CSeq: {sequence}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape") + body
