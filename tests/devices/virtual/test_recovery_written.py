"""What is sent to the recovery service of a device is taken as it is written, and bound."""

import json
import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devices.drivers import recovery, recovery_crypto
from devices.drivers.errors import BadAnswer
from devices.drivers.recovery_crypto import Completion, b64, fields
from devices.virtual.device import Character
from tests.devices.recovery_bench import Bench, activated, completion, flipped, outcome


@pytest.fixture
def bench() -> Bench:
    return activated()


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
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
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
