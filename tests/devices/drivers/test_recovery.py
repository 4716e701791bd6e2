"""The driver of the recovery protocol against a virtual device, and against whoever is between."""

import asyncio
import base64
import hmac
import json
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devices.drivers import recovery, recovery_answers
from devices.drivers.base import Ability, Address, Challenge, Identity, Login
from devices.drivers.errors import (
    BadAnswer,
    ChallengeVoid,
    CodeRefused,
    DeviceError,
    FactoryFresh,
    LockedOut,
    NotFresh,
    NotSupported,
    PasswordRefused,
    UnknownAccount,
    UsernameRefused,
)
from devices.drivers.http import Answer
from devices.drivers.recovery_answers import EmailRefused, KeyRefused, WrongFingerprint
from devices.drivers.recovery_crypto import (
    Activation,
    Completion,
    b64,
    code_for,
    derived,
    fields,
    fingerprint_of,
    mac,
    truncated,
    unb64,
)
from tests.devices.drivers.made_up import server
from tests.devices.recovery_bench import Bench, flipped, password, run, vector


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    monkeypatch.setattr(recovery, "request", made.request)
    return made


@pytest.fixture
def ready(bench: Bench) -> Bench:
    bench.activate()
    return bench


# -- the arithmetic --------------------------------------------------------------------------------


def test_the_readmes_vector_of_a_completion_is_what_the_driver_computes():
    v = vector()
    assert derived(v["K"], b"", b"code") == v["code key"]
    assert mac(v["code key"], fields(v["serial"], v["value"])) == v["D"]
    assert code_for(v["K"], v["value"], v["serial"]) == v["code"]
    made = Completion(v["K"], v["challenge"], v["value"], v["serial"], v["username"], v["nonce"])
    assert made.sealed(v["code"], v["new password"]) == v["sealed"]
    assert made.code_proof(v["code"]) == v["code_proof"]
    assert made.key_proof(v["sealed"], v["code_proof"]) == v["key_proof"]
    assert made.answer_mac("done", "") == v["mac, done"]
    assert made.answer_mac("code_refused", "4") == v["mac, code_refused 4"]
    assert b64(v["key_proof"]) == v["key_proof as b64"]
    assert derived(v["K"], v["value"], fields("seal", v["C"], v["code"])) == v["seal key"]
    assert derived(v["K"], b"", b"proof") == v["proof key"]
    assert derived(v["K"], b"", b"answer") == v["answer key"]


def test_the_readmes_vector_of_an_activation_is_what_the_driver_computes():
    v = vector()
    own = X25519PrivateKey.from_private_bytes(v["r"])
    made = Activation(own, v["serial"], v["S"], v["E"], v["nonce of T"])
    assert made.public == v["R"]
    sealed = made.sealed(v["username"], v["first password"], v["email"], v["K"])
    assert sealed == v["sealed of T"]
    assert made.answer_mac("done", "") == v["mac of T, done"]
    assert fingerprint_of(v["S"]) == v["fingerprint"].hex()
    at_the_device = b"".join(
        X25519PrivateKey.from_private_bytes(v[own]).exchange(
            X25519PrivateKey.from_private_bytes(v["r"]).public_key()
        )
        for own in "es"
    )
    assert derived(at_the_device, b"", fields("seal", v["T"])) == v["seal key of T"]
    assert derived(at_the_device, b"", fields("answer", v["T"])) == v["answer key of T"]


def test_the_truncation_is_that_of_rfc_4226():
    secret = b"12345678901234567890"
    codes = [truncated(hmac.digest(secret, n.to_bytes(8, "big"), "sha1"), 6) for n in range(10)]
    assert codes == [  # its appendix D
        "755224", "287082", "359152", "969429", "338314",
        "254676", "287922", "162583", "399871", "520489",
    ]  # fmt: skip


def test_the_truncation_over_sha_256_is_that_of_rfc_6238():
    secret = b"12345678901234567890123456789012"
    assert truncated(hmac.digest(secret, (1).to_bytes(8, "big"), "sha256"), 8) == "46119246"


