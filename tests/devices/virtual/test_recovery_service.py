"""The recovery protocol on the device's side, asked byte by byte as the README has it."""

import hmac
import json
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from devices.drivers import recovery_answers
from devices.drivers.recovery_crypto import b64, unb64
from devices.virtual import recovery_service, recovery_wire
from devices.virtual.device import Device
from devices.virtual.recovery_service import RecoveryService
from devices.virtual.scenario import uniform_scenario
from devices.virtual.service import Request
from tests.devices.recovery_bench import (
    README,
    ROOT,
    Bench,
    activated,
    completion,
    outcome,
    vector,
)


@pytest.fixture
def bench() -> Bench:
    return activated()


def wrong_codes(bench: Bench, count: int) -> None:
    """So many wrong codes in a row, waiting for as long as the device says."""
    for _ in range(count):
        asked = bench.said("challenge")
        if asked.get("outcome") == "locked":
            bench.now += int(asked["detail"])
            asked = bench.said("challenge")
        assert outcome(bench, asked, right=False)[0] == "code_refused"


# -- the README's vector ---------------------------------------------------------------------------


class Scripted(Device):
    """A device whose chance is the vector's."""

    __slots__ = ("script",)

    def random_bytes(self, count: int) -> bytes:
        drawn: bytes = self.script.pop(0)
        assert len(drawn) == count
        return drawn


def test_the_device_and_the_readmes_vector_agree_byte_by_byte(monkeypatch: pytest.MonkeyPatch):
    v = vector()
    spec = replace(uniform_scenario(1, 1, port_base=0)[0], serial=v["serial"], fresh=True)
    device = Scripted(spec)
    device.script = [v["e"], unb64(v["challenge"]), v["value"]]
    monkeypatch.setattr(RecoveryService, "_identity", v["s"])
    service = RecoveryService(device)

    def said(call: str, method: str = "POST", **given: str) -> dict[str, Any]:
        body = json.dumps(given).encode()
        return json.loads(service.answer(Request(method, ROOT + call, {}, body, "", 0)).body)

    assert service.fingerprint == v["fingerprint"].hex()
    info = said("info", "GET")
    assert info["activation"] == {"key": b64(v["E"]), "identity": b64(v["S"])}
    done = said(
        "activate",
        device_key=b64(v["E"]),
        key=b64(v["R"]),
        nonce=b64(v["nonce of T"]),
        sealed=b64(v["sealed of T"]),
    )
    assert done == {"outcome": "done", "detail": "", "mac": b64(v["mac of T, done"])}
    assert device.opens(v["username"], v["first password"])
    assert device.flash["recovery email"] == v["email"]

    assert said("challenge") == {
        "challenge": v["challenge"],
        "value": b64(v["value"]),
        "expires_in": 600,
        "tries_left": 5,
    }
    done = said(
        "complete",
        challenge=v["challenge"],
        username=v["username"],
        nonce=b64(v["nonce"]),
        sealed=b64(v["sealed"]),
        code_proof=b64(v["code_proof"]),
        key_proof=b64(v["key_proof"]),
    )
    assert done == {"outcome": "done", "detail": "", "mac": b64(v["mac, done"])}
    assert device.opens(v["username"], v["new password"])


def test_the_readmes_table_of_outcomes_is_the_devices_and_the_drivers():
    rows = re.findall(
        r"^\| `(\w+)` \| (\d{3})\b[^|]*\|[^|]*\| ([^|]*) \|([^|]*)\|$",
        README.read_text(encoding="utf-8").partition("## The recovery protocol")[2],
        re.MULTILINE,
    )
    assert {name: int(status) for name, status, *_ in rows} == recovery_wire._STATUS
    unsigned = {name for name, _, _, means in rows if "no MAC" in means}
    assert unsigned == recovery_answers._UNSIGNED
    with_detail = {"done", "locked", "code_refused", "password_refused"}
    assert {name for name, *_ in rows} == set(recovery_answers._REFUSALS) | with_detail


# -- challenges ------------------------------------------------------------------------------------


def test_a_new_challenge_voids_the_old(bench: Bench):
    first, second = bench.said("challenge"), bench.said("challenge")
    assert first["value"] != second["value"] and first["challenge"] != second["challenge"]
    assert outcome(bench, first) == ("challenge_void", "")
    assert outcome(bench, second) == ("done", "")


def test_a_challenge_lives_for_ten_minutes(bench: Bench):
    asked = bench.said("challenge")
    bench.now += 599.9
    assert outcome(bench, asked, right=False) == ("code_refused", "4")
    bench.now += 0.1
    assert outcome(bench, asked) == ("challenge_void", "")


