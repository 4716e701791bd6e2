"""The recovery protocol on a virtual device: a request in, a reply out. No I/O.

Written from the README's section alone, with its names and in its order; it shares no code with the
other side.
"""

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Any

from devices.virtual.device import Device, Fault
from devices.virtual.recovery_wire import (
    Refused,
    Unsigned,
    as_text,
    b64,
    bytes_in,
    done,
    ended,
    exchanged,
    hkdf,
    hmac_of,
    lp,
    name_in,
    object_in,
    public,
    reply,
    unsealed,
)
from devices.virtual.service import Reply, Request

_ROOT = "/rekey-recovery/v1/"
_PAIR_SHOWN, _PAIR_TAKEN = 300.0, 600.0  # seconds for which E is shown, and taken
_CHALLENGE_LIFE = 600.0
_TRIES, _MOST_WRONG, _MOST_REQUESTS = 5, 100, 16
_FIRST_WAIT, _LONGEST_WAIT = 30, 3600
_KEY, _EMAIL, _WRONG = "recovery key", "recovery email", "recovery wrong codes"  # in the flash


@dataclass(frozen=True, slots=True)
class _Pair:
    """The key pair (e, E), since when."""

    private: bytes = field(repr=False)
    since: float

    @property
    def public(self) -> bytes:
        return public(self.private)


@dataclass(slots=True)
class _Challenge:
    name: str
    value: bytes
    since: float
    nonces: set[bytes] = field(default_factory=set)