@given(st.lists(st.binary(max_size=40), max_size=4), st.lists(st.binary(max_size=40), max_size=4))
def test_no_two_lists_look_alike_when_joined(one: list[bytes], other: list[bytes]):
    assert (fields(*one) == fields(*other)) == (one == other)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_code_has_eight_digits_and_is_the_devices_own(key: bytes, value: bytes):
    code = code_for(key, value, "2200000000042")
    assert len(code) == 8 and code.isdecimal() and code.isascii()
    assert code != code_for(key, value, "2200000000043") or code != code_for(key, key, "22")


@pytest.mark.parametrize("text", ["AA=", "A", "AB", "A+/A", "AAAA\n", " AAAA", "ÄAAA"])
def test_base64url_has_one_form_only(text: str):
    with pytest.raises(ValueError):  # noqa: PT011
        unb64(text)


# -- the walk --------------------------------------------------------------------------------------


def test_the_driver_can_do_what_the_protocol_offers():
    assert recovery.Recovery.abilities == {
        Ability.IDENTIFY, Ability.IS_FRESH, Ability.ACTIVATE, Ability.CHALLENGE, Ability.COMPLETE,
    }  # fmt: skip


def test_a_fresh_device_is_activated_once(bench: Bench):
    assert run(bench.driver.is_fresh())
    bench.activate()
    assert bench.device.opens("admin", bench.admin.password)
    assert not run(bench.driver.is_fresh())
    with pytest.raises(NotFresh):
        bench.activate()


def test_a_device_says_what_it_is(bench: Bench):
    identity = run(bench.driver.identify())
    spec = bench.device.spec
    assert (identity.serial, identity.model, identity.firmware) == (
        spec.serial, spec.model, spec.firmware,
    )  # fmt: skip
    assert identity.mac == spec.mac.replace("-", ":")


def test_a_code_and_the_key_put_a_new_password_on(ready: Bench):
    new = ready.complete(ready.challenge())
    assert ready.device.opens("admin", new)
    assert not ready.device.opens("admin", ready.admin.password)