def test_a_restart_voids_a_challenge(bench: Bench):
    asked = bench.said("challenge")
    bench.restart()
    assert outcome(bench, asked) == ("challenge_void", "")


def test_a_challenge_is_answered_once(bench: Bench):
    asked = bench.said("challenge")
    assert outcome(bench, asked) == ("done", "")
    assert outcome(bench, asked) == ("challenge_void", "")


def test_a_recorded_wrong_code_costs_no_second_try(bench: Bench):
    asked = bench.said("challenge")
    request = completion(bench, asked, right=False)
    assert bench.said("complete", **request)["outcome"] == "code_refused"
    for _ in range(6):
        assert bench.said("complete", **request)["outcome"] == "replayed"
    assert outcome(bench, asked, right=False) == ("code_refused", "3")


def test_a_challenge_takes_sixteen_requests_at_most(bench: Bench):
    asked = bench.said("challenge")
    for _ in range(16):
        assert outcome(bench, asked, new="short") == ("password_refused", "too_short")
    assert outcome(bench, asked) == ("challenge_void", "")


def test_a_seeded_device_repeats_and_an_unseeded_one_never_does():
    def challenge(seed: str) -> Any:
        made = Bench({"fresh": False, "seed": seed})
        made.device.flash.update({"recovery key": bytes(32).hex(), "recovery wrong codes": "0"})
        return made.said("challenge")

    assert challenge("7") == challenge("7")
    assert challenge("7") != challenge("8")
    assert challenge("")["value"] != challenge("")["value"]


# -- tries -----------------------------------------------------------------------------------------


def test_a_new_challenge_gives_no_try_back(bench: Bench):
    for left in (4, 3, 2, 1, 0):
        asked = bench.said("challenge")
        assert asked["tries_left"] == left + 1
        assert outcome(bench, asked, right=False) == ("code_refused", str(left))
    assert bench.said("challenge")["outcome"] == "locked"


def test_the_wait_doubles_to_an_hour_and_the_hundredth_wrong_code_closes(bench: Bench):
    waits = []
    for _ in range(19):
        wrong_codes(bench, 5)
        said = bench.said("challenge")
        assert (said["status"], said["outcome"], said["mac"]) == (429, "locked", None)
        waits.append(int(said["detail"]))
    assert waits == [30, 60, 120, 240, 480, 960, 1920] + [3600] * 12
    wrong_codes(bench, 5)
    bench.now += 10**9
    assert (bench.said("challenge")["status"], bench.said("challenge")["outcome"]) == (
        403,
        "closed",
    )
    bench.restart()
    assert bench.said("challenge")["outcome"] == "closed"


def test_the_count_and_the_lock_outlive_a_restart(bench: Bench):
    wrong_codes(bench, 4)
    bench.restart()
    assert bench.said("challenge")["tries_left"] == 1
    wrong_codes(bench, 1)
    bench.now += 29
    bench.restart()
    assert bench.said("challenge")["detail"] == "30"  # it cannot know how long it was off
    bench.now += 30
    assert bench.said("challenge")["tries_left"] == 5


def test_a_lock_counts_down_in_whole_seconds(bench: Bench):
    wrong_codes(bench, 5)
    bench.now += 29.5
    assert bench.said("challenge")["detail"] == "1"


def test_while_it_is_locked_no_code_is_looked_at(bench: Bench):
    asked = bench.said("challenge")
    for _ in range(5):
        outcome(bench, asked, right=False)
    assert outcome(bench, asked) == ("locked", "30")


def test_a_right_code_sets_the_count_to_nothing(bench: Bench):
    wrong_codes(bench, 4)
    assert outcome(bench, bench.said("challenge")) == ("done", "")
    assert bench.said("challenge")["tries_left"] == 5


def test_nobody_without_the_key_can_spend_a_try(bench: Bench):
    asked = bench.said("challenge")
    for _ in range(20):
        assert outcome(bench, asked, recovery_key=bytes(32)) == ("proof_refused", "")
    assert bench.said("challenge")["tries_left"] == 5


def test_a_try_is_written_down_before_the_answer(bench: Bench):
    body = json.dumps(completion(bench, bench.said("challenge"), right=False)).encode()
    reply = bench.ask("complete", body)
    assert reply.changed
    assert not bench.ask("challenge").changed


def test_the_code_is_compared_in_constant_time_after_the_try_is_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    compared = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other, bench.device.flash["recovery wrong codes"]))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(recovery_service, "hmac", SimpleNamespace(compare_digest=compare_digest))
    request = completion(bench, bench.said("challenge"))
    assert bench.said("complete", **request)["outcome"] == "done"
    key_proof, code_proof = unb64(request["key_proof"]), unb64(request["code_proof"])
    assert compared == [(key_proof, key_proof, "0"), (code_proof, code_proof, "1")]
