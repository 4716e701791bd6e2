"""The recovery protocol with somebody in between, and with devices that answer otherwise."""

import asyncio
import hmac
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devices.drivers import recovery, recovery_answers
from devices.drivers.base import Address, Challenge, Identity, Login
from devices.drivers.errors import BadAnswer, ChallengeVoid, DeviceError, NotSupported
from devices.drivers.http import Answer
from devices.drivers.recovery_answers import KeyRefused, WrongFingerprint
from devices.drivers.recovery_crypto import b64, unb64
from tests.devices.recovery_bench import Bench, flipped, password, run


def test_a_fingerprint_may_be_typed_in_any_grouping(bench: Bench):
    printed = bench.service.fingerprint
    grouped = " ".join(printed[i : i + 4] for i in range(0, 32, 4)).upper()
    bench.activate(fingerprint=grouped)
    assert not bench.device.fresh


def test_with_a_fingerprint_nothing_is_sent_to_somebody_between(bench: Bench):
    printed = bench.service.fingerprint

    def swapped(call: str, answer: Answer) -> Answer:
        info = json.loads(answer.body)
        own = b64(X25519PrivateKey.generate().public_key().public_bytes_raw())
        info["activation"] = {"key": own, "identity": own}
        return replace(answer, body=json.dumps(info).encode())

    bench.on_the_way_back = swapped
    with pytest.raises(WrongFingerprint):
        bench.activate(fingerprint=printed)
    assert len(bench.wire) == 2  # info alone
    assert bench.device.fresh


@pytest.mark.parametrize("field", ["device_key", "key", "nonce", "sealed"])
def test_a_changed_activation_does_nothing(bench: Bench, field: str):
    bench.on_the_way = lambda call, body: {**body, field: flipped(body[field])}
    with pytest.raises(BadAnswer):
        bench.activate()
    assert bench.device.fresh and not bench.device.flash


@pytest.mark.parametrize(
    "field", ["challenge", "username", "nonce", "sealed", "code_proof", "key_proof"]
)
def test_a_changed_completion_does_nothing_and_costs_no_try(ready: Bench, field: str):
    other = {"username": lambda text: "admix"}.get(field, flipped)
    challenge = ready.challenge()
    ready.on_the_way = lambda call, body: {**body, field: other(body[field])}
    ready.device.create_user("admix", password(), "Administrator")
    before = {name: user.password for name, user in ready.device.users.items()}
    with pytest.raises(DeviceError) as error:
        ready.complete(challenge)
    assert error.value.maybe_done
    assert {name: user.password for name, user in ready.device.users.items()} == before
    assert ready.device.flash["recovery wrong codes"] == "0"


def test_a_false_challenge_leads_to_nothing(ready: Bench):
    challenge = replace(ready.challenge(), value=bytes(32))
    with pytest.raises(KeyRefused):
        ready.complete(challenge)
    assert ready.device.opens("admin", ready.admin.password)


