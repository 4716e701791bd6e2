"""The file-system broker: whoever looks while another writes sees whole files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from fleet.broker import Transport


def options(folder: Path) -> dict[str, Any]:
    queue = str(folder / "queue")
    return {
        "data_folder_in": queue,
        "data_folder_out": queue,
        "control_folder": str(folder / "control"),
        "polling_interval": 0.01,
    }


def test_files_have_their_names_only_when_they_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue").mkdir()
    put: list[str] = []

    def watched(real: Any) -> Any:
        def into_place(draft: Path, name: Path) -> None:
            json.loads(Path(draft).read_text())  # raises on half a file
            assert not Path(name).exists()
            put.append(Path(name).suffix)
            real(draft, name)

        return into_place

    monkeypatch.setattr("fleet.broker.os.replace", watched(os.replace))
    monkeypatch.setattr("fleet.broker.os.link", watched(os.link))
    with (
        Connection(transport=Transport, transport_options=options(tmp_path)) as connection,
        connection.SimpleQueue("wake") as queue,
    ):
        queue.put({"number": 7})
        message = queue.get(timeout=10)
        message.ack()
    assert message.payload == {"number": 7}
    assert put == [".exchange", ".msg"]
    assert not list(tmp_path.glob("queue/*")), "nothing is left behind"
