"""Kombu's file-system transport, with files that appear whole.

Kombu 5.7 opens the file of a message, or of an exchange's table, under its final name and then
writes it; a worker that looks in between reads half of it, and ends. Here both are written aside
and put into place when they are complete. It also takes a message by moving it to /tmp, where that
is another file system a slow copy that two workers may be at; here it belongs to whoever deletes
it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from queue import Empty
from time import monotonic_ns
from typing import Any
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps, loads


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        folder, name = Path(self.data_folder_out), f"{monotonic_ns()}_{uuid4()}"
        try:
            os.replace(_draft(folder, dumps(payload)), folder / f"{name}.{queue}.msg")
        except OSError as error:
            raise ChannelError(f"cannot add a message to {folder}") from error

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for name in sorted(os.listdir(self.data_folder_in)):
            if name.partition(".")[2] == f"{queue}.msg":
                file = Path(self.data_folder_in, name)
                with suppress(FileNotFoundError):  # another worker took it
                    message = file.read_bytes()
                    file.unlink()
                    return loads(message.decode())
        raise Empty

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        table: Path = self._exchange_file(exchange)  # type: ignore[attr-defined]  # in no stub
        if not table.exists():
            draft = _draft(table.parent, "[]")
            with suppress(FileExistsError):  # another process made it meanwhile
                os.link(draft, table)
            draft.unlink()
        super()._queue_bind(exchange, routing_key, pattern, queue)


class Transport(filesystem.Transport):
    Channel = Channel


def _draft(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{uuid4()}"
    draft.write_text(text)
    return draft
