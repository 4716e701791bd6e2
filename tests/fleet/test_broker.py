"""The file-system broker: whoever reads while others write gets whole messages."""

from __future__ import annotations

import threading
from pathlib import Path

from kombu import Connection

from fleet.broker import Transport


def test_a_reader_never_sees_half_a_message(tmp_path: Path) -> None:
    for folder in ("queue", "control"):
        (tmp_path / folder).mkdir()
    options = {
        "data_folder_in": str(tmp_path / "queue"),
        "data_folder_out": str(tmp_path / "queue"),
        "control_folder": str(tmp_path / "control"),
    }
    padding = "x" * 200_000  # large enough that writing takes a while

    def write() -> None:
        with (
            Connection(transport=Transport, transport_options=options) as connection,
            connection.SimpleQueue("wake") as queue,
        ):
            for number in range(100):
                queue.put({"number": number, "padding": padding})

    writer = threading.Thread(target=write)
    got = set()
    with (
        Connection(transport=Transport, transport_options=options) as connection,
        connection.SimpleQueue("wake") as queue,
    ):
        writer.start()
        while len(got) < 100:
            message = queue.get(timeout=10)  # raises on half a message
            got.add(message.payload["number"])
            message.ack()
    writer.join()
    assert got == set(range(100))
