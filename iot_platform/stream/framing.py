"""Readings as one block of bytes for the spool, and back.

A frame is: accepted_at_ms (8 bytes), length of the key and of the value (4 bytes each, -1 for null), key, value.
Little-endian. The block carries no checksum of its own: the spool keeps a CRC32 beside it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import chain

from iot_platform.errors import DamagedError
from iot_platform.stream.sources.base import Reading

_HEAD = struct.Struct("<qii")
_NULL = -1


def pack(readings: Iterable[Reading]) -> bytes:
    head = _HEAD.pack
    return b"".join(
        chain.from_iterable(
            (
                head(
                    reading.accepted_at_ms,
                    _NULL if reading.key is None else len(reading.key),
                    _NULL if reading.value is None else len(reading.value),
                ),
                reading.key or b"",
                reading.value or b"",
            )
            for reading in readings
        )
    )


def unpack(block: bytes) -> list[Reading]:
    """The readings of a block that `pack` made; DamagedError for any other bytes."""
    return list(frames(block))


def frames(block: bytes) -> Iterator[Reading]:
    """The same one by one: what stands before the damage is given before DamagedError is raised."""
    position = 0
    while position < len(block):
        if position + _HEAD.size > len(block):
            raise DamagedError(f"A frame ends at byte {len(block)}, inside its head.")
        accepted_at_ms, key_length, value_length = _HEAD.unpack_from(block, position)
        key, position = _take(block, position + _HEAD.size, key_length)
        value, position = _take(block, position, value_length)
        yield Reading(key, value, accepted_at_ms)


def _take(block: bytes, position: int, length: int) -> tuple[bytes | None, int]:
    if length == _NULL:
        return None, position
    end = position + length
    if length < 0 or end > len(block):
        raise DamagedError(f"A frame at byte {position} claims {length} bytes of {len(block)}.")
    return block[position:end], end
