"""The recovery protocol on the device's side, asked byte by byte as the README has it."""

import hmac
import json
import re
import secrets
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devices.drivers import recovery, recovery_answers, recovery_crypto
from devices.drivers.errors import BadAnswer
from devices.drivers.recovery_crypto import Completion, b64, fields, unb64
from devices.virtual import recovery_service, recovery_wire
from devices.virtual.device import Character, Device
from devices.virtual.recovery_service import RecoveryService
from devices.virtual.scenario import uniform_scenario
from devices.virtual.service import Request
from tests.devices.recovery_bench import README, ROOT, Bench, flipped, password, vector


@pytest.fixture
def bench() -> Bench:
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


# -- what is bound ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"username": "other"},
        {"serial": "22"},
        {"value": bytes(32)},
        {"recovery_key": bytes(32)},
        {"nonce": bytes(12)},
        {"challenge": b64(bytes(8))},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_proof_for_something_else_does_not_fit(bench: Bench, other: dict[str, Any]):
    asked = bench.said("challenge")
    right, elsewhere = completion(bench, asked), completion(bench, asked, **other)
    mixed = {**right, **{name: elsewhere[name] for name in ("sealed", "code_proof", "key_proof")}}
    said = bench.said("complete", **mixed)
    assert (said["outcome"], said["mac"]) == ("proof_refused", None)
    assert bench.device.opens("admin", bench.device.spec.password)
    assert bench.device.flash["recovery wrong codes"] == "0"


@pytest.mark.parametrize("field", ["nonce", "sealed", "code_proof", "key_proof"])
def test_a_changed_field_is_refused(bench: Bench, field: str):
    request = completion(bench, bench.said("challenge"))
    said = bench.said("complete", **{**request, field: flipped(request[field])})
    assert said["outcome"] == "proof_refused"


def test_each_signed_answer_is_signed_for_its_outcome_and_detail(bench: Bench):
    asked = bench.said("challenge")
    for options in ({"right": False}, {"new": "short"}, {"username": "nobody"}, {}, {}):
        nonce = secrets.token_bytes(12)
        said = bench.said("complete", **completion(bench, asked, nonce=nonce, **options))
        made = Completion(
            bench.key, asked["challenge"], b"", bench.serial,
            str(options.get("username", "admin")), nonce,
        )  # fmt: skip
        assert said["mac"] == b64(made.answer_mac(said["outcome"], said["detail"]))


# -- activation ------------------------------------------------------------------------------------


def test_a_key_of_activation_is_shown_for_five_minutes_and_taken_for_ten(
    monkeypatch: pytest.MonkeyPatch,
):
    made = Bench()
    monkeypatch.setattr(recovery, "request", made.request)

    def shown() -> str:
        key: str = json.loads(made.ask("info", method="GET").body)["activation"]["key"]
        return key

    first = shown()
    made.now += 300
    assert shown() == first
    made.now += 1
    assert shown() != first
    made.restart()
    request = {"key": b64(b"\x09" + bytes(31)), "nonce": b64(bytes(12)), "sealed": b64(bytes(528))}
    key = shown()
    made.now += 601
    assert made.said("activate", device_key=key, **request)["outcome"] == "key_void"
    key = shown()
    assert made.said("activate", device_key=key, **request)["outcome"] == "proof_refused"
    assert made.said("activate", device_key=key, **request)["outcome"] == "key_void"
    made.activate()  # another attempt has another key
    assert made.said("activate", device_key=key, **request)["outcome"] == "not_fresh"


def test_a_point_of_small_order_is_malformed():
    made = Bench()
    key = json.loads(made.ask("info", method="GET").body)["activation"]["key"]
    said = made.said(
        "activate", device_key=key, key=b64(bytes(32)), nonce=b64(bytes(12)), sealed=b64(bytes(528))
    )
    assert (said["status"], said["outcome"]) == (400, "malformed")


def test_a_device_set_back_to_the_factory_is_fresh_and_keeps_its_fingerprint(bench: Bench):
    printed = bench.service.fingerprint
    bench.device.factory_reset()
    assert json.loads(bench.ask("info", method="GET").body)["state"] == "fresh"
    assert bench.said("challenge")["outcome"] == "fresh"
    assert bench.service.fingerprint == printed
    assert Bench({"serial": "other"}).service.fingerprint != printed


