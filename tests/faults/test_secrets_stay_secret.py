"""No password, code or token of a run is found anywhere but where it belongs.

Searched: every row of every table (lists that were uploaded, what scans found, telemetry), the
database's own files or server log, the sessions unpacked, every file in `var`, what passed through
the broker, the mails' headers, the arguments and environments of all processes, what `up` said, and
every answer of pages and API. Allowed: a code in the body of its mail; a password or token in the
one answer that is there to show it.

The virtual fleet plays in the test's own process, without its memory file: that one holds passwords
in clear, as the flash of a real device does, and is no part of the product. `up` runs without the
demo, whose printout (and `var/demo.json`) is there to tell passwords.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import logging
import re
import secrets
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from devices.drivers import Address, Login, driver, http
from devices.drivers.errors import DeviceError
from devices.virtual import ThreadedFleet, fleet_in_thread, uniform_scenario
from tests.faults.conftest import OwnServers
from tests.faults.console import Console
from tests.faults.rekey import Api, Up, ask, code_mails, inside, until
from tests.faults.searching import Found, Secret, search
from tests.faults.taking_in import TakingIn, recovery_key_in, specs, tokens_heard
from tests.faults.walks import begin
from tests.faults.watching import Watch, watching

MAILED = "what a mail says that was not asked for"
SPECS = uniform_scenario(seed=17, count=2, port_base=0)
OTHERS = specs(seed=17)


def made_up(what: str) -> str:
    """A password that is surely no other's."""
    return f"Made-up-{what}-{secrets.token_hex(4)}"


