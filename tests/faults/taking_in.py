"""The ways by which whole networks and lists of devices come in, with the secrets on them: imports,
scans, a device's first password and recovery key, a recorder's tokens."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from devices.virtual import DeviceSpec, ServiceSpec, ThreadedFleet, server, uniform_scenario
from tests.faults.rekey import Api, until

HEAD = "Name,Address,Port,Account,Password,Reset Password Email"


def specs(seed: int) -> list[DeviceSpec]:
    """A camera for a list, one for a scan, one in its box, and a recorder."""
    listed, found, boxed, recorder = uniform_scenario(seed, 6, port_base=0)[2:]
    return [
        listed,
        found,
        replace(boxed, fresh=True, services=(ServiceSpec("recovery"),)),
        replace(recorder, kind="nvr", services=(ServiceSpec("vigi_nvr", tls=True),)),
    ]


@contextmanager
def tokens_heard(asked: list[str] | None = None) -> Iterator[set[str]]:
    """Every token that a virtual recorder gives away, as it gives it away and as it is meant.

    What it was asked for goes to `asked`.
    """
    heard: set[str] = set()
    http = server.Host.http

    def listened(host: server.Host, door: str, request: Any) -> Any:
        if asked is not None:
            asked.append(request.target)
        reply = http(host, door, request)
        if door == "vigi_nvr" and reply is not None and reply.status == 200:
            told = json.loads(reply.body)
            for name in ("access_token", "refresh_token"):
                if token := told.get(name):
                    heard.update((token, unquote(token)))
        return reply

    server.Host.http = listened  # type: ignore[method-assign]
    try:
        yield heard
    finally:
        server.Host.http = http  # type: ignore[method-assign]


class TakingIn:
    """Does all of it by API. Every password that it types is told to `secret` first."""

    def __init__(
        self, api: Api, site: str, fleet: ThreadedFleet, specs: list[DeviceSpec], secret: Any
    ) -> None:
        self.api, self.site, self.fleet, self.secret = api, site, fleet, secret
        self.listed, self.found, self.boxed, self.recorder = specs

    def do_all(self) -> None:
        self.by_list()
        self.by_scan()
        self.from_its_box()
        self.with_a_recorder()
        self.swept()

    def by_list(self) -> None:
        """One list is applied, one refused, and one stays a draft."""
        typed = self.secret("typed in a list", self.listed.password)
        host, port = self.fleet.address(self.listed.serial)
        applied = self._upload(f"{HEAD}\nListed,{host},{port},admin,{typed},list@example.com\n")
        assert applied["to_add"] == 1, applied
        self._expect(202, self.api.post(f"imports/{applied['id']}/apply/", **key()))
        self._managed(host, port)
        unfit = self.secret("in a line that is refused", f"Made-up-line-{secrets.token_hex(4)}")
        refused = self._upload(f"{HEAD}\nBad,169.254.169.254,80,admin,{unfit},no mailbox\n")
        assert refused["problems"] == 1, refused
        headless = self.secret("where the header should be", f"Made-up-{secrets.token_hex(4)}")
        self._expect(422, self._post_list(f"Hall,{host},80,admin,{headless}\n"))
        draft = self.secret("in a draft", f"Made-up-draft-{secrets.token_hex(4)}")
        assert self._upload(f"{HEAD}\nDraft,10.1.2.3,80,admin,{draft},a@example.com\n")["to_add"]

    def by_scan(self) -> None:
        self._expect(
            200, self.api.post(f"sites/{self.site}/networks/", {"networks": "127.0.0.0/24"})
        )
        hosts = [self.fleet.address(spec.serial) for spec in (self.found, self.boxed)]
        body = {
            "site": self.site, "network": "127.0.0.1/32", "method": "address_scan",
            "ports": " ".join(str(port) for _, port in hosts),
        }  # fmt: skip
        scan = self._expect(201, self.api.post("scans/", body, **key())).json["id"]
        until("searched", lambda: self.api.get(f"scans/{scan}/").json["status"] == "finished")
        rows = {row["port"]: row["id"] for row in self.api.get("discovered/").json["results"]}
        host, port = hosts[0]
        typed = self.secret("typed for what was found", self.found.password)
        body = {
            "discovered": [rows[port]], "password": typed, "reset_email": "found@example.com",
        }  # fmt: skip
        self._expect(201, self.api.post("discovered/add/", body, **key()))
        self._managed(host, port)

    def from_its_box(self) -> None:
        """Its first password and its recovery key are made by Rekey, and are in the vault."""
        host, port = self.fleet.address(self.boxed.serial)
        _, recovery = self.fleet.address(self.boxed.serial, "recovery")
        body = {
            "site": self.site, "kind": "camera", "name": "Boxed", "host": host, "port": port,
            "reset_email": "box@example.com", "services": f"recovery:{recovery}",
        }  # fmt: skip
        self._expect(201, self.api.post("devices/activate/", body, **key()))
        self._managed(host, port)

    def with_a_recorder(self) -> None:
        host, port = self.fleet.address(self.recorder.serial)
        _, api = self.fleet.address(self.recorder.serial, "vigi_nvr")
        body = {
            "site": self.site, "kind": "nvr", "name": "Recorder", "host": host, "port": port,
            "username": "admin", "reset_email": "nvr@example.com",
            "password": self.secret("of the recorder", self.recorder.password),
            "services": f"vigi_nvr:{api}+tls",
        }  # fmt: skip
        self._expect(201, self.api.post("devices/", body, **key()))
        self._managed(host, port)

    def swept(self) -> None:
        """Every device has been asked by the sweep, so that there is telemetry."""
        device = self._device(*self.fleet.address(self.recorder.serial))

        def asked() -> Any:
            heard = self.api.get(f"devices/{device['id']}/").json["heard"]
            return heard and heard["asked_at"]

        until("swept", asked)
        self.api.get("devices/"), self.api.get("discovered/"), self.api.get("scans/")
        self.api.get("imports/")

    # --- small things -----------------------------------------------------------------------------

    def _upload(self, text: str) -> Any:
        return self._expect(201, self._post_list(text)).json

    def _post_list(self, text: str) -> Any:
        content = base64.b64encode(text.encode()).decode()
        body = {"site": self.site, "file": "list.csv", "content": content}
        return self.api.post("imports/", body, **key())

    def _device(self, host: str, port: int) -> Any:
        rows = self.api.get("devices/", limit=100).json["results"]
        return next((r for r in rows if (r["host"], r["port"]) == (host, port)), None)

    def _managed(self, host: str, port: int) -> None:
        def managed() -> bool:
            row = self._device(host, port)
            return bool(row and row["managed"])

        until(f"the device at port {port} is taken in", managed)

    def _expect(self, status: int, answer: Any) -> Any:
        assert answer.status == status, answer
        return answer


def key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


def recovery_key_in(password: str) -> bytes | None:
    """The key itself, where it is one that the vault keeps in base64."""
    try:
        raw = base64.b64decode(password, validate=True)
    except ValueError:
        return None
    return raw if len(raw) == 32 else None
