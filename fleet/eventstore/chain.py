"""The hash chain of a stream: every event carries the hash of its predecessor, so that none can be
altered, taken out or put in without all that follow giving it away.

An event's hash is SHA-256 over the JSON array (UTF-8, no white space) of: the predecessor's hash in
hex, id, stream, version, category, type, schema, time (RFC 3339, UTC, microseconds), the actor's
kind, id and name, source, reason, correlation, causation, organisation, site, subject, and the
event's own fields as the text that is stored. The first event's predecessor is 32 zero bytes. The
position is not in it: it is given by the database, after the hash is made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

import msgspec

from fleet.eventstore.messages import Recorded

GENESIS = bytes(32)
_encoder = msgspec.json.Encoder()


def link(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """The hash of the event in `row`, which follows the one whose hash is `previous`."""
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(
        _encoder.encode(
            [
                previous.hex(),
                row["id"],
                row["stream"],
                row["version"],
                row["category"],
                row["type"],
                row["schema"],
                at,
                row["actor_kind"],
                row["actor_id"],
                row["actor_name"],
                row["source"],
                row["reason"],
                row["correlation"],
                row["causation"],
                row["organisation"],
                row["site"],
                row["subject"],
                row["data"],
            ]
        )
    ).digest()


def first_break(stream: Iterable[Recorded]) -> int | None:
    """The version at which a stream's chain is broken, or None: it holds."""
    previous, expected = GENESIS, 1
    for recorded in stream:
        row = {
            **{name: getattr(recorded, name) for name in _PLAIN},
            "actor_kind": recorded.actor.kind,
            "actor_id": recorded.actor.id,
            "actor_name": recorded.actor.name,
        }
        whole = recorded.previous == previous and recorded.hash == link(previous, row)
        if not whole or recorded.version != expected:
            return expected
        previous, expected = recorded.hash, expected + 1
    return None


_PLAIN = (
    "id", "stream", "version", "category", "type", "schema", "at", "source", "reason",
    "correlation", "causation", "organisation", "site", "subject", "data",
)  # fmt: skip
