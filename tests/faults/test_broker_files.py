"""Messages as files, with several workers that reach for the same one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection

from fleet.broker import Transport

MESSAGES, WORKERS = 400, 4
ELSEWHERE = Path("/dev/shm")


def options(folder: Path) -> dict[str, Any]:
    queue, control = folder / "queue", folder / "control"
    queue.mkdir(exist_ok=True), control.mkdir(exist_ok=True)
    return {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(control),
    }


def drain(channel: Any, enough: Callable[[], bool]) -> list[int]:
    """What a worker gets until all of them have enough."""
    got: list[int] = []
    while not enough():
        try:
            got.append(channel._get("wake")["number"])
        except Empty:
            continue
    return got


@pytest.mark.skipif(not ELSEWHERE.is_dir(), reason="needs a second file system")
def test_each_message_is_got_whole_and_once_also_where_tmp_is_another_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        tempfile.TemporaryDirectory(dir=ELSEWHERE) as elsewhere,
        Connection(transport=Transport, transport_options=options(tmp_path)) as connection,
        ThreadPoolExecutor(WORKERS) as workers,
    ):
        monkeypatch.setattr(tempfile, "tempdir", elsewhere)
        sender = connection.channel()
        queue, sent = tmp_path / "queue", []

        def enough() -> bool:
            return len(sent) == MESSAGES and not list(queue.iterdir())

        working = [workers.submit(drain, connection.channel(), enough) for _ in range(WORKERS)]
        for number in range(MESSAGES):
            sender._put("wake", {"number": number})
            sent.append(number)
        got = [number for one in working for number in one.result(60)]
        assert sorted(got) == sent
        assert not list(Path(elsewhere).iterdir()), "nothing is left behind"