class Run:
    """All that people do with secrets, right and wrong, and the secrets that they do it with."""

    def __init__(self, up: Up, fleet: ThreadedFleet) -> None:
        self.environment = up.environment
        self.web, self.inbox = (int(up.environment[f"REKEY_{n}_PORT"]) for n in ("WEB", "INBOX"))
        self.secrets: list[Secret] = []
        alice = self.secret("Alice's password", made_up("alice"))
        facts = inside(self.environment, "prepare", password=alice)
        self.site, self.email, self.alice = facts["site"], facts["email"], alice
        token = self.token("a token", facts["token"])
        self.api, self.shown = Api(self.web, token), Api(self.web, token)
        self.console = Console(self.web)
        self.allowed: set[str] = set()  # pages that are there to show a secret
        self.fleet = fleet

    def secret(self, name: str, text: str) -> str:
        self.secrets.append(Secret(name, text))
        return text

    def token(self, name: str, text: str) -> str:
        """It is its secret part that counts; its hash is what the table of tokens is made of."""
        self.secrets.append(Secret(name, text.rpartition("_")[2], digests=False))
        return text

    def code(self, reset: str) -> str:
        def arrived() -> str | None:
            return next((m.code for m in code_mails(self.inbox) if m.reset == reset), None)

        found = until("a mail with a code", arrived)
        self.secret(f"the code of {reset}", found.replace(" ", ""))
        return found

    def wrong_code(self) -> str:
        return self.secret("a wrong code", str(secrets.randbelow(9 * 10**7) + 10**7))

    # --- by API -----------------------------------------------------------------------------------

    def by_api(self) -> str:
        spec = SPECS[0]
        host, port = self.fleet.address(spec.serial)
        body = {
            "site": self.site, "kind": "camera", "name": "Gate", "host": host, "port": port,
            "username": "admin", "password": self.secret("typed on adding", spec.password),
            "reset_email": "gate@example.com",
        }  # fmt: skip
        device: str = self.api.post("devices/", body, **key()).json["id"]
        self.taken_in(device)
        self.reset_by_api(device, self.secret("typed by API", made_up("api")))
        self.fleet.change_password(
            spec.serial, "admin", self.secret("set on the device", made_up("elsewhere"))
        )
        self.api.post(f"devices/{device}/check/")
        until("found out", lambda: self.api.get(f"devices/{device}/").json["certified"] is False)
        self.reset_by_api(device, None)
        return device

    def reset_by_api(self, device: str, typed: str | None) -> None:
        here = f"resets/{begin(self.api, device, 'lost')}"
        self.expect(200, self.api.post(f"{here}/send-code/", **key()))
        code = self.code(here.rpartition("/")[2])
        self.expect(422, self.api.post(f"{here}/verify-code/", {"code": self.wrong_code()}))
        self.expect(422, self.api.post(f"{here}/verify-code/", {"code": f"{code}7"}))
        self.expect(400, self.api.post(f"{here}/verify-code/", {"code": int(code[:4])}))
        self.expect(400, self.api.post(f"{here}/verify-code/", {"cod": self.wrong_code()}))
        self.expect(200, self.api.post(f"{here}/verify-code/", {"code": code}, **key()))
        for weak in (made_up("a-much-too-long-one-for-any-device"), secrets.token_hex(3)):
            body = {"password": self.secret("refused", weak)}
            self.expect(422, self.api.post(f"{here}/choose-password/", body, **key()))
        listed = {"password": [self.secret("in a list", made_up("listed"))]}
        self.expect(400, self.api.post(f"{here}/choose-password/", listed))
        self.expect(200, self.api.post(f"{here}/choose-password/", {"password": typed or ""}))
        until("done", lambda: self.api.get(f"{here}/").json["phase"] == "done")

    def bad_tokens(self, device: str) -> None:
        for name, bad in (
            ("a forged token", f"rk_{secrets.token_hex(16)}_{secrets.token_hex(32)}"),
            ("a token that is none", secrets.token_hex(20)),
        ):
            other = Api(self.web, self.token(name, bad))
            self.expect(401, other.get("devices/"))
            typed = self.secret("sent by nobody", made_up("nobody"))
            self.expect(401, other.post(f"devices/{device}/resets/", {"reason": typed}))
            self.api.bodies += other.bodies

    # --- in the console ---------------------------------------------------------------------------

    def in_the_console(self) -> None:
        page, spec = self.console, SPECS[1]
        bad = self.secret("a wrong sign-in", made_up("sign-in"))
        page.fill_in("/account/login/", login=self.email, password=bad)
        self.expect(200, page.fill_in("/account/login/", login=self.email, password=self.alice))
        host, port = self.fleet.address(spec.serial)
        typed = self.secret("typed in the console", spec.password)
        self.expect(
            200,
            page.fill_in(
                "/devices/add/", site=self.site, kind="camera", name="Hall", host=host,
                port=str(port), username="admin", password=typed, reset_email="hall@example.com",
            ),
        )  # fmt: skip
        rows = self.api.get("devices/", q="Hall").json["results"]
        device = rows[0]["id"]
        self.taken_in(device)

        self.expect(200, page.fill_in(f"/devices/{device}/reset/", reason="lost"))
        [row] = self.api.get("resets/", device=device).json["results"]
        here = f"/resets/{row['id']}/"
        self.by_qr(here)
        code = self.code(row["id"])
        self.expect(422, page.fill_in(here, code=self.wrong_code()))
        self.expect(200, page.fill_in(here, code=code))
        self.expect(422, page.fill_in(here, password=self.secret("weak", made_up("w" * 30))))
        self.expect(200, page.fill_in(here, password=self.secret("typed", made_up("page"))))
        until("done", lambda: self.api.get(f"resets/{row['id']}/").json["phase"] == "done")
        page.get(here), page.get(f"/devices/{device}/"), page.get("/history/"), page.get("/")
        self.not_me()

        revealing = f"/devices/{device}/reveal/admin/"
        self.expect(200, page.fill_in(revealing, password=self.alice))  # a fresh sign-in
        self.showing(page.fill_in(revealing, reason="to compare"))
        words = self.secret("the passphrase of a file", made_up("words"))
        taking = {"reason": "to carry", "form": "csv", "passphrase": words}
        left = page.fill_in(f"/hand-over/?device={device}", **taking, again=words)
        assert left.body.startswith("-----BEGIN AGE ENCRYPTED FILE-----")
        made = self.showing(page.fill_in("/account/tokens/", name="mine"))
        self.token("made in the console", re.findall(r"rk_[0-9a-f]+_[0-9a-f]+", made.body)[0])
        page.get("/account/tokens/")

    def by_qr(self, here: str) -> None:
        """The code is sent by phone. A page that was sent a token gives it back with its button."""
        page = self.console
        shown = self.showing(page.press(here, f"{here}show-qr/"))
        token = self.token("a QR's", re.findall(r"/phone/#([A-Z2-7]{56})", shown.body)[0])
        wrong = self.token("a QR that is none", token[:-20] + secrets.token_hex(10).upper())
        self.expect(422, page.fill_in("/phone/", token=wrong))
        self.showing(page.fill_in("/phone/", token=token))
        self.expect(200, page.go_on(token=token, do="yes"))

    def not_me(self) -> None:
        """Said too late, so that nothing but an event comes of it."""
        page = self.console
        newest = ask(self.inbox, "GET", "/api/mails?limit=50").json  # notices among them
        said = re.findall(r"/not-me/#([A-Z2-7]{56})", "".join(one["text"] for one in newest))[0]
        self.token(MAILED, said)
        self.showing(page.fill_in("/not-me/", token=said))
        self.expect(200, page.go_on(token=said, do="yes"))

    def showing(self, answer: Any) -> Any:
        """The answer that is there to show a secret."""
        assert answer.status in (200, 201)
        self.allowed.add(list(self.console.told)[-1])
        return answer

    # --- both -------------------------------------------------------------------------------------

    def taken_in(self, device: str) -> None:
        until("taken in", lambda: self.api.get(f"devices/{device}/").json["managed"])

    def expect(self, status: int, answer: Any) -> None:
        assert answer.status == status, answer