def test_nothing_secret_is_on_the_wire(ready: Bench):
    challenge = ready.challenge()
    with pytest.raises(CodeRefused):
        ready.complete(challenge, ready.wrong_code(challenge))
    new = ready.complete(challenge)
    secrets = [
        ready.key, new.encode(), ready.admin.password.encode(), b"keeper@example.com",
        ready.code(challenge).encode(), ready.wrong_code(challenge).encode(),
    ]  # fmt: skip
    texts = b"\n".join(ready.wire)
    opened = b"\n".join(unb64(text) for text in re.findall("[A-Za-z0-9_-]{40,}", texts.decode()))
    assert unb64(json.loads(ready.wire[-1])["mac"]) in opened
    for secret in secrets:
        for form in (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")):
            assert form not in texts
            assert form not in opened


def test_what_is_sealed_tells_no_length(ready: Bench):
    sizes = set()
    for new in ("Ab3-Ab3-", "Ab3-" * 8):
        ready.wire.clear()
        ready.complete(ready.challenge(), password=new)
        sizes.add(len(ready.wire[-2]))
    assert len(sizes) == 1


def test_over_a_real_socket_it_is_the_same():
    made = Bench()

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        call = request.path.removeprefix("/rekey-recovery/v1/")
        reply = made.ask(call, body.encode(), request.method)
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    async def story() -> None:
        async with server(answer) as seen:
            driver = recovery.Recovery(seen.address, 5)
            await driver.activate(made.admin, "keeper@example.com", made.key)
            challenge = await driver.challenge()
            new = Login("admin", password())
            await driver.complete(challenge, made.code(challenge), made.key, new)
            assert made.device.opens("admin", new.password)

    asyncio.run(story())


# -- what the device refuses -----------------------------------------------------------------------


def test_wrong_codes_cost_tries_and_then_lock(ready: Bench):
    challenge = ready.challenge()
    assert challenge.tries_left == 5
    left = []
    for _ in range(5):
        with pytest.raises(CodeRefused) as refused:
            ready.complete(challenge, ready.wrong_code(challenge))
        left.append(refused.value.tries_left)
        assert not refused.value.maybe_done
    assert left == [4, 3, 2, 1, 0]
    with pytest.raises(LockedOut) as locked:
        ready.challenge()
    assert locked.value.seconds_left == 30
    with pytest.raises(LockedOut) as locked:
        ready.complete(challenge)
    assert locked.value.seconds_left == 30
    ready.now += 30
    with pytest.raises(ChallengeVoid):  # the lock ended it, though its 10 minutes are not over
        ready.complete(challenge)
    ready.complete(ready.challenge())


def test_a_device_that_is_closed_says_so_for_good(ready: Bench):
    ready.device.flash["recovery wrong codes"] = "100"
    with pytest.raises(LockedOut) as closed:
        ready.challenge()
    assert closed.value.for_good


def test_a_code_of_another_shape_costs_no_try(ready: Bench):
    challenge = ready.challenge()
    for code in ("", "1234567", "123456789", "1234567a", "１２３４５６７８", "1234 5678"):
        with pytest.raises(CodeRefused) as refused:
            run(ready.driver.complete(challenge, code, ready.key, ready.admin))
        assert refused.value.tries_left is None
    assert ready.challenge().tries_left == 5


def test_the_same_code_may_come_with_another_password(ready: Bench):
    challenge = ready.challenge()
    for new, reason in (("Ab3-", "too_short"), ("a" * 20, "too_weak"), ("Ab3-" * 9, "too_long")):
        with pytest.raises(PasswordRefused) as refused:
            ready.complete(challenge, password=new)
        assert refused.value.reason == reason
        assert not refused.value.maybe_done
    ready.complete(challenge)


@pytest.mark.parametrize(
    ("login", "error"),
    [
        (Login("", "Ab3-Ab3-"), UsernameRefused),
        (Login("a" * 65, "Ab3-Ab3-"), UsernameRefused),
        (Login("a\n", "Ab3-Ab3-"), UsernameRefused),
        (Login("admin", ""), PasswordRefused),
        (Login("admin", "Ab3-Ab3-\0"), PasswordRefused),
        (Login("admin", "Ab3-\ud800"), PasswordRefused),
        (Login("admin", "ä" * 65), PasswordRefused),
    ],
)
def test_what_cannot_be_sealed_is_refused_without_asking(
    bench: Bench, login: Login, error: type[DeviceError]
):
    with pytest.raises(error):
        run(bench.driver.activate(login, "", bench.key))
    with pytest.raises(error):
        run(bench.driver.complete(Challenge("A" * 11, bytes(32), 1, 1), "1" * 8, bench.key, login))
    assert not bench.wire


@pytest.mark.parametrize("email", ["a" * 255, "nobody", "@", "a@\n"])
def test_a_reset_password_email_that_is_none_is_refused(bench: Bench, email: str):
    with pytest.raises(EmailRefused):
        run(bench.driver.activate(bench.admin, email, bench.key))
    assert bench.device.fresh


def test_an_unknown_account_is_named_only_to_who_has_the_code(ready: Bench):
    challenge = ready.challenge()
    with pytest.raises(CodeRefused):
        ready.complete(challenge, ready.wrong_code(challenge), username="nobody")
    with pytest.raises(UnknownAccount):
        ready.complete(challenge, username="nobody")


def test_a_device_activated_in_another_way_has_no_recovery(bench: Bench):
    with pytest.raises(FactoryFresh):
        bench.challenge()
    bench.device.create_user("admin", password(), "Administrator")
    with pytest.raises(NotSupported):
        bench.challenge()


def test_another_key_costs_no_try(ready: Bench):
    challenge = ready.challenge()
    right, ready.key = ready.key, bytes(32)
    for _ in range(7):
        with pytest.raises(KeyRefused):
            ready.complete(challenge)
    ready.key = right
    ready.complete(challenge)


def test_a_key_of_another_length_is_a_mistake_of_the_caller(ready: Bench):
    with pytest.raises(ValueError, match="32 bytes"):
        run(ready.driver.activate(ready.admin, "", b"short"))


# -- whoever sits between --------------------------------------------------------------------------


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
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