def test_a_challenge_does_not_outlive_the_key_it_was_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(recovery, "request", bench.request)
    asked = bench.said("challenge")
    bench.device.factory_reset()
    bench.activate()
    assert outcome(bench, asked) == ("challenge_void", "")


@pytest.mark.parametrize("spoilt", ["padding", "length", "key"])
def test_what_was_sealed_otherwise_than_written_is_refused(
    monkeypatch: pytest.MonkeyPatch, spoilt: str
):
    class Spoilt:
        def __init__(self, key: bytes) -> None:
            self.honest = AESGCM(key)

        def encrypt(self, nonce: bytes, data: bytes, aad: bytes) -> bytes:
            data = {
                "padding": data[:-1] + b"x",
                "length": b"\xff\xff" + data[2:],
                "key": data.rstrip(b"\0")[:-34] + fields(bytes(31)).ljust(34, b"\0"),
            }[spoilt].ljust(512, b"\0")
            return self.honest.encrypt(nonce, data, aad)

    made = Bench(key=b"k" * 32)
    monkeypatch.setattr(recovery, "request", made.request)
    monkeypatch.setattr(recovery_crypto, "AESGCM", Spoilt)
    with pytest.raises(BadAnswer):
        made.activate()
    assert json.loads(made.wire[-1])["outcome"] == "proof_refused"
    assert made.device.fresh


def test_base64url_is_taken_in_its_one_form_only(bench: Bench):
    request = completion(bench, bench.said("challenge"))
    last = request["key_proof"][-1]
    loose = chr(ord(last) + 1)  # the two bits at the end count for nothing
    for other in (request["key_proof"][:-1] + loose, request["key_proof"] + "="):
        said = bench.said("complete", **{**request, "key_proof": other})
        assert (said["status"], said["outcome"]) == (400, "malformed")
    assert bench.said("complete", **request)["outcome"] == "done"


def test_a_liar_says_done_and_does_nothing():
    liar = Bench({"fresh": False, "character": Character.LIAR})
    liar.device.flash.update({"recovery key": liar.key.hex(), "recovery wrong codes": "0"})
    assert outcome(liar, liar.said("challenge")) == ("done", "")
    assert liar.device.opens("admin", liar.device.spec.password)


# -- hostile bodies --------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=8,
)
_near = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(
            [b64(bytes(size)) for size in (8, 12, 32, 176, 528)] + ["", "=", "Ä", "\ud800", 7]
        )
        for name in (
            "challenge", "username", "nonce", "sealed", "code_proof", "key_proof", "device_key",
            "key",
        )
    },
)  # fmt: skip


@given(
    call=st.sampled_from(["activate", "complete"]),
    fresh=st.booleans(),
    body=st.binary(max_size=200) | st.builds(lambda j: json.dumps(j).encode(), _near | _json),
)
@example(call="complete", fresh=False, body=b"[" * 4096)
@example(call="complete", fresh=False, body=b'{"a":' * 800)
@example(call="activate", fresh=True, body=b"1" * 4000)
@example(call="complete", fresh=False, body=b"{}" + b" " * 4095)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_the_answer_is_a_refusal_as_written(
    bench: Bench, call: str, fresh: bool, body: bytes
):
    made = Bench() if fresh else bench
    made.ask("info", method="GET")
    flash = dict(made.device.flash)
    reply = made.ask(call, body)
    assert reply.status == 413 if len(body) > 4096 else 400 <= reply.status < 500
    said = json.loads(reply.body)
    assert set(said) == {"outcome", "detail", "mac"}
    assert said["mac"] is None or said["outcome"] == "challenge_void"
    assert made.device.flash == flash and made.device.fresh is fresh


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 404),
        ("GET", "nothing", 404),
        ("POST", "info", 405),
        ("HEAD", "info", 405),
        ("GET", "challenge", 405),
        ("GET", "info?x=1", 200),
        ("GET", "//[", 404),
    ],
)
def test_paths_and_methods(bench: Bench, method: str, path: str, status: int):
    assert bench.ask(path, method=method).status == status


def test_a_page_in_a_browser_is_refused(bench: Bench):
    reply = bench.ask("challenge", origin="https://example.com")
    assert (reply.status, json.loads(reply.body)["outcome"]) == (400, "malformed")


def test_half_a_mebibyte_is_too_large(bench: Bench):
    assert bench.ask("complete", b"x" * 500_000).status == 413