def key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


# --- where it is looked for -----------------------------------------------------------------------


def places_of(
    run: Run, up: Up, servers: OwnServers, watch: Watch, dump: dict[str, Any]
) -> dict[str, bytes]:
    found: dict[str, bytes] = dict(watch.seen)
    for table, rows in dump["tables"].items():
        found[f"table {table}"] = "\n".join(rows).encode()
    found["sessions"] = "\n".join(dump["sessions"]).encode()
    for path in up.var.rglob("*"):
        if path.is_file() and path.suffix != ".eml":
            found[f"file {path.relative_to(up.var)}"] = path.read_bytes()
    if servers.database and servers.broker:
        found["server log"] = servers.database.log.read_bytes()
        with redis.Redis.from_url(servers.broker.url) as client:
            for name in client.scan_iter():
                found[f"broker key {name!r}"] = bytes(name) + (client.dump(name) or b"")
    found["up"] = "".join(up.said).encode()
    for number, body in enumerate(run.api.bodies):
        found[f"answer {number}"] = body.encode()
    found |= {name: b for name, b in run.console.told.items() if name not in run.allowed}
    return found | {name: head for name, (head, _) in mails_of(up).items()}


def mails_of(up: Up) -> dict[str, tuple[bytes, bytes]]:
    """The headers of each mail with those of its parts, and its bodies."""
    found = {}
    for path in (up.var / "mail").glob("*.eml"):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        heads, bodies = [], []
        for part in mail.walk():
            heads += [f"{name}: {value}" for name, value in part.items()]
            if not part.is_multipart():
                bodies.append(str(part.get_content()))
        raw = path.read_bytes().partition(b"\r\n\r\n")[0]
        found[f"mail {path.name}"] = raw + "\n".join(heads).encode(), "\n".join(bodies).encode()
    return found


# --- planted, so that it is known that the search finds -------------------------------------------


@contextmanager
def planted(up: Up, servers: OwnServers, watch: Watch) -> Iterator[dict[str, Secret]]:
    """A secret in each kind of place, by the place that it has to be found in."""
    kept = [
        "table planted", "sessions", "file log/worker-1.log", "mail planted.eml", "process",
        "broker", "file db.sqlite3", "server log",
    ]  # fmt: skip
    here = {place: Secret(place, made_up("planted")) for place in kept}
    inside(up.environment, "plant", text=here["table planted"].text, session=here["sessions"].text)
    with (up.var / "log" / "worker-1.log").open("a") as log:
        log.write(f"{{'event': 'logged in', 'with': '{here['file log/worker-1.log'].text}'}}\n")
    in_a_header = f"Subject: Hello\r\nX-Note: {here['mail planted.eml'].text}\r\n\r\nbody"
    (up.var / "mail" / "planted.eml").write_text(in_a_header)
    if servers.database and servers.broker:
        import psycopg

        with psycopg.connect(servers.database.url) as connection, connection.cursor() as cursor:
            try:
                cursor.execute(f"SELECT '{here['server log'].text}'::integer")
            except psycopg.Error:
                connection.rollback()
        with redis.Redis.from_url(servers.broker.url) as client:
            client.publish("planted", here["broker"].text)
        del here["file db.sqlite3"]
    else:
        draft = up.var / "broker" / "planted.draft"
        draft.write_text(here["broker"].text)
        draft.rename(up.var / "broker" / "queue" / "1.planted.msg")
        here["file db.sqlite3"] = here["table planted"]
        del here["server log"]
    running = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", here["process"].text]
    )
    try:
        for place in ("process", "broker"):
            pattern = here[place].text.encode()
            until(
                f"{place} is seen", lambda p=pattern: any(p in c for c in list(watch.seen.values()))
            )
        yield here
    finally:
        running.kill()
        running.wait()


