"""Keys: from the environment, or made once and kept in a file that only this user may read."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

KEY_BYTES = 32


def key_from_environment_or_file(variable: str, path: Path) -> bytes:
    """The key in `variable` (base64), else the one in `path`, which is made if it is not there.

    Several processes may start at once: the file is linked into place whole, and whoever comes
    second takes what the first one made.

    Raises ValueError when the key is not base64 of at least 32 bytes.
    """
    if given := os.environ.get(variable):
        return _decoded(given, variable)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return _decoded(path.read_text(), str(path))


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError as error:
        raise ValueError(f"{where} is not base64") from error
    if len(key) < KEY_BYTES:
        raise ValueError(f"{where} holds {len(key)} bytes; at least {KEY_BYTES} are needed")
    return key
