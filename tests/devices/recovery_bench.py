"""The driver and a virtual device of the recovery protocol, without a socket between them."""

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from devices.drivers import recovery
from devices.drivers.base import Address, Challenge, Login
from devices.drivers.http import Answer
from devices.drivers.recovery_crypto import Completion, b64, code_for, unb64
from devices.virtual.device import Device
from devices.virtual.recovery_service import RecoveryService
from devices.virtual.scenario import uniform_scenario
from devices.virtual.service import Reply, Request

T = TypeVar("T")
ROOT = "/rekey-recovery/v1/"
README = Path(__file__).parents[2] / "README.md"


def password() -> str:
    return f"Test-{secrets.token_hex(6)}-7"


def vector() -> dict[str, Any]:
    """The README's test vector: bytes where it has hex, text where it is quoted."""
    section = README.read_text(encoding="utf-8").partition("### Test vector")[2]
    found: dict[str, Any] = {}
    name = ""
    for line in section.split("```")[1].splitlines()[1:]:
        if " = " in line:
            name, value = (part.strip() for part in line.split(" = "))
            found[name] = value[1:-1] if value.startswith('"') else bytes.fromhex(value)
        elif line.strip():
            found[name] += bytes.fromhex(line)
    return found


@dataclass
class Bench:
    """One virtual device and what goes over the wire to it. ``now`` is moved by the test."""

    traits: dict[str, Any] = field(default_factory=dict)
    now: float = 1_790_000_000.0
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    admin: Login = field(default_factory=lambda: Login("admin", password()))
    wire: list[bytes] = field(default_factory=list)
    changing: list[str] = field(default_factory=list)
    on_the_way: Callable[[str, dict[str, Any]], dict[str, Any]] = lambda call, body: body
    on_the_way_back: Callable[[str, Answer], Answer] = lambda call, answer: answer

    def __post_init__(self) -> None:
        spec = uniform_scenario(1, 1, port_base=0)[0]
        self.device = Device(replace(spec, **{"fresh": True, "seed": "7", **self.traits}))
        self.restart()

    def restart(self) -> None:
        self.device.restarted()
        self.service = RecoveryService(self.device)

    @property
    def serial(self) -> str:
        return self.device.spec.serial

    # -- the device's side ------------------------------------------------------------------------

    def ask(self, call: str, body: bytes = b"{}", method: str = "POST", **headers: str) -> Reply:
        return self.service.answer(
            Request(method, ROOT + call, headers, body, "127.0.0.1", self.now)
        )

    def said(self, call: str, **fields: Any) -> dict[str, Any]:
        reply = self.ask(call, json.dumps(fields).encode())
        return {"status": reply.status, **json.loads(reply.body)}

    # -- the driver's side ------------------------------------------------------------------------

    async def request(
        self, address: Address, method: str, path: str, body: bytes = b"", *_: Any, **options: Any
    ) -> Answer:
        call = path.removeprefix(ROOT)
        if options.get("changes"):
            self.changing.append(call)
        if body:
            body = json.dumps(self.on_the_way(call, json.loads(body))).encode()
        reply = self.ask(call, body, method)
        answer = self.on_the_way_back(call, Answer(reply.status, {}, reply.body))
        self.wire += [body, answer.body]
        return answer

    @property
    def driver(self) -> recovery.Recovery:
        return recovery.Recovery(Address("127.0.0.1", 1), 5)

    def activate(self, **options: Any) -> None:
        run(self.driver.activate(self.admin, "keeper@example.com", self.key, **options))

    def challenge(self) -> Challenge:
        return run(self.driver.challenge())

    def code(self, challenge: Challenge) -> str:
        return code_for(self.key, challenge.value, self.serial)

    def wrong_code(self, challenge: Challenge) -> str:
        return f"{(int(self.code(challenge)) + 1) % 10**8:08d}"

    def complete(self, challenge: Challenge, code: str | None = None, **new: str) -> str:
        """Give the right code if no other; the new password."""
        login = Login(new.get("username", "admin"), new.get("password", password()))
        run(self.driver.complete(challenge, code or self.code(challenge), self.key, login))
        return login.password


def run(call: Any) -> Any:
    return asyncio.run(call)


def flipped(text: str) -> str:
    """Other bytes of the same length, as base64url."""
    data = bytearray(unb64(text))
    data[len(data) // 2] ^= 1
    return b64(bytes(data))


def activated() -> Bench:
    """A device that has been activated."""
    made = Bench({"fresh": False})
    made.device.flash.update(
        {"recovery key": made.key.hex(), "recovery email": "", "recovery wrong codes": "0"}
    )
    return made


def completion(
    bench: Bench, asked: dict[str, Any], *, right: bool = True, **other: Any
) -> dict[str, str]:
    """A request that answers a challenge; ``other`` may be of Completion, or the ``new`` one."""
    new = other.pop("new", None) or password()
    made = Completion(
        **{
            "recovery_key": bench.key,
            "challenge": asked["challenge"],
            "value": unb64(asked["value"]),
            "serial": bench.serial,
            "username": "admin",
            "nonce": secrets.token_bytes(12),
            **other,
        }
    )
    challenge = SimpleNamespace(value=unb64(asked["value"]))
    code = bench.code(challenge) if right else bench.wrong_code(challenge)
    sealed, code_proof = made.sealed(code, new), made.code_proof(code)
    return {
        "challenge": made.challenge, "username": made.username, "nonce": b64(made.nonce),
        "sealed": b64(sealed), "code_proof": b64(code_proof),
        "key_proof": b64(made.key_proof(sealed, code_proof)),
    }  # fmt: skip


def outcome(bench: Bench, asked: dict[str, Any], **options: Any) -> tuple[str, str]:
    said = bench.said("complete", **completion(bench, asked, **options))
    return said["outcome"], said["detail"]