@pytest.mark.parametrize(
    "change",
    [
        {"mac": None},
        {"mac": b64(bytes(32))},
        {"outcome": "code_refused", "detail": "4"},
        {"outcome": "challenge_void"},
        {"outcome": "password_refused", "detail": "too_short"},
        {"detail": "0"},
        {"outcome": "locked", "detail": "3600", "mac": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("call", ["activate", "complete"])
def test_a_changed_answer_is_not_believed(bench: Bench, call: str, change: dict[str, Any]):
    def changed(asked: str, answer: Answer) -> Answer:
        if asked != call:
            return answer
        return replace(answer, body=json.dumps({**json.loads(answer.body), **change}).encode())

    bench.on_the_way_back = changed
    walk = [bench.activate, lambda: bench.complete(bench.challenge())]
    if call == "complete":
        walk.pop(0)()
    with pytest.raises(BadAnswer) as error:
        walk[0]()
    assert error.value.maybe_done


@pytest.mark.parametrize("outcome", sorted(recovery_answers._UNSIGNED))
def test_an_answer_without_a_mac_leaves_open_what_was_done(ready: Bench, outcome: str):
    body = json.dumps({"outcome": outcome, "detail": "", "mac": None}).encode()
    challenge = ready.challenge()
    ready.on_the_way_back = lambda call, answer: answer if call == "info" else Answer(400, {}, body)
    with pytest.raises(DeviceError) as error:
        ready.complete(challenge)
    assert error.value.maybe_done


def test_a_repeat_after_a_lost_answer_leaves_open_what_was_done(ready: Bench):
    challenge = ready.challenge()
    ready.complete(challenge)
    with pytest.raises(ChallengeVoid) as void:
        ready.complete(challenge)
    assert void.value.maybe_done


def test_an_answer_recorded_earlier_does_not_fit_another_request(ready: Bench):
    ready.complete(ready.challenge())
    recorded = ready.wire[-1]
    assert json.loads(recorded)["outcome"] == "done"
    ready.on_the_way_back = lambda call, answer: (
        replace(answer, status=200, body=recorded) if call == "complete" else answer
    )
    with pytest.raises(BadAnswer):
        ready.complete(ready.challenge())


def test_a_broken_connection_leaves_open_what_was_done_only_after_a_change(ready: Bench):
    ready.complete(ready.challenge())
    assert ready.changing == ["activate", "complete"]


def replaced(bench: Bench, call: str, status: int = 200, **content: Any) -> None:
    """Another answer to a call; a content given here takes the place of the device's."""
    bench.on_the_way_back = lambda asked, answer: (
        Answer(status, {}, json.dumps({**json.loads(answer.body), **content}).encode())
        if asked == call
        else answer
    )


def test_an_answer_over_4096_bytes_is_not_read(ready: Bench):
    replaced(ready, "info", more="x" * 4096)
    with pytest.raises(BadAnswer):
        run(ready.driver.is_fresh())


def test_a_device_without_the_protocol_or_of_another_version_does_not_offer_it(ready: Bench):
    replaced(ready, "info", status=404)
    with pytest.raises(NotSupported):
        run(ready.driver.is_fresh())
    replaced(ready, "info", protocol="rekey-recovery/2")
    with pytest.raises(NotSupported):
        run(ready.driver.is_fresh())


def test_a_challenge_is_not_refused_for_a_reason_that_belongs_elsewhere(ready: Bench):
    replaced(ready, "challenge", status=403, outcome="code_refused", detail="4", mac=None)
    with pytest.raises(BadAnswer):
        ready.challenge()


# -- hostile answers -------------------------------------------------------------------------------

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=8,
)
_fields = st.sampled_from(
    ["outcome", "detail", "mac", "challenge", "value", "expires_in", "tries_left", "protocol",
     "state", "serial", "model", "activation"]
)  # fmt: skip
_likely = st.dictionaries(
    _fields,
    _json
    | st.sampled_from(["rekey-recovery/1", "fresh", "ready", "done", "locked", "30", "A" * 43]),
)


def _ways(driver: recovery.Recovery) -> list[Any]:
    new, key = Login("admin", password()), bytes(32)
    challenge = Challenge(b64(bytes(8)), bytes(32), 600, 5)
    return [
        driver.identify(), driver.is_fresh(), driver.activate(new, "a@example.com", key),
        driver.challenge(), driver.complete(challenge, "12345678", key, new),
    ]  # fmt: skip


@given(
    info=_likely,
    status=st.sampled_from([200, 204, 301, 400, 403, 404, 409, 410, 429, 500]),
    body=st.binary(max_size=300) | st.builds(lambda j: json.dumps(j).encode(), _likely | _json),
    honest_info=st.booleans(),
)
@example(info={}, status=200, body=b"[" * 4000, honest_info=True)
@example(info={}, status=200, body=b'{"x":' + b"[" * 4000, honest_info=True)
@example(info={}, status=200, body=b'{"outcome": "\xff"}', honest_info=True)
@example(info={}, status=200, body=b'{"mac": "\\ud800"}', honest_info=True)
@example(info={}, status=200, body=b'{"expires_in": 1' + b"0" * 3000 + b"}", honest_info=False)
@example(info={}, status=200, body=b"x" * 500_000, honest_info=True)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_answered_only_typed_errors_come_out(
    monkeypatch: pytest.MonkeyPatch, info: Any, status: int, body: bytes, honest_info: bool
):
    made = Bench()
    told = made.ask("info", method="GET").body if honest_info else json.dumps(info).encode()

    async def request(address: Address, method: str, path: str, *_: Any, **__: Any) -> Answer:
        return Answer(200, {}, told) if path.endswith("info") else Answer(status, {}, body)

    monkeypatch.setattr(recovery, "request", request)

    async def all_ways() -> list[Any]:
        return await asyncio.gather(*_ways(made.driver), return_exceptions=True)

    for found in run(all_ways()):
        assert isinstance(found, DeviceError | Identity | bool | Challenge), found


@pytest.mark.parametrize("key", [bytes(32), (1).to_bytes(32, "little")], ids=["zero", "one"])
def test_a_key_that_makes_the_secret_known_is_refused(bench: Bench, key: bytes):
    def weakened(call: str, answer: Answer) -> Answer:
        info = json.loads(answer.body)
        info["activation"] = {"key": b64(key), "identity": b64(key)}
        return replace(answer, body=json.dumps(info).encode())

    bench.on_the_way_back = weakened
    with pytest.raises(BadAnswer):
        bench.activate()
    assert len(bench.wire) == 2


def test_the_mac_is_compared_in_constant_time(ready: Bench, monkeypatch: pytest.MonkeyPatch):
    compared = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(recovery_answers, "hmac", SimpleNamespace(compare_digest=compare_digest))
    ready.complete(ready.challenge())
    assert compared == [(unb64(json.loads(ready.wire[-1])["mac"]),) * 2]