def test_no_secret_is_found_anywhere_but_where_it_belongs(own_servers: OwnServers) -> None:
    # The most talkative, and sweeping all the time.
    talkative = {"REKEY_LOG_LEVEL": "DEBUG", "REKEY_SWEEP_DEVICES_SECONDS": "1"}
    own = own_servers.environment | talkative
    files = None if own_servers.broker else Path(own["REKEY_VAR"], "broker", "queue")
    redis_url = own_servers.broker.url if own_servers.broker else None
    with (
        fleet_in_thread(SPECS + OTHERS) as fleet,
        tokens_heard() as tokens,
        watching(files, redis_url) as watch,
    ):
        up = Up(own, "--no-virtual-fleet", "--workers", "1")
        try:
            up.wait_until_ready()
            run = Run(up, fleet)
            device = run.by_api()
            run.bad_tokens(device)
            run.in_the_console()
            TakingIn(run.api, run.site, fleet, OTHERS, run.secret).do_all()
            run.shown.post(f"devices/{device}/reveal/", {"reason": "to compare"}, **key())
            with planted(up, own_servers, watch) as here:
                dump = inside(own, "dump")
                places = places_of(run, up, own_servers, watch, dump)
            bodies = {name: body for name, (_, body) in mails_of(up).items()}
        finally:
            up.stop()

    typed = {secret.text for secret in run.secrets}
    of_vault = [Secret("from the vault", p) for p in dump["passwords"] if p not in typed]
    assert len(of_vault) >= 8, "generated ones, Rekey's own accounts, a list and a recovery key"
    [recovery] = {raw for p in dump["passwords"] if (raw := recovery_key_in(p))}
    of_vault.append(Secret("the recovery key in hex", recovery.hex()))
    assert len(tokens) >= 2, "the recorder gave away an access and a refresh token"
    of_recorder = [Secret("a recorder's token", token) for token in tokens]
    looked_for = run.secrets + of_vault + of_recorder
    kept = ("import", "import_file", "telemetry", "scan", "discovered")
    for table in kept:
        assert dump["tables"][table], f"nothing in the table {table} to be searched"
    codes = [s for s in looked_for if s.name.startswith("the code of") or s.name == MAILED]
    others = [secret for secret in looked_for if secret not in codes]
    print(
        f"\n{len(looked_for)} secrets, {len(codes)} of them codes, looked for in {len(places)}"
        f" places with {sum(map(len, places.values())) / 1e6:.1f} MB"
    )

    # The search finds what is there to be found: what was planted, and the codes in their mails.
    for place, secret in here.items():
        found = {hit.place for hit in search(places, [secret])}
        assert any(name.startswith(place) for name in found), f"not found: {place}"
    forms = {hit.form for hit in search(places, [here["table planted"]])}
    assert {"plain", "hex"} <= forms
    assert {hit.secret for hit in search(bodies, codes)} == {code.name for code in codes}
    assert any("fleet.eventstore.tasks.run" in str(c) for c in places.values())
    assert any(name.startswith("broker") for name in places)

    assert _told(search(places, looked_for)) == []
    assert _told(search(bodies, others)) == []


def test_a_token_in_the_address_of_a_recorders_page_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Their API renews a token by a GET with the old one in its query."""
    recorder = OTHERS[-1]
    caplog.set_level(logging.DEBUG)
    asked: list[str] = []

    async def renewed_and_refused(host: str, port: int, power: Any) -> list[str]:
        said: list[str] = []
        pin = await http.certificate_of(Address(host, port, tls=True))
        device = driver("vigi_nvr", Address(host, port, tls=True, pin=pin))
        login = Login("admin", recorder.password)
        for last in (False, False, True):
            if last:
                await asyncio.to_thread(power)
            try:
                await device.channels(login)
            except DeviceError as error:
                said += traceback.format_exception(error)
            device._session = replace(device._session, until=0.0)  # type: ignore[attr-defined]
        return said

    with fleet_in_thread([recorder]) as fleet, tokens_heard(asked) as tokens:
        host, port = fleet.address(recorder.serial, "vigi_nvr")
        said = asyncio.run(
            renewed_and_refused(host, port, lambda: fleet.power(recorder.serial, False))
        )
    assert any("refresh_token=" in target for target in asked), "it was renewed by its address"
    assert said, "the last renewal went wrong"
    places = {"log": caplog.text.encode(), "error": "".join(said).encode()}
    assert len(tokens) >= 4
    assert _told(search(places, [Secret("a token", token) for token in tokens])) == []


def _told(found: set[Found]) -> list[str]:
    return sorted(f"{hit.secret}, as {hit.form}, in {hit.place}" for hit in found)
