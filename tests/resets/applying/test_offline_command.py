"""`apply-offline` at the device: what it refuses to send, and what it makes of each answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from devices.drivers.base import Challenge, Login
from devices.drivers.recovery import Recovery
from devices.drivers.recovery_crypto import Completion, code_for, unb64
from devices.virtual import ThreadedFleet, fleet_in_thread
from resets.applying import offline, papers
from resets.applying.offline import NO, NOBODY_KNOWS, NOT_SENT, YES
from resets.applying.papers import Body, ChallengePaper, OrderPaper, ResultPaper, Signer
from tests.devices.drivers.made_up import password
from tests.devices.recovery_bench import run
from tests.resets.applying.ground import spec

SPEC, KEY, SIGNER = spec(), bytes(range(32)), Signer(bytes(32))
ROOT = Path(__file__).parents[3]


@dataclass
class Bench:
    """A device on its own network, and whoever stands before it with a folder."""

    fleet: ThreadedFleet
    folder: Path
    capsys: Any
    new: str

    @property
    def where(self) -> tuple[str, int]:
        return self.fleet.address(SPEC.serial, "recovery")

    def command(self, *words: str) -> int:
        return offline.main([word.replace("FOLDER", str(self.folder)) for word in words])

    def said(self) -> str:
        told = self.capsys.readouterr()
        return str(told.out + told.err)

    def challenge(self) -> ChallengePaper:
        host, port = self.where
        code = self.command("challenge", f"{host}:{port}", "--save", "FOLDER/challenge.json")
        assert code == YES
        return papers.read((self.folder / "challenge.json").read_text(), ChallengePaper)

    def order(self, **other: Any) -> OrderPaper:
        """As Rekey makes it for the device's newest challenge."""
        asked = self.challenge()
        self.asked = Completion(
            KEY, asked.challenge, unb64(asked.value), asked.serial, "admin", b"n" * 12
        )
        code = other.pop("code", None) or code_for(KEY, self.asked.value, asked.serial)
        host, port = self.where
        order = OrderPaper(
            rekey="order/1",
            key=SIGNER.public,
            reset=UUID(int=1),
            number=1,
            device="Gate north",
            host=host,
            port=port,
            tls=False,
            pin="",
            serial=asked.serial,
            expires_at=datetime.now(UTC) + timedelta(minutes=9),
            body=Body(**self.asked.body(code, self.new)),
        )
        return SIGNER.sign(msgspec.structs.replace(order, **other))

    def apply(self, order: OrderPaper, *words: str) -> int:
        (self.folder / "order.json").write_text(order.text())
        self.said()
        save = ("--save", "FOLDER/result.json")
        return self.command("apply", "FOLDER/order.json", *save, *words)

    def result(self) -> ResultPaper:
        return papers.read((self.folder / "result.json").read_text(), ResultPaper)

    @property
    def heard(self) -> int:
        return self.fleet.calls(SPEC.serial).get("recovery complete", 0)


@pytest.fixture
def bench(tmp_path: Path, capsys: Any) -> Iterator[Bench]:
    with fleet_in_thread([SPEC]) as fleet:
        bench = Bench(fleet, tmp_path, capsys, password())
        device = Recovery(offline._address(":".join(map(str, bench.where)), tls=False))
        run(device.activate(Login("admin", password()), "keeper@example.com", KEY))
        yield bench


# --- what is done ---------------------------------------------------------------------------------


def test_the_device_takes_the_order_and_seals_its_answer(bench: Bench) -> None:
    assert bench.apply(bench.order(), f"--key={SIGNER.public}") == YES
    said = bench.said()
    assert "says that it has the new password" in said
    assert bench.fleet.opens(SPEC.serial, "admin", bench.new)
    result = bench.result()
    assert (result.reset, result.number, result.outcome) == (UUID(int=1), 1, "done")
    assert result.proven_by(bench.asked)
    code = code_for(KEY, bench.asked.value, SPEC.serial)
    files = "".join(file.read_text() for file in bench.folder.iterdir())
    for secret in (bench.new, code):
        assert secret not in said + files


def test_the_challenge_is_told_and_written_down(bench: Bench) -> None:
    paper = bench.challenge()
    said = bench.said()
    for part in (paper.challenge, paper.value, paper.serial):
        assert part in said
    assert paper.serial == SPEC.serial
    assert 500 < (paper.expires_at - datetime.now(UTC)).total_seconds() <= 600


def test_a_no_is_a_result_too(bench: Bench) -> None:
    order = bench.order(code="12345678")
    assert bench.apply(order) == NO
    assert "said no: code refused (4)" in bench.said()
    assert (bench.result().outcome, bench.result().detail) == ("code_refused", "4")
    assert bench.result().proven_by(bench.asked)