class RecoveryService:
    """The service of one device that is on. What has to outlive a restart is in its flash."""

    __slots__ = ("_challenge", "_device", "_locked_since", "_pair")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._pair: _Pair | None = None
        self._challenge: _Challenge | None = None
        self._locked_since: float | None = None

    @property
    def fingerprint(self) -> str:
        """What is printed on the device."""
        return hashlib.sha256(public(self._identity)).hexdigest()[:32]

    def answer(self, request: Request) -> Reply:
        """Answer one request; whatever it is, there is an answer."""
        path = request.target.partition("?")[0]
        calls = {"activate": self._activate, "challenge": self._ask, "complete": self._complete}
        name = path.removeprefix(_ROOT)
        if not path.startswith(_ROOT) or name not in {"info", *calls}:
            return Reply(404)
        if request.method != ("GET" if name == "info" else "POST"):
            return Reply(405)
        self._device.called(f"recovery {name}")
        if name == "info":
            return reply(200, self._info(request.now))
        flash = dict(self._device.flash)
        try:
            found = calls[name](object_in(request), request.now)
        except Refused as refused:
            found = ended(refused, None)
        return replace(found, changed=found.changed or self._device.flash != flash)

    # -- info -------------------------------------------------------------------------------------

    def _info(self, now: float) -> dict[str, Any]:
        spec = self._device.spec
        activation = None
        if self._device.fresh:
            if self._pair is None or now - self._pair.since > _PAIR_SHOWN:
                self._pair = _Pair(self._device.random_bytes(32), now)
            activation = {
                "key": b64(self._pair.public),
                "identity": b64(public(self._identity)),
            }
        return {
            "protocol": "rekey-recovery/1",
            "state": self._state,
            "serial": spec.serial,
            "manufacturer": spec.vendor.value,
            "model": spec.model,
            "firmware": spec.firmware,
            "hardware": "1.0",
            "mac": spec.mac.replace("-", ":"),
            "activation": activation,
        }

    @property
    def _state(self) -> str:
        if self._device.fresh:
            return "fresh"
        return "ready" if _KEY in self._device.flash else "no_key"

    @property
    def _identity(self) -> bytes:
        """s, from the factory: it follows from the device and outlives everything."""
        spec = self._device.spec
        return hashlib.sha256(f"identity/{spec.seed}/{spec.serial}/{spec.mac}".encode()).digest()

    # -- activate ---------------------------------------------------------------------------------

    def _activate(self, given: dict[str, Any], now: float) -> Reply:
        shown, theirs = bytes_in(given, "device_key", 32), bytes_in(given, "key", 32)
        nonce, sealed = bytes_in(given, "nonce", 12), bytes_in(given, "sealed", 528)
        if not self._device.fresh:
            raise Unsigned("not_fresh")
        pair = self._pair
        if pair is None or pair.public != shown or now - pair.since > _PAIR_TAKEN:
            raise Unsigned("key_void")
        self._pair = None
        z = exchanged(pair.private, theirs) + exchanged(self._identity, theirs)
        serial, identity = self._device.spec.serial, public(self._identity)
        t = lp("rekey-recovery/1 activation", serial, identity, shown, theirs)
        answer_key = hkdf(z, b"", lp("answer", t))

        def mac(outcome: str, detail: str) -> bytes:
            return hmac_of(answer_key, lp(nonce, outcome, detail))

        try:
            parts = unsealed(hkdf(z, b"", lp("seal", t)), nonce, sealed, t, count=4)
            username, password = as_text(parts[0], 1, 64), as_text(parts[1], 1, 128)
            email, key = as_text(parts[2], 0, 254), parts[3]
        except ValueError as error:
            raise Unsigned("proof_refused") from error
        if len(key) != 32:
            raise Unsigned("proof_refused")
        try:
            self._take(username, password, email)
        except Refused as refused:
            return ended(refused, mac)
        self._device.flash.update({_KEY: key.hex(), _EMAIL: email, _WRONG: "0"})
        self._challenge = self._locked_since = None
        return done(mac)

    def _take(self, username: str, password: str, email: str) -> None:
        local, at, domain = email.rpartition("@")
        if email and not (local and at and domain):
            raise Refused("email_refused")
        try:
            self._device.create_user(username, password, "Administrator")
        except Fault as fault:
            if fault.subcodes[-1].startswith("Username"):
                raise Refused("username_refused") from fault
            raise self._password_refused(fault, password) from fault

    # -- challenge --------------------------------------------------------------------------------

    def _ask(self, given: dict[str, Any], now: float) -> Reply:
        self._recovery_key()
        try:
            self._refuse_locked(now)
        except Refused as refused:
            raise Unsigned(refused.outcome, refused.detail) from refused
        device = self._device
        self._challenge = _Challenge(b64(device.random_bytes(8)), device.random_bytes(32), now)
        return reply(
            200,
            {
                "challenge": self._challenge.name,
                "value": b64(self._challenge.value),
                "expires_in": int(_CHALLENGE_LIFE),
                "tries_left": _TRIES - self._wrong % _TRIES,
            },
        )

    def _recovery_key(self) -> bytes:
        if self._state != "ready":
            raise Unsigned(self._state)
        return bytes.fromhex(self._device.flash[_KEY])

    @property
    def _wrong(self) -> int:
        return int(self._device.flash[_WRONG])

    def _refuse_locked(self, now: float) -> None:
        wrong = self._wrong
        if wrong >= _MOST_WRONG:
            raise Refused("closed")
        if wrong == 0 or wrong % _TRIES:
            return
        if self._locked_since is None:  # this is the first request since the device was started
            self._locked_since = now
        wait = min(_FIRST_WAIT * 2 ** (wrong // _TRIES - 1), _LONGEST_WAIT)
        left = self._locked_since + wait - now
        if left > 0:
            raise Refused("locked", str(int(left) + (left % 1 > 0)))

    # -- complete ---------------------------------------------------------------------------------

    def _complete(self, given: dict[str, Any], now: float) -> Reply:
        name, username = b64(bytes_in(given, "challenge", 8)), name_in(given, "username")
        nonce, sealed = bytes_in(given, "nonce", 12), bytes_in(given, "sealed", 176)
        code_proof, key_proof = bytes_in(given, "code_proof", 32), bytes_in(given, "key_proof", 32)
        k, serial = self._recovery_key(), self._device.spec.serial
        answer_key, proof_key = hkdf(k, b"", b"answer"), hkdf(k, b"", b"proof")

        def mac(outcome: str, detail: str) -> bytes:
            return hmac_of(answer_key, lp(name, serial, username, nonce, outcome, detail))

        try:
            self._refuse_locked(now)
            challenge = self._current(name, now)
            c = lp("rekey-recovery/1", name, challenge.value, serial, username)
            own_proof = hmac_of(proof_key, lp("request", c, nonce, sealed, code_proof))
            if not hmac.compare_digest(own_proof, key_proof):
                raise Unsigned("proof_refused")
            if nonce in challenge.nonces:
                raise Refused("replayed")
            challenge.nonces.add(nonce)
            code = self._code(k, challenge.value)
            self._check_code(hmac_of(proof_key, lp("code", c, nonce, code)), code_proof, now)
            seal_key = hkdf(k, challenge.value, lp("seal", c, code))
            self._set(username, _password_in(seal_key, nonce, sealed, c))
        except Unsigned:
            raise
        except Refused as refused:
            return ended(refused, mac)
        self._challenge = None
        return done(mac)

    def _current(self, name: str, now: float) -> _Challenge:
        challenge = self._challenge
        if (
            challenge is None
            or challenge.name != name
            or now - challenge.since >= _CHALLENGE_LIFE
            or len(challenge.nonces) >= _MOST_REQUESTS
        ):
            raise Refused("challenge_void")
        return challenge

    def _code(self, k: bytes, value: bytes) -> str:
        d = hmac_of(hkdf(k, b"", b"code"), lp(self._device.spec.serial, value))
        o = d[31] & 15
        n = (d[o] << 24 | d[o + 1] << 16 | d[o + 2] << 8 | d[o + 3]) & 0x7FFFFFFF
        return str(n % 100_000_000).zfill(8)

    def _check_code(self, own_proof: bytes, proof: bytes, now: float) -> None:
        wrong = self._wrong + 1
        self._device.flash[_WRONG] = str(wrong)
        if hmac.compare_digest(own_proof, proof):
            self._device.flash[_WRONG] = "0"
            return
        if wrong % _TRIES == 0:
            self._challenge, self._locked_since = None, now
        raise Refused("code_refused", str(-wrong % _TRIES))

    def _set(self, username: str, password: str) -> None:
        user = self._device.users.get(username)
        if user is None:
            raise Refused("unknown_account")
        try:
            self._device.set_user(username, password, user.level)
        except Fault as fault:
            raise self._password_refused(fault, password) from fault

    def _password_refused(self, fault: Fault, password: str) -> Refused:
        if fault.subcodes[-1] == "PasswordTooLong":
            return Refused("password_refused", "too_long")
        short = len(password) < self._device.spec.policy.min_length
        return Refused("password_refused", "too_short" if short else "too_weak")


def _password_in(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> str:
    try:
        return as_text(unsealed(key, nonce, sealed, aad, count=1)[0], 1, 128)
    except ValueError as error:
        raise Unsigned("proof_refused") from error
