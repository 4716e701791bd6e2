"""A campaign of a running Rekey as its people see it: by the API, by mail, and at the cameras.

Whoever has no answer looks whether the call was carried out, and else calls again.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from devices.virtual import DeviceSpec
from tests.faults.conftest import OwnServers
from tests.faults.rekey import CODE, Api, Broken, Up, ask, inside, until
from tests.plugins.mail import RunningSink

FIRST = "north@example.com"  # the mailbox of most cameras


class Ground:
    """A running Rekey with its servers, its cameras, and two administrators."""

    def __init__(
        self,
        up: Up,
        servers: OwnServers,
        mail: RunningSink,
        specs: list[DeviceSpec],
        patience: float,
    ) -> None:
        own = up.environment
        self.up, self.servers, self.mail, self.specs, self.own = up, servers, mail, specs, own
        self.patience = patience
        self._share = 0.0
        self.control = int(own["REKEY_CONTROL_PORT"])
        facts = inside(own, "prepare_for_two")
        self.site, web = facts["site"], int(own["REKEY_WEB_PORT"])
        self.alice, self.ada = Api(web, facts["token"]), Api(web, facts["second"])
        self.people = {facts["email"], facts["second_email"]}
        few = max(2, len(specs) // 50)
        others = [f"south-{number}@example.com" for number in range(few)]
        self.mailbox = {
            spec.serial: FIRST if number % 3 else others[number // 3 % few]
            for number, spec in enumerate(specs)
        }

    # --- the cameras ------------------------------------------------------------------------------

    def take_in(self) -> None:
        listed = ask(self.control, "GET", "/devices").json["devices"]
        places = {one["serial"]: (one["host"], one["port"]) for one in listed}
        for spec in self.specs:
            host, port = places[spec.serial]
            body = {
                "site": self.site, "kind": "camera", "name": spec.name, "host": host, "port": port,
                "username": "admin", "password": spec.password,
                "reset_email": self.mailbox[spec.serial],
            }  # fmt: skip
            assert self.alice.post("devices/", body).status == 201
        self._until("all cameras are taken in", lambda: self._managed() == len(self.specs))

    def _managed(self) -> int:
        found, path = 0, "devices/?limit=500"
        while path:
            page = self.look(path)
            found += sum(row["managed"] for row in page["results"])
            path = (page["next"] or "").removeprefix("/api/v1/")
        return found

    def power(self, spec: DeviceSpec, on: bool) -> None:
        ask(self.control, "POST", f"/devices/{spec.serial}/power", {"on": on})

    def opens_with_its_first(self, spec: DeviceSpec) -> bool:
        login = {"username": "admin", "password": spec.password}
        answer = ask(self.control, "POST", f"/devices/{spec.serial}/opens", login)
        return bool(answer.json["opens"])

    def passwords_set(self, spec: DeviceSpec) -> int:
        """How often it was given one, after it was taken in."""
        calls = ask(self.control, "GET", f"/devices/{spec.serial}/calls").json
        return int(calls.get("SetUser", 0))

    # --- calls ------------------------------------------------------------------------------------

    def look(self, path: str) -> Any:
        """Until there is an answer, also from the database."""

        def answered() -> Any:
            answer = self.alice.get(path)
            return answer.json if answer.status == 200 else None

        return self._until(f"an answer of {path}", answered)

    def see_to(self, path: str, body: Any, is_done: Callable[[], bool]) -> None:
        def attempt() -> bool:
            if is_done():
                return True
            with contextlib.suppress(Broken):
                answer = self.alice.post(path, body)
                assert answer.status < 300 or answer.status in (409, 500, 503), answer
            return is_done()

        self._until(path, attempt)

    def _until(self, what: str, look: Callable[[], Any]) -> Any:
        return until(what, look, self.patience)

    # --- the campaign -----------------------------------------------------------------------------

    def planned(self, at_once: int) -> str:
        body = {
            "place": self.site, "kind": "reset", "name": "All", "reason": "Handed over",
            "ends_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            "settings": {"canary": 0, "at_once": at_once, "stop_share": 0},
        }  # fmt: skip
        answer = self.alice.post("campaigns/", body)
        assert answer.status == 201, answer
        id_ = str(answer.json["id"])
        self._until("drawn up", lambda: self.facts(id_)["phase"] == "awaiting_approval")
        digest = {"digest": self.ada.get(f"campaigns/{id_}/").json["digest"]}
        agreed = self.ada.post(f"campaigns/{id_}/approve-campaign/", digest)
        assert agreed.status == 200, agreed
        return id_

    def facts(self, campaign: str) -> dict[str, Any]:
        found: dict[str, Any] = self.look(f"campaigns/{campaign}/")
        return found

    def counts(self, campaign: str) -> Counter[str]:
        return +Counter(self.facts(campaign)["counts"])

    def parked(self, campaign: str, why: str) -> int:
        rows = self.look(f"campaigns/{campaign}/items/?standing=parked&limit=500")["results"]
        return sum(row["why"] == why for row in rows)

    def share_done(self, campaign: str) -> float:
        """As far as anybody can tell: without an answer, what was told last."""
        with contextlib.suppress(Broken):
            answer = ask(
                self.alice.port, "GET", f"/api/v1/campaigns/{campaign}/", headers=self.alice.headers
            )
            if answer.status == 200:
                counts = Counter(answer.json["counts"])
                self._share = 1 - (counts["waiting"] + counts["running"]) / counts.total()
        return self._share

    def steer(self, campaign: str, step: str, *phases: str) -> None:
        """A step of people's, until the campaign is in the last of the phases that follow."""

        def phase() -> str:
            return str(self.facts(campaign)["phase"])

        self.see_to(f"campaigns/{campaign}/{step}-campaign/", None, lambda: phase() in phases)
        self._until(f"it is {phases[-1]}", lambda: phase() == phases[-1])

    # --- codes and notices ------------------------------------------------------------------------

    def codes(self, campaign: str) -> dict[str, dict[str, Any]]:
        """How each mailbox stands."""
        rows = self.look(f"campaigns/{campaign}/codes/?limit=500")["results"]
        return {row["mailbox"]: row for row in rows}

    def send(self, campaign: str, mailbox: str) -> None:
        path = f"campaigns/{campaign}/codes/{self.codes(campaign)[mailbox]['id']}/send/"
        self.see_to(path, None, lambda: self.codes(campaign)[mailbox]["sends"] == 1)

    def deferred(self, campaign: str, mailboxes: set[str]) -> bool:
        """Whether people are told that the mail server does not take these codes."""
        codes = self.codes(campaign)
        return {codes[mailbox]["delivery"] for mailbox in mailboxes} == {"deferred"}

    def enter(self, campaign: str, mailbox: str) -> None:
        """The code that came, as soon as it comes."""
        code = self._until(f"a code for {mailbox}", partial(self._code, mailbox))
        path = f"campaigns/{campaign}/codes/{self.codes(campaign)[mailbox]['id']}/enter/"
        self.see_to(path, {"code": code}, lambda: self.codes(campaign)[mailbox]["verified"])

    def _code(self, mailbox: str) -> str:
        found = (CODE.search(mail.text) for mail in self.mail.mails(mailbox))
        return next((code[1] for code in found if code), "")

    def told_of_its_end(self) -> set[str]:
        """Who has had the mail that tells of the end of the campaign."""
        return {
            to
            for mail in self.mail.mails()
            if mail.subject.startswith(("The campaign has ended", "New passwords"))
            for to in mail.to
        }