def test_the_same_order_twice_is_done_once(bench: Bench) -> None:
    order = bench.order()
    assert bench.apply(order) == YES
    (bench.folder / "result.json").unlink()
    assert bench.apply(order) == NO
    assert bench.result().outcome == "challenge_void"
    assert bench.result().proven_by(bench.asked)


def test_without_a_key_its_own_is_named_to_be_compared(bench: Bench) -> None:
    assert bench.apply(bench.order()) == YES
    assert papers.fingerprint(SIGNER.public) in bench.said()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_no_answer_is_written_down_as_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    deliver, order = Recovery.deliver, bench.order()

    async def cut(self: Recovery, body: Any) -> Any:
        if moment == "after":
            await deliver(self, body)
        bench.fleet.power(SPEC.serial, False)
        return await deliver(self, body)

    monkeypatch.setattr(Recovery, "deliver", cut)
    assert bench.apply(order) == NOBODY_KNOWS
    assert "nobody knows" in bench.said()
    result = bench.result()
    assert (result.outcome, result.mac, result.why) == ("", None, "unreachable")
    assert bench.fleet.opens(SPEC.serial, "admin", bench.new) == (moment == "after")


# --- what is not sent -----------------------------------------------------------------------------


def test_an_order_that_was_altered_is_not_sent(bench: Bench) -> None:
    order = bench.order()
    text = json.loads(order.text())
    for field, value in (("port", text["port"] + 1), ("number", 2), ("signature", "A" * 86)):
        altered = papers.read(json.dumps({**text, field: value}), OrderPaper)
        assert bench.apply(altered) == NOT_SENT
        assert "was altered" in bench.said()
    forged = Signer(bytes(range(32))).sign(
        msgspec.structs.replace(order, key=Signer(bytes(range(32))).public)
    )
    assert bench.apply(forged, f"--key={SIGNER.public}") == NOT_SENT
    assert "another key" in bench.said()
    assert bench.heard == 0 and not (bench.folder / "result.json").exists()


def test_one_that_has_expired_is_not_sent(bench: Bench) -> None:
    old = bench.order(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert bench.apply(old) == NOT_SENT
    assert "has expired" in bench.said()
    assert bench.heard == 0


def test_one_for_another_device_is_not_sent(bench: Bench) -> None:
    assert bench.apply(bench.order(serial="2200000000099")) == NOT_SENT
    assert f"This is the device {SPEC.serial}; the order is for 2200000000099." in bench.said()
    assert bench.heard == 0


def test_a_device_that_is_not_there_is_not_told(bench: Bench) -> None:
    order = bench.order()
    bench.fleet.power(SPEC.serial, False)
    assert bench.apply(order) == NOT_SENT
    assert not (bench.folder / "result.json").exists()


def test_a_result_is_never_written_over(bench: Bench) -> None:
    (bench.folder / "result.json").write_text("of before")
    assert bench.apply(bench.order()) == NOT_SENT
    assert (bench.folder / "result.json").read_text() == "of before"
    assert "Bring it to Rekey" in bench.said() and bench.heard == 0


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"[" * 9000, b"{" * 90000])
def test_what_is_no_order_is_not_sent(bench: Bench, content: bytes) -> None:
    file = bench.folder / "order.json"
    file.write_bytes(content)
    assert bench.command("apply", str(file)) == NOT_SENT
    assert "is no order" in bench.said()
    assert bench.command("apply", "FOLDER/missing.json") == NOT_SENT
    assert "cannot be read" in bench.said()


@pytest.mark.parametrize("address", ["127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999", "x:y"])
def test_what_is_no_address_is_not_asked(capsys: Any, address: str) -> None:
    assert offline.main(["challenge", address]) == NOT_SENT
    assert "Give the device's address" in capsys.readouterr().err


def test_a_code_from_a_challenge_is_what_the_device_expects(bench: Bench) -> None:
    asked = bench.challenge()
    challenge = Challenge(asked.challenge, unb64(asked.value), 0, 0)
    code = code_for(KEY, challenge.value, asked.serial)
    device = Recovery(offline._address(":".join(map(str, bench.where)), tls=False))
    run(device.complete(challenge, code, KEY, Login("admin", bench.new)))
    assert bench.fleet.opens(SPEC.serial, "admin", bench.new)


def test_nothing_of_django_is_at_hand_there() -> None:
    look = (
        "import sys; sys.argv = ['manage.py', 'apply-offline', 'apply', '/nowhere'];"
        "import runpy\n"
        "try: runpy.run_path('manage.py', run_name='__main__')\n"
        "except SystemExit as end: print(end.code)\n"
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('django', 'celery', 'rest_framework', 'environ')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, env={}, capture_output=True, text=True,
        check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.split("\n")[:2] == [str(NOT_SENT), "[]"]
    assert "cannot be read" in done.stderr
