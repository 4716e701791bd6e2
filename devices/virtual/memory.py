"""The devices' flash: accounts survive a restart of the process, as they survive one of a camera.

One JSON file, replaced as a whole, readable by its owner alone. It holds passwords in clear, as a
device has to: it is the devices' own memory and no part of the product's.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from devices.virtual.device import Device, User


class Memory:
    """Keeps the accounts of devices at ``path``; with None it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def recall(self, devices: Iterable[Device]) -> None:
        """Give the devices the accounts that they had. Unknown serials are left out."""
        if self._path is None or not self._path.exists():
            return
        kept = json.loads(self._path.read_text(encoding="utf-8"))
        for device in devices:
            users = kept.get(device.spec.serial)
            if users:
                device.users = {username: User(**user) for username, user in users.items()}

    def keep(self, devices: Iterable[Device]) -> None:
        """Write the accounts of all devices, whole or not at all."""
        if self._path is None:
            return
        content = {
            device.spec.serial: {
                username: {
                    "password": user.password,
                    "level": user.level,
                    "kept": user.kept,
                    "rtsp": user.rtsp,
                }
                for username, user in device.users.items()
            }
            for device in devices
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(self._path.name + ".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, self._path)
