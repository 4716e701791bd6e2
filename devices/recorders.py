"""What an NVR says of its channels, and what that means for the cameras in the fleet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from devices.doors import Talk, services_of
from devices.drivers.base import Ability, Channel, Login, Service, StoredCamera
from devices.drivers.registry import abilities_of
from devices.models import Device, Telemetry
from devices.state import ChannelFacts
from devices.steps.check_device import RecordNvrOpens
from devices.steps.take_in_device import RecordChannels
from fleet.eventstore.handling import Order, handle_all


def read_channels(talk: Talk, admin: Login) -> None:
    """Read the channels, where a service of the NVR tells them. Raises DeviceError."""
    if service := channel_service(talk.device):
        channels = talk.ask_as(admin, lambda driver, one: driver.channels(one), service)
        handle_all(orders_of(talk.device, channels), talk.by)
        keep_online(talk.device, channels)


def channel_service(nvr: Device) -> Service | None:
    """The service of a recorder that tells its channels; a published one, if there is one."""
    told = [s for s in services_of(nvr) if Ability.CHANNELS in abilities_of(s.driver)]
    return min(told, key=lambda s: Ability.CAMERAS in abilities_of(s.driver), default=None)


def orders_of(nvr: Device, channels: Sequence[Channel]) -> list[Order]:
    """What is to be recorded of the NVR and of the cameras on it."""
    facts = tuple(ChannelFacts(c.number, c.name, c.host, c.mac) for c in channels)
    orders = [Order(RecordChannels(facts), nvr.id)]
    for camera in Device.objects.for_jobs().filter(nvr=nvr.id, removed=False):
        opens = _opens(camera, channels)
        if opens is not None and opens is not camera.nvr_opens:
            orders.append(Order(RecordNvrOpens(opens), camera.id))
    return orders


def keep_online(nvr: Device, channels: Sequence[Channel]) -> None:
    """Which channels are online comes and goes: it is telemetry."""
    now = timezone.now()
    told = {"channels_online": [c.number for c in channels if c.online], "channels_at": now}
    Telemetry.objects.update_or_create(
        device=nvr.id, defaults=told, create_defaults={**told, "next_at": now}
    )


def _opens(camera: Device, channels: Sequence[Channel]) -> bool | None:
    """Whether the NVR opens the camera. Most say only that a channel is offline; where the camera
    answers Rekey all the same, it is the password that is wrong.

    None: the NVR has it on no channel, or nobody reaches it.
    """
    on = _channel_of(camera, channels)
    if on is None:
        return None
    if isinstance(on, StoredCamera) and on.opens is not None:
        return on.opens
    if on.online:
        return True
    heard = Telemetry.objects.filter(device=camera.id).first()
    answers = camera.certified is not None and not camera.trouble
    if heard is not None and heard.online is not None:
        answers = heard.online
    return False if answers else None


def _channel_of(camera: Device, channels: Sequence[Channel]) -> Channel | None:
    """Several channels may have one address: behind one router, or on a machine of many cameras."""
    here = [c for c in channels if is_on(camera, c)]
    return min(here, key=lambda c: (c.mac != camera.mac, c.number != camera.channel), default=None)


def is_on(camera: Device, channel: Channel | ChannelFacts) -> bool:
    """Whether what is on a channel is this camera: by its MAC address, else by where it is."""
    if camera.mac and channel.mac:
        return camera.mac == channel.mac
    return camera.channel == channel.number or camera.host == channel.host


def read_soon(nvr: UUID) -> None:
    """Let the next sweep ask a recorder for its channels, whenever it was asked last."""
    now = timezone.now()
    Telemetry.objects.filter(device=nvr).update(channels_at=None, next_at=now)
