"""`manage.py apply-offline`: at the device, where Rekey does not reach. Nothing of Rekey's is there
but this program: no settings, no database, no network but that of the device.

    apply-offline challenge ADDRESS[:PORT]    what the device asks: bring it to Rekey
    apply-offline apply order.json            give the device Rekey's order, and keep its answer

The order shows neither the password nor the code; the answer shows nothing of them, and only Rekey
can tell whether it is the device's own. Ends with 0 if the device said yes, 1 if it said no, 2 if
nobody knows, 3 if nothing was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from devices.drivers import http, reach
from devices.drivers.base import Address
from devices.drivers.errors import DeviceError
from devices.drivers.recovery import Recovery
from devices.drivers.recovery_answers import Ended
from devices.drivers.recovery_crypto import b64
from resets.applying import papers
from resets.applying.papers import LARGEST, ChallengePaper, OrderPaper, ResultPaper

YES, NO, NOBODY_KNOWS, NOT_SENT = range(4)
USUAL_PORT = 8480


class NotSent(Exception):
    """Nothing was sent to the device; says why, and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; answers with the exit code."""
    asked = _parser().parse_args(arguments)
    if local := os.environ.get("REKEY_LOCAL_DEVICES"):  # as in fleet.settings
        reach.configure(part.strip() for part in local.split(","))
    try:
        code: int = asyncio.run(asked.run(asked))
    except (NotSent, DeviceError) as error:
        advice = f" {error.sentence}" if isinstance(error, DeviceError) else ""
        sys.stderr.write(f"{error}{advice}\n")
        return NOT_SENT
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="apply-offline",
        description="Reset the password of a device that Rekey does not reach.",
    )
    what = parser.add_subparsers(required=True)
    challenge = what.add_parser("challenge", help="ask the device for its challenge")
    challenge.add_argument("address", help="of the device, with :PORT if it is not 8480")
    challenge.add_argument("--tls", action="store_true", help="the device talks HTTPS there")
    challenge.add_argument("--save", type=Path, default=Path("challenge.json"), metavar="FILE")
    challenge.set_defaults(run=_challenge)
    apply = what.add_parser("apply", help="give the device the order that Rekey has made")
    apply.add_argument("order", type=Path)
    apply.add_argument("--key", help="Rekey's key for orders, as it stands on the page")
    apply.add_argument("--save", type=Path, default=Path("result.json"), metavar="FILE")
    apply.set_defaults(run=_apply)
    return parser


# --- the challenge --------------------------------------------------------------------------------


async def _challenge(asked: argparse.Namespace) -> int:
    address = _address(asked.address, asked.tls)
    if address.tls:
        address = replace(address, pin=await http.certificate_of(address))
    device, now = Recovery(address), datetime.now(UTC)
    identity, given = await device.identify(), await device.challenge()
    until = now + timedelta(seconds=given.expires_in)
    paper = ChallengePaper("challenge/1", given.id, b64(given.value), identity.serial, until)
    _write(asked.save, paper.text())
    _say(
        f"Challenge      {paper.challenge}",
        f"Value          {paper.value}",
        f"Serial number  {paper.serial}",
        f"Bring these, or the file {asked.save}, to the reset's page. The device takes the answer",
        f"until {until.astimezone():%H:%M:%S}; it locks after {given.tries_left} wrong codes.",
    )
    return YES


def _address(text: str, tls: bool) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        host, port = text, str(USUAL_PORT)
    if not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise NotSent("Give the device's address, such as 192.0.2.7 or 192.0.2.7:8480.")
    return Address(host.strip("[]"), int(port), tls)


# --- the order ------------------------------------------------------------------------------------


async def _apply(asked: argparse.Namespace) -> int:
    order = read_order(asked.order, asked.key)
    if asked.save.exists():
        raise NotSent(
            f"There is a result in {asked.save} already. Bring it to Rekey, or name another file "
            "with --save."
        )
    if asked.key is None:
        _say(f"Signed with the key {papers.fingerprint(order.key)}: compare it with the page's.")
    result = await carried_out(order)
    _write(asked.save, result.text())
    _say(_told(result, order), f"Bring the file {asked.save} to the reset's page.")
    return {"done": YES, "": NOBODY_KNOWS}.get(result.outcome, NO)


def read_order(file: Path, key: str | None) -> OrderPaper:
    """An order that may be carried out now: as Rekey has signed it, and not too old.

    `key`: the one that it has to be signed with; None: the one that it names. Raises NotSent.
    """
    try:
        with file.open(encoding="utf-8") as text:
            order = papers.read(text.read(LARGEST + 1), OrderPaper)
    except OSError as error:
        raise NotSent(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise NotSent(f"{file} is no order. Take it from the reset's page again.") from error
    if key is not None and key.strip() != order.key:
        raise NotSent("This order was signed with another key than that of your Rekey.")
    if not papers.is_signed(order):
        raise NotSent("This order was altered. Take it from the reset's page again.")
    if datetime.now(UTC) >= order.expires_at:
        raise NotSent(
            "This order has expired: the device has forgotten what it asked. Take a new challenge "
            "and bring it to the reset's page, for another order. (If the order is new, set this "
            "machine's clock.)"
        )
    return order


async def carried_out(order: OrderPaper) -> ResultPaper:
    """What the device answers to an order. Raises NotSent where it is another device, and
    DeviceError where it does not even say which it is; nothing was sent to it then.
    """
    device = Recovery(Address(order.host, order.port, order.tls, pin=order.pin))
    serial = (await device.identify()).serial
    if serial != order.serial:
        raise NotSent(f"This is the device {serial}; the order is for {order.serial}.")
    ended, why = Ended("", "", None), ""
    try:
        ended = await device.deliver(msgspec.structs.asdict(order.body))
    except DeviceError as error:
        why = error.code
    return ResultPaper(
        rekey="result/1",
        reset=order.reset,
        number=order.number,
        at=datetime.now(UTC),
        outcome=ended.outcome,
        detail=ended.detail,
        mac=ended.mac,
        why=why,
    )


def _told(result: ResultPaper, order: OrderPaper) -> str:
    if not result.outcome:
        return f"{order.device} gave no answer ({result.why}): nobody knows what it did."
    if result.outcome == "done":
        return f"{order.device} says that it has the new password. Rekey sees whether that is true."
    detail = f" ({result.detail})" if result.detail else ""
    return f"{order.device} said no: {result.outcome.replace('_', ' ')}{detail}."


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _write(file: Path, text: str) -> None:
    """Whole or not at all. Raises NotSent."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=file.absolute().parent, delete=False, encoding="utf-8"
        ) as kept:
            kept.write(text)
        Path(kept.name).replace(file)
    except OSError as error:
        raise NotSent(f"{file} cannot be written: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
