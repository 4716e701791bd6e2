"""The driver of the recovery protocol against a virtual device, and against whoever is between."""

import asyncio
import base64
import hmac
import json
import re

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from devices.drivers import recovery
from devices.drivers.base import Ability, Challenge, Login
from devices.drivers.errors import (
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
from devices.drivers.recovery_answers import EmailRefused, KeyRefused
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
from tests.devices.recovery_bench import Bench, password, run, vector

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
