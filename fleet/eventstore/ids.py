"""Ids that sort by time (UUID version 7, RFC 9562 §5.7), so that indexes grow at one end."""

import secrets
import time
from datetime import datetime
from uuid import UUID


def new_id() -> UUID:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, 74 random bits."""
    value = (time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def first_id_at(moment: datetime) -> UUID:
    """The least id that can have been made at this moment or later."""
    return UUID(int=(int(moment.timestamp() * 1000) & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76)
